//! What is part of the program: GPUs, experiments and recorded activations, each listed by name.
//!
//! To add one: put the file into `configs/` and a line into its table here; a test reads every one.

use workloads::network::{self, NETWORKS, Network};

use super::problem;

/// A GPU or an experiment.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// Name, as the command line takes it.
    pub(crate) name: &'static str,
    /// Path in the source tree, for messages.
    pub(crate) path: &'static str,
    /// The RON text.
    pub(crate) text: &'static str,
}

/// Recorded activations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    /// Name, as `"embedded:NAME"` takes it.
    pub(crate) name: &'static str,
    /// The `.npy` file.
    pub(crate) bytes: &'static [u8],
}

/// What precedes a recording's name in `activations`.
pub(crate) const PREFIX: &str = "embedded:";

macro_rules! embed {
    ($($folder:literal / $name:literal),* $(,)?) => {
        &[$(Embedded {
            name: $name,
            path: concat!("configs/", $folder, "/", $name, ".ron"),
            text: include_str!(concat!("../../configs/", $folder, "/", $name, ".ron")),
        }),*]
    };
}

macro_rules! record {
    ($($name:literal),* $(,)?) => {
        &[$(Recording {
            name: $name,
            bytes: include_bytes!(concat!("../../configs/activations/", $name, ".npy")),
        }),*]
    };
}

/// The GPUs.
pub(crate) const GPUS: &[Embedded] = embed!["gpus" / "mi6", "gpus" / "mi6-ideal", "gpus" / "r9nano"];

/// The experiments; the first is what `run` takes when nothing is said.
pub(crate) const EXPERIMENTS: &[Embedded] = embed![
    "experiments" / "quickstart",
    "experiments" / "alexnet",
    "experiments" / "layer-a",
    "experiments" / "layer-b",
    "experiments" / "layer-c",
    "experiments" / "matmul",
    "experiments" / "relu",
];

/// The recorded activations. The maps were recorded from AlexNet on photographs free to use.
pub(crate) const RECORDINGS: &[Recording] =
    record!["alexnet_conv2_in", "alexnet_conv3_in", "alexnet_conv4_in", "alexnet_conv5_in"];

/// The GPU called `name`, or a message that names the nearest.
pub(crate) fn gpu(name: &str) -> Result<&'static Embedded, String> {
    GPUS.iter().find(|gpu| gpu.name == name).ok_or_else(|| {
        let known = GPUS.iter().map(|gpu| gpu.name);
        format!("unknown GPU `{name}`{}", problem::suggestion(name, known))
    })
}

/// What may stand where an experiment is named.
pub(crate) enum Named {
    /// An experiment of [`EXPERIMENTS`].
    Experiment(&'static Embedded),
    /// A network, all its layers. No experiment has its name.
    Network(&'static Network),
}

/// The experiment or network called `name`, or a message that names the nearest.
pub(crate) fn experiment(name: &str) -> Result<Named, String> {
    let experiment = EXPERIMENTS.iter().find(|experiment| experiment.name == name).map(Named::Experiment);
    experiment.or_else(|| network::find(name).map(Named::Network)).ok_or_else(|| {
        let experiments = EXPERIMENTS.iter().map(|experiment| experiment.name);
        let known = experiments.chain(NETWORKS.iter().map(|network| network.name));
        format!("unknown experiment `{name}`{}", problem::suggestion(name, known))
    })
}

/// The recording called `name`, or a message that names the nearest.
pub(crate) fn recording(name: &str) -> Result<&'static Recording, String> {
    RECORDINGS.iter().find(|recording| recording.name == name).ok_or_else(|| {
        let known = RECORDINGS.iter().map(|recording| recording.name);
        format!("unknown recording `{name}`{}", problem::suggestion(name, known))
    })
}
