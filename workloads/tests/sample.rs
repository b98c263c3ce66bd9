//! Samples against the runs that they stand for, on a machine small enough to run both.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::sync::Arc;

use compaction_engine::ColumnValues;
use gpu_model::gpu::Execution;
use gpu_model::params::Machine;
use proptest::prelude::*;
use sim_core::params::Bytes;
use workloads::gemm::Gemm;
use workloads::matrix::{LineStatistics, UniformMatrix};
use workloads::params;
use workloads::random::normal_matrix;
use workloads::run::{GemmKernel, GemmOptions, GemmRun, RunError, run_gemm};
use workloads::sample::{Extent, Plan, Sampling};

/// The fewest waves, whatever they cost.
const FEW: Sampling = Sampling { seed: 3, instructions: 0 };

/// Two compute units, which hold 24 workgroups of `dense` and two of `spartan`.
fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.gpu.compute_units = 2;
    machine.gpu.cus_per_array = 2;
    machine.gpu.l2.slices = 2;
    machine.gpu.l2.size = Bytes::kib(128);
    machine.gpu.dram.channels = 1;
    machine
}

/// Every column of the one, then every column of the other.
struct SideBySide(UniformMatrix, UniformMatrix);

impl ColumnValues for SideBySide {
    fn rows(&self) -> u32 {
        self.0.rows()
    }

    fn columns(&self) -> u64 {
        self.0.columns() + self.1.columns()
    }

    fn value(&self, row: u32, column: u64) -> f32 {
        match column.checked_sub(self.0.columns()) {
            None => self.0.value(row, column),
            Some(column) => self.1.value(row, column),
        }
    }
}

fn uniform(m: u32, k: u32, n: u64) -> Gemm {
    Gemm::new(m, Arc::new(UniformMatrix::new(k, n, 0.6, 7)), 0.4)
}

/// Half of the columns have 20 % of zeros, the other half 80 %.
fn uneven(m: u32, k: u32, n: u64) -> Gemm {
    let b = SideBySide(UniformMatrix::new(k, n / 2, 0.2, 7), UniformMatrix::new(k, n / 2, 0.8, 8));
    let density = LineStatistics::of(&b, 0..n).nonzeros as f64 / (f64::from(k) * n as f64);
    Gemm::new(m, Arc::new(b), density)
}

fn run(gemm: &Gemm, which: GemmKernel, extent: Extent) -> GemmRun {
    run_with(gemm, which, extent, None).unwrap()
}

fn run_with(
    gemm: &Gemm,
    which: GemmKernel,
    extent: Extent,
    verify_with: Option<&[f32]>,
) -> Result<GemmRun, RunError> {
    let kernel = params::Kernel::default();
    let execution = Execution::default();
    let options = GemmOptions { kernel: &kernel, verify_with, execution, extent, progress: &mut |_| {} };
    run_gemm(gemm, which, &machine(), options)
}

/// Runs all of it and a sample of it; the sample must be one, and true to its bound.
fn assert_within_bound(gemm: &Gemm, which: GemmKernel) {
    let full = run(gemm, which, Extent::Whole).report;
    let sampled = run(gemm, which, Extent::Sample(FEW));
    let sample = sampled.sample.unwrap();
    assert!(sample.workgroups < sample.of && sample.of == full.workgroups, "{sample:?}");
    assert_eq!(sampled.report.workgroups, full.workgroups);
    let off = |found: u64, true_: u64| 100.0 * (found as f64 - true_ as f64).abs() / true_ as f64;
    let error = off(sampled.report.cycles, full.cycles);
    assert!(
        error <= sample.error_bound_percent,
        "{which:?}: {} cycles instead of {}, {error} %; {sample:?}",
        sampled.report.cycles,
        full.cycles
    );
    let instructions = |report: &gpu_model::KernelReport| report.compute.instructions.total();
    let error = off(instructions(&sampled.report), instructions(&full));
    assert!(error < sample.error_bound_percent.max(0.1), "{which:?}: instructions {error} % off; {sample:?}");
}

#[test]
fn a_dense_sample_keeps_its_bound() {
    assert_within_bound(&uniform(96, 256, 4_096), GemmKernel::Dense);
}

#[test]
fn a_sparse_sample_keeps_its_bound() {
    assert_within_bound(&uniform(64, 256, 2_560), GemmKernel::Spartan);
}

#[test]
fn workgroups_may_be_uneven() {
    assert_within_bound(&uneven(64, 256, 2_560), GemmKernel::Spartan);
}

#[test]
fn instructions_of_a_dense_kernel_are_exact() {
    let gemm = uniform(64, 96, 4_096);
    let [full, sampled] = [Extent::Whole, Extent::Sample(FEW)]
        .map(|extent| run(&gemm, GemmKernel::Dense, extent).report.compute.instructions);
    assert_eq!(sampled, full);
}

#[test]
fn few_workgroups_all_run() {
    for which in [GemmKernel::Dense, GemmKernel::DenseTiled, GemmKernel::Spartan, GemmKernel::SpartanPlain] {
        let gemm = uniform(64, 64, 128);
        let sampled = run(&gemm, which, Extent::Sample(FEW));
        assert_eq!(sampled, run(&gemm, which, Extent::Whole));
        assert_eq!(sampled.sample, None);
    }
}

#[test]
fn a_sample_is_the_same_every_time_and_another_with_another_seed() {
    let gemm = uneven(64, 64, 2_560);
    let cycles = |seed| {
        let extent = Extent::Sample(Sampling { seed, ..FEW });
        run(&gemm, GemmKernel::Spartan, extent).report.cycles
    };
    assert_eq!(cycles(1), cycles(1));
    assert_ne!(cycles(1), cycles(2));
}

#[test]
fn a_sample_cannot_be_verified() {
    let gemm = uniform(64, 64, 2_560);
    let a = normal_matrix(gemm.m, gemm.k, 1);
    let outcome = run_with(&gemm, GemmKernel::Dense, Extent::Sample(FEW), Some(&a));
    assert!(matches!(outcome, Err(RunError::Configuration(why)) if why.contains("verified")));
}

#[test]
fn a_probe_foretells_the_instructions() {
    for (which, tolerance) in [(GemmKernel::Dense, 0.0), (GemmKernel::Spartan, 5.0)] {
        let gemm = uneven(64, 128, 2_560);
        let instructions = |extent| run(&gemm, which, extent).report.compute.instructions.total() as f64;
        let (full, probe) = (instructions(Extent::Whole), instructions(Extent::Probe(FEW)));
        let error = 100.0 * (probe - full).abs() / full;
        assert!(error <= tolerance, "{which:?}: {probe} instead of {full}, {error} %");
    }
}

proptest! {
    /// Every workgroup of a plan is one of the grid, none comes twice, and the number is whole waves and the rest.
    #[test]
    fn plans_never_repeat_a_workgroup(
        total in 1u64..5_000,
        resident in 1u64..300,
        waves in 1u64..6,
        run in 1u64..40,
        seed in any::<u64>(),
    ) {
        let in_order = Plan::in_order(total, resident, waves);
        let scattered = Plan::scattered(total, resident, waves, run, seed);
        for plan in [in_order, scattered] {
            prop_assert!(plan.workgroups.iter().all(|workgroup| *workgroup < total));
            prop_assert!(plan.workgroups.is_sorted_by(|a, b| a < b));
            let length = plan.workgroups.len() as u64;
            let sample = waves * resident + total % resident;
            if sample <= total - total / 8 {
                prop_assert_eq!(length, sample);
            } else {
                prop_assert!(plan.is_whole() && length == total);
            }
        }
    }
}
