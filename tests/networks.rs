//! Networks as the command has them: listed, laid out by a dry run, and run like experiments.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::{Value, json};

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

/// What `run` with `arguments` would run.
fn dry_run(arguments: &[&str]) -> Value {
    let text = stdout(&[&["run"], arguments, &["--dry-run", "--format", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

/// Names of the layers.
fn names(dry_run: &Value) -> Vec<&str> {
    dry_run["layers"].as_array().unwrap().iter().map(|layer| layer["name"].as_str().unwrap()).collect()
}

fn listed() -> Vec<String> {
    let list = stdout(&["list", "networks"]);
    list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

// Lists --------------------------------------------------------------------------------------------------

#[test]
fn networks_are_listed_with_their_sizes() {
    let list = stdout(&["list", "networks"]);
    let line = |name: &str| list.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    assert!(line("vgg16").contains("16 layers, 15.470 GMACs, 138.344 M weights: VGG-16"), "{list}");
    assert!(line("resnet50").contains("54 layers,  4.089 GMACs,  25.503 M weights"), "{list}");
    assert!(line("alexnet-torchvision").contains(" 8 layers,  0.714 GMACs"), "{list}");
    assert!(list.lines().all(|line| line.len() <= 140), "{list}");
}

/// No name means two things.
#[test]
fn networks_and_experiments_have_different_names() {
    let experiments = stdout(&["list", "experiments"]);
    let networks = listed();
    assert!(networks.len() > 10, "{networks:?}");
    for line in experiments.lines() {
        let experiment = line.split_whitespace().next().unwrap();
        assert!(networks.iter().all(|network| network != experiment), "{experiment}");
    }
}

// Dry runs -----------------------------------------------------------------------------------------------

#[test]
fn a_dry_run_lays_out_every_layer() {
    let found = dry_run(&["vgg16"]);
    assert_eq!(found["totals"], json!({"layers": 16, "macs": 15_470_264_320_u64, "weights": 138_344_128}));
    let layer = &found["layers"][1];
    let expected = json!({
        "name": "conv1_2", "kind": "convolution", "groups": 1, "m": 64, "k": 576, "n": 50_176,
        "macs": 1_849_688_064_u64, "weights": 36_864, "activations": "generated, clustered zeros 0.45",
    });
    assert_eq!(*layer, expected);
    let fc6 = &found["layers"][13];
    assert_eq!((&fc6["kind"], &fc6["k"], &fc6["n"]), (&json!("fully-connected"), &json!(25_088), &json!(1)));
}

#[test]
fn a_dry_run_knows_batch_layers_and_groups() {
    let found = dry_run(&["alexnet-2012", "--layers", "conv2,conv5", "--batch", "128"]);
    assert_eq!(names(&found), ["conv2", "conv5"]);
    let conv2 = &found["layers"][0];
    let sizes: Vec<u64> = ["groups", "m", "k", "n", "macs"].map(|key| conv2[key].as_u64().unwrap()).into();
    assert_eq!(sizes, [2, 128, 1_200, 93_312, 2 * 128 * 1_200 * 93_312]);
    let weights = 307_200 + 442_368;
    assert_eq!(found["totals"]["weights"], weights);
    let one = dry_run(&["alexnet-2012", "--layers", "conv2,conv5"]);
    assert_eq!(found["totals"]["macs"].as_u64(), one["totals"]["macs"].as_u64().map(|macs| 128 * macs));
}

#[test]
fn a_dry_run_works_for_experiments_too() {
    let alexnet = dry_run(&["alexnet"]);
    assert_eq!(names(&alexnet), ["conv2", "conv3", "conv4", "conv5"]);
    assert_eq!(alexnet["layers"][0]["n"], 93_312);
    assert_eq!(alexnet["layers"][0]["activations"], "recorded alexnet_conv2_in");
    let matmul = dry_run(&["matmul", "--set", "workload.k=100"]);
    assert_eq!(matmul["totals"], json!({"layers": 1, "macs": 6_553_600, "weights": 25_600}));
    let relu = dry_run(&["relu"]);
    assert_eq!((&relu["layers"][0]["kind"], &relu["layers"][0]["n"]), (&json!("relu"), &json!(262_144)));
    assert_eq!(relu["totals"], json!({"layers": 1, "macs": 0, "weights": 0}));
}

#[test]
fn a_dry_run_is_a_table_unless_told_otherwise() {
    let table = stdout(&["run", "resnet18", "--dry-run", "--modes", "dense"]);
    let head =
        "resnet18 on mi6, modes dense: not simulated\nResNet-18, two blocks a stage. Shapes: torchvision";
    assert!(table.starts_with(head), "{table}");
    assert!(table.contains(". Zeros behind ReLUs: 0.4 (dissertation, table 6.5: 30 to 50 %, its middle).\n"));
    let row = table.lines().find(|line| line.starts_with("layer4.0.downsample.0")).unwrap();
    assert!(row.ends_with("512    256        49        6422528  generated, clustered zeros 0.4"), "{row}");
    assert!(table.ends_with("\n21 layers, 1814073344 multiply-adds, 11678912 weights\n"), "{table}");
    let (code, stdout, stderr) = command(&["run", "vgg11", "--dry-run", "--format", "csv"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("--format csv: a dry run has no such form; allowed: table, json"), "{stderr}");
}

#[test]
fn a_dry_run_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results");
    dry_run(&["vgg11", "--out", out.to_str().unwrap()]);
    assert!(!out.exists());
}

// Inputs -------------------------------------------------------------------------------------------------

/// Images have no zeros; then recordings, shares with a source, and 50 %, in this order.
#[test]
fn inputs_are_recorded_stated_or_half_zeros() {
    let activations = |name: &str| {
        let found = dry_run(&[name]);
        let layers = found["layers"].as_array().unwrap();
        layers.iter().map(|layer| layer["activations"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let alexnet = activations("alexnet-torchvision");
    let expected = [
        "generated, uniform zeros 0",
        "recorded alexnet_conv2_in",
        "recorded alexnet_conv3_in",
        "recorded alexnet_conv4_in",
        "recorded alexnet_conv5_in",
        // Feature maps, flattened; then vectors.
        "generated, clustered zeros 0.55",
        "generated, uniform zeros 0.55",
        "generated, uniform zeros 0.55",
    ];
    assert_eq!(alexnet, expected);
    assert_eq!(activations("opt-125m-ffn"), ["generated, uniform zeros 0", "generated, uniform zeros 0.5"]);
    let vgg = activations("vgg19");
    assert_eq!((vgg[0].as_str(), vgg[1].as_str()), (expected[0], "generated, uniform zeros 0.5"));
}

#[test]
fn inputs_can_be_chosen() {
    let found = dry_run(&["vgg19", "--layers", "conv3_2", "--set", "workload.sparsity=0.8"]);
    assert_eq!(found["layers"][0]["activations"], "generated, uniform zeros 0.8");
    let found =
        dry_run(&["vgg19", "--layers", "conv3_2", "--set", "workload.activations=clustered", "--seed", "3"]);
    assert_eq!(found["layers"][0]["activations"], "generated, clustered zeros 0.5");
}

// Configurations -----------------------------------------------------------------------------------------

#[test]
fn every_network_checks_out_and_reads_back() {
    for name in listed() {
        assert!(stdout(&["config", "check", &name]).starts_with(&format!("ok: {name} on mi6")), "{name}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.ron");
    std::fs::write(&file, stdout(&["config", "show", "alexnet-2012", "--format", "ron"])).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(stdout(&["config", "check", file]), stdout(&["config", "check", "alexnet-2012"]));
    assert_eq!(dry_run(&[file]), dry_run(&["alexnet-2012"]));
}

#[test]
fn unknown_networks_and_layers_are_named() {
    for (arguments, expected) in [
        (&["run", "resent50"][..], "unknown experiment `resent50`; did you mean `resnet50`?"),
        (&["run", "resnet18", "--layers", "layer4.0.conv3"], "unknown layer `layer4.0.conv3`; did you mean"),
        (
            &["run", "alexnet-2012", "--set", "workload.layers[1].groups=3"],
            "--set workload.layers[1].groups=3: layer `conv2`: groups = 3: the filters 256x48x5x5 do not divide",
        ),
        (
            &["run", "vgg16", "--set", "workload.layers[0].groups=0"],
            "workload.layers[0].groups = 0; allowed: 1 to",
        ),
        (&["list", "network"], "networks"),
    ] {
        let (code, stdout, stderr) = command(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {expected:?} is not in\n{stderr}");
    }
}

// Runs ---------------------------------------------------------------------------------------------------

/// Records of a verified run of `arguments`, by layer.
fn records(arguments: &[&str]) -> Vec<Value> {
    let text = stdout(&[&["run"], arguments, &["--verify", "--quiet", "--format", "json"]].concat());
    let result: Value = serde_json::from_str(&text).unwrap();
    result["runs"].as_array().unwrap().clone()
}

#[test]
fn a_networks_layers_run() {
    let runs = records(&["cifarnet", "--layers", "conv2,logits", "--modes", "dense,spartan"]);
    let found: Vec<_> =
        runs.iter().map(|run| (run["layer"].as_str().unwrap(), run["mode"].as_str().unwrap())).collect();
    let expected = [("conv2", "dense"), ("conv2", "spartan"), ("logits", "dense"), ("logits", "spartan")];
    assert_eq!(found, expected);
    let sizes = |run: &Value| ["m", "k", "n"].map(|key| run[key].as_u64().unwrap());
    assert_eq!((sizes(&runs[0]), sizes(&runs[2])), ([64, 1_600, 256], [10, 192, 1]));
    let near = |found: &Value, share: f64| (found.as_f64().unwrap() - share).abs() < 0.1;
    assert!(near(&runs[0]["sparsity"], 0.7), "{}", runs[0]["sparsity"]);
    assert!(runs.iter().all(|run| run["verified"] == true));
}

/// A layer with groups is a product for each group, on the group's own channels.
#[test]
fn groups_run_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("my.ron");
    let text = |groups: u32, filter: &str, layer: &str| {
        format!(
            r#"(modes: ["dense"], workload: (batch: 2, layers: [(name: "{layer}", filter: "{filter}",
                groups: {groups}, pad: 1, height: 6, width: 6, activations: "x.npy")]))"#
        )
    };
    // Only the first four channels of each image, those of the first group, have zeros.
    let values =
        (0..2 * 8 * 36).map(|i| if (i / 36) % 8 < 4 && i % 3 == 0 { 0.0 } else { (i / 36) as f32 + 1.0 });
    std::fs::write(directory.path().join("x.npy"), npy(&[2, 8, 6, 6], values)).unwrap();
    std::fs::write(&file, text(2, "16x4x3x3", "conv")).unwrap();
    let runs = records(&[file.to_str().unwrap()]);
    let layers: Vec<_> = runs.iter().map(|run| run["layer"].as_str().unwrap()).collect();
    assert_eq!(layers, ["conv 1/2", "conv 2/2"]);
    let sparsities: Vec<f64> = runs.iter().map(|run| run["sparsity"].as_f64().unwrap()).collect();
    assert_eq!(sparsities, [1.0 / 3.0, 0.0]);
    for run in &runs {
        assert_eq!((&run["m"], &run["k"], &run["n"]), (&json!(8), &json!(36), &json!(72)), "{run}");
        assert_eq!((&run["groups"], &run["verified"]), (&json!(1), &json!(true)));
    }
    // A file of one group's channels is not the layer's input.
    std::fs::write(&file, text(4, "16x4x3x3", "conv")).unwrap();
    let (code, _, stderr) = command(&["run", file.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("the images are 8x6x6 (channels x height x width), and layer `conv` takes 16x6x6"),
        "{stderr}"
    );
}

/// An `.npy` file of these values.
fn npy(shape: &[usize], values: impl Iterator<Item = f32>) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}\n", sizes.join(", "));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.flat_map(f32::to_le_bytes));
    bytes
}
