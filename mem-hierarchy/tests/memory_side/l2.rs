//! An L2 slice between queues and links: when it answers, what it sends to memory and engine, and that every
//! request is answered once whatever its policies.

use std::collections::{BTreeMap, BTreeSet};

use mem_hierarchy::address::AddressMap;
use mem_hierarchy::l2::{L2Ports, L2Slice};
use mem_hierarchy::params::{Crossbar, L2, Replacement, WritePolicy};
use mem_hierarchy::request::{
    Access, CacheStats, CompactedLine, L2Request, Line, MemoryRequest, MemoryResponse, SparseRequest,
    SparseResponse,
};
use proptest::prelude::*;
use sim_core::params::Bytes;
use sim_core::{ComponentId, Cycle, Link, TickOrder, TimedQueue, Wake, Wheel};

const SLICE: ComponentId = ComponentId(0);
const MEMORY: ComponentId = ComponentId(1);

/// A request: cycles after the one before, line, what is asked.
type Ask = (u64, u64, Access);

/// What is around the slice, as the test plays it.
struct Around {
    /// Answers that the crossbar takes in a cycle.
    width: u32,
    /// Room towards memory and engine.
    room: usize,
    /// They take a request in every so many cycles.
    takes_every: u64,
    /// From a request to its answer.
    latency: u64,
}

/// One that is in nobody's way.
const FREE: Around = Around { width: 4, room: 1_000, takes_every: 1, latency: 50 };

/// What was seen.
#[derive(Debug, PartialEq)]
struct Seen {
    /// By request the cycle of its answer.
    answers: Vec<u64>,
    /// What came to memory: when, which line, whether it writes.
    to_memory: Vec<(u64, u64, bool)>,
    stats: CacheStats,
    dirty: u64,
}

fn compacted(line: Line) -> CompactedLine {
    CompactedLine { words: [line.0 as u32; 16], last: true }
}

fn run(params: &L2, around: &Around, asks: &[Ask], order: TickOrder) -> Seen {
    let params = &L2 { slices: 1, ..params.clone() };
    let crossbar = Crossbar { lines_per_cycle: around.width, ..Crossbar::default() };
    let map = AddressMap::new(params, 1);
    let mut slice = L2Slice::new(params, &crossbar, params.ways, map);
    let (mut requests, mut responses) = (TimedQueue::default(), Vec::new());
    let mut to_memory: Link<MemoryRequest> = Link::new("to memory", SLICE, MEMORY, 1, around.room);
    let mut from_memory: Link<MemoryResponse> =
        Link::new("from memory", MEMORY, SLICE, around.latency, 1_000);
    let mut to_engine: Link<SparseRequest> = Link::new("to engine", SLICE, MEMORY, 1, around.room);
    let mut from_engine: Link<SparseResponse> =
        Link::new("from engine", MEMORY, SLICE, around.latency, 1_000);
    let mut wheel = Wheel::new(2);
    let mut at = Cycle(0);
    for (tag, (gap, line, access)) in (0..).zip(asks) {
        at += *gap;
        requests.push(at, L2Request { line: Line(*line), access: *access, cu: 7, tag });
        wheel.schedule(SLICE, at);
    }
    let mut answers = BTreeMap::new();
    let mut arrived = Vec::new();
    let mut due = Vec::new();
    while wheel.advance(order, &mut due) {
        let now = wheel.now();
        for &id in &due {
            if id == SLICE {
                let ports = &mut L2Ports {
                    requests: &mut requests,
                    responses: &mut responses,
                    to_memory: &mut to_memory,
                    from_memory: &mut from_memory,
                    to_engine: &mut to_engine,
                    from_engine: &mut from_engine,
                };
                match slice.tick(now, ports, &mut wheel) {
                    Wake::Next => wheel.schedule(SLICE, now + 1),
                    Wake::At(at) => wheel.schedule(SLICE, at),
                    Wake::Idle => {}
                }
                for (at, response) in responses.drain(..) {
                    let (_, line, access) = asks[response.tag as usize];
                    let expected = (access == Access::SparseRead).then(|| compacted(Line(line)));
                    let (is_write, data) = (response.is_write, response.data);
                    assert_eq!((response.cu, is_write, data), (7, access.is_write(), expected));
                    assert!(at > now, "an answer in the past");
                    assert_eq!(answers.insert(response.tag, at.0), None, "answered twice");
                }
            } else {
                while to_memory.peek(now).is_some() || to_engine.peek(now).is_some() {
                    if !now.0.is_multiple_of(around.takes_every) {
                        wheel.schedule(MEMORY, now + 1);
                        break;
                    }
                    if let Some(request) = to_engine.take(now, &mut wheel) {
                        let response = SparseResponse { tag: request.tag, data: compacted(request.line) };
                        from_engine.send(response, now, &mut wheel);
                    }
                    if let Some(request) = to_memory.take(now, &mut wheel) {
                        arrived.push((now.0, request.line.0, request.is_write));
                        if !request.is_write {
                            from_memory.send(MemoryResponse { tag: request.tag }, now, &mut wheel);
                        }
                    }
                    if around.takes_every > 1 {
                        wheel.schedule(MEMORY, now + 1);
                        break;
                    }
                }
            }
        }
    }
    assert_eq!(slice.waiting_for(), None);
    assert!(requests.is_empty() && to_memory.is_empty() && to_engine.is_empty(), "left in flight");
    assert_eq!(answers.len(), asks.len(), "requests without an answer");
    Seen {
        answers: answers.into_values().collect(),
        to_memory: arrived,
        stats: *slice.stats(),
        dirty: slice.dirty_lines(),
    }
}

const READ: Access = Access::Read;
const WHOLE: Access = Access::WriteFull;
const PART: Access = Access::WritePart;

/// What is seen where nothing is in the way.
fn seen(params: &L2, asks: &[Ask]) -> Seen {
    run(params, &FREE, asks, TickOrder::Ascending)
}

/// The unloaded times of [`FREE`], from the request's arrival to the answer's at the crossbar's output: of a
/// hit; of what memory answers, whose line arrives at the slice after `COMES` cycles.
const HIT: u64 = 10 + 9;
const COMES: u64 = 2 + 1 + 50;
const MISS: u64 = COMES + HIT;

#[test]
fn banks_look_up_one_request_a_cycle() {
    // Given lines 0 to 3 in the slice, which looks up to two requests a cycle.
    let fill: Vec<Ask> = (0..4).map(|line| (u64::from(line == 0) * 10, line, READ)).collect();
    let both = |banks, line| {
        let params = L2 { banks, requests_per_cycle: 2, ..L2::default() };
        let asks = [&fill[..], &[(90, 0, READ), (0, line, READ)]].concat();
        seen(&params, &asks).answers[4..].to_vec()
    };
    // When they ask the same bank, then one waits for a cycle; in different ones, or without banks, none.
    assert_eq!(both(2, 2), [100 + HIT, 100 + HIT + 1]);
    assert_eq!(both(2, 1), [100 + HIT; 2]);
    assert_eq!(both(0, 2), [100 + HIT; 2]);
}

#[test]
fn answers_leave_as_the_crossbar_takes_them() {
    // Given two lines in the slice, asked for at once.
    let params = L2 { requests_per_cycle: 2, ..L2::default() };
    let asks = [(10, 0, READ), (0, 1, READ), (90, 0, READ), (0, 1, READ)];
    let both =
        |width| run(&params, &Around { width, ..FREE }, &asks, TickOrder::Ascending).answers[2..].to_vec();
    assert_eq!((both(1), both(2)), (vec![100 + HIT, 100 + HIT + 1], vec![100 + HIT; 2]));
}

#[test]
fn as_many_wait_for_a_line_as_may() {
    // Given reads of one line, a cycle apart, of which some may wait for it.
    let asks = [(10, 5, READ), (1, 5, READ), (1, 6, READ)];
    let with = |mshr_targets| seen(&L2 { mshr_targets, ..L2::default() }, &asks).answers;
    // Then the other, and all behind it, wait until the line has come, and it hits.
    let filled = 10 + MISS;
    assert_eq!(with(0), [filled, filled, 12 + MISS]);
    assert_eq!(with(2), [filled, filled, 12 + MISS]);
    assert_eq!(with(1), [filled, filled, 10 + COMES + 1 + MISS]);
}

#[test]
fn writes_do_as_the_policies_say() {
    // Given a write of line 0, which is there or not, and a read of it later.
    let outcome = |write, write_allocate, is_there: bool, access| {
        let params = L2 { write, write_allocate, ..L2::default() };
        let first = if is_there { 0 } else { 99 };
        let asks = [(10, first, READ), (90, 0, access), (200, 0, READ)];
        let seen = seen(&params, &asks);
        let sent: Vec<bool> = seen.to_memory[1..].iter().map(|(.., is_write)| *is_write).collect();
        (seen.answers[1] - 100, sent, seen.answers[2] - 300, seen.dirty)
    };
    let (through, back) = (WritePolicy::Through, WritePolicy::Back);
    let (writes, reads) = (true, false);
    for part in [PART, WHOLE] {
        for allocate in [false, true] {
            assert_eq!(outcome(through, allocate, true, part), (HIT, vec![writes], HIT, 0));
            assert_eq!(outcome(back, allocate, true, part), (HIT, vec![], HIT, 1));
        }
        // A miss that brings nothing.
        assert_eq!(outcome(through, false, false, part), (HIT, vec![writes, reads], MISS, 0));
        assert_eq!(outcome(back, false, false, part), (HIT, vec![writes, reads], MISS, 0));
    }
    // A miss that brings its line, fetched for a part of it alone.
    assert_eq!(outcome(through, true, false, WHOLE), (HIT, vec![writes], HIT, 0));
    assert_eq!(outcome(through, true, false, PART), (MISS, vec![reads, writes], HIT, 0));
    assert_eq!(outcome(back, true, false, WHOLE), (HIT, vec![], HIT, 1));
    assert_eq!(outcome(back, true, false, PART), (MISS, vec![reads], HIT, 1));
}

#[test]
fn all_dirty_lines_of_a_block_are_written_back() {
    // Given one block of four lines a set, lines 0 and 3 written, and room for one message to memory.
    let params = L2 { size: Bytes::kib(16), ways: 1, sectors: 4, ..L2::default() };
    let around = Around { room: 1, takes_every: 10, ..FREE };
    let asks = [(10, 0, WHOLE), (0, 3, WHOLE), (90, 256, WHOLE), (200, 3, READ)];
    let seen = run(&params, &around, &asks, TickOrder::Ascending);
    // When the block's place is taken, then both go, one after the other, and the write waits for them.
    assert_eq!(seen.to_memory[..2], [(110, 0, true), (120, 3, true)]);
    assert_eq!(seen.answers[2], 111 + HIT);
    assert_eq!((seen.stats.writebacks, seen.stats.evictions, seen.dirty), (3, 3, 0));
}

#[test]
fn a_line_that_waits_for_room_takes_a_clean_line_s_place_once_it_may() {
    // Given sets of two lines, of which 0 is dirty and 128 clean and younger, line 256 of the same set that
    // arrives in cycle 2050, and no room towards memory until cycle 3000.
    let params = L2 { size: Bytes::kib(16), ways: 2, ..L2::default() };
    let around = Around { room: 1, takes_every: 1_000, ..FREE };
    let asks = [(10, 0, WHOLE), (0, 128, READ), (1_090, 256, READ), (910, 1, READ), (40, 0, READ)];
    // When line 0 is read in that cycle, then line 256 takes the place of the other one, in the next.
    let seen = run(&params, &around, &asks, TickOrder::Ascending);
    assert_eq!(seen.answers[2..], [2_051 + HIT, 3_050 + HIT, 2_050 + HIT]);
    assert_eq!((seen.stats.evictions, seen.dirty), (1, 1));
}

fn accesses() -> impl Strategy<Value = Access> {
    prop_oneof![4 => Just(READ), 2 => Just(Access::SparseRead), 1 => Just(WHOLE), 2 => Just(PART)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once(
        (ways, sectors) in (0u32..3, 0u32..3), replacement in prop::sample::select(Replacement::ALL),
        write in prop::sample::select(WritePolicy::ALL), write_allocate in any::<bool>(), banks in 0u32..4,
        (mshrs, mshr_targets, requests_per_cycle) in (1u32..5, 0u32..4, 1u32..4),
        (width, room, takes_every, latency) in (1u32..5, 1usize..5, 1u64..4, 1u64..40),
        asks in prop::collection::vec(
            (prop_oneof![4 => Just(0u64), 2 => 1u64..4, 1 => 0u64..100],
             prop_oneof![0u64..12, (0u64..12).prop_map(|i| i * 256), 0u64..2_000], accesses()), 1..200),
    ) {
        let params = L2 {
            size: Bytes::kib(16), ways: 1 << ways, sectors: 1 << sectors, replacement, write, write_allocate,
            banks, mshrs, mshr_targets, requests_per_cycle, ..L2::default()
        };
        let around = Around { width, room, takes_every, latency };
        let seen = run(&params, &around, &asks, TickOrder::Ascending);
        let stats = &seen.stats;
        prop_assert_eq!(stats.hits + stats.merged + stats.misses, asks.len() as u64);
        prop_assert_eq!(stats.reads + stats.writes, asks.len() as u64);
        // Each line written is written in memory too, or still dirty here.
        let written: BTreeSet<u64> =
            asks.iter().filter(|(.., access)| access.is_write()).map(|(_, line, _)| *line).collect();
        let writes = seen.to_memory.iter().filter(|(.., is_write)| *is_write);
        let below_too: BTreeSet<u64> = writes.clone().map(|(_, line, _)| *line).collect();
        prop_assert!(below_too.is_subset(&written));
        prop_assert!(written.difference(&below_too).count() as u64 <= seen.dirty);
        let writes = writes.count() as u64;
        match write {
            // Those that waited for one line went as one.
            WritePolicy::Through => {
                prop_assert!(writes <= stats.writes && writes + stats.merged >= stats.writes);
                prop_assert_eq!((seen.dirty, stats.writebacks, &below_too), (0, 0, &written));
            }
            WritePolicy::Back if write_allocate => prop_assert_eq!(writes, stats.writebacks),
            WritePolicy::Back => prop_assert!(writes >= stats.writebacks),
        }
        for order in [TickOrder::Descending, TickOrder::Everything] {
            prop_assert_eq!(&run(&params, &around, &asks, order), &seen, "{:?}", order);
        }
    }
}
