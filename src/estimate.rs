//! `run --estimate`: how long every layer in every mode would take on this computer, before anything is run.
//!
//! A probe of a few workgroups of each product tells how many wavefront instructions the whole of it takes; a small
//! product on a machine that is full tells how many this computer simulates in a second, for each mode.

use std::fmt::Write;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use gpu_model::gpu::Execution;
use gpu_model::params::Machine;
use serde::Serialize;
use workloads::gemm::Gemm;
use workloads::matrix::UniformMatrix;
use workloads::run::{GemmOptions, run_gemm};
use workloads::sample::{Extent, Sampling};

use crate::cli::RunFormat;
use crate::config::Experiment;
use crate::config::mode::Mode;
use crate::config::workload::Task;
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;
use crate::run::originals;
use crate::simulate::{Job, kernel, simulate};

/// What `--format json` prints.
#[derive(Serialize)]
struct Estimate {
    runs: Vec<Run>,
    threads: usize,
    /// Of all runs, so many side by side as there are threads.
    seconds: f64,
}

/// A layer in a mode.
#[derive(Serialize)]
struct Run {
    layer: String,
    mode: &'static str,
    /// Wavefront instructions to simulate; none for a layer that repeats another.
    instructions: u64,
    seconds: f64,
}

/// Rows, depth and columns of the product that tells this computer's speed, and zeros in its B, which is larger than the
/// L2 cache of most machines: misses cost more than hits to simulate, too.
const SPEED_TEST: (u32, u32, u64, f64) = (256, 576, 1_728, 0.4);

/// Prints how long `jobs` would take.
pub(crate) fn print(
    experiment: &Experiment,
    jobs: &[Job<'_>],
    threads: NonZero<usize>,
    format: RunFormat,
) -> Result<(), Failure> {
    if format == RunFormat::Csv {
        return Err(Failure::Input(
            "--format csv: an estimate has no such form; allowed: table, json".into(),
        ));
    }
    let mut speeds = Vec::new();
    for mode in &experiment.modes.0 {
        speeds.push((*mode, speed(experiment, *mode)?));
    }
    let originals = originals(jobs);
    let run = |(index, job): (usize, &Job<'_>)| {
        if originals[index] == index { probe(job, &speeds) } else { Ok(Run::repeating(job)) }
    };
    let runs: Result<Vec<Run>, Failure> = jobs.iter().enumerate().map(run).collect();
    let estimate = Estimate::new(runs?, threads.get());
    match format {
        RunFormat::Json => output::print_json(&estimate),
        _ => output::print(&estimate.table()),
    }
}

/// Wavefront instructions that this computer simulates in a second, on one thread.
fn speed(experiment: &Experiment, mode: Mode) -> Result<f64, Failure> {
    let machine = Machine { gpu: experiment.gpu.clone(), engine: experiment.engine.clone() };
    let (m, k, n, zeros) = SPEED_TEST;
    let gemm = Gemm::new(m, Arc::new(UniformMatrix::new(k, n, zeros, experiment.seed)), 1.0 - zeros);
    let start = Instant::now();
    let options = GemmOptions {
        kernel: &experiment.kernel,
        verify_with: None,
        execution: Execution::default(),
        extent: Extent::Whole,
        progress: &mut |_| {},
    };
    let run = run_gemm(&gemm, kernel(mode), &machine, options)
        .map_err(|error| Failure::Input(format!("{}: {error}", mode.name())))?;
    Ok(run.report.compute.instructions.total() as f64 / start.elapsed().as_secs_f64())
}

fn probe(job: &Job<'_>, speeds: &[(Mode, f64)]) -> Result<Run, Failure> {
    let (layer, mode) = (job.task.name().to_owned(), job.mode.name());
    if matches!(job.task, Task::Relu { .. }) {
        return Err(Failure::Input(format!(
            "--estimate: {layer} is no matrix product, and only these are probed"
        )));
    }
    let (sampling, whole) = match job.extent {
        Extent::Sample(sampling) | Extent::Probe(sampling) => (sampling, false),
        Extent::Whole => (Sampling::default(), true),
    };
    let probe = Job { extent: Extent::Probe(sampling), ..job.clone() };
    let record = simulate(&probe, &Display::new(true).begin(String::new()))
        .map_err(|error| Failure::Input(format!("{layer} {mode}: {error:?}")))?;
    let share = record.sampled.filter(|_| !whole).map_or(1.0, |s| s.workgroups as f64 / s.of as f64);
    let instructions = (record.instructions.total as f64 * share) as u64;
    let speed = speeds.iter().find(|(of, _)| *of == job.mode).map_or(f64::NAN, |(_, speed)| *speed);
    Ok(Run { layer, mode, instructions, seconds: instructions as f64 / speed })
}

impl Run {
    /// Of a layer that was run before under another name.
    fn repeating(job: &Job<'_>) -> Self {
        Self { layer: job.task.name().into(), mode: job.mode.name(), instructions: 0, seconds: 0.0 }
    }
}

impl Estimate {
    /// Runs start in their order, each on the thread that is free first.
    fn new(runs: Vec<Run>, threads: usize) -> Self {
        let mut free = vec![0.0_f64; threads];
        for run in &runs {
            free.sort_by(f64::total_cmp);
            if let Some(first) = free.first_mut() {
                *first += run.seconds;
            }
        }
        Self { runs, threads, seconds: free.into_iter().fold(0.0, f64::max) }
    }

    fn table(&self) -> String {
        let names = self.runs.iter().map(|run| run.layer.len()).max().unwrap_or(0).max("layer".len());
        let mut text =
            format!("{:names$}  {:14} {:>16} {:>10}\n", "layer", "mode", "instructions", "seconds");
        for run in &self.runs {
            let Run { layer, mode, instructions, seconds } = run;
            writeln!(text, "{layer:names$}  {mode:14} {instructions:>16} {seconds:>10.1}").ok();
        }
        let instructions: u64 = self.runs.iter().map(|run| run.instructions).sum();
        let threads =
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        writeln!(text, "\n{instructions} instructions, {:.0} s on {threads}", self.seconds).ok();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_go_to_the_thread_that_is_free_first() {
        let runs = |seconds: &[f64]| {
            let run =
                |seconds: &f64| Run { layer: "a".into(), mode: "dense", instructions: 1, seconds: *seconds };
            seconds.iter().map(run).collect()
        };
        assert_eq!(Estimate::new(runs(&[4.0, 1.0, 2.0, 3.0]), 2).seconds, 6.0);
        assert_eq!(Estimate::new(runs(&[4.0, 1.0]), 1).seconds, 5.0);
    }
}
