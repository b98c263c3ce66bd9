//! What it costs in accuracy to run vector instructions in quanta.

#[test]
fn measure() {
    use crate::bench::{ALL, Problem};
    use sim_core::TickOrder;
    for cus in [36, 4] {
        for shape in [(96, 80, 150), (256, 256, 256), (384, 576, 300), (128, 128, 2048)] {
            for sparsity in [0.3, 0.7] {
                for which in ALL {
                    let mut problem = Problem::new(shape, sparsity);
                    problem.machine.gpu.compute_units = cus;
                    let mut time = |quantum| {
                        problem.machine.gpu.cu.valu_quantum = quantum;
                        problem.run(which, TickOrder::Ascending).unwrap().report.cycles as f64
                    };
                    let exact = time(1);
                    println!(
                        "{cus} {shape:?} {sparsity} {which:?}: {exact} {:+.2} % (8) {:+.2} % (2) {:+.2} % (32)",
                        (time(8) / exact - 1.0) * 100.0,
                        (time(2) / exact - 1.0) * 100.0,
                        (time(32) / exact - 1.0) * 100.0
                    );
                }
            }
        }
    }
}
