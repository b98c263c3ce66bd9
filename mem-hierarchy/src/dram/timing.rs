//! Timing rules as one table, and the interpreter of it.
//!
//! A [`Rule`] says: after command `before`, command `after` waits `clocks`, within `scope`. A rule with
//! a `count` above one looks that many `before`s back: tFAW is *four ACTs to the next, in tFAW*.
//! [`Timings::rules`] writes the table out; everything that the scheduler knows about time, it asks
//! [`Gates`], which keeps, for each bank and each bank group, the earliest tick of each kind of command.
//! No rule is anywhere else, so a new standard is a new [`Timings`], and a new kind of constraint is a
//! new line of the table.

/// A command on the command bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// ACT: open a row.
    Activate,
    /// PRE: close a bank's row.
    Precharge,
    /// PREA: close the rows of all banks.
    PrechargeAll,
    /// RD: read a burst of the open row.
    Read,
    /// RDA: the same, and close the row.
    ReadPrecharge,
    /// WR: write a burst of the open row.
    Write,
    /// WRA: the same, and close the row.
    WritePrecharge,
    /// REF: refresh all banks, all of them closed.
    Refresh,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 8] = [
        Self::Activate,
        Self::Precharge,
        Self::PrechargeAll,
        Self::Read,
        Self::ReadPrecharge,
        Self::Write,
        Self::WritePrecharge,
        Self::Refresh,
    ];

    /// The name used in data sheets.
    pub fn mnemonic(self) -> &'static str {
        match self {
            Self::Activate => "ACT",
            Self::Precharge => "PRE",
            Self::PrechargeAll => "PREA",
            Self::Read => "RD",
            Self::ReadPrecharge => "RDA",
            Self::Write => "WR",
            Self::WritePrecharge => "WRA",
            Self::Refresh => "REF",
        }
    }

    /// What the command has to wait for.
    pub fn gate(self) -> Gate {
        match self {
            Self::Activate => Gate::Activate,
            Self::Precharge | Self::PrechargeAll => Gate::Precharge,
            Self::Read | Self::ReadPrecharge => Gate::Read,
            Self::Write | Self::WritePrecharge => Gate::Write,
            Self::Refresh => Gate::Refresh,
        }
    }
}

/// Commands that wait for the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// ACT.
    Activate,
    /// PRE and PREA.
    Precharge,
    /// RD and RDA.
    Read,
    /// WR and WRA.
    Write,
    /// REF.
    Refresh,
}

impl Gate {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// Whether the command moves data, as opposed to opening and closing rows.
    #[inline]
    pub fn is_column(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// How far a rule reaches from the bank of its `before` command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The same bank.
    Bank,
    /// The same bank group.
    Group,
    /// The same rank.
    Rank,
    /// Every rank but the same.
    OtherRanks,
    /// The whole channel.
    Channel,
}

/// One timing rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The preceding command.
    pub before: Command,
    /// The following command.
    pub after: Gate,
    /// Where the two have to meet for the rule to hold.
    pub scope: Scope,
    /// Clocks that must lie between them.
    pub clocks: u64,
    /// How many `before`s back the rule looks: 1 for the latest.
    pub count: usize,
}

/// The timings of a memory, in clocks of its command bus. Zero means that there is no such limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Clocks that a burst holds the data bus.
    pub burst: u64,
    /// CL: read command to its first data.
    pub cl: u64,
    /// CWL: write command to its first data.
    pub cwl: u64,
    /// tRCD before a read.
    pub rcd_read: u64,
    /// tRCD before a write.
    pub rcd_write: u64,
    /// tRP: precharge to activate.
    pub rp: u64,
    /// tRAS: activate to precharge.
    pub ras: u64,
    /// tRRD_S: activate to activate of another bank group.
    pub rrd_s: u64,
    /// tRRD_L: activate to activate in the same bank group.
    pub rrd_l: u64,
    /// tFAW: window that holds at most four activates.
    pub faw: u64,
    /// t32AW: window that holds at most 32 activates.
    pub aw32: u64,
    /// tCCD_S: column command to the same, other bank group; the burst where that is longer.
    pub ccd_s: u64,
    /// tCCD_L: column command to the same, in the same bank group; the burst where that is longer.
    pub ccd_l: u64,
    /// tWR: last written data to precharge.
    pub wr: u64,
    /// tWTR_S: last written data to a read of another bank group.
    pub wtr_s: u64,
    /// tWTR_L: last written data to a read in the same bank group.
    pub wtr_l: u64,
    /// tRTP: read to precharge.
    pub rtp: u64,
    /// tRTRS: bubble on the data bus where it changes direction after reads, or changes rank.
    pub rtrs: u64,
    /// tPPD: precharge to precharge.
    pub ppd: u64,
    /// tRFC: refresh to activate.
    pub rfc: u64,
    /// tREFI: mean interval of refreshes; zero for a memory that is never refreshed.
    pub refi: u64,
}

impl Timings {
    /// tRC: activate to activate of the same bank.
    pub fn rc(&self) -> u64 {
        self.ras + self.rp
    }

    /// The table of rules.
    pub fn rules(&self) -> Vec<Rule> {
        use Command::{
            Activate, Precharge, PrechargeAll, Read, ReadPrecharge, Refresh, Write, WritePrecharge,
        };
        use Scope::{Bank, Channel, Group, OtherRanks, Rank};
        let t = self;
        let write_end = t.cwl + t.burst;
        let other_rank = t.burst + t.rtrs;
        #[rustfmt::skip]
        let rows: &[(&[Command], Gate, Scope, u64, usize)] = &[
            // A bank's row: open it, use it, close it.
            (&[Activate],             Gate::Read,      Bank, t.rcd_read,             1),
            (&[Activate],             Gate::Write,     Bank, t.rcd_write,            1),
            (&[Activate],             Gate::Precharge, Bank, t.ras,                  1),
            (&[Activate],             Gate::Activate,  Bank, t.rc(),                 1),
            (&[Read],                 Gate::Precharge, Bank, t.rtp,                  1),
            (&[Write],                Gate::Precharge, Bank, write_end + t.wr,       1),
            (&[Precharge],            Gate::Activate,  Bank, t.rp,                   1),
            (&[ReadPrecharge],        Gate::Activate,  Bank, t.rtp + t.rp,           1),
            (&[WritePrecharge],       Gate::Activate,  Bank, write_end + t.wr + t.rp, 1),
            // Power: how many rows may open how fast, and close.
            (&[Activate],             Gate::Activate,  Group, t.rrd_l,               1),
            (&[Activate],             Gate::Activate,  Rank,  t.rrd_s,               1),
            (&[Activate],             Gate::Activate,  Rank,  t.faw,                 4),
            (&[Activate],             Gate::Activate,  Rank,  t.aw32,               32),
            (&[Precharge],            Gate::Precharge, Rank,  t.ppd,                 1),
            // The data bus: bursts follow each other, and it turns round.
            (&[Read, ReadPrecharge],  Gate::Read,  Group,   t.ccd_l.max(t.burst),    1),
            (&[Read, ReadPrecharge],  Gate::Read,  Channel, t.ccd_s.max(t.burst),    1),
            (&[Write, WritePrecharge], Gate::Write, Group,   t.ccd_l.max(t.burst),   1),
            (&[Write, WritePrecharge], Gate::Write, Channel, t.ccd_s.max(t.burst),   1),
            (&[Read, ReadPrecharge],  Gate::Write, Channel, (t.cl + t.burst + t.rtrs).saturating_sub(t.cwl), 1),
            (&[Write, WritePrecharge], Gate::Read,  Group,   write_end + t.wtr_l,    1),
            (&[Write, WritePrecharge], Gate::Read,  Rank,    write_end + t.wtr_s,    1),
            (&[Read, ReadPrecharge],  Gate::Read,  OtherRanks, other_rank,           1),
            (&[Write, WritePrecharge], Gate::Write, OtherRanks, other_rank,          1),
            (&[Write, WritePrecharge], Gate::Read,  OtherRanks, (write_end + t.rtrs).saturating_sub(t.cl), 1),
            // Refresh: all banks closed before, none opened during.
            (&[Precharge, PrechargeAll], Gate::Refresh, Channel, t.rp,               1),
            (&[PrechargeAll],         Gate::Activate, Channel, t.rp,                 1),
            (&[Activate],             Gate::Refresh,  Channel, t.rc(),               1),
            (&[ReadPrecharge],        Gate::Refresh,  Channel, t.rtp + t.rp,         1),
            (&[WritePrecharge],       Gate::Refresh,  Channel, write_end + t.wr + t.rp, 1),
            (&[Refresh],              Gate::Activate, Channel, t.rfc,                1),
            (&[Refresh],              Gate::Refresh,  Channel, t.rfc,                1),
        ];
        rows.iter()
            .filter(|row| row.3 > 0)
            .flat_map(|&(befores, after, scope, clocks, count)| {
                befores.iter().map(move |&before| Rule { before, after, scope, clocks, count })
            })
            .collect()
    }
}

/// How many banks there are and how they are grouped. A bank's index counts banks within groups within
/// ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banks {
    /// Ranks of a channel.
    pub ranks: usize,
    /// Bank groups of a rank.
    pub groups: usize,
    /// Banks of a group.
    pub banks: usize,
}

impl Banks {
    /// Banks of the channel.
    pub fn total(&self) -> usize {
        self.ranks * self.groups * self.banks
    }
}

/// The earliest tick of every command, as the rules and the commands issued so far allow.
#[derive(Clone, Debug)]
pub struct Gates {
    /// What each command holds back.
    holds: [Box<[Hold]>; Command::ALL.len()],
    /// Rules that look further back, of ACT: gate, clocks, and how many ACTs back beyond the present one.
    windows: Box<[(Gate, u64, usize)]>,
    /// The groups that each [`Span`] of a group is.
    spans: Box<[[(u8, u8); Span::COUNT]]>,
    /// The group of each bank.
    group_of: Box<[u8]>,
    /// Earliest ticks by bank, from rules of scope `Bank`.
    bank: Box<[[u64; Gate::COUNT]]>,
    /// Earliest ticks by kind of command and bank group, from rules of every wider scope.
    group: [Box<[u64]>; Gate::COUNT],
    /// Latest ACTs of each rank, named by the first group of the rank.
    history: Box<[History]>,
}

/// A rule as the interpreter wants it.
#[derive(Clone, Copy, Debug)]
struct Hold {
    after: Gate,
    /// The groups held; none where the rule is about the bank alone.
    span: Option<Span>,
    clocks: u64,
}

/// Consecutive groups, seen from one of them.
#[derive(Clone, Copy, Debug)]
enum Span {
    Group,
    Rank,
    Channel,
    RanksBefore,
    RanksAfter,
}

impl Span {
    const COUNT: usize = 5;

    /// The spans that a scope covers.
    fn of(scope: Scope) -> &'static [Option<Self>] {
        match scope {
            Scope::Bank => &[None],
            Scope::Group => &[Some(Self::Group)],
            Scope::Rank => &[Some(Self::Rank)],
            Scope::Channel => &[Some(Self::Channel)],
            Scope::OtherRanks => &[Some(Self::RanksBefore), Some(Self::RanksAfter)],
        }
    }
}

/// Ticks of the latest 32 ACTs in a rank.
#[derive(Clone, Debug, Default)]
struct History {
    ticks: [u64; 32],
    issued: usize,
}

impl Gates {
    /// The gates of a channel in which nothing has been issued yet.
    pub fn new(layout: Banks, rules: &[Rule]) -> Self {
        let rules = effective(layout, rules);
        let holds = |command| {
            let of_command = rules.iter().filter(|rule| rule.before == command && rule.count == 1);
            let hold = |rule: &Rule, span| Hold { after: rule.after, span, clocks: rule.clocks };
            of_command.flat_map(|rule| Span::of(rule.scope).iter().map(move |&s| hold(rule, s))).collect()
        };
        let groups = layout.ranks * layout.groups;
        let spans = |group: usize| {
            let first = group / layout.groups * layout.groups;
            let end = first + layout.groups;
            [(group, group + 1), (first, end), (0, groups), (0, first), (end, groups)]
                .map(|(from, to)| (from as u8, to as u8))
        };
        Self {
            holds: Command::ALL.map(holds),
            windows: rules.iter().filter(|rule| rule.count > 1).map(Rule::window).collect(),
            spans: (0..groups).map(spans).collect(),
            group_of: (0..layout.total()).map(|bank| (bank / layout.banks) as u8).collect(),
            bank: vec![[0; Gate::COUNT]; layout.total()].into(),
            group: std::array::from_fn(|_| vec![0; groups].into()),
            history: vec![History::default(); groups].into(),
        }
    }

    /// The earliest tick at which a command behind `gate` may go to `bank`.
    #[inline]
    pub fn earliest(&self, gate: Gate, bank: usize) -> u64 {
        self.earliest_in_bank(gate, bank).max(self.earliest_in_group(gate, self.group_of(bank)))
    }

    /// The part of [`Gates::earliest`] that only commands to the bank itself change.
    #[inline]
    pub fn earliest_in_bank(&self, gate: Gate, bank: usize) -> u64 {
        self.bank[bank][gate as usize]
    }

    /// The part that commands to other banks change too, by bank group.
    #[inline]
    pub fn earliest_in_group(&self, gate: Gate, group: usize) -> u64 {
        self.group[gate as usize][group]
    }

    /// The group of a bank, counted through all ranks.
    #[inline]
    pub fn group_of(&self, bank: usize) -> usize {
        usize::from(self.group_of[bank])
    }

    /// Notes that `command` goes to `bank` (any, for commands to all) at `tick`.
    #[inline]
    pub fn record(&mut self, command: Command, bank: usize, tick: u64) {
        let spans = &self.spans[usize::from(self.group_of[bank])];
        let gates = &mut self.bank[bank];
        for hold in &self.holds[command as usize] {
            let (after, until) = (hold.after as usize, tick + hold.clocks);
            match hold.span {
                None => gates[after] = gates[after].max(until),
                Some(span) => raise(&mut self.group[after], spans[span as usize], until),
            }
        }
        if command == Command::Activate && !self.windows.is_empty() {
            let rank = spans[Span::Rank as usize];
            let history = &mut self.history[usize::from(rank.0)];
            for &(after, clocks, back) in &self.windows {
                if let Some(earlier) = history.back(back) {
                    raise(&mut self.group[after as usize], rank, earlier + clocks);
                }
            }
            history.push(tick);
        }
    }
}

impl Rule {
    /// The rule as one of a window: only ACTs in a rank have those.
    fn window(&self) -> (Gate, u64, usize) {
        assert!(
            self.before == Command::Activate && (2..=32).contains(&self.count),
            "{self:?}: windows are kept of the latest 32 ACTs only"
        );
        (self.after, self.clocks, self.count - 1)
    }
}

/// The rules that can have an effect in `layout`: a quarter to a half of the table says the same as other
/// lines where there is one rank, or one group, and the interpreter runs for every command.
fn effective(layout: Banks, rules: &[Rule]) -> Vec<Rule> {
    let mut kept: Vec<Rule> = Vec::new();
    for &rule in rules {
        let scope = match rule.scope {
            Scope::OtherRanks if layout.ranks == 1 => continue,
            Scope::Rank if layout.ranks == 1 => Scope::Channel,
            Scope::Group if layout.ranks * layout.groups == 1 => Scope::Channel,
            scope => scope,
        };
        kept.push(Rule { scope, ..rule });
    }
    let implied = |i: usize, rule: &Rule| {
        kept.iter().enumerate().any(|(j, other)| {
            let same = (other.before, other.after, other.count) == (rule.before, rule.after, rule.count);
            let wider = other.scope == rule.scope
                || other.scope == Scope::Channel
                || (other.scope, rule.scope) == (Scope::Rank, Scope::Group);
            let longer = other.clocks > rule.clocks
                || (other.clocks == rule.clocks && j < i)
                || (other.clocks == rule.clocks && other.scope != rule.scope);
            i != j && same && wider && longer
        })
    };
    kept.iter().enumerate().filter(|(i, rule)| !implied(*i, rule)).map(|(_, rule)| *rule).collect()
}

/// Moves the earliest ticks of a span of groups up to `until`.
#[inline]
fn raise(groups: &mut [u64], span: (u8, u8), until: u64) {
    for gate in &mut groups[usize::from(span.0)..usize::from(span.1)] {
        *gate = (*gate).max(until);
    }
}

impl History {
    /// The tick of the `n`-th ACT back (1 is the latest); `None` where there were fewer.
    #[inline]
    fn back(&self, n: usize) -> Option<u64> {
        (self.issued >= n).then(|| self.ticks[(self.issued - n) % 32])
    }

    #[inline]
    fn push(&mut self, tick: u64) {
        self.ticks[self.issued % 32] = tick;
        self.issued += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::standards::STANDARDS;

    /// Every rule of every standard: blocked at t-1, ready at t, in its scope; free outside of it.
    #[test]
    fn each_rule_blocks_until_its_tick_and_not_longer() {
        for (_, standard) in STANDARDS {
            for rule in standard.timings.rules() {
                let mut gates = Gates::new(standard.banks, &[rule]);
                // The `before`s go to one bank, far enough apart to see which of them counts.
                let ticks: Vec<u64> = (0..rule.count as u64).map(|i| 1_000 + i).collect();
                for &tick in &ticks {
                    assert_eq!(gates.earliest(rule.after, 0), 0, "{rule:?} holds too early");
                    gates.record(rule.before, 0, tick);
                }
                for bank in 0..standard.banks.total() {
                    let same_group = bank < standard.banks.banks;
                    let same_rank = bank < standard.banks.banks * standard.banks.groups;
                    let held = match rule.scope {
                        Scope::Bank => bank == 0,
                        Scope::Group => same_group,
                        Scope::Rank => same_rank,
                        Scope::OtherRanks => !same_rank,
                        Scope::Channel => true,
                    };
                    let want = if held { 1_000 + rule.clocks } else { 0 };
                    assert_eq!(
                        gates.earliest(rule.after, bank),
                        want,
                        "{} {rule:?} bank {bank}",
                        standard.name
                    );
                }
            }
        }
    }

    /// The scheduler plans column and row commands apart, which takes this for granted.
    #[test]
    fn column_and_row_commands_hold_each_other_back_only_within_a_bank() {
        for (_, standard) in STANDARDS {
            for rule in standard.timings.rules() {
                let to_refresh = rule.after == Gate::Refresh || rule.before == Command::Refresh;
                if !to_refresh && rule.before.gate().is_column() != rule.after.is_column() {
                    assert_eq!(rule.scope, Scope::Bank, "{rule:?}");
                }
            }
        }
    }
}
