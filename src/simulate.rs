//! One simulation: a layer in one mode, from its configuration to its record.

use results::record::RunRecord;

use crate::config::Experiment;
use crate::config::mode::Mode;
use crate::config::workload::Task;
use crate::progress::Progress;

/// What one simulation needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Job<'a> {
    /// Every parameter.
    pub(crate) experiment: &'a Experiment,
    /// What to compute.
    pub(crate) task: Task,
    /// How.
    pub(crate) mode: Mode,
}

/// Why a simulation has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunError {
    /// The input does not fit: exit code 2.
    Input(String),
    /// The simulation failed, by a deadlock for example: exit code 1.
    Simulation(String),
    /// C differs from the reference: exit code 1.
    Verification(String),
}

/// Runs `job`. The caller fills in `speedup_over_dense` and `host`.
pub(crate) fn simulate(job: &Job<'_>, progress: &Progress) -> Result<RunRecord, RunError> {
    progress.set_total(0);
    let message = format!("mode `{}` cannot be simulated yet", job.mode.name());
    Err(RunError::Simulation(message))
}
