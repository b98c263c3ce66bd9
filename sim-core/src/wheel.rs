//! Pending wake-ups: which component is to be ticked in which cycle.
//!
//! A time wheel holds, for each of the next 4,096 cycles, a bitset of the components due in it, so a
//! wake-up asked for twice is one, and the components of a cycle come out in order of their ids, never
//! in order of insertion. Wake-ups further away wait in a heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Cycle;

/// A component's place in the order of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub u32);

/// When a component, having been ticked, wants to be ticked again, messages aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// In the next cycle.
    Next,
    /// At a cycle in the future.
    At(Cycle),
    /// Only when a message arrives or a slot becomes free.
    Idle,
}

impl Wake {
    /// The earlier of two wishes.
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Self::Next, _) | (_, Self::Next) => Self::Next,
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(a), Self::Idle) | (Self::Idle, Self::At(a)) => Self::At(a),
            (Self::Idle, Self::Idle) => Self::Idle,
        }
    }

    /// A wake-up at `at`, or in the next cycle where `at` is not later than that.
    pub fn at(at: Cycle, now: Cycle) -> Self {
        if at.0 <= now.0 + 1 { Self::Next } else { Self::At(at) }
    }
}

/// In which order the components due in one cycle are ticked, and whether others are too.
///
/// Results do not depend on it; the other orders exist to prove that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TickOrder {
    /// Due components in ascending order of id.
    #[default]
    Ascending,
    /// Due components in descending order of id.
    Descending,
    /// Due components in an order drawn anew each cycle from this seed.
    Shuffled(u64),
    /// Every component in every cycle, due or not.
    Everything,
}

const SLOTS: usize = 4096;
/// Words of a bitset of slots, as many as such a word has bits.
const WORDS: usize = SLOTS / 64;

/// The pending wake-ups.
#[derive(Debug)]
pub struct Wheel {
    now: Cycle,
    components: usize,
    words: usize,
    /// `SLOTS * words` words; bit `c % 64` of word `slot * words + c / 64` stands for component `c`.
    bits: Vec<u64>,
    /// Bit `s % 64` of word `s / 64`: slot `s` has a wake-up.
    occupied: [u64; WORDS],
    /// Bit `w`: word `w` of `occupied` is not zero.
    full_words: u64,
    far: BinaryHeap<Reverse<(Cycle, ComponentId)>>,
    wakeups: u64,
}

impl Wheel {
    /// No wake-ups, at cycle 0, for `components` components.
    pub fn new(components: usize) -> Self {
        let words = components.div_ceil(64);
        Self {
            now: Cycle(0),
            components,
            words,
            bits: vec![0; SLOTS * words],
            occupied: [0; WORDS],
            full_words: 0,
            far: BinaryHeap::new(),
            wakeups: 0,
        }
    }

    /// The present cycle.
    pub fn now(&self) -> Cycle {
        self.now
    }

    /// Ticks handed out so far.
    pub fn wakeups(&self) -> u64 {
        self.wakeups
    }

    /// Asks for `component` to be ticked at `at`, which must not be in the past. The present cycle is
    /// allowed only before the run starts.
    #[inline]
    pub fn schedule(&mut self, component: ComponentId, at: Cycle) {
        debug_assert!(at >= self.now, "component {component:?} asked for a wake-up in the past");
        if at.0 - self.now.0 < SLOTS as u64 {
            self.insert(component, at);
        } else if at != Cycle::NEVER {
            self.far.push(Reverse((at, component)));
        }
    }

    #[inline]
    fn insert(&mut self, component: ComponentId, at: Cycle) {
        let slot = at.0 as usize % SLOTS;
        let c = component.0 as usize;
        self.bits[slot * self.words + c / 64] |= 1 << (c % 64);
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.full_words |= 1 << (slot / 64);
    }

    /// Moves to the next cycle with a wake-up, and fills `due` with its components in `order`. False
    /// where nothing is pending.
    pub fn advance(&mut self, order: TickOrder, due: &mut Vec<ComponentId>) -> bool {
        self.advance_before(Cycle::NEVER, order, due)
    }

    /// The same, as long as that cycle is earlier than `end`.
    #[inline]
    pub fn advance_before(&mut self, end: Cycle, order: TickOrder, due: &mut Vec<ComponentId>) -> bool {
        due.clear();
        let pending = self.next_pending();
        let every_cycle = order == TickOrder::Everything && self.wakeups > 0;
        let next = if every_cycle { self.now + 1 } else { pending };
        if next >= end || pending == Cycle::NEVER {
            return false;
        }
        self.now = next;
        while let Some(&Reverse((at, component))) = self.far.peek() {
            if at.0 - self.now.0 >= SLOTS as u64 {
                break;
            }
            self.far.pop();
            self.insert(component, at);
        }
        let slot = self.now.0 as usize % SLOTS;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        if self.occupied[slot / 64] == 0 {
            self.full_words &= !(1 << (slot / 64));
        }
        for word in 0..self.words {
            let mut bits = std::mem::take(&mut self.bits[slot * self.words + word]);
            while bits != 0 {
                due.push(ComponentId((word * 64) as u32 + bits.trailing_zeros()));
                bits &= bits - 1;
            }
        }
        match order {
            TickOrder::Ascending => {}
            TickOrder::Descending => due.reverse(),
            TickOrder::Shuffled(seed) => shuffle(due, seed ^ self.now.0),
            TickOrder::Everything => {
                due.clear();
                due.extend((0..self.components as u32).map(ComponentId));
            }
        }
        self.wakeups += due.len() as u64;
        true
    }

    /// The next cycle with a wake-up; never where nothing is pending.
    #[inline]
    pub fn next_pending(&self) -> Cycle {
        let far = self.far.peek().map_or(Cycle::NEVER, |Reverse((at, _))| *at);
        if self.full_words == 0 {
            return far;
        }
        let start = self.now.0 as usize % SLOTS;
        // The word of the present slot is looked at twice: first its bits from the slot on, last those before.
        let ahead = self.occupied[start / 64] & !0 << (start % 64);
        let slot = if ahead != 0 {
            start / 64 * 64 + ahead.trailing_zeros() as usize
        } else {
            let turned = self.full_words.rotate_right(start as u32 / 64 + 1);
            let word = (start / 64 + 1 + turned.trailing_zeros() as usize) % WORDS;
            word * 64 + self.occupied[word].trailing_zeros() as usize
        };
        far.min(self.now + ((slot + SLOTS - start) % SLOTS) as u64)
    }
}

/// Fisher-Yates with a SplitMix64 stream.
fn shuffle(items: &mut [ComponentId], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        items.swap(last, ((z ^ (z >> 31)) % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wake_up_asked_for_twice_is_one() {
        let mut wheel = Wheel::new(130);
        let mut due = Vec::new();
        for c in [129, 3, 129, 64] {
            wheel.schedule(ComponentId(c), Cycle(7));
        }
        assert!(wheel.advance(TickOrder::Ascending, &mut due));
        assert_eq!(wheel.now(), Cycle(7));
        assert_eq!(due, [ComponentId(3), ComponentId(64), ComponentId(129)]);
        assert!(!wheel.advance(TickOrder::Ascending, &mut due));
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_set(script in prop::collection::vec((0u32..100, 1u64..20_000), 1..200)) {
            let mut wheel = Wheel::new(100);
            let mut model = BTreeSet::new();
            let mut due = Vec::new();
            let mut steps = script.into_iter();
            for (component, delay) in steps.by_ref().take(5) {
                wheel.schedule(ComponentId(component), Cycle(delay));
                model.insert((delay, component));
            }
            while wheel.advance(TickOrder::Ascending, &mut due) {
                for component in &due {
                    prop_assert_eq!(model.pop_first(), Some((wheel.now().0, component.0)));
                }
                prop_assert!(model.first().is_none_or(|(at, _)| *at > wheel.now().0));
                for (component, delay) in steps.by_ref().take(due.len() + 1) {
                    wheel.schedule(ComponentId(component), wheel.now() + delay);
                    model.insert((wheel.now().0 + delay, component));
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}
