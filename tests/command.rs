//! The command as scripts see it: what it prints where, and how it exits.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;

/// Exit code, stdout and stderr of the command with `arguments`.
fn command(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = cargo_bin_cmd!("spartan-sim").args(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Stdout of a command that must succeed, silently on stderr.
fn stdout(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = command(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    stdout
}

/// Asserts that the command refuses `arguments`: exit code 2, nothing on stdout, `expected` on stderr.
fn assert_refused(arguments: &[&str], expected: &str) {
    let (code, stdout, stderr) = command(arguments);
    assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    assert!(stderr.contains(expected), "{arguments:?}: {expected:?} is not in\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// Asserts that an experiment of this text is refused, alike by every subcommand that reads one.
fn assert_text_refused(text: &str, expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "my.ron", text.as_bytes());
    let file = file.to_str().unwrap();
    for subcommand in [&["run"][..], &["config", "check"], &["config", "show"]] {
        let arguments: Vec<&str> = subcommand.iter().copied().chain([file]).collect();
        assert_refused(&arguments, expected);
    }
}

fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

// Help and lists -----------------------------------------------------------------------------------------

#[test]
fn help_lists_the_subcommands_and_gives_examples() {
    let help = stdout(&["--help"]);
    for word in [
        "run",
        "inspect",
        "list",
        "config",
        "topology",
        "memory",
        "trace",
        "completions",
        "Examples:",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for subcommand in [
        &["run"][..],
        &["inspect", "compaction"],
        &["list"],
        &["config", "show"],
        &["config", "check"],
        &["topology"],
        &["memory", "replay"],
        &["trace", "info"],
        &["completions"],
    ] {
        let arguments: Vec<&str> = subcommand.iter().copied().chain(["--help"]).collect();
        assert!(stdout(&arguments).contains("Example"), "{subcommand:?}");
    }
}

#[test]
fn run_has_its_documented_flags() {
    let help = stdout(&["run", "--help"]);
    for flag in [
        "--gpu",
        "--set",
        "--modes",
        "--layers",
        "--batch",
        "--verify",
        "--no-verify",
        "--format",
        "--out",
        "--seed",
        "--threads",
        "--quiet",
    ] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[test]
fn lists_have_a_name_and_a_line_each() {
    for (what, names) in [
        ("gpus", &["mi6", "mi6-ideal", "r9nano"][..]),
        ("experiments", &["quickstart", "alexnet", "layer-a", "layer-b", "layer-c", "matmul", "relu"]),
        ("modes", &["dense", "dense-tiled", "spartan", "spartan-plain"]),
    ] {
        let list = stdout(&["list", what]);
        let found: Vec<&str> = list.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(found, names);
        assert!(list.lines().all(|line| line.split_whitespace().count() > 3), "{list}");
    }
}

#[test]
fn completions_are_made_for_shells() {
    assert!(stdout(&["completions", "bash"]).contains("spartan-sim"));
    assert_refused(&["completions", "dos"], "invalid value 'dos'");
}

#[test]
fn the_machine_is_drawn() {
    assert!(stdout(&["topology"]).starts_with("digraph"));
    assert!(stdout(&["topology", "--gpu", "r9nano", "--format", "svg"]).contains("CU 60-63"));
    assert_refused(&["topology", "--gpu", "r9nan"], "did you mean `r9nano`?");
}

// Configurations -----------------------------------------------------------------------------------------

#[test]
fn every_experiment_and_gpu_checks_out() {
    for gpu in ["mi6", "mi6-ideal", "r9nano"] {
        for experiment in stdout(&["list", "experiments"]).lines() {
            let name = experiment.split_whitespace().next().unwrap();
            assert!(stdout(&["config", "check", name, "--gpu", gpu]).starts_with("ok: "));
        }
    }
}

#[test]
fn config_show_has_every_parameter_with_its_meaning() {
    let table = stdout(&["config", "show", "layer-a", "--set", "gpu.l2.size=1 MiB"]);
    assert!(table.contains("* gpu.l2.size"), "what differs is marked: {table}");
    assert!(table.contains("[default 2 MiB, a power of two from 16 KiB to 256 MiB]"), "{table}");
    assert!(table.contains("Capacity of all slices together."), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["config", "show", "--format", "json"])).unwrap();
    let rows = json["parameters"].as_array().unwrap();
    assert!(rows.len() > 100, "{} parameters", rows.len());
    for row in rows {
        assert!(row["doc"].as_str().is_some_and(|doc| !doc.is_empty()), "{row}");
    }
}

#[test]
fn config_show_writes_a_file_that_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let text = stdout(&["config", "show", "layer-b", "--gpu", "r9nano", "--format", "ron"]);
    let file = write(directory.path(), "my.ron", text.as_bytes());
    let check = |arguments: &[&str]| stdout(&[&["config", "check"], arguments].concat());
    assert_eq!(check(&[file.to_str().unwrap()]), check(&["layer-b", "--gpu", "r9nano"]));
}

#[test]
fn the_configurations_identity_is_the_same_everywhere() {
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["config", "show", "--format", "json"])).unwrap();
    let id = json["config_id"].as_str().unwrap();
    assert!(stdout(&["config", "check"]).contains(id));
    assert!(stdout(&["config", "check", "--set", "seed=5"]).contains(id), "the seed does not count");
}

// Bad input ----------------------------------------------------------------------------------------------

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    assert_text_refused(
        "(gpu: (l2: (sise: \"1 MiB\")))",
        "my.ron:1:13: unknown key `gpu.l2.sise`; did you mean `size`?",
    );
    assert_refused(&["run", "--set", "gpu.l2.sise=1"], "--set gpu.l2.sise=1: unknown key `gpu.l2.sise`");
}

#[test]
fn a_wrong_unit_is_named_with_those_allowed() {
    assert_text_refused(
        "(gpu: (\n l2: (size: \"2 MB\")))",
        "my.ron:2:13: gpu.l2.size = \"2 MB\": `2 MB` is not a size: write a number and one of the units GiB, MiB, KiB, B",
    );
    assert_refused(&["run", "--set", "gpu.clock=1 GB"], "units GHz, MHz, kHz, Hz");
}

#[test]
fn values_outside_their_range_are_named_with_it() {
    assert_text_refused(
        "(gpu: (l2: (size: \"3 MiB\")))",
        "gpu.l2.size = \"3 MiB\"; allowed: a power of two from 16 KiB",
    );
    assert_text_refused(
        "(engine: (processors: 0))",
        "my.ron:1:23: engine.processors = 0; allowed: 1 to 1024",
    );
    assert_refused(&["run", "--batch", "0"], "--batch 0: workload.batch = 0; allowed: 1 to 65536");
    assert_refused(&["run", "--batch", "-1"], "--batch -1: workload.batch = -1: expected a whole number");
}

#[test]
fn unknown_names_are_named_with_the_nearest() {
    assert_refused(&["run", "quickstrat"], "unknown experiment `quickstrat`; did you mean `quickstart`?");
    assert_refused(&["run", "--gpu", "mi7"], "unknown GPU `mi7`; did you mean `mi6`?");
    assert_refused(&["run", "--layers", "conv3,conv9"], "unknown layer `conv9`; did you mean `conv3`?");
    assert_refused(&["run", "--modes", "dense,spratan"], "spartan");
    assert_text_refused(
        "(modes: [\"spratan\"])",
        "modes[0] = \"spratan\": unknown name; did you mean `spartan`?",
    );
    assert_refused(&["rum"], "run");
    assert_refused(&["run", "--bacth", "3"], "--batch");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    assert_refused(&["run", "absent.ron"], "cannot read absent.ron: No such file");
    assert_refused(&["run", "--gpu", "absent.ron"], "--gpu absent.ron: cannot read absent.ron");
    assert_refused(&["run", "--set", "workload.activations=absent.npy"], "absent.npy: ");
    assert_refused(&["inspect", "compaction", "absent.npy"], "absent.npy: ");
}

#[test]
fn broken_files_are_refused_where_they_break() {
    assert_text_refused("(seed: 1) seed", "my.ron:1:");
    assert_text_refused("(seed: 1,\n seed: 2)", "my.ron:2:2: `seed` is given twice");
    assert_text_refused("(seed: 1", "my.ron:1:");
    assert_text_refused("", "my.ron:1:1");
    assert_text_refused("[1]", "the configuration = [...]: expected a group");
    assert_text_refused("(modes: [dense])", "my.ron:1:10: `dense` stands without quotes: write \"dense\"");
    assert_text_refused("(workload: (sparsity: NaN))", "my.ron:1:23: `NaN` is not a finite number");
    let directory = tempfile::tempdir().unwrap();
    let binary = write(directory.path(), "my.ron", &[0xff, 0xfe, 0]);
    assert_refused(&["run", binary.to_str().unwrap()], "cannot read");
}

#[test]
fn check_reports_everything_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "my.ron", b"(sede: 1, verify: 3, gpu: (compute_units: 0))");
    let (code, _, stderr) = command(&["config", "check", file.to_str().unwrap()]);
    assert_eq!((code, stderr.matches("error: ").count()), (2, 3), "{stderr}");
}

// Inspection ---------------------------------------------------------------------------------------------

#[test]
fn a_column_of_a_real_layer_can_be_inspected() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/activations/alexnet_conv3_in.npy");
    let arguments =
        ["inspect", "compaction", file, "--filter", "384x192x3x3", "--pad", "1", "--column", "84"];
    assert!(stdout(&arguments).contains("1728 rows"));
    let json = stdout(&[&arguments[..], &["--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rows"], 1728);
    assert_eq!(json["bitmask"].as_str().unwrap().len(), 108);
    assert_refused(&["inspect", "compaction", file], "--filter");
    assert_refused(&[&arguments[..7], &["--column", "676"]].concat(), "--column 676: allowed: 0 to 675");
    assert_refused(&["inspect", "compaction", file, "--filter", "3x3"], "--filter: ");
    assert_refused(&["inspect", "compaction", file, "--pad", "1"], "--filter");
}

// Running ------------------------------------------------------------------------------------------------

#[test]
fn a_result_directory_that_cannot_be_is_refused_first() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "taken", b"");
    assert_refused(&["run", "relu", "--out", file.to_str().unwrap()], "cannot create the directory");
}

/// A run small enough for a test.
const SMALL: [&str; 4] = ["run", "relu", "--set", "workload.elements=4096"];

#[test]
fn data_go_to_stdout_and_progress_to_stderr() {
    let (code, stdout, stderr) = command(&[&SMALL[..], &["--format", "json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["runs"][0]["mode"], "dense");
    assert_eq!(json["runs"][0]["speedup_over_dense"], 1.0);
    assert!(stderr.contains("relu dense: "), "{stderr}");
    let (_, _, stderr) = command(&[&SMALL[..], &["--quiet"]].concat());
    assert_eq!(stderr, "");
}

#[test]
fn a_result_file_is_what_stdout_shows() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("a/b");
    let arguments = ["--quiet", "--format", "json", "--out", out.to_str().unwrap()];
    let shown = stdout(&[&SMALL[..], &arguments].concat());
    assert_eq!(fs::read_to_string(out.join("result.json")).unwrap(), shown);
}

#[test]
fn results_do_not_depend_on_threads() {
    let run = |threads| {
        let arguments =
            ["run", "matmul", "--set", "workload.n=64", "--modes", "dense,dense-tiled", "--quiet"];
        let json = stdout(&[&arguments[..], &["--format", "json", "--threads", threads]].concat());
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        for run in json["runs"].as_array_mut().unwrap() {
            run["host"] = serde_json::Value::Null;
        }
        json
    };
    assert_eq!(run("1"), run("4"));
}
