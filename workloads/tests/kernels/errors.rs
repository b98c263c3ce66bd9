//! What cannot be run is said before it is.

use sim_core::TickOrder;
use sim_core::params::Bytes;
use workloads::run::{GemmKernel, RunError, run_relu};

use crate::bench::{ALL, Problem, SPARSE};

/// The message of the configuration error that a product must end with.
fn refused(problem: &Problem, which: GemmKernel) -> String {
    match problem.run(which, TickOrder::Ascending) {
        Err(RunError::Configuration(why)) => why,
        other => panic!("{which:?}: {other:?}"),
    }
}

#[test]
fn matrices_that_memory_does_not_hold_are_refused() {
    // Given 1 MiB of memory, and 256 x 512 x 512 elements: A takes 512 KiB, B 1 MiB, C 512 KiB.
    let mut problem = Problem::new((256, 512, 512), 0.5);
    problem.machine.gpu.dram.capacity = Bytes::mib(1);
    for which in ALL {
        let why = refused(&problem, which);
        assert!(why.contains("1048576 bytes") && why.contains("gpu.dram.capacity = \"1 MiB\""), "{why}");
    }
    problem.machine.gpu.dram.capacity = Bytes::mib(4);
    assert!(problem.run(GemmKernel::DenseTiled, TickOrder::Ascending).is_ok());
    // A ReLU's two arrays likewise.
    problem.machine.gpu.dram.capacity = Bytes::mib(1);
    let run = |elements| run_relu(elements, &problem.machine, None, TickOrder::Ascending, &mut |_| {});
    assert!(matches!(run(1 << 17), Err(RunError::Configuration(why)) if why.contains("gpu.dram.capacity")));
    assert!(run((1 << 17) - 2_048).is_ok());
}

#[test]
fn more_rows_of_b_than_an_index_can_name_are_refused() {
    let problem = Problem::new((1, 65_537, 1), 0.5);
    for which in SPARSE {
        let why = refused(&problem, which);
        assert!(why.contains("65537") && why.contains("65536"), "{why}");
    }
    let most = Problem::new((1, 65_536, 1), 0.99);
    for which in SPARSE {
        assert!(most.run(which, TickOrder::Ascending).is_ok_and(|run| run.verified), "{which:?}");
    }
}

#[test]
fn workgroups_that_fit_no_compute_unit_are_refused() {
    let mut problem = Problem::new((64, 64, 64), 0.5);
    problem.machine.gpu.cu.vgprs = 40;
    problem.kernel.tile = "64x64".into();
    for which in ALL {
        let why = refused(&problem, which);
        assert!(why.contains("regist"), "{which:?}: {why}");
    }
    let mut problem = Problem::new((64, 64, 64), 0.5);
    problem.machine.gpu.cu.lds.size = Bytes::kib(1);
    problem.kernel.tile = "128x128".into();
    for which in [GemmKernel::Dense, GemmKernel::DenseTiled] {
        let why = refused(&problem, which);
        assert!(why.contains("LDS"), "{which:?}: {why}");
    }
}

#[test]
fn tiles_that_a_kernel_does_not_have_are_refused() {
    for (which, tile) in [
        (GemmKernel::DenseTiled, "100x100"),
        (GemmKernel::DenseTiled, "64"),
        (GemmKernel::Spartan, "100x64"),
        (GemmKernel::Spartan, "1024x64"),
        (GemmKernel::Spartan, "0x64"),
        (GemmKernel::Spartan, "64x"),
    ] {
        let mut problem = Problem::new((64, 64, 64), 0.5);
        problem.kernel.tile = tile.into();
        let why = refused(&problem, which);
        assert!(why.contains(tile), "{which:?} {tile}: {why}");
    }
}

#[test]
fn windows_that_lds_does_not_hold_are_refused() {
    let mut problem = Problem::new((64, 640, 64), 0.5);
    problem.kernel.tile = "512x64".into();
    problem.kernel.k_window = 17;
    let why = refused(&problem, GemmKernel::Spartan);
    assert!(why.contains("kernel.k_window = 17") && why.contains("16 rows"), "{why}");
}

#[test]
fn the_tile_that_auto_takes_fits_the_compute_unit() {
    for (simds, vgprs, lds) in [(1, 256, 64), (4, 100, 16), (4, 256, 8), (4, 256, 4)] {
        let mut problem = Problem::new((1_024, 8, 1_024), 0.5);
        problem.machine.gpu.cu.simds = simds;
        problem.machine.gpu.cu.vgprs = vgprs;
        problem.machine.gpu.cu.lds.size = Bytes::kib(lds);
        for which in [GemmKernel::DenseTiled, GemmKernel::Spartan] {
            let run = problem.run(which, TickOrder::Ascending);
            assert!(run.is_ok(), "{which:?} on {simds} SIMDs, {vgprs} registers, {lds} KiB: {run:?}");
        }
    }
}
