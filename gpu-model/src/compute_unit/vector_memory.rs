//! The vector memory unit: the coalescer, line requests in flight, and their way back to the wavefronts.

use mem_hierarchy::request::{Access, LineRequest, LineResponse};
use sim_core::Cycle;

use super::outstanding::VectorOp;
use super::{Blocked, ComputeUnit, CuPorts, Delivery, Shared, WAIT_COUNTER_LIMIT};
use crate::instruction::{CoalescedLine, Instruction, Op};
use crate::kernel::{Kernel, Step};
use crate::params;

/// The unit's state, apart from what each wavefront has in flight.
#[derive(Debug)]
pub(super) struct VectorMemory {
    params: params::VectorMemory,
    coalescer_free: Cycle,
    /// Lines in flight, those of `over` included.
    lines: u32,
    /// Instructions of which it is known when their last line arrives: that cycle, and their lines.
    over: Vec<(Cycle, u32)>,
    /// Slots of the wavefronts that wait for room among the lines in flight.
    waiting: Vec<usize>,
    /// Scratch: the lines of an access.
    coalesced: Vec<CoalescedLine>,
}

impl VectorMemory {
    pub(super) fn new(params: &params::VectorMemory) -> Self {
        Self {
            params: params.clone(),
            coalescer_free: Cycle(0),
            lines: 0,
            over: Vec::new(),
            waiting: Vec::new(),
            coalesced: Vec::new(),
        }
    }

    /// Lines in flight, as far as it is known.
    pub(super) fn in_flight(&self) -> u32 {
        self.lines
    }

    /// Books `count` lines in flight. Where there is no room at `now`: when there is next some more, never as long
    /// as that is not known. An access of more lines than may be in flight at all goes alone.
    fn book(&mut self, count: u32, now: Cycle) -> Result<(), Cycle> {
        if self.lines + count > self.params.in_flight || self.over.len() > 64 {
            let lines = &mut self.lines;
            self.over.retain(|(done, count)| {
                *lines -= if *done <= now { *count } else { 0 };
                *done > now
            });
        }
        if self.lines > 0 && self.lines + count > self.params.in_flight {
            return Err(self.over.iter().map(|(done, _)| *done).min().unwrap_or(Cycle::NEVER));
        }
        self.lines += count;
        Ok(())
    }
}

impl<K: Kernel> ComputeUnit<K> {
    pub(super) fn issue_vector_memory(
        &mut self,
        slot: usize,
        instruction: Instruction,
        now: Cycle,
        ports: &mut CuPorts<'_>,
        shared: &mut Shared<'_, K>,
    ) {
        if self.memory.coalescer_free > now {
            self.pool.set(slot, self.memory.coalescer_free);
            return;
        }
        if !self.vector_down_to(WAIT_COUNTER_LIMIT - 1, slot, now, shared) {
            return;
        }
        let Some(wavefront) = &mut self.wavefronts[slot] else { return };
        let access = shared.kernel.access(&wavefront.program, instruction.tag);
        access.coalesce(&mut self.memory.coalesced);
        let count = self.memory.coalesced.len() as u32;
        if let Err(room) = self.memory.book(count, now) {
            if room == Cycle::NEVER {
                wavefront.blocked = Blocked::InFlight;
                self.memory.waiting.push(slot);
            }
            self.pool.set(slot, room);
            return;
        }
        self.stats.instructions.vmem += 1;
        let looked_at = self.verify && instruction.op != Op::Store;
        let number = wavefront.vector.push(VectorOp {
            tag: instruction.tag,
            lines: count,
            lines_left: count,
            done: now,
            loads_from: looked_at.then(|| Box::new(access)),
        });
        let params = &self.memory.params;
        let per_cycle = u64::from(params.lines_per_cycle);
        let issue = u64::from(params.issue_latency);
        let way_to_l1 = issue + u64::from(params.pipeline_latency);
        for (i, line) in self.memory.coalesced.iter().enumerate() {
            let request = LineRequest {
                line: line.line,
                access: match instruction.op {
                    Op::SparseLoad => Access::SparseRead,
                    Op::Store if line.is_full() => Access::WriteFull,
                    Op::Store => Access::WritePart,
                    _ => Access::Read,
                },
                tag: LineTag { slot, number, row: line.row }.pack(),
            };
            let delay = way_to_l1 + i as u64 / per_cycle;
            match &mut self.translator {
                None => ports.to_l1.push(now + delay, request),
                Some(translator) => {
                    let missing = translator.send(request, now, delay, ports.to_l1);
                    ports.untranslated.extend(missing.map(|page| (now, page)));
                }
            }
        }
        let busy = u64::from(count).div_ceil(per_cycle).max(1);
        self.memory.coalescer_free = now + busy;
        if instruction.op == Op::Store {
            self.execute(slot, instruction, Some(&access), shared);
        }
        self.go_on(slot, now + issue + busy, now, shared);
    }

    /// Takes the vector memory instructions of the wavefront of `slot` off that are complete, in order; whether at
    /// most `limit` are left. If not, the wavefront waits for that.
    pub(super) fn vector_down_to(
        &mut self,
        limit: u32,
        slot: usize,
        now: Cycle,
        shared: &mut Shared<'_, K>,
    ) -> bool {
        while let Some(op) = self.wavefronts[slot].as_mut().and_then(|wavefront| wavefront.vector.retire(now))
        {
            if let Some(access) = &op.loads_from {
                self.carry_out(slot, op.tag, Step::Loaded(access), shared);
            }
        }
        let Some(wavefront) = &mut self.wavefronts[slot] else { return false };
        if wavefront.vector.len() <= limit {
            return true;
        }
        let until = wavefront.vector.until(limit);
        wavefront.blocked = if until == Cycle::NEVER { Blocked::Vector(limit) } else { Blocked::No };
        self.pool.set(slot, until);
        false
    }

    /// Takes note that a line, or the acknowledgement of a write, arrives at `at`; L1 tells ahead of time.
    pub fn line_arrives(&mut self, at: Cycle, response: LineResponse) {
        let LineTag { slot, number, row } = LineTag::unpack(response.tag);
        let Some(wavefront) = &mut self.wavefronts[slot] else {
            panic!("compute unit: a line arrives for a wavefront that has ended")
        };
        let op = wavefront.vector.get_mut(number, LineTag::NUMBER_MASK);
        op.lines_left -= 1;
        op.done = op.done.max(at);
        let (tag, lines, lines_left, done) = (op.tag, op.lines, op.lines_left, op.done);
        if let Some(line) = response.data {
            let way = usize::from(response.hit);
            self.compacted[way].push_back((at, Delivery { slot, tag, row, line }));
        }
        if lines_left > 0 {
            return;
        }
        if let Blocked::Vector(limit) = wavefront.blocked {
            let until = wavefront.vector.until(limit);
            if until < Cycle::NEVER {
                wavefront.blocked = Blocked::No;
                self.pool.set(slot, until);
            }
        }
        self.memory.over.push((done, lines));
        for slot in self.memory.waiting.drain(..) {
            if let Some(wavefront) = &mut self.wavefronts[slot] {
                wavefront.blocked = Blocked::No;
                self.pool.set(slot, done);
            }
        }
    }

    /// Hands the compacted lines that have arrived to the kernel.
    pub(super) fn deliver(&mut self, now: Cycle, shared: &mut Shared<'_, K>) {
        for way in &mut self.compacted {
            while let Some((_, delivery)) = way.pop_front_if(|(at, _)| *at <= now) {
                if let Some(wavefront) = &mut self.wavefronts[delivery.slot] {
                    let Delivery { tag, row, line, .. } = delivery;
                    shared.kernel.deliver(&mut wavefront.program, tag, row, &line);
                }
            }
        }
    }
}

/// How a line request names its wavefront, instruction and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LineTag {
    slot: usize,
    /// The lowest bits of the instruction's number among the wavefront's vector memory instructions.
    number: u32,
    row: u32,
}

impl LineTag {
    const NUMBER_MASK: u32 = 0xff;

    fn pack(self) -> u32 {
        (self.slot as u32) << 16 | (self.number & Self::NUMBER_MASK) << 8 | self.row
    }
    fn unpack(tag: u32) -> Self {
        Self { slot: (tag >> 16) as usize, number: tag >> 8 & Self::NUMBER_MASK, row: tag & 0xff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_tags_keep_their_parts() {
        let tag = LineTag { slot: 1023, number: 200, row: 15 };
        assert_eq!(LineTag::unpack(tag.pack()), tag);
    }

    #[test]
    fn lines_in_flight_make_room_when_their_instruction_is_over() {
        let mut memory = VectorMemory::new(&params::VectorMemory { in_flight: 10, ..Default::default() });
        assert_eq!(memory.book(16, Cycle(0)), Ok(())); // goes alone
        assert_eq!(memory.book(1, Cycle(1)), Err(Cycle::NEVER));
        memory.over.push((Cycle(50), 16));
        assert_eq!(memory.book(1, Cycle(49)), Err(Cycle(50)));
        assert_eq!(memory.book(1, Cycle(50)), Ok(()));
        assert_eq!(memory.in_flight(), 1);
    }
}
