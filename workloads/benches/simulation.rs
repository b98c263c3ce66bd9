//! How fast the simulator is: each kernel on a product of fixed size, verification off.
//!
//! `cargo bench -p workloads` prints, for each kernel, the best of three runs: wavefront instructions, line
//! requests of L1 and ticks of components simulated in a second.

use std::sync::Arc;
use std::time::Instant;

use gpu_model::Execution;
use gpu_model::params::Machine;
use workloads::gemm::Gemm;
use workloads::matrix::UniformMatrix;
use workloads::params;
use workloads::run::{GemmKernel, GemmOptions, run_gemm};
use workloads::sample::Extent;

/// M, K and N of the product, and the share of zeros in B.
const SHAPE: (u32, u32, u64, f64) = (256, 1152, 4096, 0.6);

fn main() {
    let (m, k, n, sparsity) = SHAPE;
    println!("C {m} x {n}, K {k}, {:.0} % zeros in B, on mi6", 100.0 * sparsity);
    println!(
        "{:14} {:>10} {:>16} {:>14} {:>12}",
        "kernel", "seconds", "instructions/s", "L1 lines/s", "ticks/s"
    );
    for which in [GemmKernel::Dense, GemmKernel::DenseTiled, GemmKernel::Spartan, GemmKernel::SpartanPlain] {
        // The plain kernel loads a hundred times as much: a slice of the product will do.
        let n = if which == GemmKernel::SpartanPlain { n / 32 } else { n };
        let gemm = Gemm::new(m, Arc::new(UniformMatrix::new(k, n, sparsity, 1)), 1.0 - sparsity);
        let best = (0..3).map(|_| time(&gemm, which)).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((seconds, instructions, lines, ticks)) = best {
            let rate = |count: u64| count as f64 / seconds / 1e6;
            println!(
                "{:14} {seconds:>10.3} {:>14.2} M {:>12.2} M {:>10.2} M",
                format!("{which:?}"),
                rate(instructions),
                rate(lines),
                rate(ticks)
            );
        }
    }
}

/// Seconds, instructions, L1 lines and ticks of a run.
fn time(gemm: &Gemm, which: GemmKernel) -> (f64, u64, u64, u64) {
    let options = GemmOptions {
        kernel: &params::Kernel::default(),
        verify_with: None,
        execution: Execution::default(),
        extent: Extent::Whole,
        progress: &mut |_| {},
    };
    let start = Instant::now();
    let run =
        run_gemm(gemm, which, &Machine::default(), options).unwrap_or_else(|e| panic!("{which:?}: {e}"));
    let seconds = start.elapsed().as_secs_f64();
    let report = run.report;
    (seconds, report.compute.instructions.total(), report.l1.reads + report.l1.writes, report.wakeups)
}
