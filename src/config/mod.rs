//! Configuration: from what was typed to what is meant, in one place.
//!
//! A configuration is built from layers, later ones over earlier ones:
//!
//! 1. the defaults, declared with every parameter;
//! 2. the GPU preset, `configs/gpus/NAME.ron` or a file;
//! 3. the experiment's file;
//! 4. flags of the command line (`--gpu`, `--modes`, ...);
//! 5. `--set PATH=VALUE`, in the order given.
//!
//! Layers are trees of values ([`layer`]) whose keys are compared with the defaults, so that every unknown one
//! is found and named. Merged, they become an [`Experiment`] of typed parameters; then each parameter's range is
//! checked, and at last what parameters mean together ([`checks`]). All problems are reported, not only the
//! first, and each points at the file, line and column, or the flag, that said so.

pub(crate) mod checks;
pub(crate) mod embedded;
pub(crate) mod experiment;
pub(crate) mod id;
pub(crate) mod layer;
pub(crate) mod mode;
mod network;
pub(crate) mod path;
pub(crate) mod problem;
pub(crate) mod scan;
pub(crate) mod workload;
pub(crate) mod write;

use std::fs;
use std::path::Path as FilePath;

use serde_json::{Value, json};
use sim_core::params::{Group, Row, Violation};

use embedded::Named;
pub(crate) use experiment::Experiment;
use layer::{Layer, Part};
use path::{Path, Step};
use problem::{Place, Problem, Problems, quote, suggestion};
use workload::{LayerSpec, Layers};

/// What was asked for on the command line.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Experiment: a path, an experiment's name or a network's; none means the quickstart.
    pub(crate) experiment: Option<String>,
    /// Values of flags other than `--set`.
    pub(crate) flags: Vec<Flag>,
    /// Arguments of `--set`.
    pub(crate) sets: Vec<String>,
}

/// A flag that sets a parameter.
#[derive(Debug)]
pub(crate) struct Flag {
    /// As typed, for messages.
    pub(crate) shown: String,
    /// The parameter that it sets.
    pub(crate) path: &'static str,
    /// The value that it gives.
    pub(crate) value: Value,
}

/// A configuration ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// Every parameter.
    pub(crate) experiment: Experiment,
    /// Identity of what results depend on.
    pub(crate) id: String,
}

/// Name of the preset that holds when none is given.
const DEFAULT_GPU: &str = "mi6";

/// Turns a request into a configuration, or says everything that is wrong with it.
pub(crate) fn resolve(request: &Request) -> Result<Resolved, Problems> {
    let mut layers = vec![experiment_layer(request.experiment.as_deref())?];
    layers.extend(flag_layers(request)?);
    let gpu = gpu_layer(&mut layers)?;
    layers.insert(0, gpu);

    let mut problems = key_problems(&mut layers);
    let mut merged = merge(&layers, &mut problems);
    let experiment = typed(&mut merged, &layers, &mut problems);
    problems.extend(range_problems(&experiment, &merged, &layers));
    if problems.is_empty() {
        problems.extend(conflict_problems(&experiment, &layers));
    }
    if !problems.is_empty() {
        problems.sort();
        return Err(Problems(problems));
    }
    let id = id::config_id(&experiment).map_err(nowhere)?;
    Ok(Resolved { experiment, id })
}

/// Every parameter of `experiment`, described.
pub(crate) fn rows(experiment: &Experiment) -> Vec<Row> {
    let mut rows = Vec::new();
    experiment.describe("", &mut rows);
    rows
}

// Layers -------------------------------------------------------------------------------------------------

/// The experiment: a file where there is one of that path, else an embedded one, else a network.
fn experiment_layer(asked: Option<&str>) -> Result<Layer, Problems> {
    let asked = asked.unwrap_or(embedded::EXPERIMENTS[0].name);
    let path = FilePath::new(asked);
    if !looks_like_a_path(path) {
        return match embedded::experiment(asked).map_err(nowhere)? {
            Named::Experiment(found) => Layer::file(found.path, found.text, Path::default()),
            Named::Network(found) => {
                let name = format!("network {asked}");
                let value =
                    network::experiment(found).map_err(|message| nowhere(format!("{name}: {message}")))?;
                Ok(Layer::made(&name, value))
            }
        };
    }
    let mut layer = Layer::file(asked, &read_ron(path).map_err(nowhere)?, Path::default())?;
    layer.anchor_inputs(path.parent().unwrap_or(FilePath::new("")));
    Ok(layer)
}

/// Whether a name means a file: it exists, has an extension, or has a directory in front.
fn looks_like_a_path(path: &FilePath) -> bool {
    path.is_file() || path.extension().is_some() || path.components().count() > 1
}

fn read_ron(path: &FilePath) -> Result<String, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if path.extension().is_none_or(|extension| extension != "ron") {
        return Err(format!("{}: unknown kind of file; allowed: .ron", path.display()));
    }
    Ok(text)
}

fn flag_layers(request: &Request) -> Result<Vec<Layer>, Problems> {
    let flags = request.flags.iter().map(|flag| Layer::flag(&flag.shown, flag.path, flag.value.clone()));
    let sets = request.sets.iter().map(|argument| Layer::set(argument));
    Ok(flags.chain(sets).collect::<Result<_, Problem>>()?)
}

/// The GPU preset that the layers name, last one first; takes the name out of them.
fn gpu_layer(layers: &mut [Layer]) -> Result<Layer, Problems> {
    let mut name = DEFAULT_GPU.to_owned();
    let mut place = Place::Nowhere;
    for layer in layers {
        if let Some((said, where_said)) = take_preset(layer)? {
            (name, place) = (said, where_said);
        }
    }
    let at = Path::default().key("gpu");
    let path = FilePath::new(&name);
    let problem = |message| Problem { place: place.clone(), message };
    if !looks_like_a_path(path) {
        let found = embedded::gpu(&name).map_err(problem)?;
        return Layer::file(found.path, found.text, at);
    }
    Layer::file(&name, &read_ron(path).map_err(problem)?, at)
}

/// Takes `gpu: "NAME"`, or `preset: "NAME"` inside `gpu`, out of a layer.
fn take_preset(layer: &mut Layer) -> Result<Option<(String, Place)>, Problem> {
    let gpu = Path::default().key("gpu");
    let preset = gpu.key("preset");
    let at = [&preset, &gpu]
        .into_iter()
        .find(|path| layer.get(path).is_some_and(|v| *path == &preset || v.is_string()));
    let Some(at) = at else { return Ok(None) };
    let place = layer.place(at, Part::Value);
    let found = layer.get(at).cloned().unwrap_or_default();
    let Value::String(name) = found else {
        let message = format!("{at} = {}: expected the name of a GPU", quote(&found));
        return Err(Problem { place, message });
    };
    // What remains says nothing more about the preset; `()` changes nothing.
    match at.below(&layer.at).filter(|below| !below.0.is_empty()) {
        Some(below) => remove(&mut layer.value, &below),
        None => layer.value = Value::Null,
    }
    if layer.at == preset {
        layer.at = gpu;
    }
    Ok(Some((name, place)))
}

/// Takes the value at `path` out of `value`; of a list's element, an empty group remains.
fn remove(value: &mut Value, path: &Path) {
    let Some((last, parent)) =
        path.0.split_last().zip(path.parent()).map(|((last, _), parent)| (last, parent))
    else {
        return;
    };
    match (last, parent.get_mut(value)) {
        (Step::Key(key), Some(Value::Object(fields))) => {
            fields.shift_remove(key);
        }
        (Step::Index(index), Some(Value::Array(items))) => items[*index] = json!({}),
        _ => {}
    }
}

// Keys ---------------------------------------------------------------------------------------------------

/// A configuration in which every key that may be given is there.
fn template() -> Value {
    let mut experiment = Experiment::default();
    experiment.workload.layers = Layers(vec![LayerSpec::default()]);
    serde_json::to_value(experiment).unwrap_or_default()
}

/// The template's value for `path`; a list has one element for all.
fn template_at<'a>(template: &'a Value, path: &Path) -> Option<&'a Value> {
    let first = path.0.iter().map(|step| match step {
        Step::Index(_) => Step::Index(0),
        key => key.clone(),
    });
    Path(first.collect()).get(template)
}

/// Finds keys that do not exist and groups that are none, and takes them out so that the rest can be judged.
fn key_problems(layers: &mut [Layer]) -> Vec<Problem> {
    let template = template();
    let mut problems = Vec::new();
    for layer in layers {
        let mut misfits = Vec::new();
        if let Some(path) = first_unknown_step(&template, &layer.at) {
            misfits.push(Misfit::Unknown(path));
        } else if let Some(known) = template_at(&template, &layer.at) {
            collect_misfits(known, &layer.value, &layer.at, &mut misfits);
        }
        for misfit in &misfits {
            problems.push(misfit.problem(&template, layer));
        }
        for misfit in &misfits {
            match misfit.path().below(&layer.at).filter(|below| !below.0.is_empty()) {
                Some(below) => remove(&mut layer.value, &below),
                None => (layer.at, layer.value) = (Path::default(), Value::Null),
            }
        }
    }
    problems
}

/// What does not fit the template.
enum Misfit {
    /// A key that it does not have.
    Unknown(Path),
    /// Something else where it has a group.
    NoGroup(Path),
}

impl Misfit {
    fn path(&self) -> &Path {
        match self {
            Self::Unknown(path) | Self::NoGroup(path) => path,
        }
    }

    fn problem(&self, template: &Value, layer: &Layer) -> Problem {
        match self {
            Self::Unknown(path) => {
                Problem { place: layer.place(path, Part::Key), message: unknown_key_message(template, path) }
            }
            Self::NoGroup(path) => {
                let name = if path.0.is_empty() { "the configuration".to_owned() } else { path.to_string() };
                let found = layer.get(path).map(quote).unwrap_or_default();
                let message = format!("{name} = {found}: expected a group (key: value, ...)");
                Problem { place: layer.place(path, Part::Value), message }
            }
        }
    }
}

/// The start of `path` up to its first step that the template does not have.
fn first_unknown_step(template: &Value, path: &Path) -> Option<Path> {
    (1..=path.0.len())
        .map(|length| Path(path.0[..length].to_vec()))
        .find(|start| template_at(template, start).is_none())
}

fn collect_misfits(known: &Value, found: &Value, at: &Path, misfits: &mut Vec<Misfit>) {
    match (known, found) {
        (_, Value::Null) => {}
        (Value::Object(known), Value::Object(found)) => {
            for (key, value) in found {
                match known.get(key) {
                    Some(known) => collect_misfits(known, value, &at.key(key), misfits),
                    None => misfits.push(Misfit::Unknown(at.key(key))),
                }
            }
        }
        // serde would take a list for a group, and its elements for the first keys.
        (Value::Object(_), _) => misfits.push(Misfit::NoGroup(at.clone())),
        (Value::Array(known), Value::Array(found)) if known.first().is_some_and(Value::is_object) => {
            for (i, value) in found.iter().enumerate() {
                collect_misfits(&known[0], value, &at.index(i), misfits);
            }
        }
        _ => {}
    }
}

fn unknown_key_message(template: &Value, path: &Path) -> String {
    let parent = path.parent().unwrap_or_default();
    let group = template_at(template, &parent);
    let key = match path.0.last() {
        Some(Step::Key(key)) => key.as_str(),
        _ => "",
    };
    match group {
        Some(Value::Object(fields)) => {
            let preset = (parent.to_string() == "gpu").then_some("preset");
            let known: Vec<&str> = fields.keys().map(String::as_str).chain(preset).collect();
            let meant = match (problem::nearest(key, &known), full_path(path)) {
                (None, Some(full)) => format!("; did you mean `{full}`?"),
                _ => String::new(),
            };
            format!("unknown key `{path}`{meant}{}", suggestion(key, known))
        }
        _ => format!("unknown key `{path}`; `{parent}` has no parts"),
    }
}

/// The parameter whose path ends like `path`: `l2.size` is `gpu.l2.size`.
fn full_path(path: &Path) -> Option<String> {
    let end = format!(".{path}");
    let rows = rows(&Experiment::default());
    let mut found = rows
        .iter()
        .map(|row| &row.path)
        .filter(|full| full.ends_with(&end) || full.contains(&format!("{end}.")));
    let first = found.next()?;
    let cut = first.find(&end)? + end.len();
    Some(first[..cut].to_owned())
}

// Values -------------------------------------------------------------------------------------------------

fn merge(layers: &[Layer], problems: &mut Vec<Problem>) -> Value {
    let mut merged = serde_json::to_value(Experiment::default()).unwrap_or_else(|_| json!({}));
    for layer in layers {
        if let Err(problem) = layer.merge_into(&mut merged) {
            problems.push(problem);
        }
    }
    merged
}

/// The typed experiment. A value of the wrong type is reported and its default put in its place, so that the
/// next one is found too.
fn typed(merged: &mut Value, layers: &[Layer], problems: &mut Vec<Problem>) -> Experiment {
    let template = template();
    let rows = rows_of_template();
    loop {
        let error = match serde_path_to_error::deserialize::<_, Experiment>(&*merged) {
            Ok(experiment) => return experiment,
            Err(error) => error,
        };
        let path = Path::parse(&error.path().to_string()).unwrap_or_default();
        let found = path.get(merged).cloned().unwrap_or_default();
        let message = type_message(&path, &found, &error.inner().to_string(), &rows);
        problems.push(Problem { place: place_of(&path, layers), message });
        match (path.get_mut(merged), template_at(&template, &path)) {
            (Some(value), Some(default)) if *value != *default && !path.0.is_empty() => {
                *value = default.clone()
            }
            // Nothing left to put right: the defaults serve to look for further problems.
            _ => return Experiment::default(),
        }
    }
}

fn rows_of_template() -> Vec<Row> {
    let mut experiment = Experiment::default();
    experiment.workload.layers = Layers(vec![LayerSpec::default()]);
    rows(&experiment)
}

/// The parameter at `path`, whichever element of a list it belongs to.
fn row_of<'a>(rows: &'a [Row], path: &Path) -> Option<&'a Row> {
    let name = path.without_indices();
    rows.iter().find(|row| Path::parse(&row.path).is_some_and(|path| path.without_indices() == name))
}

fn type_message(path: &Path, found: &Value, error: &str, rows: &[Row]) -> String {
    let said = format!("{path} = {}", quote(found));
    let allowed = row_of(rows, path).map(|row| row.allowed.as_str()).filter(|allowed| *allowed != "any");
    if let (Some(allowed), Value::String(word)) = (allowed, found)
        && allowed.contains(" | ")
    {
        return format!("{said}: unknown name{}", suggestion(word, allowed.split(" | ")));
    }
    let reason = plain_reason(error);
    allowed.map_or_else(
        || format!("{said}: {reason}"),
        |allowed| format!("{said}: {reason}; allowed: {allowed}"),
    )
}

/// serde's reason in words of the configuration.
fn plain_reason(error: &str) -> String {
    let expected = error.strip_prefix("invalid type: ").or_else(|| error.strip_prefix("invalid value: "));
    let Some((_, wanted)) = expected.and_then(|error| error.rsplit_once(", expected ")) else {
        return error.to_owned();
    };
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "expected a whole number, not negative".to_owned(),
        "f32" | "f64" => "expected a number".to_owned(),
        "a boolean" => "expected true or false".to_owned(),
        "a string" => "expected a text in quotes".to_owned(),
        "a sequence" => "expected a list [...]".to_owned(),
        wanted if wanted.starts_with("struct ") => "expected a group (key: value, ...)".to_owned(),
        wanted => format!("expected {wanted}"),
    }
}

fn range_problems(experiment: &Experiment, merged: &Value, layers: &[Layer]) -> Vec<Problem> {
    let mut violations = Vec::new();
    experiment.check("", &mut violations);
    let problem = |violation: &Violation| {
        let path = Path::parse(&violation.path).unwrap_or_default();
        let said = path.get(merged).map_or(violation.value.clone(), quote);
        let message = format!("{path} = {said}; allowed: {}", violation.allowed);
        Problem { place: place_of(&path, layers), message }
    };
    violations.iter().map(problem).collect()
}

fn conflict_problems(experiment: &Experiment, layers: &[Layer]) -> Vec<Problem> {
    let problem = |conflict: checks::Conflict| {
        let paths: Vec<Path> = conflict.paths.iter().filter_map(|path| Path::parse(path)).collect();
        let said = last_said(&paths, layers);
        let nearest = || paths.iter().max_by_key(|path| said_start(path, layers).0.len());
        let place = said.or_else(nearest).map_or(Place::Nowhere, |path| place_of(path, layers));
        Problem { place, message: conflict.message }
    };
    checks::conflicts(experiment).into_iter().map(problem).collect()
}

/// Where the value at `path` was said last: it, or the nearest group or list around it.
fn place_of(path: &Path, layers: &[Layer]) -> Place {
    let start = said_start(path, layers);
    let layer = layers.iter().rfind(|layer| layer.get(&start).is_some());
    match layer {
        Some(layer) if !start.0.is_empty() => layer.place(&start, Part::Value),
        _ => Place::Nowhere,
    }
}

/// The longest start of `path` for which some layer has a value.
fn said_start(path: &Path, layers: &[Layer]) -> Path {
    let mut start = path.clone();
    while !is_said(&start, layers) {
        match start.parent() {
            Some(parent) => start = parent,
            None => break,
        }
    }
    start
}

fn is_said(path: &Path, layers: &[Layer]) -> bool {
    layers.iter().any(|layer| layer.get(path).is_some())
}

/// The one of `paths` that the latest layer says; of several, the first.
fn last_said<'a>(paths: &'a [Path], layers: &[Layer]) -> Option<&'a Path> {
    layers.iter().rev().find_map(|layer| paths.iter().find(|path| layer.get(path).is_some()))
}

fn nowhere(message: String) -> Problems {
    Problem { place: Place::Nowhere, message }.into()
}

#[cfg(test)]
mod tests;
