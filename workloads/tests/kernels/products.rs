//! C is right, and nothing is left in flight, for any shape on any machine.

use proptest::prelude::*;
use sim_core::TickOrder;
use workloads::gemm::Gemm;
use workloads::matrix::DenseMatrix;
use workloads::params;
use workloads::run::{GemmKernel, GemmOptions, RunError, run_gemm, run_relu};
use workloads::sample::Extent;

use crate::bench::{ALL, Problem, SPARSE, machines, problems, tries};

#[test]
fn every_kernel_is_right_on_whole_and_broken_tiles() {
    for which in ALL {
        for shape in [(64, 64, 64), (1, 1, 1), (33, 17, 65), (130, 50, 70), (200, 100, 33)] {
            for sparsity in [0.0, 0.5, 0.9, 1.0] {
                let run = Problem::new(shape, sparsity).run(which, TickOrder::Ascending);
                assert!(run.is_ok_and(|run| run.verified), "{which:?} {shape:?} {sparsity}");
            }
        }
    }
}

/// Tiles that a kernel may be told to take, by number.
fn tile(which: GemmKernel, number: usize) -> String {
    let tiles = match which {
        GemmKernel::DenseTiled => workloads::kernels::dense_tiled::tile_names(),
        GemmKernel::Spartan => {
            let rows = [64, 128, 192, 256, 320, 448, 512];
            let columns = [1, 2, 7, 16, 20, 48, 64];
            rows.iter().flat_map(|rows| columns.map(|columns| format!("{rows}x{columns}"))).collect()
        }
        GemmKernel::Dense | GemmKernel::SpartanPlain => vec!["auto".into()],
    };
    tiles[number % tiles.len()].clone()
}

proptest! {
    #![proptest_config(tries(40))]

    #[test]
    fn every_kernel_is_right_on_any_machine(problem in problems()) {
        for which in ALL {
            let run = problem.run(which, TickOrder::Ascending);
            prop_assert!(run.as_ref().is_ok_and(|run| run.verified), "{:?}: {}", which, run.unwrap_err());
        }
    }

    #[test]
    fn tiles_and_windows_may_be_chosen(
        problem in problems(), number in any::<usize>(), wavefronts in 0u32..5, window in prop_oneof![Just(0u32), 1u32..90],
    ) {
        for which in [GemmKernel::DenseTiled, GemmKernel::Spartan] {
            let wavefronts = [0, 1, 2, 4, 16][wavefronts as usize];
            let kernel =
                params::Kernel { tile: tile(which, number), wavefronts, k_window: window, ..problem.kernel.clone() };
            let run = Problem { kernel: kernel.clone(), ..problem.clone() }.run(which, TickOrder::Ascending);
            match run {
                Ok(run) => prop_assert!(run.verified && run.tile == kernel.tile, "{which:?} {kernel:?}"),
                // What does not fit the compute unit is said to.
                Err(RunError::Configuration(why)) => {
                    prop_assert!(why.contains("kernel.") || why.contains("does not fit"), "{why}");
                }
                Err(other) => prop_assert!(false, "{which:?} {kernel:?}: {other}"),
            }
        }
    }

    #[test]
    fn relu_is_right_on_any_machine(machine in machines(), elements in 1u64..3_000, seed in any::<u64>()) {
        let run = run_relu(elements, &machine, Some(seed), TickOrder::Ascending, &mut |_| {});
        prop_assert!(matches!(run, Ok((_, Some(true)))), "{:?}", run);
    }
}

/// Columns that compaction may stumble over: lines that fill exactly, one element too many, runs of zeros, values
/// that FP16 rounds to zero or to infinity, negative zeros.
fn stumbling_blocks(k: u32) -> DenseMatrix {
    DenseMatrix::from_fn(k, 19, |row, column| match column {
        0 => 0.0,
        1 => 1.0,
        2 => f32::from(u8::from(row < 16)),
        3 => f32::from(u8::from(row < 17)),
        4 => f32::from(u8::from(row % 16 == 15)),
        5 => f32::from(u8::from(row + 1 == k)),
        6 => f32::from(u8::from(row == 0)),
        7 => -0.0,
        8 => {
            if row == 0 {
                1e-9
            } else {
                -0.0
            }
        } // a bundle that looks like padding
        9 => {
            if row % 3 == 0 {
                1e-9
            } else {
                2.0
            }
        }
        10 => f32::from(u8::from(row / 16 % 2 == 1)),
        11 => f32::from(u8::from(row / 32 == 1)),
        12 => {
            if row % 2 == 0 {
                -1.5
            } else {
                0.0
            }
        }
        13 => {
            if row % 32 == 31 {
                65_504.0
            } else {
                0.0
            }
        }
        14 => f32::from(u8::from(row + 16 >= k)),
        15 => f32::from(u8::from(row + 17 >= k)),
        16 => f32::from(u8::from(row < 32)),
        17 => f32::from(u8::from(row % 17 == 16)),
        _ => {
            if row == k / 2 {
                3.0
            } else {
                0.0
            }
        }
    })
}

#[test]
fn no_column_is_too_odd() {
    for k in [1, 15, 16, 17, 31, 32, 33, 64, 65, 130] {
        let gemm = Gemm::new(70, std::sync::Arc::new(stumbling_blocks(k)), 0.3);
        let problem = Problem::new((70, k, 19), 0.0);
        for which in SPARSE {
            let options = GemmOptions {
                kernel: &problem.kernel,
                verify_with: Some(&problem.a()),
                execution: TickOrder::Ascending.into(),
                extent: Extent::Whole,
                progress: &mut |_| {},
            };
            let run = run_gemm(&gemm, which, &problem.machine, options);
            assert!(run.as_ref().is_ok_and(|run| run.verified), "{which:?}, K = {k}: {run:?}");
            let engine = run.unwrap().report.engine.unwrap();
            let nnz = (0..19).flat_map(|n| (0..k).map(move |row| (row, n)));
            let nnz = nnz.filter(|(row, column)| gemm.b.value(*row, *column) != 0.0).count() as u64;
            assert_eq!(engine.bundles, nnz, "{which:?}, K = {k}");
        }
    }
}
