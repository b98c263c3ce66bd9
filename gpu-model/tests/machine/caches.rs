//! Caches against an independent replay: what one wavefront reads and writes, one line after the other,
//! counted by a plain list of recently used lines.

use std::collections::BTreeSet;

use gpu_model::KernelReport;
use gpu_model::instruction::{ANY, Instruction, Op, VectorAccess};
use gpu_model::params::Machine;
use proptest::prelude::*;
use sim_core::params::Bytes;

use crate::bench::{BASE, Program, line_access, machine, run, tries};

/// What is done to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Read,
    WriteFull,
    WritePart,
}

fn program(touches: &[(Touch, u64)]) -> Program {
    let mut instructions: Vec<Instruction> = Vec::new();
    let mut accesses: Vec<VectorAccess> = Vec::new();
    for (touch, line) in touches {
        let mut access = line_access(*line);
        access.active_lanes -= u32::from(*touch == Touch::WritePart);
        let op = if *touch == Touch::Read { Op::Load } else { Op::Store };
        instructions.push(op.tagged(accesses.len() as u32));
        instructions.push(Op::Wait { vector: 0, lds: ANY }.into());
        accesses.push(access);
    }
    Program::of(instructions).with_accesses(accesses)
}

/// A cache as a list of lines a set, the most recently used last.
struct Lru {
    sets: Vec<Vec<u64>>,
    ways: usize,
}

impl Lru {
    fn new(bytes: u64, ways: u32) -> Self {
        let sets = bytes / 64 / u64::from(ways);
        Self { sets: vec![Vec::new(); sets as usize], ways: ways as usize }
    }

    fn set(&mut self, line: u64) -> &mut Vec<u64> {
        let sets = self.sets.len() as u64;
        &mut self.sets[((BASE / 64 + line) % sets) as usize]
    }

    /// Whether the line is there; it is the most recently used then.
    fn touch(&mut self, line: u64) -> bool {
        let set = self.set(line);
        let Some(at) = set.iter().position(|l| *l == line) else { return false };
        set.remove(at);
        set.push(line);
        true
    }

    /// Puts a line in; returns the one that had to leave.
    fn insert(&mut self, line: u64) -> Option<u64> {
        let ways = self.ways;
        let set = self.set(line);
        set.push(line);
        (set.len() > ways).then(|| set.remove(0))
    }
}

/// Counters that the replay and the machine must agree on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    l1_hits: u64,
    l1_misses: u64,
    l1_evictions: u64,
    l2_reads: u64,
    l2_writes: u64,
    l2_hits: u64,
    l2_misses: u64,
    l2_evictions: u64,
    l2_writebacks: u64,
    dram_reads: u64,
    dram_writes: u64,
    dirty_at_the_end: u64,
}

impl Counts {
    fn of(report: &KernelReport) -> Self {
        assert_eq!(report.l1.merged + report.l2.merged, 0, "nothing overlaps");
        Self {
            l1_hits: report.l1.hits,
            l1_misses: report.l1.misses,
            l1_evictions: report.l1.evictions,
            l2_reads: report.l2.reads,
            l2_writes: report.l2.writes,
            l2_hits: report.l2.hits,
            l2_misses: report.l2.misses,
            l2_evictions: report.l2.evictions,
            l2_writebacks: report.l2.writebacks,
            dram_reads: report.dram.reads,
            dram_writes: report.dram.writes,
            dirty_at_the_end: report.dirty_lines_drained,
        }
    }

    fn replayed(machine: &Machine, touches: &[(Touch, u64)]) -> Self {
        let mut l1 = Lru::new(machine.gpu.l1.size.0, machine.gpu.l1.ways);
        let mut l2 = Lru::new(machine.gpu.l2.size.0, machine.gpu.l2.ways);
        let mut dirty = BTreeSet::new();
        let mut counts = Self::default();
        for &(touch, line) in touches {
            let hit = l1.touch(line);
            counts.l1_hits += u64::from(hit);
            counts.l1_misses += u64::from(!hit);
            if touch == Touch::Read && hit {
                continue;
            }
            if touch == Touch::Read {
                counts.l2_reads += 1;
            } else {
                counts.l2_writes += 1;
            }
            if l2.touch(line) {
                counts.l2_hits += 1;
            } else {
                counts.l2_misses += 1;
                counts.dram_reads += u64::from(touch != Touch::WriteFull);
                if let Some(left) = l2.insert(line) {
                    counts.l2_evictions += 1;
                    if dirty.remove(&left) {
                        counts.l2_writebacks += 1;
                        counts.dram_writes += 1;
                    }
                }
            }
            if touch == Touch::Read {
                // Read lines come into L1, written ones do not.
                counts.l1_evictions += u64::from(l1.insert(line).is_some());
            } else {
                dirty.insert(line);
            }
        }
        counts.dirty_at_the_end = dirty.len() as u64;
        counts
    }
}

fn touches() -> impl Strategy<Value = Vec<(Touch, u64)>> {
    let touch = prop_oneof![4 => Just(Touch::Read), 1 => Just(Touch::WriteFull), 1 => Just(Touch::WritePart)];
    // Neighbours and lines of one set, more of them than the caches hold.
    let line = prop_oneof![0u64..40, (0u64..24).prop_map(|i| i * 16), (0u64..600)];
    prop::collection::vec((touch, line), 1..400)
}

proptest! {
    #![proptest_config(tries(40))]

    #[test]
    fn caches_count_what_a_plain_replay_counts(
        touches in touches(), l1_ways in 0u32..4, l2_ways in 0u32..5,
    ) {
        let mut machine = machine();
        machine.gpu.l1.size = Bytes::kib(1);
        machine.gpu.l1.ways = 1 << l1_ways;
        machine.gpu.l2.size = Bytes::kib(16);
        machine.gpu.l2.ways = 1 << l2_ways;
        let report = run(&machine, &program(&touches));
        prop_assert_eq!(Counts::of(&report), Counts::replayed(&machine, &touches));
    }

    #[test]
    fn slices_and_channels_change_where_lines_lie_and_nothing_else(
        touches in touches(), slices in 0u32..4, shared in 0u32..4, interleave in 0u32..7,
    ) {
        // Given caches so large that nothing leaves.
        let mut machine = machine();
        machine.gpu.l1.size = Bytes::kib(64);
        let alone = run(&machine, &program(&touches));
        machine.gpu.l2.slices = 1 << slices;
        machine.gpu.dram.channels = 1 << slices.saturating_sub(shared);
        machine.gpu.l2.interleave = Bytes(64 << interleave);
        let report = run(&machine, &program(&touches));
        prop_assert_eq!(Counts::of(&report), Counts::of(&alone));
        prop_assert_eq!(report.cycles, alone.cycles);
    }
}
