//! The order of ticks within a cycle, ticks that nobody asked for, and running twice change no result.

use gpu_model::KernelReport;
use gpu_model::params::Machine;
use mem_hierarchy::dram::Preset;
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::Bytes;
use workloads::run::{GemmKernel, RunError, run_relu};

use crate::bench::{ALL, Problem, machines, problems, tries};

const OTHERS: [TickOrder; 5] = [
    TickOrder::Ascending,
    TickOrder::Descending,
    TickOrder::Shuffled(1),
    TickOrder::Shuffled(2),
    TickOrder::Everything,
];

/// All but the simulator's own work.
fn result(problem: &Problem, which: GemmKernel, order: TickOrder) -> Result<KernelReport, RunError> {
    problem.run(which, order).map(|run| KernelReport { wakeups: 0, ..run.report })
}

fn relu(elements: u64, machine: &Machine, order: TickOrder) -> KernelReport {
    let (report, _) = run_relu(elements, machine, Some(3), order, &mut |_| {}).unwrap();
    KernelReport { wakeups: 0, ..report }
}

/// The main differences of the `r9nano`: translation, many narrow slices, wide crossbar, its own memory.
fn r9nano() -> Machine {
    let mut machine = Machine::default();
    let gpu = &mut machine.gpu;
    gpu.compute_units = 64;
    gpu.cu.lds.conflicts = false;
    gpu.cu.lds.latency = 4;
    gpu.dispatch.completion = 1;
    gpu.translation.enabled = true;
    gpu.l2.slices = 16;
    gpu.l2.interleave = Bytes(128);
    gpu.l2.requests_per_cycle = 16;
    gpu.crossbar.lines_per_cycle = 16;
    gpu.crossbar.latency = 2;
    gpu.dram.preset = Preset::HbmR9Nano;
    gpu.dram.channels = 16;
    machine
}

/// An engine that has hardly room for anything.
fn tiny_engine() -> Machine {
    let mut machine = Machine::default();
    machine.engine.sib.size = Bytes(96);
    machine.engine.prefetch_buffer.size = Bytes(64 * 5);
    machine.engine.prefetch_length = 3;
    machine.engine.outstanding_per_channel = 2;
    machine.engine.queue = 2;
    machine.gpu.l2.interleave = Bytes(64);
    machine
}

#[test]
fn of_every_kernel_on_machines_of_every_kind() {
    for machine in [Machine::default(), r9nano(), tiny_engine()] {
        for which in ALL {
            let problem = Problem::new((96, 80, 150), 0.5).on(&machine);
            let ascending = result(&problem, which, TickOrder::Ascending);
            assert!(ascending.is_ok(), "{which:?}: {ascending:?}");
            for order in OTHERS {
                assert_eq!(result(&problem, which, order), ascending, "{which:?} {order:?}");
            }
        }
        let ascending = relu(40_000, &machine, TickOrder::Ascending);
        for order in OTHERS {
            assert_eq!(relu(40_000, &machine, order), ascending, "{order:?}");
        }
    }
}

proptest! {
    #![proptest_config(tries(12))]

    #[test]
    fn of_any_product(problem in problems(), which in prop::sample::select(&ALL[..]), seed in any::<u64>()) {
        let ascending = result(&problem, which, TickOrder::Ascending);
        for order in [TickOrder::Descending, TickOrder::Shuffled(seed), TickOrder::Everything] {
            prop_assert_eq!(&result(&problem, which, order), &ascending, "{:?} {:?}", which, order);
        }
    }

    #[test]
    fn of_any_relu(machine in machines(), elements in 1u64..3_000, seed in any::<u64>()) {
        let ascending = relu(elements, &machine, TickOrder::Ascending);
        for order in [TickOrder::Descending, TickOrder::Shuffled(seed), TickOrder::Everything] {
            prop_assert_eq!(&relu(elements, &machine, order), &ascending, "{:?}", order);
        }
    }
}
