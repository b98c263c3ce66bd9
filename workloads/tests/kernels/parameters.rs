//! No parameter is idle: each changes something that is measured, on a machine where it can.

use gpu_model::KernelReport;
use gpu_model::params::Machine;
use mem_hierarchy::dram::Preset;
use serde_json::Value;
use sim_core::TickOrder;
use sim_core::params::{Bytes, Group, Row};
use workloads::run::{GemmKernel, run_relu};

use crate::bench::Problem;

/// Parameters without an effect on a run, and why.
const WITHOUT_EFFECT: [&str; 2] = [
    "gpu.name",          // a label
    "gpu.dram.capacity", // what does not fit is refused
];

/// What is run on each machine: little work, but of all kinds.
fn measured(machine: &Machine) -> Option<Vec<KernelReport>> {
    let product = |shape, which| {
        let run = Problem::new(shape, 0.5).on(machine).run(which, TickOrder::Ascending);
        run.ok().map(|run| KernelReport { wakeups: 0, ..run.report })
    };
    let relu = run_relu(6_000, machine, None, TickOrder::Ascending, &mut |_| {}).ok()?.0;
    Some(vec![
        product((64, 150, 70), GemmKernel::Spartan)?,
        product((140, 40, 24), GemmKernel::SpartanPlain)?,
        product((96, 40, 300), GemmKernel::Dense)?,
        KernelReport { wakeups: 0, ..relu },
    ])
}

/// Machines small enough for their parts to be busy.
fn machines() -> Vec<Machine> {
    let mut small = Machine::default();
    let gpu = &mut small.gpu;
    gpu.compute_units = 5;
    gpu.cu.wavefronts = 2;
    gpu.l1.size = Bytes::kib(1);
    gpu.l1.mshrs = 3;
    gpu.l2.size = Bytes::kib(16);
    gpu.l2.slices = 2;
    gpu.l2.mshrs = 4;
    gpu.l1.write_buffer = 1;
    gpu.dram.channels = 1;
    gpu.dram.read_queue = 3;
    gpu.dram.write_queue = 8;
    gpu.dram.write_high_watermark = 4;
    gpu.dram.write_low_watermark = 2;
    gpu.dram.row_hit_cap = 2;
    let engine = &mut small.engine;
    engine.l2_ways = 2;
    engine.queue = 1;
    engine.processors = 1;
    engine.processor_interval = 40;
    engine.outstanding_per_channel = 2;
    engine.prefetch_length = 2;
    engine.sib.size = Bytes(512);
    engine.sib.banks = 2;
    engine.prefetch_buffer.size = Bytes(64 * 12);
    engine.prefetch_buffer.lane_lines = 2;
    // The same with translation, written lines in L1, more requests in L2 and a memory without commands; and the
    // default one.
    let mut other = small.clone();
    other.gpu.translation.enabled = true;
    other.gpu.translation.l1_entries = 2;
    other.gpu.l1.write_allocate = true;
    other.gpu.l2.requests_per_cycle = 2;
    other.gpu.l2.mshrs = 32;
    other.gpu.l1.mshrs = 16;
    other.gpu.dram.preset = Preset::Ideal;
    other.gpu.cu.vmem.in_flight = 8;
    vec![small, other, Machine::default()]
}

/// Other values for a parameter: near ones and far ones.
fn others(row: &Row) -> Vec<Value> {
    if row.allowed.contains(" | ") {
        let names = row.allowed.split(" | ");
        return names
            .map(|name| name.parse::<bool>().map_or_else(|_| Value::from(name), Value::from))
            .collect();
    }
    let (number, unit) = row.value.split_once(' ').unwrap_or((&row.value, ""));
    let Ok(number) = number.parse::<u64>() else { return Vec::new() };
    let scaled = [number / 4, number / 2, number.saturating_sub(1), number + 1, number * 2, number * 8];
    let as_value = |n: u64| if unit.is_empty() { Value::from(n) } else { Value::from(format!("{n} {unit}")) };
    scaled.into_iter().filter(|n| *n != number).map(as_value).collect()
}

/// A group of parameters with the value at a dotted path changed; `None` where that is not allowed.
fn changed<T: Group + serde::Serialize + serde::de::DeserializeOwned>(
    group: &T,
    path: &str,
    value: Value,
) -> Option<T> {
    let mut json = serde_json::to_value(group).unwrap();
    let pointer = format!("/{}", path.replace('.', "/"));
    *json.pointer_mut(&pointer).unwrap_or_else(|| panic!("no {path}")) = value;
    let group: T = serde_json::from_value(json).ok()?;
    let mut violations = Vec::new();
    group.check("", &mut violations);
    violations.is_empty().then_some(group)
}

#[test]
fn each_changes_something() {
    let machines = machines();
    let base: Vec<_> =
        machines.iter().map(|machine| measured(machine).expect("a machine that runs")).collect();
    let mut rows = Vec::new();
    machines[0].gpu.describe("gpu", &mut rows);
    machines[0].engine.describe("engine", &mut rows);
    let has_effect = |row: &Row| {
        others(row).into_iter().any(|value| {
            machines.iter().zip(&base).any(|(machine, base)| {
                let machine = match row.path.split_once('.') {
                    Some(("gpu", path)) => changed(&machine.gpu, path, value.clone())
                        .map(|gpu| Machine { gpu, ..machine.clone() }),
                    Some((_, path)) => changed(&machine.engine, path, value.clone())
                        .map(|engine| Machine { engine, ..machine.clone() }),
                    None => None,
                };
                // A machine that cannot be had says so, which is an effect of another test.
                machine
                    .filter(is_possible)
                    .and_then(|machine| measured(&machine))
                    .is_some_and(|now| now != *base)
            })
        })
    };
    let idle: Vec<&str> = rows.iter().filter(|row| !has_effect(row)).map(|row| row.path.as_str()).collect();
    assert_eq!(idle, WITHOUT_EFFECT);
}

/// Whether its parameters go together.
fn is_possible(machine: &Machine) -> bool {
    let gpu = &machine.gpu;
    gpu.l2.slices.is_multiple_of(gpu.dram.channels)
        && gpu.dram.write_low_watermark < gpu.dram.write_high_watermark
        && gpu.dram.write_high_watermark <= gpu.dram.write_queue
        && gpu.l1.size.0 >= 64 * u64::from(gpu.l1.ways * gpu.l1.sectors)
        && gpu.l2.size.0 >= 64 * u64::from(gpu.l2.ways * gpu.l2.sectors * gpu.l2.slices)
}
