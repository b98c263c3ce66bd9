//! Links: bounded, typed queues from one component to another.
//!
//! A message sent in cycle `t` can be taken from `t + latency` on, latency at least 1, and a slot freed
//! in cycle `t` can be used from `t + 1` on. So nothing that a component does in a cycle can be seen by
//! another in the same cycle, whichever is ticked first.

use std::collections::VecDeque;

use crate::{ComponentId, Cycle, Wheel};

/// A link from one component to another.
#[derive(Debug)]
pub struct Link<T> {
    queue: VecDeque<(Cycle, T)>,
    capacity: usize,
    latency: u64,
    sender: ComponentId,
    receiver: ComponentId,
    /// Cycle of the newest `take`, and how many were taken in it: their slots are free only later.
    taken_at: Cycle,
    taken: usize,
    /// The sender found the link full and is to be woken when a slot becomes free.
    sender_waits: bool,
    name: &'static str,
}

impl<T> Link<T> {
    /// An empty link that holds at most `capacity` messages, those under way included.
    pub fn new(
        name: &'static str,
        sender: ComponentId,
        receiver: ComponentId,
        latency: u64,
        capacity: usize,
    ) -> Self {
        assert!(latency >= 1, "link {name}: a message takes at least a cycle");
        assert!(capacity >= 1, "link {name}: no room for a message");
        Self {
            queue: VecDeque::with_capacity(capacity.min(1024)),
            capacity,
            latency,
            sender,
            receiver,
            taken_at: Cycle(0),
            taken: 0,
            sender_waits: false,
            name,
        }
    }

    /// Slots that the sender may use at `now`.
    #[inline]
    pub fn room(&self, now: Cycle) -> usize {
        let unseen = if self.taken_at == now { self.taken } else { 0 };
        self.capacity - (self.queue.len() + unseen).min(self.capacity)
    }

    /// Whether the sender may send at `now`; if not, it is woken once it may.
    #[inline]
    pub fn has_room(&mut self, now: Cycle, wheel: &mut Wheel) -> bool {
        if self.room(now) > 0 {
            return true;
        }
        self.sender_waits = true;
        if self.taken_at == now && self.taken > 0 {
            wheel.schedule(self.sender, now + 1);
        }
        false
    }

    /// Sends a message; there must be room. The receiver is woken when it arrives.
    #[inline]
    pub fn send(&mut self, message: T, now: Cycle, wheel: &mut Wheel) {
        self.send_after(0, message, now, wheel);
    }

    /// Sends a message that enters the link only `delay` cycles from now (the sender's own latency).
    /// Messages keep their order: one is never taken before those sent earlier.
    #[inline]
    pub fn send_after(&mut self, delay: u64, message: T, now: Cycle, wheel: &mut Wheel) {
        assert!(self.room(now) > 0, "link {}: sent into a full link", self.name);
        let mut at = now + delay + self.latency;
        if let Some((newest, _)) = self.queue.back() {
            at = at.max(*newest);
        }
        self.queue.push_back((at, message));
        wheel.schedule(self.receiver, at);
    }

    /// The message that can be taken at `now`.
    #[inline]
    pub fn peek(&self, now: Cycle) -> Option<&T> {
        match self.queue.front() {
            Some((at, message)) if *at <= now => Some(message),
            _ => None,
        }
    }

    /// When the oldest message can be taken.
    #[inline]
    pub fn next_arrival(&self) -> Option<Cycle> {
        self.queue.front().map(|(at, _)| *at)
    }

    /// Takes the oldest message that has arrived.
    #[inline]
    pub fn take(&mut self, now: Cycle, wheel: &mut Wheel) -> Option<T> {
        self.take_stamped(now, wheel).map(|(_, message)| message)
    }

    /// Takes the oldest message that has arrived, with the cycle of its arrival.
    #[inline]
    pub fn take_stamped(&mut self, now: Cycle, wheel: &mut Wheel) -> Option<(Cycle, T)> {
        match self.queue.front() {
            Some((at, _)) if *at <= now => {}
            _ => return None,
        }
        if self.taken_at != now {
            self.taken_at = now;
            self.taken = 0;
        }
        self.taken += 1;
        if self.sender_waits {
            self.sender_waits = false;
            wheel.schedule(self.sender, now + 1);
        }
        self.queue.pop_front()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Messages under way.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Latency in cycles.
    #[inline]
    pub fn latency(&self) -> u64 {
        self.latency
    }

    /// Who sends.
    pub fn sender(&self) -> ComponentId {
        self.sender
    }

    /// Who receives.
    pub fn receiver(&self) -> ComponentId {
        self.receiver
    }

    /// What the link is called in reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Capacity in messages.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TickOrder;

    const A: ComponentId = ComponentId(0);
    const B: ComponentId = ComponentId(1);

    #[test]
    fn a_message_arrives_at_its_latency_and_wakes_the_receiver() {
        let mut wheel = Wheel::new(2);
        let mut link = Link::new("a-b", A, B, 3, 1);
        link.send('x', Cycle(0), &mut wheel);
        assert_eq!(link.take(Cycle(2), &mut wheel), None);
        let mut due = Vec::new();
        assert!(wheel.advance(TickOrder::Ascending, &mut due));
        assert_eq!((wheel.now(), &due[..]), (Cycle(3), &[B][..]));
        assert_eq!(link.take(Cycle(3), &mut wheel), Some('x'));
    }

    #[test]
    fn a_freed_slot_is_seen_a_cycle_later_whoever_ticks_first() {
        for receiver_first in [true, false] {
            let mut wheel = Wheel::new(2);
            let mut link = Link::new("a-b", A, B, 1, 1);
            link.send(1, Cycle(0), &mut wheel);
            let mut due = Vec::new();
            wheel.advance(TickOrder::Ascending, &mut due);
            if receiver_first {
                assert_eq!(link.take(Cycle(1), &mut wheel), Some(1));
            }
            assert!(!link.has_room(Cycle(1), &mut wheel));
            if !receiver_first {
                assert_eq!(link.take(Cycle(1), &mut wheel), Some(1));
            }
            wheel.advance(TickOrder::Ascending, &mut due);
            assert_eq!((wheel.now(), &due[..]), (Cycle(2), &[A][..]));
            assert!(link.has_room(Cycle(2), &mut wheel));
        }
    }
}
