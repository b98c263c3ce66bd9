//! The command line: subcommands, flags and their help.
//!
//! What flags mean for a configuration is decided in one place, [`RunArgs::request`].

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::config::mode::Mode;
use crate::config::{Flag, Request};

const EXAMPLES: &str = "\
Examples:
  spartan-sim                                         the quickstart: a real AlexNet layer, dense and sparse
  spartan-sim list experiments                        what else there is
  spartan-sim run layer-a --modes dense,spartan       one layer of the dissertation's table 6.5
  spartan-sim run --set gpu.l2.size=\"1 MiB\"           the quickstart on another machine
  spartan-sim config show quickstart                  every parameter, with its unit, range and meaning

Exit codes: 0 success, 1 a simulation or a check failed, 2 bad usage or input.";

/// A cycle-level GPU simulator with a near-memory compaction engine.
///
/// Without a subcommand it runs the quickstart experiment.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do; nothing means `run`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate an experiment and report cycles, transactions, hit rates, latencies and speedups
    Run(RunArgs),
    /// Look inside: what the compaction engine makes of a column
    Inspect(InspectArgs),
    /// List what is part of the program
    List(ListArgs),
    /// Show or check a configuration
    Config(ConfigCommandArgs),
    /// Draw the modelled machine
    Topology(TopologyArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  spartan-sim run                                          the quickstart
  spartan-sim run alexnet --layers conv3,conv4 --batch 16  two layers, a smaller batch
  spartan-sim run matmul --set workload.m=512 --set workload.n=512 --set workload.k=512
  spartan-sim run layer-a --set workload.activations=uniform --set workload.sparsity=0.8
  spartan-sim run my.ron --format json --out results/1     also writes results/1/result.json

An experiment file is RON; `spartan-sim config show NAME --format ron` prints one to start from.";

/// `run`.
#[derive(Debug, Default, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// Experiment: a .ron file, or a name that `list experiments` shows [default: quickstart]
    pub(crate) experiment: Option<String>,
    /// What replaces parts of it.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Modes to run, in this order, instead of the experiment's
    #[arg(long, value_name = "MODE,...", value_delimiter = ',', value_parser = modes())]
    pub(crate) modes: Vec<String>,
    /// Layers to run, instead of all
    #[arg(long, value_name = "LAYER,...", value_delimiter = ',')]
    pub(crate) layers: Vec<String>,
    /// Images of the batch
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) batch: Option<i64>,
    /// Accumulate C from the values fetched and compare it with a reference
    #[arg(long, overrides_with = "no_verify")]
    pub(crate) verify: bool,
    /// Do not, even where the experiment says so
    #[arg(long, overrides_with = "verify")]
    pub(crate) no_verify: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: RunFormat,
    /// Also write DIR/result.json, whole or not at all
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Simulations side by side; results do not depend on it [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZero<usize>>,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// What replaces parts of an experiment, for every subcommand that reads one.
#[derive(Debug, Default, Args)]
pub(crate) struct Overrides {
    /// GPU: a name that `list gpus` shows, or a .ron file
    #[arg(long, value_name = "GPU")]
    pub(crate) gpu: Option<String>,
    /// Set one parameter, such as gpu.l2.size="1 MiB"; may be given again, later ones win
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

/// What `run` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    /// A table fit to read
    #[default]
    Table,
    /// Everything, stable names
    Json,
    /// One row a run
    Csv,
}

fn modes() -> PossibleValuesParser {
    PossibleValuesParser::new(Mode::ALL.iter().map(|mode| mode.name()))
}

impl Overrides {
    /// The request for `experiment` with these overrides.
    pub(crate) fn request(&self, experiment: Option<&str>) -> Request {
        let mut flags = Vec::new();
        push(&mut flags, "--gpu", "gpu.preset", self.gpu.as_ref().map(|gpu| json!(gpu)));
        Request { experiment: experiment.map(str::to_owned), flags, sets: self.set.clone() }
    }
}

impl RunArgs {
    /// The configuration that these arguments ask for.
    pub(crate) fn request(&self) -> Request {
        let mut request = self.overrides.request(self.experiment.as_deref());
        let flags = &mut request.flags;
        let verify = (self.verify || self.no_verify).then(|| json!(self.verify));
        push(flags, "--modes", "modes", (!self.modes.is_empty()).then(|| json!(self.modes)));
        push(
            flags,
            "--layers",
            "workload.layer",
            (!self.layers.is_empty()).then(|| json!(self.layers.join(","))),
        );
        push(flags, "--batch", "workload.batch", self.batch.map(|batch| json!(batch)));
        push(flags, "--verify", "verify", verify);
        push(flags, "--seed", "seed", self.seed.map(|seed| json!(seed)));
        request
    }
}

fn push(flags: &mut Vec<Flag>, name: &str, path: &'static str, value: Option<Value>) {
    if let Some(value) = value {
        let shown = match &value {
            Value::String(text) => format!("{name} {text}"),
            Value::Array(_) | Value::Bool(_) => name.to_owned(),
            other => format!("{name} {other}"),
        };
        flags.push(Flag { shown, path, value });
    }
}

/// `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// What to look into.
    #[command(subcommand)]
    pub(crate) what: InspectWhat,
}

/// What can be looked into.
#[derive(Debug, Subcommand)]
pub(crate) enum InspectWhat {
    /// What the engine learns and makes of one column: bitmask, compacted lines, reads of an accurate search
    Compaction(CompactionArgs),
}

const COMPACTION_EXAMPLES: &str = "\
Examples:
  spartan-sim inspect compaction column.npy                one dimension: the column itself
  spartan-sim inspect compaction b.npy --column 17         two dimensions: K rows by N columns
  spartan-sim inspect compaction conv3_in.npy --filter 384x192x3x3 --pad 1 --column 84
                                                           four (images, channels, height, width): a column of the
                                                           matrix that a convolution makes of them

The file holds binary32 or binary16 numbers.";

/// `inspect compaction`.
#[derive(Debug, Args)]
#[command(after_help = COMPACTION_EXAMPLES)]
pub(crate) struct CompactionArgs {
    /// NumPy file
    #[arg(value_name = "FILE.npy")]
    pub(crate) file: PathBuf,
    /// Filters of the convolution: count, channels, height, width
    #[arg(long, value_name = "KxCxRxS")]
    pub(crate) filter: Option<String>,
    /// Pixels from one window to the next
    #[arg(long, value_name = "N", default_value_t = 1, requires = "filter")]
    pub(crate) stride: u32,
    /// Zeros around the input on each side
    #[arg(long, value_name = "N", default_value_t = 0, requires = "filter")]
    pub(crate) pad: u32,
    /// Column, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) column: u64,
    /// A drawing, or JSON
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
}

/// Forms of short outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Fit to read
    #[default]
    Table,
    /// For programs
    Json,
}

/// `list`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  spartan-sim list experiments")]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub(crate) what: ListWhat,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListWhat {
    /// Machines, for --gpu
    Gpus,
    /// Experiments, for `run` and `config`
    Experiments,
    /// Ways of computing a layer, for --modes
    Modes,
}

/// `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigCommandArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) what: ConfigWhat,
}

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigWhat {
    /// Every parameter with its value, default, unit, range and meaning
    Show(ConfigShowArgs),
    /// Say whether it is sound, and if not, everything that is wrong with it
    Check(ConfigCheckArgs),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  spartan-sim config show                                  the quickstart; * marks what differs from a default
  spartan-sim config show alexnet --gpu r9nano
  spartan-sim config show layer-a --format ron > my.ron    a file to start from, with comments";

/// `config show`.
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ConfigShowArgs {
    /// Experiment: a .ron file, or a name that `list experiments` shows [default: quickstart]
    pub(crate) experiment: Option<String>,
    /// What replaces parts of it.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ConfigFormat,
}

/// Forms of a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// Fit to read
    #[default]
    Table,
    /// For programs
    Json,
    /// A file that `run` takes
    Ron,
}

/// `config check`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  spartan-sim config check my.ron --set gpu.l2.ways=8")]
pub(crate) struct ConfigCheckArgs {
    /// Experiment: a .ron file, or a name that `list experiments` shows [default: quickstart]
    pub(crate) experiment: Option<String>,
    /// What replaces parts of it.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// `topology`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  spartan-sim topology --format svg > mi6.svg\n  \
    spartan-sim topology --gpu r9nano | dot -Tpdf -o r9nano.pdf")]
pub(crate) struct TopologyArgs {
    /// GPU: a name that `list gpus` shows, or a .ron file [default: mi6]
    #[arg(long, value_name = "GPU")]
    pub(crate) gpu: Option<String>,
    /// Graphviz's language, or a picture
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TopologyFormat,
}

/// Forms of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopologyFormat {
    /// Graphviz
    #[default]
    Dot,
    /// A picture
    Svg,
}

/// `completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  spartan-sim completions bash > ~/.local/share/bash-completion/completions/spartan-sim"
)]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
