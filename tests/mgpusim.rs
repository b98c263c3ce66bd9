//! `r9nano` beside MGPUSim v3.0.0's R9 Nano: counts that must agree, cycles that must be near.
//!
//! The figures were measured with that program (github sarchlab/mgpusim, MIT) on its matrix multiplication and
//! ReLU benchmarks. DEVIATIONS.md explains the differences.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

/// The record of the only run of `spartan-sim run ARGUMENTS` on r9nano.
fn run(arguments: &[&str]) -> Value {
    let mut command = cargo_bin_cmd!("spartan-sim");
    command
        .arg("run")
        .args(arguments)
        .args(["--gpu", "r9nano", "--modes", "dense", "--format", "json", "-q"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    json["runs"][0].take()
}

fn assert_near(what: &str, ours: &Value, reference: u64, percent: f64) {
    let ours = ours.as_f64().unwrap();
    let difference = 100.0 * (ours / reference as f64 - 1.0);
    assert!(difference.abs() <= percent, "{what}: {ours} beside {reference}: {difference:+.1} %");
}

#[test]
fn matrix_multiplications_agree() {
    for (n, cycles, l2_requests) in [(64u64, 20_869, 1_060), (128, 42_956, 8_336), (256, 103_749, 66_112)] {
        let sizes: Vec<String> = ["m", "k", "n"].iter().map(|s| format!("workload.{s}={n}")).collect();
        let record = run(&["matmul", "--verify", "--set", &sizes[0], "--set", &sizes[1], "--set", &sizes[2]]);
        let k = n / 32;
        let wavefronts = k * k;
        let expected = [
            ("valu", 98 + 923 * k),
            ("salu", 45 + 41 * k),
            ("lds", 60 * k),
            ("vmem", 5 + 36 * k),
            ("branch", 2 + 10 * k),
            ("special", 4 + 23 * k),
            ("total", 154 + 1093 * k),
        ];
        for (class, count) in expected {
            assert_eq!(record["instructions"][class], wavefronts * count, "{class} at n = {n}");
        }
        assert_eq!(record["l1"]["reads"], wavefronts * (1 + 128 * k));
        assert_eq!(record["l1"]["writes"], wavefronts * 64);
        assert_eq!(record["l2"]["writes"], wavefronts * 64);
        assert_near("L2 reads", &record["l2"]["reads"], l2_requests, 5.0);
        // From cold caches, every line of A and B comes from memory once, and the kernel's argument.
        assert_eq!(record["dram"]["reads"], n * n / 8 + 1);
        assert_near("cycles", &record["cycles"], cycles, 5.0);
        assert_eq!(record["verified"], true);
    }
}

#[test]
fn relus_agree() {
    for (elements, cycles) in [(65_536u64, 7_598), (262_144, 24_014)] {
        let record = run(&["relu", "--verify", "--set", &format!("workload.elements={elements}")]);
        let wavefronts = elements / 64;
        for (class, count) in [("valu", 13), ("salu", 7), ("vmem", 2), ("branch", 1), ("special", 4)] {
            assert_eq!(record["instructions"][class], wavefronts * count, "{class}");
        }
        assert_eq!(record["l1"]["reads"], elements / 16);
        assert_eq!(record["l2"]["writes"], elements / 16);
        assert_near("cycles", &record["cycles"], cycles, 20.0);
        assert_eq!(record["verified"], true);
    }
}
