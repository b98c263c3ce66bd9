//! The kernels on the simulated machine: right results for any shape, nothing left in flight, and the same
//! counters whatever the order of ticks.

use std::sync::Arc;

use gpu_model::params::Machine;
use sim_core::TickOrder;
use workloads::gemm::Gemm;
use workloads::matrix::UniformMatrix;
use workloads::params;
use workloads::random::normal_matrix;
use workloads::run::{GemmKernel, GemmOptions, GemmRun, RunError, run_gemm};

const ALL: [GemmKernel; 4] =
    [GemmKernel::Dense, GemmKernel::DenseTiled, GemmKernel::Spartan, GemmKernel::SpartanPlain];

fn run(
    (m, k, n): (u32, u32, u64),
    sparsity: f64,
    which: GemmKernel,
    machine: &Machine,
    kernel: &params::Kernel,
    order: TickOrder,
) -> Result<GemmRun, RunError> {
    let gemm = Gemm::new(m, Arc::new(UniformMatrix::new(k, n, sparsity, 7)));
    let a = normal_matrix(m, k, 3);
    run_gemm(
        &gemm,
        which,
        machine,
        GemmOptions { kernel, verify_with: Some(&a), order, progress: &mut |_| {} },
    )
}

#[test]
fn every_kernel_is_right_on_whole_and_broken_tiles() {
    let machine = Machine::default();
    for which in ALL {
        for shape in [(64, 64, 64), (1, 1, 1), (33, 17, 65), (130, 50, 70), (200, 100, 33)] {
            for sparsity in [0.0, 0.5, 0.9] {
                let run = run(shape, sparsity, which, &machine, &params::Kernel::default(), TickOrder::Ascending);
                if let Err(error) = run {
                    panic!("{which:?} {shape:?} {sparsity}: {error}");
                }
            }
        }
    }
}

#[test]
fn the_order_of_ticks_changes_nothing() {
    let machine = Machine::default();
    for which in ALL {
        let result = |order| {
            run((96, 80, 150), 0.5, which, &machine, &params::Kernel::default(), order)
                .map(|run| gpu_model::KernelReport { wakeups: 0, ..run.report })
        };
        let ascending = result(TickOrder::Ascending);
        assert!(ascending.is_ok(), "{which:?}: {ascending:?}");
        for order in [TickOrder::Descending, TickOrder::Shuffled(1), TickOrder::Shuffled(2), TickOrder::Everything] {
            assert_eq!(result(order), ascending, "{which:?} {order:?}");
        }
    }
}
