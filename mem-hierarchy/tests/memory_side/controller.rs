//! A memory controller with several sources: every read is answered once, however short the queues and
//! whatever the clocks; and a tick more or less changes nothing.

use std::collections::BTreeMap;

use mem_hierarchy::address::AddressMap;
use mem_hierarchy::controller::MemoryController;
use mem_hierarchy::dram::{Dram, Preset};
use mem_hierarchy::params::L2;
use mem_hierarchy::request::{Line, MemoryRequest, MemoryResponse};
use proptest::prelude::*;
use sim_core::{ComponentId, Cycle, Link, TickOrder, Wake, Wheel};

const SOURCES: ComponentId = ComponentId(0);
const CONTROLLER: ComponentId = ComponentId(1);

/// A request: cycles after the one before, source, line, whether it writes.
type Ask = (u64, usize, u64, bool);

/// By request the cycle of its answer (reads), and the last cycle of all.
fn run(dram: &Dram, core_hz: u64, asks: &[Ask], order: TickOrder) -> (BTreeMap<usize, u64>, u64) {
    let map = AddressMap::new(&L2 { slices: 1, ..L2::default() }, 1);
    let mut controller = MemoryController::new(dram, core_hz, map);
    let room = asks.len() + 1;
    let mut requests: Vec<Link<MemoryRequest>> =
        (0..3).map(|_| Link::new("asks", SOURCES, CONTROLLER, 1, room)).collect();
    let mut responses: Vec<Link<MemoryResponse>> =
        (0..3).map(|_| Link::new("answers", CONTROLLER, SOURCES, 1, room)).collect();
    let mut wheel = Wheel::new(2);
    let mut by_cycle: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut at = 0;
    for (i, (gap, ..)) in asks.iter().enumerate() {
        at += gap;
        by_cycle.entry(at).or_default().push(i);
        wheel.schedule(SOURCES, Cycle(at));
    }
    let mut answers = BTreeMap::new();
    let mut due = Vec::new();
    while wheel.advance(order, &mut due) {
        let now = wheel.now();
        for &id in &due {
            if id == SOURCES {
                for i in by_cycle.remove(&now.0).unwrap_or_default() {
                    let (_, source, line, is_write) = asks[i];
                    let request = MemoryRequest { line: Line(line), is_write, tag: i as u32 };
                    requests[source].send(request, now, &mut wheel);
                }
                for (source, link) in responses.iter_mut().enumerate() {
                    while let Some(response) = link.take(now, &mut wheel) {
                        let i = response.tag as usize;
                        assert_eq!(
                            (asks[i].1, asks[i].3),
                            (source, false),
                            "answered to another, or a write"
                        );
                        assert_eq!(answers.insert(i, now.0), None, "answered twice");
                    }
                }
            } else {
                match controller.tick(now, &mut requests, &mut responses, &mut wheel) {
                    Wake::Next => wheel.schedule(CONTROLLER, now + 1),
                    Wake::At(at) => wheel.schedule(CONTROLLER, at),
                    Wake::Idle => {}
                }
            }
        }
    }
    assert_eq!(controller.waiting_for(), None);
    assert!(requests.iter().all(Link::is_empty), "requests left at cycle {}", wheel.now());
    let reads = asks.iter().filter(|(.., is_write)| !is_write).count();
    assert_eq!(answers.len(), reads, "reads without an answer");
    let stats = controller.channel().stats();
    assert_eq!((stats.reads, stats.writes), (reads as u64, (asks.len() - reads) as u64));
    assert_eq!(controller.read_latency().count, stats.reads);
    (answers, wheel.now().0)
}

#[test]
fn a_request_that_found_the_queue_full_is_taken_when_it_is_empty() {
    // Given a queue of one read, and a core so slow that the memory works through it within a cycle.
    let dram = Dram { read_queue: 1, ..Dram::default() };
    let (answers, _) =
        run(&dram, 10_000_000, &[(5, 0, 0, false), (0, 1, 1, false), (0, 0, 2, false)], TickOrder::Ascending);
    assert_eq!(answers.len(), 3);
}

#[test]
fn an_ideal_memory_answers_in_order_of_arrival_one_a_cycle() {
    let dram = Dram { preset: Preset::Ideal, ..Dram::default() };
    let asks: Vec<Ask> = (0..6).map(|i| (u64::from(i == 0) * 10, i % 3, 7 * i as u64, false)).collect();
    let (answers, _) = run(&dram, 1_000_000_000, &asks, TickOrder::Ascending);
    let cycles: Vec<u64> = answers.values().copied().collect();
    assert_eq!(cycles, [112, 113, 114, 115, 116, 117]);
}

#[test]
fn sources_take_turns_where_places_are_scarce() {
    // Given a queue of one read, and three sources with five reads each, all there at once.
    let dram = Dram { read_queue: 1, ..Dram::default() };
    let asks: Vec<Ask> = (0..15).map(|i| (u64::from(i == 0) * 10, i / 5, 1_000 * i as u64, false)).collect();
    let (answers, _) = run(&dram, 1_000_000_000, &asks, TickOrder::Ascending);
    let mut by_time: Vec<(u64, usize)> = answers.iter().map(|(i, at)| (*at, asks[*i].1)).collect();
    by_time.sort_unstable();
    let sources: Vec<usize> = by_time.into_iter().map(|(_, source)| source).collect();
    assert_eq!(sources, (0..15).map(|i| i % 3).collect::<Vec<usize>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_do_not_depend_on_when_it_is_ticked(
        preset in prop::sample::select(Preset::ALL), reads in 1u32..33, writes in 1u32..33, mhz in 20u64..4_000,
        asks in prop::collection::vec(
            (prop_oneof![4 => Just(0u64), 2 => 1u64..4, 1 => 0u64..300], 0usize..3, prop_oneof![0u64..80, 0u64..100_000],
             prop::bool::weighted(0.3)), 1..120),
    ) {
        let dram = Dram {
            preset, read_queue: reads, write_queue: writes,
            write_high_watermark: writes.div_ceil(2), write_low_watermark: writes / 4, ..Dram::default()
        };
        let due = run(&dram, mhz * 1_000_000, &asks, TickOrder::Ascending);
        for order in [TickOrder::Descending, TickOrder::Everything] {
            prop_assert_eq!(&run(&dram, mhz * 1_000_000, &asks, order).0, &due.0, "{:?}", order);
        }
    }
}
