//! Unloaded latencies, end to end: exactly the sum of the parameters on the way.

use gpu_model::instruction::{ANY, Op};
use gpu_model::params::Machine;
use mem_hierarchy::dram::Preset;
use sim_core::params::Bytes;
use sim_core::{ClockRatio, Cycle};

use crate::bench::{BASE, Program, cycles, line_access, machine, nothing, registered, run, run_with};

/// Lines between those that share a set of the smallest L1.
const L1_SETS: u64 = 16;

/// An L1 of 16 lines without ways, so that a line can be sent off by loading another.
fn with_tiny_l1(mut machine: Machine) -> Machine {
    machine.gpu.l1.size = Bytes::kib(1);
    machine.gpu.l1.ways = 1;
    machine
}

/// Cycles that the last of several loads in turn adds.
fn last_load(machine: &Machine, lines: &[u64]) -> u64 {
    let (_, before) = lines.split_last().expect("a load");
    cycles(machine, &Program::loads_in_turn(lines)) - cycles(machine, &Program::loads_in_turn(before))
}

/// The wait that ends a load takes its own cycle.
const WAIT: u64 = 1;
/// From an L2 slice or the engine to a controller, and back.
const TO_MEMORY: u64 = 1;
const FROM_MEMORY: u64 = 1;

fn to_l1(machine: &Machine) -> u64 {
    u64::from(machine.gpu.cu.vmem.issue_latency + machine.gpu.cu.vmem.pipeline_latency)
}

fn l1_to_l2(machine: &Machine) -> u64 {
    u64::from(machine.gpu.l1.tag_latency + machine.gpu.crossbar.latency)
}

fn l2_to_cu(machine: &Machine) -> u64 {
    u64::from(machine.gpu.l2.latency + machine.gpu.crossbar.latency)
}

fn l1_hit(machine: &Machine) -> u64 {
    to_l1(machine) + u64::from(machine.gpu.l1.latency) + WAIT
}

fn l2_hit(machine: &Machine) -> u64 {
    to_l1(machine) + l1_to_l2(machine) + l2_to_cu(machine) + WAIT
}

fn l2_miss(machine: &Machine) -> u64 {
    let memory = u64::from(machine.gpu.l2.tag_latency + machine.gpu.dram.ideal_latency);
    l2_hit(machine) + TO_MEMORY + memory + FROM_MEMORY
}

#[test]
fn a_kernel_that_does_nothing_takes_its_dispatch_and_first_fetch() {
    let machine = machine();
    assert_eq!(cycles(&machine, &Program::of(Vec::new())), nothing(&machine));
    assert_eq!(nothing(&machine), 12 + 150 + 12);
}

#[test]
fn a_load_takes_the_sum_of_the_latencies_on_its_way() {
    let machine = with_tiny_l1(machine());
    // Given a line in L1, in L2 only (another one took its place in L1), nowhere.
    let (hit, l2, miss) = ([0, 0], [0, L1_SETS, 0], [0]);
    assert_eq!(last_load(&machine, &hit), l1_hit(&machine));
    assert_eq!(last_load(&machine, &l2), l2_hit(&machine));
    assert_eq!(last_load(&machine, &miss), l2_miss(&machine));
    // In numbers, so that a formula and the model cannot be wrong together.
    assert_eq!([l1_hit(&machine), l2_hit(&machine), l2_miss(&machine)], [127, 99, 203]);
}

#[test]
fn a_latency_longer_by_one_delays_by_one_what_passes_it_and_nothing_else() {
    type Change = fn(&mut Machine);
    // Parameter; how often an L1 hit, an L2 hit and an L2 miss pass it.
    let parameters: [(&str, Change, [u64; 3]); 9] = [
        ("cu.vmem.issue_latency", |m| m.gpu.cu.vmem.issue_latency += 1, [1, 1, 1]),
        ("cu.vmem.pipeline_latency", |m| m.gpu.cu.vmem.pipeline_latency += 1, [1, 1, 1]),
        ("l1.latency", |m| m.gpu.l1.latency += 1, [1, 0, 0]),
        ("l1.tag_latency", |m| m.gpu.l1.tag_latency += 1, [0, 1, 1]),
        ("crossbar.latency", |m| m.gpu.crossbar.latency += 1, [0, 2, 2]),
        ("l2.latency", |m| m.gpu.l2.latency += 1, [0, 1, 1]),
        ("l2.tag_latency", |m| m.gpu.l2.tag_latency += 1, [0, 0, 1]),
        ("dram.ideal_latency", |m| m.gpu.dram.ideal_latency += 1, [0, 0, 1]),
        ("cu.valu_latency", |m| m.gpu.cu.valu_latency += 1, [0, 0, 0]),
    ];
    let base = with_tiny_l1(machine());
    for (name, change, passes) in parameters {
        let mut changed = base.clone();
        change(&mut changed);
        let scenarios: [&[u64]; 3] = [&[0, 0], &[0, L1_SETS, 0], &[0]];
        let delays = scenarios.map(|lines| last_load(&changed, lines) - last_load(&base, lines));
        assert_eq!(delays, passes, "{name}: L1 hit, L2 hit, L2 miss");
    }
}

#[test]
fn gddr5_answers_after_its_own_clocks() {
    // Given GDDR5 at 1.75 GHz beside a core of 1 GHz.
    let mut machine = machine();
    machine.gpu.dram.preset = Preset::Gddr5;
    let clock = ClockRatio::new(1_750_000_000, 1_000_000_000);
    // When a cold line is loaded: accepted in the tick that follows its arrival, scheduled one later, tRCD 28,
    // CL 28, two bursts of two.
    let issued = nothing(&machine) - 1;
    let arrives =
        issued + to_l1(&machine) + l1_to_l2(&machine) + u64::from(machine.gpu.l2.tag_latency) + TO_MEMORY;
    let done = clock.to_core(clock.from_core(Cycle(arrives)) + 1 + 28 + 28 + 4).0;
    // Then its answer goes on in the first core cycle after its last data.
    let expected = done + FROM_MEMORY + l2_to_cu(&machine) + WAIT + 1;
    assert_eq!(cycles(&machine, &Program::loads_in_turn(&[0])), expected);
}

#[test]
fn a_page_is_walked_once_and_leaves_the_own_tlb_for_the_shared_one() {
    let mut machine = machine();
    machine.gpu.translation.enabled = true;
    machine.gpu.translation.l1_entries = 1;
    let translation = machine.gpu.translation.clone();
    let (walk, shared) = (u64::from(translation.walk_latency), u64::from(translation.l2_latency));
    let lines_per_page = translation.page.0 / 64;
    // Cold page; another line of it; another page, and the first one again, which the single entry forgot.
    assert_eq!(last_load(&machine, &[0]), l2_miss(&machine) + walk);
    assert_eq!(last_load(&machine, &[0, 1]), l2_miss(&machine));
    assert_eq!(last_load(&machine, &[0, lines_per_page, 0]), l1_hit(&machine) + shared);
    let report = run(&machine, &Program::loads_in_turn(&[0, lines_per_page, 0, 1]));
    assert_eq!((report.page_walks, report.compute.tlb_misses), (2, 3));
}

#[test]
fn a_tlb_forgets_the_page_that_was_used_least_recently() {
    let mut machine = machine();
    machine.gpu.translation.enabled = true;
    machine.gpu.translation.l1_entries = 2;
    let page = machine.gpu.translation.page.0 / 64;
    let misses = |pages: &[u64]| {
        let lines: Vec<u64> = (0..).zip(pages).map(|(i, number)| number * page + i).collect();
        run(&machine, &Program::loads_in_turn(&lines)).compute.tlb_misses
    };
    // Given pages 0 and 1, and 0 used again, then page 2 takes the place of 1.
    assert_eq!(misses(&[0, 1, 0, 2, 0]), 3);
    assert_eq!(misses(&[0, 1, 0, 2, 1]), 4);
}

#[test]
fn a_wait_opens_in_the_cycle_in_which_the_data_arrive() {
    let machine = machine();
    // The wavefront goes on when its line has left the coalescer.
    let goes_on = u64::from(machine.gpu.cu.vmem.issue_latency) + 1;
    let data = l2_miss(&machine) - WAIT;
    for early in [3, 2, 1, 0] {
        let instructions = |idle: u64| {
            vec![
                Op::Load.tagged(0),
                Op::Special { count: idle as u32 }.into(),
                Op::Wait { vector: 0, lds: ANY }.into(),
            ]
        };
        let time = |idle| cycles(&machine, &Program::of(instructions(idle)).with_accesses([line_access(0)]));
        // Given a wavefront that comes to its wait `early` cycles before the data, then nothing is lost ...
        let idle = data - goes_on - early;
        assert_eq!(time(idle), nothing(&machine) + l2_miss(&machine), "{early} cycles before the data");
        // ... and `early` cycles after them, just those.
        let idle = data - goes_on + early;
        assert_eq!(
            time(idle),
            nothing(&machine) + l2_miss(&machine) + early,
            "{early} cycles after the data"
        );
    }
}

#[test]
fn a_wait_for_the_older_of_two_loads_does_not_wait_for_the_younger() {
    let machine = machine();
    // Given a load that hits behind one that misses: data come back in order, so the wait for one ends with
    // the miss.
    let program = |vector| {
        Program::of(vec![
            Op::Load.tagged(0),
            Op::Wait { vector: 0, lds: ANY }.into(),
            Op::Load.tagged(1),
            Op::Load.tagged(0),
            Op::Wait { vector, lds: ANY }.into(),
            Op::Special { count: 500 }.into(),
        ])
        .with_accesses([line_access(0), line_access(1)])
    };
    let goes_on = u64::from(machine.gpu.cu.vmem.issue_latency) + 1;
    let before = nothing(&machine) + l2_miss(&machine);
    assert_eq!(cycles(&machine, &program(1)), before + l2_miss(&machine) + 500);
    assert_eq!(cycles(&machine, &program(0)), before + l2_miss(&machine) + 500);
    assert_eq!(cycles(&machine, &program(2)), before + 2 * goes_on + 1 + 500);
}

#[test]
fn a_store_completes_when_l2_has_taken_it() {
    let machine = machine();
    // Given a store of a whole line, which L2 does not fetch; then the workgroup ends when it is acknowledged.
    let store = Program::of(vec![Op::Store.tagged(0)]).with_accesses([line_access(0)]);
    let expected = nothing(&machine) + l2_hit(&machine) - WAIT;
    assert_eq!(cycles(&machine, &store), expected);
    // Given a store of part of a line, L2 fetches the rest first.
    let mut part = line_access(0);
    part.active_lanes = 15;
    let store = Program::of(vec![Op::Store.tagged(0)]).with_accesses([part]);
    assert_eq!(cycles(&machine, &store), expected + l2_miss(&machine) - l2_hit(&machine));
}

/// Cycles of a single sparse load of a column of one dense line.
fn sparse_load(machine: &Machine) -> u64 {
    let program = Program::of(vec![Op::SparseLoad.tagged(0), Op::Wait { vector: 0, lds: ANY }.into()])
        .with_accesses([line_access(0)]);
    let matrix = registered(16, 1, |row, _| row as f32);
    run_with(machine, &program, Some(matrix)).expect("no error").cycles
}

#[test]
fn a_hasty_sparse_load_takes_the_way_through_the_engine() {
    let machine = machine();
    let engine = &machine.engine;
    let way = 2 * engine.link_latency
        + engine.sib.latency
        + engine.processor_latency
        + engine.prefetch_buffer.latency;
    assert_eq!(sparse_load(&machine), nothing(&machine) + l2_miss(&machine) + u64::from(way));
}

#[test]
fn a_latency_of_the_engine_longer_by_one_delays_a_sparse_load_by_one() {
    type Change = fn(&mut Machine);
    let parameters: [(&str, Change, u64); 5] = [
        ("engine.link_latency", |m| m.engine.link_latency += 1, 2),
        ("engine.sib.latency", |m| m.engine.sib.latency += 1, 1),
        ("engine.processor_latency", |m| m.engine.processor_latency += 1, 1),
        ("engine.prefetch_buffer.latency", |m| m.engine.prefetch_buffer.latency += 1, 1),
        ("l2.tag_latency", |m| m.gpu.l2.tag_latency += 1, 1),
    ];
    for (name, change, passes) in parameters {
        let mut changed = machine();
        change(&mut changed);
        assert_eq!(sparse_load(&changed) - sparse_load(&machine()), passes, "{name}");
    }
}

#[test]
fn a_compacted_line_keeps_its_bit_in_l1_and_l2() {
    // Given a machine where L1 holds one line a set, and a column of two dense lines, all non-zero.
    let mut machine = with_tiny_l1(machine());
    machine.engine.prefetch_buffer.size = Bytes(64);
    let matrix = || registered(16, 2 * L1_SETS, |_, _| 1.0);
    let wait = Op::Wait { vector: 0, lds: ANY };
    let program = |ops: &[(Op, u64)]| {
        let instructions = (0..).zip(ops).flat_map(|(tag, (op, _))| [op.tagged(tag), wait.into()]);
        Program::of(instructions.collect()).with_accesses(ops.iter().map(|(_, line)| line_access(*line)))
    };
    // When the compacted line, the plain one and the compacted one again are read: they are different data,
    // but take the same place in L1.
    let ops = [(Op::SparseLoad, 0), (Op::Load, 0), (Op::SparseLoad, 0), (Op::SparseLoad, 0), (Op::Load, 0)];
    let report = run_with(&machine, &program(&ops), Some(matrix())).expect("no error");
    // Then each change of kind misses in L1, and L2 misses once for each kind.
    assert_eq!((report.l1.hits, report.l1.misses, report.l1.sparse_reads), (1, 4, 3));
    assert_eq!((report.l2.hits, report.l2.misses, report.l2.sparse_reads), (2, 2, 2));
    assert_eq!(report.engine.map(|engine| engine.requests), Some(1));
    assert_eq!(BASE % 64, 0);
}
