//! The wavefronts of a compute unit, and when each may try to issue.

use sim_core::Cycle;

/// The slots in use, in the order in which their wavefronts try to issue.
///
/// Times stand side by side in that order: a compute unit goes over all of them in every tick.
#[derive(Debug)]
pub(super) struct Pool {
    slots: Vec<usize>,
    /// When the wavefront of each of these slots may try to issue; never where it is blocked.
    ready: Vec<Cycle>,
    /// Where each slot in use stands.
    places: Vec<usize>,
}

impl Pool {
    /// With `slots` slots, none of them in use.
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: Vec::with_capacity(slots), ready: Vec::with_capacity(slots), places: vec![0; slots] }
    }

    /// Takes a slot into use, in front of the first one that `is_behind` it.
    pub(super) fn add(&mut self, slot: usize, is_behind: impl FnMut(usize) -> bool) {
        let place = self.slots.iter().copied().position(is_behind).unwrap_or(self.slots.len());
        self.slots.insert(place, slot);
        self.ready.insert(place, Cycle::NEVER);
        self.number_from(place);
    }

    /// Gives a slot up.
    pub(super) fn remove(&mut self, slot: usize) {
        let place = self.places[slot];
        self.slots.remove(place);
        self.ready.remove(place);
        self.number_from(place);
    }

    fn number_from(&mut self, first: usize) {
        for (place, slot) in self.slots.iter().enumerate().skip(first) {
            self.places[*slot] = place;
        }
    }

    /// When the wavefront of a slot may try to issue.
    #[inline]
    pub(super) fn get(&self, slot: usize) -> Cycle {
        self.ready[self.places[slot]]
    }

    /// Lets the wavefront of a slot try to issue at `at`.
    #[inline]
    pub(super) fn set(&mut self, slot: usize, at: Cycle) {
        self.ready[self.places[slot]] = at;
    }

    /// The next slot in its turn whose wavefront may try to issue at `now`.
    #[inline]
    pub(super) fn next_ready(&self, turn: &mut Turn, now: Cycle) -> Option<usize> {
        if let Some(last) = turn.last {
            // A wavefront that ended has left the list.
            turn.next += usize::from(self.slots.get(turn.next) == Some(&last));
        }
        let found = self.ready.get(turn.next..)?.iter().position(|ready| *ready <= now)?;
        turn.next += found;
        turn.last = Some(self.slots[turn.next]);
        turn.last
    }

    /// When the first wavefront may try to issue.
    #[inline]
    pub(super) fn earliest(&self) -> Cycle {
        self.ready.iter().fold(Cycle::NEVER, |earliest, ready| earliest.min(*ready))
    }

    /// The first slot in order.
    pub(super) fn first(&self) -> Option<usize> {
        self.slots.first().copied()
    }

    /// Slots in use.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// How far a tick has gone over the slots.
#[derive(Debug, Default)]
pub(super) struct Turn {
    next: usize,
    last: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_gone_over_in_order_even_where_one_is_given_up() {
        let mut pool = Pool::new(8);
        for slot in [6, 1, 3] {
            pool.add(slot, |other| other > slot);
            pool.set(slot, Cycle(10));
        }
        pool.set(3, Cycle(11));
        assert_eq!((pool.first(), pool.earliest(), pool.get(3)), (Some(1), Cycle(10), Cycle(11)));
        let mut turn = Turn::default();
        assert_eq!(pool.next_ready(&mut turn, Cycle(9)), None);
        assert_eq!(pool.next_ready(&mut turn, Cycle(11)), Some(1));
        pool.remove(1);
        assert_eq!(pool.next_ready(&mut turn, Cycle(11)), Some(3));
        assert_eq!(pool.next_ready(&mut turn, Cycle(11)), Some(6));
        assert_eq!((pool.next_ready(&mut turn, Cycle(11)), pool.len()), (None, 2));
    }
}
