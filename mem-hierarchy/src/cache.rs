//! A cache alone, without time: accesses in, hits and misses out.
//!
//! ```
//! use mem_hierarchy::cache::{Cache, CacheShape};
//! let shape: CacheShape = "16 KiB,4,64,lru".parse().unwrap();
//! let mut cache = Cache::new(&shape);
//! assert!(!cache.access(0x1000, false).hit);
//! assert!(cache.access(0x103f, true).hit); // another byte of the same line
//! assert_eq!((cache.stats().read_misses, cache.stats().write_hits), (1, 1));
//! ```
//!
//! It is the tag array of the caches in time, asked one access after the other.

use std::str::FromStr;

use serde::Serialize;
use sim_core::params::Bytes;

use crate::params::{Replacement, WritePolicy};
use crate::request::{Access, Key, Line};
use crate::tags::TagArray;

/// What a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Capacity of the data array.
    pub size: Bytes,
    /// Ways of a set, 1 to 64.
    pub ways: u32,
    /// Bytes of a line, a power of two, at least 16.
    pub line: Bytes,
    /// Which line of a full set leaves for a new one.
    pub replacement: Replacement,
    /// What becomes of writes.
    pub write: WritePolicy,
    /// Whether a write that misses brings its line.
    pub write_allocate: bool,
}

impl CacheShape {
    /// A write-back cache with write-allocate. Errors name the field, its value and what is allowed.
    pub fn new(size: Bytes, ways: u32, line: Bytes, replacement: Replacement) -> Result<Self, String> {
        let shape = Self { size, ways, line, replacement, write: WritePolicy::Back, write_allocate: true };
        shape.check().map(|()| shape)
    }

    /// Sets.
    pub fn sets(&self) -> u64 {
        self.size.0 / (self.line.0 * u64::from(self.ways))
    }

    fn check(&self) -> Result<(), String> {
        let Self { size, ways, line, .. } = self;
        if !(1..=64).contains(ways) {
            return Err(format!("WAYS = {ways}; allowed: 1 to 64"));
        }
        if !line.0.is_power_of_two() || !(16..=1 << 20).contains(&line.0) {
            return Err(format!("LINE = {line}; allowed: a power of two from 16 B to 1 MiB"));
        }
        let set = line.0 * u64::from(*ways);
        let sets = size.0 / set;
        if !size.0.is_multiple_of(set) || !sets.is_power_of_two() || size.0 > 1 << 30 {
            return Err(format!(
                "SIZE = {size}; allowed: {ways} ways x lines of {line} x a power of two of sets, up to 1 GiB"
            ));
        }
        Ok(())
    }
}

/// Reads `SIZE,WAYS,LINE,POLICY`, such as `16 KiB,4,64,lru`: write-back, write-allocate. Sizes have a unit or
/// are bytes.
impl FromStr for CacheShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let [size, ways, line, policy] = fields[..] else {
            return Err(format!(
                "`{text}` has {} fields; allowed: SIZE,WAYS,LINE,POLICY, such as \"16 KiB,4,64,lru\"",
                fields.len()
            ));
        };
        let bytes = |name: &str, value: &str| {
            let read = value.parse().map(Bytes).or_else(|_| value.parse::<Bytes>());
            read.map_err(|_| {
                format!("{name} = `{value}`; allowed: bytes, or a number and B, KiB, MiB or GiB")
            })
        };
        let replacement = Replacement::ALL.iter().find(|known| known.name() == policy);
        let replacement = replacement.ok_or_else(|| {
            let names: Vec<&str> = Replacement::ALL.iter().map(|known| known.name()).collect();
            format!("POLICY = `{policy}`; allowed: {}", names.join(" | "))
        });
        let size = bytes("SIZE", size)?;
        let ways = ways.parse().map_err(|_| format!("WAYS = `{ways}`; allowed: 1 to 64"))?;
        Self::new(size, ways, bytes("LINE", line)?, *replacement?)
    }
}

/// Counters of a [`Cache`]. Accesses = hits + misses; both are the sums of their reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accesses.
    pub accesses: u64,
    /// Accesses that found their line.
    pub hits: u64,
    /// Accesses that did not.
    pub misses: u64,
    /// Reads among the hits.
    pub read_hits: u64,
    /// Reads among the misses.
    pub read_misses: u64,
    /// Writes among the hits.
    pub write_hits: u64,
    /// Writes among the misses.
    pub write_misses: u64,
    /// Lines that left for others.
    pub evictions: u64,
    /// Dirty lines among them.
    pub dirty_evictions: u64,
}

/// What an access found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether its line was there.
    pub hit: bool,
    /// Whether its line came.
    pub filled: bool,
    /// The line that left for it.
    pub evicted: Option<Evicted>,
}

/// A line that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Its first byte.
    pub address: u64,
    /// Whether it has to be written back.
    pub dirty: bool,
}

/// A cache; see [the module](self).
#[derive(Debug)]
pub struct Cache {
    tags: TagArray,
    line_bits: u32,
    write: WritePolicy,
    write_allocate: bool,
    stats: Counts,
}

impl Cache {
    /// An empty cache.
    pub fn new(shape: &CacheShape) -> Self {
        Self {
            tags: TagArray::new(shape.sets() as usize, shape.ways as usize, 1, shape.replacement),
            line_bits: shape.line.0.ilog2(),
            write: shape.write,
            write_allocate: shape.write_allocate,
            stats: Counts::default(),
        }
    }

    /// Accesses the byte at `address`.
    #[inline]
    pub fn access(&mut self, address: u64, write: bool) -> Outcome {
        let line = address >> self.line_bits;
        let key = Key::new(Line(line), Access::Read);
        let found = self.tags.lookup(line, key);
        let hit = found.is_some();
        self.count(hit, write);
        let (slot, evicted) = match found {
            Some(slot) => (slot, None),
            None if write && !self.write_allocate => return Outcome { hit, filled: false, evicted: None },
            None => {
                let place = self.tags.place(line, key);
                let evicted = place.victim.map(|victim| Evicted {
                    address: victim.first_line().0 << self.line_bits,
                    dirty: victim.is_dirty(),
                });
                (self.tags.insert(place, key), evicted)
            }
        };
        if write && self.write == WritePolicy::Back {
            self.tags.set_dirty(slot);
        }
        self.stats.evictions += u64::from(evicted.is_some());
        self.stats.dirty_evictions += u64::from(evicted.is_some_and(|evicted| evicted.dirty));
        Outcome { hit, filled: !hit, evicted }
    }

    fn count(&mut self, hit: bool, write: bool) {
        let stats = &mut self.stats;
        stats.accesses += 1;
        let (all, of_kind) = match (hit, write) {
            (true, false) => (&mut stats.hits, &mut stats.read_hits),
            (true, true) => (&mut stats.hits, &mut stats.write_hits),
            (false, false) => (&mut stats.misses, &mut stats.read_misses),
            (false, true) => (&mut stats.misses, &mut stats.write_misses),
        };
        *all += 1;
        *of_kind += 1;
    }

    /// Lines that would have to be written back.
    pub fn dirty_lines(&self) -> u64 {
        self.tags.dirty_lines()
    }

    /// Counters so far.
    pub fn stats(&self) -> &Counts {
        &self.stats
    }
}
