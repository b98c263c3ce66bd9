//! Which dense lines are read for a request, in each of the states that it may find.

use compaction_engine::params::{BehindWindow, BufferPolicy};
use sim_core::params::Bytes;

use crate::bench::{Bench, Columns, in_turn};

const APART: u64 = 10_000;

/// A bench whose buffer holds one line: nothing is read ahead of a request, and another column's request
/// drops the lane.
fn without_prefetch() -> Bench {
    let mut bench = Bench::default();
    bench.params.prefetch_buffer.size = Bytes(64);
    bench.params.prefetch_length = 1;
    bench
}

/// The dissertation's figure 6.10 as column 0: lines 1, 4 and 6 hold 8, 16 and 8 non-zeros. Column 1 is there to
/// drop its lane.
fn figure() -> Columns {
    Columns::of_counts(&[&[0, 8, 0, 0, 16, 0, 8, 0], &[1, 0, 0, 0, 0, 0, 0, 0]])
}

#[test]
fn hasty_reads_line_after_line_until_the_compacted_line_is_complete() {
    let seen = without_prefetch().run(&figure(), &in_turn(APART, &[(0, 0), (0, 1)]));
    assert_eq!(seen.read_for(0, APART), [0, 1, 2, 3, 4]);
    // The lane goes on where it stood; line 1 is full with dense line 6, but only the end shows that it is last.
    assert_eq!(seen.read_for(1, APART), [5, 6, 7]);
    assert_eq!((seen.stats.hasty, seen.stats.lane_hits), (1, 1));
    assert_eq!((seen.stats.bundles, seen.stats.dram_lines, seen.stats.lines_reread), (32, 8, 0));
}

#[test]
fn accurate_reads_the_lines_that_the_cmi_names() {
    let requests = [(0, 0), (0, 1), (1, 0), (0, 0), (0, 1), (1, 0), (0, 1)];
    let seen = without_prefetch().run(&figure(), &in_turn(APART, &requests));
    // Given a column read to its end, its lane dropped for another column.
    assert_eq!(seen.read_for(3, APART), [1, 4]);
    assert_eq!(seen.read_for(4, APART), [6]);
    // Given a request in the column's middle, the line that closed its predecessor is read again.
    assert_eq!(seen.read_for(6, APART), [4, 6]);
    assert_eq!((seen.stats.accurate, seen.stats.hasty, seen.stats.lane_hits), (3, 2, 2));
}

#[test]
fn prudent_reads_the_lines_whose_bit_is_set_from_the_start() {
    let mut bench = without_prefetch();
    bench.params.sib.cmi = false;
    let requests = [(0, 0), (0, 1), (1, 0), (0, 1)];
    let seen = bench.run(&figure(), &in_turn(APART, &requests));
    assert_eq!(seen.read_for(3, APART), [1, 4, 6]);
    assert_eq!((seen.stats.prudent, seen.stats.hasty), (1, 2));
    // Lines 0, 2, 3, 5 and 7 were not read.
    assert_eq!(seen.stats.lines_skipped, 5);
}

#[test]
fn a_column_that_the_sib_forgot_is_read_line_after_line_again() {
    let mut bench = without_prefetch();
    bench.params.sib.size = Bytes(32); // one entry
    let seen = bench.run(&figure(), &in_turn(APART, &[(0, 0), (1, 0), (0, 0)]));
    assert_eq!(seen.read_for(2, APART), [0, 1, 2, 3, 4]);
    assert_eq!((seen.stats.hasty, seen.stats.sib.evictions), (3, 2));
}

#[test]
fn prudent_becomes_hasty_where_the_known_prefix_ends() {
    let mut bench = without_prefetch();
    bench.params.sib.cmi = false;
    // Given a column of which lines 0 to 4 are known.
    let seen = bench.run(&figure(), &in_turn(APART, &[(0, 0), (1, 0), (0, 1)]));
    assert_eq!(seen.read_for(2, APART), [1, 4, 5, 6, 7]);
}

#[test]
fn behind_the_window_a_search_starts_over_or_goes_on_as_told() {
    // Given compacted line 0 known, a request for line 1 behind the CMI window.
    let requests = in_turn(APART, &[(0, 0), (1, 0), (0, 1)]);
    let mut bench = without_prefetch();
    let seen = bench.run(&figure(), &requests);
    assert_eq!(seen.read_for(2, APART), [1, 4, 5, 6, 7]);
    assert_eq!((seen.stats.prudent, seen.stats.accurate), (1, 0));
    bench.params.sib.behind_window = BehindWindow::Resume;
    let seen = bench.run(&figure(), &requests);
    assert_eq!(seen.read_for(2, APART), [4, 5, 6, 7]);
    assert_eq!((seen.stats.prudent, seen.stats.accurate), (0, 1));
}

#[test]
fn a_lane_reads_ahead_as_far_as_its_window_and_its_share() {
    // Given a column of 20 full lines, and a window of 5 dense lines.
    let columns = Columns::of_counts(&[&[16; 20]]);
    let mut bench = Bench::default();
    bench.params.prefetch_length = 5;
    bench.params.prefetch_buffer.lane_lines = 3;
    let seen = bench.run(&columns, &in_turn(APART, &[(0, 0), (0, 1)]));
    // Dense lines 0 and 1 complete line 0, three more the lines that wait; then the lane is full. The four others
    // that were on their way by then are there, and serve the next request.
    assert_eq!(seen.read_for(0, APART), (0..9).collect::<Vec<u32>>());
    assert_eq!(seen.read_for(1, APART), []);
    // Never more than the window: in flight at a time.
    let first: Vec<u64> = seen.read.iter().map(|(at, ..)| *at).take(6).collect();
    assert!(first[5] >= first[0] + 100, "{first:?}");
}

#[test]
fn a_matrix_read_once_in_order_is_read_once() {
    // Given columns of any kind and room for all, each line is read at most once, each non-zero bundled once.
    let counts: Vec<Vec<u32>> =
        (0..12).map(|column| (0..20).map(|line| (line * 7 + column * 5) % 17).collect()).collect();
    let counts: Vec<&[u32]> = counts.iter().map(Vec::as_slice).collect();
    let columns = Columns::of_counts(&counts);
    let compacted = columns.compacted();
    let lines: Vec<(u64, u32)> = (0..12)
        .flat_map(|column| (0..compacted[column].lines.len() as u32).map(move |line| (column as u64, line)))
        .collect();
    let seen = Bench::default().run(&columns, &in_turn(3, &lines));
    let nnz: usize = compacted.iter().map(|column| column.nnz).sum();
    assert_eq!((seen.stats.dram_lines, seen.stats.bundles), (12 * 20, nnz as u64));
    assert_eq!((seen.stats.lines_reread, seen.stats.lanes_dropped, seen.stats.wasted_lines), (0, 0, 0));
    assert_eq!(seen.stats.processor_busy_cycles, 12 * 20);
}

#[test]
fn lines_made_again_on_the_way_to_another_are_discarded() {
    // Given a column read once, without a CMI, when its line 1 is asked for again, then its line 0 is made again
    // on the way, and has to be made a third time when it is asked for.
    let columns = Columns::of_counts(&[&[16, 16, 16, 16]]);
    let mut bench = Bench::default();
    bench.params.sib.cmi = false;
    let seen = bench.run(&columns, &in_turn(APART, &[(0, 0), (0, 1), (0, 1), (0, 0)]));
    assert_eq!((seen.stats.lanes_rewound, seen.stats.prudent, seen.stats.lane_hits), (2, 2, 1));
    assert_eq!(seen.stats.dram_lines, 3 * 4);
}

#[test]
fn the_lane_asked_least_recently_makes_room() {
    // Given a buffer of five lines, which three lanes and the lines that wait in two of them fill.
    let columns = Columns::of_counts(&[&[16; 6], &[16; 6], &[16; 6], &[16; 6]]);
    let mut bench = Bench::default();
    bench.params.prefetch_buffer.policy = BufferPolicy::DropLru;
    bench.params.prefetch_buffer.size = Bytes(64 * 5);
    bench.params.prefetch_buffer.lane_lines = 1;
    // When column 3 comes, column 1 goes, because 0 was asked for since; 0 is still there.
    let seen = bench.run(&columns, &in_turn(APART, &[(0, 0), (1, 0), (2, 0), (0, 1), (3, 0), (0, 2)]));
    assert_eq!((seen.stats.hasty, seen.stats.lane_hits, seen.stats.lanes_dropped), (4, 2, 1));
}

#[test]
fn throttling_drops_no_lane_before_the_lanes_are_used_up() {
    // Given room for 8 lanes with a line each, and columns that come one after the other, each reading ahead.
    let columns = Columns(vec![vec![1.0; 16 * 30]; 8]);
    let mut bench = Bench::default();
    bench.params.prefetch_buffer.size = Bytes(64 * 16);
    let first: Vec<(u64, u32)> = (0..8).map(|column| (column, 0)).collect();
    let seen = bench.run(&columns, &in_turn(APART, &first));
    assert_eq!((seen.stats.hasty, seen.stats.lanes_dropped), (8, 0));
}
