//! What is measured. A case never changes, or the history would compare two things; a new one gets a new name.
//!
//! To add one: a line in [`CASES`]. The command's help and `cargo bench` find it there.

use std::num::NonZero;

use mem_hierarchy::dram::Dram;
use mem_hierarchy::replay::{Access, Arrival, Replay, Report};
use results::bench::Counts;
use results::record::RunRecord;

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
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// Whether it runs when no case is named.
    by_default: bool,
    /// Whether it belongs to [`SCALING`].
    pub(crate) scales: bool,
    work: Work,
}

/// What a case simulates.
#[derive(Debug)]
enum Work {
    /// The only layer of an embedded experiment in a mode, with parameters set.
    Layer { experiment: &'static str, mode: Mode, sets: &'static [&'static str] },
    /// Reads of so many consecutive lines, all at once, on eight channels of `gddr5`.
    DramStream { lines: u64 },
}

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

/// The set of cases from n = 256 to 2,048, to see what an instruction costs as the problem grows.
pub(crate) const SCALING: &str = "scaling";

/// A product n x n x n on `r9nano`, as MGPUSim is measured.
macro_rules! dense {
    ($name:literal, $n:literal, $about:literal, $by_default:literal, $scales:literal) => {
        Case {
            name: $name,
            about: $about,
            by_default: $by_default,
            scales: $scales,
            work: Work::Layer {
                experiment: "matmul",
                mode: Mode::Dense,
                sets: &[
                    "gpu.preset=r9nano",
                    concat!("workload.m=", $n),
                    concat!("workload.n=", $n),
                    concat!("workload.k=", $n),
                ],
            },
        }
    };
}

/// AlexNet's third convolution on `mi6`.
macro_rules! conv3 {
    ($name:literal, $mode:ident, $batch:literal, $about:literal, $by_default:literal) => {
        Case {
            name: $name,
            about: $about,
            by_default: $by_default,
            scales: false,
            work: Work::Layer {
                experiment: "alexnet",
                mode: Mode::$mode,
                sets: &["gpu.preset=mi6", "workload.layer=conv3", concat!("workload.batch=", $batch)],
            },
        }
    };
}

/// The cases, in the order in which they run; the smallest is the first.
pub(crate) const CASES: &[Case] = &[
    dense!(
        "dense-64",
        64,
        "C 64 x 64, K 64 on r9nano, mode dense: 9,360 wavefront instructions",
        false,
        false
    ),
    dense!("dense-256", 256, "C 256 x 256, K 256 on r9nano, mode dense", true, true),
    dense!("dense-512", 512, "C 512 x 512, K 512 on r9nano, mode dense", true, true),
    dense!("dense-1024", 1024, "C 1024 x 1024, K 1024 on r9nano, mode dense", true, true),
    dense!("dense-2048", 2048, "C 2048 x 2048, K 2048 on r9nano, mode dense", false, true),
    conv3!("conv3-dense", Dense, 16, "AlexNet conv3, batch 16 on mi6, mode dense", true),
    conv3!("conv3-tiled", DenseTiled, 16, "AlexNet conv3, batch 16 on mi6, mode dense-tiled", false),
    conv3!("conv3-spartan", Spartan, 16, "AlexNet conv3, batch 16 on mi6, mode spartan", true),
    conv3!("conv3-plain", SpartanPlain, 1, "AlexNet conv3, batch 1 on mi6, mode spartan-plain", false),
    Case {
        name: "relu",
        about: "ReLU of 262,144 elements on mi6",
        by_default: true,
        scales: false,
        work: Work::Layer {
            experiment: "relu",
            mode: Mode::Dense,
            sets: &["gpu.preset=mi6", "workload.elements=262144"],
        },
    },
    Case {
        name: "dram-stream",
        about: "400,000 consecutive lines read from 8 channels of gddr5, no GPU in front",
        by_default: true,
        scales: false,
        work: Work::DramStream { lines: 400_000 },
    },
];

/// The cases with these names, [`SCALING`] among them meaning a set, in the order of [`CASES`]; with no names, those
/// that run by default.
pub(crate) fn chosen(names: &[String]) -> Vec<&'static Case> {
    let asked = |name: &str| names.iter().any(|asked| asked == name);
    let wanted = |case: &&Case| {
        asked(case.name) || case.scales && asked(SCALING) || case.by_default && names.is_empty()
    };
    CASES.iter().filter(wanted).collect()
}

impl Case {
    /// The numbers of threads to run it on, 1 first, up to `most`. Memory alone takes one.
    pub(crate) fn threads(&self, most: NonZero<usize>) -> Vec<NonZero<usize>> {
        let one = NonZero::<usize>::MIN;
        match self.work {
            Work::Layer { .. } if most > one => vec![one, most],
            _ => vec![one],
        }
    }

    /// Reads its configuration.
    pub(crate) fn prepare(&self) -> Result<Prepared, Failure> {
        let (experiment, mode, sets) = match self.work {
            Work::Layer { experiment, mode, sets } => (experiment, mode, sets),
            Work::DramStream { lines } => return Ok(Prepared::DramStream { lines }),
        };
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let request = Request { experiment: Some(experiment.to_owned()), flags: Vec::new(), sets };
        let experiment = Box::new(config::resolve(&request)?.experiment);
        let tasks = experiment.workload.tasks();
        let [task] = <[Task; 1]>::try_from(tasks).map_err(|tasks| {
            Failure::Failed(format!("{}: {} layers instead of one", self.name, tasks.len()))
        })?;
        Ok(Prepared::Layer { experiment, task: Box::new(task), mode })
    }
}

impl Prepared {
    /// Runs it once.
    pub(crate) fn run(&self, threads: NonZero<usize>, progress: &Progress) -> Result<Outcome, Failure> {
        match self {
            Self::Layer { experiment, task, mode } => {
                let job = Job { experiment, task: (**task).clone(), mode: *mode, threads };
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
