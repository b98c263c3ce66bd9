//! Replacement policies: which line of a set leaves for a new one.
//!
//! All four fill empty ways first, the lowest first; that is the tag array's doing. What is here decides
//! among the lines of a full set:
//!
//! - *lru*: the one whose last use lies furthest back.
//! - *plru*: a binary tree over the ways; every use turns the nodes on its path away from it, and the
//!   victim is found by following them. Ways that do not fill the tree leave its upper leaves empty.
//! - *rrip*: static re-reference interval prediction with hit priority and two bits a line (SRRIP-HP,
//!   A. Jaleel et al., ISCA 2010): a new line gets 2, a hit sets 0, the lowest way with 3 leaves, and where
//!   there is none all intervals of the set grow until there is.
//! - *random*: one way in `ways`, drawn by hashing the number of draws so far (SplitMix64), equal on every
//!   machine.

use crate::params::Replacement;

/// The longest re-reference interval that two bits tell.
const DISTANT: u8 = 3;

/// What a policy remembers of a tag array's lines.
#[derive(Debug)]
pub(crate) enum Order {
    /// By tag, the number of its last use; 0 where never used.
    Lru { used: Vec<u64>, clock: u64 },
    /// By set, the nodes of its tree, the root at bit 1: set where the victim lies in the upper half.
    Plru { nodes: Vec<u64> },
    /// By tag, its predicted interval.
    Rrip { intervals: Vec<u8> },
    /// How many victims have been drawn.
    Random { draws: u64 },
}

impl Order {
    /// The state of `sets` empty sets of `ways` ways, 64 at the most.
    pub(crate) fn new(policy: Replacement, sets: usize, ways: usize) -> Self {
        assert!((1..=64).contains(&ways), "replacement: {ways} ways in a set");
        match policy {
            Replacement::Lru => Self::Lru { used: vec![0; sets * ways], clock: 0 },
            Replacement::Plru => Self::Plru { nodes: vec![0; sets] },
            Replacement::Rrip => Self::Rrip { intervals: vec![DISTANT; sets * ways] },
            Replacement::Random => Self::Random { draws: 0 },
        }
    }

    /// Notes a use of a line.
    #[inline]
    pub(crate) fn touch(&mut self, set: usize, ways: usize, way: usize) {
        match self {
            Self::Lru { used, clock } => {
                *clock += 1;
                used[set * ways + way] = *clock;
            }
            Self::Plru { nodes } => point_away(&mut nodes[set], ways, way),
            Self::Rrip { intervals } => intervals[set * ways + way] = 0,
            Self::Random { .. } => {}
        }
    }

    /// Notes that a new line has come, into the place of another where the set was full.
    pub(crate) fn insert(&mut self, set: usize, ways: usize, way: usize, was_full: bool) {
        match self {
            Self::Lru { .. } | Self::Plru { .. } => self.touch(set, ways, way),
            Self::Rrip { intervals } => {
                let set = &mut intervals[set * ways..(set + 1) * ways];
                if was_full {
                    let growth = DISTANT - set[way];
                    set.iter_mut().for_each(|interval| *interval += growth);
                }
                set[way] = DISTANT - 1;
            }
            Self::Random { draws } => *draws += u64::from(was_full),
        }
    }

    /// The way whose line leaves a full set; asking changes nothing.
    pub(crate) fn victim(&self, set: usize, ways: usize) -> usize {
        match self {
            Self::Lru { used, .. } => lowest(&used[set * ways..(set + 1) * ways]),
            Self::Plru { nodes } => pointed_at(nodes[set], ways),
            Self::Rrip { intervals } => highest(&intervals[set * ways..(set + 1) * ways]),
            Self::Random { draws } => ((u128::from(hash(*draws)) * ways as u128) >> 64) as usize,
        }
    }
}

fn lowest(used: &[u64]) -> usize {
    let mut best = 0;
    for way in 1..used.len() {
        if used[way] < used[best] {
            best = way;
        }
    }
    best
}

/// The first of the longest intervals: it is the first to reach the limit when all grow.
fn highest(intervals: &[u8]) -> usize {
    let mut best = 0;
    for way in 1..intervals.len() {
        if intervals[way] > intervals[best] {
            best = way;
        }
    }
    best
}

/// Turns the nodes on the path to `way` to the other half.
fn point_away(nodes: &mut u64, ways: usize, way: usize) {
    let leaves = ways.next_power_of_two();
    let mut node = leaves + way;
    while node > 1 {
        let upper = node & 1;
        node >>= 1;
        *nodes = *nodes & !(1 << node) | ((upper ^ 1) as u64) << node;
    }
}

/// The leaf that the nodes lead to; halves without a way are never taken.
fn pointed_at(nodes: u64, ways: usize) -> usize {
    let leaves = ways.next_power_of_two();
    let (mut node, mut first, mut width) = (1, 0, leaves);
    while width > 1 {
        width /= 2;
        let upper = nodes >> node & 1 == 1 && first + width < ways;
        node = 2 * node + usize::from(upper);
        first += width * usize::from(upper);
    }
    first
}

/// SplitMix64 of a counter: all 64 bits of the outcome look independent of it.
fn hash(count: u64) -> u64 {
    let z = count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
