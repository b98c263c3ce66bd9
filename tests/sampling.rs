//! `run --sample` and `run --estimate` as the command has them, and the validation of samples against full runs, which
//! takes a while and is run by name: see docs/sampling.md.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

/// A product of many waves of a small machine.
const SMALL: [&str; 10] = [
    "run",
    "matmul",
    "--set",
    "workload.n=16384",
    "--set",
    "workload.m=64",
    "--set",
    "workload.k=64",
    "--set",
    "gpu.compute_units=2",
];

/// Exit code, stdout and stderr of the command with `arguments`.
fn command(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = cargo_bin_cmd!("spartan-sim").args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The JSON that `arguments` print.
fn json(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = command(&[arguments, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn what_costs_little_is_simulated_in_full() {
    let small = [&SMALL[..], &["--modes", "dense,spartan", "--no-verify", "--quiet"]].concat();
    let full = json(&small);
    let sampled = json(&[&small[..], &["--sample"]].concat());
    for (full, sampled) in full["runs"].as_array().unwrap().iter().zip(sampled["runs"].as_array().unwrap()) {
        assert!(full["sampled"].is_null() && sampled["sampled"].is_null());
        assert_eq!(full["cycles"], sampled["cycles"]);
        assert_eq!(full["l2"], sampled["l2"]);
    }
}

#[test]
fn a_sample_cannot_be_verified() {
    let (code, _, stderr) = command(&["run", "quickstart", "--sample", "--set", "verify=true"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--no-verify"), "{stderr}");
    assert_eq!(command(&["run", "--sample", "--verify"]).0, 2);
}

#[test]
fn an_estimate_has_the_instructions_of_the_run() {
    let small = [&SMALL[..], &["--modes", "dense", "--no-verify", "--quiet"]].concat();
    for more in [&[][..], &["--sample"]] {
        let arguments = [&small[..], more].concat();
        let estimate = json(&[&arguments[..], &["--estimate"]].concat());
        let run = &json(&arguments)["runs"][0];
        let share = match &run["sampled"] {
            Value::Null => 1.0,
            sample => sample["workgroups"].as_f64().unwrap() / sample["of"].as_f64().unwrap(),
        };
        let instructions = run["instructions"]["total"].as_f64().unwrap() * share;
        let estimated = estimate["runs"][0]["instructions"].as_f64().unwrap();
        assert!((estimated - instructions).abs() <= 1.0, "{estimated} instead of {instructions}");
        assert!(estimate["seconds"].as_f64().unwrap() > 0.0);
    }
}

// Validation ---------------------------------------------------------------------------------------------

/// Percent by which the cycles of `sampled` are off.
fn error(full: &Value, sampled: &Value) -> f64 {
    100.0 * (sampled["cycles"].as_f64().unwrap() / full["cycles"].as_f64().unwrap() - 1.0)
}

/// Runs `experiment` in full and sampled, prints every layer, and holds the errors to bound, mean and worst.
fn validate(experiment: &str, batch: &str) {
    let plan = json(&["run", experiment, "--batch", batch, "--dry-run"]);
    let layers = plan["layers"].as_array().unwrap().iter().filter(|layer| layer["kind"] == "convolution");
    let layers: Vec<&str> = layers.map(|layer| layer["name"].as_str().unwrap()).collect();
    let layers = layers.join(",");
    let arguments =
        ["run", experiment, "--batch", batch, "--layers", &layers, "--modes", "dense,spartan", "--no-verify"];
    let [full, sampled] = [json(&arguments), json(&[&arguments[..], &["--sample"]].concat())];
    let mut errors = Vec::new();
    println!("| layer | mode | full, cycles | sampled, cycles | error | bound | workgroups | speed |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (full, sampled) in full["runs"].as_array().unwrap().iter().zip(sampled["runs"].as_array().unwrap()) {
        let sample = &sampled["sampled"];
        let (error, bound) = (error(full, sampled), sample["error_bound_percent"].as_f64().unwrap_or(0.0));
        let seconds = |run: &Value| run["host"]["seconds"].as_f64().unwrap();
        if seconds(full) == 0.0 {
            continue; // It repeats a layer above.
        }
        println!(
            "| {} | {} | {} | {} | {error:+.2} % | {bound:.2} % | {} of {} | {:.1} x |",
            full["layer"].as_str().unwrap(),
            full["mode"].as_str().unwrap(),
            full["cycles"],
            sampled["cycles"],
            sample["workgroups"],
            sample["of"],
            seconds(full) / seconds(sampled)
        );
        assert!(error.abs() <= bound, "outside its bound");
        errors.extend((!sample.is_null()).then_some(error.abs()));
    }
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let worst = errors.iter().copied().fold(0.0, f64::max);
    println!("{} runs sampled: mean error {mean:.2} %, worst {worst:.2} %", errors.len());
    assert!(mean <= 2.0 && worst <= 5.0);
}

#[test]
#[ignore = "minutes: validation against full runs"]
fn alexnet_at_batch_128() {
    validate("alexnet", "128");
}

#[test]
#[ignore = "minutes: validation against full runs"]
fn vgg16_at_batch_8() {
    validate("vgg16", "8");
}

#[test]
#[ignore = "minutes: validation against full runs"]
fn resnet18_at_batch_8() {
    validate("resnet18", "8");
}
