//! When answers leave: exactly the sum of the parameters.

use sim_core::params::Bytes;

use crate::bench::{Ask, Bench, Columns, in_turn};

const APART: u64 = 10_000;

/// To a controller and back.
const LINKS: u64 = 2;

fn bench() -> Bench {
    let mut bench = Bench::default();
    bench.params.prefetch_buffer.size = Bytes(64 * 8);
    bench
}

/// Cycles from request `i` of those in turn to its answer at the slice.
fn latency(bench: &Bench, columns: &Columns, lines: &[(u64, u32)], i: usize) -> u64 {
    let asks = in_turn(APART, lines);
    bench.run(columns, &asks).answers[i].0 - asks[i].at
}

#[test]
fn a_line_that_waits_takes_the_buffers_latency() {
    let columns = Columns::of_counts(&[&[16; 4]]);
    assert_eq!(latency(&bench(), &columns, &[(0, 0), (0, 1)], 1), 4 + 4);
}

#[test]
fn a_line_past_the_end_takes_it_too() {
    let columns = Columns::of_counts(&[&[3, 0, 0, 0]]);
    assert_eq!(latency(&bench(), &columns, &[(0, 0), (0, 1)], 1), 4 + 4);
}

#[test]
fn a_search_takes_the_sib_memory_and_a_processing_unit() {
    let columns = Columns::of_counts(&[&[3]]);
    assert_eq!(latency(&bench(), &columns, &[(0, 0)], 0), 2 + LINKS + 100 + 4 + 4 + 4);
}

#[test]
fn lines_in_a_row_come_one_a_cycle_and_channel() {
    let columns = Columns::of_counts(&[&[1; 10]]);
    let alone = 2 + LINKS + 100 + 4 + 4 + 4;
    assert_eq!(latency(&bench(), &columns, &[(0, 0)], 0), alone + 9);
    // Given two channels, line by line.
    let mut two = bench();
    (two.channels, two.interleave, two.memory) = (2, 64, vec![100, 100]);
    assert_eq!(latency(&two, &columns, &[(0, 0)], 0), alone + 4);
    // Given channels of different speed, the slowest line counts: compaction is in order.
    two.memory = vec![100, 200];
    assert_eq!(latency(&two, &columns, &[(0, 0)], 0), alone + 100 + 4);
}

#[test]
fn a_window_of_one_reads_line_after_line() {
    let columns = Columns::of_counts(&[&[1; 10]]);
    let mut one = bench();
    one.params.prefetch_length = 1;
    let alone = 2 + LINKS + 100 + 4 + 4 + 4;
    assert_eq!(latency(&one, &columns, &[(0, 0)], 0), alone + 9 * (LINKS + 100));
    // So does a channel that may have one read outstanding.
    let mut channel = bench();
    channel.params.outstanding_per_channel = 1;
    assert_eq!(latency(&channel, &columns, &[(0, 0)], 0), alone + 9 * (LINKS + 100));
}

#[test]
fn a_slow_processing_unit_holds_the_lines_up() {
    let columns = Columns::of_counts(&[&[1; 10]]);
    let mut slow = bench();
    slow.params.processors = 1;
    slow.params.processor_interval = 50;
    let alone = 2 + LINKS + 100 + 4 + 4 + 4;
    assert_eq!(latency(&slow, &columns, &[(0, 0)], 0), alone + 9 * 50);
    slow.params.processors = 3;
    assert_eq!(latency(&slow, &columns, &[(0, 0)], 0), alone + 2 + 2 * 50 + 48);
}

#[test]
fn a_column_known_to_be_zero_takes_its_search() {
    // Given two columns of zeros, and room for one lane: the second request drops the first lane.
    let columns = Columns::of_counts(&[&[0, 0], &[0, 0]]);
    let mut bench = bench();
    bench.params.prefetch_buffer.size = Bytes(64);
    // When column 0 is asked for again, the bitmask tells all, without memory.
    let requests = [(0, 0), (1, 0), (0, 0)];
    assert_eq!(latency(&bench, &columns, &requests, 2), 2 + 4 + 4);
    bench.params.sib.latency = 30;
    assert_eq!(latency(&bench, &columns, &requests, 2), 30 + 4 + 4);
}

#[test]
fn searches_of_one_bank_start_one_a_cycle() {
    let columns = Columns::of_counts(&[&[3], &[3], &[3], &[3]]);
    let at_once = |bench: &Bench| {
        let asks: Vec<Ask> = (0..4).map(|i| Ask { at: 10, slice: i, column: i as u64, index: 0 }).collect();
        bench.run(&columns, &asks).read.iter().map(|(at, ..)| *at).collect::<Vec<u64>>()
    };
    let mut bench = bench();
    (bench.slices, bench.channels, bench.interleave, bench.memory) = (4, 4, 64, vec![100; 4]);
    assert_eq!(at_once(&bench), [13, 13, 13, 13]);
    bench.params.sib.banks = 1;
    assert_eq!(at_once(&bench), [13, 14, 15, 16]);
}

#[test]
fn what_a_dropped_lane_still_had_on_its_way_serves_nobody() {
    // Given columns whose lines 0 and 1 lie in a fast channel, 2 and 3 in a slow one, and room for one lane.
    let columns = Columns::of_counts(&[&[16, 16, 1, 1], &[16, 0, 1, 0]]);
    let mut bench = Bench { channels: 2, interleave: 128, memory: vec![10, 1_000], ..Bench::default() };
    bench.params.prefetch_buffer.size = Bytes(64 * 3);
    // When column 1 takes the place of column 0, whose line 2 has been on its way for 500 cycles.
    let asks = [(100, 0), (600, 1)].map(|(at, column)| Ask { at, slice: 0, column, index: 0 });
    let seen = bench.run(&columns, &asks);
    assert_eq!(seen.stats.lanes_dropped, 1);
    // Then its own line 2, which tells that its compacted line 0 is not the last, comes in its own time: read with
    // line 1, a cycle after line 0.
    assert_eq!(seen.answers[1].0 - 600, 2 + 1 + LINKS + 1_000 + 4 + 4 + 4);
}
