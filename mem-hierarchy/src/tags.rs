//! Tag arrays: which lines a cache holds, their replacement, dirty bits, and the contents of sparse lines.
//!
//! A tag covers one line, or a block of `sectors` consecutive lines that come and go by themselves: a
//! miss brings its own line only, and a block that leaves takes all of its lines along.

use crate::params::Replacement;
use crate::replacement::Order;
use crate::request::{Access, CompactedLine, Key, Line};

/// A set-associative tag array.
///
/// A line's key holds the sparse bit: plain and compacted lines of one address are different data and
/// may be present side by side.
#[derive(Debug)]
pub struct TagArray {
    /// Number of sets, less one.
    set_mask: usize,
    ways: usize,
    /// Lines of a tag, as a power of two.
    sector_bits: u32,
    /// By tag; the tags of a set lie side by side.
    keys: Vec<Key>,
    /// By tag, a bit for each of its lines: present, and differing from memory.
    present: Vec<u8>,
    dirty: Vec<u8>,
    /// By set, how many of its ways have been filled, from the lowest on; none becomes empty again.
    filled: Vec<u8>,
    order: Order,
    /// Contents of the sparse lines, by tag and sector; allocated when the first one comes.
    data: Vec<CompactedLine>,
}

/// A line's place in a [`TagArray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    tag: usize,
    sector: u32,
}

/// Where a new line goes, and what has to leave for it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    slot: Slot,
    set: usize,
    /// Whether its tag is there already and only the line is missing.
    tag_is_there: bool,
    /// What leaves.
    pub victim: Option<Victim>,
}

/// A block of lines that leaves for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Victim {
    /// The key of the block's first line.
    first: Key,
    present: u8,
    dirty: u8,
}

impl Victim {
    /// How many lines leave.
    pub fn lines(&self) -> u64 {
        self.present.count_ones().into()
    }

    /// The first line.
    pub fn first_line(&self) -> Line {
        self.first.line()
    }

    /// Whether some line has to be written back.
    pub fn is_dirty(&self) -> bool {
        self.dirty != 0
    }
}

impl Place {
    /// The lines that have to be written back, and where they are.
    pub fn dirty_lines(self) -> impl Iterator<Item = (Slot, Line)> {
        let victim = self.victim.filter(Victim::is_dirty).into_iter();
        victim.flat_map(move |victim| {
            let sectors = (0..u8::BITS).filter(move |sector| victim.dirty >> sector & 1 == 1);
            sectors.map(move |sector| {
                let slot = Slot { tag: self.slot.tag, sector };
                (slot, Line(victim.first.line().0 + u64::from(sector)))
            })
        })
    }
}

impl TagArray {
    /// An empty array of `sets` sets (a power of two) of `ways` tags (64 at the most) of `sectors` lines
    /// (1, 2, 4 or 8).
    pub fn new(sets: usize, ways: usize, sectors: usize, policy: Replacement) -> Self {
        assert!(
            sets.is_power_of_two() && ways > 0 && sectors.is_power_of_two() && sectors <= 8,
            "tag array of {sets} sets x {ways} ways x {sectors} lines"
        );
        Self {
            set_mask: sets - 1,
            ways,
            sector_bits: sectors.ilog2(),
            keys: vec![Key::NONE; sets * ways],
            present: vec![0; sets * ways],
            dirty: vec![0; sets * ways],
            filled: vec![0; sets],
            order: Order::new(policy, sets, ways),
            data: Vec::new(),
        }
    }

    /// Finds `key` in the set of `index`, the line's number within the cache, and notes its use.
    #[inline]
    pub fn lookup(&mut self, index: u64, key: Key) -> Option<Slot> {
        let set = self.set(index);
        let way = self.find(set, self.block(key))?;
        let slot = Slot { tag: set * self.ways + way, sector: self.sector(key) };
        if self.present[slot.tag] >> slot.sector & 1 == 0 {
            return None;
        }
        self.order.touch(set, self.ways, way);
        Some(slot)
    }

    /// Where `key`, not present so far, would go in the set of `index`, and what would leave for it.
    #[inline]
    pub fn place(&self, index: u64, key: Key) -> Place {
        let set = self.set(index);
        let first = set * self.ways;
        let sector = self.sector(key);
        if self.sector_bits > 0
            && let Some(way) = self.find(set, self.block(key))
        {
            return Place { slot: Slot { tag: first + way, sector }, set, tag_is_there: true, victim: None };
        }
        let filled = usize::from(self.filled[set]);
        if filled < self.ways {
            let slot = Slot { tag: first + filled, sector };
            return Place { slot, set, tag_is_there: false, victim: None };
        }
        let tag = first + self.order.victim(set, self.ways);
        Place { slot: Slot { tag, sector }, set, tag_is_there: false, victim: Some(self.victim(tag)) }
    }

    /// Puts `key` where [`TagArray::place`] said, as nothing has changed since.
    #[inline]
    pub fn insert(&mut self, place: Place, key: Key) -> Slot {
        let Place { slot, set, tag_is_there, victim } = place;
        let way = slot.tag - set * self.ways;
        if tag_is_there {
            self.order.touch(set, self.ways, way);
        } else {
            self.keys[slot.tag] = self.block(key);
            self.present[slot.tag] = 0;
            self.dirty[slot.tag] = 0;
            self.filled[set] += u8::from(victim.is_none());
            self.order.insert(set, self.ways, way, victim.is_some());
        }
        self.present[slot.tag] |= 1 << slot.sector;
        slot
    }

    fn victim(&self, tag: usize) -> Victim {
        let block = self.keys[tag];
        let first = key(block.line().0 << self.sector_bits, block.is_sparse());
        Victim { first, present: self.present[tag], dirty: self.dirty[tag] }
    }

    #[inline]
    fn set(&self, index: u64) -> usize {
        (index >> self.sector_bits) as usize & self.set_mask
    }

    #[inline]
    fn find(&self, set: usize, block: Key) -> Option<usize> {
        let first = set * self.ways;
        self.keys[first..first + self.ways].iter().position(|k| *k == block)
    }

    /// What a tag says of the block of lines that holds `line`.
    #[inline]
    fn block(&self, line: Key) -> Key {
        if self.sector_bits == 0 { line } else { key(line.line().0 >> self.sector_bits, line.is_sparse()) }
    }

    #[inline]
    fn sector(&self, key: Key) -> u32 {
        (key.line().0 & ((1 << self.sector_bits) - 1)) as u32
    }

    /// Marks a line as differing from memory.
    pub fn set_dirty(&mut self, slot: Slot) {
        self.dirty[slot.tag] |= 1 << slot.sector;
    }

    /// Marks a line as being in memory what it is here.
    pub fn set_clean(&mut self, slot: Slot) {
        self.dirty[slot.tag] &= !(1 << slot.sector);
    }

    /// The contents of a sparse line.
    pub fn data(&self, slot: Slot) -> CompactedLine {
        self.data[self.data_index(slot)]
    }

    /// Stores the contents of a sparse line.
    pub fn set_data(&mut self, slot: Slot, line: CompactedLine) {
        if self.data.is_empty() {
            self.data = vec![CompactedLine::EMPTY; self.keys.len() << self.sector_bits];
        }
        let index = self.data_index(slot);
        self.data[index] = line;
    }

    fn data_index(&self, slot: Slot) -> usize {
        (slot.tag << self.sector_bits) + slot.sector as usize
    }

    /// How many lines differ from memory.
    pub fn dirty_lines(&self) -> u64 {
        self.dirty.iter().map(|lines| u64::from(lines.count_ones())).sum()
    }
}

fn key(line: u64, is_sparse: bool) -> Key {
    Key::new(Line(line), if is_sparse { Access::SparseRead } else { Access::Read })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: u64) -> Key {
        key(line, false)
    }

    fn insert(tags: &mut TagArray, key: Key) -> Option<Victim> {
        let place = tags.place(key.line().0, key);
        tags.insert(place, key);
        place.victim
    }

    #[test]
    fn the_least_recently_used_line_leaves() {
        let mut tags = TagArray::new(1, 2, 1, Replacement::Lru);
        insert(&mut tags, plain(1));
        insert(&mut tags, plain(2));
        assert!(tags.lookup(1, plain(1)).is_some());
        let victim = insert(&mut tags, plain(3)).expect("the set is full");
        assert_eq!((victim.first_line(), victim.is_dirty()), (Line(2), false));
        assert!(tags.lookup(1, plain(1)).is_some() && tags.lookup(2, plain(2)).is_none());
    }

    #[test]
    fn plain_and_compacted_lines_of_one_address_are_different() {
        let mut tags = TagArray::new(4, 2, 1, Replacement::Lru);
        let sparse = key(5, true);
        let slot = tags.insert(tags.place(5, sparse), sparse);
        tags.set_data(slot, CompactedLine { words: [7; 16], last: true });
        assert!(tags.lookup(5, plain(5)).is_none());
        insert(&mut tags, plain(5));
        let slot = tags.lookup(5, sparse).expect("still there");
        assert!(tags.data(slot).last);
    }

    #[test]
    fn a_block_leaves_with_all_of_its_lines() {
        // Given one tag of four lines, lines 5 and 7 there and 7 dirty.
        let mut tags = TagArray::new(1, 1, 4, Replacement::Lru);
        insert(&mut tags, plain(5));
        assert!(tags.lookup(6, plain(6)).is_none(), "only the line asked for has come");
        assert_eq!(insert(&mut tags, plain(7)), None);
        let slot = tags.lookup(7, plain(7)).expect("there");
        tags.set_dirty(slot);
        // When a line of another block comes, then both leave and one is written back.
        let dirty: Vec<Line> = tags.place(8, plain(8)).dirty_lines().map(|(_, line)| line).collect();
        let victim = insert(&mut tags, plain(8)).expect("the only tag is taken");
        assert_eq!((victim.lines(), victim.first_line(), dirty), (2, Line(4), vec![Line(7)]));
        assert!(tags.lookup(5, plain(5)).is_none() && tags.dirty_lines() == 0);
    }

    #[test]
    fn a_static_interval_protects_what_was_hit_from_a_scan() {
        // Given four ways, line 0 hit once, and a scan behind it.
        let mut tags = TagArray::new(1, 4, 1, Replacement::Rrip);
        insert(&mut tags, plain(0));
        assert!(tags.lookup(0, plain(0)).is_some());
        for line in 1..8 {
            insert(&mut tags, plain(line));
        }
        // Then it is still there, where LRU would have lost it.
        assert!(tags.lookup(0, plain(0)).is_some());
    }

    #[test]
    fn the_tree_turns_away_from_what_is_used() {
        let mut tags = TagArray::new(1, 4, 1, Replacement::Plru);
        for line in 0..4 {
            insert(&mut tags, plain(line));
        }
        // Given uses of 0, 1, 2, 3 and 0, the root points to the upper half and its node to way 2.
        assert!(tags.lookup(0, plain(0)).is_some());
        assert_eq!(insert(&mut tags, plain(4)).map(|victim| victim.first_line()), Some(Line(2)));
    }
}
