//! Never faster than the wires: a kernel takes at least the time that each of its resources works for it.

use gpu_model::KernelReport;
use gpu_model::params::Machine;
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::Bytes;
use workloads::run::run_relu;

use crate::bench::{ALL, Problem, machines, problems, tries};

/// The least cycles for each resource, by name.
fn bounds(report: &KernelReport, machine: &Machine) -> Vec<(&'static str, u64)> {
    let gpu = &machine.gpu;
    let per = |work: u64, units: u32| work.div_ceil(u64::from(units));
    let compute = &report.compute;
    let valu_cycles = compute.instructions.valu * u64::from(64 / gpu.cu.simd_lanes);
    assert_eq!(compute.simd_busy_cycles, valu_cycles);
    let (l1, l2, dram) = (&report.l1, &report.l2, &report.dram);
    let transactions = |cache: &mem_hierarchy::request::CacheStats| cache.reads + cache.writes;
    let bytes_per_second = gpu.dram.peak_bytes_per_second(gpu.clock.0);
    let memory = u128::from(64 * (dram.reads - dram.forwarded_reads)) * u128::from(gpu.clock.0);
    let cus = gpu.compute_units;
    let ports = gpu.crossbar.lines_per_cycle;
    vec![
        ("SIMDs", per(valu_cycles, cus * gpu.cu.simds)),
        ("scalar units", per(compute.instructions.salu, cus)),
        ("LDS", per(compute.lds_busy_cycles, cus)),
        ("branch units", per(compute.instructions.branch, cus)),
        ("coalescers", per(transactions(l1), cus * gpu.cu.vmem.lines_per_cycle)),
        ("L1 ports", per(transactions(l1), cus * gpu.l1.requests_per_cycle)),
        ("L1 hits", per(l1.hits.saturating_sub(l1.writes), cus)),
        ("crossbar, L1 side", per(l1.misses, cus * ports)),
        ("L2 look-ups", per(transactions(l2), gpu.l2.slices * gpu.l2.requests_per_cycle)),
        ("L2 answers", per(transactions(l2), gpu.l2.slices * ports)),
        ("DRAM", memory.div_ceil(u128::from(bytes_per_second)) as u64),
        ("dispatcher", (report.workgroups - 1) * u64::from(gpu.dispatch.interval)),
        (
            "engine's channels",
            per(report.engine.as_ref().map_or(0, |engine| engine.dram_lines), gpu.dram.channels),
        ),
        (
            "processing units",
            per(report.engine.as_ref().map_or(0, |e| e.processor_busy_cycles), machine.engine.processors),
        ),
    ]
}

fn assert_bounded(report: &KernelReport, machine: &Machine, what: &str) {
    for (resource, least) in bounds(report, machine) {
        assert!(report.cycles >= least, "{what}: {} cycles, {resource} alone need {least}", report.cycles);
    }
}

proptest! {
    #![proptest_config(tries(20))]

    #[test]
    fn of_any_product(problem in problems()) {
        for which in ALL {
            let report = problem.run(which, TickOrder::Ascending).unwrap().report;
            assert_bounded(&report, &problem.machine, &format!("{which:?}"));
        }
    }

    #[test]
    fn of_any_relu(machine in machines(), elements in 1u64..5_000) {
        let (report, _) = run_relu(elements, &machine, None, TickOrder::Ascending, &mut |_| {}).unwrap();
        assert_bounded(&report, &machine, "relu");
    }
}

#[test]
fn where_one_resource_is_scarce_it_sets_the_time() {
    type Change = fn(&mut Machine);
    let scarce: [(&str, Change); 3] = [
        ("SIMDs", |m| (m.gpu.compute_units, m.gpu.cu.simd_lanes) = (1, 1)),
        ("LDS", |m| (m.gpu.compute_units, m.gpu.cu.lds.banks) = (1, 4)),
        ("L2 look-ups", |m| {
            (m.gpu.dram.channels, m.gpu.l2.slices) = (1, 1);
            m.gpu.cu.simd_lanes = 64;
        }),
    ];
    for (resource, change) in scarce {
        let mut problem = Problem::new((256, 64, 256), 0.5);
        change(&mut problem.machine);
        // Given a kernel that can use it, the time is not far above the bound.
        let shares = ALL.map(|which| {
            let report = problem.run(which, TickOrder::Ascending).unwrap().report;
            let bounds = bounds(&report, &problem.machine);
            let least = bounds.iter().find(|(name, _)| *name == resource).unwrap().1;
            least as f64 / report.cycles as f64
        });
        let best = shares.iter().copied().fold(0.0, f64::max);
        assert!(best > 0.7 && best <= 1.0, "{resource}: shares of the bound {shares:?}");
    }
}

#[test]
fn a_stream_uses_most_of_the_memory() {
    // Given one channel, and a ReLU, which moves two lines for each 64 bytes of input.
    let mut machine = Machine::default();
    (machine.gpu.dram.channels, machine.gpu.l2.slices) = (1, 1);
    machine.gpu.l2.size = Bytes::kib(64);
    let (report, _) = run_relu(1 << 19, &machine, None, TickOrder::Ascending, &mut |_| {}).unwrap();
    let bytes = 64 * (report.dram.reads + report.dram.writes);
    let seconds = report.cycles as f64 / machine.gpu.clock.0 as f64;
    let peak = machine.gpu.dram.peak_bytes_per_second(machine.gpu.clock.0) as f64;
    let share = bytes as f64 / seconds / peak;
    assert!(share > 0.75 && share <= 1.01, "{share}");
}
