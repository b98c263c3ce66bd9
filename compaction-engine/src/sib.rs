//! The sparsity information buffer: what the engine remembers of a column's zeros.
//!
//! One entry a column (dissertation section 6.4.2, figure 6.11), all of one size that follows from K:
//!
//! ```text
//! |- 6 bytes -|------ ceil(K / 128) bytes ------|----------- the rest: M bytes -----------|
//! | metadata  | bitmask: a bit for a dense line | CMI: a byte for each of M compacted lines |
//! ```
//!
//! Of the bitmask a prefix is known, which grows as the column is read from its start; metadata holds
//! its length. Of the CMI a window of at most M consecutive entries is known: when a new one comes and
//! the window is full, the oldest goes. Decided where the paper is silent: metadata also holds where in
//! the column the window starts, so that entries in it stay usable after the first ones have gone.
//! Entries are replaced least recently used first, over all columns.
//!
//! [`Sib`] keeps all entries in three flat arrays that are allocated once; finding a column is one hash
//! look-up, replacement a linked list through the entries. An [`Entry`] is a view of one of them, and
//! answers the questions that [`search`](crate::search) asks.

use std::fmt;
use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::line::{CmiEntry, LINE_ELEMENTS};

/// The most rows that a 16-bit row index can name.
pub const MAX_ROWS: u32 = 1 << 16;

/// Bytes of metadata in an entry (section 6.4.2.2).
const METADATA_BYTES: u32 = 6;

/// How a SIB of a given size divides into entries for columns of K rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SibGeometry {
    /// Dense lines of a column: K / 16, rounded up.
    pub lines: u32,
    /// Bytes of an entry: 32, 64, 128 or 256 by K (section 6.4.2.2), doubled where the bitmask needs it.
    pub entry_bytes: u32,
    /// Bytes of an entry's bitmask: K / 128, rounded up.
    pub bitmask_bytes: u32,
    /// CMI entries of a column that an entry has room for, one byte each.
    pub cmi_capacity: u32,
    /// Columns that the SIB holds at a time.
    pub entries: u32,
}

/// Why there is no SIB for some K.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryError {
    /// K is zero.
    NoRows,
    /// K exceeds what a bundle's 16-bit row index can name.
    TooManyRows(u32),
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GeometryError::NoRows => write!(f, "a matrix without rows cannot be compacted (K = 0)"),
            GeometryError::TooManyRows(k) => {
                write!(
                    f,
                    "K = {k} exceeds {MAX_ROWS}, the most rows that ELLPACK-DIB's 16-bit row index can name"
                )
            }
        }
    }
}

impl std::error::Error for GeometryError {}

impl SibGeometry {
    /// The entries of a SIB of `sib_bytes` for columns of `k` rows.
    ///
    /// ```
    /// use compaction_engine::sib::SibGeometry;
    ///
    /// let geometry = SibGeometry::new(1152, 512 << 10).unwrap();
    /// assert_eq!((geometry.entry_bytes, geometry.bitmask_bytes, geometry.cmi_capacity), (64, 9, 49));
    /// assert_eq!(geometry.entries, 8192);
    /// ```
    pub fn new(k: u32, sib_bytes: u64) -> Result<SibGeometry, GeometryError> {
        if k == 0 {
            return Err(GeometryError::NoRows);
        }
        if k > MAX_ROWS {
            return Err(GeometryError::TooManyRows(k));
        }
        let bitmask_bytes = k.div_ceil(128);
        let mut entry_bytes = match k {
            4097.. => 256,
            2049.. => 128,
            1025.. => 64,
            _ => 32,
        };
        while METADATA_BYTES + bitmask_bytes > entry_bytes {
            entry_bytes *= 2;
        }
        Ok(SibGeometry {
            lines: k.div_ceil(LINE_ELEMENTS as u32),
            entry_bytes,
            bitmask_bytes,
            cmi_capacity: entry_bytes - METADATA_BYTES - bitmask_bytes,
            entries: u32::try_from(sib_bytes / u64::from(entry_bytes)).unwrap_or(u32::MAX),
        })
    }

    /// The same, with no more than `limit` CMI entries a column; 0 for an engine without a CMI.
    pub fn with_cmi_limit(self, limit: u32) -> SibGeometry {
        SibGeometry { cmi_capacity: self.cmi_capacity.min(limit), ..self }
    }
}

/// What the SIB counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SibCounters {
    /// Look-ups that found the column.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Columns forgotten for another.
    pub evictions: u64,
    /// CMI entries dropped from a full window.
    pub cmi_slides: u64,
}

/// A place in the SIB. It names a column only until that column is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

/// The end of a compacted line: its last element stood at `offset` of dense line `line`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Dense line of the column.
    pub line: u32,
    /// Element, 0 to 15, in it.
    pub offset: u8,
}

/// The sparsity information buffer, for columns of one matrix height K.
#[derive(Clone, Debug)]
pub struct Sib {
    geometry: SibGeometry,
    /// Bitmask words of one entry.
    words: usize,
    bits: Vec<u64>,
    /// Of each entry a ring: compacted line j is at `j % cmi_capacity`.
    cmi: Vec<CmiEntry>,
    states: Vec<State>,
    slots: FxHashMap<u64, Slot>,
    newest: u32,
    oldest: u32,
    counters: SibCounters,
}

/// Metadata of an entry, and its place in the order of use.
#[derive(Clone, Debug)]
struct State {
    column: u64,
    /// Length of the bitmask's known prefix.
    known: u32,
    /// Compacted lines whose CMI entries are known.
    window: Range<u32>,
    /// Where the window's predecessor ended: none at the column's start.
    before_window: Option<Point>,
    /// Where the window's final line ended. The hardware finds it by counting bits; kept to be quick.
    window_end: Option<Point>,
    newer: u32,
    older: u32,
}

/// The end of the linked list.
const NONE: u32 = u32::MAX;

impl Sib {
    /// An empty SIB.
    pub fn new(geometry: SibGeometry) -> Sib {
        let entries = geometry.entries as usize;
        let words = geometry.lines.div_ceil(u64::BITS) as usize;
        let mut slots = FxHashMap::default();
        slots.reserve(entries);
        Sib {
            geometry,
            words,
            bits: vec![0; words * entries],
            cmi: vec![CmiEntry::default(); geometry.cmi_capacity as usize * entries],
            states: Vec::with_capacity(entries),
            slots,
            newest: NONE,
            oldest: NONE,
            counters: SibCounters::default(),
        }
    }

    /// How it is divided.
    pub fn geometry(&self) -> SibGeometry {
        self.geometry
    }

    /// What it counted.
    pub fn counters(&self) -> SibCounters {
        self.counters
    }

    /// Bytes of the entries in use.
    pub fn used_bytes(&self) -> u64 {
        self.states.len() as u64 * u64::from(self.geometry.entry_bytes)
    }

    /// Looks a column up for a request: counts a hit or a miss, and makes a hit the most recently used.
    pub fn look_up(&mut self, column: u64) -> Option<Slot> {
        let slot = self.find(column);
        match slot {
            Some(slot) => {
                self.counters.hits += 1;
                self.touch(slot);
            }
            None => self.counters.misses += 1,
        }
        slot
    }

    /// Where a column is, without counting it as a use.
    pub fn find(&self, column: u64) -> Option<Slot> {
        self.slots.get(&column).copied()
    }

    /// Gives a column an entry, the most recently used one, evicting the least recently used column if
    /// need be. A column that has an entry keeps what is known of it. `None` if the SIB has no entries.
    pub fn insert(&mut self, column: u64) -> Option<Slot> {
        if let Some(slot) = self.find(column) {
            self.touch(slot);
            return Some(slot);
        }
        let slot = if (self.states.len() as u32) < self.geometry.entries {
            self.states.push(State::empty(column));
            Slot(self.states.len() as u32 - 1)
        } else if self.oldest == NONE {
            return None;
        } else {
            self.evict_oldest(column)
        };
        self.slots.insert(column, slot);
        self.link_newest(slot.0);
        Some(slot)
    }

    /// The column in `slot`.
    pub fn column(&self, slot: Slot) -> u64 {
        self.states[slot.0 as usize].column
    }

    /// What is known of the column in `slot`.
    pub fn entry(&self, slot: Slot) -> Entry<'_> {
        let slot = slot.0 as usize;
        let capacity = self.geometry.cmi_capacity as usize;
        Entry {
            lines: self.geometry.lines,
            state: &self.states[slot],
            bits: &self.bits[slot * self.words..][..self.words],
            cmi: &self.cmi[slot * capacity..][..capacity],
        }
    }

    /// What is known of a column; `None` if it has no entry.
    pub fn entry_of(&self, column: u64) -> Option<Entry<'_>> {
        self.find(column).map(|slot| self.entry(slot))
    }

    /// Notes whether dense line `line` holds a non-zero. Only the line behind the known prefix is news;
    /// any other is ignored. Returns whether it was.
    pub fn observe_line(&mut self, slot: Slot, line: u32, non_zero: bool) -> bool {
        let state = &mut self.states[slot.0 as usize];
        if line != state.known || line >= self.geometry.lines {
            return false;
        }
        state.known += 1;
        let word = &mut self.bits[slot.0 as usize * self.words + (line / u64::BITS) as usize];
        *word |= u64::from(non_zero) << (line % u64::BITS);
        true
    }

    /// Notes the mapping of compacted line `index`. Only the line behind the window is news, and only if
    /// the dense lines that it takes from are in the known prefix; any other is ignored. Returns whether
    /// it was news.
    pub fn observe_compacted(&mut self, slot: Slot, index: u32, cmi: CmiEntry) -> bool {
        let capacity = self.geometry.cmi_capacity;
        let entry = self.entry(slot);
        if capacity == 0 || index != entry.state.window.end {
            return false;
        }
        let Some(end) = entry.advance(entry.state.window_end, cmi) else { return false };
        let oldest_must_go = entry.state.window.len() as u32 == capacity;
        let slid = oldest_must_go.then(|| {
            let first = entry.stored(entry.state.window.start);
            entry.advance(entry.state.before_window, first).unwrap_or_default()
        });

        let state = &mut self.states[slot.0 as usize];
        if let Some(before_window) = slid {
            state.before_window = before_window;
            state.window.start += 1;
            self.counters.cmi_slides += 1;
        }
        state.window.end += 1;
        state.window_end = end;
        self.cmi[slot.0 as usize * capacity as usize + (index % capacity) as usize] = cmi;
        true
    }

    fn evict_oldest(&mut self, column: u64) -> Slot {
        let slot = self.oldest;
        self.unlink(slot);
        let state = &mut self.states[slot as usize];
        self.slots.remove(&state.column);
        *state = State::empty(column);
        self.bits[slot as usize * self.words..][..self.words].fill(0);
        self.counters.evictions += 1;
        Slot(slot)
    }

    fn touch(&mut self, slot: Slot) {
        if self.newest != slot.0 {
            self.unlink(slot.0);
            self.link_newest(slot.0);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let State { newer, older, .. } = self.states[slot as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.states[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.states[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let state = &mut self.states[slot as usize];
        state.newer = NONE;
        state.older = self.newest;
        match self.newest {
            NONE => self.oldest = slot,
            newest => self.states[newest as usize].newer = slot,
        }
        self.newest = slot;
    }
}

impl State {
    fn empty(column: u64) -> State {
        State {
            column,
            known: 0,
            window: 0..0,
            before_window: None,
            window_end: None,
            newer: NONE,
            older: NONE,
        }
    }
}

/// What the SIB knows of one column.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    lines: u32,
    state: &'a State,
    bits: &'a [u64],
    cmi: &'a [CmiEntry],
}

impl<'a> Entry<'a> {
    /// Dense lines of the column.
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Length of the bitmask's known prefix, in lines.
    pub fn known_lines(&self) -> u32 {
        self.state.known
    }

    /// Whether the bitmask is known to the column's end.
    pub fn is_bitmask_complete(&self) -> bool {
        self.state.known == self.lines
    }

    /// Whether a dense line holds a non-zero; `None` beyond the known prefix.
    pub fn bit(&self, line: u32) -> Option<bool> {
        let word = (line / u64::BITS) as usize;
        (line < self.state.known).then(|| self.bits[word] >> (line % u64::BITS) & 1 == 1)
    }

    /// The first line at or after `from` that is known to hold a non-zero.
    pub fn next_non_zero(&self, from: u32) -> Option<u32> {
        self.nth_non_zero(from, 1)
    }

    /// Compacted lines whose mapping is known.
    pub fn window(&self) -> Range<u32> {
        self.state.window.clone()
    }

    /// The mapping of compacted line `index`, if it is in the window.
    pub fn cmi(&self, index: u32) -> Option<CmiEntry> {
        self.state.window.contains(&index).then(|| self.stored(index))
    }

    /// Where compacted line `index` begins: behind the end of its predecessor, `None` at the column's
    /// start. The outer `None` says that it is not known, which it is for lines in the window and for
    /// the one behind it.
    pub fn start_of(&self, index: u32) -> Option<Option<Point>> {
        let window = &self.state.window;
        if index == window.end {
            return Some(self.state.window_end);
        }
        if !window.contains(&index) {
            return None;
        }
        // As algorithm 4 does: add up the lines that the entries before it needed, and count off so many
        // bits of the bitmask.
        let before = window.start..index;
        let needed = before.clone().map(|index| u32::from(self.stored(index).needed)).sum();
        let Some(previous) = before.last() else { return Some(self.state.before_window) };
        self.walk(self.state.before_window, needed, self.stored(previous).offset)
    }

    /// Whether compacted line `index` is the column's last, where that is known: a line with a successor
    /// in the window is not; neither is one with a non-zero dense line behind its end; one that ends with
    /// the final non-zero line's element 15 is.
    pub fn is_last(&self, index: u32) -> Option<bool> {
        let window = &self.state.window;
        if index + 1 < window.end {
            return Some(false);
        }
        if index + 1 > window.end {
            return None;
        }
        let behind = self.state.window_end.map_or(0, |point| point.line + 1);
        if self.next_non_zero(behind).is_some() {
            return Some(false);
        }
        let no_leftover = self.state.window_end.is_none_or(|point| point.offset == 15);
        (no_leftover && self.is_bitmask_complete()).then_some(true)
    }

    /// The entry in the ring, whether or not it is in the window.
    fn stored(&self, index: u32) -> CmiEntry {
        self.cmi[index as usize % self.cmi.len()]
    }

    /// From the end of a compacted line to the end of the next; `None` where the bitmask does not say.
    fn advance(&self, from: Option<Point>, cmi: CmiEntry) -> Option<Option<Point>> {
        self.walk(from, u32::from(cmi.needed), cmi.offset)
    }

    /// From the end of a compacted line over `needed` non-zero lines to `offset` in the last of them.
    fn walk(&self, from: Option<Point>, needed: u32, offset: u8) -> Option<Option<Point>> {
        if needed == 0 {
            // All leftovers; or, at the column's start, the one line of an all-zero column.
            return Some(from.map(|point| Point { offset, ..point }));
        }
        let line = self.nth_non_zero(from.map_or(0, |point| point.line + 1), needed)?;
        Some(Some(Point { line, offset }))
    }

    /// The `n`-th known non-zero line at or after `from`, counting from 1. Bits behind the known prefix
    /// are clear, so it cannot be there.
    fn nth_non_zero(&self, from: u32, mut n: u32) -> Option<u32> {
        let first = (from / u64::BITS) as usize;
        let mut keep = u64::MAX << (from % u64::BITS);
        for (index, word) in self.bits.iter().enumerate().skip(first) {
            let mut word = word & keep;
            keep = u64::MAX;
            let ones = word.count_ones();
            if n <= ones {
                for _ in 1..n {
                    word &= word - 1;
                }
                return Some(index as u32 * u64::BITS + word.trailing_zeros());
            }
            n -= ones;
        }
        None
    }
}
