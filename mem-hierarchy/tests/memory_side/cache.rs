//! A cache alone: its counts against published ones, and each policy against a plain model of it.

use mem_hierarchy::cache::{Cache, CacheShape, Counts};
use mem_hierarchy::params::{Replacement, WritePolicy};
use proptest::prelude::*;
use sim_core::params::Bytes;

/// SplitMix64, as published by S. Vigna.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Elements of eight bytes, row by row across 64 columns 18,432 bytes apart.
fn column_elements() -> Vec<(u64, bool)> {
    (0..100_000).map(|i| ((i % 64) * 18_432 + i / 64 * 8, false)).collect()
}

/// Half of it random in 24 KiB, three tenths random in 3 MiB, the rest a stream; a quarter writes.
fn mix() -> Vec<(u64, bool)> {
    let mut random = SplitMix64(0x5eed_0003);
    let mut position = 0;
    let mut access = |_| {
        let address = match random.below(10) {
            0..5 => (1 << 20) + random.below(24 * 1024 / 8) * 8,
            5..8 => (1 << 24) + random.below(3 * 1024 * 1024 / 8) * 8,
            _ => {
                position += 8;
                (1 << 27) + position - 8
            }
        };
        (address, random.below(4) == 0)
    };
    (0..100_000).map(&mut access).collect()
}

/// Counts on which pycachesim 0.3.1, libCacheSim (one LRU a set) and a third program agree: read hits, read
/// misses, write hits, write misses, evictions, dirty evictions, dirty lines left.
#[test]
fn lru_counts_what_other_simulators_count() {
    for (trace, shape, expected) in [
        (column_elements(), "16 KiB,4,64,lru", [0, 100_000, 0, 0, 99_744, 0, 0]),
        (column_elements(), "2 MiB,16,64,lru", [87_456, 12_544, 0, 0, 0, 0, 0]),
        (mix(), "16 KiB,4,64,lru", [27_014, 48_043, 8_934, 16_009, 63_796, 20_657, 70]),
        (mix(), "2 MiB,16,64,lru", [56_047, 19_010, 18_529, 6_414, 200, 81, 9_681]),
    ] {
        let mut cache = Cache::new(&shape.parse().expect("a shape"));
        for (address, write) in trace {
            cache.access(address, write);
        }
        let s = cache.stats();
        let counted =
            [s.read_hits, s.read_misses, s.write_hits, s.write_misses, s.evictions, s.dirty_evictions];
        assert_eq!((&counted[..], cache.dirty_lines()), (&expected[..6], expected[6]), "{shape}");
        assert_eq!(
            (s.accesses, s.hits, s.misses),
            (100_000, s.read_hits + s.write_hits, s.read_misses + s.write_misses)
        );
    }
}

/// A line of a plain model.
#[derive(Clone, Debug)]
struct Held {
    line: u64,
    dirty: bool,
    interval: u8,
}

/// A tree of pseudo-LRU, node by node.
#[derive(Clone, Debug)]
enum Tree {
    Way(usize),
    Node { lower: Box<Tree>, upper: Box<Tree>, victim_is_upper: bool },
}

impl Tree {
    fn over(ways: std::ops::Range<usize>) -> Self {
        if ways.len() == 1 {
            return Self::Way(ways.start);
        }
        let middle = ways.start + ways.len() / 2;
        let (lower, upper) = (Self::over(ways.start..middle), Self::over(middle..ways.end));
        Self::Node { lower: Box::new(lower), upper: Box::new(upper), victim_is_upper: false }
    }

    fn holds(&self, way: usize) -> bool {
        match self {
            Self::Way(w) => *w == way,
            Self::Node { lower, upper, .. } => lower.holds(way) || upper.holds(way),
        }
    }

    fn touch(&mut self, way: usize) {
        if let Self::Node { lower, upper, victim_is_upper } = self {
            *victim_is_upper = lower.holds(way);
            let half = if *victim_is_upper { lower } else { upper };
            half.touch(way);
        }
    }

    fn victim(&self) -> usize {
        match self {
            Self::Way(way) => *way,
            Self::Node { upper, victim_is_upper: true, .. } => upper.victim(),
            Self::Node { lower, .. } => lower.victim(),
        }
    }
}

/// A set: lines by way, and what each policy needs.
#[derive(Clone, Debug)]
struct Set {
    ways: Vec<Option<Held>>,
    /// Ways, the least recently used first.
    recency: Vec<usize>,
    tree: Tree,
}

/// A cache as its policies are described in words.
struct Model {
    sets: Vec<Set>,
    shape: CacheShape,
    /// Victims drawn, one after the other.
    random: SplitMix64,
    counts: Counts,
}

impl Model {
    fn new(shape: &CacheShape) -> Self {
        let ways = shape.ways as usize;
        let set = Set { ways: vec![None; ways], recency: Vec::new(), tree: Tree::over(0..ways) };
        let sets = shape.size.0 / shape.line.0 / u64::from(shape.ways);
        Self {
            sets: vec![set; sets as usize],
            shape: *shape,
            random: SplitMix64(0),
            counts: Counts::default(),
        }
    }

    fn access(&mut self, address: u64, write: bool) -> bool {
        let line = address / self.shape.line.0;
        let at = (line % self.sets.len() as u64) as usize;
        let set = &mut self.sets[at];
        let found = set.ways.iter().position(|held| held.as_ref().is_some_and(|held| held.line == line));
        self.counts.accesses += 1;
        let hit = found.is_some();
        self.counts.hits += u64::from(hit);
        self.counts.misses += u64::from(!hit);
        self.counts.read_hits += u64::from(hit && !write);
        self.counts.read_misses += u64::from(!hit && !write);
        self.counts.write_hits += u64::from(hit && write);
        self.counts.write_misses += u64::from(!hit && write);
        let way = match found {
            Some(way) => way,
            None if write && !self.shape.write_allocate => return hit,
            None => self.make_room(at),
        };
        let set = &mut self.sets[at];
        let held = set.ways[way].get_or_insert(Held { line, dirty: false, interval: 2 });
        if hit {
            held.interval = 0;
        }
        held.dirty |= write && self.shape.write == WritePolicy::Back;
        set.recency.retain(|w| *w != way);
        set.recency.push(way);
        set.tree.touch(way);
        hit
    }

    /// An empty way of a set, the lowest, or one whose line leaves.
    fn make_room(&mut self, at: usize) -> usize {
        let set = &mut self.sets[at];
        if let Some(empty) = set.ways.iter().position(Option::is_none) {
            return empty;
        }
        let way = match self.shape.replacement {
            Replacement::Lru => set.recency[0],
            Replacement::Plru => set.tree.victim(),
            Replacement::Rrip => loop {
                let distant = |held: &Option<Held>| held.as_ref().is_some_and(|held| held.interval == 3);
                if let Some(way) = set.ways.iter().position(distant) {
                    break way;
                }
                set.ways.iter_mut().flatten().for_each(|held| held.interval += 1);
            },
            Replacement::Random => {
                // The upper bits of the draw, scaled to the number of ways.
                let draw = u128::from(self.random.next());
                (draw * self.shape.ways as u128 / (1 << 64)) as usize
            }
        };
        let left = set.ways[way].take().expect("the set is full");
        self.counts.evictions += 1;
        self.counts.dirty_evictions += u64::from(left.dirty);
        way
    }
}

fn write_policies() -> impl Strategy<Value = WritePolicy> {
    prop::sample::select(WritePolicy::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_decides_as_its_description(
        replacement in prop::sample::select(Replacement::ALL),
        sets in 0u32..4, ways in 0u32..6, line in 4u32..9,
        write in write_policies(), write_allocate in any::<bool>(),
        accesses in prop::collection::vec(
            (prop_oneof![0u64..0x800, 0u64..0x10000], prop::bool::weighted(0.3)), 1..600),
    ) {
        let size = Bytes(1 << (sets + ways + line));
        let shape = CacheShape::new(size, 1 << ways, Bytes(1 << line), replacement).expect("a shape");
        let shape = CacheShape { write, write_allocate, ..shape };
        let mut cache = Cache::new(&shape);
        let mut model = Model::new(&shape);
        for (i, (address, write)) in accesses.into_iter().enumerate() {
            let hit = model.access(address, write);
            prop_assert_eq!(cache.access(address, write).hit, hit, "access {} of {:?}", i, shape);
        }
        prop_assert_eq!(cache.stats(), &model.counts);
        let held = model.sets.iter().flat_map(|set| set.ways.iter().flatten());
        prop_assert_eq!(cache.dirty_lines(), held.filter(|held| held.dirty).count() as u64);
    }

    #[test]
    fn ways_that_fill_no_tree_are_all_used(
        ways in 1u32..65, replacement in prop::sample::select(Replacement::ALL),
    ) {
        // Given a single set and as many lines as it has ways, twice.
        let size = Bytes(u64::from(ways) * 64);
        let shape = CacheShape::new(size, ways, Bytes(64), replacement).expect("a shape");
        let mut cache = Cache::new(&shape);
        for line in (0..u64::from(ways)).chain(0..u64::from(ways)) {
            cache.access(line * 64, false);
        }
        // Then all were there the second time, and one more has to push one out.
        prop_assert_eq!((cache.stats().hits, cache.stats().evictions), (u64::from(ways), 0));
        prop_assert!(cache.access(1 << 20, false).evicted.is_some());
    }
}

#[test]
fn an_outcome_names_the_line_that_left() {
    // Given a cache of a single line of 128 bytes, written.
    let mut cache = Cache::new(&"128,1,128,lru".parse().expect("a shape"));
    assert!(cache.access(0x1040, true).evicted.is_none());
    // When another line comes, then the first byte of the one that left is told.
    let evicted = cache.access(0x2000, false).evicted.expect("one line");
    assert_eq!((evicted.address, evicted.dirty), (0x1000, true));
}

#[test]
fn a_shape_in_words_is_checked() {
    let shape: CacheShape = "2 MiB, 16, 128 B, plru".parse().expect("a shape");
    assert_eq!((shape.sets(), shape.line, shape.replacement), (1024, Bytes(128), Replacement::Plru));
    for (text, part) in [
        ("16 KiB,4,64", "`16 KiB,4,64` has 3 fields; allowed: SIZE,WAYS,LINE,POLICY"),
        ("16 kB,4,64,lru", "SIZE = `16 kB`; allowed: bytes, or a number and B, KiB, MiB or GiB"),
        ("16 KiB,four,64,lru", "WAYS = `four`; allowed: 1 to 64"),
        ("16 KiB,65,64,lru", "WAYS = 65; allowed: 1 to 64"),
        ("16 KiB,4,48,lru", "LINE = 48 B; allowed: a power of two from 16 B to 1 MiB"),
        ("16 KiB,4,8,lru", "LINE = 8 B; allowed: a power of two"),
        ("16 KiB,3,64,lru", "SIZE = 16 KiB; allowed: 3 ways x lines of 64 B x a power of two of sets"),
        ("0,4,64,lru", "SIZE = 0 B; allowed: 4 ways"),
        ("16 KiB,4,64,fifo", "POLICY = `fifo`; allowed: lru | plru | rrip | random"),
    ] {
        let error = text.parse::<CacheShape>().expect_err(text);
        assert!(error.starts_with(part), "{error}");
    }
}
