//! Queues of messages stamped with the cycle of their arrival.

use std::collections::VecDeque;

use crate::{Cycle, Port};

/// Messages under way to one receiver, in order of arrival.
#[derive(Clone, Debug)]
pub struct TimedQueue<T> {
    queue: VecDeque<(Cycle, T)>,
}

impl<T> Default for TimedQueue<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<T> TimedQueue<T> {
    /// Adds a message that arrives at `at`. Messages keep their order: one never arrives before those sent
    /// earlier.
    #[inline]
    pub fn push(&mut self, at: Cycle, message: T) {
        let at = self.queue.back().map_or(at, |(newest, _)| at.max(*newest));
        self.queue.push_back((at, message));
    }

    /// The oldest message, if it has arrived at `now`.
    #[inline]
    pub fn peek(&self, now: Cycle) -> Option<&T> {
        self.queue.front().filter(|(at, _)| *at <= now).map(|(_, message)| message)
    }

    /// Takes the oldest message, if it has arrived at `now`, with the cycle of its arrival.
    #[inline]
    pub fn take(&mut self, now: Cycle) -> Option<(Cycle, T)> {
        if self.next_arrival() <= now { self.queue.pop_front() } else { None }
    }

    /// When the oldest message arrives, or has arrived; never where there is none.
    #[inline]
    pub fn next_arrival(&self) -> Cycle {
        self.queue.front().map_or(Cycle::NEVER, |(at, _)| *at)
    }

    /// Messages under way.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Where messages from many senders come together: an output of a crossbar, and the queue behind it.
///
/// Messages may be handed over in any order; [`Arrivals::settle`] puts those of a stretch of time in order of
/// arrival, once all of them are there. Messages that arrive together go round robin, beginning behind the sender that
/// went last. So the order in which senders were simulated has no influence. The output lets a bounded number pass in
/// a cycle.
#[derive(Debug)]
pub struct Arrivals<T> {
    senders: usize,
    /// The sender whose turn it is.
    preferred: usize,
    port: Port,
    unsettled: Vec<Unsettled<T>>,
    /// When the first of the unsettled messages reaches the output.
    earliest: Cycle,
    queue: TimedQueue<T>,
}

#[derive(Debug)]
struct Unsettled<T> {
    at: Cycle,
    sender: usize,
    message: T,
}

impl<T> Arrivals<T> {
    /// An empty output in front of which `senders` stand, and which lets `width` messages pass in a cycle.
    pub fn new(senders: usize, width: u32) -> Self {
        Self {
            senders,
            preferred: 0,
            port: Port::new(width),
            unsettled: Vec::new(),
            earliest: Cycle::NEVER,
            queue: TimedQueue::default(),
        }
    }

    /// Takes a message of `sender`, which reaches the output at `at`, later than all that is settled. Messages of one
    /// sender come in order.
    #[inline]
    pub fn add(&mut self, at: Cycle, sender: usize, message: T) {
        self.unsettled.push(Unsettled { at, sender, message });
        self.earliest = self.earliest.min(at);
    }

    /// Puts the messages that reach the output before `end` into the queue; no more of these may come later.
    /// `passed` is told when each of them has passed the output.
    #[inline]
    pub fn settle(&mut self, end: Cycle, mut passed: impl FnMut(Cycle)) {
        if self.earliest >= end {
            return;
        }
        // Stable: a sender's own messages keep their order.
        self.unsettled.sort_by_key(|message| (message.at, message.sender));
        let count = self.unsettled.partition_point(|message| message.at < end);
        for together in self.unsettled[..count].chunk_by_mut(|a, b| a.at == b.at) {
            let first = together.partition_point(|message| message.sender < self.preferred);
            together.rotate_left(first);
            self.preferred = together.last().map_or(0, |last| (last.sender + 1) % self.senders);
        }
        for Unsettled { at, message, .. } in self.unsettled.drain(..count) {
            let at = self.port.book(at);
            passed(at);
            self.queue.push(at, message);
        }
        self.earliest = self.unsettled.first().map_or(Cycle::NEVER, |message| message.at);
    }

    /// The messages that have passed the output, and those that are going to.
    #[inline]
    pub fn queue(&mut self) -> &mut TimedQueue<T> {
        &mut self.queue
    }

    /// Messages under way.
    pub fn len(&self) -> usize {
        self.unsettled.len() + self.queue.len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first message that is not settled reaches the output; never where there is none.
    #[inline]
    pub fn earliest_unsettled(&self) -> Cycle {
        self.earliest
    }

    /// When the oldest settled message arrives; never where there is none.
    #[inline]
    pub fn next_arrival(&self) -> Cycle {
        self.queue.next_arrival()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_there_at_its_cycle_and_not_before() {
        let mut queue = TimedQueue::default();
        queue.push(Cycle(5), 'a');
        queue.push(Cycle(3), 'b'); // not before the one sent earlier
        assert_eq!((queue.next_arrival(), queue.peek(Cycle(4))), (Cycle(5), None));
        assert_eq!(queue.take(Cycle(4)), None);
        assert_eq!(queue.take(Cycle(5)), Some((Cycle(5), 'a')));
        assert_eq!(queue.take(Cycle(9)), Some((Cycle(5), 'b')));
        assert_eq!(queue.next_arrival(), Cycle::NEVER);
    }

    /// Messages as (arrival, sender, number).
    fn order(width: u32, messages: &[(u64, usize, u32)]) -> Vec<(u64, u32)> {
        let mut arrivals = Arrivals::new(3, width);
        for &(at, sender, number) in messages {
            arrivals.add(Cycle(at), sender, number);
        }
        // In two stretches.
        arrivals.settle(Cycle(5), |_| {});
        arrivals.settle(Cycle(1_000), |_| {});
        std::iter::from_fn(|| arrivals.queue().take(Cycle(1_000))).map(|(at, n)| (at.0, n)).collect()
    }

    #[test]
    fn senders_take_turns_and_the_output_is_only_so_wide() {
        // It is 0's turn first, then 1's, behind 0.
        let messages = [(4, 0, 10), (5, 2, 22), (5, 0, 20), (5, 2, 23), (5, 1, 21)];
        assert_eq!(order(1, &messages), [(4, 10), (5, 21), (6, 22), (7, 23), (8, 20)]);
        assert_eq!(order(2, &messages), [(4, 10), (5, 21), (5, 22), (6, 23), (6, 20)]);
    }

    #[test]
    fn the_order_of_handing_over_does_not_matter() {
        let messages = [(7, 0, 0), (7, 1, 1), (7, 2, 2), (8, 0, 3), (8, 1, 4), (9, 2, 5)];
        let expected = order(1, &messages);
        for rotation in 0..3 {
            // A sender's own messages keep their order.
            let mut by_sender = messages;
            by_sender.sort_by_key(|m| ((m.1 + rotation) % 3, m.0));
            assert_eq!(order(1, &by_sender), expected);
        }
    }
}
