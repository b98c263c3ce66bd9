//! `run`: every layer of an experiment in every mode, side by side, and one result of them all.
//!
//! Simulations are independent of each other, so they run side by side, and where there are fewer of them than threads
//! each has several; records come in the order of layers and modes whatever the threads do. Nothing is reported unless every simulation succeeded.

use std::io::{self, IsTerminal};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam::channel::{self, Sender};
use results::record::{Host, ResultFile, RunRecord, SCHEMA};
use results::{csv, store, table};
use workloads::sample::{Extent, Sampling};

use crate::cli::{RunArgs, RunFormat};
use crate::config::mode::Mode;
use crate::config::workload::Task;
use crate::config::{self, Resolved};
use crate::dry_run;
use crate::estimate;
use crate::failure::Failure;
use crate::host;
use crate::output;
use crate::progress::Display;
use crate::simulate::{Job, RunError, simulate};

/// Runs, reports, and writes the result where asked to.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let resolved = config::resolve(&args.request())?;
    if args.dry_run {
        return dry_run::print(&resolved, args.format);
    }
    if args.sample && resolved.experiment.verify {
        return Err(Failure::Input(
            "--sample computes a part of C, which cannot be verified, and the experiment says verify: true; add \
             --no-verify"
                .into(),
        ));
    }
    let threads = threads(args);
    if args.estimate {
        return estimate::print(
            &resolved.experiment,
            &jobs(&resolved, threads, args.sample),
            threads,
            args.format,
        );
    }
    if let Some(directory) = &args.out {
        // Refused now rather than after hours of simulation.
        store::prepare_directory(directory).map_err(|error| Failure::Input(error.to_string()))?;
    }
    let display = Display::new(args.quiet);
    let jobs = jobs(&resolved, threads, args.sample);
    let mut runs = run_all(&jobs, threads, &display)?;
    set_speedups(&mut runs);
    let result = result_file(&resolved, runs);
    if let Some(directory) = &args.out {
        write(&result, directory, &display)?;
    }
    print(&result, args.format)
}

/// Layers in the experiment's order, their groups in them, modes within these; each with its share of the threads.
fn jobs(resolved: &Resolved, threads: NonZero<usize>, sample: bool) -> Vec<Job<'_>> {
    let experiment = &resolved.experiment;
    let sampling = Sampling { seed: experiment.seed, ..Sampling::default() };
    let extent = if sample { Extent::Sample(sampling) } else { Extent::Whole };
    let tasks: Vec<Task> = experiment.workload.tasks().iter().flat_map(Task::products).collect();
    let modes = &experiment.modes.0;
    let each =
        NonZero::new(threads.get() / (tasks.len() * modes.len()).max(1)).unwrap_or(NonZero::<usize>::MIN);
    tasks
        .iter()
        .flat_map(|task| {
            modes.iter().map(|&mode| Job { experiment, task: task.clone(), mode, threads: each, extent })
        })
        .collect()
}

fn threads(args: &RunArgs) -> NonZero<usize> {
    args.threads.unwrap_or_else(host::processors)
}

/// For each job, the first that does the same. Networks repeat layers, and a layer's name has no influence on anything.
pub(crate) fn originals(jobs: &[Job<'_>]) -> Vec<usize> {
    (0..jobs.len())
        .map(|index| jobs[..index].iter().position(|job| job.does_the_same_as(&jobs[index])).unwrap_or(index))
        .collect()
}

/// The records of all jobs, in their order, each of those that do the same simulated once; or the error of the first
/// that failed.
fn run_all(jobs: &[Job<'_>], threads: NonZero<usize>, display: &Display) -> Result<Vec<RunRecord>, Failure> {
    let originals = originals(jobs);
    let distinct: Vec<usize> = (0..jobs.len()).filter(|index| originals[*index] == *index).collect();
    let queue = Queue { next: AtomicUsize::new(0), stopped: AtomicBool::new(false) };
    let (sender, receiver) = channel::unbounded();
    let scope = crossbeam::thread::scope(|scope| {
        for _ in 0..threads.get().min(distinct.len()) {
            let sender = sender.clone();
            scope.spawn(|_| work(jobs, &distinct, &queue, sender, display));
        }
    });
    if let Err(panic) = scope {
        // A bug: end as it would have ended on this thread.
        std::panic::resume_unwind(panic);
    }
    drop(sender);
    let mut done: Vec<(usize, Result<RunRecord, RunError>)> = receiver.iter().collect();
    // Jobs start in order, so that the first to fail is the same for every number of threads.
    done.sort_by_key(|(index, _)| *index);
    let records: Result<Vec<RunRecord>, Failure> =
        done.into_iter().map(|(index, run)| run.map_err(|error| failure(&jobs[index], error))).collect();
    let records = records?;
    let of = |(job, original): (&Job<'_>, &usize)| {
        let at = distinct.partition_point(|index| index < original);
        repeated(&records[at], job)
    };
    Ok(jobs.iter().zip(&originals).map(of).collect())
}

/// `record` under the name of a job that does the same.
fn repeated(record: &RunRecord, job: &Job<'_>) -> RunRecord {
    let mut record = record.clone();
    if record.layer != job.task.name() {
        record.layer = job.task.name().into();
        // It cost nothing.
        record.host.seconds = 0.0;
        record.host.instructions_per_second = 0.0;
    }
    record
}

/// Which job is next.
struct Queue {
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl Queue {
    fn take(&self, length: usize) -> Option<usize> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < length)
    }
}

/// Does jobs until there are none left or one has failed.
fn work(
    jobs: &[Job<'_>],
    distinct: &[usize],
    queue: &Queue,
    sender: Sender<(usize, Result<RunRecord, RunError>)>,
    display: &Display,
) {
    while let Some(index) = queue.take(distinct.len()).map(|at| distinct[at]) {
        let outcome = run_one(&jobs[index], display);
        queue.stopped.fetch_or(outcome.is_err(), Ordering::Relaxed);
        // The receiver outlives the threads.
        sender.send((index, outcome)).ok();
    }
}

fn run_one(job: &Job<'_>, display: &Display) -> Result<RunRecord, RunError> {
    let progress = display.begin(name(job));
    let start = Instant::now();
    let mut outcome = simulate(job, &progress);
    let seconds = start.elapsed().as_secs_f64();
    if let Ok(run) = &mut outcome {
        run.host = host_record(run, seconds);
    }
    let said = match &outcome {
        Ok(run) => format!("{} cycles, simulated in {seconds:.1} s", run.cycles),
        Err(_) => format!("failed after {seconds:.1} s"),
    };
    display.end(&progress, &said);
    outcome
}

fn name(job: &Job<'_>) -> String {
    format!("{} {}", job.task.name(), job.mode.name())
}

fn failure(job: &Job<'_>, error: RunError) -> Failure {
    let name = name(job);
    match error {
        RunError::Input(message) => Failure::Input(format!("{name}: {message}")),
        RunError::Simulation(message) => Failure::Failed(format!("{name}: {message}")),
        RunError::Verification(message) => Failure::Failed(format!("{name}: verification failed: {message}")),
    }
}

fn host_record(run: &RunRecord, seconds: f64) -> Host {
    // Extrapolated instructions were not simulated.
    let share = run.sampled.as_ref().map_or(1.0, |s| s.workgroups as f64 / s.of as f64);
    let simulated = run.instructions.total as f64 * share;
    let instructions_per_second = if seconds > 0.0 { simulated / seconds } else { 0.0 };
    Host { seconds, instructions_per_second, peak_rss_bytes: host::peak_rss_bytes(), ..run.host.clone() }
}

/// Compares every run with its layer's dense one, where there is one.
fn set_speedups(runs: &mut [RunRecord]) {
    let dense: Vec<(String, u64)> = runs
        .iter()
        .filter(|run| run.mode == Mode::Dense.name())
        .map(|run| (run.layer.clone(), run.cycles))
        .collect();
    for run in runs {
        let dense = dense.iter().find(|(layer, _)| *layer == run.layer);
        run.speedup_over_dense =
            dense.filter(|_| run.cycles > 0).map(|(_, cycles)| *cycles as f64 / run.cycles as f64);
    }
}

fn result_file(resolved: &Resolved, runs: Vec<RunRecord>) -> ResultFile {
    let experiment = &resolved.experiment;
    ResultFile {
        schema: SCHEMA,
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        experiment: experiment.name.clone(),
        config_id: resolved.id.clone(),
        seed: experiment.seed,
        gpu: experiment.gpu.name.clone(),
        runs,
    }
}

fn write(result: &ResultFile, directory: &Path, display: &Display) -> Result<(), Failure> {
    let path = directory.join("result.json");
    store::write_whole(&path, output::json(result)?.as_bytes())?;
    display.note(&format!("wrote {}", path.display()));
    Ok(())
}

fn print(result: &ResultFile, format: RunFormat) -> Result<(), Failure> {
    let style = if io::stdout().is_terminal() { table::Style::Terminal } else { table::Style::Plain };
    match format {
        RunFormat::Table => output::print(&table::render(result, style)),
        RunFormat::Json => output::print_json(result),
        RunFormat::Csv => output::print(&csv::render(result)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(layer: &str, mode: &str, cycles: u64) -> RunRecord {
        RunRecord { layer: layer.into(), mode: mode.into(), cycles, ..RunRecord::default() }
    }

    #[test]
    fn layers_that_differ_by_name_alone_run_once() {
        let args = |layers| RunArgs {
            experiment: Some("resnet18".into()),
            layers: vec![layers],
            modes: vec!["dense".into(), "spartan".into()],
            ..RunArgs::default()
        };
        let layers = "layer4.0.conv2,layer4.0.conv1,layer4.1.conv1".to_owned();
        let resolved = config::resolve(&args(layers).request()).unwrap();
        let jobs = jobs(&resolved, NonZero::<usize>::MIN, false);
        let names: Vec<_> = jobs.iter().map(|job| (job.task.name(), job.mode.name())).collect();
        let original_names: Vec<_> = originals(&jobs).into_iter().map(|at| names[at]).collect();
        for (name, original) in names.iter().zip(original_names) {
            let of = if name.0 == "layer4.1.conv1" { "layer4.0.conv2" } else { name.0 };
            assert!(original == *name || original == (of, name.1), "{name:?}: {original:?}");
        }
        assert_eq!(originals(&jobs).into_iter().enumerate().filter(|(at, of)| at == of).count(), 4);
        let record = run("layer4.0.conv2", "dense", 7);
        let other = jobs.iter().find(|job| job.task.name() == "layer4.1.conv1").unwrap();
        assert_eq!(repeated(&record, other), run("layer4.1.conv1", "dense", 7));
    }

    #[test]
    fn speedups_are_over_the_same_layers_dense_run() {
        let mut runs = [run("a", "spartan", 50), run("a", "dense", 100), run("b", "spartan", 10)];
        set_speedups(&mut runs);
        let speedups: Vec<_> = runs.iter().map(|run| run.speedup_over_dense).collect();
        assert_eq!(speedups, [Some(2.0), Some(1.0), None]);
    }
}
