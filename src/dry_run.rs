//! `run --dry-run`: what would run, layer by layer, without simulating anything.

use std::fmt::Write;

use serde::Serialize;
use workloads::network::Totals;

use crate::cli::RunFormat;
use crate::config::Resolved;
use crate::config::workload::{ConvolutionTask, Task};
use crate::failure::Failure;
use crate::output;

/// What `--format json` prints.
#[derive(Serialize)]
struct DryRun {
    layers: Vec<Layer>,
    totals: Totals,
}

/// A layer: `groups` times C (m x n) = A (m x k) * B (k x n). A ReLU has n elements.
#[derive(Serialize)]
struct Layer {
    name: String,
    kind: &'static str,
    groups: u64,
    m: u64,
    k: u64,
    n: u64,
    macs: u64,
    weights: u64,
    activations: String,
}

/// Prints what `resolved` would run.
pub(crate) fn print(resolved: &Resolved, format: RunFormat) -> Result<(), Failure> {
    let dry_run = DryRun::new(&resolved.experiment.workload.tasks());
    match format {
        RunFormat::Table => output::print(&dry_run.table(resolved)),
        RunFormat::Json => output::print_json(&dry_run),
        RunFormat::Csv => {
            Err(Failure::Input("--format csv: a dry run has no such form; allowed: table, json".into()))
        }
    }
}

impl DryRun {
    fn new(tasks: &[Task]) -> Self {
        let layers: Vec<Layer> = tasks.iter().map(Layer::new).collect();
        let totals = Totals {
            layers: layers.len() as u64,
            macs: layers.iter().map(|layer| layer.macs).fold(0, u64::saturating_add),
            weights: layers.iter().map(|layer| layer.weights).fold(0, u64::saturating_add),
        };
        Self { layers, totals }
    }

    fn table(&self, resolved: &Resolved) -> String {
        let experiment = &resolved.experiment;
        let modes: Vec<&str> = experiment.modes.0.iter().map(|mode| mode.name()).collect();
        let mut text = format!(
            "{} on {}, modes {}: not simulated\n{}\n\n",
            experiment.name,
            experiment.gpu.name,
            modes.join(", "),
            experiment.description
        );
        let names = self.layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max("layer".len());
        let head = ["layer", "kind", "groups", "m", "k", "n", "multiply-adds"];
        push_row(&mut text, names, head.map(str::to_owned), "activations");
        for layer in &self.layers {
            let Layer { name, kind, groups, m, k, n, macs, activations, .. } = layer;
            let sizes = [groups, m, k, n, macs].map(u64::to_string);
            let [groups, m, k, n, macs] = sizes;
            push_row(&mut text, names, [name.clone(), (*kind).into(), groups, m, k, n, macs], activations);
        }
        let Totals { layers, macs, weights } = self.totals;
        let noun = if layers == 1 { "layer" } else { "layers" };
        writeln!(text, "\n{layers} {noun}, {macs} multiply-adds, {weights} weights").ok();
        text
    }
}

fn push_row(text: &mut String, names: usize, cells: [String; 7], activations: &str) {
    let [name, kind, groups, m, k, n, macs] = cells;
    let row = format!("{name:names$}  {kind:15} {groups:>6} {m:>6} {k:>6} {n:>9} {macs:>14}  {activations}");
    writeln!(text, "{}", row.trim_end()).ok();
}

impl Layer {
    fn new(task: &Task) -> Self {
        match task {
            Task::Convolution(task) => Self::convolution(task),
            Task::Matmul { m, n, k, sparsity } => {
                let source = format!("generated, uniform zeros {sparsity}");
                Self::product(task.name(), "matmul", 1, (*m).into(), (*k).into(), (*n).into(), source)
            }
            Task::Relu { elements } => Self::product(task.name(), "relu", 1, 0, 0, *elements, String::new()),
        }
    }

    fn convolution(task: &ConvolutionTask) -> Self {
        let kind = if task.is_fully_connected() { "fully-connected" } else { "convolution" };
        let group = &task.layer;
        let (m, k, n) = (group.m().into(), group.k().into(), group.n(task.batch));
        Self::product(&group.name, kind, task.groups.into(), m, k, n, task.source.to_string())
    }

    fn product(
        name: &str,
        kind: &'static str,
        groups: u64,
        m: u64,
        k: u64,
        n: u64,
        activations: String,
    ) -> Self {
        let weights = groups.saturating_mul(m).saturating_mul(k);
        let macs = weights.saturating_mul(n);
        Self { name: name.to_owned(), kind, groups, m, k, n, macs, weights, activations }
    }
}
