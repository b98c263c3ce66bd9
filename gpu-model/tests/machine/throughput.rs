//! Bandwidths: never more than the wires carry, and about that much where enough is in flight.

use gpu_model::instruction::{ANY, Instruction, Op};
use gpu_model::params::Machine;
use sim_core::params::Bytes;

use crate::bench::{Program, cycles, lines_access, machine, nothing, run};

/// Workgroups that each load 16 lines, `rounds` times over; the same lines for all.
fn stream(workgroups: u64, rounds: u32, distinct: u64) -> Program {
    let mut instructions: Vec<Instruction> = (0..rounds).map(|tag| Op::Load.tagged(tag)).collect();
    instructions.push(Op::Wait { vector: 0, lds: ANY }.into());
    let mut program = Program::of(instructions).with_accesses((0..u64::from(rounds)).map(|round| {
        let lines: Vec<u64> = (0..16).map(|i| (round * 16 + i) % distinct).collect();
        lines_access(&lines)
    }));
    program.workgroups = workgroups;
    program
}

/// A machine that can have very many lines in flight.
fn wide(compute_units: u32) -> Machine {
    let mut machine = machine();
    let gpu = &mut machine.gpu;
    gpu.compute_units = compute_units;
    gpu.l1.mshrs = 1024;
    gpu.l2.mshrs = 4096;
    gpu.cu.vmem.in_flight = 65_536;
    gpu.cu.wavefronts = 64;
    gpu.dispatch.interval = 1;
    machine
}

#[test]
fn l1_hands_out_one_line_a_cycle() {
    // Given lines that hit, however many of them the coalescer asks for in a cycle.
    for per_cycle in [1, 2, 4] {
        let mut machine = wide(1);
        machine.gpu.cu.vmem.lines_per_cycle = per_cycle;
        let (small, large) = (stream(200, 1, 16), stream(400, 1, 16));
        let time = cycles(&machine, &large) - cycles(&machine, &small);
        assert_eq!(time, 200 * 16, "{per_cycle} lines a cycle");
    }
}

#[test]
fn a_slice_answers_as_many_lines_a_cycle_as_it_may() {
    // Given four compute units whose L1 holds no line long enough, all reading from one L2 slice.
    let mut machine = wide(4);
    machine.gpu.l1.size = Bytes::kib(1);
    machine.gpu.l1.ways = 1;
    let program = stream(64, 15, 240);
    let report = run(&machine, &program);
    let requests = report.l2.reads;
    assert!(requests > 4_000, "{requests}");
    let time = report.cycles - nothing(&machine);
    assert!(time >= requests && time <= requests + requests / 20 + 600, "{requests} lines in {time} cycles");
}

#[test]
fn a_longer_way_is_no_narrower_one() {
    // Given a stream of L2 hits with enough in flight, when a latency on its way grows by 300 cycles, the
    // stream takes about those longer, not many times.
    let mut base = wide(4);
    base.gpu.l1.size = Bytes::kib(1);
    base.gpu.l1.ways = 1;
    let program = stream(64, 15, 240);
    let short = cycles(&base, &program);
    type Change = fn(&mut Machine);
    let changes: [(&str, Change); 4] = [
        ("l1.tag_latency", |m| m.gpu.l1.tag_latency += 300),
        ("crossbar.latency", |m| m.gpu.crossbar.latency += 300),
        ("l2.latency", |m| m.gpu.l2.latency += 300),
        ("cu.vmem.pipeline_latency", |m| m.gpu.cu.vmem.pipeline_latency += 300),
    ];
    let narrow: Vec<String> = changes
        .iter()
        .filter_map(|(name, change)| {
            let mut machine = base.clone();
            change(&mut machine);
            let long = cycles(&machine, &program);
            (long > short + short / 4 + 1_200).then(|| format!("{name}: {long} instead of {short}"))
        })
        .collect();
    assert!(narrow.is_empty(), "{narrow:?}");
}

#[test]
fn memory_is_never_faster_than_its_pins() {
    let mut machine = wide(4);
    for (channels, expected) in [(1, 1), (2, 2), (4, 4)] {
        machine.gpu.l2.slices = 4;
        machine.gpu.l2.interleave = Bytes(64);
        machine.gpu.dram.channels = channels;
        // Given 64 wavefronts that read 240 lines each, all different ... of one channel's one line a cycle.
        let report = run(&machine, &stream(1, 15, 240));
        assert_eq!(report.dram.reads, 240);
        let time = report.cycles - nothing(&machine);
        assert!(time >= 240 / expected, "{time} cycles for 240 lines over {channels} channels");
    }
}

#[test]
fn writes_that_wait_for_one_line_are_all_acknowledged() {
    // Given a slow memory, and 40 wavefronts that each store 15 times into parts of the same 16 lines: L2
    // fetches these lines once, and all the writes wait for them.
    let mut machine = machine();
    machine.gpu.cu.simds = 4;
    machine.gpu.dram.ideal_latency = 5_000;
    let lines: Vec<u64> = (0..16).collect();
    let mut access = lines_access(&lines);
    access.active_lanes = 2;
    let mut program = Program::of((0..15).map(|_| Op::Store.tagged(0)).collect()).with_accesses([access]);
    program.workgroups = 40;
    let report = run(&machine, &program);
    // Then each is acknowledged, and counted once.
    assert_eq!((report.l2.writes, report.l2.misses), (40 * 15 * 16, 16));
    assert_eq!(report.l2.hits + report.l2.merged + report.l2.misses, report.l2.writes);
    assert_eq!((report.dram.reads, report.dirty_lines_drained), (16, 16));
}

#[test]
fn writes_that_find_the_write_buffer_full_hold_up_the_hits_behind_them() {
    // Given a line in L1, then stores to many lines, then a load of that line.
    let mut machine = machine();
    let wait = |vector| Op::Wait { vector, lds: ANY }.into();
    let instructions = [Op::Load.tagged(0), wait(0), Op::Store.tagged(1), Op::Load.tagged(0)];
    let stores: Vec<u64> = (1..17).collect();
    let program =
        Program::of(instructions.to_vec()).with_accesses([lines_access(&[0]), lines_access(&stores)]);
    let mut latency = |buffer| {
        machine.gpu.l1.write_buffer = buffer;
        run(&machine, &program).l1.read_latency.sum
    };
    // Then the load waits for a write's way to L2 and back, where 16 writes find 15 places, and not with 16.
    assert_eq!(latency(16), latency(64));
    assert!(latency(15) > latency(16));
}
