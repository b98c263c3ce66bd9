//! One simulation: a layer in one mode, from its configuration to its record.

use std::num::NonZero;
use std::sync::Arc;

use gpu_model::gpu::{Execution, KernelReport};
use gpu_model::params::Machine;
use results::record::{
    self, BufferRecord, CacheCounts, CacheRecord, DramRecord, EngineRecord, Host, Instructions, KernelRecord,
    OutcomeRecord, RunRecord,
};
use sim_core::Histogram;
use workloads::gemm::Gemm;
use workloads::im2col::Im2col;
use workloads::matrix::{LineStatistics, UniformMatrix};
use workloads::random::normal_matrix;
use workloads::run::{self, GemmKernel, GemmOptions, run_gemm, run_relu};
use workloads::sample::{Extent, Sample};

use crate::config::Experiment;
use crate::config::mode::Mode;
use crate::config::workload::{ConvolutionTask, Task};
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
    /// Threads of this simulation.
    pub(crate) threads: NonZero<usize>,
    /// How many of a product's workgroups are simulated.
    pub(crate) extent: Extent,
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

impl Job<'_> {
    /// Whether the other one's record would be the same but for the name of the layer.
    pub(crate) fn does_the_same_as(&self, other: &Self) -> bool {
        self.mode == other.mode && self.task.named("") == other.task.named("")
    }

    fn execution(&self) -> Execution {
        Execution { threads: self.threads, ..Execution::default() }
    }
}

impl From<run::RunError> for RunError {
    fn from(error: run::RunError) -> Self {
        let message = error.to_string();
        match error {
            run::RunError::Configuration(_) => Self::Input(message),
            run::RunError::Simulation(_) => Self::Simulation(message),
            run::RunError::Wrong(_) | run::RunError::Strays(_) => Self::Verification(message),
        }
    }
}

/// Runs `job`. The caller fills in `speedup_over_dense` and, but for its events, `host`.
pub(crate) fn simulate(job: &Job<'_>, progress: &Progress) -> Result<RunRecord, RunError> {
    match &job.task {
        Task::Convolution(task) => convolution(job, task, progress),
        Task::Matmul { m, n, k, sparsity } => {
            let b = UniformMatrix::new(*k, u64::from(*n), *sparsity, job.experiment.seed);
            let statistics = LineStatistics::of(&b, 0..u64::from(*n));
            let elements = u64::from(*k) * u64::from(*n);
            let zeros = 1.0 - record::share(statistics.nonzeros, elements);
            let activations = record::Activations { source: "uniform".into(), images: 1, repeated: 1 };
            let inputs =
                RunRecord { sparsity: zeros, sparsity_b: zeros, activations, ..RunRecord::default() };
            product(job, &Gemm::new(*m, Arc::new(b), 1.0 - zeros), inputs, progress)
        }
        Task::Relu { elements } => relu(job, *elements, progress),
    }
}

fn convolution(job: &Job<'_>, task: &ConvolutionTask, progress: &Progress) -> Result<RunRecord, RunError> {
    let activations = task.activations(job.experiment.seed).map_err(RunError::Input)?;
    let b = Im2col::new(&task.layer, &activations, task.batch)
        .map_err(|error| RunError::Input(error.to_string()))?;
    let images = b.distinct_images();
    let inputs = RunRecord {
        sparsity: b.sparsity(),
        sparsity_b: b.sparsity_b(),
        activations: record::Activations {
            source: task.source.to_string(),
            images: images.into(),
            repeated: task.batch.div_ceil(images).into(),
        },
        ..RunRecord::default()
    };
    product(job, &Gemm::new(task.layer.m(), Arc::new(b), 1.0 - inputs.sparsity_b), inputs, progress)
}

/// A matrix product in the job's mode; `inputs` holds what is known of the inputs.
fn product(
    job: &Job<'_>,
    gemm: &Gemm,
    inputs: RunRecord,
    progress: &Progress,
) -> Result<RunRecord, RunError> {
    let experiment = job.experiment;
    let machine = Machine { gpu: experiment.gpu.clone(), engine: experiment.engine.clone() };
    let a = experiment.verify.then(|| normal_matrix(gemm.m, gemm.k, experiment.seed));
    let run = run_gemm(
        gemm,
        kernel(job.mode),
        &machine,
        GemmOptions {
            kernel: &experiment.kernel,
            verify_with: a.as_deref(),
            execution: job.execution(),
            extent: job.extent,
            progress: &mut |step| report_progress(progress, step),
        },
    )?;
    let gpu = &machine.gpu;
    let lanes = gpu.compute_units * gpu.cu.simds * gpu.cu.simd_lanes;
    Ok(RunRecord {
        m: gemm.m.into(),
        k: gemm.k.into(),
        n: gemm.n,
        groups: 1,
        verified: experiment.verify.then_some(run.verified),
        tile: run.tile,
        sampled: run.sample.map(sampled),
        peak_share: record::share(gemm.macs(), run.report.cycles * u64::from(lanes)),
        ..measured(job, &run.report, inputs)
    })
}

fn relu(job: &Job<'_>, elements: u64, progress: &Progress) -> Result<RunRecord, RunError> {
    let experiment = job.experiment;
    let machine = Machine { gpu: experiment.gpu.clone(), engine: experiment.engine.clone() };
    let (report, verified) = run_relu(
        elements,
        &machine,
        experiment.verify.then_some(experiment.seed),
        job.execution(),
        &mut |step| report_progress(progress, step),
    )?;
    let inputs = RunRecord { n: elements, groups: 1, verified, ..RunRecord::default() };
    Ok(measured(job, &report, inputs))
}

/// The kernel of a mode.
pub(crate) fn kernel(mode: Mode) -> GemmKernel {
    match mode {
        Mode::Dense => GemmKernel::Dense,
        Mode::DenseTiled => GemmKernel::DenseTiled,
        Mode::Spartan => GemmKernel::Spartan,
        Mode::SpartanPlain => GemmKernel::SpartanPlain,
    }
}

fn sampled(sample: Sample) -> record::Sampled {
    record::Sampled {
        workgroups: sample.workgroups,
        of: sample.of,
        waves: sample.waves,
        confidence_percent: sample.confidence_percent,
        error_bound_percent: sample.error_bound_percent,
    }
}

fn report_progress(progress: &Progress, step: run::Progress) {
    match step {
        run::Progress::Total(workgroups) => progress.set_total(workgroups),
        run::Progress::Done(workgroups, _) => progress.done(workgroups),
    }
}

fn outcome(dram_lines: u64, latency: &Histogram) -> OutcomeRecord {
    OutcomeRecord {
        dram_lines,
        read_latency_mean_cycles: latency.mean.value(),
        read_latency_histogram: latency.buckets.clone(),
    }
}

/// `inputs` with everything that a run has measured.
fn measured(job: &Job<'_>, report: &KernelReport, inputs: RunRecord) -> RunRecord {
    let gpu = &job.experiment.gpu;
    let seconds = report.cycles as f64 / gpu.clock.0 as f64;
    let cache = |stats: &mem_hierarchy::request::CacheStats| {
        let counts = CacheCounts {
            reads: stats.reads,
            writes: stats.writes,
            hits: stats.hits,
            merged: stats.merged,
            misses: stats.misses,
        };
        CacheRecord::new(counts, stats.read_latency.value())
    };
    let counts = &report.compute.instructions;
    let dram = &report.dram;
    RunRecord {
        layer: job.task.name().into(),
        mode: job.mode.name().into(),
        cycles: report.cycles,
        time_us: seconds * 1e6,
        kernels: vec![KernelRecord { name: report.name.clone(), cycles: report.cycles }],
        instructions: Instructions {
            valu: counts.valu,
            salu: counts.salu,
            lds: counts.lds,
            vmem: counts.vmem,
            branch: counts.branch,
            special: counts.special,
            total: 0,
        }
        .with_total(),
        l1: cache(&report.l1),
        l2: cache(&report.l2),
        dram: DramRecord {
            reads: dram.reads,
            writes: dram.writes + report.dirty_lines_drained,
            bytes: dram.bytes + report.dirty_lines_drained * mem_hierarchy::request::LINE_BYTES,
            row_hits: dram.row_hits,
            row_misses: dram.row_misses,
            row_conflicts: dram.row_conflicts,
            bandwidth_gb_s: if report.cycles == 0 { 0.0 } else { dram.bytes as f64 / seconds / 1e9 },
            read_latency_mean_cycles: report.dram_read_latency.value(),
        },
        engine: report.engine.as_ref().map(|engine| EngineRecord {
            requests: engine.requests,
            lane_hits: engine.lane_hits,
            accurate: engine.accurate,
            prudent: engine.prudent,
            hasty: engine.hasty,
            dram_lines: engine.dram_lines,
            lines_skipped: engine.lines_skipped,
            lines_reread: engine.lines_reread,
            bundles: engine.bundles,
            padding_words: engine.padding_words,
            fp16_overflows: engine.fp16_overflows,
            fp16_underflows: engine.fp16_underflows,
            sib_hits: engine.sib.hits,
            sib_misses: engine.sib.misses,
            sib_evictions: engine.sib.evictions,
            cmi_slides: engine.sib.cmi_slides,
            lanes_dropped: engine.lanes_dropped,
            wasted_lines: engine.wasted_lines,
            processor_busy_cycles: engine.processor_busy_cycles,
            read_latency_mean_cycles: engine.read_latency().value(),
            lanes_rewound: engine.lanes_rewound,
            lane_hit: outcome(0, &engine.latency_lane_hit),
            accurate_search: outcome(engine.dram_lines_accurate, &engine.latency_accurate),
            prudent_search: outcome(engine.dram_lines_prudent, &engine.latency_prudent),
            hasty_search: outcome(engine.dram_lines_hasty, &engine.latency_hasty),
            buffer: BufferRecord {
                mean_lines: engine.buffer_occupancy.mean(),
                peak_lines: engine.buffer_peak_lines,
                interval_cycles: engine.buffer_occupancy.interval,
                lines_over_time: engine.buffer_occupancy.means(),
            },
        }),
        host: Host { events: report.wakeups, ..Host::default() },
        ..inputs
    }
}
