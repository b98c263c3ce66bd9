//! The state of a bank, and the command that it wants next.

use super::queue::{NONE, Queue, SlotId};
use super::timing::Gate;

/// No row is open.
pub(super) const CLOSED: u32 = u32::MAX;

/// A bank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bank {
    /// The open row, or [`CLOSED`].
    pub(super) open_row: u32,
    /// Lines served from the open row since it was opened.
    pub(super) streak: u32,
    /// How the open row came to be open, until its first burst has been counted.
    pub(super) opened: Opened,
    /// The request for which the row was opened, or whose line is half done; [`NONE`] without.
    ///
    /// It is served next even where the channel has meanwhile turned from reads to writes or back.
    /// Otherwise every turn would throw away the rows just opened: 4 % more ACTs and 4 % less
    /// bandwidth in random traffic with 30 % writes.
    pub(super) claim: SlotId,
    /// Whether a refresh of the bank is due: it takes no requests until that has been issued.
    pub(super) refresh_due: bool,
}

/// What the next burst of a bank counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// The row was open: a hit.
    Before,
    /// It was opened in a closed bank: a miss.
    FromClosed,
    /// Another row had to be closed for it: a conflict.
    AfterConflict,
}

/// What a bank wants: the kind of command and the request that it is for ([`NONE`] for a refresh).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) gate: Gate,
    pub(super) slot: SlotId,
    /// Group of the bank.
    pub(super) group: u8,
    /// Age of the request; of a refresh, less than every request's.
    pub(super) age: u64,
    /// The earliest tick as far as the bank itself goes; its group has to be asked besides.
    pub(super) ready: u64,
}

/// How row hits are preferred.
#[derive(Clone, Copy, Debug)]
pub(super) struct HitRule {
    /// Whether a younger request for the open row goes before an older one for another row.
    pub(super) hits_first: bool,
    /// Lines served so once an older conflict waits; zero for no bound.
    pub(super) cap: u32,
}

impl Bank {
    pub(super) const IDLE: Self =
        Self { open_row: CLOSED, streak: 0, opened: Opened::Before, claim: NONE, refresh_due: false };

    /// The kind of command that the bank wants next and the request that it is for, the requests of list
    /// `kind` being served.
    #[inline]
    pub(super) fn wish(
        &self,
        index: usize,
        queue: &Queue,
        kind: usize,
        rule: &HitRule,
    ) -> Option<(Gate, SlotId)> {
        if self.refresh_due {
            let gate = if self.open_row == CLOSED { Gate::RefreshBank } else { Gate::Precharge };
            return Some((gate, NONE));
        }
        if self.claim != NONE {
            return Some((column_gate(queue, self.claim), self.claim));
        }
        let oldest = queue.oldest(index, kind);
        if oldest == NONE {
            return None;
        }
        if self.open_row == CLOSED {
            return Some((Gate::Activate, oldest));
        }
        match self.hit(oldest, queue, rule) {
            NONE => Some((Gate::Precharge, oldest)),
            hit => Some((column_gate(queue, hit), hit)),
        }
    }

    /// The request that the open row should serve, or [`NONE`] where it should close.
    #[inline]
    fn hit(&self, oldest: SlotId, queue: &Queue, rule: &HitRule) -> SlotId {
        if queue.slot(oldest).row == self.open_row {
            return oldest;
        }
        if !rule.hits_first {
            return NONE;
        }
        if rule.cap > 0 && self.streak >= rule.cap {
            return NONE;
        }
        queue.oldest_of_row(oldest, self.open_row)
    }
}

#[inline]
fn column_gate(queue: &Queue, slot: SlotId) -> Gate {
    if queue.slot(slot).write { Gate::Write } else { Gate::Read }
}
