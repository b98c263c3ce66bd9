//! Requests that wait in a channel, in one list a bank and kind, oldest first.
//!
//! Requests live in slots: the reads first, then the writes. A slot is linked into the list of its bank
//! when the scheduler may look at it; lists are threaded through the slots, so nothing is allocated
//! after the start.

use std::collections::VecDeque;

use super::address::Place;

/// Index of a slot.
pub(super) type SlotId = u8;

/// No slot.
pub(super) const NONE: SlotId = u8::MAX;

/// Age of the first request. Below it are the ages of refreshes, one a bank, which go before all.
const FIRST_AGE: u64 = 64;

/// No line: what a free slot holds.
const NO_LINE: u64 = u64::MAX;

/// A request that waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// Order of linking: lower is older.
    pub(super) age: u64,
    /// Tick of acceptance.
    pub(super) accepted: u64,
    /// The caller's tag.
    pub(super) tag: u32,
    /// Row of the bank.
    pub(super) row: u32,
    /// Bank of the channel.
    pub(super) bank: u8,
    /// Bursts still to be issued.
    pub(super) bursts_left: u8,
    /// Whether it writes.
    pub(super) write: bool,
    /// A read for which a younger write of the same line waits; a write: how many such reads are left.
    hazards: u8,
    next: SlotId,
    previous: SlotId,
}

impl Slot {
    pub(super) fn new(accepted: u64, tag: u32, place: Place, write: bool, bursts: u8) -> Self {
        let (bank, row) = (place.bank as u8, place.row);
        Self { accepted, tag, row, bank, bursts_left: bursts, write, ..Self::default() }
    }
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
struct List {
    head: SlotId,
    tail: SlotId,
}

const EMPTY: List = List { head: NONE, tail: NONE };

/// The requests of a channel.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    slots: Box<[Slot]>,
    /// The line of each slot, apart so that a search runs through little memory.
    lines: Box<[u64]>,
    /// Slots of reads come first; this many.
    reads: usize,
    free: [Vec<SlotId>; 2],
    /// Lists by bank: `[reads, writes]`, or all of a bank in the first where kinds are not told apart.
    lists: Box<[[List; 2]]>,
    by_kind: bool,
    /// Requests that the scheduler may look at; zero for all.
    window: usize,
    linked: usize,
    /// Accepted, but beyond the window.
    beyond: VecDeque<SlotId>,
    next_age: u64,
    /// Linked requests of each list kind.
    counts: [usize; 2],
}

impl Queue {
    pub(super) fn new(reads: usize, writes: usize, banks: usize, by_kind: bool, window: usize) -> Self {
        let total = reads + writes;
        assert!(total < usize::from(NONE), "DRAM queue of {total} requests: at most {} fit", NONE - 1);
        let ids = |range: std::ops::Range<usize>| range.rev().map(|id| id as SlotId).collect();
        Self {
            slots: vec![Slot::default(); total].into(),
            lines: vec![NO_LINE; total].into(),
            reads,
            free: [ids(0..reads), ids(reads..total)],
            lists: vec![[EMPTY; 2]; banks].into(),
            by_kind,
            window: if window == 0 { total } else { window },
            linked: 0,
            beyond: VecDeque::with_capacity(total),
            next_age: FIRST_AGE,
            counts: [0; 2],
        }
    }

    #[inline]
    pub(super) fn has_room(&self, write: bool) -> bool {
        !self.free[usize::from(write)].is_empty()
    }

    /// Whether nothing waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.free[0].len() + self.free[1].len() == self.slots.len()
    }

    /// Requests in the lists of a kind.
    #[inline]
    pub(super) fn count(&self, kind: usize) -> usize {
        self.counts[kind]
    }

    #[inline]
    pub(super) fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[usize::from(id)]
    }

    #[inline]
    pub(super) fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[usize::from(id)]
    }

    /// A waiting write of `line`.
    #[inline]
    pub(super) fn write_of(&self, line: u64) -> Option<SlotId> {
        if self.free[1].len() == self.slots.len() - self.reads {
            return None;
        }
        let found = self.lines[self.reads..].iter().position(|&l| l == line)?;
        Some((self.reads + found) as SlotId)
    }

    /// The oldest request of a bank and kind, [`NONE`] if there is none.
    #[inline]
    pub(super) fn oldest(&self, bank: usize, kind: usize) -> SlotId {
        self.lists[bank][kind].head
    }

    /// Whether the scheduler sees no request for a bank.
    pub(super) fn has_none_for(&self, bank: usize) -> bool {
        self.lists[bank].iter().all(|list| list.head == NONE)
    }

    /// The oldest request for `row` from `from` on, along its list.
    #[inline]
    pub(super) fn oldest_of_row(&self, from: SlotId, row: u32) -> SlotId {
        let mut id = from;
        while id != NONE && self.slots[usize::from(id)].row != row {
            id = self.slots[usize::from(id)].next;
        }
        id
    }

    /// Takes a request in (there is room); the bank whose list has changed, if one has.
    #[inline]
    pub(super) fn push(&mut self, line: u64, request: Slot) -> Option<usize> {
        let kind = usize::from(request.write);
        let id = self.free[kind].pop().expect("DRAM queue: accepted without room");
        let index = usize::from(id);
        self.slots[index] = request;
        self.lines[index] = line;
        if request.write && self.by_kind && self.block_behind_reads(line, index) {
            return None;
        }
        if self.linked == self.window {
            self.beyond.push_back(id);
            return None;
        }
        Some(self.link(id))
    }

    /// Lets the write in slot `write` wait for the reads of its line; whether there are any.
    ///
    /// Reads and writes are scheduled apart, so a write could overtake an older read and hand it the
    /// new data: the write is not shown to the scheduler before the reads are under way.
    fn block_behind_reads(&mut self, line: u64, write: usize) -> bool {
        if self.free[0].len() == self.reads {
            return false;
        }
        for read in 0..self.reads {
            if self.lines[read] == line {
                self.slots[read].hazards = 1;
                self.slots[write].hazards += 1;
            }
        }
        self.slots[write].hazards > 0
    }

    /// Removes a request whose last burst was issued; other banks whose lists have changed by that.
    #[inline]
    pub(super) fn remove(&mut self, id: SlotId) -> [Option<usize>; 2] {
        let index = usize::from(id);
        let Slot { next, previous, bank, write, hazards, .. } = self.slots[index];
        let kind = self.list_of(write);
        let list = &mut self.lists[usize::from(bank)][kind];
        match previous {
            NONE => list.head = next,
            previous => self.slots[usize::from(previous)].next = next,
        }
        match next {
            NONE => list.tail = previous,
            next => self.slots[usize::from(next)].previous = previous,
        }
        self.linked -= 1;
        self.counts[kind] -= 1;
        let line = std::mem::replace(&mut self.lines[index], NO_LINE);
        self.free[usize::from(write)].push(id);
        let unblocked = if !write && hazards > 0 { self.unblock(line) } else { None };
        let moved_up =
            if self.linked < self.window { self.beyond.pop_front().map(|id| self.link(id)) } else { None };
        [unblocked, moved_up]
    }

    /// A read of `line` is under way: links the write that waited for it, unless others keep it.
    fn unblock(&mut self, line: u64) -> Option<usize> {
        let write = self.write_of(line).expect("DRAM queue: a read's hazard is gone");
        let slot = self.slot_mut(write);
        slot.hazards -= 1;
        (slot.hazards == 0).then(|| self.link(write))
    }

    /// Appends a slot to the list of its bank, which is returned.
    #[inline]
    fn link(&mut self, id: SlotId) -> usize {
        let index = usize::from(id);
        let kind = self.list_of(self.slots[index].write);
        let bank = usize::from(self.slots[index].bank);
        let list = &mut self.lists[bank][kind];
        let previous = std::mem::replace(&mut list.tail, id);
        match previous {
            NONE => list.head = id,
            previous => self.slots[usize::from(previous)].next = id,
        }
        let slot = &mut self.slots[index];
        (slot.previous, slot.next, slot.age) = (previous, NONE, self.next_age);
        self.next_age += 1;
        self.linked += 1;
        self.counts[kind] += 1;
        bank
    }

    #[inline]
    fn list_of(&self, write: bool) -> usize {
        usize::from(write && self.by_kind)
    }
}
