//! Sampled simulation: some workgroups of a product in detail, the rest from them.
//!
//! Workgroups of a matrix product repeat each other, and the machine holds only so many at a time: a *wave*. A
//! [`Plan`] takes some waves of the grid and, so that the end is as in the full run, as many workgroups more as its
//! last wave has. They run one behind the other as a kernel of their own, [`Sampled`], with nothing changed in the
//! machine. The times between the completions of a wave and the next are measured while the machine is full; what was
//! left out is taken to last as long as their mean, and their spread gives an interval of confidence. The first waves,
//! which start in step and fill the caches, are not measured: how many is decided by the marginal standard error.
//!
//! Workgroups of a dense kernel all do the same, but their neighbours decide what they find in the caches: the plan
//! takes waves as they come. Those of a sparse kernel differ in their non-zeros and share a column of B only with the
//! workgroups of the same columns: the plan takes small runs from all over the grid, one at a random place of each of
//! as many strata, and times are taken for each unit of work, which is known for what was left out, too.
//!
//! That workgroups can stand for each other is from TBPoint (Huang et al., IPDPS 2014) and Photon (Liu et al., MICRO
//! 2023); that the rate stands for the rest once it is steady from PKA (Avalos Baddouh et al., MICRO 2021); a bound on
//! the error stated with the result from SMARTS (Wunderlich et al., ISCA 2003) and STEM. Dropping the first
//! measurements by the marginal standard error is from White, *Simulation* 69(6), 1997. docs/sampling.md says how well
//! it does.

use gpu_model::dispatcher::Dispatcher;
use gpu_model::gpu::KernelReport;
use gpu_model::instruction::{Instruction, VectorAccess};
use gpu_model::kernel::{Kernel, Resources};
use gpu_model::params::Machine;
use mem_hierarchy::request::{CacheStats, CompactedLine};
use sim_core::{Cycle, Mean};

use crate::gemm::{Gemm, Placements};
use crate::kernels::Tiles;
use crate::matrix::LineStatistics;
use crate::random::{Counter, Stream};
use crate::run::{GemmKernel, GemmOptions, GemmRun, Progress, RunError, run_kernel};

/// How many of a product's workgroups are simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of them.
    #[default]
    Whole,
    /// A sample, from which the others are extrapolated. All of them where they are few.
    Sample(Sampling),
    /// A few, to see how many instructions they take. Cycles mean nothing then, and the sample in the result is the one
    /// that would have been taken.
    Probe(Sampling),
}

/// How a product is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Chooses among workgroups that may stand for each other.
    pub seed: u64,
    /// Wavefront instructions that a product may take; below the fewest waves it takes more.
    pub instructions: u64,
}

/// Fewest waves of a sample of a dense kernel: one to fill the machine, one to empty it, two measured.
const FEWEST_WAVES: u64 = 4;
/// The same of a sparse kernel, whose workgroups take several waves to fall out of step.
const FEWEST_SPARSE_WAVES: u64 = 8;
/// Fewest workgroups of a run of neighbours in a sample of a sparse kernel.
const RUN: u64 = 4;
/// Instructions of a probe, about.
const PROBE_INSTRUCTIONS: u64 = 300_000;
/// What a sparse kernel does for an element of B, zero or not, over what a non-zero costs besides. From the cycles of
/// `spartan` on AlexNet conv2 and conv3, which have the same tile: 320 and 246 for a row of B, of which 67 and 49 %
/// are non-zeros.
const WORK_OF_AN_ELEMENT: f64 = 0.1;
/// Of an interval of confidence.
const CONFIDENCE_PERCENT: f64 = 95.0;
/// Fewest measurements from which an interval of confidence says anything.
const FEWEST_MEASUREMENTS: usize = 3;
/// What the interval does not see, as a share of the time that was extrapolated: swings of the machine that last
/// longer than a sample. More than all that was seen over the networks of docs/sampling.md.
const SYSTEMATIC: f64 = 0.1;

impl Default for Sampling {
    fn default() -> Self {
        Self { seed: 0, instructions: 100_000_000 }
    }
}

/// What a sampled result rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Workgroups simulated.
    pub workgroups: u64,
    /// Workgroups of the kernel.
    pub of: u64,
    /// Waves measured.
    pub waves: u64,
    /// Confidence of the interval in the bound; 0 where there are too few waves for one, and the bound is that of
    /// experience alone.
    pub confidence_percent: f64,
    /// How far the cycles of a full run may be from the reported ones, as a share of these.
    pub error_bound_percent: f64,
}

/// Which workgroups of a kernel are simulated, in order of dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Workgroups of the kernel.
    pub total: u64,
    /// Workgroups that the machine holds: a wave.
    pub resident: u64,
    /// Whole waves of the sample.
    pub waves: u64,
    /// The workgroups; they ascend.
    pub workgroups: Vec<u64>,
}

impl Plan {
    /// The first `waves` waves of `total` workgroups, and the last, broken one.
    pub fn in_order(total: u64, resident: u64, waves: u64) -> Self {
        let Some(length) = sample_length(total, resident, waves) else { return Self::whole(total, resident) };
        let first = waves * resident;
        let last = total - (length - first)..total;
        Self { total, resident, waves, workgroups: (0..first).chain(last).collect() }
    }

    /// As many workgroups from all over the grid, in runs of at least `run` neighbours: of each stratum one run.
    pub fn scattered(total: u64, resident: u64, waves: u64, run: u64, seed: u64) -> Self {
        let Some(length) = sample_length(total, resident, waves) else { return Self::whole(total, resident) };
        let random = Counter::new(seed, Stream::SampledWorkgroups);
        let (runs, strata) = (total / run, length.div_ceil(run));
        if strata > runs {
            return Self::in_order(total, resident, waves);
        }
        let chosen = (0..strata).map(|stratum| {
            let begin = stratum * runs / strata;
            let end = (stratum + 1) * runs / strata;
            begin + random.bits(stratum) % (end - begin)
        });
        let all = chosen.flat_map(|at| at * run..(at + 1) * run);
        Self { total, resident, waves, workgroups: all.take(length as usize).collect() }
    }

    fn whole(total: u64, resident: u64) -> Self {
        Self { total, resident, waves: total / resident.max(1), workgroups: (0..total).collect() }
    }

    /// So many workgroups, at the least one, of those of `plan`, from all over it.
    fn probe(plan: &Self, count: u64) -> Self {
        let length = plan.workgroups.len() as u64;
        let count = count.clamp(1, length);
        let workgroups = (0..count).map(|i| plan.workgroups[(i * length / count) as usize]).collect();
        Self { workgroups, waves: 0, ..*plan }
    }

    /// Whether nothing is left out.
    pub fn is_whole(&self) -> bool {
        self.workgroups.len() as u64 == self.total
    }
}

/// Workgroups of a sample of so many whole waves; `None` where it would save less than an eighth.
fn sample_length(total: u64, resident: u64, waves: u64) -> Option<u64> {
    let length = waves.checked_mul(resident)?.checked_add(total.checked_rem(resident)?)?;
    (length <= total - total / 8).then_some(length)
}

/// The workgroups of a plan as a kernel of their own.
#[derive(Debug)]
pub struct Sampled<'a, K> {
    kernel: &'a K,
    plan: &'a Plan,
}

impl<'a, K: Kernel> Sampled<'a, K> {
    /// Those of `kernel`, of which `plan` is.
    pub fn new(kernel: &'a K, plan: &'a Plan) -> Self {
        Self { kernel, plan }
    }
}

impl<K: Kernel> Kernel for Sampled<'_, K> {
    type Wavefront = K::Wavefront;

    fn name(&self) -> &str {
        self.kernel.name()
    }

    fn workgroups(&self) -> u64 {
        self.plan.workgroups.len() as u64
    }

    fn resources(&self) -> Resources {
        self.kernel.resources()
    }

    fn launch(&self, workgroup: u64, index: u32, verify: bool) -> K::Wavefront {
        self.kernel.launch(self.plan.workgroups[workgroup as usize], index, verify)
    }

    fn next(&self, wavefront: &mut K::Wavefront) -> Instruction {
        self.kernel.next(wavefront)
    }

    fn access(&self, wavefront: &K::Wavefront, tag: u32) -> VectorAccess {
        self.kernel.access(wavefront, tag)
    }

    fn deliver(&self, wavefront: &mut K::Wavefront, tag: u32, row: u32, line: &CompactedLine) {
        self.kernel.deliver(wavefront, tag, row, line);
    }
}

/// When how many workgroups were complete.
#[derive(Clone, Debug, Default)]
pub struct Completions(Vec<(u64, Cycle)>);

impl Completions {
    /// So many are complete at `at`, more than before.
    pub fn add(&mut self, complete: u64, at: Cycle) {
        self.0.push((complete, at));
    }

    /// When the first `count` workgroups were complete; the last time known where they never were.
    fn at(&self, count: u64) -> u64 {
        let first = self.0.partition_point(|(complete, _)| *complete < count);
        self.0.get(first).or(self.0.last()).map_or(0, |(_, at)| at.0)
    }

    /// Time a unit of work in the waves in which the machine was full, from the end of the first wave to the last
    /// dispatch. `work` is that of each workgroup in order of dispatch, about the order of completions.
    fn rates(&self, resident: u64, work: &[f64]) -> Vec<f64> {
        let full_until = (work.len() as u64).saturating_sub(resident);
        let marks: Vec<u64> = (1..).map_while(|i| full_until.checked_sub((i - 1) * resident)).collect();
        let mut marks: Vec<u64> = marks.into_iter().filter(|mark| *mark >= resident).collect();
        marks.reverse();
        let rate = |ends: &[u64]| {
            let [from, to] = [ends[0], ends[1]];
            (self.at(to) - self.at(from)) as f64 / work[from as usize..to as usize].iter().sum::<f64>()
        };
        marks.windows(2).map(rate).collect()
    }
}

/// A product and the kernel's view of it.
#[derive(Debug)]
pub(crate) struct Product<'a, K> {
    gemm: &'a Gemm,
    which: GemmKernel,
    kernel: &'a K,
    placements: Placements,
    tiles: Tiles,
}

impl<'a, K: Kernel> Product<'a, K> {
    /// `gemm` by `kernel`, which places the matrices and divides C so.
    pub(crate) fn of(
        gemm: &'a Gemm,
        which: GemmKernel,
        kernel: &'a K,
        placements: &Placements,
        tiles: Tiles,
    ) -> Self {
        Self { gemm, which, kernel, placements: *placements, tiles }
    }

    /// Runs all of it.
    pub(crate) fn run(self, machine: &Machine, options: GemmOptions<'_>) -> Result<GemmRun, RunError> {
        match options.extent {
            Extent::Whole => {
                let tile = self.tiles.to_string();
                run_kernel(self.gemm, self.which, self.kernel, self.placements, tile, machine, options)
            }
            _ if options.verify_with.is_some() => Err(RunError::Configuration(
                "a sampled run computes a part of C only, which cannot be verified: sample, or verify".into(),
            )),
            Extent::Sample(sampling) => self.run_sampled(sampling, machine, options),
            Extent::Probe(sampling) => self.run_probe(sampling, machine, options),
        }
    }

    fn run_sampled(
        self,
        sampling: Sampling,
        machine: &Machine,
        options: GemmOptions<'_>,
    ) -> Result<GemmRun, RunError> {
        let plan = self.plan(sampling, machine);
        let sampled = Sampled::new(self.kernel, &plan);
        let mut completions = Completions::default();
        let progress = options.progress;
        let options = GemmOptions {
            progress: &mut |step| {
                if let Progress::Done(complete, at) = step {
                    completions.add(complete, at);
                }
                progress(step);
            },
            ..options
        };
        let Self { gemm, which, placements, tiles, .. } = self;
        let mut run = run_kernel(gemm, which, &sampled, placements, tiles.to_string(), machine, options)?;
        if !plan.is_whole() {
            let work = Work::of(gemm, which, tiles, &plan);
            run.sample = Some(extrapolate(&mut run.report, &plan, &completions, &work));
        }
        Ok(run)
    }

    fn run_probe(
        self,
        sampling: Sampling,
        machine: &Machine,
        options: GemmOptions<'_>,
    ) -> Result<GemmRun, RunError> {
        let plan = self.plan(sampling, machine);
        let instructions = instructions_of_a_workgroup(self.gemm, self.which, self.tiles);
        let probe = Plan::probe(&plan, PROBE_INSTRUCTIONS.div_ceil(instructions.max(1)));
        let sampled = Sampled::new(self.kernel, &probe);
        let Self { gemm, which, placements, tiles, .. } = self;
        let mut run = run_kernel(gemm, which, &sampled, placements, tiles.to_string(), machine, options)?;
        scale(&mut run.report, Work::of(gemm, which, tiles, &probe).all_over_taken());
        run.sample = Some(Sample {
            workgroups: plan.workgroups.len() as u64,
            of: plan.total,
            waves: plan.waves,
            confidence_percent: 0.0,
            error_bound_percent: 0.0,
        });
        Ok(run)
    }

    fn plan(&self, sampling: Sampling, machine: &Machine) -> Plan {
        let total = self.kernel.workgroups();
        let resident = Dispatcher::resident(&machine.gpu, self.kernel.resources());
        let instructions = instructions_of_a_workgroup(self.gemm, self.which, self.tiles);
        let affordable = sampling.instructions / (instructions * resident).max(1);
        let waves = affordable.max(if self.which.is_sparse() { FEWEST_SPARSE_WAVES } else { FEWEST_WAVES });
        let sharing = self.tiles.sharing_columns();
        if self.which.is_sparse() && sharing < total {
            let run = sharing * RUN.div_ceil(sharing);
            return Plan::scattered(total, resident, waves, run, sampling.seed);
        }
        Plan::in_order(total, resident, waves)
    }
}

/// Instructions of a workgroup, roughly: what decides how many waves are affordable, and nothing else.
fn instructions_of_a_workgroup(gemm: &Gemm, which: GemmKernel, tiles: Tiles) -> u64 {
    let macs = tiles.area() as f64 * f64::from(gemm.k);
    let macs_of_an_instruction = match which {
        // 32 x 32 x 32 in the 1,093 instructions of a step.
        GemmKernel::Dense => 30.0,
        GemmKernel::DenseTiled => 50.0,
        // Half of them multiply, 64 lanes each, and only non-zeros.
        GemmKernel::Spartan | GemmKernel::SpartanPlain => 25.0 / gemm.density.max(0.01),
    };
    (macs / macs_of_an_instruction) as u64
}

/// What workgroups have to do, in units of which one takes about as long as another.
struct Work {
    /// Of each workgroup taken, in order of dispatch.
    taken: Vec<f64>,
    /// Of all that were left out.
    left_out: f64,
}

impl Work {
    fn of(gemm: &Gemm, which: GemmKernel, tiles: Tiles, plan: &Plan) -> Self {
        if which.is_sparse() {
            return Self::by_nonzeros(gemm, tiles, plan);
        }
        let taken = vec![1.0; plan.workgroups.len()];
        Self { left_out: (plan.total - plan.workgroups.len() as u64) as f64, taken }
    }

    /// Non-zeros of a workgroup's columns of B, and what zeros cost, too.
    fn by_nonzeros(gemm: &Gemm, tiles: Tiles, plan: &Plan) -> Self {
        let elements = |columns: u64| columns as f64 * f64::from(gemm.k);
        let mut taken = Vec::with_capacity(plan.workgroups.len());
        for sharing in plan.workgroups.chunk_by(|a, b| tiles.columns(*a) == tiles.columns(*b)) {
            let columns = tiles.columns(sharing[0]);
            let columns = columns.start..columns.end.min(gemm.n);
            let count = columns.end - columns.start;
            let nonzeros = LineStatistics::of(&*gemm.b, columns).nonzeros as f64;
            taken.extend(sharing.iter().map(|_| nonzeros + WORK_OF_AN_ELEMENT * elements(count)));
        }
        let all = (gemm.density + WORK_OF_AN_ELEMENT) * elements(gemm.n) * tiles.down() as f64;
        Self { left_out: (all - taken.iter().sum::<f64>()).max(0.0), taken }
    }

    fn all_over_taken(&self) -> f64 {
        let taken: f64 = self.taken.iter().sum();
        (taken + self.left_out) / taken
    }
}

/// Makes of the report of a sample that of the whole kernel.
fn extrapolate(report: &mut KernelReport, plan: &Plan, completions: &Completions, work: &Work) -> Sample {
    let rates = completions.rates(plan.resident, &work.taken);
    let steady = steady(&rates);
    let rate = Spread::of(steady);
    let extrapolated = work.left_out * rate.mean;
    let cycles = report.cycles as f64 + extrapolated;
    let has_interval = steady.len() >= FEWEST_MEASUREMENTS;
    let interval = if has_interval { work.left_out * rate.half_interval } else { 0.0 };
    scale(report, work.all_over_taken());
    report.workgroups = plan.total;
    report.cycles = cycles.round() as u64;
    Sample {
        workgroups: plan.workgroups.len() as u64,
        of: plan.total,
        waves: steady.len() as u64,
        confidence_percent: if has_interval { CONFIDENCE_PERCENT } else { 0.0 },
        error_bound_percent: 100.0 * (interval + SYSTEMATIC * extrapolated) / cycles,
    }
}

/// The measurements without the first ones, as many as leave the mean with the least standard error, but no more than
/// half of them, and enough must be left for an interval: what is left is taken to be steady.
fn steady(measurements: &[f64]) -> &[f64] {
    let marginal_error = |from: &usize| {
        let rest = Spread::of(&measurements[*from..]);
        rest.squares / (rest.count * rest.count)
    };
    let count = measurements.len();
    let candidates = 0..=(count / 2).min(count.saturating_sub(FEWEST_MEASUREMENTS));
    let from = candidates.min_by(|a, b| marginal_error(a).total_cmp(&marginal_error(b)));
    &measurements[from.unwrap_or(0)..]
}

/// Mean of measurements, and half the interval that holds the true one with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    count: f64,
    mean: f64,
    /// Sum of the squares of the differences from the mean.
    squares: f64,
    half_interval: f64,
}

impl Spread {
    /// Of at least one measurement; of one alone, the interval is 0.
    fn of(measurements: &[f64]) -> Self {
        let count = measurements.len() as f64;
        let mean = measurements.iter().sum::<f64>() / count;
        let squares: f64 = measurements.iter().map(|d| (d - mean) * (d - mean)).sum();
        let degrees = measurements.len().saturating_sub(1);
        let error = (squares / degrees.max(1) as f64 / count).sqrt();
        Self { count, mean, squares, half_interval: student(degrees) * error }
    }
}

/// Two-sided 95 % quantile of Student's t distribution.
fn student(degrees: usize) -> f64 {
    const TABLE: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    let beyond = || 1.96 + 2.7 / degrees.max(1) as f64;
    degrees.checked_sub(1).and_then(|at| TABLE.get(at)).copied().unwrap_or_else(beyond)
}

/// Multiplies everything that grows with the number of workgroups. The engine's occupancy over time and its peak stay
/// those of the sample.
fn scale(report: &mut KernelReport, factor: f64) {
    let times = |count: &mut u64| *count = (*count as f64 * factor).round() as u64;
    let mean = |mean: &mut Mean| [&mut mean.sum, &mut mean.count].into_iter().for_each(times);
    let cache = |stats: &mut CacheStats| {
        let CacheStats { reads, writes, sparse_reads, hits, merged, misses, evictions, writebacks, .. } =
            stats;
        [reads, writes, sparse_reads, hits, merged, misses, evictions, writebacks]
            .into_iter()
            .for_each(times);
        mean(&mut stats.read_latency);
    };
    cache(&mut report.l1);
    cache(&mut report.l2);
    let compute = &mut report.compute;
    let counts = &mut compute.instructions;
    [&mut counts.valu, &mut counts.salu, &mut counts.lds, &mut counts.vmem, &mut counts.branch]
        .into_iter()
        .chain([&mut counts.special, &mut compute.simd_busy_cycles, &mut compute.lds_busy_cycles])
        .chain([&mut compute.tlb_misses, &mut report.page_walks, &mut report.dirty_lines_drained])
        .for_each(times);
    let dram = &mut report.dram;
    [&mut dram.reads, &mut dram.writes, &mut dram.forwarded_reads, &mut dram.merged_writes, &mut dram.bytes]
        .into_iter()
        .chain([&mut dram.activates, &mut dram.precharges, &mut dram.refreshes, &mut dram.busy_ticks])
        .chain([&mut dram.row_hits, &mut dram.row_misses, &mut dram.row_conflicts])
        .for_each(times);
    mean(&mut dram.read_latency);
    mean(&mut report.dram_read_latency);
    if let Some(engine) = &mut report.engine {
        let sib = &mut engine.sib;
        [&mut engine.requests, &mut engine.lane_hits, &mut engine.accurate, &mut engine.prudent]
            .into_iter()
            .chain([&mut engine.hasty, &mut engine.dram_lines, &mut engine.dram_lines_accurate])
            .chain([&mut engine.dram_lines_prudent, &mut engine.dram_lines_hasty, &mut engine.lines_skipped])
            .chain([&mut engine.lines_reread, &mut engine.bundles, &mut engine.padding_words])
            .chain([&mut engine.fp16_overflows, &mut engine.fp16_underflows, &mut engine.lanes_dropped])
            .chain([&mut engine.lanes_rewound, &mut engine.wasted_lines, &mut engine.processor_busy_cycles])
            .chain([&mut sib.hits, &mut sib.misses, &mut sib.evictions, &mut sib.cmi_slides])
            .for_each(times);
        let histograms =
            [&mut engine.latency_lane_hit, &mut engine.latency_accurate, &mut engine.latency_prudent];
        for histogram in histograms.into_iter().chain([&mut engine.latency_hasty]) {
            histogram.buckets.iter_mut().for_each(times);
            mean(&mut histogram.mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_waves_are_dropped_while_they_differ() {
        let falling = [156.0, 128.0, 121.0, 114.0, 100.0, 96.0, 94.0, 92.0, 98.0, 95.0, 90.0, 97.0];
        assert_eq!(steady(&falling)[0], 96.0);
        let level = [100.0, 101.0, 99.0, 100.0];
        assert_eq!(steady(&level), level);
        assert_eq!(steady(&[9.0, 1.0]), [9.0, 1.0], "two tell nothing of each other");
    }

    #[test]
    fn intervals_are_students() {
        let spread = Spread::of(&[9.0, 10.0, 11.0]);
        assert_eq!(spread.mean, 10.0);
        // s = 1, and t of 2 degrees of freedom is 4.303.
        assert!((spread.half_interval - 4.303 / 3.0_f64.sqrt()).abs() < 1e-12, "{spread:?}");
        assert_eq!(Spread::of(&[5.0]).half_interval, 0.0);
        // t of 12 degrees is 2.179, of 60 degrees 2.000.
        assert!((student(12) - 2.179).abs() < 0.01 && (student(60) - 2.000).abs() < 0.01);
    }

    #[test]
    fn waves_are_measured_while_the_machine_is_full() {
        // Workgroups of two waves of ten, and one half: a cycle each in the first wave, two later.
        let mut completions = Completions::default();
        for done in 1..=35 {
            completions.add(done, Cycle(if done <= 15 { done } else { 2 * done - 15 }));
        }
        assert_eq!(completions.rates(10, &[1.0; 35]), [2.0]);
        assert_eq!(completions.rates(10, &[0.5; 35]), [4.0]);
        assert_eq!(completions.at(40), 55);
    }
}
