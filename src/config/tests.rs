//! Configurations good and bad, from text to what is resolved or said.

use serde_json::json;
use sim_core::params::Bytes;
use workloads::layer::ConvLayer;
use workloads::network::NETWORKS;

use super::*;
use crate::config::workload::{Source, Task};

fn request(experiment: &str, sets: &[&str]) -> Request {
    Request {
        experiment: Some(experiment.into()),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        ..Request::default()
    }
}

fn resolved(experiment: &str, sets: &[&str]) -> Resolved {
    resolve(&request(experiment, sets)).unwrap_or_else(|problems| panic!("{experiment} {sets:?}: {problems}"))
}

fn refused(experiment: &str, sets: &[&str]) -> String {
    match resolve(&request(experiment, sets)) {
        Ok(_) => panic!("{experiment} {sets:?} resolves"),
        Err(problems) => problems.to_string(),
    }
}

/// What is wrong with an experiment of this text.
fn refused_text(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my.ron");
    std::fs::write(&path, text).unwrap();
    let message = refused(path.to_str().unwrap(), &[]);
    message.replace(directory.path().to_str().unwrap(), "")
}

/// An `.npy` file of these values.
fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}\n")
        .replace('[', "(")
        .replace(']', ")");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn every_embedded_experiment_resolves_on_every_gpu() {
    for experiment in embedded::EXPERIMENTS {
        for gpu in embedded::GPUS {
            let resolved = resolved(experiment.name, &[&format!("gpu.preset={}", gpu.name)]);
            assert_eq!(resolved.experiment.name, experiment.name);
            assert_eq!(resolved.experiment.gpu.name, gpu.name);
            assert!(!resolved.experiment.description.is_empty(), "{}", experiment.name);
            assert!(!resolved.experiment.workload.tasks().is_empty(), "{}", experiment.name);
        }
    }
}

#[test]
fn every_network_resolves_and_none_has_an_experiments_name() {
    for network in NETWORKS {
        let resolved = resolved(network.name, &[]);
        assert_eq!(resolved.experiment.name, network.name);
        assert_eq!(resolved.experiment.workload.batch, 1);
        let layers = network.graph(1).unwrap().layers();
        assert_eq!(resolved.experiment.workload.tasks().len(), layers.len(), "{}", network.name);
        assert!(embedded::EXPERIMENTS.iter().all(|other| other.name != network.name), "{}", network.name);
    }
}

/// A network says of its layers what the experiments of the same layers say.
#[test]
fn networks_agree_with_the_experiments_of_their_layers() {
    let shapes = |experiment: &str, set: &str| -> Vec<ConvLayer> {
        let tasks = resolved(experiment, &[set]).experiment.workload.tasks();
        let layers = tasks.into_iter().map(|task| match task {
            Task::Convolution(task) => ConvLayer { name: String::new(), ..task.layer },
            other => panic!("{other:?}"),
        });
        layers.collect()
    };
    let alexnet = shapes("alexnet", "workload.layer=");
    assert_eq!(shapes("alexnet-torchvision", "workload.layer=conv2,conv3,conv4,conv5"), alexnet);
    assert_eq!(
        shapes("resnet10-cifar10", "workload.layer=layer4.0.conv2"),
        shapes("layer-a", "workload.layer=")
    );
    assert_eq!(shapes("vgg11-cifar10", "workload.layer=conv5_1"), shapes("layer-c", "workload.layer="));
}

#[test]
fn groups_divide_their_layer() {
    let tasks =
        resolved("alexnet-2012", &["workload.layer=conv2", "workload.images=2"]).experiment.workload.tasks();
    let [Task::Convolution(layer)] = &tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((layer.groups, layer.layer.channels, layer.layer.filters), (2, 48, 128));
    let groups = tasks[0].products();
    let names: Vec<&str> = groups.iter().map(Task::name).collect();
    assert_eq!(names, ["conv2 1/2", "conv2 2/2"]);
    let inputs = groups.iter().map(|group| match group {
        Task::Convolution(group) => group.activations(0).unwrap(),
        other => panic!("{other:?}"),
    });
    let [first, second] = &inputs.collect::<Vec<_>>()[..] else { panic!("two groups") };
    assert_eq!((first.shape().channels, second.shape().channels), (48, 48));
    assert_ne!(first.values(), second.values(), "each group has channels of its own");
    // Without groups a task is its only product.
    let whole = resolved("quickstart", &[]).experiment.workload.tasks();
    assert_eq!(whole[0].products(), whole);
}

#[test]
fn mi6_is_the_default_gpu() {
    assert_eq!(resolved("quickstart", &[]).experiment.gpu, gpu_model::params::Gpu::default());
}

#[test]
fn the_quickstart_is_alexnet_conv3_as_recorded() {
    let tasks = resolved("quickstart", &[]).experiment.workload.tasks();
    let [Task::Convolution(task)] = &tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((task.layer.m(), task.layer.k(), task.layer.n(task.batch)), (384, 1728, 4 * 169));
    assert!(matches!(task.source, Source::Embedded(recording) if recording.name == "alexnet_conv3_in"));
}

/// The paths that the documentation promises.
#[test]
fn documented_paths_can_be_set() {
    let sets = [
        "gpu.compute_units=8",
        "gpu.clock=1233 MHz",
        "gpu.l1.size=32 KiB",
        "gpu.l1.ways=8",
        "gpu.l1.latency=50",
        "gpu.l1.mshrs=32",
        "gpu.l2.size=\"1 MiB\"",
        "gpu.l2.ways=8",
        "gpu.l2.slices=16",
        "gpu.l2.latency=20",
        "gpu.l2.mshrs=32",
        "gpu.dram.preset=hbm2",
        "engine.sib.size=256 KiB",
        "engine.prefetch_buffer.size=1 MiB",
        "engine.prefetch_length=8",
        "engine.processors=16",
        "workload.batch=2",
        "workload.layer=conv3",
        "workload.m=64",
        "workload.k=64",
        "workload.n=64",
        "workload.elements=1024",
        "workload.sparsity=0.9",
        "workload.activations=uniform",
        "kernel.tile=64x64",
        "kernel.dispatch_order=m-fastest",
        "seed=7",
    ];
    let Resolved { experiment, .. } = resolved("quickstart", &sets);
    assert_eq!(experiment.gpu.l2.size, Bytes::mib(1));
    assert_eq!(experiment.seed, 7);
    let tasks = experiment.workload.tasks();
    let [Task::Convolution(task)] = &tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((task.batch, &task.source), (2, &Source::Uniform { sparsity: 0.9, images: 8 }));
}

#[test]
fn later_layers_win() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("my.ron");
    let text = r#"(gpu: (preset: "r9nano", l2: (ways: 8)), workload: (kind: "relu"), modes: ["dense"])"#;
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let gpu = resolved(path, &[]).experiment.gpu;
    assert_eq!((gpu.compute_units, gpu.l2.ways, gpu.l2.slices), (64, 8, 16));
    let gpu = resolved(path, &["gpu.l2.ways=4", "gpu=mi6", "gpu.l2.ways=2"]).experiment.gpu;
    assert_eq!((gpu.compute_units, gpu.l2.ways, gpu.l2.slices), (36, 2, 8));
}

#[test]
fn input_files_are_found_beside_the_experiment() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"(workload: (layers: [(name: "a", filter: "1x1x1x1", activations: "x.npy")]))"#;
    let experiment = directory.path().join("my.ron");
    std::fs::write(&experiment, text).unwrap();
    let experiment = experiment.to_str().unwrap();
    let message = refused(experiment, &[]);
    assert!(message.contains("my.ron:1:66: ") && message.contains("x.npy: "), "{message}");
    std::fs::write(directory.path().join("x.npy"), npy(&[1, 1, 1, 1], &[1.0])).unwrap();
    let first = resolved(experiment, &[]);
    std::fs::write(directory.path().join("x.npy"), npy(&[1, 1, 1, 1], &[2.0])).unwrap();
    assert_ne!(first.id, resolved(experiment, &[]).id, "inputs count by content");
    std::fs::write(directory.path().join("x.npy"), npy(&[1, 2, 1, 1], &[1.0, 2.0])).unwrap();
    assert!(refused(experiment, &[]).contains("the images are 2x1x1"));
}

#[test]
fn the_identity_leaves_out_what_changes_no_number() {
    let id = resolved("quickstart", &[]).id;
    assert_eq!(id.len(), 64);
    for same in ["seed=9", "verify=false", "modes=[\"dense\"]", "name=other", "gpu.l2.ways=16"] {
        assert_eq!(id, resolved("quickstart", &[same]).id, "{same}");
    }
    for other in ["gpu.l2.ways=8", "workload.batch=8", "workload.activations=uniform", "gpu=r9nano"] {
        assert_ne!(id, resolved("quickstart", &[other]).id, "{other}");
    }
    assert_eq!(
        id,
        resolved("quickstart", &["workload.activations=recorded"]).id,
        "the same input, said otherwise"
    );
}

#[test]
fn a_configuration_written_as_ron_reads_back() {
    let first = resolved("alexnet", &["gpu=r9nano", "engine.processors=8"]);
    let value = serde_json::to_value(&first.experiment).unwrap();
    let text = write::ron(&value, &rows(&first.experiment));
    assert!(text.contains("// Capacity of the data array."), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all.ron");
    std::fs::write(&path, text).unwrap();
    let again = resolved(path.to_str().unwrap(), &[]);
    assert_eq!((again.experiment, again.id), (first.experiment, first.id));
}

#[test]
fn problems_in_a_file_point_into_it() {
    let text = r#"(
    gpu: (
        preset: "mi6",
        l2: (sise: "1 MiB", size: "3 MiB"),
        clock: "1 GHertz",
        compute_units: 0,
        dram: (preset: "gddr7"),
    ),
    modes: ["dense", "spratan"],
    workload: (kind: "relu", batch: -3),
    sede: 1,
    verify: "yes",
)"#;
    let message = refused_text(text);
    for expected in [
        "/my.ron:4:14: unknown key `gpu.l2.sise`; did you mean `size`?",
        "/my.ron:4:35: gpu.l2.size = \"3 MiB\"; allowed: a power of two from 16 KiB to 256 MiB",
        "/my.ron:5:16: gpu.clock = \"1 GHertz\": `1 GHertz` is not a frequency",
        "/my.ron:6:24: gpu.compute_units = 0; allowed: 1 to 1024",
        "/my.ron:7:24: gpu.dram.preset = \"gddr7\": unknown name; did you mean `gddr5`?",
        "/my.ron:9:22: modes[1] = \"spratan\": unknown name; did you mean `spartan`?",
        "/my.ron:10:37: workload.batch = -3: expected a whole number, not negative; allowed: 1 to 65536",
        "/my.ron:11:5: unknown key `sede`; did you mean `seed`?",
        "/my.ron:12:13: verify = \"yes\": unknown name; allowed: true, false",
    ] {
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
    }
    assert_eq!(message.matches("error: ").count(), 9, "{message}");
}

#[test]
fn problems_of_flags_name_the_flag() {
    for (set, expected) in [
        ("gpu.l2.size=3 MB", "--set gpu.l2.size=3 MB: gpu.l2.size = \"3 MB\": `3 MB` is not a size"),
        ("gpu.l2.sizes=1", "--set gpu.l2.sizes=1: unknown key `gpu.l2.sizes`; did you mean `size`?"),
        ("l2.size=1 MiB", "unknown key `l2`; did you mean `gpu.l2`?"),
        ("gpu=mi7", "--set gpu=mi7: unknown GPU `mi7`; did you mean `mi6`?"),
        ("seed", "--set seed: expected PATH=VALUE"),
        ("a b=1", "is not a path such as gpu.l2.size"),
        ("seed.x=1", "--set seed.x=1: unknown key `seed.x`; `seed` has no parts"),
        ("gpu.preset=3", "--set gpu.preset=3: gpu.preset = 3: expected the name of a GPU"),
        ("workload.layers[4].pad=1", "workload.layers[4].pad: no such element; the list has 1"),
        ("workload.layer=conv4", "--set workload.layer=conv4: unknown layer `conv4`; did you mean `conv3`?"),
        ("workload.sparsity=1.5", "workload.sparsity = 1.5; allowed: 0 to 1"),
        ("workload.sparsity=most", "expected a number or \"layer\""),
        ("workload.activations=real", "`real` is no source of activations"),
        ("workload.activations=embedded:alexnet_conv9_in", "did you mean `alexnet_conv"),
        ("workload.layers[0].filter=3x3", "--set workload.layers[0].filter=3x3"),
        ("workload.layers[0].filter=8x8x99x99", "filter 99x99 is larger than the padded input 15x15"),
        ("gpu.l2.ways=4", "--set gpu.l2.ways=4: engine.l2_ways = 8, and L2 has 4"),
        ("gpu.dram.channels=3", "does not divide gpu.l2.slices = 8"),
        ("gpu.dram.write_queue=8", "allowed: low < high <= queue"),
        ("kernel.tile=big", "kernel.tile = \"big\"; allowed: \"auto\""),
        ("workload.clustered.a=2.5", "go together"),
        ("modes=[]", "--set modes=[]: modes is empty"),
        ("modes=[\"dense\", \"dense\"]", "names `dense` twice"),
        ("gpu.l1.size=NaN", "`NaN` is not a finite number"),
        ("gpu=[]", "gpu = [...]: expected a group"),
        ("workload.kind=relu", "--set workload.kind=relu: a ReLU has no mode `spartan`"),
        ("workload.layers[0].groups=5", "--set workload.layers[0].groups=5: layer `conv3`: groups = 5"),
    ] {
        let message = refused("quickstart", &[set]);
        assert!(message.contains(expected), "{set}: {expected}\nnot in\n{message}");
        assert_eq!(message.matches("error: ").count(), 1, "{set}: {message}");
    }
}

#[test]
fn a_set_of_ways_and_sectors_fits_into_its_cache() {
    for (fits, too_many, expected) in [
        (["gpu.l1.size=1 KiB", "gpu.l1.sectors=4"], "gpu.l1.sectors=8", "ways = 4 x gpu.l1.sectors = 8"),
        (["gpu.l1.size=1 KiB", "gpu.l1.ways=16"], "gpu.l1.ways=32", "does not hold 32 lines of 64 B"),
        (["gpu.l2.size=32 KiB", "gpu.l2.sectors=4"], "gpu.l2.sectors=8", "ways = 16 x gpu.l2.sectors = 8"),
        (["gpu.l2.size=32 KiB", "gpu.l2.ways=64"], "gpu.l2.slices=16", "in each of 16 slices"),
    ] {
        resolved("quickstart", &fits);
        let message = refused("quickstart", &[fits[0], fits[1], too_many]);
        assert!(message.contains(&format!("--set {too_many}: gpu.l")), "{message}");
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
        assert_eq!(message.matches("error: ").count(), 1, "{message}");
    }
}

#[test]
fn row_indices_limit_sparse_modes_only() {
    let sets = ["workload.k=65537"];
    resolved("matmul", &sets);
    let message = refused("matmul", &["workload.k=65537", "modes=[\"dense\", \"spartan\"]"]);
    assert!(message.contains("mode `spartan` allows at most 65536"), "{message}");
}

#[test]
fn every_source_makes_activations_of_the_layers_shape() {
    for source in ["recorded", "uniform", "clustered"] {
        let set = format!("workload.activations={source}");
        for task in resolved("alexnet", &[&set, "workload.images=2"]).experiment.workload.tasks() {
            let Task::Convolution(task) = task else { panic!("{task:?}") };
            let shape = task.activations(0).unwrap().shape();
            assert_eq!((shape.channels, shape.height), (task.layer.channels, task.layer.height));
            assert_eq!(shape.images, if source == "recorded" { 4 } else { 2 });
        }
    }
}

#[test]
fn extreme_shares_of_zeros_can_be_generated() {
    for source in ["uniform", "clustered"] {
        for (share, zeros) in [("0", 0.0), ("1", 1.0)] {
            let sets = [format!("workload.activations={source}"), format!("workload.sparsity={share}")];
            let experiment = resolved("quickstart", &[&sets[0], &sets[1]]).experiment;
            let [Task::Convolution(task)] = &experiment.workload.tasks()[..] else {
                panic!("{experiment:?}")
            };
            assert_eq!(task.activations(0).unwrap().sparsity(4), zeros, "{source} {share}");
        }
    }
    resolved("quickstart", &["workload.sparsity=layer"]);
}

#[test]
fn a_missing_filter_is_named() {
    let message = refused_text("(workload: (layers: [\n (name: \"a\")]))");
    assert!(message.contains("/my.ron:2:2: layer `a`: a filter"), "{message}");
}

#[test]
fn unknown_experiments_and_files_are_named() {
    assert!(
        refused("quickstrat", &[]).contains("unknown experiment `quickstrat`; did you mean `quickstart`?")
    );
    assert!(refused("absent.ron", &[]).contains("cannot read absent.ron"));
    assert!(refused("/dev/null", &[]).contains("allowed: .ron"));
}

#[test]
fn flags_set_parameters() {
    let flag = Flag { shown: "--batch 0".into(), path: "workload.batch", value: json!(0) };
    let message = resolve(&Request { flags: vec![flag], ..Request::default() }).unwrap_err().to_string();
    assert_eq!(message, "error: --batch 0: workload.batch = 0; allowed: 1 to 65536");
}
