//! What holds for any matrix, any requests and any size of engine: every request is answered once, with the
//! line that the definition says; nothing is left; the counters agree with each other and with what was seen.

use compaction_engine::params::{BehindWindow, BufferPolicy};
use mem_hierarchy::request::CompactedLine;
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::Bytes;

use crate::bench::{Ask, Bench, Columns};

/// How many random cases are tried: `cases`, or as the environment says.
fn tries(cases: u32) -> ProptestConfig {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: said.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}

fn columns() -> impl Strategy<Value = Columns> {
    // The share of non-zeros differs from line to line: empty ones, full ones, all between.
    let line = prop_oneof![Just(0u32), Just(0), Just(16), 0u32..=16];
    (1usize..24, 1usize..8, 0usize..16).prop_flat_map(move |(lines, columns, short)| {
        prop::collection::vec(prop::collection::vec((line.clone(), any::<u32>()), lines), columns).prop_map(
            move |columns| {
                let value = |(count, seed): (u32, u32), i: u32| {
                    let chosen = (seed.rotate_left(i) ^ i.wrapping_mul(0x9e37_79b9)) >> 16;
                    if chosen % 16 < count {
                        (i + 1) as f32 * if seed & 1 == 0 { 1.0 } else { -0.5 }
                    } else {
                        -0.0
                    }
                };
                let of = |lines: Vec<(u32, u32)>| {
                    let mut column: Vec<f32> =
                        lines.into_iter().flat_map(|line| (0..16).map(move |i| value(line, i))).collect();
                    column.truncate((column.len() - short).max(1));
                    column
                };
                Columns(columns.into_iter().map(of).collect())
            },
        )
    })
}

fn bench() -> impl Strategy<Value = Bench> {
    let sib =
        (prop::sample::select(vec![32u64, 64, 96, 512, 1 << 19]), 1u32..4, any::<bool>(), any::<bool>());
    let buffer = (prop::sample::select(vec![1u64, 2, 3, 5, 17, 8192]), 1u32..6, any::<bool>());
    let work = (1u32..20, 1u32..5, 1u32..9, 1u32..4, 1u32..8, prop::sample::select(vec![1u32, 2, 64]));
    let around = (1usize..4, 0u32..3, 0u32..7, prop::collection::vec(1u64..300, 4));
    (sib, buffer, work, around).prop_map(
        |(
            (sib, banks, cmi, resume),
            (lines, lane, drop),
            (prefetch, units, latency, interval, out, queue),
            around,
        )| {
            let (slices, channels, interleave, memory) = around;
            let mut bench = Bench { slices, channels: 1 << channels, memory, ..Bench::default() };
            bench.interleave = 64 << interleave;
            let params = &mut bench.params;
            params.sib.size = Bytes(sib);
            params.sib.banks = banks;
            params.sib.latency = latency;
            params.sib.cmi = cmi;
            params.sib.behind_window = if resume { BehindWindow::Resume } else { BehindWindow::Restart };
            params.prefetch_buffer.size = Bytes(64 * lines);
            params.prefetch_buffer.lane_lines = lane;
            params.prefetch_buffer.policy = if drop { BufferPolicy::DropLru } else { BufferPolicy::Throttle };
            params.prefetch_length = prefetch;
            params.processors = units;
            params.processor_interval = interval;
            params.outstanding_per_channel = out;
            params.queue = queue;
            bench
        },
    )
}

/// (cycles after the one before, slice, column, line), each to be taken modulo what there is.
type RawAsk = (u64, usize, u64, u32);

fn asks() -> impl Strategy<Value = Vec<RawAsk>> {
    let gap = prop_oneof![3 => 0u64..3, 2 => 0u64..60, 1 => 0u64..3_000];
    prop::collection::vec((gap, 0usize..8, 0u64..8, 0u32..24), 1..80)
}

fn asked(raw: &[RawAsk], bench: &Bench, columns: &Columns) -> Vec<Ask> {
    let lines = (columns.0[0].len() as u32).div_ceil(16);
    let mut at = 1;
    raw.iter()
        .map(|(gap, slice, column, index)| {
            at += gap;
            Ask {
                at,
                slice: slice % bench.slices,
                column: column % columns.0.len() as u64,
                index: index % lines,
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(tries(300))]

    #[test]
    fn are_kept(columns in columns(), bench in bench(), raw in asks()) {
        let asks = asked(&raw, &bench, &columns);
        let seen = bench.run(&columns, &asks);
        let compacted = columns.compacted();
        let past_the_end = CompactedLine { words: [0; 16], last: true };
        for (ask, (at, line)) in asks.iter().zip(&seen.answers) {
            let expected = compacted[ask.column as usize].lines.get(ask.index as usize);
            let expected = expected.map_or(past_the_end, |line| CompactedLine { words: line.words, last: line.last });
            prop_assert_eq!(*line, expected, "{:?}", ask);
            let fastest = u64::from(bench.params.prefetch_buffer.latency + bench.params.link_latency);
            prop_assert!(*at >= ask.at + fastest);
            // No bundle leaves before its dense line has come and been compacted.
            for row in line.words.iter().filter(|word| **word != 0).map(|word| word >> 16) {
                let there = seen.there.get(&(ask.column, row / 16)).copied();
                let compacted = there.map(|there| there + u64::from(bench.params.processor_latency));
                prop_assert!(compacted.is_some_and(|compacted| *at >= compacted + fastest), "{:?}: row {}", ask, row);
            }
        }
        let stats = &seen.stats;
        prop_assert_eq!(stats.requests, asks.len() as u64);
        prop_assert_eq!(stats.lane_hits + stats.accurate + stats.prudent + stats.hasty, stats.requests);
        prop_assert_eq!(stats.read_latency().count, stats.requests);
        prop_assert_eq!(stats.latency_lane_hit.mean.count, stats.lane_hits);
        prop_assert_eq!(stats.latency_accurate.mean.count, stats.accurate);
        prop_assert_eq!(stats.latency_prudent.mean.count, stats.prudent);
        prop_assert_eq!(stats.latency_hasty.mean.count, stats.hasty);
        prop_assert_eq!(stats.sib.hits + stats.sib.misses, stats.accurate + stats.prudent + stats.hasty);
        prop_assert_eq!(stats.dram_lines, seen.read.len() as u64);
        let by_search = stats.dram_lines_accurate + stats.dram_lines_prudent + stats.dram_lines_hasty;
        prop_assert_eq!(by_search, stats.dram_lines);
        if !bench.params.sib.cmi && bench.params.sib.behind_window == BehindWindow::Restart {
            prop_assert_eq!((stats.accurate, stats.sib.cmi_slides), (0, 0));
        }
        // One read a cycle and channel.
        for pair in seen.read.windows(2).filter(|_| bench.channels == 1) {
            prop_assert!(pair[0].0 < pair[1].0);
        }
        // Bundles sent, less those sent twice, are bundles made.
        prop_assert!(stats.bundles <= stats.dram_lines * 16);
        prop_assert!(stats.lines_reread <= stats.dram_lines);
    }

    #[test]
    fn do_not_depend_on_the_order_of_ticks(columns in columns(), bench in bench(), raw in asks()) {
        let asks = asked(&raw, &bench, &columns);
        let seen = bench.run(&columns, &asks);
        for order in [TickOrder::Descending, TickOrder::Shuffled(3), TickOrder::Everything] {
            prop_assert_eq!(&Bench { order, ..bench.clone() }.run(&columns, &asks), &seen, "{:?}", order);
        }
    }

    #[test]
    fn each_line_is_read_once_where_there_is_room(columns in columns(), raw in asks(), prefetch in 1u32..20) {
        // Given room for every lane, and each line asked for once, in order.
        let mut bench = Bench::default();
        bench.params.prefetch_length = prefetch;
        let compacted = columns.compacted();
        let mut next = vec![0; columns.0.len()];
        let mut at = 1;
        let mut asks = Vec::new();
        for (gap, _, column, _) in raw {
            at += gap;
            let column = column % columns.0.len() as u64;
            let index = &mut next[column as usize];
            if (*index as usize) < compacted[column as usize].lines.len() {
                asks.push(Ask { at, slice: 0, column, index: *index });
                *index += 1;
            }
        }
        // Then the rest of each column, so that each is read to its end.
        for (column, compacted) in compacted.iter().enumerate() {
            for index in next[column]..compacted.lines.len() as u32 {
                at += 7;
                asks.push(Ask { at, slice: 0, column: column as u64, index });
            }
        }
        let stats = bench.run(&columns, &asks).stats;
        let nnz: usize = compacted.iter().map(|column| column.nnz).sum();
        let dense: usize = compacted.iter().map(|column| column.bitmask.len()).sum();
        prop_assert_eq!(stats.bundles, nnz as u64);
        prop_assert_eq!(stats.dram_lines, dense as u64);
        prop_assert_eq!((stats.lines_reread, stats.lines_skipped, stats.lanes_dropped), (0, 0, 0));
        prop_assert_eq!((stats.wasted_lines, stats.lanes_rewound), (0, 0));
        prop_assert_eq!(stats.hasty, columns.0.len() as u64);
    }
}

#[test]
fn requests_for_one_line_at_once_are_each_answered() {
    // Given two slices that ask for the same line while it is on its way.
    let columns = Columns::of_counts(&[&[16, 3, 0, 5]]);
    let bench = Bench { slices: 2, ..Bench::default() };
    let asks = [(10, 0, 0), (10, 1, 0), (12, 0, 0), (300, 1, 0)];
    let asks = asks.map(|(at, slice, index)| Ask { at, slice, column: 0, index });
    let seen = bench.run(&columns, &asks);
    assert!(seen.answers.iter().all(|(_, line)| line.words[15] == seen.answers[0].1.words[15] && !line.last));
    // Those that found it on its way cost no further reading.
    assert_eq!(seen.answers[1].0 - seen.answers[0].0, 0);
    assert_eq!(seen.stats.lanes_rewound, 1);
}
