//! `memory replay`: exact latencies of small traces, other simulators' figures on large ones, and what it refuses.
//!
//! ```sh
//! cargo test --test memory -- --nocapture      # prints the comparison with DRAMsim3 and Ramulator, every row
//! ```

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod caches;
mod references;
mod refusals;
mod traces;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;
use tempfile::TempDir;

/// A directory with a trace in it.
struct Traced {
    directory: TempDir,
    trace: PathBuf,
}

impl Traced {
    fn new(name: &str, text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let trace = directory.path().join(name);
        fs::write(&trace, text).unwrap();
        Self { directory, trace }
    }

    /// The path of another file of the directory.
    fn beside(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Exit code, stdout and stderr of a replay with `arguments`.
    fn replay(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = cargo_bin_cmd!("spartan-sim");
        let Output { status, stdout, stderr } =
            command.args(["memory", "replay"]).arg(&self.trace).args(arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// The JSON of a replay that must succeed.
    fn json(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = self.replay(&[arguments, &["--format", "json"]].concat());
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        serde_json::from_str(&stdout).unwrap()
    }
}

/// Replays a few lines.
fn replay(trace: &str, arguments: &[&str]) -> Value {
    Traced::new("small.trace", trace).json(arguments)
}

/// The longest read latency, in memory clocks, without refresh.
fn longest(trace: &str, dram: &str) -> u64 {
    replay(trace, &["--dram", dram, "--no-refresh"])["read_latency_cycles"]["max"].as_u64().unwrap()
}

/// Columns of the JSON, in order.
fn names(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

// DRAM ---------------------------------------------------------------------------------------------------

#[test]
fn unloaded_latencies_are_exact() {
    // A clock to schedule, CL and the line's bursts; tRCD more with the row closed, and tRP with another open.
    for (dram, [hit, closed, conflict]) in [
        ("hbm1", [1 + 7 + 2, 1 + 7 + 7 + 2, 1 + 7 + 7 + 7 + 2]),
        ("hbm2", [1 + 14 + 2, 1 + 14 + 14 + 2, 1 + 14 + 14 + 14 + 2]),
        ("gddr5", [1 + 28 + 4, 1 + 28 + 28 + 4, 1 + 28 + 28 + 28 + 4]),
    ] {
        assert_eq!(longest("100 0x0 R", dram), closed, "{dram}: closed");
        // Row 512 KiB further on lies in the same bank of the same channel.
        assert_eq!(longest("100 0x0 R\n1000 0x80000 R", dram), conflict, "{dram}: conflict");
        let both = replay("100 0x0 R\n1000 0x40 R", &["--dram", dram, "--no-refresh"]);
        let latency = &both["read_latency_cycles"];
        assert_eq!((&latency["min"], &latency["max"]), (&hit.into(), &closed.into()), "{dram}: hit");
        assert_eq!(both["cycles"], 1000 + hit, "{dram}");
    }
}

#[test]
fn a_busy_bank_opens_a_row_every_row_cycle() {
    // tRC = tRAS + tRP apart, and the first one closed.
    for (dram, row_cycle, first) in [("hbm1", 24, 17), ("gddr5", 94, 61)] {
        let rows: String = (0..100u64).map(|row| format!("0 {:#x} R\n", row << 19)).collect();
        let json = replay(&rows, &["--dram", dram, "--no-refresh", "--arrival", "saturate"]);
        assert_eq!(json["cycles"], 99 * row_cycle + first, "{dram}");
        assert_eq!(json["activates"], 100);
    }
}

#[test]
fn everything_is_counted() {
    let trace = "0 0x0 R\n1000 0x40 W\n2000 0x80000 R\n3000 0x80040 R\n";
    let json = replay(trace, &["--dram", "hbm1", "--no-refresh"]);
    let expected = [
        ("requests", 4),
        ("reads", 3),
        ("writes", 1),
        ("cycles", 3010),
        ("activates", 2),
        ("precharges", 1),
        ("refreshes", 0),
        ("row_hits", 2),
        ("row_misses", 1),
        ("row_conflicts", 1),
        ("channels", 8),
        ("interleave_bytes", 2048),
        ("clock_hz", 500_000_000),
    ];
    for (name, value) in expected {
        assert_eq!(json[name], value, "{name}");
    }
    for (name, value) in [("trace", "small"), ("dram", "hbm1"), ("arrival", "trace")] {
        assert_eq!(json[name], value, "{name}");
    }
    assert_eq!(json["row_hit_rate"], 0.5);
    assert_eq!(json["peak_gb_s"], 128.0);
    // 256 bytes in 6.02 us.
    let bandwidth = json["bandwidth_gb_s"].as_f64().unwrap();
    assert!((bandwidth - 256.0 / 6020.0).abs() < 1e-12, "{bandwidth}");
    assert!((json["percent_of_peak"].as_f64().unwrap() - 100.0 * bandwidth / 128.0).abs() < 1e-12);
    let latency = &json["read_latency_cycles"];
    // 17 closed, 24 after a conflict, 10 from the open row.
    let expected = [("mean", 17), ("median", 17), ("p95", 24), ("p99", 24), ("min", 10), ("max", 24)];
    for (name, value) in expected {
        assert_eq!(latency[name].as_f64(), Some(f64::from(value)), "{name}");
    }
}

#[test]
fn refreshes_come_on_time() {
    // tREFI of 1,950 clocks; a REF for each of two channels at 1,950, 3,900 and 5,850, which the end at 6,017 sees.
    let json = replay("6000 0x0 R", &["--dram", "hbm1", "--channels", "2"]);
    assert_eq!((&json["cycles"], &json["refreshes"]), (&6017.into(), &6.into()));
    let json = replay("6000 0x0 R", &["--dram", "hbm1", "--channels", "2", "--no-refresh"]);
    assert_eq!((&json["cycles"], &json["refreshes"]), (&6017.into(), &0.into()));
}

#[test]
fn arrivals_wait_in_one_fifo_or_one_a_channel() {
    let quiet = ["--dram", "hbm1", "--no-refresh"];
    // Cycles that run backwards: the second one enters right behind the first.
    let json = replay("1000 0x0 R\n5 0x800 R", &quiet);
    assert_eq!(json["cycles"], 1001 + 17);
    let stretched = replay("1000 0x0 R", &[&quiet[..], &["--stretch", "4"]].concat());
    assert_eq!((&stretched["cycles"], &stretched["stretch"]), (&4017.into(), &4.into()));
    // Each channel takes one in the first clock.
    let json = replay("1000 0x0 R\n5 0x800 R", &[&quiet[..], &["--arrival", "saturate"]].concat());
    assert_eq!((&json["cycles"], &json["arrival"]), (&17.into(), &"saturate".into()));
}

#[test]
fn rows_go_to_channels_in_turn() {
    // With one channel the second row lies in another bank of its group, tRRD_L = 3 later; with two in another
    // channel.
    for (channels, cycles) in [("2", 17), ("1", 20)] {
        let arguments = ["--dram", "hbm1", "--no-refresh", "--arrival", "saturate", "--channels", channels];
        assert_eq!(replay("0 0x0 R\n0 0x800 R", &arguments)["cycles"], cycles, "{channels}");
    }
}

#[test]
fn parameters_of_the_memory_can_be_set() {
    let trace = "0 0x0 R\n1000 0x40 R";
    let closed = ["--dram", "hbm1", "--no-refresh", "--set", "gpu.dram.page_policy=closed"];
    let json = replay(trace, &closed);
    assert_eq!((&json["activates"], &json["read_latency_cycles"]["min"]), (&2.into(), &17.into()));
    let ideal = ["--dram", "ideal", "--set", "gpu.dram.ideal_latency=123", "--set", "gpu.clock=\"2 GHz\""];
    let json = replay(trace, &ideal);
    assert_eq!((&json["cycles"], &json["clock_hz"]), (&1123.into(), &2_000_000_000u64.into()));
    assert_eq!(json["peak_gb_s"], 8.0 * 128.0);
}

#[test]
fn commands_are_written() {
    let traced = Traced::new("t.trace", "0 0x0 R\n100 0x80000 W\n200 0x840 R\n");
    let file = traced.beside("t.cmd");
    fs::write(&file, "old").unwrap();
    traced.json(&["--dram", "hbm1", "--no-refresh", "--commands", &file]);
    let expected = "1 0 ACT 0 0 0\n8 0 RD 0 0 0\n101 0 PRE 0 0 0\n108 0 ACT 0 0 1\n115 0 WR 0 0 1\n\
        201 1 ACT 0 0 0\n208 1 RD 0 0 0\n";
    let mut lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    // In order within each channel.
    lines.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
    // The write's row is 512 KiB on: with 16 banks of 2 KiB in each of 8 channels, the second next.
    assert_eq!(lines.join("\n") + "\n", expected.replace(" 0 0 1\n", " 0 0 2\n"));
    assert_eq!(fs::read_dir(traced.directory.path()).unwrap().count(), 2, "nothing else stays behind");
}

#[test]
fn a_recorded_replay_is_the_same_replay() {
    let traced = Traced::new("mix7030.trace", &traces::trace("mix7030"));
    for dram in ["gddr5", "hbm1", "hbm2"] {
        let file = traced.beside("commands");
        let arguments = ["--dram", dram, "--arrival", "saturate"];
        let json = traced.json(&[&arguments[..], &["--commands", &file]].concat());
        assert_eq!(json, traced.json(&arguments));
        let text = fs::read_to_string(&file).unwrap();
        let count = |commands: &[&str]| {
            text.lines().filter(|line| commands.contains(&line.split(' ').nth(2).unwrap())).count()
        };
        assert_eq!(json["activates"], count(&["ACT"]));
        assert_eq!(json["precharges"], count(&["PRE", "PREA"]));
        assert_eq!(json["refreshes"], count(&["REF"]));
        let bursts = ["row_hits", "row_misses", "row_conflicts"].map(|name| json[name].as_u64().unwrap());
        assert_eq!(bursts.iter().sum::<u64>(), count(&["RD", "WR"]) as u64);
        let mut latest = [0; 8];
        for line in text.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let (clock, channel): (u64, usize) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
            assert!(latest[channel] <= clock, "{dram}: {line}");
            latest[channel] = clock;
        }
    }
}

#[test]
fn standard_input_is_a_trace() {
    let output = cargo_bin_cmd!("spartan-sim")
        .args(["memory", "replay", "-", "--dram", "hbm1", "--format", "json"])
        .write_stdin("0 0x0 R\n")
        .output()
        .unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["trace"], &json["requests"]), (&"-".into(), &1.into()));
}

// Output -------------------------------------------------------------------------------------------------

#[test]
fn names_of_the_json_are_stable() {
    let json = replay("0 0x0 R", &["--dram", "gddr5"]);
    let documented = [
        "trace",
        "dram",
        "arrival",
        "requests",
        "reads",
        "writes",
        "cycles",
        "bandwidth_gb_s",
        "percent_of_peak",
        "row_hit_rate",
        "activates",
        "precharges",
        "refreshes",
        "read_latency_cycles",
    ];
    assert_eq!(names(&json)[..documented.len()], documented);
    assert_eq!(names(&json["read_latency_cycles"]), ["mean", "median", "p95", "p99", "min", "max"]);
}

#[test]
fn tables_are_fit_to_read() {
    let traced = Traced::new("t.trace", "0 0x0 R\n1000 0x40 R\n");
    let (code, table, stderr) = traced.replay(&["--dram", "gddr5", "--no-refresh"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for words in ["t  on gddr5, 8 x 28.0 GB/s", "4096 bytes to a channel", "row hit rate", "75.0 %"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
}

#[test]
fn memories_are_listed() {
    let output = cargo_bin_cmd!("spartan-sim").args(["list", "memories"]).output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    for line in ["gddr5       28.0 GB/s", "hbm1        16.0 GB/s", "hbm2        32.0 GB/s", "ideal       no"]
    {
        assert!(list.contains(line), "{line}: {list}");
    }
    // Every memory of the list is one that can be replayed on.
    for line in list.lines() {
        let name = line.split(' ').next().unwrap();
        assert_eq!(replay("0 0x0 R", &["--dram", name])["dram"], name);
    }
}

#[test]
fn help_has_examples_and_every_flag() {
    let output = cargo_bin_cmd!("spartan-sim").args(["memory", "replay", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "Examples:",
        "--dram",
        "--cache",
        "--arrival",
        "--stretch",
        "--no-refresh",
        "--channels",
        "--set",
        "--commands",
        "--format",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
