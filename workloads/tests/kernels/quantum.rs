//! What it costs in accuracy that a wavefront's vector instructions run in quanta.
//!
//! Quantum 1 is exact: the machine's own tests add its times up by hand. A longer one merges instructions into
//! one event, so a wavefront may get its SIMD that many times four cycles later than it would, and what follows
//! shifts: which wavefront asks memory first, for example.

use sim_core::TickOrder;
use workloads::run::GemmKernel;

use crate::bench::{ALL, Problem};

/// Relative error of the default quantum for one product.
fn error(problem: &Problem, which: GemmKernel) -> f64 {
    let time = |quantum| {
        let mut problem = problem.clone();
        problem.machine.gpu.cu.valu_quantum = quantum;
        problem.run(which, TickOrder::Ascending).unwrap().report.cycles as f64
    };
    let default = problem.machine.gpu.cu.valu_quantum;
    time(default) / time(1) - 1.0
}

#[test]
fn the_default_quantum_is_accurate_to_a_few_percent() {
    let mut errors = Vec::new();
    for compute_units in [36, 4] {
        for shape in [(96, 80, 150), (128, 128, 300)] {
            for which in ALL {
                let mut problem = Problem::new(shape, 0.5);
                problem.machine.gpu.compute_units = compute_units;
                errors.push((which, shape, compute_units, error(&problem, which)));
            }
        }
    }
    let worst = errors.iter().map(|(.., error)| error.abs()).fold(0.0, f64::max);
    let mean = errors.iter().map(|(.., error)| error.abs()).sum::<f64>() / errors.len() as f64;
    assert!(worst < 0.08 && mean < 0.03, "worst {worst:.4}, mean {mean:.4}: {errors:#?}");
    assert!(worst > 0.0, "a test without wavefronts that share a SIMD");
    println!("worst {worst:.4}, mean {mean:.4}");
}

#[test]
fn a_lone_wavefront_on_a_simd_does_not_notice_the_quantum() {
    // Given four workgroups of one wavefront on four SIMDs.
    let problem = Problem::new((64, 64, 64), 0.5);
    assert_eq!(error(&problem, GemmKernel::Dense), 0.0);
}
