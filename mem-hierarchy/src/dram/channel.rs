//! One channel: its controller's scheduler, and the banks behind it.
//!
//! The scheduler keeps a *plan*: the next command, and the tick at which it is due. [`Channel::advance`]
//! carries plans out, one after the other, up to the tick that it is given, each at the very tick that
//! was planned; [`Channel::accept`] does the same up to the tick of the acceptance and then plans anew,
//! because the new request may change what comes next, from the following tick on. That gives three
//! properties that the tests hold on to:
//!
//! - calling `advance` more often, or later, changes nothing but when answers are handed out;
//! - within a tick, the order of `accept` and `advance` does not matter;
//! - nothing is ever polled: a plan is the exact earliest tick, computed from the gates of
//!   [`timing`](super::timing).
//!
//! Planning goes over the banks with requests, of which each keeps one wish (a column command for a hit,
//! else ACT or PRE); it takes the wish that can be met first, the oldest of several. Column commands and
//! ACT and PRE are planned apart; where they share a bus, a column command goes first.
//!
//! Refresh of all banks: when one is due nothing else is issued, the rows are closed (PREA), REF follows.
//! Refresh of single banks: the bank whose turn it is wants PRE and REFpb before all else, and the others go
//! on. Refreshes that fall into idle time need no wake-up: the next call makes up for them, at the ticks at
//! which they would have been issued.

use std::collections::VecDeque;

use super::LINE_BYTES;
use super::address::AddressMap;
use super::bank::{Bank, CLOSED, HitRule, Opened, Wish};
use super::ideal::Ideal;
use super::params::{Dram, Mapping, PagePolicy, Scheduler};
use super::queue::{NONE, Queue, Slot, SlotId};
use super::refresh::{NEVER, Refreshes, Round};
use super::standards::Standard;
use super::stats::ChannelStats;
use super::timing::{Command, Gate, Gates};

/// The clock in which a channel counts its ticks. The ideal memory runs in the core's, `core_hz`.
pub fn clock_hz(dram: &Dram, core_hz: u64) -> u64 {
    dram.preset.standard().map_or(core_hz, |standard| standard.clock_hz)
}

/// A command as it went over the command bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedCommand {
    /// When.
    pub tick: u64,
    /// What.
    pub command: Command,
    /// Bank group, counted through all ranks; 0 for commands to all banks.
    pub bank_group: u32,
    /// Bank of the group; 0 for commands to all banks.
    pub bank: u32,
    /// Row that is open, or opened; 0 for PREA, REF and REFpb.
    pub row: u32,
}

/// One DRAM channel with its controller; see [the module](self).
#[derive(Clone, Debug)]
pub struct Channel {
    memory: Memory,
    /// Answers, in the order in which they became known.
    answers: VecDeque<(u32, u64)>,
    stats: ChannelStats,
}

#[derive(Clone, Debug)]
enum Memory {
    Commanded(Box<Controller>),
    Ideal(Ideal),
}

impl Channel {
    /// A channel as `dram` describes it, idle since tick 0 with all rows closed.
    pub fn new(dram: &Dram) -> Self {
        let memory = match dram.preset.standard() {
            Some(standard) => Memory::Commanded(Box::new(Controller::new(dram, standard))),
            None => Memory::Ideal(Ideal::new(dram)),
        };
        Self { memory, answers: VecDeque::with_capacity(128), stats: ChannelStats::default() }
    }

    /// Whether there is room for a read or a write, as of the latest call of `accept` or `advance`: a
    /// caller with something to hand over calls `advance(now)` first.
    #[inline]
    pub fn can_accept(&self, write: bool) -> bool {
        match &self.memory {
            Memory::Commanded(controller) => controller.queue.has_room(write),
            Memory::Ideal(_) => true,
        }
    }

    /// Takes a request for `line` (counted within the channel) at tick `now`; the first command for it
    /// is issued at `now + 1` at the earliest. The caller calls `advance(now)` afterwards to learn when
    /// to come back. A read is answered through [`Channel::pop_read`] with its `tag`; a write is posted.
    ///
    /// Panics where there is no room. `now` must not run backwards.
    #[inline]
    pub fn accept(&mut self, now: u64, line: u64, write: bool, tag: u32) {
        match &mut self.memory {
            Memory::Commanded(controller) => {
                debug_assert!(
                    now >= controller.now,
                    "DRAM: accepted at {now}, already at {}",
                    controller.now
                );
                controller.run(now, &mut self.answers, &mut self.stats);
                controller.accept(now, line, write, tag, &mut self.answers, &mut self.stats);
            }
            Memory::Ideal(ideal) => {
                let done = ideal.accept(now, write, &mut self.stats);
                if !write {
                    self.answers.push_back((tag, done));
                }
            }
        }
    }

    /// Issues what is due up to and including tick `now`; the next tick at which something is due, `None`
    /// when no request waits.
    ///
    /// Coming later than that tick is allowed: commands keep their ticks. A read's end is known CL and a
    /// burst ahead, so its answer is late only for a caller that comes later than that.
    #[inline]
    pub fn advance(&mut self, now: u64) -> Option<u64> {
        match &mut self.memory {
            Memory::Commanded(controller) => {
                controller.run(now, &mut self.answers, &mut self.stats);
                (!controller.queue.is_empty()).then_some(controller.next)
            }
            Memory::Ideal(_) => None,
        }
    }

    /// The next read of which the end is known: its tag and the tick of its last data (plus the
    /// controller's latency). Known when its command is issued, so usually ahead of time; not in order
    /// of that tick where a read was answered from the write queue.
    #[inline]
    pub fn pop_read(&mut self) -> Option<(u32, u64)> {
        self.answers.pop_front()
    }

    /// Whether no request waits and every answer has been handed out.
    pub fn is_idle(&self) -> bool {
        self.answers.is_empty()
            && match &self.memory {
                Memory::Commanded(controller) => controller.queue.is_empty(),
                Memory::Ideal(_) => true,
            }
    }

    /// The counters.
    pub fn stats(&self) -> &ChannelStats {
        &self.stats
    }

    /// Whether commands are kept for [`Channel::take_commands`]; off at the start.
    pub fn record_commands(&mut self, on: bool) {
        if let Memory::Commanded(controller) = &mut self.memory {
            controller.log = on.then(Vec::new);
        }
    }

    /// The commands recorded since the latest call, in order.
    pub fn take_commands(&mut self) -> Vec<LoggedCommand> {
        match &mut self.memory {
            Memory::Commanded(controller) => controller.log.as_mut().map_or_else(Vec::new, std::mem::take),
            Memory::Ideal(_) => Vec::new(),
        }
    }
}

/// A command that has been chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    tick: u64,
    age: u64,
    bank: u8,
}

const NO_PLAN: Plan = Plan { tick: NEVER, age: NEVER, bank: u8::MAX };

/// Banks of a channel that can be modelled: the bits of a set of banks.
const MAX_BANKS: usize = 64;

/// Bits for the age of a request where it is compared together with a wait: enough for 10^12 requests,
/// and waits of 16 million ticks, far beyond a refresh.
const AGE_BITS: u32 = 40;

/// The scheduler and the state of the memory behind it.
#[derive(Clone, Debug)]
struct Controller {
    standard: &'static Standard,
    map: AddressMap,
    queue: Queue,
    banks: Box<[Bank]>,
    gates: Gates,
    /// What each bank wants; meaningful for the banks of `column_wishes` and `row_wishes`.
    wishes: [Wish; MAX_BANKS],
    /// Banks that want a column command, one bit a bank.
    column_wishes: u64,
    /// Banks that want ACT or PRE.
    row_wishes: u64,
    /// The next column command.
    column: Plan,
    /// The next ACT or PRE.
    row: Plan,
    /// Whether the plan has to be made anew: its command was issued, or its bank now wants another.
    column_stale: bool,
    row_stale: bool,
    /// Tick of the earliest plan, refreshes included.
    next: u64,
    /// Commands up to this tick have been issued.
    now: u64,
    /// Which list is served: 0 reads (or all, where kinds are not told apart), 1 writes.
    serving: usize,
    by_kind: bool,
    high_watermark: usize,
    low_watermark: usize,
    hit_rule: HitRule,
    /// Bursts of a line.
    bursts: u8,
    auto_precharge: bool,
    refresh: Refreshes,
    open_banks: u32,
    controller_latency: u64,
    log: Option<Vec<LoggedCommand>>,
}

impl Controller {
    fn new(dram: &Dram, standard: &'static Standard) -> Self {
        let scheduler = match dram.scheduler {
            Scheduler::Preset => standard.scheduler,
            chosen => chosen,
        };
        let page_policy = match dram.page_policy {
            PagePolicy::Preset => standard.page_policy,
            chosen => chosen,
        };
        let by_kind = scheduler == Scheduler::FrFcfs;
        // A bounded view belongs to FCFS: there it stands for the command queues.
        let window = if by_kind { 0 } else { standard.window };
        let banks = standard.banks.total();
        assert!(banks <= MAX_BANKS, "{}: {banks} banks, at most {MAX_BANKS} are modelled", standard.name);
        let high = (dram.write_high_watermark.min(dram.write_queue)).max(1) as usize;
        let mapping = match dram.mapping {
            Mapping::Preset => standard.mapping,
            chosen => chosen,
        };
        let refresh = Refreshes::new(dram, standard);
        let mut rules = standard.timings.rules();
        rules.retain(|rule| refresh.concerns(rule));
        let nothing = Wish { gate: Gate::Activate, slot: NONE, group: 0, age: 0, ready: 0 };
        let mut controller = Self {
            standard,
            map: AddressMap::new(mapping, dram.hashing, standard.banks, standard.row_bytes),
            queue: Queue::new(dram.read_queue as usize, dram.write_queue as usize, banks, by_kind, window),
            banks: vec![Bank::IDLE; banks].into(),
            gates: Gates::new(standard.banks, &rules),
            wishes: [nothing; MAX_BANKS],
            column_wishes: 0,
            row_wishes: 0,
            column: NO_PLAN,
            row: NO_PLAN,
            column_stale: false,
            row_stale: false,
            next: NEVER,
            now: 0,
            serving: 0,
            by_kind,
            high_watermark: high,
            low_watermark: (dram.write_low_watermark as usize).min(high - 1),
            hit_rule: HitRule { hits_first: by_kind, cap: dram.row_hit_cap },
            bursts: standard.bursts_per_line() as u8,
            auto_precharge: page_policy == PagePolicy::Closed,
            refresh,
            open_banks: 0,
            controller_latency: u64::from(dram.controller_latency),
            log: None,
        };
        controller.plan();
        controller
    }

    /// Takes a request in; commands up to `now` have been issued.
    fn accept(
        &mut self,
        now: u64,
        line: u64,
        write: bool,
        tag: u32,
        answers: &mut VecDeque<(u32, u64)>,
        stats: &mut ChannelStats,
    ) {
        *(if write { &mut stats.writes } else { &mut stats.reads }) += 1;
        if self.by_kind
            && let Some(earlier) = self.queue.write_of(line)
        {
            if !write {
                // The data still wait here: no need to ask the memory.
                let done = now + 1 + self.controller_latency;
                answers.push_back((tag, done));
                stats.forwarded_reads += 1;
                stats.read_latency.add(done - now);
                return;
            }
            if self.queue.slot(earlier).bursts_left == self.bursts {
                stats.merged_writes += 1;
                return;
            }
        }
        let place = self.map.place(line);
        let request = Slot::new(now, tag, place, write, self.bursts);
        if let Some(bank) = self.queue.push(line, request)
            && self.changed(bank)
        {
            self.plan();
        }
    }

    /// Carries out what is planned up to and including tick `now`.
    #[inline]
    fn run(&mut self, now: u64, answers: &mut VecDeque<(u32, u64)>, stats: &mut ChannelStats) {
        while self.next <= now {
            self.now = self.next;
            if self.next < self.refresh.due {
                self.issue_planned(answers, stats);
            } else if let Some(round) = self.refresh.round {
                self.refresh_bank_due(round, now, stats);
            } else {
                self.refresh_step(now, stats);
            }
            self.plan();
        }
        self.now = self.now.max(now);
    }

    /// Issues the commands planned for the present tick: one, or one a bus.
    fn issue_planned(&mut self, answers: &mut VecDeque<(u32, u64)>, stats: &mut ChannelStats) {
        let column = self.column.tick == self.now;
        let row = self.row.tick == self.now && (self.standard.dual_command || !column);
        // The two are for different banks, as a bank has one wish. ACT and PRE go first because a column
        // command may turn the channel from reads to writes, which changes every wish.
        if row {
            self.issue_row(usize::from(self.row.bank), stats);
        }
        if column {
            self.issue_column(usize::from(self.column.bank), answers, stats);
        }
    }

    /// Issues ACT, PRE or REFpb to a bank.
    fn issue_row(&mut self, index: usize, stats: &mut ChannelStats) {
        self.row_stale = true;
        let wish = self.wishes[index];
        let bank = &mut self.banks[index];
        if wish.gate == Gate::RefreshBank {
            *bank = Bank::IDLE;
            stats.refreshes += 1;
            self.send(Command::RefreshBank, index);
        } else if wish.gate == Gate::Activate {
            bank.open_row = self.queue.slot(wish.slot).row;
            bank.streak = 0;
            bank.claim = wish.slot;
            if bank.opened != Opened::AfterConflict {
                bank.opened = Opened::FromClosed;
            }
            self.open_banks += 1;
            stats.activates += 1;
            self.send(Command::Activate, index);
        } else {
            self.send(Command::Precharge, index);
            self.banks[index].open_row = CLOSED;
            self.banks[index].opened = Opened::AfterConflict;
            self.open_banks -= 1;
            stats.precharges += 1;
        }
        self.changed(index);
    }

    /// Issues the next burst of a bank's request.
    fn issue_column(&mut self, index: usize, answers: &mut VecDeque<(u32, u64)>, stats: &mut ChannelStats) {
        self.column_stale = true;
        let slot = self.wishes[index].slot;
        let request = self.queue.slot_mut(slot);
        request.bursts_left -= 1;
        let request = *request;
        let last = request.bursts_left == 0;
        let closes = self.auto_precharge && last;
        self.send(
            match (request.write, closes) {
                (false, false) => Command::Read,
                (false, true) => Command::ReadPrecharge,
                (true, false) => Command::Write,
                (true, true) => Command::WritePrecharge,
            },
            index,
        );
        let bank = &mut self.banks[index];
        match bank.opened {
            Opened::Before => stats.row_hits += 1,
            Opened::FromClosed => stats.row_misses += 1,
            Opened::AfterConflict => stats.row_conflicts += 1,
        }
        bank.opened = Opened::Before;
        bank.claim = if last { NONE } else { slot };
        stats.busy_ticks += self.standard.timings.burst;
        if closes {
            bank.open_row = CLOSED;
            self.open_banks -= 1;
            stats.precharges += 1;
        }
        if last {
            bank.streak += 1;
            stats.bytes += LINE_BYTES;
            if !request.write {
                let t = &self.standard.timings;
                let done = self.now + t.cl + t.burst + self.controller_latency;
                answers.push_back((request.tag, done));
                stats.read_latency.add(done - request.accepted);
            }
            self.retire(slot);
        }
        self.changed(index);
    }

    /// Removes a finished request.
    fn retire(&mut self, slot: SlotId) {
        for other in self.queue.remove(slot).into_iter().flatten() {
            self.changed(other);
        }
    }

    /// The refresh of a bank has come due, which closes the bank to requests. Commands of the present tick
    /// are still to be planned.
    fn refresh_bank_due(&mut self, mut round: Round, now: u64, stats: &mut ChannelStats) {
        if self.is_at_rest() && self.log.is_none() {
            stats.refreshes += self.refresh.skip_rounds(now);
        }
        self.now = self.refresh.due - 1;
        self.refresh.due += self.refresh.interval;
        let bank = round.next(|bank| self.queue.has_none_for(bank));
        self.refresh.round = Some(round);
        self.banks[bank].refresh_due = true;
        self.changed(bank);
    }

    /// Whether nothing waits, no row is open and no refresh is under way.
    fn is_at_rest(&self) -> bool {
        self.queue.is_empty() && self.open_banks == 0 && self.row_wishes == 0
    }

    /// One step of a refresh of all banks: all rows closed, or the refresh itself.
    fn refresh_step(&mut self, now: u64, stats: &mut ChannelStats) {
        if self.open_banks > 0 {
            self.send(Command::PrechargeAll, 0);
            stats.precharges += 1;
            for bank in &mut self.banks {
                *bank = Bank::IDLE;
            }
            self.open_banks = 0;
            self.changed_all();
            return;
        }
        for bank in &mut self.banks {
            *bank = Bank::IDLE;
        }
        let interval = self.refresh.interval;
        // With nothing waiting, the refreshes up to `now` differ in nothing but their number.
        if self.queue.is_empty() && self.log.is_none() && self.now == self.refresh.due {
            let more = (now - self.refresh.due) / interval;
            stats.refreshes += more;
            self.refresh.due += more * interval;
            self.now = self.refresh.due;
        }
        self.send(Command::Refresh, 0);
        stats.refreshes += 1;
        self.refresh.due += interval;
        self.changed_all();
    }

    /// Puts a command on the bus.
    #[inline]
    fn send(&mut self, command: Command, index: usize) {
        self.gates.record(command, index, self.now);
        if let Some(log) = &mut self.log {
            let rowless = matches!(command, Command::PrechargeAll | Command::Refresh | Command::RefreshBank);
            let banks = self.standard.banks.banks;
            log.push(LoggedCommand {
                tick: self.now,
                command,
                bank_group: (index / banks) as u32,
                bank: (index % banks) as u32,
                row: if rowless { 0 } else { self.banks[index].open_row },
            });
        }
    }

    /// The requests or the state of a bank have changed: asks it anew what it wants. Whether that, or
    /// what any other bank wants, may have changed; mostly a request only queues up behind others.
    #[inline]
    fn changed(&mut self, index: usize) -> bool {
        if self.turn() {
            self.changed_all();
            return true;
        }
        self.ask(index)
    }

    fn changed_all(&mut self) {
        (self.column_stale, self.row_stale) = (true, true);
        for index in 0..self.banks.len() {
            self.ask(index);
        }
    }

    /// Turns from reads to writes or back, where the numbers that wait say so; whether it did.
    #[inline]
    fn turn(&mut self) -> bool {
        if !self.by_kind {
            return false;
        }
        let (reads, writes) = (self.queue.count(0), self.queue.count(1));
        let serving = if self.serving == 1 {
            usize::from(writes > 0 && (reads == 0 || writes > self.low_watermark))
        } else {
            usize::from(writes >= self.high_watermark || (reads == 0 && writes > 0))
        };
        let turned = serving != self.serving;
        self.serving = serving;
        turned
    }

    /// Asks a bank what it wants; whether that is news.
    #[inline]
    fn ask(&mut self, index: usize) -> bool {
        let bit = 1 << index;
        let wanted = (self.column_wishes | self.row_wishes) & bit != 0;
        let bank = &self.banks[index];
        let Some((gate, slot)) = bank.wish(index, &self.queue, self.serving, &self.hit_rule) else {
            self.withdraw(index);
            return wanted;
        };
        let wish = Wish {
            gate,
            slot,
            group: self.gates.group_of(index) as u8,
            age: if slot == NONE { index as u64 } else { self.queue.slot(slot).age },
            ready: self.gates.earliest_in_bank(gate, index),
        };
        if wanted && wish == self.wishes[index] {
            return false;
        }
        if wanted {
            self.withdraw(index);
        }
        self.wishes[index] = wish;
        let tick = self.earliest(&wish);
        let (banks, plan) = if wish.gate.is_column() {
            (&mut self.column_wishes, &mut self.column)
        } else {
            (&mut self.row_wishes, &mut self.row)
        };
        *banks |= bit;
        if (tick, wish.age) < (plan.tick, plan.age) {
            *plan = Plan { tick, age: wish.age, bank: index as u8 };
        }
        true
    }

    /// A bank no longer wants what it wanted.
    #[inline]
    fn withdraw(&mut self, index: usize) {
        self.column_wishes &= !(1 << index);
        self.row_wishes &= !(1 << index);
        self.column_stale |= usize::from(self.column.bank) == index;
        self.row_stale |= usize::from(self.row.bank) == index;
    }

    /// The earliest tick, after the present one, at which a wish can be met.
    #[inline]
    fn earliest(&self, wish: &Wish) -> u64 {
        let group = self.gates.earliest_in_group(wish.gate, usize::from(wish.group));
        wish.ready.max(group).max(self.now + 1)
    }

    /// Chooses what comes next, from the tick after the present one.
    ///
    /// A column command holds ACT and PRE back in its own bank only, and the other way round (a test goes
    /// over all tables), so one plan survives the commands of the other, unless it had to give way on
    /// their common bus.
    #[inline]
    fn plan(&mut self) {
        if std::mem::take(&mut self.column_stale) || self.column.tick <= self.now {
            self.column = self.first_of(self.column_wishes);
        }
        if std::mem::take(&mut self.row_stale) || self.row.tick <= self.now {
            self.row = self.first_of(self.row_wishes);
        }
        if cfg!(test) {
            let anew = (self.first_of(self.column_wishes), self.first_of(self.row_wishes));
            assert_eq!((self.column, self.row), anew, "a plan was kept that no longer holds");
        }
        self.next = self.column.tick.min(self.row.tick);
        if self.next >= self.refresh.due {
            self.next = if self.refresh.round.is_some() { self.refresh.due } else { self.refresh_tick() };
        }
    }

    /// Of the wishes of `banks`, the one that can be met first; the oldest of several.
    #[inline]
    fn first_of(&self, mut banks: u64) -> Plan {
        if banks == 0 {
            return NO_PLAN;
        }
        // Wait and age as one number, so that the choice takes one comparison and no branch.
        let floor = self.now + 1;
        let (mut best, mut chosen) = (u64::MAX, 0);
        while banks != 0 {
            let bank = banks.trailing_zeros() as usize % MAX_BANKS;
            banks &= banks - 1;
            let wish = &self.wishes[bank];
            let key = (self.earliest(wish) - floor) << AGE_BITS | wish.age;
            if key < best {
                (best, chosen) = (key, bank);
            }
        }
        Plan { tick: floor + (best >> AGE_BITS), age: self.wishes[chosen].age, bank: chosen as u8 }
    }

    /// The tick of the next step of the refresh that comes next.
    fn refresh_tick(&self) -> u64 {
        let gate = if self.open_banks > 0 { Gate::Precharge } else { Gate::Refresh };
        let waits_for = |bank: &usize| gate == Gate::Refresh || self.banks[*bank].open_row != CLOSED;
        let gates = (0..self.banks.len()).filter(waits_for).map(|bank| self.gates.earliest(gate, bank));
        gates.fold(self.refresh.due.max(self.now + 1), u64::max)
    }
}
