//! An L1 cache between queues: when it answers, what it sends to L2 and how much at a time, and that every
//! request is answered once whatever its policies.

use std::collections::{BTreeMap, BTreeSet};

use mem_hierarchy::l1::{L1Cache, L1Ports};
use mem_hierarchy::params::{Bypass, Crossbar, L1, Replacement, WritePolicy};
use mem_hierarchy::request::{Access, CacheStats, CompactedLine, L2Response, Line, LineRequest};
use proptest::prelude::*;
use sim_core::params::Bytes;
use sim_core::{Cycle, TimedQueue};

/// A request: cycles after the one before, line, what is asked.
type Ask = (u64, u64, Access);

/// Crossbar and L2 as the test plays them.
struct Below {
    /// Messages that the crossbar takes in a cycle.
    width: u32,
    /// L2 takes a request in every so many cycles.
    takes_every: u64,
    /// From there to its answer.
    latency: u64,
}

/// One that is in nobody's way.
const FREE: Below = Below { width: 1, takes_every: 1, latency: 20 };

/// What was seen.
#[derive(Debug, PartialEq)]
struct Seen {
    /// By request the cycle of its answer.
    answers: Vec<u64>,
    /// By request whether its answer came from the data array.
    hits: Vec<bool>,
    /// What came to L2, and when.
    to_l2: Vec<(u64, u64, Access)>,
    stats: CacheStats,
    dirty: u64,
}

/// When the cache is ticked.
#[derive(Clone, Copy, PartialEq)]
enum Ticks {
    WhereDue,
    Always,
}

fn compacted(line: Line) -> CompactedLine {
    CompactedLine { words: [line.0 as u32; 16], last: true }
}

fn run(params: &L1, below: &Below, asks: &[Ask], ticks: Ticks) -> Seen {
    let crossbar = Crossbar { lines_per_cycle: below.width, ..Crossbar::default() };
    let mut cache = L1Cache::new(params, &crossbar, 0);
    let (mut requests, mut from_l2) = (TimedQueue::default(), TimedQueue::default());
    let (mut told, mut to_l2) = (Vec::new(), Vec::new());
    let mut at = Cycle(0);
    for (tag, (gap, line, access)) in (0..).zip(asks) {
        at += *gap;
        requests.push(at, LineRequest { line: Line(*line), access: *access, tag });
    }
    let (mut answers, mut arrived, mut acknowledged) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut l2_takes = Cycle(0);
    let mut now = requests.next_arrival();
    while now != Cycle::NEVER {
        let mut ports =
            L1Ports { requests: &mut requests, answers: &mut told, to_l2: &mut to_l2, from_l2: &mut from_l2 };
        let next = cache.tick(now, &mut ports);
        for (at, response) in told.drain(..) {
            let (_, line, access) = asks[response.tag as usize];
            let expected = (access == Access::SparseRead).then(|| compacted(Line(line)));
            assert_eq!(response.data, expected, "contents of another line");
            assert!(at > now, "an answer in the past");
            assert_eq!(answers.insert(response.tag, (at.0, response.hit)), None, "answered twice");
        }
        for (at, request) in to_l2.drain(..) {
            let (taken, is_write) = (at.max(l2_takes), request.access.is_write());
            l2_takes = taken + below.takes_every;
            arrived.push((taken.0, request.line.0, request.access));
            let data = (request.access == Access::SparseRead).then(|| compacted(request.line));
            let response = L2Response { cu: request.cu, tag: request.tag, is_write, data };
            from_l2.push(taken + below.latency, response);
            acknowledged.extend(is_write.then_some(taken + below.latency));
        }
        acknowledged.retain(|at| *at > now);
        assert!(acknowledged.len() <= params.write_buffer as usize, "more writes than the buffer holds");
        let next = next.min(from_l2.next_arrival());
        assert!(next > now, "back in the past");
        now = if ticks == Ticks::Always && next != Cycle::NEVER { now + 1 } else { next };
    }
    assert_eq!(cache.waiting_for(), None);
    assert!(requests.is_empty(), "requests left");
    assert_eq!(answers.len(), asks.len(), "requests without an answer");
    let (answers, hits) = answers.into_values().unzip();
    Seen { answers, hits, to_l2: arrived, stats: *cache.stats(), dirty: cache.dirty_lines() }
}

/// What is seen where nothing is in the way.
fn seen(params: &L1, asks: &[Ask]) -> Seen {
    run(params, &FREE, asks, Ticks::WhereDue)
}

const READ: Access = Access::Read;
const WHOLE: Access = Access::WriteFull;
const PART: Access = Access::WritePart;

/// The unloaded times of [`FREE`], from the request's arrival: of a hit; of what L2 answers, to L2, back at
/// the cache and back at the compute unit.
const HIT: u64 = 60;
const TO_L2: u64 = 2 + 10;
const BACK: u64 = TO_L2 + 20;
const MISS: u64 = BACK + 1;

#[test]
fn banks_look_up_one_request_a_cycle() {
    // Given lines 0 to 3 in the cache, and room for the answers of both requests of a cycle.
    let fill: Vec<Ask> = (0..4).map(|line| (u64::from(line == 0) * 10, line, READ)).collect();
    let both = |banks, line| {
        let params = L1 { banks, lines_per_cycle: 4, ..L1::default() };
        let asks = [&fill[..], &[(90, 0, READ), (0, line, READ)]].concat();
        seen(&params, &asks).answers[4..].to_vec()
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
    let (comes, filled) = (10 + BACK, 10 + MISS);
    let with = |mshr_targets| seen(&L1 { mshr_targets, ..L1::default() }, &asks).answers;
    // Then the others wait until it has come, and hit.
    assert_eq!(with(0), [filled, filled + 1, filled + 2]);
    assert_eq!(with(3), [filled, filled + 1, filled + 2]);
    assert_eq!(with(2), [filled, filled + 1, comes + HIT]);
    assert_eq!(with(1), [filled, comes + HIT, comes + HIT + 1]);
}

#[test]
fn a_line_is_there_from_its_arrival_on() {
    // Given a line that arrives at the cache in cycle `comes`.
    let comes = 10 + BACK;
    let second = |at: u64| {
        let seen = seen(&L1::default(), &[(10, 5, READ), (at - 10, 5, READ)]);
        (seen.answers[1], seen.hits[1])
    };
    // When it is asked for in the cycle before, then the request waits for it; in that cycle, it hits.
    assert_eq!(second(comes - 1), (comes + 2, false));
    assert_eq!(second(comes), (comes + HIT, true));
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
        let seen = seen(&L1 { bypass, ..L1::default() }, &asks(access));
        assert_eq!((seen.to_l2.len(), seen.stats.misses), (reads_of_l2, reads_of_l2 as u64), "{bypass:?}");
        let third = if reads_of_l2 == 3 { MISS } else { HIT };
        assert_eq!(seen.answers, [10 + MISS, 10 + MISS + 1, 210 + third], "{bypass:?}");
    }
}

/// A cache of 16 lines that keeps what is written.
fn write_back(ways: u32) -> L1 {
    L1 { size: Bytes::kib(1), ways, write: WritePolicy::Back, write_allocate: true, ..L1::default() }
}

#[test]
fn a_read_that_would_pass_by_finds_what_was_written() {
    // Given a line that was written and stays, and reads that pass by where they miss.
    let params = L1 { bypass: Bypass::Reads, ..write_back(4) };
    let seen = seen(&params, &[(10, 5, WHOLE), (100, 5, READ), (0, 6, READ)]);
    assert_eq!(seen.answers, [10 + HIT, 110 + HIT, 110 + MISS]);
    assert_eq!(seen.to_l2, [(110 + TO_L2, 6, READ)]);
}

#[test]
fn writes_do_as_the_policies_say() {
    // Given a cache of one set, and a write of line 0, which is there or not.
    let outcome = |write, write_allocate, is_there: bool, access| {
        let params = L1 { write, write_allocate, ..write_back(16) };
        let first = if is_there { 0 } else { 99 };
        let seen = seen(&params, &[(10, first, READ), (90, 0, access), (200, 0, READ)]);
        let sent: Vec<Access> = seen.to_l2[1..].iter().map(|(.., access)| *access).collect();
        assert_eq!(seen.hits[1], seen.answers[1] == 100 + HIT);
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
    let seen = seen(&write_back(1), &[(10, 0, WHOLE), (90, 16, READ), (200, 0, READ)]);
    // When line 16 comes, then line 0 leaves, past the tags and the crossbar.
    let leaves = 100 + BACK;
    assert_eq!(seen.to_l2, [(100 + TO_L2, 16, READ), (leaves + TO_L2, 0, WHOLE), (300 + TO_L2, 0, READ)]);
    assert_eq!((seen.stats.writebacks, seen.stats.evictions, seen.dirty), (1, 2, 0));
}

#[test]
fn a_miss_brings_its_own_line_of_a_block() {
    // Given blocks of four lines, and line 1 read.
    let params = L1 { sectors: 4, ..L1::default() };
    let asks = [(10, 1, READ), (90, 1, READ), (100, 2, READ), (100, 1, READ), (0, 2, READ)];
    // Then line 2 has to be fetched, and both stay.
    assert_eq!(seen(&params, &asks).answers, [10 + MISS, 100 + HIT, 200 + MISS, 300 + HIT, 300 + HIT + 1]);
}

#[test]
fn a_write_waits_for_an_acknowledgement_where_the_write_buffer_is_full() {
    // Given a read, three writes and a read, all at once; the first write is acknowledged in cycle `freed`.
    let asks = [(10, 9, READ), (0, 0, PART), (0, 1, WHOLE), (0, 2, PART), (0, 3, READ)];
    let freed = 10 + BACK + 1;
    let params = |write_buffer| L1 { write_buffer, requests_per_cycle: 8, ..L1::default() };
    let at_l2 = |write_buffer| seen(&params(write_buffer), &asks).to_l2.iter().map(|seen| seen.0).collect();
    // Then the third write, and the read behind it, go in that cycle if two fill the buffer; reads do not.
    let at_once: Vec<u64> = (10 + TO_L2..).take(5).collect();
    let two_late = [&at_once[..3], &[freed + TO_L2, freed + TO_L2 + 1]].concat();
    assert_eq!((at_l2(3), at_l2(2)), (at_once, two_late));
}

#[test]
fn dirty_lines_that_leave_wait_for_the_write_buffer_too() {
    // Given one line a set, lines 0 and 1 written, a buffer for one write, and lines 16 and 17 that push
    // them out in cycle `comes` and the next.
    let params = L1 { write_buffer: 1, ..write_back(1) };
    let asks = [(10, 0, WHOLE), (0, 1, WHOLE), (90, 16, READ), (0, 17, READ), (BACK + 2, 18, READ)];
    let (comes, freed) = (100 + BACK, 100 + 2 * BACK);
    let seen = seen(&params, &asks);
    // Then line 1 waits for line 0's acknowledgement, and a request for line 1; line 17 is there at once.
    let expected = [(comes + TO_L2, 0, WHOLE), (freed + TO_L2, 1, WHOLE), (freed + TO_L2 + 1, 18, READ)];
    assert_eq!(seen.to_l2[2..], expected);
    assert_eq!(seen.answers[2..], [100 + MISS, 100 + MISS + 1, freed + 1 + MISS]);
}

#[test]
fn a_dirty_block_leaves_through_a_buffer_of_one_line_by_line() {
    // Given one block of four lines a set, all of them written.
    let params = L1 { sectors: 4, write_buffer: 1, mshrs: 1, ..write_back(1) };
    let written = [(10, 0, WHOLE), (0, 1, WHOLE), (0, 2, WHOLE), (0, 3, WHOLE)];
    let seen = seen(&params, &[&written[..], &[(90, 16, PART)]].concat());
    // When another block's line comes for a write, then each goes with the acknowledgement of the one before.
    let expected: Vec<_> = (0..4).map(|i| (100 + (i + 1) * BACK + TO_L2, i, WHOLE)).collect();
    assert_eq!(seen.to_l2[1..], expected);
    assert_eq!((seen.answers[4], seen.dirty), (100 + MISS, 1));
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
        (mshrs, mshr_targets, requests_per_cycle, write_buffer) in (1u32..5, 0u32..4, 1u32..5, 1u32..5),
        (width, takes_every, latency) in (1u32..4, 1u64..4, 1u64..40),
        asks in prop::collection::vec(
            (prop_oneof![4 => Just(0u64), 2 => 1u64..4, 1 => 0u64..100],
             prop_oneof![0u64..12, (0u64..12).prop_map(|i| i * 16), 0u64..200], accesses()), 1..200),
    ) {
        let params = L1 {
            size: Bytes::kib(1), ways: 1 << ways, sectors: 1 << sectors, replacement, write, write_allocate,
            bypass, banks, mshrs, mshr_targets, requests_per_cycle, write_buffer, ..L1::default()
        };
        let below = Below { width, takes_every, latency };
        let seen = run(&params, &below, &asks, Ticks::WhereDue);
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
        prop_assert_eq!(run(&params, &below, &asks, Ticks::Always), seen);
    }
}
