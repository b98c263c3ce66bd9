//! A network as an experiment: its convolutions and fully connected layers, with inputs made up for them.
//!
//! What a layer's input is, the first that holds:
//!
//! 1. the recording of its input, where the program has one;
//! 2. no zeros, where no ReLU is in front of it (images, for one);
//! 3. the network's share of zeros where there is a source for it: clustered in feature maps, spread
//!    uniformly in vectors, which have no places to cluster in;
//! 4. else [`UNKNOWN`] zeros, spread uniformly: the case that compaction gains least from.
//!
//! `workload.activations` and `workload.sparsity` override them as in every experiment.

use serde_json::{Value, json};
use workloads::layer::ConvLayer;
use workloads::network::{Layer, Network};

use super::embedded::{self, RECORDINGS};
use super::workload::{FilterText, LayerSpec};

/// Share of zeros behind a ReLU of which nothing is known.
const UNKNOWN: f64 = 0.5;

/// Networks of which the program has recordings, and what precedes the layer's name in theirs.
const RECORDED: [(&str, &str); 1] = [("alexnet-torchvision", "alexnet_")];

/// What an experiment's file would say of `network`, with a batch of 1, or why it cannot run.
pub(super) fn experiment(network: &Network) -> Result<Value, String> {
    let graph = network.graph(1).map_err(|error| error.to_string())?;
    let layers: Vec<LayerSpec> =
        graph.layers().iter().map(|layer| spec(network, layer)).collect::<Result<_, String>>()?;
    Ok(json!({
        "name": network.name,
        "description": description(network),
        "workload": { "kind": "convolution", "batch": 1, "layers": layers },
    }))
}

/// What it is, and who says so: of its shapes, and of its zeros.
fn description(network: &Network) -> String {
    let zeros = match network.zeros {
        Some(zeros) => format!("{} ({})", zeros.share, zeros.source),
        None => format!("{UNKNOWN} (assumed)"),
    };
    format!("{}. Shapes: {}. Zeros behind ReLUs: {zeros}.", network.about, network.source)
}

fn spec(network: &Network, layer: &Layer) -> Result<LayerSpec, String> {
    let group = layer.as_convolution().ok_or_else(|| {
        format!("layer {}: a product of two activations cannot run; only layers with weights can", layer.name)
    })?;
    let groups = u32::try_from(layer.groups).map_err(|error| format!("layer {}: {error}", layer.name))?;
    let mut filter = group.filter();
    filter.filters *= groups;
    let (activations, sparsity) = input(network, layer, group);
    Ok(LayerSpec {
        name: layer.name.clone(),
        filter: FilterText(Some(filter)),
        groups,
        stride: group.stride,
        pad: group.pad,
        height: group.height,
        width: group.width,
        activations,
        sparsity,
    })
}

/// Where the input comes from, and its share of zeros where it is generated.
fn input(network: &Network, layer: &Layer, group: &ConvLayer) -> (String, f64) {
    let known = network.zeros.map(|zeros| zeros.share);
    if let Some(recording) = recording(network, layer) {
        return (recording, known.unwrap_or(UNKNOWN));
    }
    match known {
        _ if !layer.zeros => ("uniform".into(), 0.0),
        Some(share) if group.height * group.width > 1 => ("clustered".into(), share),
        Some(share) => ("uniform".into(), share),
        None => ("uniform".into(), UNKNOWN),
    }
}

fn recording(network: &Network, layer: &Layer) -> Option<String> {
    let (_, prefix) = RECORDED.iter().find(|(name, _)| *name == network.name)?;
    let name = format!("{prefix}{}_in", layer.name);
    let recording = RECORDINGS.iter().find(|recording| recording.name == name)?;
    Some(format!("{}{}", embedded::PREFIX, recording.name))
}
