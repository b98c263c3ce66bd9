//! A compute unit: wavefronts issue in order to SIMD units, a scalar unit, a branch unit, LDS and a vector
//! memory unit.
//!
//! Each cycle every SIMD's pool of wavefronts may issue, the oldest ready wavefront first; each unit takes
//! one instruction a cycle. A wavefront issues in order and goes on as soon as its instruction allows: loads,
//! stores and LDS accesses stay outstanding until an `s_waitcnt` asks for them. Units that work through a
//! queue in order (a SIMD, LDS, the coalescer) are booked arithmetically rather than ticked.

use std::collections::VecDeque;

use mem_hierarchy::request::{Access, CompactedLine, LineRequest, LineResponse};
use mem_hierarchy::translation::{SharedTlb, Tlb};
use serde::Serialize;
use sim_core::{Cycle, Link, Wake, Wheel};

use crate::instruction::{CoalescedLine, Instruction, Op, VectorAccess};
use crate::kernel::{Kernel, Memory, Step, Values};
use crate::params::{ComputeUnit as Params, Gpu as GpuParams};

/// Instructions that a wait counter of a wavefront can count (four bits, GCN3 ISA manual, section 4.4).
const WAIT_COUNTER_LIMIT: u32 = 15;

/// Wavefront instructions issued, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InstructionCounts {
    /// Vector arithmetic.
    pub valu: u64,
    /// Scalar arithmetic and scalar memory.
    pub salu: u64,
    /// LDS.
    pub lds: u64,
    /// Vector memory.
    pub vmem: u64,
    /// Branches.
    pub branch: u64,
    /// Waits, barriers, ends and the like.
    pub special: u64,
}

impl InstructionCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.valu + self.salu + self.lds + self.vmem + self.branch + self.special
    }
}

impl std::ops::AddAssign for InstructionCounts {
    fn add_assign(&mut self, o: Self) {
        self.valu += o.valu;
        self.salu += o.salu;
        self.lds += o.lds;
        self.vmem += o.vmem;
        self.branch += o.branch;
        self.special += o.special;
    }
}

/// Counters of a compute unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ComputeUnitStats {
    /// Instructions issued.
    pub instructions: InstructionCounts,
    /// Cycles for which its SIMD units were held, all of them together.
    pub simd_busy_cycles: u64,
    /// Bank cycles of its LDS.
    pub lds_busy_cycles: u64,
    /// Misses of its TLB.
    pub tlb_misses: u64,
}

impl std::ops::AddAssign for ComputeUnitStats {
    fn add_assign(&mut self, o: Self) {
        self.instructions += o.instructions;
        self.simd_busy_cycles += o.simd_busy_cycles;
        self.lds_busy_cycles += o.lds_busy_cycles;
        self.tlb_misses += o.tlb_misses;
    }
}

/// A workgroup on its way to a compute unit.
#[derive(Clone, Copy, Debug)]
pub struct DispatchMessage {
    /// The workgroup, in order of dispatch.
    pub workgroup: u64,
    /// The SIMD of its first wavefront; the others follow round robin.
    pub first_simd: u32,
}

/// A workgroup that is complete, its stores acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// The SIMD of its first wavefront.
    pub first_simd: u32,
}

/// What a [`ComputeUnit`] is connected to.
#[derive(Debug)]
pub struct CuPorts<'a> {
    /// Workgroups, from the dispatcher.
    pub dispatch: &'a mut Link<DispatchMessage>,
    /// Complete workgroups, to the dispatcher.
    pub complete: &'a mut Link<Completion>,
    /// Line requests, to L1.
    pub to_l1: &'a mut Link<LineRequest>,
    /// Lines that hit in L1.
    pub hits: &'a mut Link<LineResponse>,
    /// Lines that came from L2, and acknowledged writes.
    pub fills: &'a mut Link<LineResponse>,
}

/// What the compute units share while a kernel runs.
pub struct Shared<'a, K: Kernel> {
    /// The kernel.
    pub kernel: &'a K,
    /// Memory contents, where results are verified.
    pub memory: Option<&'a mut dyn Memory>,
    /// The shared TLB.
    pub tlb: &'a mut SharedTlb,
    /// First instruction fetch and first scalar load of each shader array.
    pub first: &'a mut FirstTouches,
}

/// When each shader array first fetched an instruction, and first loaded a scalar, of the kernel.
///
/// Only the cycle of the first request counts, so the order of requests in one cycle does not matter.
#[derive(Debug)]
pub struct FirstTouches {
    fetch: Vec<Cycle>,
    scalar: Vec<Cycle>,
}

impl FirstTouches {
    /// Nothing touched, in `arrays` shader arrays.
    pub fn new(arrays: usize) -> Self {
        Self { fetch: vec![Cycle::NEVER; arrays], scalar: vec![Cycle::NEVER; arrays] }
    }
}

fn first_touch(first: &mut Cycle, now: Cycle, cold: u32, warm: u32) -> Cycle {
    *first = (*first).min(now);
    (*first + u64::from(cold)).max(now + u64::from(warm))
}

/// A vector memory instruction in flight.
#[derive(Debug)]
struct VectorMemoryOp {
    tag: u32,
    lines_left: u32,
    /// The addresses, where its data are to be looked at on arrival.
    loads_from: Option<Box<VectorAccess>>,
}

#[derive(Debug)]
struct Wavefront<W> {
    program: W,
    workgroup: usize,
    /// The instruction to be issued next; `None`: not known yet.
    instruction: Option<Instruction>,
    /// What is left of a run of vector instructions.
    remaining: u32,
    /// Vector memory instructions in flight, oldest first.
    vector: VecDeque<VectorMemoryOp>,
    /// Number of the oldest of them since the wavefront's start.
    vector_first: u32,
    /// LDS and scalar accesses outstanding: when each run is done, and how many it counts.
    lds: VecDeque<(Cycle, u32)>,
    blocked: Blocked,
}

/// Why a wavefront cannot issue although no time is known at which it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    No,
    /// Until at most so many vector memory instructions are outstanding.
    Vector(u32),
    /// Until lines in flight have come back.
    InFlight,
    Barrier,
}

#[derive(Debug)]
struct Workgroup {
    first_simd: u32,
    slots: Vec<usize>,
    running: u32,
    at_barrier: u32,
    lds: Vec<f32>,
}

/// One compute unit, running a kernel of type `K`.
pub struct ComputeUnit<K: Kernel> {
    array: usize,
    params: Params,
    /// Cycles for which a vector instruction holds its SIMD.
    valu_cycles: u64,
    wavefronts: Vec<Option<Wavefront<K::Wavefront>>>,
    /// When the wavefront of each slot may try to issue; never where it is blocked or there is none.
    ready: Vec<Cycle>,
    /// Slots in use of each SIMD, oldest wavefront first.
    by_age: Vec<Vec<usize>>,
    workgroups: Vec<Option<Workgroup>>,
    simd_free: Vec<Cycle>,
    scalar_free: Cycle,
    branch_free: Cycle,
    lds_issue_free: Cycle,
    lds_free: Cycle,
    coalescer_free: Cycle,
    in_flight: u32,
    /// Slots of the wavefronts that wait for room among the lines in flight.
    wait_for_room: Vec<usize>,
    tlb: Option<Tlb>,
    lines: Vec<CoalescedLine>,
    verify: bool,
    stats: ComputeUnitStats,
}

impl<K: Kernel> ComputeUnit<K> {
    /// An empty compute unit, number `cu` of the GPU.
    pub fn new(gpu: &GpuParams, cu: usize, verify: bool) -> Self {
        let params = gpu.cu.clone();
        let simds = params.simds as usize;
        let slots = simds * params.wavefronts as usize;
        Self {
            array: cu / gpu.cus_per_array as usize,
            valu_cycles: u64::from(crate::instruction::LANES.div_ceil(params.simd_lanes)),
            wavefronts: (0..slots).map(|_| None).collect(),
            ready: vec![Cycle::NEVER; slots],
            by_age: vec![Vec::new(); simds],
            workgroups: Vec::new(),
            simd_free: vec![Cycle(0); simds],
            scalar_free: Cycle(0),
            branch_free: Cycle(0),
            lds_issue_free: Cycle(0),
            lds_free: Cycle(0),
            coalescer_free: Cycle(0),
            in_flight: 0,
            wait_for_room: Vec::new(),
            tlb: Tlb::new(&gpu.translation),
            lines: Vec::new(),
            verify,
            stats: ComputeUnitStats::default(),
            params,
        }
    }

    /// Takes what has arrived and issues what is ready.
    pub fn tick(
        &mut self,
        now: Cycle,
        ports: &mut CuPorts<'_>,
        shared: &mut Shared<'_, K>,
        wheel: &mut Wheel,
    ) -> Wake {
        while let Some(response) = ports.hits.take(now, wheel) {
            self.line_arrived(response, now, shared);
        }
        while let Some(response) = ports.fills.take(now, wheel) {
            self.line_arrived(response, now, shared);
        }
        while let Some(message) = ports.dispatch.take(now, wheel) {
            self.start(message, now, shared);
        }
        for simd in 0..self.by_age.len() {
            let mut i = 0;
            while i < self.by_age[simd].len() {
                let slot = self.by_age[simd][i];
                if self.ready[slot] <= now {
                    self.issue(slot, simd, now, ports, shared, wheel);
                }
                // A wavefront that ended has left the list.
                i += usize::from(self.by_age[simd].get(i) == Some(&slot));
            }
        }
        match self.ready.iter().min() {
            Some(&at) if at != Cycle::NEVER => Wake::at(at, now),
            _ => Wake::Idle,
        }
    }

    fn start(&mut self, message: DispatchMessage, now: Cycle, shared: &mut Shared<'_, K>) {
        let resources = shared.kernel.resources();
        let per_simd = self.params.wavefronts as usize;
        let ready = first_touch(
            &mut shared.first.fetch[self.array],
            now,
            self.params.cold_fetch_latency,
            self.params.fetch_latency,
        );
        let place = self.workgroups.iter().position(Option::is_none).unwrap_or_else(|| {
            self.workgroups.push(None);
            self.workgroups.len() - 1
        });
        let mut slots = Vec::with_capacity(resources.wavefronts as usize);
        for index in 0..resources.wavefronts {
            let simd = (message.first_simd + index) as usize % self.by_age.len();
            let slot = (simd * per_simd..(simd + 1) * per_simd)
                .find(|slot| self.wavefronts[*slot].is_none())
                .unwrap_or_else(|| panic!("compute unit: SIMD {simd} got more wavefronts than it has slots"));
            self.wavefronts[slot] = Some(Wavefront {
                program: shared.kernel.launch(message.workgroup, index, self.verify),
                workgroup: place,
                instruction: None,
                remaining: 0,
                vector: VecDeque::new(),
                vector_first: 0,
                lds: VecDeque::new(),
                blocked: Blocked::No,
            });
            self.ready[slot] = ready;
            self.by_age[simd].push(slot);
            slots.push(slot);
        }
        let lds = if self.verify { vec![0.0; resources.lds_bytes as usize / 4] } else { Vec::new() };
        self.workgroups[place] = Some(Workgroup {
            first_simd: message.first_simd,
            slots,
            running: resources.wavefronts,
            at_barrier: 0,
            lds,
        });
    }

    /// Issues the instruction at which the wavefront of `slot` stands, if its unit is free.
    fn issue(
        &mut self,
        slot: usize,
        simd: usize,
        now: Cycle,
        ports: &mut CuPorts<'_>,
        shared: &mut Shared<'_, K>,
        wheel: &mut Wheel,
    ) {
        let Some(wavefront) = &mut self.wavefronts[slot] else {
            panic!("compute unit: slot {slot} is ready without a wavefront")
        };
        let instruction = match wavefront.instruction {
            Some(instruction) => instruction,
            None => {
                let instruction = shared.kernel.next(&mut wavefront.program);
                wavefront.instruction = Some(instruction);
                wavefront.remaining = match instruction.op {
                    Op::Valu { count } => count,
                    _ => 0,
                };
                instruction
            }
        };
        let counts = &mut self.stats.instructions;
        let ready = match instruction.op {
            Op::Valu { count } => {
                if self.simd_free[simd] > now {
                    self.ready[slot] = self.simd_free[simd];
                    return;
                }
                let quantum = wavefront.remaining.min(self.params.valu_quantum);
                let first = wavefront.remaining == count;
                wavefront.remaining -= quantum;
                self.simd_free[simd] = now + u64::from(quantum) * self.valu_cycles;
                self.ready[slot] = now + u64::from(quantum * self.params.valu_latency);
                counts.valu += u64::from(quantum);
                self.stats.simd_busy_cycles += u64::from(quantum) * self.valu_cycles;
                if wavefront.remaining > 0 {
                    if first {
                        self.execute(slot, instruction, None, shared);
                    }
                    return;
                }
                if !first {
                    wavefront.instruction = None;
                    return;
                }
                self.ready[slot]
            }
            Op::Salu { count } => {
                if self.scalar_free > now {
                    self.ready[slot] = self.scalar_free;
                    return;
                }
                counts.salu += u64::from(count);
                self.scalar_free = now + u64::from(count);
                now + u64::from(count * self.params.salu_latency)
            }
            Op::ScalarLoad => {
                if self.scalar_free > now {
                    self.ready[slot] = self.scalar_free;
                    return;
                }
                counts.salu += 1;
                self.scalar_free = now + 1;
                let done = first_touch(
                    &mut shared.first.scalar[self.array],
                    now,
                    self.params.cold_scalar_load_latency,
                    self.params.scalar_load_latency,
                );
                push_outstanding(&mut wavefront.lds, done, 1);
                now + u64::from(self.params.salu_latency)
            }
            Op::Lds { count, cycles } => {
                if self.lds_issue_free > now {
                    self.ready[slot] = self.lds_issue_free;
                    return;
                }
                if let Some(until) = over_limit(&mut wavefront.lds, now, count) {
                    self.ready[slot] = until;
                    return;
                }
                counts.lds += u64::from(count);
                self.lds_issue_free = now + 1;
                let work = u64::from(count * cycles);
                let done = now.max(self.lds_free) + work;
                self.lds_free = done;
                self.stats.lds_busy_cycles += work;
                push_outstanding(&mut wavefront.lds, done + u64::from(self.params.lds.latency), count);
                now + u64::from(count) * self.valu_cycles
            }
            Op::Load | Op::SparseLoad | Op::Store => {
                self.issue_vector_memory(slot, instruction, now, ports, shared, wheel);
                return;
            }
            Op::Wait { vector, lds } => {
                if let Some(until) = outstanding_until(&mut wavefront.lds, now, lds) {
                    self.ready[slot] = until;
                    return;
                }
                if wavefront.vector.len() as u32 > vector {
                    wavefront.blocked = Blocked::Vector(vector);
                    self.ready[slot] = Cycle::NEVER;
                    return;
                }
                counts.special += 1;
                now + 1
            }
            Op::Barrier => {
                counts.special += 1;
                wavefront.blocked = Blocked::Barrier;
                wavefront.instruction = None;
                let place = wavefront.workgroup;
                self.ready[slot] = Cycle::NEVER;
                self.arrive_at_barrier(place, now);
                return;
            }
            Op::Branch { taken } => {
                if self.branch_free > now {
                    self.ready[slot] = self.branch_free;
                    return;
                }
                counts.branch += 1;
                self.branch_free = now + 1;
                let fetch = if taken { self.params.fetch_latency } else { 0 };
                now + u64::from(self.params.branch_latency + fetch)
            }
            Op::Special { count } => {
                counts.special += u64::from(count);
                now + u64::from(count)
            }
            Op::End => {
                if !wavefront.vector.is_empty() {
                    wavefront.blocked = Blocked::Vector(0);
                    self.ready[slot] = Cycle::NEVER;
                    return;
                }
                counts.special += 1;
                self.end(slot, simd, now, ports, wheel);
                return;
            }
        };
        wavefront.instruction = None;
        self.ready[slot] = ready;
        self.execute(slot, instruction, None, shared);
    }

    fn issue_vector_memory(
        &mut self,
        slot: usize,
        instruction: Instruction,
        now: Cycle,
        ports: &mut CuPorts<'_>,
        shared: &mut Shared<'_, K>,
        wheel: &mut Wheel,
    ) {
        if self.coalescer_free > now {
            self.ready[slot] = self.coalescer_free;
            return;
        }
        let Some(wavefront) = &mut self.wavefronts[slot] else { return };
        if wavefront.vector.len() as u32 >= WAIT_COUNTER_LIMIT {
            wavefront.blocked = Blocked::Vector(WAIT_COUNTER_LIMIT - 1);
            self.ready[slot] = Cycle::NEVER;
            return;
        }
        let access = shared.kernel.access(&wavefront.program, instruction.tag);
        access.coalesce(&mut self.lines);
        let count = self.lines.len() as u32;
        let sparse = instruction.op == Op::SparseLoad;
        // An access of more lines than may be in flight at all goes alone.
        if self.in_flight > 0 && self.in_flight + count > self.params.vmem.in_flight {
            wavefront.blocked = Blocked::InFlight;
            self.wait_for_room.push(slot);
            self.ready[slot] = Cycle::NEVER;
            return;
        }
        self.stats.instructions.vmem += 1;
        wavefront.instruction = None;
        let sequence = wavefront.vector_first.wrapping_add(wavefront.vector.len() as u32);
        let looked_at = sparse || (self.verify && instruction.op == Op::Load);
        wavefront.vector.push_back(VectorMemoryOp {
            tag: instruction.tag,
            lines_left: count,
            loads_from: looked_at.then(|| Box::new(access)),
        });
        let per_cycle = self.params.vmem.lines_per_cycle;
        let first = u64::from(self.params.vmem.issue_latency);
        for (i, line) in self.lines.iter().enumerate() {
            let generated = first + i as u64 / u64::from(per_cycle);
            let mut delay = generated;
            if let Some(tlb) = &mut self.tlb {
                delay += tlb.translate(line.line, now, shared.tlb) - now;
            }
            let request = LineRequest {
                line: line.line,
                access: match instruction.op {
                    Op::SparseLoad => Access::SparseRead,
                    Op::Store if line.is_full() => Access::WriteFull,
                    Op::Store => Access::WritePart,
                    _ => Access::Read,
                },
                tag: LineTag { slot, sequence, row: line.row }.pack(),
            };
            ports.to_l1.send_after(delay, request, now, wheel);
        }
        self.in_flight += count;
        let busy = u64::from(count.div_ceil(per_cycle).max(1));
        self.coalescer_free = now + busy;
        self.ready[slot] = now + first + busy;
        if instruction.op == Op::Store {
            self.execute(slot, instruction, Some(&access), shared);
        }
        if count == 0 {
            self.retire_vector(slot, now, shared);
        }
    }

    fn line_arrived(&mut self, response: LineResponse, now: Cycle, shared: &mut Shared<'_, K>) {
        let tag = LineTag::unpack(response.tag);
        self.in_flight -= 1;
        let Some(wavefront) = &mut self.wavefronts[tag.slot] else {
            panic!("compute unit: a line arrived for a wavefront that has ended")
        };
        let position = tag.sequence.wrapping_sub(wavefront.vector_first) & LineTag::SEQUENCE_MASK;
        let op = &mut wavefront.vector[position as usize];
        op.lines_left -= 1;
        if let Some(line) = response.data {
            let op_tag = op.tag;
            self.deliver(tag, op_tag, &line, shared);
        }
        self.retire_vector(tag.slot, now, shared);
        // Room for lines in flight may be what others wait for.
        for slot in self.wait_for_room.drain(..) {
            if let Some(wavefront) = &mut self.wavefronts[slot] {
                wavefront.blocked = Blocked::No;
                self.ready[slot] = now;
            }
        }
    }

    fn deliver(&mut self, tag: LineTag, op_tag: u32, line: &CompactedLine, shared: &mut Shared<'_, K>) {
        if let Some(wavefront) = &mut self.wavefronts[tag.slot] {
            shared.kernel.deliver(&mut wavefront.program, op_tag, tag.row, line);
        }
    }

    /// Takes the vector memory instructions off that are complete, in order, and lets the wavefront go on
    /// if that is what it waits for.
    fn retire_vector(&mut self, slot: usize, now: Cycle, shared: &mut Shared<'_, K>) {
        let Some(wavefront) = &mut self.wavefronts[slot] else { return };
        while wavefront.vector.front().is_some_and(|op| op.lines_left == 0) {
            let Some(op) = wavefront.vector.pop_front() else { break };
            wavefront.vector_first = wavefront.vector_first.wrapping_add(1);
            if !self.verify {
                continue;
            }
            if let (Some(access), Some(memory)) = (op.loads_from, shared.memory.as_deref_mut()) {
                let Some(workgroup) = &mut self.workgroups[wavefront.workgroup] else { continue };
                let mut values = Values { lds: &mut workgroup.lds, memory };
                shared.kernel.execute(&mut wavefront.program, op.tag, Step::Loaded(&access), &mut values);
            }
        }
        if let Blocked::Vector(limit) = wavefront.blocked
            && wavefront.vector.len() as u32 <= limit
        {
            wavefront.blocked = Blocked::No;
            self.ready[slot] = now;
        }
    }

    fn execute(
        &mut self,
        slot: usize,
        instruction: Instruction,
        access: Option<&VectorAccess>,
        shared: &mut Shared<'_, K>,
    ) {
        if !self.verify {
            return;
        }
        let (Some(wavefront), Some(memory)) = (&mut self.wavefronts[slot], shared.memory.as_deref_mut())
        else {
            return;
        };
        let Some(workgroup) = &mut self.workgroups[wavefront.workgroup] else { return };
        let mut values = Values { lds: &mut workgroup.lds, memory };
        let step = Step::Issued(access);
        shared.kernel.execute(&mut wavefront.program, instruction.tag, step, &mut values);
    }

    fn arrive_at_barrier(&mut self, place: usize, now: Cycle) {
        let Some(workgroup) = &mut self.workgroups[place] else { return };
        workgroup.at_barrier += 1;
        if workgroup.at_barrier < workgroup.running {
            return;
        }
        workgroup.at_barrier = 0;
        for &slot in &workgroup.slots {
            if let Some(wavefront) = &mut self.wavefronts[slot]
                && wavefront.blocked == Blocked::Barrier
            {
                wavefront.blocked = Blocked::No;
                self.ready[slot] = now + 1;
            }
        }
    }

    fn end(&mut self, slot: usize, simd: usize, now: Cycle, ports: &mut CuPorts<'_>, wheel: &mut Wheel) {
        let Some(wavefront) = self.wavefronts[slot].take() else { return };
        self.ready[slot] = Cycle::NEVER;
        self.by_age[simd].retain(|s| *s != slot);
        let Some(workgroup) = &mut self.workgroups[wavefront.workgroup] else { return };
        workgroup.slots.retain(|s| *s != slot);
        workgroup.running -= 1;
        if workgroup.running == 0 {
            let first_simd = workgroup.first_simd;
            self.workgroups[wavefront.workgroup] = None;
            ports.complete.send(Completion { first_simd }, now, wheel);
        } else if workgroup.at_barrier > 0 && workgroup.at_barrier == workgroup.running {
            // The last one that the others waited for has ended instead.
            workgroup.at_barrier -= 1;
            self.arrive_at_barrier(wavefront.workgroup, now);
        }
    }

    /// Counters so far.
    pub fn stats(&self) -> ComputeUnitStats {
        ComputeUnitStats { tlb_misses: self.tlb.as_ref().map_or(0, Tlb::misses), ..self.stats }
    }

    /// What the compute unit's oldest wavefront waits for; `None` where it has none.
    pub fn waiting_for(&self) -> Option<String> {
        let slot = *self.by_age.iter().flatten().next()?;
        let wavefront = self.wavefronts[slot].as_ref()?;
        let running = self.by_age.iter().map(Vec::len).sum::<usize>();
        let why = match wavefront.blocked {
            Blocked::No => format!("may issue at cycle {}", self.ready[slot]),
            Blocked::Vector(limit) => format!(
                "waits until {limit} of its {} vector memory instructions are outstanding (oldest lacks {} lines)",
                wavefront.vector.len(),
                wavefront.vector.front().map_or(0, |op| op.lines_left),
            ),
            Blocked::InFlight => format!("waits for room among {} lines in flight", self.in_flight),
            Blocked::Barrier => "waits at a barrier".into(),
        };
        Some(format!("{running} wavefronts, oldest {why}, at {:?}", wavefront.instruction))
    }
}

/// How a line request names its wavefront, instruction and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LineTag {
    slot: usize,
    sequence: u32,
    row: u32,
}

impl LineTag {
    const SEQUENCE_MASK: u32 = 0xff;

    fn pack(self) -> u32 {
        (self.slot as u32) << 16 | (self.sequence & Self::SEQUENCE_MASK) << 8 | self.row
    }
    fn unpack(tag: u32) -> Self {
        Self { slot: (tag >> 16) as usize, sequence: tag >> 8 & Self::SEQUENCE_MASK, row: tag & 0xff }
    }
}

/// Adds a run of accesses that is done at `done`, in order behind those before it.
fn push_outstanding(queue: &mut VecDeque<(Cycle, u32)>, done: Cycle, count: u32) {
    let done = queue.back().map_or(done, |(newest, _)| done.max(*newest));
    queue.push_back((done, count));
}

/// When at most `limit` accesses are outstanding; `None` where that is so at `now`. A run counts until
/// its last access is done.
fn outstanding_until(queue: &mut VecDeque<(Cycle, u32)>, now: Cycle, limit: u32) -> Option<Cycle> {
    while queue.front().is_some_and(|(done, _)| *done <= now) {
        queue.pop_front();
    }
    if limit == crate::instruction::ANY {
        return None;
    }
    let mut outstanding: u32 = queue.iter().map(|(_, count)| count).sum();
    let mut until = None;
    for (done, count) in queue.iter() {
        if outstanding <= limit {
            break;
        }
        outstanding -= count;
        until = Some(*done);
    }
    until
}

/// When the wait counter has room for `count` more accesses; `None` where it has at `now`.
fn over_limit(queue: &mut VecDeque<(Cycle, u32)>, now: Cycle, count: u32) -> Option<Cycle> {
    outstanding_until(queue, now, WAIT_COUNTER_LIMIT.saturating_sub(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_counters_open_exactly_when_the_access_is_done() {
        let mut queue = VecDeque::new();
        push_outstanding(&mut queue, Cycle(10), 2);
        push_outstanding(&mut queue, Cycle(8), 1); // in order: not done before the first
        assert_eq!(outstanding_until(&mut queue, Cycle(0), 0), Some(Cycle(10)));
        assert_eq!(outstanding_until(&mut queue, Cycle(0), 3), None);
        assert_eq!(outstanding_until(&mut queue, Cycle(0), 1), Some(Cycle(10)));
        assert_eq!(outstanding_until(&mut queue, Cycle(9), 0), Some(Cycle(10)));
        assert_eq!(outstanding_until(&mut queue, Cycle(10), 0), None);
    }

    #[test]
    fn line_tags_keep_their_parts() {
        let tag = LineTag { slot: 1023, sequence: 200, row: 15 };
        assert_eq!(LineTag::unpack(tag.pack()), tag);
    }
}
