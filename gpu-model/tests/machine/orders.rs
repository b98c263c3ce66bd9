//! The order of ticks within a cycle, ticks that nobody asked for, and the number of threads change no result: random
//! programs on random machines.

use std::num::NonZero;

use compaction_engine::Matrix;
use compaction_engine::params::{BehindWindow, BufferPolicy};
use gpu_model::KernelReport;
use gpu_model::gpu::{Execution, Gpu, RunOptions};
use gpu_model::instruction::{ANY, Instruction, Op, VectorAccess};
use gpu_model::params::Machine;
use mem_hierarchy::dram::{Preset, Refresh};
use proptest::prelude::*;
use sim_core::TickOrder;
use sim_core::params::{Bytes, Hertz};

use crate::bench::{Program, lines_access, registered, tries};

fn report(
    machine: &Machine,
    program: &Program,
    matrix: Option<Matrix>,
    (order, threads): (TickOrder, usize),
) -> KernelReport {
    let gpu = Gpu::new(machine, matrix).expect("a machine that can be built");
    let threads = NonZero::new(threads).expect("at least one");
    let execution = Execution { order, threads };
    let report = gpu.run(program, RunOptions { execution, memory: None, progress: &mut |_, _| {} });
    KernelReport { wakeups: 0, ..report.unwrap_or_else(|error| panic!("{order:?} {threads}: {error}")) }
}

const ASCENDING: (TickOrder, usize) = (TickOrder::Ascending, 1);

/// Orders and numbers of threads.
const OTHERS: [(TickOrder, usize); 6] = [
    (TickOrder::Descending, 1),
    (TickOrder::Shuffled(1), 1),
    (TickOrder::Shuffled(2), 2),
    (TickOrder::Everything, 1),
    (TickOrder::Ascending, 2),
    (TickOrder::Ascending, 3),
];

/// A few lines for an access, by a seed: neighbours, or far apart.
fn lines(seed: u64, count: usize, spread: u64) -> Vec<u64> {
    (0..count as u64)
        .map(|i| (seed.wrapping_mul(0x9e37_79b9) >> 8).wrapping_add(i * 37 * spread) % 20_000)
        .collect()
}

fn access() -> impl Strategy<Value = VectorAccess> {
    (any::<u32>(), 1usize..=16, 0u64..3, 1u32..=4).prop_map(|(seed, count, spread, part)| {
        let mut access = lines_access(&lines(seed.into(), count, spread));
        if part == 1 {
            access.active_lanes -= 1;
        }
        access
    })
}

/// Instructions that leave barriers out: those are put in for all wavefronts alike.
fn instruction(accesses: u32) -> impl Strategy<Value = Instruction> {
    prop_oneof![
        3 => (0..accesses).prop_map(|tag| Op::Load.tagged(tag)),
        2 => (0..accesses).prop_map(|tag| Op::Store.tagged(tag)),
        1 => (0u32..4).prop_map(|vector| Op::Wait { vector, lds: ANY }.into()),
        1 => Just(Op::Wait { vector: ANY, lds: 0 }.into()),
        1 => (1u32..30).prop_map(|count| Op::Valu { count }.into()),
        1 => (1u32..5).prop_map(|count| Op::Salu { count }.into()),
        1 => (1u32..4, 1u32..9).prop_map(|(count, cycles)| Op::Lds { count, cycles }.into()),
        1 => Just(Op::ScalarLoad.into()),
        1 => any::<bool>().prop_map(|taken| Op::Branch { taken }.into()),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let wavefront = prop::collection::vec(instruction(8), 1..25);
    (prop::collection::vec(wavefront, 1..4), prop::collection::vec(access(), 8), 1u64..12).prop_map(
        |(mut wavefronts, accesses, workgroups)| {
            for wavefront in &mut wavefronts {
                wavefront.insert(wavefront.len() / 2, Op::Barrier.into());
            }
            let mut program = Program::of_wavefronts(wavefronts).with_accesses(accesses);
            program.workgroups = workgroups;
            program
        },
    )
}

/// Small machines, with queues so short that everybody waits for everybody.
fn machine() -> impl Strategy<Value = Machine> {
    let shape = (1u32..5, 0u32..3, 0u32..3, 0u32..7);
    let queues = (1u32..4, 1u32..6, 1u32..6, 1u32..6);
    let refresh = prop::sample::select(Refresh::ALL);
    let memory = (prop::sample::select(Preset::ALL), 1u32..40, 1u32..40, 1u64..9, refresh);
    (shape, queues, memory, any::<bool>()).prop_map(
        |(
            (cus, slices, shared, interleave),
            (crossbar, l1, l2, queue),
            (preset, reads, writes, clock, refresh),
            tlb,
        )| {
            let mut machine = Machine::default();
            let gpu = &mut machine.gpu;
            gpu.compute_units = cus;
            gpu.cus_per_array = 2;
            gpu.clock = Hertz::mhz(clock * 317);
            gpu.l1.write_buffer = crossbar;
            gpu.l1.mshrs = l1;
            gpu.l1.size = Bytes::kib(1);
            gpu.l2.mshrs = l2;
            gpu.dispatch.latency = queue;
            gpu.l2.slices = 1 << slices;
            gpu.l2.size = Bytes::kib(16);
            gpu.l2.interleave = Bytes(64 << interleave);
            gpu.translation.enabled = tlb;
            gpu.translation.l1_entries = 2;
            gpu.dram.preset = preset.to_owned();
            gpu.dram.channels = 1 << slices.saturating_sub(shared);
            gpu.dram.read_queue = reads;
            gpu.dram.write_queue = writes;
            gpu.dram.write_high_watermark = writes.div_ceil(2).max(1);
            gpu.dram.write_low_watermark = writes / 4;
            gpu.dram.refresh = refresh.to_owned();
            machine
        },
    )
}

/// Engines of the smallest and of middling sizes.
fn engine() -> impl Strategy<Value = compaction_engine::params::Engine> {
    let sib = (prop::sample::select(vec![32u64, 64, 256, 4096]), any::<bool>(), any::<bool>());
    let buffer = (prop::sample::select(vec![1u64, 2, 3, 8, 40]), 1u32..5, any::<bool>());
    let window = (1u32..6, 1u32..4, 1u32..6, 1u32..4);
    (sib, buffer, window).prop_map(
        |((sib, cmi, resume), (lines, lane, drop), (prefetch, processors, outstanding, queue))| {
            let mut engine = compaction_engine::params::Engine::default();
            engine.sib.size = Bytes(sib);
            engine.sib.banks = 2;
            engine.sib.cmi = cmi;
            engine.sib.behind_window = if resume { BehindWindow::Resume } else { BehindWindow::Restart };
            engine.prefetch_buffer.size = Bytes(64 * lines);
            engine.prefetch_buffer.lane_lines = lane;
            engine.prefetch_buffer.policy = if drop { BufferPolicy::DropLru } else { BufferPolicy::Throttle };
            engine.prefetch_length = prefetch;
            engine.processors = processors;
            engine.outstanding_per_channel = outstanding;
            engine.queue = queue;
            engine.l2_ways = 1;
            engine
        },
    )
}

proptest! {
    #![proptest_config(tries(60))]

    #[test]
    fn of_plain_memory(program in program(), machine in machine()) {
        let ascending = report(&machine, &program, None, ASCENDING);
        for order in OTHERS {
            prop_assert_eq!(&report(&machine, &program, None, order), &ascending, "{:?}", order);
        }
    }

    #[test]
    fn of_the_engine(
        machine in machine(), engine in engine(), rows in 1u32..300, zeros in 0u32..8, seed in any::<u32>(),
        touches in prop::collection::vec((0u64..8, 0u64..18, 0u32..40), 1..60),
    ) {
        let machine = Machine { engine, ..machine };
        let ldb_lines = u64::from(rows).div_ceil(16);
        // B with a share of zeros, in runs, so that whole lines are zero too.
        let value = move |row: u32, column: u64| {
            let hash = (row / 8 * 40_503 + row * 7 + column as u32 * 65_537).wrapping_mul(seed | 1) >> 13;
            if hash % 8 < zeros { 0.0 } else { 1.0 + row as f32 }
        };
        // Wavefronts that read compacted lines in any order, again and again.
        let accesses: Vec<VectorAccess> = touches
            .iter()
            .map(|(column, line, _)| lines_access(&[column * ldb_lines + line % ldb_lines]))
            .collect();
        let mut wavefronts = vec![Vec::new(); 3];
        for (tag, (column, _, idle)) in touches.iter().enumerate() {
            let wavefront: &mut Vec<Instruction> = &mut wavefronts[*column as usize % 3];
            wavefront.push(Op::SparseLoad.tagged(tag as u32));
            wavefront.push(Op::Wait { vector: idle % 5, lds: ANY }.into());
            wavefront.push(Op::Special { count: *idle }.into());
        }
        let mut program = Program::of_wavefronts(wavefronts).with_accesses(accesses);
        program.workgroups = 3;
        let matrix = || Some(registered(rows, 8, value));
        let ascending = report(&machine, &program, matrix(), ASCENDING);
        let stats = ascending.engine.as_ref().expect("an engine");
        prop_assert_eq!(stats.requests, stats.lane_hits + stats.accurate + stats.prudent + stats.hasty);
        prop_assert!(stats.buffer_peak_lines <= machine.engine.prefetch_buffer.size.0 / 64);
        for order in OTHERS {
            prop_assert_eq!(&report(&machine, &program, matrix(), order), &ascending, "{:?}", order);
        }
    }
}
