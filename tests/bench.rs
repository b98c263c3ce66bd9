//! `spartan-sim bench` as scripts see it. Nothing here asserts how long anything takes.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

/// Exit code, stdout and stderr of `spartan-sim bench` with `arguments`, quietly.
fn bench(arguments: &[&str]) -> (i32, String, String) {
    let mut command = cargo_bin_cmd!("spartan-sim");
    let Output { status, stdout, stderr } = command.args(["bench", "-q"]).args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The JSON of a measurement that must succeed.
fn json(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = bench(&[arguments, &["--format", "json"]].concat());
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn the_json_has_what_is_documented() {
    let file = json(&["dense-64", "--threads", "2", "--repeat", "2"]);
    assert_eq!(file["schema"], 1);
    assert!(file["cores"].as_u64().unwrap() > 0);
    assert!(file["load"].as_f64().unwrap() >= 0.0);
    for text in ["program", "date", "commit", "rustc"] {
        assert!(!file[text].as_str().unwrap().is_empty(), "{text}: {file}");
    }
    let [one, two] = file["cases"].as_array().unwrap().as_slice() else { panic!("two records: {file}") };
    assert_eq!((&one["threads"], &two["threads"]), (&1.into(), &2.into()));
    assert!(one["speedup_over_one_thread"].is_null());
    assert!(two["speedup_over_one_thread"].as_f64().unwrap() > 0.0);
    for case in [one, two] {
        // 4 wavefronts of 154 + 1093 k instructions, (1 + 128 k) + 64 lines, with k = 2.
        assert_eq!((&case["instructions"], &case["transactions"]), (&9_360.into(), &1_284.into()));
        assert_eq!((&case["case"], &case["runs"]), (&"dense-64".into(), &2.into()));
        assert_eq!(case["cycles"], one["cycles"]);
        assert!(case["events"].as_u64().unwrap() > 0);
        let rate = 9_360.0 / case["seconds"].as_f64().unwrap();
        assert!((case["instructions_per_second"].as_f64().unwrap() / rate - 1.0).abs() < 1e-9);
        assert!(case["host_instructions"].is_null());
        assert_eq!(case["cpu_seconds"].is_null(), case["threads"] == 2);
    }
    assert!(file["scaling"].is_null());
}

#[test]
fn memory_alone_counts_lines_and_takes_one_thread() {
    let file = json(&["dram-stream", "--threads", "2", "--repeat", "1"]);
    let [case] = file["cases"].as_array().unwrap().as_slice() else { panic!("one record: {file}") };
    assert_eq!((&case["threads"], &case["transactions"]), (&1.into(), &400_000.into()));
    assert!(case["instructions_per_second"].is_null());
}

#[test]
fn callgrind_counts_the_same_each_time() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed");
        return;
    }
    let count = || {
        let file = json(&["dense-64", "--repeat", "1", "--callgrind"]);
        let case = &file["cases"][0];
        let count = case["host_instructions"].as_u64().unwrap();
        let each = case["host_instructions_per_instruction"].as_f64().unwrap();
        assert!((each * 9_360.0 / count as f64 - 1.0).abs() < 1e-9);
        count as f64
    };
    let (first, second) = (count(), count());
    assert!(first > 9_360.0, "{first}");
    assert!((second / first - 1.0).abs() < 0.01, "{first} and {second}");
}

#[test]
fn a_history_grows_and_is_compared_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/history.csv");
    let path = path.to_str().unwrap();
    json(&["dense-64", "--repeat", "1", "--record", path]);
    let before = fs::read_to_string(path).unwrap();
    let file = json(&["dense-64", "--repeat", "1", "--record", path, "--compare", path]);
    let change = &file["cases"][0]["change"];
    assert!(before.lines().nth(1).unwrap().starts_with(change["date"].as_str().unwrap()), "{before}");
    assert_eq!(change["other_cycles"], false);
    assert!(change["rate_percent"].is_number());
    let after = fs::read_to_string(path).unwrap();
    assert!(after.starts_with(&before), "rows are only appended:\n{before}{after}");
    assert_eq!(after.lines().count(), 3, "{after}");
    let (code, stdout, _) = bench(&["dense-64", "--repeat", "1", "--compare", path]);
    assert_eq!(code, 0);
    assert!(stdout.contains("beside the history"), "{stdout}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.csv");
    let name = path.to_str().unwrap();
    json(&["dense-64", "--repeat", "1", "--record", name]);
    let corrupt = fs::read_to_string(&path).unwrap().replace(",dense-64,1,", ",dense-64,one,");
    fs::write(&path, &corrupt).unwrap();
    let absent = directory.path().join("absent.csv");
    for (arguments, expected) in [
        (["dense-64", "--record", name], "history.csv: line 2: threads = `one`: a whole number is expected"),
        (["dense-64", "--compare", name], "history.csv: line 2: threads = `one`"),
        (["dense-64", "--compare", absent.to_str().unwrap()], "cannot read"),
        (["dense-63", "--repeat", "1"], "dense-64"),
        (["dense-64", "--repeat", "0"], "--repeat"),
    ] {
        let (code, stdout, stderr) = bench(&arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), corrupt, "a refused history stays as it is");
    assert!(!absent.exists());
}

#[test]
fn the_help_lists_the_cases() {
    let (code, help, _) = bench(&["--help"]);
    assert_eq!(code, 0);
    for case in ["dense-256", "conv3-spartan", "relu", "dram-stream", "scaling", "Examples:"] {
        assert!(help.contains(case), "{case}: {help}");
    }
    assert!(!help.contains("only-runs"), "{help}");
}

/// The history in the repository is what the program reads.
#[test]
fn the_kept_history_is_sound() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/benchmarks/history.csv");
    json(&["dense-64", "--repeat", "1", "--compare", kept]);
}
