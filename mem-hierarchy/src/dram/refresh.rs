//! When the next refresh is due, and of which bank.
//!
//! Refreshes come at a fixed interval and none is postponed or drawn forward. Where banks are refreshed one
//! by one, every bank has its turn once in a round, in an order that is free within the round: a bank
//! without requests goes first.

use super::params::{Dram, Refresh};
use super::standards::Standard;
use super::timing::{Command, Gate, Rule};

/// Later than every tick.
pub(super) const NEVER: u64 = u64::MAX;

/// The refreshes of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refreshes {
    /// Tick of the next one; [`NEVER`] without.
    pub(super) due: u64,
    pub(super) interval: u64,
    /// `None` where all banks are refreshed at once.
    pub(super) round: Option<Round>,
}

/// Refreshes of one bank after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// Banks whose turn has not come in this round, one bit a bank; never empty.
    left: u64,
    banks: usize,
}

impl Refreshes {
    pub(super) fn new(dram: &Dram, standard: &Standard) -> Self {
        let kind = match dram.refresh {
            Refresh::Preset => standard.refresh,
            chosen => chosen,
        };
        let (t, banks) = (&standard.timings, standard.banks.total());
        let (interval, round) = match kind {
            _ if t.refi == 0 => (NEVER, None),
            Refresh::Off => (NEVER, None),
            Refresh::PerBank => (t.refi_bank(banks), Some(Round::new(banks))),
            Refresh::Preset | Refresh::AllBank => (t.refi, None),
        };
        Self { due: interval, interval, round }
    }

    /// Whether a rule can matter: the two kinds of refresh are never mixed.
    pub(super) fn concerns(&self, rule: &Rule) -> bool {
        let of_bank = rule.before == Command::RefreshBank || rule.after == Gate::RefreshBank;
        self.round.is_some() || !of_bank
    }

    /// Passes over whole rounds that end before `now`, except for the last one; how many refreshes those are.
    ///
    /// For a channel at rest only, where one round is like the other and the last one says from when on each
    /// bank is free.
    pub(super) fn skip_rounds(&mut self, now: u64) -> u64 {
        let Some(round) = self.round.filter(Round::is_in_order) else { return 0 };
        let length = self.interval * round.banks as u64;
        let rounds = ((now - self.due) / length).saturating_sub(1);
        self.due += rounds * length;
        rounds * round.banks as u64
    }
}

impl Round {
    fn new(banks: usize) -> Self {
        Self { left: u64::MAX >> (u64::BITS as usize - banks), banks }
    }

    /// Whether the banks left are the last ones, so that a round later the same ones will be.
    fn is_in_order(&self) -> bool {
        self.left == Self::new(self.banks).left & (u64::MAX << self.left.trailing_zeros())
    }

    /// The next bank: the first that is `free`, else the first.
    pub(super) fn next(&mut self, free: impl Fn(usize) -> bool) -> usize {
        let first = self.left.trailing_zeros() as usize;
        let bank = (first..self.banks).find(|&bank| self.left & 1 << bank != 0 && free(bank));
        let bank = bank.unwrap_or(first);
        self.left &= !(1 << bank);
        if self.left == 0 {
            *self = Self::new(self.banks);
        }
        bank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bank_has_its_turn_once_in_a_round_and_free_ones_go_first() {
        let mut round = Round::new(4);
        let busy = |bank| bank != 0;
        let order: Vec<_> = (0..4).map(|_| round.next(busy)).collect();
        assert_eq!(order, [1, 2, 3, 0]);
        assert_eq!(round.next(|_| false), 0);
        assert_eq!(round.next(|_| true), 1);
        assert!(round.is_in_order());
        assert_eq!(round.next(|bank| bank == 3), 3);
        assert!(!round.is_in_order());
    }
}
