//! An L1 cache between links: when it answers, what it sends to L2, and that every request is answered once
//! whatever its policies.

use std::collections::{BTreeMap, BTreeSet};

use mem_hierarchy::l1::{L1Cache, L1Ports};
use mem_hierarchy::params::{Bypass, L1, Replacement, WritePolicy};
use mem_hierarchy::request::{
    Access, CacheStats, CompactedLine, L2Request, L2Response, Line, LineRequest, LineResponse,
};
use proptest::prelude::*;
use sim_core::params::Bytes;
use sim_core::{ComponentId, Cycle, Link, TickOrder, Wake, Wheel};

const CU: ComponentId = ComponentId(0);
const CACHE: ComponentId = ComponentId(1);
const L2: ComponentId = ComponentId(2);

/// A request: cycles after the one before, line, what is asked.
type Ask = (u64, u64, Access);

/// L2 as the test plays it.
struct Below {
    /// Room towards it.
    room: usize,
    /// It takes a request in every so many cycles.
    takes_every: u64,
    /// From a request to its answer.
    latency: u64,
}

/// One that is in nobody's way: a miss takes the tag look-up, 1 cycle there, 20 back and 1 to the unit.
const FREE: Below = Below { room: 1_000, takes_every: 1, latency: 20 };

/// What was seen.
#[derive(Debug, PartialEq)]
struct Seen {
    /// By request the cycle of its answer.
    answers: Vec<u64>,
    /// What came to L2, and when.
    to_l2: Vec<(u64, u64, Access)>,
    stats: CacheStats,
    dirty: u64,
}

fn compacted(line: Line) -> CompactedLine {
    CompactedLine { words: [line.0 as u32; 16], last: true }
}

fn run(params: &L1, below: &Below, asks: &[Ask], order: TickOrder) -> Seen {
    let room = asks.len() + 1;
    let mut cache = L1Cache::new(params, 0);
    let mut requests: Link<LineRequest> = Link::new("asks", CU, CACHE, 1, room);
    let mut hits: Link<LineResponse> = Link::new("hits", CACHE, CU, params.latency.into(), room);
    let mut fills: Link<LineResponse> = Link::new("fills", CACHE, CU, 1, room);
    let mut to_l2: Link<L2Request> = Link::new("to L2", CACHE, L2, 1, below.room);
    let mut from_l2: Link<L2Response> = Link::new("from L2", L2, CACHE, below.latency, 1_000);
    let mut wheel = Wheel::new(3);
    let mut by_cycle: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut at = 0;
    for (i, (gap, ..)) in asks.iter().enumerate() {
        at += gap;
        by_cycle.entry(at).or_default().push(i);
        wheel.schedule(CU, Cycle(at));
    }
    let mut answers = BTreeMap::new();
    let mut arrived = Vec::new();
    let mut due = Vec::new();
    while wheel.advance(order, &mut due) {
        let now = wheel.now();
        for &id in &due {
            if id == CU {
                for i in by_cycle.remove(&now.0).unwrap_or_default() {
                    let (_, line, access) = asks[i];
                    let request = LineRequest { line: Line(line), access, tag: i as u32 };
                    requests.send(request, now, &mut wheel);
                }
                for link in [&mut hits, &mut fills] {
                    while let Some(response) = link.take(now, &mut wheel) {
                        let (_, line, access) = asks[response.tag as usize];
                        let expected = (access == Access::SparseRead).then(|| compacted(Line(line)));
                        assert_eq!(response.data, expected, "contents of another line");
                        assert_eq!(answers.insert(response.tag, now.0), None, "answered twice");
                    }
                }
            } else if id == CACHE {
                let ports = &mut L1Ports {
                    requests: &mut requests,
                    hits: &mut hits,
                    fills: &mut fills,
                    to_l2: &mut to_l2,
                    from_l2: &mut from_l2,
                };
                match cache.tick(now, ports, &mut wheel) {
                    Wake::Next => wheel.schedule(CACHE, now + 1),
                    Wake::At(at) => wheel.schedule(CACHE, at),
                    Wake::Idle => {}
                }
            } else {
                while let Some(request) = to_l2.peek(now).copied() {
                    if below.takes_every > 1 && !now.0.is_multiple_of(below.takes_every) {
                        wheel.schedule(L2, now + 1);
                        break;
                    }
                    to_l2.take(now, &mut wheel);
                    arrived.push((now.0, request.line.0, request.access));
                    let response = L2Response {
                        cu: request.cu,
                        tag: request.tag,
                        is_write: request.access.is_write(),
                        data: (request.access == Access::SparseRead).then(|| compacted(request.line)),
                    };
                    from_l2.send(response, now, &mut wheel);
                    if below.takes_every > 1 {
                        wheel.schedule(L2, now + 1);
                        break;
                    }
                }
            }
        }
    }
    assert_eq!(cache.waiting_for(), None);
    assert!(requests.is_empty() && to_l2.is_empty() && from_l2.is_empty(), "left in flight");
    assert_eq!(answers.len(), asks.len(), "requests without an answer");
    Seen {
        answers: answers.into_values().collect(),
        to_l2: arrived,
        stats: *cache.stats(),
        dirty: cache.dirty_lines(),
    }
}

fn answers(params: &L1, asks: &[Ask]) -> Vec<u64> {
    run(params, &FREE, asks, TickOrder::Ascending).answers
}

const READ: Access = Access::Read;
const WHOLE: Access = Access::WriteFull;
const PART: Access = Access::WritePart;

/// The unloaded times of [`FREE`], from the request: of a hit, and of what L2 answers.
const HIT: u64 = 61;
const MISS: u64 = 1 + 2 + 1 + 20 + 1;

#[test]
fn banks_look_up_one_request_a_cycle() {
    // Given lines 0 to 3 in the cache, and room for the answers of both requests of a cycle.
    let fill: Vec<Ask> = (0..4).map(|line| (u64::from(line == 0) * 10, line, READ)).collect();
    let both = |banks, line| {
        let params = L1 { banks, lines_per_cycle: 4, ..L1::default() };
        let asks = [&fill[..], &[(90, 0, READ), (0, line, READ)]].concat();
        answers(&params, &asks)[4..].to_vec()
    };
    // When they ask the same bank, then one waits for a cycle; in different ones, or without banks, none.
    assert_eq!(both(2, 2), [100 + HIT, 100 + HIT + 1]);
    assert_eq!(both(2, 1), [100 + HIT; 2]);
    assert_eq!(both(0, 2), [100 + HIT; 2]);
}

#[test]
fn as_many_wait_for_a_line_as_may() {
    // Given reads of one line, a cycle apart, of which some may wait for it.
    let asks = [(10, 5, READ), (1, 5, READ), (1, 5, READ)];
    let filled = 10 + MISS;
    let with = |mshr_targets| answers(&L1 { mshr_targets, ..L1::default() }, &asks);
    // Then the others wait until it has come, in cycle `filled - 1`, and hit.
    assert_eq!(with(0), [filled, filled + 1, filled + 2]);
    assert_eq!(with(3), [filled, filled + 1, filled + 2]);
    assert_eq!(with(2), [filled, filled + 1, filled - 1 + HIT - 1]);
    assert_eq!(with(1), [filled, filled - 1 + HIT - 1, filled - 1 + HIT]);
}

#[test]
fn a_line_is_there_from_its_arrival_on() {
    // Given a line that arrives at the cache in cycle `comes`.
    let comes = 10 + MISS - 1;
    // When it is asked for in the cycle before, then the request waits for it; in that cycle, it hits.
    let second = |arrives: u64| answers(&L1::default(), &[(10, 5, READ), (arrives - 1 - 10, 5, READ)])[1];
    assert_eq!(second(comes - 1), comes + 2);
    assert_eq!(second(comes), comes - 1 + HIT);
}

#[test]
fn what_passes_the_cache_by_leaves_nothing_behind() {
    // Given two reads of a line at once and one much later.
    let asks = |access| [(10, 5, access), (0, 5, access), (200, 5, access)];
    for (bypass, access, reads_of_l2) in [
        (Bypass::None, READ, 1),
        (Bypass::None, Access::SparseRead, 1),
        (Bypass::Reads, READ, 3),
        (Bypass::Reads, Access::SparseRead, 1),
        (Bypass::All, READ, 3),
        (Bypass::All, Access::SparseRead, 3),
    ] {
        let params = L1 { bypass, ..L1::default() };
        let seen = run(&params, &FREE, &asks(access), TickOrder::Ascending);
        assert_eq!((seen.to_l2.len(), seen.stats.misses), (reads_of_l2, reads_of_l2 as u64), "{bypass:?}");
        let third = if reads_of_l2 == 3 { MISS } else { HIT };
        assert_eq!(seen.answers, [10 + MISS, 10 + MISS + 1, 210 + third], "{bypass:?}");
    }
}

#[test]
fn a_read_that_would_pass_by_finds_what_was_written() {
    // Given a line that was written and stays, and reads that pass by where they miss.
    let params =
        L1 { bypass: Bypass::Reads, write: WritePolicy::Back, write_allocate: true, ..L1::default() };
    let seen = run(&params, &FREE, &[(10, 5, WHOLE), (100, 5, READ), (0, 6, READ)], TickOrder::Ascending);
    assert_eq!(seen.answers, [10 + HIT, 110 + HIT, 110 + MISS]);
    assert_eq!(seen.to_l2, [(110 + 4, 6, READ)]);
}

#[test]
fn writes_do_as_the_policies_say() {
    // Given a cache of one set of four ways, and a write of line 0, which is there or not.
    let outcome = |write, write_allocate, is_there: bool, access| {
        let params =
            L1 { size: Bytes::kib(1), ways: 16, write, write_allocate, latency: 60, ..L1::default() };
        let first = if is_there { 0 } else { 99 };
        let asks = [(10, first, READ), (90, 0, access), (200, 0, READ)];
        let seen = run(&params, &FREE, &asks, TickOrder::Ascending);
        let sent: Vec<Access> = seen.to_l2[1..].iter().map(|(.., access)| *access).collect();
        (seen.answers[1] - 100, sent, seen.answers[2] - 300, seen.dirty)
    };
    let (through, back) = (WritePolicy::Through, WritePolicy::Back);
    for part in [PART, WHOLE] {
        for allocate in [false, true] {
            // A hit: answered by L2, or at once.
            assert_eq!(outcome(through, allocate, true, part), (MISS, vec![part], HIT, 0));
            assert_eq!(outcome(back, allocate, true, part), (HIT, vec![], HIT, 1));
        }
        // A miss that brings nothing.
        assert_eq!(outcome(through, false, false, part), (MISS, vec![part, READ], MISS, 0));
        assert_eq!(outcome(back, false, false, part), (MISS, vec![part, READ], MISS, 0));
    }
    // A miss that brings its line, fetched for a part of it alone.
    assert_eq!(outcome(through, true, false, WHOLE), (MISS, vec![WHOLE], HIT, 0));
    assert_eq!(outcome(through, true, false, PART), (MISS, vec![PART, READ], HIT, 0));
    assert_eq!(outcome(back, true, false, WHOLE), (HIT, vec![], HIT, 1));
    assert_eq!(outcome(back, true, false, PART), (MISS, vec![READ], HIT, 1));
}

#[test]
fn a_dirty_line_leaves_when_its_place_is_taken() {
    // Given one line a set, 16 sets, and line 0 written.
    let params =
        L1 { size: Bytes::kib(1), ways: 1, write: WritePolicy::Back, write_allocate: true, ..L1::default() };
    let seen = run(&params, &FREE, &[(10, 0, WHOLE), (90, 16, READ), (200, 0, READ)], TickOrder::Ascending);
    // When line 16 comes in cycle 124, then line 0 leaves, past the tags and the link to L2.
    assert_eq!(seen.to_l2, [(104, 16, READ), (124 + 3, 0, WHOLE), (304, 0, READ)]);
    assert_eq!((seen.stats.writebacks, seen.stats.evictions, seen.dirty), (1, 2, 0));
}

#[test]
fn a_miss_brings_its_own_line_of_a_block() {
    // Given blocks of four lines, and line 1 read.
    let params = L1 { sectors: 4, ..L1::default() };
    let times =
        answers(&params, &[(10, 1, READ), (90, 1, READ), (100, 2, READ), (100, 1, READ), (0, 2, READ)]);
    // Then line 2 has to be fetched, and both stay.
    assert_eq!(times, [10 + MISS, 100 + HIT, 200 + MISS, 300 + HIT, 300 + HIT + 1]);
}

fn accesses() -> impl Strategy<Value = Access> {
    prop_oneof![4 => Just(READ), 2 => Just(Access::SparseRead), 1 => Just(WHOLE), 2 => Just(PART)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once(
        (ways, sectors) in (0u32..3, 0u32..3), replacement in prop::sample::select(Replacement::ALL),
        write in prop::sample::select(WritePolicy::ALL), write_allocate in any::<bool>(),
        bypass in prop::sample::select(Bypass::ALL), banks in 0u32..4,
        (mshrs, mshr_targets, requests_per_cycle) in (1u32..5, 0u32..4, 1u32..5),
        (room, takes_every, latency) in (1usize..5, 1u64..4, 1u64..40),
        asks in prop::collection::vec(
            (prop_oneof![4 => Just(0u64), 2 => 1u64..4, 1 => 0u64..100],
             prop_oneof![0u64..12, (0u64..12).prop_map(|i| i * 16), 0u64..200], accesses()), 1..200),
    ) {
        let params = L1 {
            size: Bytes::kib(1), ways: 1 << ways, sectors: 1 << sectors, replacement, write, write_allocate,
            bypass, banks, mshrs, mshr_targets, requests_per_cycle, ..L1::default()
        };
        let below = Below { room, takes_every, latency };
        let seen = run(&params, &below, &asks, TickOrder::Ascending);
        let stats = &seen.stats;
        prop_assert_eq!(stats.hits + stats.merged + stats.misses, asks.len() as u64);
        prop_assert_eq!(stats.reads + stats.writes, asks.len() as u64);
        // Each line written is written in L2 too, or still dirty here.
        let lines = |items: &mut dyn Iterator<Item = (u64, Access)>| -> BTreeSet<u64> {
            items.filter(|(_, access)| access.is_write()).map(|(line, _)| line).collect()
        };
        let written = lines(&mut asks.iter().map(|(_, line, access)| (*line, *access)));
        let below_too = lines(&mut seen.to_l2.iter().map(|(_, line, access)| (*line, *access)));
        prop_assert!(below_too.is_subset(&written));
        prop_assert!(written.difference(&below_too).count() as u64 <= seen.dirty);
        let writes_below = seen.to_l2.iter().filter(|(.., access)| access.is_write()).count() as u64;
        if write == WritePolicy::Through || bypass == Bypass::All {
            prop_assert_eq!((writes_below, seen.dirty, stats.writebacks), (stats.writes, 0, 0));
        } else if write_allocate {
            prop_assert_eq!(writes_below, stats.writebacks);
        }
        for order in [TickOrder::Descending, TickOrder::Everything] {
            prop_assert_eq!(&run(&params, &below, &asks, order), &seen, "{:?}", order);
        }
    }
}
