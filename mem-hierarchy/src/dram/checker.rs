//! An independent judge of a command stream, for the tests.
//!
//! It is written from data-sheet definitions, pair by pair over the whole stream, and shares neither
//! the table nor the gates of [`super::timing`]; it takes nothing of the scheduler's but the stream. It
//! panics at the first violation, and for each rule it keeps the smallest slack: zero says that some command
//! came at the very tick from which the rule allows it.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::LoggedCommand;
use super::standards::Standard;
use super::timing::Command;

/// What a stream without violations holds.
pub(super) struct Verdict {
    /// ACTs.
    pub(super) activates: u64,
    /// RDs and WRs, with and without precharge.
    pub(super) bursts: u64,
    /// REFs or REFpbs.
    pub(super) refreshes: u64,
    /// By rule, the fewest clocks by which a command came later than the rule asks.
    pub(super) slack: BTreeMap<&'static str, u64>,
}

/// Judges the commands of a channel; panics at the first violation.
pub(super) fn check(standard: &Standard, commands: &[LoggedCommand]) -> Verdict {
    let mut judge = Judge::new(standard);
    commands.iter().for_each(|command| judge.command(command));
    Verdict {
        activates: judge.activates,
        bursts: judge.columns.len() as u64,
        refreshes: judge.refreshes,
        slack: judge.slack,
    }
}

/// What a burst does to the data bus.
struct Burst {
    end: u64,
    write: bool,
    rank: usize,
}

/// A row opened: ACT, or REFpb, which opens rows inside of its bank.
struct Opening {
    tick: u64,
    group: usize,
    refresh: bool,
}

#[derive(Clone, Default)]
struct BankLog {
    row: Option<u32>,
    activate: Option<u64>,
    /// When the latest precharge (also a hidden one) took effect.
    closed: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
    refreshed: Option<u64>,
}

struct Judge<'a> {
    standard: &'a Standard,
    banks: Vec<BankLog>,
    openings: Vec<Opening>,
    /// Tick, group, and whether it writes.
    columns: Vec<(u64, usize, bool)>,
    /// Tick and rank.
    precharges: Vec<(u64, usize)>,
    last_burst: Option<Burst>,
    last_tick: u64,
    /// Ticks of the latest row and column command.
    row_bus: Option<(u64, bool)>,
    column_bus: Option<u64>,
    refreshed: Option<u64>,
    refreshes: u64,
    /// Banks refreshed in this round of REFpb.
    round: BTreeSet<usize>,
    activates: u64,
    slack: BTreeMap<&'static str, u64>,
}

impl<'a> Judge<'a> {
    fn new(standard: &'a Standard) -> Self {
        Self {
            standard,
            banks: vec![BankLog::default(); standard.banks.total()],
            openings: Vec::new(),
            columns: Vec::new(),
            precharges: Vec::new(),
            last_burst: None,
            last_tick: 0,
            row_bus: None,
            column_bus: None,
            refreshed: None,
            refreshes: 0,
            round: BTreeSet::new(),
            activates: 0,
            slack: BTreeMap::new(),
        }
    }

    fn command(&mut self, c: &LoggedCommand) {
        assert!(self.last_tick <= c.tick, "commands out of order at {c:?}");
        self.last_tick = c.tick;
        self.buses(c);
        let group = c.bank_group as usize;
        let index = group * self.standard.banks.banks + c.bank as usize;
        match c.command {
            Command::Activate => self.activate(c, index, group),
            Command::Precharge => self.precharge(c, index..index + 1, self.rank(group)),
            Command::PrechargeAll => self.precharge(c, 0..self.banks.len(), 0),
            Command::Refresh => self.refresh(c),
            Command::RefreshBank => self.refresh_bank(c, index, group),
            Command::Read | Command::ReadPrecharge => self.column(c, index, group, false),
            Command::Write | Command::WritePrecharge => self.column(c, index, group, true),
        }
    }

    fn rank(&self, group: usize) -> usize {
        group / self.standard.banks.groups
    }

    /// `now` comes `need` or more after `earlier`.
    fn apart(&mut self, what: &'static str, earlier: Option<u64>, need: u64, c: &LoggedCommand) {
        let Some(earlier) = earlier.filter(|_| need > 0) else { return };
        assert!(c.tick >= earlier + need, "{what}: {earlier} + {need} > {} at {c:?}", c.tick);
        let slack = self.slack.entry(what).or_insert(u64::MAX);
        *slack = (*slack).min(c.tick - earlier - need);
    }

    /// One command a bus and clock, and two clocks for ACT where the standard says so.
    fn buses(&mut self, c: &LoggedCommand) {
        let column = matches!(
            c.command,
            Command::Read | Command::ReadPrecharge | Command::Write | Command::WritePrecharge
        );
        let row_taken = self.row_bus.is_some_and(|(tick, _)| tick == c.tick);
        let column_taken = self.column_bus == Some(c.tick);
        let own_taken = if column { column_taken } else { row_taken };
        let other_taken = if column { row_taken } else { column_taken };
        assert!(!own_taken, "two commands on a bus at {c:?}");
        assert!(self.standard.dual_command || !other_taken, "two commands on the only bus at {c:?}");
        if column {
            self.column_bus = Some(c.tick);
            return;
        }
        if let Some((tick, true)) = self.row_bus
            && self.standard.timings.act > 1
        {
            self.apart("two-clock ACT", Some(tick), self.standard.timings.act, c);
        }
        self.row_bus = Some((c.tick, c.command == Command::Activate));
    }

    fn activate(&mut self, c: &LoggedCommand, index: usize, group: usize) {
        let t = self.standard.timings;
        let bank = self.banks[index].clone();
        assert!(bank.row.is_none(), "ACT to an open bank: {c:?}");
        self.apart("tRC", bank.activate, t.ras + t.rp, c);
        self.apart("tRP", bank.closed, t.rp, c);
        self.apart("tRFC", self.refreshed, t.rfc, c);
        self.apart("tRFCpb", bank.refreshed, t.rfc_bank, c);
        self.opening(c, group, false);
        self.activates += 1;
        let (row, activate) = (Some(c.row), Some(c.tick));
        self.banks[index] = BankLog { row, activate, read: None, write: None, ..bank };
    }

    /// What ACT and REFpb have to keep towards those before.
    fn opening(&mut self, c: &LoggedCommand, group: usize, refresh: bool) {
        let t = self.standard.timings;
        let rank = self.rank(group);
        let latest = |wanted: &dyn Fn(&Opening) -> bool, n: usize| {
            let mine =
                self.openings.iter().rev().take(256).filter(|o| self.rank(o.group) == rank && wanted(o));
            mine.map(|o| o.tick).nth(n)
        };
        let in_group = latest(&|o| o.group == group && !o.refresh, 0);
        let in_rank = latest(&|o| !o.refresh, 0);
        let bank_refresh = latest(&|o| o.refresh, 0);
        let (fourth, thirty_second) = (latest(&|_| true, 3), latest(&|_| true, 31));
        self.apart("tRRD_L", in_group, t.rrd_l, c);
        self.apart("tRRD_S", in_rank, t.rrd_s, c);
        self.apart("tRREFD", bank_refresh, t.rrefd, c);
        self.apart("tFAW", fourth, t.faw, c);
        self.apart("t32AW", thirty_second, t.aw32, c);
        self.openings.push(Opening { tick: c.tick, group, refresh });
    }

    fn precharge(&mut self, c: &LoggedCommand, banks: std::ops::Range<usize>, rank: usize) {
        let t = self.standard.timings;
        let earlier = self.precharges.iter().rev().find(|p| p.1 == rank).map(|p| p.0);
        self.apart("tPPD", earlier, t.ppd, c);
        self.precharges.push((c.tick, rank));
        for index in banks {
            let bank = self.banks[index].clone();
            if bank.row.is_none() {
                assert!(c.command == Command::PrechargeAll, "PRE to a closed bank: {c:?}");
                continue;
            }
            self.apart("tRAS", bank.activate, t.ras, c);
            self.apart("tRTP", bank.read, t.rtp, c);
            self.apart("tWR", bank.write, t.cwl + t.burst + t.wr, c);
            self.banks[index] = BankLog { row: None, closed: Some(c.tick), ..bank };
        }
    }

    fn refresh(&mut self, c: &LoggedCommand) {
        let t = self.standard.timings;
        for index in 0..self.banks.len() {
            assert!(self.banks[index].row.is_none(), "REF with an open bank: {c:?}");
            self.apart("tRP before REF", self.banks[index].closed, t.rp, c);
        }
        self.apart("tRFC", self.refreshed, t.rfc, c);
        self.refreshed = Some(c.tick);
        self.due(c, t.refi);
    }

    fn refresh_bank(&mut self, c: &LoggedCommand, index: usize, group: usize) {
        let t = self.standard.timings;
        if self.round.len() == self.banks.len() {
            self.round.clear();
        }
        assert!(self.round.insert(index), "REFpb twice in a round: {c:?}");
        let bank = self.banks[index].clone();
        assert!(bank.row.is_none(), "REFpb to an open bank: {c:?}");
        self.apart("tRP before REFpb", bank.closed, t.rp, c);
        self.apart("tRC before REFpb", bank.activate, t.ras + t.rp, c);
        self.apart("tRFCpb", bank.refreshed, t.rfc_bank, c);
        self.opening(c, group, true);
        self.banks[index].refreshed = Some(c.tick);
        self.due(c, t.refi / self.banks.len() as u64);
    }

    /// The next refresh comes when it is due, and before the one after it is.
    fn due(&mut self, c: &LoggedCommand, interval: u64) {
        self.refreshes += 1;
        assert!(c.tick >= self.refreshes * interval, "refresh {} before it is due: {c:?}", self.refreshes);
        assert!(c.tick < (self.refreshes + 1) * interval, "refresh {} too late: {c:?}", self.refreshes);
    }

    fn column(&mut self, c: &LoggedCommand, index: usize, group: usize, write: bool) {
        let t = self.standard.timings;
        let bank = &mut self.banks[index];
        assert_eq!(bank.row, Some(c.row), "a burst of a row that is not open: {c:?}");
        let activate = bank.activate;
        *(if write { &mut bank.write } else { &mut bank.read }) = Some(c.tick);
        if matches!(c.command, Command::ReadPrecharge | Command::WritePrecharge) {
            // The bank precharges itself as soon as a PRE would be allowed.
            let ras = bank.activate.map_or(0, |a| a + t.ras);
            let rtp = bank.read.map_or(0, |r| r + t.rtp);
            let wr = bank.write.map_or(0, |w| w + t.cwl + t.burst + t.wr);
            (bank.row, bank.closed) = (None, Some(ras.max(rtp).max(wr)));
        }
        let (what, rcd) = if write { ("tRCDWR", t.rcd_write) } else { ("tRCDRD", t.rcd_read) };
        self.apart(what, activate, rcd, c);
        self.column_distances(c, group, write);
        self.columns.push((c.tick, group, write));
        self.data_bus(c, self.rank(group), write);
    }

    fn column_distances(&mut self, c: &LoggedCommand, group: usize, write: bool) {
        let t = self.standard.timings;
        let (rank, written) = (self.rank(group), t.cwl + t.burst);
        let latest = |wanted: &dyn Fn(usize, bool) -> bool| {
            let recent = self.columns.iter().rev().take(256);
            recent.filter(|(_, g, w)| wanted(*g, *w)).map(|column| column.0).next()
        };
        let same = latest(&|_, w| w == write);
        let same_in_group = latest(&|g, w| w == write && g == group);
        let written_in_group = latest(&|g, w| w && g == group);
        let written_in_rank = latest(&|g, w| w && self.rank(g) == rank);
        self.apart("tCCD_S", same, t.ccd_s, c);
        self.apart("tCCD_L", same_in_group, t.ccd_l, c);
        if !write {
            self.apart("tWTR_L", written_in_group, written + t.wtr_l, c);
            self.apart("tWTR_S", written_in_rank, written + t.wtr_s, c);
        }
    }

    /// The burst finds the bus free: where it turns from reads to writes or changes rank, for a while.
    fn data_bus(&mut self, c: &LoggedCommand, rank: usize, write: bool) {
        let t = self.standard.timings;
        let start = c.tick + if write { t.cwl } else { t.cl };
        if let Some(last) = &self.last_burst {
            let turns = write && !last.write;
            let bubble = if turns || last.rank != rank { t.rtrs } else { 0 };
            assert!(start >= last.end + bubble, "data bus taken until {}: {c:?}", last.end);
            let what = if turns { "tRTW" } else { "data bus" };
            let slack = self.slack.entry(what).or_insert(u64::MAX);
            *slack = (*slack).min(start - last.end - bubble);
        }
        self.last_burst = Some(Burst { end: start + t.burst, write, rank });
    }
}

/// The checker itself finds what is wrong.
#[test]
#[should_panic(expected = "tRCDRD")]
fn an_early_read_is_found() {
    let standard = super::Preset::Gddr5.standard().unwrap();
    let at = |tick, command| LoggedCommand { tick, command, bank_group: 0, bank: 3, row: 1 };
    check(standard, &[at(10, Command::Activate), at(37, Command::Read)]);
}

/// A refresh of a bank too close to an ACT in another one.
#[test]
#[should_panic(expected = "tRREFD")]
fn an_early_activate_after_a_refresh_of_another_bank_is_found() {
    let standard = super::Preset::Gddr6.standard().unwrap();
    let at = |tick, command, bank| LoggedCommand { tick, command, bank_group: 0, bank, row: 0 };
    check(standard, &[at(208, Command::RefreshBank, 0), at(222, Command::Activate, 1)]);
}
