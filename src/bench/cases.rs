//! What is measured. A case never changes, or the history would compare two things; a new one has a new name.
//!
//! To add one: a line in [`CASES`]. The command's help and `cargo bench` find it there.

use std::num::NonZero;

use mem_hierarchy::dram::Dram;
use mem_hierarchy::replay::{Access, Arrival, Replay, Report};
use results::bench::Counts;
use results::record::RunRecord;
use workloads::sample::Extent;

use crate::config::mode::Mode;
use crate::config::workload::Task;
use crate::config::{self, Experiment, Request};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::simulate::{Job, RunError, simulate};

/// Something to simulate.
#[derive(Debug)]
pub(crate) struct Case {
    /// Name, as the command line takes it.
    pub(crate) name: &'static str,
    asked: Asked,
    work: Work,
}

/// When a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// When it is named, and when none is.
    ByDefault,
    /// When it is named.
    ByName,
}

/// What a case simulates.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// A product n x n x n on `r9nano` in mode `dense`: what MGPUSim is measured with.
    Product { n: u32 },
    /// AlexNet's third convolution on `mi6`, recorded activations.
    Conv3 { mode: Mode, batch: u32 },
    /// A ReLU on `mi6`.
    Relu { elements: u64 },
    /// Reads of so many consecutive lines, all at once, on eight channels of `gddr5`.
    DramStream { lines: u64 },
}

/// The cases, in the order in which they run; the smallest is the first.
pub(crate) const CASES: &[Case] = &[
    Case { name: "dense-64", asked: Asked::ByName, work: Work::Product { n: 64 } },
    Case { name: "dense-256", asked: Asked::ByDefault, work: Work::Product { n: 256 } },
    Case { name: "dense-512", asked: Asked::ByDefault, work: Work::Product { n: 512 } },
    Case { name: "dense-1024", asked: Asked::ByDefault, work: Work::Product { n: 1_024 } },
    Case { name: "dense-2048", asked: Asked::ByName, work: Work::Product { n: 2_048 } },
    Case { name: "conv3-dense", asked: Asked::ByDefault, work: Work::Conv3 { mode: Mode::Dense, batch: 16 } },
    Case {
        name: "conv3-tiled",
        asked: Asked::ByName,
        work: Work::Conv3 { mode: Mode::DenseTiled, batch: 16 },
    },
    Case {
        name: "conv3-spartan",
        asked: Asked::ByDefault,
        work: Work::Conv3 { mode: Mode::Spartan, batch: 16 },
    },
    Case {
        name: "conv3-plain",
        asked: Asked::ByName,
        work: Work::Conv3 { mode: Mode::SpartanPlain, batch: 1 },
    },
    Case { name: "relu", asked: Asked::ByDefault, work: Work::Relu { elements: 262_144 } },
    Case { name: "dram-stream", asked: Asked::ByDefault, work: Work::DramStream { lines: 400_000 } },
];

/// The set of products from n = 256 to 2,048, to see what an instruction costs as the problem grows.
pub(crate) const SCALING: &str = "scaling";

/// A case ready to run.
pub(crate) enum Prepared {
    /// A layer.
    Layer { experiment: Box<Experiment>, task: Box<Task>, mode: Mode },
    /// Reads of so many consecutive lines.
    DramStream { lines: u64 },
}

/// What a run came to, the same whenever and wherever it runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// A layer's record, in which `host` is empty, and the ticks of components.
    Layer(Box<RunRecord>, u64),
    /// What the memory counted.
    Dram(Box<Report>),
}

/// The cases with these names, [`SCALING`] among them meaning a set, in the order of [`CASES`]; with no names,
/// those that run by default.
pub(crate) fn chosen(names: &[String]) -> Vec<&'static Case> {
    let asked = |name: &str| names.iter().any(|asked| asked == name);
    let wanted = |case: &&Case| {
        let by_default = case.asked == Asked::ByDefault && names.is_empty();
        by_default || asked(case.name) || case.scales() && asked(SCALING)
    };
    CASES.iter().filter(wanted).collect()
}

impl Case {
    /// What it is, in a line.
    pub(crate) fn about(&self) -> String {
        match self.work {
            Work::Product { n } => format!("C {n} x {n}, K {n} on r9nano, mode dense"),
            Work::Conv3 { mode, batch } => {
                format!("AlexNet conv3, batch {batch} on mi6, mode {}", mode.name())
            }
            Work::Relu { elements } => format!("ReLU of {elements} elements on mi6"),
            Work::DramStream { lines } => {
                format!("{lines} consecutive lines read from 8 channels of gddr5, no GPU in front")
            }
        }
    }

    /// Whether it belongs to [`SCALING`].
    pub(crate) fn scales(&self) -> bool {
        matches!(self.work, Work::Product { n } if n >= 256)
    }

    /// The numbers of threads to run it on, 1 first, then `most`. Memory alone takes one.
    pub(crate) fn threads(&self, most: NonZero<usize>) -> Vec<NonZero<usize>> {
        let one = NonZero::<usize>::MIN;
        let alone = matches!(self.work, Work::DramStream { .. });
        if alone || most == one { vec![one] } else { vec![one, most] }
    }

    /// Reads its configuration.
    pub(crate) fn prepare(&self) -> Result<Prepared, Failure> {
        let set = |path: &str, value: u64| format!("workload.{path}={value}");
        let layer = |experiment, gpu, mode, sets| self.layer(experiment, gpu, mode, sets);
        match self.work {
            Work::Product { n } => {
                layer("matmul", "r9nano", Mode::Dense, ["m", "n", "k"].map(|path| set(path, n.into())).into())
            }
            Work::Conv3 { mode, batch } => {
                layer("alexnet", "mi6", mode, vec!["workload.layer=conv3".into(), set("batch", batch.into())])
            }
            Work::Relu { elements } => layer("relu", "mi6", Mode::Dense, vec![set("elements", elements)]),
            Work::DramStream { lines } => Ok(Prepared::DramStream { lines }),
        }
    }

    /// The only layer of an embedded experiment, with parameters set as `--set` would.
    fn layer(
        &self,
        experiment: &str,
        gpu: &str,
        mode: Mode,
        mut sets: Vec<String>,
    ) -> Result<Prepared, Failure> {
        sets.push(format!("gpu.preset={gpu}"));
        let request = Request { experiment: Some(experiment.to_owned()), flags: Vec::new(), sets };
        let experiment = Box::new(config::resolve(&request)?.experiment);
        let several = |tasks: Vec<Task>| format!("{}: {} layers instead of one", self.name, tasks.len());
        let tasks = <[Task; 1]>::try_from(experiment.workload.tasks());
        let [task] = tasks.map_err(|tasks| Failure::Failed(several(tasks)))?;
        Ok(Prepared::Layer { experiment, task: Box::new(task), mode })
    }
}

impl Prepared {
    /// Runs it once.
    pub(crate) fn run(&self, threads: NonZero<usize>, progress: &Progress) -> Result<Outcome, Failure> {
        match self {
            Self::Layer { experiment, task, mode } => {
                let extent = Extent::Whole;
                let job = Job { experiment, task: (**task).clone(), mode: *mode, threads, extent };
                let mut record = simulate(&job, progress).map_err(failure)?;
                let events = std::mem::take(&mut record.host).events;
                Ok(Outcome::Layer(Box::new(record), events))
            }
            Self::DramStream { lines } => Ok(Outcome::Dram(Box::new(stream(*lines)))),
        }
    }
}

fn failure(error: RunError) -> Failure {
    match error {
        RunError::Input(message) => Failure::Input(message),
        RunError::Simulation(message) | RunError::Verification(message) => Failure::Failed(message),
    }
}

fn stream(lines: u64) -> Report {
    let mut replay = Replay::new(&Dram::default(), Arrival::Saturate);
    for line in 0..lines {
        replay.offer(Access { cycle: 0, address: line * 64, write: false });
    }
    replay.finish()
}

impl Outcome {
    /// What was simulated.
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Layer(record, events) => Counts {
                cycles: record.cycles,
                instructions: record.instructions.total,
                transactions: record.l1.transactions,
                events: *events,
            },
            Self::Dram(report) => Counts {
                cycles: report.cycles,
                transactions: report.stats.reads + report.stats.writes,
                ..Counts::default()
            },
        }
    }
}
