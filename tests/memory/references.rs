//! Replays beside DRAMsim3 and Ramulator 2.1 with equal timings and address maps.
//!
//! The figures of `reference.csv` were measured with both programs on the traces of [`super::traces`], eight
//! channels each. Loads: *low* at the trace's cycles; *low4* with four times the gaps, where a single GDDR5 bank
//! could not follow otherwise; *inorder* with all cycles 0, so that one FIFO hands over a line a clock; *sat*
//! with all lines waiting in FIFOs of their channels. Ramulator has no GDDR5 and ran its own classes with these
//! timings.
//!
//! Held are row-hit rates of every row, bandwidths of all but inorder, and latencies at low load. Latencies under
//! more than the memory can serve are those of full queues, whose length differs; so is GDDR5's bandwidth in order.

use std::collections::HashMap;

use serde_json::Value;

use super::{Traced, traces};

/// One row of the reference: of each pair, DRAMsim3's figure comes first.
struct Row {
    memory: String,
    trace: String,
    load: String,
    refresh: bool,
    /// GB/s.
    bandwidth: [f64; 2],
    /// Mean of the reads, in memory clocks.
    latency: [f64; 2],
    /// 1 - activates / bursts.
    row_hit_rate: [f64; 2],
}

fn rows() -> Vec<Row> {
    let text = include_str!("reference.csv");
    text.lines().skip(1).map(Row::parse).collect()
}

impl Row {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(',').collect();
        let pair = |at: usize| [fields[at].parse().unwrap(), fields[at + 1].parse().unwrap()];
        Self {
            memory: fields[0].into(),
            trace: fields[1].into(),
            load: fields[2].into(),
            refresh: fields[3] == "on",
            bandwidth: pair(4),
            latency: pair(6),
            row_hit_rate: pair(8),
        }
    }

    fn replay(&self, traced: &Traced) -> Value {
        let mut arguments = vec!["--dram", &self.memory];
        arguments.extend(match self.load.as_str() {
            "sat" => vec!["--arrival", "saturate"],
            "low4" => vec!["--stretch", "4"],
            _ => vec![],
        });
        if !self.refresh {
            arguments.push("--no-refresh");
        }
        traced.json(&arguments)
    }

    /// Whether a single bank gets more than it can serve, so that latency is that of full queues.
    fn overloaded(&self) -> bool {
        self.memory == "gddr5" && self.trace == "rowconf" && self.load != "low4"
    }
}

/// The difference from the nearer of two figures.
fn from_nearer(ours: f64, [a, b]: [f64; 2]) -> f64 {
    if (ours - a).abs() < (ours - b).abs() { ours - a } else { ours - b }
}

fn percent_from_nearer(ours: f64, theirs: [f64; 2]) -> f64 {
    let difference = from_nearer(ours, theirs);
    100.0 * difference / (ours - difference)
}

#[test]
fn replays_agree_with_the_nearer_of_two_simulators() {
    let mut traces = HashMap::new();
    let mut failures = Vec::new();
    println!(
        "| memory, trace, load | GB/s: ours | DRAMsim3 | Ramulator | clocks: ours | DRAMsim3 | Ramulator | row hits: ours | DRAMsim3 | Ramulator |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in rows() {
        let at_once = row.load == "inorder";
        let traced = traces.entry((row.trace.clone(), at_once)).or_insert_with(|| {
            let text = traces::trace(&row.trace);
            Traced::new("t.trace", &if at_once { without_cycles(&text) } else { text })
        });
        let json = row.replay(traced);
        let bandwidth = json["bandwidth_gb_s"].as_f64().unwrap();
        let latency = json["read_latency_cycles"]["mean"].as_f64().unwrap();
        let rate = json["row_hit_rate"].as_f64().unwrap();
        let name = format!(
            "{} {} {}{}",
            row.memory,
            row.trace,
            row.load,
            if row.refresh { "" } else { ", no refresh" }
        );
        println!(
            "| {name} | {bandwidth:.2} | {:.2} | {:.2} | {latency:.1} | {:.1} | {:.1} | {rate:.3} | {:.3} | {:.3} |",
            row.bandwidth[0],
            row.bandwidth[1],
            row.latency[0],
            row.latency[1],
            row.row_hit_rate[0],
            row.row_hit_rate[1],
        );
        let mut hold = |what: &str, difference: f64, allowed: f64| {
            if difference.abs() > allowed {
                failures.push(format!("{name}: {what} {difference:+.2}, allowed {allowed}"));
            }
        };
        hold("row-hit rate, points", 100.0 * from_nearer(rate, row.row_hit_rate), 3.0);
        if row.load != "inorder" {
            hold("bandwidth, %", percent_from_nearer(bandwidth, row.bandwidth), 5.0);
        }
        if row.load.starts_with("low") && !row.overloaded() {
            hold("mean read latency, %", percent_from_nearer(latency, row.latency), 5.0);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// 400,000 lines one after the other, saturated: bandwidth of DRAMsim3 and Ramulator, with refresh and without.
#[test]
fn long_streams_agree_too() {
    let lines: String = (0..400_000u64).map(|line| format!("0 {:#x} R\n", line * 64)).collect();
    let traced = Traced::new("t.trace", &lines);
    for (memory, refreshed, unrefreshed) in [
        ("hbm1", [117.714, 118.327], [127.939, 127.939]),
        ("gddr5", [211.367, 215.962], [222.851, 223.72]),
        ("hbm2", [235.866, 236.527], [255.841, 255.841]),
    ] {
        let saturated = ["--dram", memory, "--arrival", "saturate"];
        let quiet = [&saturated[..], &["--no-refresh"]].concat();
        for (arguments, theirs) in [(&saturated[..], refreshed), (&quiet, unrefreshed)] {
            let json = traced.json(arguments);
            let bandwidth = json["bandwidth_gb_s"].as_f64().unwrap();
            let difference = percent_from_nearer(bandwidth, theirs);
            println!("400,000 lines, {arguments:?}: {bandwidth:.3} GB/s, {theirs:?}, {difference:+.2} %");
            assert!(difference.abs() <= 1.0, "{arguments:?}: {bandwidth} GB/s: {difference:+.2} %");
        }
        // The bus is all that bounds a stream without refresh.
        let peak = traced.json(&quiet)["percent_of_peak"].as_f64().unwrap();
        assert!((99.4..=100.0).contains(&peak), "{memory}: {peak} % of peak");
    }
}

/// In order, GDDR5's bandwidth is that of the queues: a row of 64 lines goes to one channel, and the FIFO stands still
/// while that channel is full. The others' queues hold 32 bursts, which are 16 lines.
#[test]
fn in_order_bandwidth_is_that_of_the_queues() {
    let traced = Traced::new("t.trace", &without_cycles(&traces::trace("stream")));
    let row = rows().into_iter().find(|row| {
        (row.memory.as_str(), row.trace.as_str(), row.load.as_str()) == ("gddr5", "stream", "inorder")
    });
    let queues = ["read_queue=16", "write_queue=16", "write_high_watermark=13", "write_low_watermark=3"];
    let sets: Vec<String> = queues.iter().map(|queue| format!("gpu.dram.{queue}")).collect();
    let mut arguments = vec!["--dram", "gddr5"];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    let bandwidth = traced.json(&arguments)["bandwidth_gb_s"].as_f64().unwrap();
    let difference = percent_from_nearer(bandwidth, row.unwrap().bandwidth);
    assert!(difference.abs() <= 5.0, "{bandwidth} GB/s: {difference:+.2} %");
}

/// A trace whose accesses all come at cycle 0.
fn without_cycles(trace: &str) -> String {
    trace.lines().map(|line| format!("0 {}\n", line.split_once(' ').unwrap().1)).collect()
}
