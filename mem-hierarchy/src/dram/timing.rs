//! Timing rules as one table, and the interpreter of it.
//!
//! A [`Rule`] says: after command `before`, command `after` waits `clocks`, within `scope`. A rule with
//! a `count` above one looks that many `before`s back: tFAW is *four ACTs to the next, in tFAW*.
//! [`Timings::rules`] writes the table out; everything that the scheduler knows about time, it asks
//! [`Gates`], which keeps, for each bank and each bank group, the earliest tick of each kind of command.
//! No rule is anywhere else, so a new standard is a new [`Timings`], and a new kind of constraint is a
//! new line of the table.
//!
//! Where the field's names are found, in [`Timings`] unless it says otherwise:
//!
//! | name | here |
//! | --- | --- |
//! | tRCD, tRCDRD, tRCDWR | `rcd_read`, `rcd_write` |
//! | tRP, tRAS, tRC | `rp`, `ras`, [`Timings::rc`]: their sum |
//! | tCL (RL), tCWL (WL) | `cl`, `cwl` |
//! | BL | `burst` in clocks; `Standard::burst_length` in transfers |
//! | tCCD_S, tCCD_L | `ccd_s`, `ccd_l`; never below `burst` |
//! | tRRD_S, tRRD_L, tFAW, t32AW | `rrd_s`, `rrd_l`, `faw`, `aw32` |
//! | tWR, tRTP | `wr`, `rtp` |
//! | tWTR_S, tWTR_L | `wtr_s`, `wtr_l` |
//! | tRTW | [`Timings::rtw`]: the data bus is free, and `rtrs` later |
//! | tRTRS, tPPD | `rtrs`, `ppd` |
//! | tREFI, tRFC (tRFCab) | `refi`, `rfc` |
//! | tREFIpb (tREFISB), tRFCpb (tRFCSB) | [`Timings::refi_bank`]: tREFI over the banks; `rfc_bank` |
//! | tRREFD | `rrefd` |
//! | two-clock ACT | `act` |

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
    /// REFpb (REFSB): refresh one bank, which is closed.
    RefreshBank,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 9] = [
        Self::Activate,
        Self::Precharge,
        Self::PrechargeAll,
        Self::Read,
        Self::ReadPrecharge,
        Self::Write,
        Self::WritePrecharge,
        Self::Refresh,
        Self::RefreshBank,
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
            Self::RefreshBank => "REFpb",
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
            Self::RefreshBank => Gate::RefreshBank,
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
    /// REFpb.
    RefreshBank,
}

impl Gate {
    /// How many there are.
    pub const COUNT: usize = 6;

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
    /// How many `before`s back the rule looks: 1 for the latest. A REFpb opens rows within its bank, so
    /// where more than one ACT is counted, it counts as one.
    pub count: usize,
}

/// The timings of a memory, in clocks of its command bus. Zero means that there is no such limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Clocks that ACT holds the bus of row commands, where more than one. Timings count from the first.
    pub act: u64,
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
    /// tRFCpb: refresh of a bank to activate in that bank.
    pub rfc_bank: u64,
    /// tRREFD: refresh of a bank to activate, or to refresh, another bank of the rank.
    pub rrefd: u64,
}

impl Timings {
    /// tRC: activate to activate of the same bank.
    pub fn rc(&self) -> u64 {
        self.ras + self.rp
    }

    /// tRTW: read to write. The write's data follow the read's, and the bus turns round between them.
    pub fn rtw(&self) -> u64 {
        (self.cl + self.burst + self.rtrs).saturating_sub(self.cwl)
    }

    /// tREFIpb: mean interval of refreshes that go to one of `banks` banks each.
    pub fn refi_bank(&self, banks: usize) -> u64 {
        self.refi / banks as u64
    }

    /// The table of rules.
    pub fn rules(&self) -> Vec<Rule> {
        use Command::{
            Activate, Precharge, PrechargeAll, Read, ReadPrecharge, Refresh, RefreshBank, Write,
            WritePrecharge,
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
            // The bus of row commands, where ACT takes more than its clock.
            (&[Activate],             Gate::Activate,    Channel, t.act,             1),
            (&[Activate],             Gate::Precharge,   Channel, t.act,             1),
            (&[Activate],             Gate::RefreshBank, Channel, t.act,             1),
            // The data bus: bursts follow each other, and it turns round.
            (&[Read, ReadPrecharge],  Gate::Read,  Group,   t.ccd_l.max(t.burst),    1),
            (&[Read, ReadPrecharge],  Gate::Read,  Channel, t.ccd_s.max(t.burst),    1),
            (&[Write, WritePrecharge], Gate::Write, Group,   t.ccd_l.max(t.burst),   1),
            (&[Write, WritePrecharge], Gate::Write, Channel, t.ccd_s.max(t.burst),   1),
            (&[Read, ReadPrecharge],  Gate::Write, Channel, t.rtw(),                 1),
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
            // Refresh of a bank: that bank closed before and busy during; to the others it is an ACT that
            // keeps a distance of its own.
            (&[Precharge],            Gate::RefreshBank, Bank, t.rp,                 1),
            (&[Activate],             Gate::RefreshBank, Bank, t.rc(),               1),
            (&[ReadPrecharge],        Gate::RefreshBank, Bank, t.rtp + t.rp,         1),
            (&[WritePrecharge],       Gate::RefreshBank, Bank, write_end + t.wr + t.rp, 1),
            (&[RefreshBank],          Gate::Activate,    Bank, t.rfc_bank,           1),
            (&[RefreshBank],          Gate::RefreshBank, Bank, t.rfc_bank,           1),
            (&[Activate],             Gate::RefreshBank, Group, t.rrd_l,             1),
            (&[Activate],             Gate::RefreshBank, Rank, t.rrd_s,              1),
            (&[Activate],             Gate::RefreshBank, Rank, t.faw,                4),
            (&[Activate],             Gate::RefreshBank, Rank, t.aw32,              32),
            (&[RefreshBank],          Gate::Activate,    Rank, t.rrefd,              1),
            (&[RefreshBank],          Gate::RefreshBank, Rank, t.rrefd,              1),
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

/// Bank groups of a channel that can be modelled, all ranks together.
const MAX_GROUPS: usize = 16;

/// The earliest tick of every command, as the rules and the commands issued so far allow.
#[derive(Clone, Debug)]
pub struct Gates {
    /// What each command holds back.
    holds: [Box<[Hold]>; Command::ALL.len()],
    /// Rules that look further back, of ACT: gate, clocks, and how many ACTs (or REFpbs) back beyond the
    /// present one.
    windows: Box<[(Gate, u64, usize)]>,
    /// The groups that each [`Span`] of a group is.
    spans: Box<[[(u8, u8); Span::COUNT]]>,
    /// The group of each bank.
    group_of: Box<[u8]>,
    /// Earliest ticks by bank, from rules of scope `Bank`.
    bank: Box<[[u64; Gate::COUNT]]>,
    /// Earliest ticks by kind of command and bank group, from rules of every wider scope.
    group: [[u64; MAX_GROUPS]; Gate::COUNT],
    /// Latest ACTs and REFpbs of each rank, named by the first group of the rank.
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

/// Ticks of the latest 32 ACTs and REFpbs in a rank.
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
        assert!(groups <= MAX_GROUPS, "{groups} bank groups, at most {MAX_GROUPS} are modelled");
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
            group: [[0; MAX_GROUPS]; Gate::COUNT],
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
        self.group[gate as usize][group % MAX_GROUPS]
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
        if matches!(command, Command::Activate | Command::RefreshBank) && !self.windows.is_empty() {
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

    /// Where a command goes, seen from the one before it.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum To {
        SameBank,
        SameGroup,
        SameRank,
        OtherRank,
    }

    impl To {
        /// A bank such as that, the command before having gone to bank 0; `None` in a layout without.
        fn bank(self, layout: Banks) -> Option<usize> {
            let rank = layout.groups * layout.banks;
            match self {
                Self::SameBank => Some(0),
                Self::SameGroup => Some(1),
                Self::SameRank => (layout.groups > 1).then_some(layout.banks),
                Self::OtherRank => (layout.ranks > 1).then_some(rank),
            }
        }
    }

    /// Command to command, in the order of [`STANDARDS`]: gddr5, gddr6, hbm1, hbm2, hbm2e, hbm-r9nano. The
    /// figures are the data sheets' and the reference simulators', written out by hand; 0 says that the two
    /// do not hold each other back.
    #[rustfmt::skip]
    const DISTANCES: &[(Command, Gate, To, [u64; 6])] = {
        use Command::{Activate as Act, Precharge as Pre, PrechargeAll as PreA, Read as Rd,
            ReadPrecharge as RdA, Refresh as Ref, RefreshBank as RefPb, Write as Wr, WritePrecharge as WrA};
        use To::{OtherRank, SameBank, SameGroup, SameRank};
        &[
            (Act,   Gate::Read,        SameBank,  [28, 27, 7, 14, 23, 7]),       // tRCDRD
            (Act,   Gate::Write,       SameBank,  [24, 16, 7, 14, 20, 7]),       // tRCDWR
            (Act,   Gate::Precharge,   SameBank,  [66, 53, 17, 34, 55, 17]),     // tRAS
            (Act,   Gate::Activate,    SameBank,  [94, 80, 24, 48, 78, 24]),     // tRC
            (Act,   Gate::Activate,    SameGroup, [12, 8, 3, 6, 7, 3]),          // tRRD_L
            (Act,   Gate::Activate,    SameRank,  [12, 8, 2, 4, 7, 2]),          // tRRD_S
            (Act,   Gate::Activate,    OtherRank, [0, 0, 0, 0, 0, 0]),
            (Act,   Gate::Precharge,   SameGroup, [0, 0, 0, 0, 2, 0]),           // two-clock ACT
            (Act,   Gate::Read,        SameGroup, [0, 0, 0, 0, 0, 0]),
            (Pre,   Gate::Activate,    SameBank,  [28, 27, 7, 14, 23, 7]),       // tRP
            (Pre,   Gate::Activate,    SameGroup, [0, 0, 0, 0, 0, 0]),
            (Pre,   Gate::Precharge,   SameGroup, [6, 1, 0, 0, 0, 0]),           // tPPD
            (Rd,    Gate::Precharge,   SameBank,  [5, 4, 5, 5, 8, 3]),           // tRTP
            (Wr,    Gate::Precharge,   SameBank,  [39, 35, 12, 22, 36, 12]),     // CWL + burst + tWR
            (RdA,   Gate::Activate,    SameBank,  [33, 31, 12, 19, 31, 10]),     // tRTP + tRP
            (WrA,   Gate::Activate,    SameBank,  [67, 62, 19, 36, 59, 19]),     // CWL + burst + tWR + tRP
            (Rd,    Gate::Read,        SameGroup, [2, 4, 2, 2, 5, 2]),           // tCCD_L
            (Rd,    Gate::Read,        SameRank,  [2, 2, 2, 2, 2, 2]),           // tCCD_S, or the burst
            (RdA,   Gate::Read,        OtherRank, [0, 0, 0, 0, 0, 3]),           // burst + tRTRS
            (Wr,    Gate::Write,       SameGroup, [2, 4, 2, 2, 5, 2]),           // tCCD_L
            (WrA,   Gate::Write,       SameRank,  [2, 2, 2, 2, 2, 2]),           // tCCD_S, or the burst
            (Wr,    Gate::Write,       OtherRank, [0, 0, 0, 0, 0, 3]),           // burst + tRTRS
            (Rd,    Gate::Write,       SameBank,  [22, 25, 9, 14, 23, 8]),       // tRTW
            (RdA,   Gate::Write,       SameRank,  [22, 25, 9, 14, 23, 8]),       // tRTW
            (Wr,    Gate::Read,        SameGroup, [23, 19, 8, 14, 23, 8]),       // CWL + burst + tWTR_L
            (WrA,   Gate::Read,        SameRank,  [23, 17, 7, 12, 20, 7]),       // CWL + burst + tWTR_S
            (Wr,    Gate::Read,        OtherRank, [0, 0, 0, 0, 0, 0]),           // the bubble ends before CL
            (Pre,   Gate::Refresh,     SameRank,  [28, 27, 7, 14, 23, 7]),       // tRP
            (PreA,  Gate::Refresh,     OtherRank, [28, 27, 7, 14, 23, 7]),       // tRP
            (PreA,  Gate::Activate,    SameRank,  [28, 27, 7, 14, 23, 7]),       // tRP
            (Act,   Gate::Refresh,     SameGroup, [94, 80, 24, 48, 78, 24]),     // tRC
            (RdA,   Gate::Refresh,     SameBank,  [33, 31, 12, 19, 31, 10]),     // tRTP + tRP
            (WrA,   Gate::Refresh,     SameBank,  [67, 62, 19, 36, 59, 19]),     // CWL + burst + tWR + tRP
            (Ref,   Gate::Activate,    SameRank,  [87, 211, 130, 260, 560, 0]),  // tRFC
            (Ref,   Gate::Refresh,     SameRank,  [87, 211, 130, 260, 560, 0]),  // tRFC
            (Pre,   Gate::RefreshBank, SameBank,  [28, 27, 7, 14, 23, 7]),       // tRP
            (Act,   Gate::RefreshBank, SameBank,  [94, 80, 24, 48, 78, 24]),     // tRC
            (RdA,   Gate::RefreshBank, SameBank,  [33, 31, 12, 19, 31, 10]),     // tRTP + tRP
            (WrA,   Gate::RefreshBank, SameBank,  [67, 62, 19, 36, 59, 19]),     // CWL + burst + tWR + tRP
            (Act,   Gate::RefreshBank, SameGroup, [12, 8, 3, 6, 7, 3]),          // tRRD_L
            (Act,   Gate::RefreshBank, SameRank,  [12, 8, 2, 4, 7, 2]),          // tRRD_S
            (RefPb, Gate::Activate,    SameBank,  [35, 106, 80, 160, 320, 0]),   // tRFCpb
            (RefPb, Gate::RefreshBank, SameBank,  [35, 106, 80, 160, 320, 0]),   // tRFCpb
            (RefPb, Gate::Activate,    SameGroup, [12, 15, 4, 8, 13, 0]),        // tRREFD
            (RefPb, Gate::RefreshBank, SameRank,  [12, 15, 4, 8, 13, 0]),        // tRREFD
            (RefPb, Gate::Read,        SameGroup, [0, 0, 0, 0, 0, 0]),
        ]
    };

    #[test]
    fn commands_keep_the_distances_of_the_data_sheets_and_no_more() {
        for &(before, after, to, clocks) in DISTANCES {
            for ((_, standard), clocks) in STANDARDS.iter().zip(clocks) {
                let Some(bank) = to.bank(standard.banks) else { continue };
                let mut gates = Gates::new(standard.banks, &standard.timings.rules());
                gates.record(before, 0, 1_000);
                let want = if clocks == 0 { 0 } else { 1_000 + clocks };
                let found = gates.earliest(after, bank);
                assert_eq!(found, want, "{} {before:?} to {after:?} in {to:?}", standard.name);
            }
        }
    }

    #[test]
    fn windows_hold_as_many_activates_as_the_data_sheets_say() {
        // tFAW and t32AW, in the order of the standards; 0 for none.
        for (count, windows) in [(4, [47, 29, 15, 30, 24, 0]), (32, [420, 0, 0, 0, 0, 0])] {
            for ((_, standard), clocks) in STANDARDS.iter().zip(windows) {
                for opening in [Command::Activate, Command::RefreshBank] {
                    let rules = standard.timings.rules();
                    let mut gates = Gates::new(standard.banks, &rules);
                    for _ in 1..count {
                        gates.record(opening, 0, 1_000);
                    }
                    let other = standard.banks.banks - 1;
                    let before = gates.earliest(Gate::Activate, other);
                    gates.record(opening, 0, 1_000);
                    for gate in [Gate::Activate, Gate::RefreshBank] {
                        assert_eq!(
                            gates.earliest(gate, other),
                            before.max(if clocks == 0 { 0 } else { 1_000 + clocks }),
                            "{} {count} {opening:?} to {gate:?}",
                            standard.name
                        );
                    }
                }
            }
        }
    }

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
