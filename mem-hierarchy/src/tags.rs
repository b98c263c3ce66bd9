//! Tag arrays: which lines a cache holds, with LRU replacement, dirty bits, and the contents of sparse
//! lines.

use crate::request::{CompactedLine, Key};

/// A set-associative tag array with true LRU.
///
/// A line's key holds the sparse bit: plain and compacted lines of one address are different data and
/// may be present side by side.
#[derive(Debug)]
pub struct TagArray {
    sets: usize,
    ways: usize,
    keys: Vec<Key>,
    used: Vec<u64>,
    dirty: Vec<bool>,
    /// Contents of the sparse lines; allocated when the first one comes.
    data: Vec<CompactedLine>,
    clock: u64,
}

/// A line's place in a [`TagArray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// What had to leave for a new line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Victim {
    /// The line that left.
    pub key: Key,
    /// Whether it has to be written back.
    pub dirty: bool,
}

impl TagArray {
    /// An empty array of `sets` sets (a power of two) of `ways` ways.
    pub fn new(sets: usize, ways: usize) -> Self {
        assert!(sets.is_power_of_two() && ways > 0, "tag array of {sets} sets x {ways} ways");
        Self {
            sets,
            ways,
            keys: vec![Key::NONE; sets * ways],
            used: vec![0; sets * ways],
            dirty: vec![false; sets * ways],
            data: Vec::new(),
            clock: 0,
        }
    }

    /// Finds `key` in the set of `index` and makes it the most recently used.
    #[inline]
    pub fn lookup(&mut self, index: u64, key: Key) -> Option<Slot> {
        let first = (index as usize & (self.sets - 1)) * self.ways;
        let way = self.keys[first..first + self.ways].iter().position(|k| *k == key)?;
        self.clock += 1;
        self.used[first + way] = self.clock;
        Some(Slot(first + way))
    }

    /// What would have to leave if a new line came to the set of `index`.
    pub fn victim(&self, index: u64) -> Option<Victim> {
        let slot = self.replaceable(index);
        (self.keys[slot] != Key::NONE).then(|| Victim { key: self.keys[slot], dirty: self.dirty[slot] })
    }

    /// Puts `key`, not present so far, in the place of the least recently used line of its set.
    pub fn insert(&mut self, index: u64, key: Key) -> (Slot, Option<Victim>) {
        let victim = self.victim(index);
        let slot = self.replaceable(index);
        self.clock += 1;
        self.keys[slot] = key;
        self.used[slot] = self.clock;
        self.dirty[slot] = false;
        (Slot(slot), victim)
    }

    fn replaceable(&self, index: u64) -> usize {
        let first = (index as usize & (self.sets - 1)) * self.ways;
        let mut best = first;
        for slot in first..first + self.ways {
            // Empty ways were never used: their stamp is 0.
            if self.used[slot] < self.used[best] {
                best = slot;
            }
        }
        best
    }

    /// Marks a line as differing from memory.
    pub fn set_dirty(&mut self, slot: Slot) {
        self.dirty[slot.0] = true;
    }

    /// The contents of a sparse line.
    pub fn data(&self, slot: Slot) -> CompactedLine {
        self.data[slot.0]
    }

    /// Stores the contents of a sparse line.
    pub fn set_data(&mut self, slot: Slot, line: CompactedLine) {
        if self.data.is_empty() {
            self.data = vec![CompactedLine::EMPTY; self.sets * self.ways];
        }
        self.data[slot.0] = line;
    }

    /// How many lines differ from memory.
    pub fn dirty_lines(&self) -> u64 {
        self.dirty.iter().filter(|d| **d).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Access, Line};

    fn plain(line: u64) -> Key {
        Key::new(Line(line), Access::Read)
    }

    #[test]
    fn the_least_recently_used_line_leaves() {
        let mut tags = TagArray::new(1, 2);
        tags.insert(0, plain(1));
        tags.insert(0, plain(2));
        assert!(tags.lookup(0, plain(1)).is_some());
        let (_, victim) = tags.insert(0, plain(3));
        assert_eq!(victim, Some(Victim { key: plain(2), dirty: false }));
        assert!(tags.lookup(0, plain(1)).is_some() && tags.lookup(0, plain(2)).is_none());
    }

    #[test]
    fn plain_and_compacted_lines_of_one_address_are_different() {
        let mut tags = TagArray::new(4, 2);
        let sparse = Key::new(Line(5), Access::SparseRead);
        let (slot, _) = tags.insert(5, sparse);
        tags.set_data(slot, CompactedLine { words: [7; 16], last: true });
        assert!(tags.lookup(5, plain(5)).is_none());
        tags.insert(5, plain(5));
        let slot = tags.lookup(5, sparse).expect("still there");
        assert!(tags.data(slot).last);
    }
}
