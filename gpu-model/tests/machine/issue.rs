//! When instructions issue: dependence, units shared, LDS banks, barriers, limits of what is in flight.

use gpu_model::instruction::{ANY, Instruction, Op};
use gpu_model::lds::bank_cycles;
use gpu_model::params::Machine;

use crate::bench::{Program, cycles, line_access, lines_access, machine, nothing, run};

fn valu(count: u32) -> Vec<Instruction> {
    vec![Op::Valu { count }.into()]
}

/// Cycles that instructions add to a kernel of these wavefronts.
fn added(machine: &Machine, wavefronts: Vec<Vec<Instruction>>) -> u64 {
    cycles(machine, &Program::of_wavefronts(wavefronts)) - nothing(machine)
}

#[test]
fn a_lone_wavefront_issues_dependent_vector_instructions_every_five_cycles() {
    for count in [1, 2, 7, 100] {
        // Given a run as one instruction, or one by one: the same time.
        assert_eq!(added(&machine(), vec![valu(count)]), 5 * u64::from(count));
        let single = (0..count).flat_map(|_| valu(1)).collect();
        assert_eq!(added(&machine(), vec![single]), 5 * u64::from(count));
    }
}

#[test]
fn two_wavefronts_share_a_simd_at_four_cycles_an_instruction() {
    let machine = machine();
    // The last of 2 n instructions issues at 4 (2 n - 1), and is followed 5 cycles later.
    for count in [1, 2, 50] {
        let expected = 4 * (2 * u64::from(count) - 1) + 5;
        assert_eq!(added(&machine, vec![valu(count), valu(count)]), expected, "{count} each");
    }
    // Given a SIMD each, they do not see each other.
    let mut two = machine.clone();
    two.gpu.cu.simds = 2;
    assert_eq!(added(&two, vec![valu(50), valu(50)]), 250);
    // Given SIMDs of 32 lanes, an instruction holds them for two cycles only: latency bounds.
    let mut wide = machine;
    wide.gpu.cu.simd_lanes = 32;
    assert_eq!(added(&wide, vec![valu(50), valu(50)]), 250 + 2);
}

#[test]
fn wavefronts_on_a_full_simd_take_turns() {
    // Given 10 wavefronts of 20 instructions, 200 instructions issue back to back: the pool never idles.
    let report = run(&machine(), &Program::of_wavefronts(vec![valu(20); 10]));
    assert_eq!(report.cycles - nothing(&machine()), 4 * 199 + 5);
    assert_eq!((report.compute.instructions.valu, report.compute.simd_busy_cycles), (200, 800));
}

#[test]
fn the_scalar_unit_is_shared_by_the_simds() {
    let mut machine = machine();
    machine.gpu.cu.simds = 2;
    let salu = |count| vec![Op::Salu { count }.into()];
    assert_eq!(added(&machine, vec![salu(10)]), 40);
    // The second wavefront's run enters the unit when the first one's has.
    assert_eq!(added(&machine, vec![salu(10), salu(10)]), 50);
}

#[test]
fn a_taken_branch_fetches_anew() {
    let branch = |taken| vec![Op::Branch { taken }.into()];
    assert_eq!(added(&machine(), vec![branch(false)]), 3);
    assert_eq!(added(&machine(), vec![branch(true)]), 3 + 10);
}

#[test]
fn scalar_loads_are_cold_once() {
    let load = vec![Op::ScalarLoad.into(), Op::Wait { vector: ANY, lds: 0 }.into()];
    assert_eq!(added(&machine(), vec![load.clone()]), 150 + 1);
    assert_eq!(added(&machine(), vec![[load.clone(), load].concat()]), 150 + 1 + 18 + 1);
}

/// An LDS read of 4 bytes a lane at the given distance, awaited.
fn lds_read(machine: &Machine, stride: u32) -> Vec<Instruction> {
    let addresses: Vec<Option<u32>> = (0..64).map(|lane| Some(lane * stride)).collect();
    let cycles = bank_cycles(&machine.gpu.cu.lds, &addresses, 4);
    vec![Op::Lds { count: 1, cycles }.into(), Op::Wait { vector: ANY, lds: 0 }.into()]
}

#[test]
fn bank_conflicts_lengthen_an_lds_read() {
    let machine = machine();
    let latency = u64::from(machine.gpu.cu.lds.latency);
    // Given strides of 1, 2, 4 ... 32 words over 32 banks, 64 lanes take 2, 4, 8 ... 64 cycles.
    for doublings in 0..6 {
        let read = lds_read(&machine, 4 << doublings);
        assert_eq!(added(&machine, vec![read]), (2 << doublings) + latency + 1, "2^{doublings} words apart");
    }
    // Given an LDS without conflicts, one cycle whatever the stride.
    let mut ideal = machine;
    ideal.gpu.cu.lds.conflicts = false;
    assert_eq!(added(&ideal, vec![lds_read(&ideal, 128)]), 1 + latency + 1);
}

#[test]
fn lds_reads_of_two_wavefronts_queue_for_its_banks() {
    let mut machine = machine();
    machine.gpu.cu.simds = 2;
    let latency = u64::from(machine.gpu.cu.lds.latency);
    let read = || lds_read(&machine, 128);
    assert_eq!(added(&machine, vec![read(), read()]), 64 + 64 + latency + 1);
}

#[test]
fn a_barrier_holds_the_early_wavefront() {
    let mut machine = machine();
    machine.gpu.cu.simds = 2;
    let after =
        |idle| vec![Op::Special { count: idle }.into(), Op::Barrier.into(), Op::Special { count: 7 }.into()];
    // Given wavefronts that come to the barrier after 10 and 100 cycles, both go on one cycle after the later.
    assert_eq!(added(&machine, vec![after(10), after(100)]), 100 + 1 + 7);
    assert_eq!(added(&machine, vec![after(100), after(10)]), 100 + 1 + 7);
}

#[test]
fn barriers_hold_again_and_again() {
    let mut machine = machine();
    machine.gpu.cu.simds = 4;
    // Given four wavefronts of which another one is late each time.
    let rounds = |late: u32| -> Vec<Instruction> {
        (0..12)
            .flat_map(|round| {
                let count = if round % 4 == late { 50 } else { 1 };
                [Op::Special { count }.into(), Op::Barrier.into()]
            })
            .collect()
    };
    assert_eq!(added(&machine, (0..4).map(rounds).collect()), 12 * (50 + 1));
}

#[test]
fn a_barrier_waits_for_surviving_wavefronts_only() {
    // As GCN3 has it: wavefronts that have ended are not waited for.
    let mut machine = machine();
    machine.gpu.cu.simds = 2;
    let early = vec![Op::Barrier.into(), Op::Barrier.into()];
    let late = vec![Op::Barrier.into(), Op::Special { count: 30 }.into()];
    assert_eq!(added(&machine, vec![early, late]), 1 + 30 + 1);
}

#[test]
fn one_mshr_makes_misses_wait_for_each_other() {
    let base = machine();
    let load = |machine: &Machine, lines: &[u64]| {
        let wait = Op::Wait { vector: 0, lds: ANY };
        let program = Program::of(vec![Op::Load.tagged(0), wait.into()]);
        cycles(machine, &program.with_accesses([lines_access(lines)]))
    };
    let one = load(&base, &[0]);
    // Given MSHRs enough, four lines follow each other at one a cycle.
    assert_eq!(load(&base, &[0, 1, 2, 3]), one + 3);
    // Given one MSHR in L1, each waits for the line before it: from its look-up to that line's arrival.
    let mut l1 = base.clone();
    l1.gpu.l1.mshrs = 1;
    let l1_round_trip = u64::from(
        l1.gpu.l1.tag_latency + 2 * l1.gpu.crossbar.latency + l1.gpu.l2.tag_latency + l1.gpu.l2.latency,
    ) + 1
        + 100
        + 1
        - 1; // the arrival's last step, to the compute unit, is not part of it
    assert_eq!(load(&l1, &[0, 1, 2, 3]), one + 3 * l1_round_trip);
    // Given one MSHR in the L2 slice, from its look-up to memory's answer.
    let mut l2 = base.clone();
    l2.gpu.l2.mshrs = 1;
    let l2_round_trip = u64::from(l2.gpu.l2.tag_latency) + 1 + 100 + 1;
    assert_eq!(load(&l2, &[0, 1, 2, 3]), one + 3 * l2_round_trip);
    // Given two, they go in pairs.
    (l1.gpu.l1.mshrs, l2.gpu.l2.mshrs) = (2, 2);
    assert_eq!(load(&l1, &[0, 1, 2, 3]), one + l1_round_trip + 1);
    assert_eq!(load(&l2, &[0, 1, 2, 3]), one + l2_round_trip + 1);
    // Given the same line again, one MSHR is enough.
    l1.gpu.l1.mshrs = 1;
    assert_eq!(load(&l1, &[0]), one);
}

#[test]
fn two_loads_of_one_line_are_one_miss() {
    let machine = machine();
    let program =
        Program::of(vec![Op::Load.tagged(0), Op::Load.tagged(0), Op::Wait { vector: 0, lds: ANY }.into()])
            .with_accesses([line_access(0)]);
    let report = run(&machine, &program);
    assert_eq!((report.l1.reads, report.l1.misses, report.l1.merged), (2, 1, 1));
    // Both come with the one line: the second leaves L1 a cycle after the first.
    let one = cycles(&machine, &Program::loads_in_turn(&[0]));
    assert_eq!(report.cycles, one + 1);
}

#[test]
fn lines_in_flight_are_limited() {
    let mut machine = machine();
    let program = || {
        Program::of(vec![Op::Load.tagged(0), Op::Load.tagged(1), Op::Wait { vector: 0, lds: ANY }.into()])
            .with_accesses([line_access(0), line_access(1)])
    };
    let goes_on = u64::from(machine.gpu.cu.vmem.issue_latency) + 1;
    let one = cycles(&machine, &Program::loads_in_turn(&[0]));
    assert_eq!(cycles(&machine, &program()), one + goes_on);
    // Given room for one line, the second load issues when the first one's line is there.
    machine.gpu.cu.vmem.in_flight = 1;
    assert_eq!(cycles(&machine, &program()), one + (one - nothing(&machine) - 1));
    // An access of more lines than that goes alone.
    let wide = Program::of(vec![Op::Load.tagged(0), Op::Wait { vector: 0, lds: ANY }.into()])
        .with_accesses([lines_access(&[0, 1, 2, 3])]);
    assert_eq!(cycles(&machine, &wide), one + 3);
}

#[test]
fn an_access_holds_the_coalescer_for_its_lines() {
    // Given a wavefront that goes on with other work when its access has left the coalescer.
    for (per_cycle, busy) in [(1, 16), (2, 8), (3, 6), (16, 1)] {
        let mut machine = machine();
        machine.gpu.cu.vmem.lines_per_cycle = per_cycle;
        let lines: Vec<u64> = (0..16).collect();
        let instructions = vec![Op::Load.tagged(0), Op::Special { count: 1_000 }.into()];
        let program = Program::of(instructions).with_accesses([lines_access(&lines)]);
        let issue = u64::from(machine.gpu.cu.vmem.issue_latency);
        assert_eq!(
            cycles(&machine, &program),
            nothing(&machine) + issue + busy + 1_000,
            "{per_cycle} a cycle"
        );
        // Another wavefront's access waits until those lines are out.
        let load = || vec![Op::Load.tagged(0)];
        let second = [load(), vec![Op::Special { count: 1_000 }.into()]].concat();
        let program = Program::of_wavefronts(vec![load(), second]).with_accesses([lines_access(&lines)]);
        assert_eq!(cycles(&machine, &program), nothing(&machine) + busy + issue + busy + 1_000);
    }
}

#[test]
fn a_wavefront_has_at_most_fifteen_vector_memory_instructions_outstanding() {
    let machine = machine();
    let loads = |count: u64| {
        let mut instructions: Vec<Instruction> = (0..count as u32).map(|tag| Op::Load.tagged(tag)).collect();
        instructions.push(Op::Wait { vector: 0, lds: ANY }.into());
        Program::of(instructions).with_accesses((0..count).map(line_access))
    };
    let goes_on = u64::from(machine.gpu.cu.vmem.issue_latency) + 1;
    let one = cycles(&machine, &loads(1));
    assert_eq!(cycles(&machine, &loads(15)), one + 14 * goes_on);
    // The sixteenth issues when the first is there.
    assert_eq!(cycles(&machine, &loads(16)), one + (one - nothing(&machine) - 1));
}

#[test]
fn workgroups_are_dispatched_at_their_interval_and_by_their_registers() {
    let machine = machine();
    let mut program = Program::of(valu(100));
    program.workgroups = 2;
    // Given room for two, the second starts an interval later, and shares the SIMD.
    let alone = nothing(&machine) + 500;
    let both = cycles(&machine, &program);
    assert!(both >= nothing(&machine) + 4 * 199 + 5 && both <= nothing(&machine) + 4 * 199 + 5 + 4, "{both}");
    // Given registers for one, it is dispatched when the first is complete; its code is warm by then.
    program.vgprs = 132;
    let (latency, fetch) = (machine.gpu.dispatch.latency, machine.gpu.cu.fetch_latency);
    assert_eq!(cycles(&machine, &program), alone + u64::from(2 * latency + fetch) + 500);
    // Given two compute units, they do not see each other.
    let mut two = machine;
    two.gpu.compute_units = 2;
    assert_eq!(cycles(&two, &program), alone + u64::from(two.gpu.dispatch.interval) - 4);
}

#[test]
fn the_dispatcher_lets_its_interval_pass_between_workgroups() {
    // Given ten workgroups for ten compute units that fetch apart, the last one starts nine intervals later.
    for interval in [1, 4, 7] {
        let mut machine = machine();
        machine.gpu.compute_units = 10;
        machine.gpu.cus_per_array = 1;
        machine.gpu.dispatch.interval = interval;
        let mut program = Program::of(Vec::new());
        program.workgroups = 10;
        assert_eq!(cycles(&machine, &program), nothing(&machine) + 9 * u64::from(interval));
    }
    // Given a dispatcher that completions hold up, the second round waits for those of the first.
    let mut machine = machine();
    machine.gpu.cus_per_array = 1;
    machine.gpu.cu.wavefronts = 1;
    machine.gpu.dispatch.completion = 30;
    let mut program = Program::of(Vec::new());
    program.workgroups = 2;
    let second = u64::from(2 * machine.gpu.dispatch.latency + machine.gpu.cu.fetch_latency);
    assert_eq!(cycles(&machine, &program), nothing(&machine) + 30 + second);
}
