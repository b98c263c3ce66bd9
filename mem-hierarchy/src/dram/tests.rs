//! The channel as a whole: legality of the commands, conservation, order, and independence of how it is
//! called.

use std::collections::{BTreeMap, VecDeque};

use super::checker::{self, Verdict};
use super::standards::{STANDARDS, Standard};
use super::{Channel, ChannelStats, Command, Dram, Hashing, Mapping, PagePolicy, Preset, Refresh, Scheduler};

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

pub(super) fn dram(preset: Preset) -> Dram {
    Dram { preset, ..Dram::default() }
}

pub(super) fn without_refresh(preset: Preset) -> Dram {
    Dram { refresh: Refresh::Off, ..dram(preset) }
}

/// The first line of a row of a bank, where the mapping is `rorabgbaco`.
pub(super) fn line_of(standard: &Standard, bank: u64, row: u64) -> u64 {
    (row * standard.banks.total() as u64 + bank) * (standard.row_bytes / 64)
}

/// Runs until nothing waits; the tick of the last step.
fn drain(channel: &mut Channel, mut now: u64) -> u64 {
    while let Some(next) = channel.advance(now) {
        assert!(next > now, "no progress at {now}");
        now = next;
    }
    now
}

/// Latency of a read at `now` in an otherwise idle channel.
pub(super) fn latency(channel: &mut Channel, now: u64, line: u64) -> u64 {
    channel.accept(now, line, false, 1);
    drain(channel, now);
    channel.pop_read().expect("answered").1 - now
}

#[derive(Clone, Copy)]
struct Request {
    arrival: u64,
    line: u64,
    write: bool,
}

/// Offers the requests in order, each from its arrival on, whenever there is room; answers by tag.
/// `jitter` calls `advance` at ticks of its own choice besides.
fn offer(channel: &mut Channel, requests: &[Request], mut jitter: Option<Random>) -> BTreeMap<u32, u64> {
    let mut answers = BTreeMap::new();
    let mut now = 0;
    let mut waiting: VecDeque<(u32, Request)> = (0..).zip(requests.iter().copied()).collect();
    loop {
        channel.advance(now);
        while let Some(&(tag, request)) = waiting.front() {
            if request.arrival > now || !channel.can_accept(request.write) {
                break;
            }
            channel.accept(now, request.line, request.write, tag);
            waiting.pop_front();
        }
        let next = channel.advance(now);
        while let Some((tag, done)) = channel.pop_read() {
            assert!(answers.insert(tag, done).is_none(), "read {tag} answered twice");
        }
        let arrival = waiting.front().map(|w| w.1.arrival).filter(|&a| a > now);
        let Some(target) = next.into_iter().chain(arrival).min() else {
            assert!(waiting.is_empty(), "idle with requests in front");
            return answers;
        };
        if let Some(random) = &mut jitter {
            let mut step = now;
            while step < target {
                assert_eq!(channel.advance(step).is_none(), next.is_none());
                step += 1 + random.below(5);
            }
        }
        now = target;
    }
}

/// Everything that arrives at tick 0; the tick of the last data.
pub(super) fn saturate(channel: &mut Channel, lines: impl Iterator<Item = u64>) -> u64 {
    let requests: Vec<_> = lines.map(|line| Request { arrival: 0, line, write: false }).collect();
    let answers = offer(channel, &requests, None);
    assert_eq!(answers.len(), requests.len());
    *answers.values().max().unwrap()
}

/// Reads and writes with some locality and many collisions of lines, in bursts with idle gaps.
fn mixed(seed: u64, count: usize) -> Vec<Request> {
    let mut random = Random(seed);
    let (mut arrival, mut base) = (0, 0);
    (0..count)
        .map(|i| {
            if random.below(4) == 0 {
                base = random.below(1 << 20);
            }
            if i % 500 == 499 {
                arrival += random.below(30_000);
            }
            arrival += random.below(6);
            Request { arrival, line: base + random.below(16), write: random.below(10) < 4 }
        })
        .collect()
}

fn variants() -> Vec<Dram> {
    let mut all = Vec::new();
    for (preset, _) in STANDARDS {
        for page_policy in [PagePolicy::Preset, PagePolicy::Open, PagePolicy::Closed] {
            for scheduler in [Scheduler::Preset, Scheduler::FrFcfs, Scheduler::Fcfs] {
                all.push(Dram { page_policy, scheduler, ..dram(*preset) });
            }
        }
        for refresh in [Refresh::Off, Refresh::AllBank, Refresh::PerBank] {
            all.push(Dram { refresh, ..dram(*preset) });
            all.push(Dram { refresh, page_policy: PagePolicy::Closed, ..dram(*preset) });
        }
        for &mapping in &Mapping::ALL[1..] {
            all.push(Dram { mapping, hashing: Hashing::Permutation, ..dram(*preset) });
        }
        all.push(Dram { read_queue: 1, write_queue: 1, ..dram(*preset) });
        all.push(Dram { row_hit_cap: 0, read_queue: 64, write_queue: 64, ..dram(*preset) });
    }
    all
}

#[test]
fn r9_nano_closes_each_row() {
    let standard = Preset::HbmR9Nano.standard().unwrap();
    let mut channel = Channel::new(&dram(Preset::HbmR9Nano));
    // Schedule 1, tRCD 7, CL 7, burst 2, whatever was there before.
    for (i, line) in [0, 1, line_of(standard, 0, 1)].into_iter().enumerate() {
        assert_eq!(latency(&mut channel, 1_000 * (1 + i as u64), line), 17);
    }
    assert_eq!(channel.stats().activates, 3);
    assert_eq!(channel.stats().precharges, 3);
}

#[test]
fn controller_latency_only_delays_answers() {
    let slow = Dram { controller_latency: 20, ..without_refresh(Preset::Hbm1) };
    assert_eq!(latency(&mut Channel::new(&slow), 0, 0), 17 + 20);
}

#[test]
fn turning_between_reads_and_writes_throws_no_open_row_away() {
    let mut random = Random(5);
    let mut request = || Request { arrival: 0, line: random.below(1 << 24), write: random.below(10) < 3 };
    let requests: Vec<_> = (0..20_000).map(|_| request()).collect();
    let mut channel = Channel::new(&without_refresh(Preset::Hbm1));
    offer(&mut channel, &requests, None);
    let stats = channel.stats();
    assert_eq!(stats.row_misses + stats.row_conflicts, stats.activates);
}

/// Refreshes that fall due until `end`.
fn refreshes_due(parameters: &Dram, end: u64) -> u64 {
    let standard = parameters.preset.standard().unwrap();
    let refi = standard.timings.refi;
    if refi == 0 {
        return 0;
    }
    match parameters.refresh {
        Refresh::Off => 0,
        Refresh::PerBank => end / (refi / standard.banks.total() as u64),
        Refresh::Preset | Refresh::AllBank => end / refi,
    }
}

/// Runs the requests, has the commands judged, and compares the counters with what was sent.
fn judged(parameters: &Dram, requests: &[Request]) -> Verdict {
    let standard = parameters.preset.standard().unwrap();
    let mut channel = Channel::new(parameters);
    channel.record_commands(true);
    let answers = offer(&mut channel, requests, None);
    let end = requests.last().unwrap().arrival.max(answers.values().copied().max().unwrap()) + 100_000;
    channel.advance(end);
    let verdict = checker::check(standard, &channel.take_commands());

    let reads = requests.iter().filter(|r| !r.write).count();
    assert_eq!(answers.len(), reads, "{parameters:?}");
    for (tag, done) in &answers {
        assert!(!requests[*tag as usize].write && *done > requests[*tag as usize].arrival);
    }
    let stats = channel.stats();
    let counted = (stats.activates, stats.bursts(), stats.refreshes);
    assert_eq!(counted, (verdict.activates, verdict.bursts, verdict.refreshes));
    assert_eq!(stats.reads + stats.writes, requests.len() as u64);
    let lines = stats.reads + stats.writes - stats.forwarded_reads - stats.merged_writes;
    assert_eq!(stats.bursts(), lines * standard.bursts_per_line());
    assert_eq!(stats.bytes, lines * 64);
    // The last one may still wait for its row to be closed.
    let due = refreshes_due(parameters, end);
    assert!((due.saturating_sub(1)..=due).contains(&verdict.refreshes), "{parameters:?}");
    assert!(channel.is_idle());
    verdict
}

#[test]
fn all_commands_are_legal_and_every_read_is_answered_once() {
    for (i, parameters) in variants().iter().enumerate() {
        judged(parameters, &mixed(i as u64, 4_000));
    }
}

/// Requests for each preset and kind of refresh in the longer run; `DRAM_REQUESTS=1000000` for a million.
fn long_run() -> usize {
    std::env::var("DRAM_REQUESTS").map_or(50_000, |n| n.parse().expect("DRAM_REQUESTS: a number of requests"))
}

#[test]
fn long_random_mixes_are_legal_and_every_rule_is_used_to_the_tick() {
    // By preset: rules met, and those that others outlast. Four tRRD are longer than tFAW on gddr5, gddr6 and
    // hbm2e, a burst is longer than tCCD_S of the older HBM.
    let expected: [(Preset, usize, &[&str]); 6] = [
        (Preset::Gddr5, 24, &["tFAW"]),
        (Preset::Gddr6, 23, &["tFAW"]),
        (Preset::Hbm1, 22, &["tCCD_S"]),
        (Preset::Hbm2, 22, &["tCCD_S"]),
        (Preset::Hbm2e, 23, &["tFAW"]),
        (Preset::HbmR9Nano, 12, &["tCCD_L", "tCCD_S"]),
    ];
    assert_eq!(expected.len(), STANDARDS.len(), "a preset is not tested");
    for (preset, rules, outlasted) in expected {
        let mut slack = BTreeMap::new();
        let refreshed = preset.standard().unwrap().timings.refi > 0;
        let kinds: &[_] = if refreshed { &[Refresh::AllBank, Refresh::PerBank] } else { &[Refresh::Off] };
        for &refresh in kinds {
            let parameters = Dram { refresh, ..dram(preset) };
            for (rule, clocks) in judged(&parameters, &mixed(77, long_run())).slack {
                let least = slack.entry(rule).or_insert(clocks);
                *least = clocks.min(*least);
            }
        }
        let late: Vec<_> = slack.iter().filter(|(_, clocks)| **clocks > 0).map(|(rule, _)| *rule).collect();
        assert_eq!((slack.len(), late), (rules, outlasted.to_vec()), "{preset:?} {slack:?}");
    }
}

#[test]
fn needless_calls_change_nothing() {
    for (i, parameters) in variants().iter().enumerate() {
        let requests = mixed(1_000 + i as u64, 3_000);
        let run = |jitter| {
            let mut channel = Channel::new(parameters);
            channel.record_commands(true);
            let answers = offer(&mut channel, &requests, jitter);
            (answers, channel.take_commands(), *channel.stats())
        };
        let (quiet, spurious) = (run(None), run(Some(Random(i as u64))));
        assert_eq!(quiet.1, spurious.1, "{parameters:?}");
        assert_eq!((quiet.0, quiet.2), (spurious.0, spurious.2), "{parameters:?}");
    }
}

/// A caller with a coarser clock comes late, and a log makes up for idle refreshes one by one.
#[test]
fn late_calls_change_nothing_but_when_answers_are_known() {
    for (preset, _) in STANDARDS {
        let requests: Vec<Request> =
            mixed(7, 3_000).iter().map(|r| Request { arrival: r.arrival * 40, ..*r }).collect();
        let run = |refresh, step: u64, log: bool| -> (BTreeMap<u32, u64>, ChannelStats) {
            let mut channel = Channel::new(&Dram { refresh, ..dram(*preset) });
            channel.record_commands(log);
            for (tag, request) in (0..).zip(&requests) {
                if request.arrival % step == 0 {
                    channel.advance(request.arrival);
                }
                channel.accept(request.arrival, request.line, request.write, tag);
            }
            drain(&mut channel, requests.last().unwrap().arrival);
            let answers = std::iter::from_fn(|| channel.pop_read()).collect();
            (answers, *channel.stats())
        };
        for &refresh in Refresh::ALL {
            assert_eq!(run(refresh, 1, true), run(refresh, 1_000, false), "{preset:?} {refresh:?}");
        }
    }
}

#[test]
fn a_read_of_a_waiting_write_is_answered_from_it() {
    let mut channel = Channel::new(&without_refresh(Preset::Gddr5));
    channel.accept(10, 5, true, 0);
    channel.accept(11, 5, true, 0);
    channel.accept(12, 5, false, 9);
    drain(&mut channel, 12);
    assert_eq!(channel.pop_read(), Some((9, 13)));
    let stats = channel.stats();
    assert_eq!((stats.reads, stats.forwarded_reads, stats.writes, stats.merged_writes), (1, 1, 2, 1));
    assert_eq!(stats.bytes, 64);
}

#[test]
fn a_write_does_not_overtake_an_older_read_of_its_line() {
    let parameters = Dram { write_queue: 2, write_high_watermark: 1, ..without_refresh(Preset::Gddr5) };
    let mut channel = Channel::new(&parameters);
    channel.record_commands(true);
    channel.accept(10, 7, false, 1);
    channel.accept(10, 7, false, 2);
    channel.accept(10, 7, true, 0);
    drain(&mut channel, 10);
    let kinds: Vec<Command> = channel.take_commands().iter().map(|c| c.command).collect();
    let (read, write) = (Command::Read, Command::Write);
    assert_eq!(kinds, [Command::Activate, read, read, read, read, write, write]);
}

#[test]
fn row_hits_are_capped_only_while_an_older_conflict_waits() {
    let standard = Preset::Hbm1.standard().unwrap();
    let served_before_conflict = |cap| {
        let mut channel = Channel::new(&Dram { row_hit_cap: cap, ..without_refresh(Preset::Hbm1) });
        channel.accept(0, line_of(standard, 0, 0), false, 0);
        channel.accept(1, line_of(standard, 0, 1), false, 99);
        for tag in 1..=10 {
            channel.accept(1, line_of(standard, 0, 0) + u64::from(tag), false, tag);
        }
        drain(&mut channel, 1);
        let order: Vec<u32> = std::iter::from_fn(|| channel.pop_read()).map(|a| a.0).collect();
        order.iter().position(|&tag| tag == 99).unwrap()
    };
    assert_eq!(served_before_conflict(4), 4);
    assert_eq!(served_before_conflict(7), 7);
    assert_eq!(served_before_conflict(0), 11);
}

#[test]
fn hashing_serves_rows_of_one_bank_side_by_side() {
    let standard = Preset::Hbm1.standard().unwrap();
    let serve = |hashing| {
        let mut channel = Channel::new(&Dram { hashing, ..without_refresh(Preset::Hbm1) });
        saturate(&mut channel, (0..4_000).map(|row| line_of(standard, 0, row)))
    };
    // One row after the other, each taking tRC 24; spread over the banks, four in tFAW 15.
    assert_eq!(serve(Hashing::Off), 3_999 * 24 + 17);
    assert!(serve(Hashing::Permutation) <= 4_000 * 15 / 4 + 100);
}

#[test]
fn only_two_buses_carry_two_commands_in_a_tick() {
    for (preset, standard) in STANDARDS {
        let mut random = Random(3);
        let mut channel = Channel::new(&dram(*preset));
        channel.record_commands(true);
        saturate(&mut channel, (0..2_000).map(|_| random.below(1 << 20)));
        let commands = channel.take_commands();
        let pairs = commands.windows(2).filter(|w| w[0].tick == w[1].tick).count();
        assert_eq!(pairs > 0, standard.dual_command, "{preset:?}: {pairs} pairs");
    }
}

#[test]
fn writes_are_drained_between_the_watermarks() {
    let parameters =
        Dram { write_high_watermark: 8, write_low_watermark: 3, ..without_refresh(Preset::Hbm1) };
    let mut channel = Channel::new(&parameters);
    channel.record_commands(true);
    // All hits of one row: reads keep coming first, until the eighth write.
    channel.accept(0, 0, false, 0);
    for i in 0..7 {
        channel.accept(0, 16 + i, true, 0);
    }
    for i in 1..16 {
        channel.accept(0, i, false, i as u32);
    }
    channel.accept(0, 16 + 7, true, 0);
    drain(&mut channel, 0);
    let kinds: Vec<bool> = channel
        .take_commands()
        .iter()
        .filter(|c| c.command != Command::Activate)
        .map(|c| c.command == Command::Write)
        .collect();
    let runs: Vec<(bool, usize)> = kinds.chunk_by(|a, b| a == b).map(|c| (c[0], c.len())).collect();
    assert_eq!(runs, [(true, 5), (false, 16), (true, 3)]);
}

#[test]
fn ideal_takes_so_many_a_clock_at_a_fixed_latency() {
    for per_clock in [1, 2] {
        let parameters = Dram { ideal_requests_per_cycle: per_clock, ..dram(Preset::Ideal) };
        let mut channel = Channel::new(&parameters);
        for tag in 0..4 {
            channel.accept(50, u64::from(tag), false, tag);
        }
        assert_eq!(channel.advance(50), None);
        let done: Vec<u64> = std::iter::from_fn(|| channel.pop_read()).map(|a| a.1).collect();
        assert_eq!(done, if per_clock == 1 { [150, 151, 152, 153] } else { [150, 150, 151, 151] });
    }
}

#[test]
fn stats_subtract_and_add() {
    let mut channel = Channel::new(&dram(Preset::Hbm1));
    saturate(&mut channel, 0..100);
    let half = *channel.stats();
    channel.accept(100_000, 0, false, 0);
    drain(&mut channel, 100_000);
    let rest = channel.stats().since(&half);
    assert_eq!((rest.reads, rest.bytes, rest.read_latency.count), (1, 64, 1));
    let mut sum = half;
    sum += &rest;
    assert_eq!(sum, *channel.stats());
}
