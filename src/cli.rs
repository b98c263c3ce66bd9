//! The command line: subcommands, flags and their help.
//!
//! What flags mean for a configuration is decided in one place, [`RunArgs::request`].

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mem_hierarchy::dram::Preset;
use serde_json::{Value, json};

use crate::bench::{CASES, SCALING};
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
    /// Look at a memory alone: replay a trace of accesses on DRAM or on a cache
    Memory(MemoryArgs),
    /// Look into traces of GPU kernels
    Trace(TraceArgs),
    /// Measure how fast the simulator itself is
    Bench(BenchArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  spartan-sim run                                          the quickstart
  spartan-sim run alexnet --layers conv3,conv4 --batch 16  two layers, a smaller batch
  spartan-sim run vgg16 --dry-run                          a network's layers, their sizes, nothing simulated
  spartan-sim run resnet18 --layers layer4.0.conv2         one layer of a network
  spartan-sim run vgg16 --batch 64 --sample                every layer, from a sample of its workgroups
  spartan-sim run vgg16 --batch 64 --sample --estimate     how long that would take
  spartan-sim run matmul --set workload.m=512 --set workload.n=512 --set workload.k=512
  spartan-sim run layer-a --set workload.activations=uniform --set workload.sparsity=0.8
  spartan-sim run my.ron --format json --out results/1     also writes results/1/result.json

An experiment file is RON; `spartan-sim config show NAME --format ron` prints one to start from.";

/// `run`.
#[derive(Debug, Default, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// Experiment: a .ron file, or a name of `list experiments` or `list networks` [default: quickstart]
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
    /// Images of the batch; of a network, 1 unless given
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) batch: Option<i64>,
    /// Accumulate C from the values fetched and compare it with a reference
    #[arg(long, overrides_with = "no_verify")]
    pub(crate) verify: bool,
    /// Do not, even where the experiment says so
    #[arg(long, overrides_with = "verify")]
    pub(crate) no_verify: bool,
    /// Print what would run, every layer with its sizes, and simulate nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Simulate a sample of each product's workgroups and extrapolate, with a bound on the error of cycles
    #[arg(long, conflicts_with = "verify")]
    pub(crate) sample: bool,
    /// Print how long every layer would take here, from a short probe of each, and simulate nothing else
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) estimate: bool,
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
    /// Networks, for `run` and `config`: all their layers as one experiment
    Networks,
    /// Ways of computing a layer, for --modes
    Modes,
    /// DRAM, for `memory replay --dram` and gpu.dram.preset
    Memories,
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
    /// Experiment: a .ron file, or a name of `list experiments` or `list networks` [default: quickstart]
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
    /// Experiment: a .ron file, or a name of `list experiments` or `list networks` [default: quickstart]
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

/// `memory`.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) what: MemoryWhat,
}

/// What can be done with a memory.
#[derive(Debug, Subcommand)]
pub(crate) enum MemoryWhat {
    /// Replay a trace of accesses: bandwidth, row hits and latencies of DRAM, or hits and misses of a cache
    Replay(ReplayArgs),
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  spartan-sim memory replay random.trace --dram gddr5                        at the trace's own cycles
  spartan-sim memory replay random.trace --dram hbm1 --arrival saturate      as fast as the memory can
  spartan-sim memory replay random.trace --dram gddr5 --stretch 4 --no-refresh --format json
  spartan-sim memory replay random.trace --dram hbm2 --set gpu.dram.page_policy=closed --commands hbm2.cmd
  spartan-sim memory replay c_mix.trace --cache \"16 KiB,4,64,lru\"
  zcat big.trace.gz | spartan-sim memory replay - --dram gddr5

A trace is text, an access a line: `cycle hexaddr R|W`, such as `120 0x4f80 R`. On DRAM an access is the 64-byte
line of its address, and cycles are memory clocks; one that is earlier than its predecessor's means right behind it.
Rows go to the channels in turn. `list memories` shows the presets, `config show` the parameters gpu.dram.*.";

/// `memory replay`.
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
#[command(group(clap::ArgGroup::new("memory").args(["dram", "cache"]).required(true)))]
pub(crate) struct ReplayArgs {
    /// Trace file; - is standard input
    pub(crate) trace: PathBuf,
    /// DRAM: a name that `list memories` shows
    #[arg(long, value_name = "PRESET", value_parser = presets())]
    pub(crate) dram: Option<String>,
    /// Cache instead of DRAM: size, ways, bytes of a line, replacement policy
    #[arg(long, value_name = "SIZE,WAYS,LINE,POLICY")]
    pub(crate) cache: Option<String>,
    /// When requests come
    #[arg(long, value_enum, default_value_t, conflicts_with = "cache")]
    pub(crate) arrival: ArrivalArg,
    /// Multiply the trace's cycles by this, with --arrival trace
    #[arg(long, value_name = "N", conflicts_with = "cache")]
    pub(crate) stretch: Option<NonZero<u64>>,
    /// Without refresh
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_refresh: bool,
    /// Channels [default: 8]
    #[arg(long, value_name = "N", conflicts_with = "cache")]
    pub(crate) channels: Option<u32>,
    /// Set one parameter of the memory, such as gpu.dram.page_policy=closed; may be given again
    #[arg(long, value_name = "PATH=VALUE", conflicts_with = "cache")]
    pub(crate) set: Vec<String>,
    /// Also write DRAM's commands, `clk channel CMD bankgroup bank row` a line, in order within each channel
    #[arg(long, value_name = "FILE", conflicts_with = "cache")]
    pub(crate) commands: Option<PathBuf>,
    /// A table, or JSON
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
}

/// When the requests of a trace come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalArg {
    /// At their cycles, through one FIFO in front of all channels
    #[default]
    Trace,
    /// All at once: they wait in one FIFO a channel, which offers its head every clock
    Saturate,
}

impl ArrivalArg {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Saturate => "saturate",
        }
    }
}

fn presets() -> PossibleValuesParser {
    PossibleValuesParser::new(Preset::ALL.iter().map(|preset| preset.name()))
}

impl ReplayArgs {
    /// The configuration whose memory these arguments ask for.
    pub(crate) fn request(&self) -> Request {
        let mut flags = Vec::new();
        push(&mut flags, "--dram", "gpu.dram.preset", self.dram.as_ref().map(|preset| json!(preset)));
        push(&mut flags, "--no-refresh", "gpu.dram.refresh", self.no_refresh.then(|| json!("off")));
        Request { experiment: None, flags, sets: self.set.clone() }
    }
}

/// `trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) what: TraceWhat,
}

/// What can be done with a trace.
#[derive(Debug, Subcommand)]
pub(crate) enum TraceWhat {
    /// Count what its kernels do: instructions, active lanes, accesses of memory, footprint
    Info(TraceInfoArgs),
}

const TRACE_INFO_EXAMPLES: &str = "\
Examples:
  spartan-sim trace info traces/vectoradd                      a folder with a kernelslist.g
  spartan-sim trace info traces/vectoradd/kernelslist.g        the same
  spartan-sim trace info kernel-1.traceg.xz --format json      one kernel

Traces are Accel-Sim's: SASS, tracer versions up to 6, plain or compressed by xz.";

/// `trace info`.
#[derive(Debug, Args)]
#[command(after_help = TRACE_INFO_EXAMPLES)]
pub(crate) struct TraceInfoArgs {
    /// Folder with a kernelslist.g, a kernelslist.g, or a kernel's .traceg or .traceg.xz
    pub(crate) path: PathBuf,
    /// A table, or JSON
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
}

const BENCH_EXAMPLES: &str = "\
Examples:
  spartan-sim bench                                        the cases by default, three runs each
  spartan-sim bench dense-256 conv3-spartan --threads 2    two cases, on one thread and on two
  spartan-sim bench dense-256 relu --callgrind             host instructions too, with Valgrind
  spartan-sim bench --callgrind --compare benchmarks/history.csv --record benchmarks/history.csv
  spartan-sim bench scaling --repeat 1                     what an instruction costs as a problem grows

Measure on a machine that does nothing else. docs/speed.md says what the figures mean.";

/// `bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct BenchArgs {
    /// Cases, instead of those that run by default
    #[arg(value_name = "CASE", value_parser = cases())]
    pub(crate) cases: Vec<String>,
    /// Also run each case with so many threads inside its simulation
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) threads: NonZero<usize>,
    /// Runs of each case, of which the fastest counts
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) repeat: NonZero<u32>,
    /// Also count host instructions with Valgrind: takes some fifty times as long as a run
    #[arg(long)]
    pub(crate) callgrind: bool,
    /// Append a row for each case to this history, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Show what has changed since the latest rows of this machine in this history
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// A table, or JSON
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TableFormat,
    /// No progress and no warnings on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Only run the cases so many times, and report nothing
    #[arg(long, hide = true)]
    pub(crate) only_runs: Option<u32>,
}

fn cases() -> PossibleValuesParser {
    let set = PossibleValue::new(SCALING).help("The products on r9nano from n = 256 to 2048");
    let cases = CASES.iter().map(|case| PossibleValue::new(case.name).help(case.about()));
    PossibleValuesParser::new(cases.chain([set]))
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
