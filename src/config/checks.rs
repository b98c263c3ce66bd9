//! Checks that look at several parameters at once; each parameter's own range is checked where it is declared.
//!
//! To add one: write a function that returns its conflicts, and name it in [`CHECKS`].

use super::experiment::Experiment;
use super::workload::{Kind, Source};

/// A contradiction between parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The parameters that contradict each other. The message points at the one that was said last.
    pub(crate) paths: Vec<String>,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

/// A check of a whole experiment.
type Check = fn(&Experiment) -> Vec<Conflict>;

const CHECKS: &[Check] = &[
    modes_are_there_and_differ,
    relu_is_dense,
    convolution_has_layers,
    layers_have_names_that_differ,
    chosen_layers_exist,
    layers_can_be_computed,
    input_files_fit,
    row_indices_fit,
    caches_have_a_set,
    channels_divide_slices,
    write_watermarks_are_in_order,
    engine_leaves_l2_ways,
    beta_parameters_come_together,
    tile_is_two_numbers,
];

/// Every contradiction in `experiment`.
pub(crate) fn conflicts(experiment: &Experiment) -> Vec<Conflict> {
    CHECKS.iter().flat_map(|check| check(experiment)).collect()
}

fn conflict(paths: &[&str], message: String) -> Conflict {
    Conflict { paths: paths.iter().map(|path| (*path).to_owned()).collect(), message }
}

fn modes_are_there_and_differ(experiment: &Experiment) -> Vec<Conflict> {
    let modes = &experiment.modes;
    let empty = modes.0.is_empty().then(|| conflict(&["modes"], "modes is empty; name at least one".into()));
    let repeated =
        modes.repeated().map(|mode| conflict(&["modes"], format!("modes names `{}` twice", mode.name())));
    empty.into_iter().chain(repeated).collect()
}

fn relu_is_dense(experiment: &Experiment) -> Vec<Conflict> {
    let sparse = experiment.modes.0.iter().find(|mode| mode.uses_engine());
    match (experiment.workload.kind, sparse) {
        (Kind::Relu, Some(mode)) => {
            let message = format!("a ReLU has no mode `{}`; allowed: dense", mode.name());
            vec![conflict(&["modes", "workload.kind"], message)]
        }
        _ => Vec::new(),
    }
}

fn convolution_has_layers(experiment: &Experiment) -> Vec<Conflict> {
    let workload = &experiment.workload;
    if workload.kind == Kind::Convolution && workload.layers.0.is_empty() {
        let message = "workload.layers is empty; a convolution needs at least one layer".into();
        return vec![conflict(&["workload.layers", "workload"], message)];
    }
    Vec::new()
}

fn layers_have_names_that_differ(experiment: &Experiment) -> Vec<Conflict> {
    let layers = &experiment.workload.layers.0;
    let mut conflicts = Vec::new();
    for (i, layer) in layers.iter().enumerate() {
        let path = format!("workload.layers[{i}].name");
        if layer.name.is_empty() || layer.name.contains(',') {
            let message = format!("{path} = {:?}; a name is not empty and has no comma", layer.name);
            conflicts.push(conflict(&[&path], message));
        } else if layers[..i].iter().any(|other| other.name == layer.name) {
            conflicts.push(conflict(&[&path], format!("{path} = {:?}, as another layer's", layer.name)));
        }
    }
    conflicts
}

fn chosen_layers_exist(experiment: &Experiment) -> Vec<Conflict> {
    let workload = &experiment.workload;
    let known: Vec<&str> = match workload.kind {
        Kind::Convolution => workload.layers.0.iter().map(|layer| layer.name.as_str()).collect(),
        Kind::Matmul | Kind::Relu => Vec::new(),
    };
    let unknown = workload.chosen_names().into_iter().filter(|name| !known.contains(name));
    unknown
        .map(|name| {
            let message =
                format!("unknown layer `{name}`{}", super::problem::suggestion(name, known.clone()));
            conflict(&["workload.layer"], message)
        })
        .collect()
}

fn layers_can_be_computed(experiment: &Experiment) -> Vec<Conflict> {
    let workload = &experiment.workload;
    let mut conflicts = Vec::new();
    for (i, layer) in workload.layers.0.iter().enumerate() {
        let path = |field: &str| format!("workload.layers[{i}].{field}");
        if let Err(message) = workload.convolution(layer) {
            let message = format!("layer `{}`: {message}", layer.name);
            let fields = ["activations", "filter", "groups", "stride", "pad", "height", "width"];
            let paths = ["workload.activations".to_owned()].into_iter().chain(fields.map(path)).collect();
            conflicts.push(Conflict { paths, message });
        }
    }
    conflicts
}

/// Reads each input file of the layers that run: hours of simulation must not end at a broken one.
fn input_files_fit(experiment: &Experiment) -> Vec<Conflict> {
    let workload = &experiment.workload;
    let mut conflicts: Vec<Conflict> = Vec::new();
    for (i, layer) in workload.chosen_layers() {
        let Ok(task) = workload.convolution(layer) else { continue };
        if let Source::File(path) = &task.source
            && let Err(message) = task.read(path)
        {
            let own = format!("workload.layers[{i}].activations");
            conflicts.push(conflict(&["workload.activations", &own], message));
        }
    }
    // A file that is not there is one mistake, however many layers an override gives it.
    conflicts.dedup_by(|a, b| a.message == b.message);
    conflicts
}

fn row_indices_fit(experiment: &Experiment) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for task in experiment.workload.tasks() {
        let limit = experiment.modes.0.iter().find_map(|mode| Some((mode, mode.max_rows()?)));
        if let Some((mode, rows)) = limit
            && task.k() > rows
        {
            let message = format!(
                "`{}` has K = {}, and mode `{}` allows at most {rows}",
                task.name(),
                task.k(),
                mode.name()
            );
            conflicts.push(conflict(&["workload.k", "workload.layers", "modes"], message));
        }
    }
    conflicts
}

fn caches_have_a_set(experiment: &Experiment) -> Vec<Conflict> {
    const LINE: u64 = 64;
    let (l1, l2) = (&experiment.gpu.l1, &experiment.gpu.l2);
    let mut conflicts = Vec::new();
    let lines = u64::from(l1.ways) * u64::from(l1.sectors);
    if l1.size.0 < LINE * lines {
        let message = format!(
            "gpu.l1.size = \"{}\" does not hold {lines} lines of 64 B (gpu.l1.ways = {} x gpu.l1.sectors = \
             {})",
            l1.size, l1.ways, l1.sectors
        );
        conflicts.push(conflict(&["gpu.l1.size", "gpu.l1.ways", "gpu.l1.sectors"], message));
    }
    let lines = u64::from(l2.ways) * u64::from(l2.sectors);
    if l2.size.0 < LINE * lines * u64::from(l2.slices) {
        let message = format!(
            "gpu.l2.size = \"{}\" does not hold {lines} lines of 64 B (gpu.l2.ways = {} x gpu.l2.sectors = \
             {}) in each of {} slices",
            l2.size, l2.ways, l2.sectors, l2.slices
        );
        let paths = ["gpu.l2.size", "gpu.l2.ways", "gpu.l2.sectors", "gpu.l2.slices"];
        conflicts.push(conflict(&paths, message));
    }
    conflicts
}

fn channels_divide_slices(experiment: &Experiment) -> Vec<Conflict> {
    let (slices, channels) = (experiment.gpu.l2.slices, experiment.gpu.dram.channels);
    if slices.is_multiple_of(channels) {
        return Vec::new();
    }
    let message = format!(
        "gpu.dram.channels = {channels} does not divide gpu.l2.slices = {slices}; each slice has one channel behind it"
    );
    vec![conflict(&["gpu.dram.channels", "gpu.l2.slices"], message)]
}

fn write_watermarks_are_in_order(experiment: &Experiment) -> Vec<Conflict> {
    let dram = &experiment.gpu.dram;
    let (low, high, queue) = (dram.write_low_watermark, dram.write_high_watermark, dram.write_queue);
    if low < high && high <= queue {
        return Vec::new();
    }
    let message = format!(
        "gpu.dram.write_low_watermark = {low}, write_high_watermark = {high}, write_queue = {queue}; allowed: low < \
         high <= queue"
    );
    let paths = ["gpu.dram.write_low_watermark", "gpu.dram.write_high_watermark", "gpu.dram.write_queue"];
    vec![conflict(&paths, message)]
}

fn engine_leaves_l2_ways(experiment: &Experiment) -> Vec<Conflict> {
    let (left, all) = (experiment.engine.l2_ways, experiment.gpu.l2.ways);
    if left > all && experiment.modes.0.iter().any(|mode| mode.uses_engine()) {
        let message = format!("engine.l2_ways = {left}, and L2 has {all} (gpu.l2.ways); allowed: 1 to {all}");
        return vec![conflict(&["engine.l2_ways", "gpu.l2.ways"], message)];
    }
    Vec::new()
}

fn beta_parameters_come_together(experiment: &Experiment) -> Vec<Conflict> {
    let clustered = &experiment.workload.clustered;
    if (clustered.a == 0.0) != (clustered.b == 0.0) {
        let message = "workload.clustered.a and .b go together: give both, or neither".into();
        return vec![conflict(&["workload.clustered.a", "workload.clustered.b"], message)];
    }
    Vec::new()
}

fn tile_is_two_numbers(experiment: &Experiment) -> Vec<Conflict> {
    let tile = &experiment.kernel.tile;
    let number = |text: &str| text.parse::<u32>().is_ok_and(|size| size > 0);
    if tile == "auto" || tile.split_once('x').is_some_and(|(rows, columns)| number(rows) && number(columns)) {
        return Vec::new();
    }
    let message = format!("kernel.tile = {tile:?}; allowed: \"auto\" or \"ROWSxCOLUMNS\", such as \"64x64\"");
    vec![conflict(&["kernel.tile"], message)]
}
