//! The identity of a configuration: what a result depends on, and nothing else.
//!
//! Two runs with the same `config_id`, seed and mode of the same version report the same numbers. Name and
//! description, seed, modes and verification are left out; input files count by their content, wherever they
//! lie; the order of keys does not count.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::embedded;
use super::experiment::Experiment;
use super::workload::{Kind, LAYERS_OWN, Source};

/// What does not change a result's numbers, or is reported beside the identity.
const LEFT_OUT: [&str; 5] = ["name", "description", "seed", "modes", "verify"];

/// BLAKE3 of the canonical JSON of `experiment`, in hexadecimal; fails where an input file cannot be read.
pub(crate) fn config_id(experiment: &Experiment) -> Result<String, String> {
    let mut value = serde_json::to_value(experiment).map_err(|error| error.to_string())?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
    }
    name_inputs_by_content(experiment, &mut value)?;
    let canonical = serde_json::to_vec(&sorted(value)).map_err(|error| error.to_string())?;
    Ok(blake3::hash(&canonical).to_hex().to_string())
}

/// Puts the hash of its content in the place of each recording's and file's name.
fn name_inputs_by_content(experiment: &Experiment, value: &mut Value) -> Result<(), String> {
    let workload = &experiment.workload;
    if workload.kind != Kind::Convolution {
        return Ok(());
    }
    value["workload"]["activations"] = Value::from(LAYERS_OWN);
    for (i, layer) in workload.layers.0.iter().enumerate() {
        let said = match workload.source(layer) {
            Ok(Source::Embedded(recording)) => content(recording.bytes),
            Ok(Source::File(path)) => content(&read(&path)?),
            Ok(Source::Uniform { .. }) => "uniform".to_owned(),
            Ok(Source::Clustered { .. }) => "clustered".to_owned(),
            // A layer that does not run may lack what an override asks of it.
            Err(_) => format!("{}{}", embedded::PREFIX, layer.name),
        };
        value["workload"]["layers"][i]["activations"] = Value::from(said);
    }
    Ok(())
}

fn content(bytes: &[u8]) -> String {
    format!("blake3:{}", blake3::hash(bytes).to_hex())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The same value with its keys in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}
