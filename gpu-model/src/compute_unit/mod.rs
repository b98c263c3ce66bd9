//! A compute unit: wavefronts issue in order to SIMD units, a scalar unit, a branch unit, LDS and a vector
//! memory unit.
//!
//! Each cycle every SIMD's pool of wavefronts may issue, the oldest ready wavefront first; each unit takes
//! one instruction a cycle. A wavefront issues in order and goes on as soon as its instruction allows: loads,
//! stores and LDS accesses stay outstanding until an `s_waitcnt` asks for them.
//!
//! A compute unit is ticked only in cycles in which a wavefront may issue. Units that work through a queue in
//! order (a SIMD, LDS, the coalescer) are booked arithmetically, and L1 tells when each line is going to arrive,
//! so that neither a vector instruction nor a line costs a tick.

mod counters;
mod outstanding;
mod pool;
mod simd;
mod vector_memory;

use std::collections::VecDeque;

use mem_hierarchy::request::{CompactedLine, LineRequest};
use mem_hierarchy::translation::{Page, Translator};
use sim_core::{Cycle, TimedQueue};

pub use self::counters::{ComputeUnitStats, InstructionCounts};
use self::outstanding::{Accesses, VectorOps};
use self::pool::{Pool, Turn};
use self::simd::Simd;
use self::vector_memory::VectorMemory;
use crate::instruction::{Instruction, LANES, Op, VectorAccess};
use crate::kernel::{Kernel, Memory, Step, Values};
use crate::params::{ComputeUnit as Params, Gpu as GpuParams};

/// Instructions that a wait counter of a wavefront can count (four bits, GCN3 ISA manual, section 4.4).
const WAIT_COUNTER_LIMIT: u32 = 15;

/// A workgroup on its way to a compute unit.
#[derive(Clone, Copy, Debug)]
pub struct DispatchMessage {
    /// The workgroup, in order of dispatch.
    pub workgroup: u64,
    /// The SIMD of its first wavefront; the others follow round robin.
    pub first_simd: u32,
    /// When the first workgroup of the kernel reaches the shader array: instruction and scalar caches are cold
    /// until then.
    pub array_begins: Cycle,
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
    pub dispatch: &'a mut TimedQueue<DispatchMessage>,
    /// Pages whose translation is there, from the shared TLB.
    pub translated: &'a mut TimedQueue<Page>,
    /// Line requests, to L1.
    pub to_l1: &'a mut TimedQueue<LineRequest>,
    /// Complete workgroups, and when.
    pub complete: &'a mut Vec<(Cycle, Completion)>,
    /// Pages that the TLB misses, and since when.
    pub untranslated: &'a mut Vec<(Cycle, Page)>,
}

/// What a compute unit runs, and on what values.
pub struct Shared<'a, K: Kernel> {
    /// The kernel.
    pub kernel: &'a K,
    /// Memory contents, where results are verified.
    pub memory: Option<&'a mut dyn Memory>,
}

#[derive(Debug)]
struct Wavefront<W> {
    program: W,
    workgroup: usize,
    /// Order of its start on the compute unit.
    age: u64,
    /// The instruction to be issued next, or, of a run of vector instructions, the one under way.
    instruction: Instruction,
    vector: VectorOps,
    /// LDS and scalar accesses outstanding.
    lds: Accesses,
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
    params: Params,
    /// Cycles for which a vector instruction holds its SIMD.
    valu_cycles: u64,
    wavefronts: Vec<Option<Wavefront<K::Wavefront>>>,
    pool: Pool,
    started: u64,
    workgroups: Vec<Option<Workgroup>>,
    /// When the scalar cache is no longer cold.
    scalars_warm: Cycle,
    simds: Vec<Simd>,
    scalar_free: Cycle,
    branch_free: Cycle,
    lds_issue_free: Cycle,
    lds_free: Cycle,
    memory: VectorMemory,
    translator: Option<Translator>,
    /// Compacted lines on their way, from L1's data array and from L2.
    compacted: [VecDeque<(Cycle, Delivery)>; 2],
    verify: bool,
    stats: ComputeUnitStats,
}

/// A compacted line for a wavefront.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    slot: usize,
    /// Of the instruction that asked.
    tag: u32,
    row: u32,
    line: CompactedLine,
}

impl<K: Kernel> ComputeUnit<K> {
    /// An empty compute unit.
    pub fn new(gpu: &GpuParams, verify: bool) -> Self {
        let params = gpu.cu.clone();
        let simds = params.simds as usize;
        let slots = simds * params.wavefronts as usize;
        let valu_cycles = u64::from(LANES.div_ceil(params.simd_lanes));
        Self {
            valu_cycles,
            wavefronts: (0..slots).map(|_| None).collect(),
            pool: Pool::new(slots),
            started: 0,
            workgroups: Vec::new(),
            scalars_warm: Cycle(0),
            simds: vec![Simd::new(valu_cycles, params.valu_latency.into()); simds],
            scalar_free: Cycle(0),
            branch_free: Cycle(0),
            lds_issue_free: Cycle(0),
            lds_free: Cycle(0),
            memory: VectorMemory::new(&params.vmem),
            translator: Translator::new(&gpu.translation),
            compacted: [VecDeque::new(), VecDeque::new()],
            verify,
            stats: ComputeUnitStats::default(),
            params,
        }
    }

    /// Takes what has arrived and issues what is ready; when to come back.
    pub fn tick(&mut self, now: Cycle, ports: &mut CuPorts<'_>, shared: &mut Shared<'_, K>) -> Cycle {
        self.deliver(now, shared);
        while let Some((_, page)) = ports.translated.take(now) {
            if let Some(translator) = &mut self.translator {
                translator.answered(page, now, ports.to_l1);
            }
        }
        while let Some((_, message)) = ports.dispatch.take(now) {
            self.start(message, now, shared);
        }
        let mut turn = Turn::default();
        while let Some(slot) = self.pool.next_ready(&mut turn, now) {
            self.issue(slot, now, ports, shared);
        }
        self.next_tick().min(ports.dispatch.next_arrival()).min(ports.translated.next_arrival())
    }

    /// The next cycle in which a wavefront may issue, messages aside; never as long as that is not known.
    pub fn next_tick(&self) -> Cycle {
        self.pool.earliest()
    }

    fn start(&mut self, message: DispatchMessage, now: Cycle, shared: &mut Shared<'_, K>) {
        let resources = shared.kernel.resources();
        let per_simd = self.params.wavefronts as usize;
        let simds = self.params.simds as usize;
        let warm = message.array_begins + u64::from(self.params.cold_fetch_latency);
        self.scalars_warm = warm + u64::from(self.params.cold_scalar_load_latency);
        let ready = warm.max(now + u64::from(self.params.fetch_latency));
        let place = self.workgroups.iter().position(Option::is_none).unwrap_or_else(|| {
            self.workgroups.push(None);
            self.workgroups.len() - 1
        });
        let mut slots = Vec::with_capacity(resources.wavefronts as usize);
        for index in 0..resources.wavefronts {
            let simd = (message.first_simd + index) as usize % simds;
            let slot = (simd * per_simd..(simd + 1) * per_simd)
                .find(|slot| self.wavefronts[*slot].is_none())
                .unwrap_or_else(|| panic!("compute unit: SIMD {simd} got more wavefronts than it has slots"));
            self.wavefronts[slot] = Some(Wavefront {
                program: shared.kernel.launch(message.workgroup, index, self.verify),
                workgroup: place,
                age: self.started,
                instruction: Op::End.into(),
                vector: VectorOps::default(),
                lds: Accesses::default(),
                blocked: Blocked::No,
            });
            self.started += 1;
            self.pool.add(slot, |other| other / per_simd > simd);
            slots.push(slot);
        }
        let lds = if self.verify { vec![0.0; resources.lds_bytes as usize / 4] } else { Vec::new() };
        self.workgroups[place] = Some(Workgroup {
            first_simd: message.first_simd,
            slots: slots.clone(),
            running: resources.wavefronts,
            at_barrier: 0,
            lds,
        });
        for slot in slots {
            self.go_on(slot, ready, now, shared);
        }
    }

    /// Lets the wavefront of `slot` go on to its next instruction at `ready`, which is later than `now`. A run of
    /// vector instructions joins its SIMD at once: when it is over is known then.
    fn go_on(&mut self, slot: usize, ready: Cycle, now: Cycle, shared: &mut Shared<'_, K>) {
        loop {
            let Some(wavefront) = &mut self.wavefronts[slot] else { return };
            let instruction = shared.kernel.next(&mut wavefront.program);
            wavefront.instruction = instruction;
            let count = match instruction.op {
                op if op.is_nothing() => continue,
                Op::Valu { count } => u64::from(count),
                _ => {
                    self.pool.set(slot, ready);
                    return;
                }
            };
            self.stats.instructions.valu += count;
            self.stats.simd_busy_cycles += count * self.valu_cycles;
            let (simd, pool) = (slot / self.params.wavefronts as usize, &mut self.pool);
            let over = |slot: usize, at: u64| pool.set(slot, Cycle(at));
            self.simds[simd].join(now.0, slot, wavefront.age, ready.0, count, over);
            self.execute(slot, instruction, None, shared);
            return;
        }
    }

    /// Issues the instruction at which the wavefront of `slot` stands, if its unit is free.
    fn issue(&mut self, slot: usize, now: Cycle, ports: &mut CuPorts<'_>, shared: &mut Shared<'_, K>) {
        while let Some(Wavefront { instruction: Instruction { op: Op::Valu { .. }, .. }, .. }) =
            &self.wavefronts[slot]
        {
            // The run that it was on is over. The next instruction may issue now, another run included.
            self.go_on(slot, now, Cycle(now.0 - 1), shared);
            if self.pool.get(slot) > now {
                return;
            }
        }
        let Some(wavefront) = &mut self.wavefronts[slot] else {
            panic!("compute unit: slot {slot} is ready without a wavefront")
        };
        let instruction = wavefront.instruction;
        let counts = &mut self.stats.instructions;
        let ready = match instruction.op {
            Op::Valu { .. } => return,
            Op::Salu { count } => {
                if self.scalar_free > now {
                    self.pool.set(slot, self.scalar_free);
                    return;
                }
                counts.salu += u64::from(count);
                self.scalar_free = now + u64::from(count);
                now + u64::from(count * self.params.salu_latency)
            }
            Op::ScalarLoad => {
                if self.scalar_free > now {
                    self.pool.set(slot, self.scalar_free);
                    return;
                }
                counts.salu += 1;
                self.scalar_free = now + 1;
                let done = self.scalars_warm.max(now + u64::from(self.params.scalar_load_latency));
                wavefront.lds.push(done, 1);
                now + u64::from(self.params.salu_latency)
            }
            Op::Lds { count, cycles } => {
                if self.lds_issue_free > now {
                    self.pool.set(slot, self.lds_issue_free);
                    return;
                }
                if let Some(until) = wavefront.lds.until(now, WAIT_COUNTER_LIMIT.saturating_sub(count)) {
                    self.pool.set(slot, until);
                    return;
                }
                counts.lds += u64::from(count);
                self.lds_issue_free = now + 1;
                let work = u64::from(count * cycles);
                let done = now.max(self.lds_free) + work;
                self.lds_free = done;
                self.stats.lds_busy_cycles += work;
                wavefront.lds.push(done + u64::from(self.params.lds.latency), count);
                now + u64::from(count) * self.valu_cycles
            }
            Op::Load | Op::SparseLoad | Op::Store => {
                self.issue_vector_memory(slot, instruction, now, ports, shared);
                return;
            }
            Op::Wait { vector, lds } => {
                if let Some(until) = wavefront.lds.until(now, lds) {
                    self.pool.set(slot, until);
                    return;
                }
                if !self.vector_down_to(vector, slot, now, shared) {
                    return;
                }
                self.stats.instructions.special += 1;
                now + 1
            }
            Op::Barrier => {
                counts.special += 1;
                wavefront.blocked = Blocked::Barrier;
                let place = wavefront.workgroup;
                self.pool.set(slot, Cycle::NEVER);
                self.arrive_at_barrier(place, now, shared);
                return;
            }
            Op::Branch { taken } => {
                if self.branch_free > now {
                    self.pool.set(slot, self.branch_free);
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
                if self.vector_down_to(0, slot, now, shared) {
                    self.stats.instructions.special += 1;
                    self.end(slot, now, ports, shared);
                }
                return;
            }
        };
        self.execute(slot, instruction, None, shared);
        self.go_on(slot, ready, now, shared);
    }

    fn execute(
        &mut self,
        slot: usize,
        instruction: Instruction,
        access: Option<&VectorAccess>,
        shared: &mut Shared<'_, K>,
    ) {
        if self.verify {
            self.carry_out(slot, instruction.tag, Step::Issued(access), shared);
        }
    }

    /// Has the kernel carry out a step on the values of the wavefront of `slot`.
    fn carry_out(&mut self, slot: usize, tag: u32, step: Step<'_>, shared: &mut Shared<'_, K>) {
        let (Some(wavefront), Some(memory)) = (&mut self.wavefronts[slot], shared.memory.as_deref_mut())
        else {
            return;
        };
        let Some(workgroup) = &mut self.workgroups[wavefront.workgroup] else { return };
        let mut values = Values { lds: &mut workgroup.lds, memory };
        shared.kernel.execute(&mut wavefront.program, tag, step, &mut values);
    }

    fn arrive_at_barrier(&mut self, place: usize, now: Cycle, shared: &mut Shared<'_, K>) {
        let Some(workgroup) = &mut self.workgroups[place] else { return };
        workgroup.at_barrier += 1;
        if workgroup.at_barrier < workgroup.running {
            return;
        }
        workgroup.at_barrier = 0;
        for i in 0..workgroup.slots.len() {
            let Some(slot) = self.workgroups[place].as_ref().map(|workgroup| workgroup.slots[i]) else {
                return;
            };
            if let Some(wavefront) = &mut self.wavefronts[slot]
                && wavefront.blocked == Blocked::Barrier
            {
                wavefront.blocked = Blocked::No;
                self.go_on(slot, now + 1, now, shared);
            }
        }
    }

    fn end(&mut self, slot: usize, now: Cycle, ports: &mut CuPorts<'_>, shared: &mut Shared<'_, K>) {
        let Some(wavefront) = self.wavefronts[slot].take() else { return };
        self.pool.remove(slot);
        let Some(workgroup) = &mut self.workgroups[wavefront.workgroup] else { return };
        workgroup.slots.retain(|s| *s != slot);
        workgroup.running -= 1;
        if workgroup.running == 0 {
            let first_simd = workgroup.first_simd;
            self.workgroups[wavefront.workgroup] = None;
            ports.complete.push((now, Completion { first_simd }));
        } else if workgroup.at_barrier > 0 && workgroup.at_barrier == workgroup.running {
            // The last one that the others waited for has ended instead.
            workgroup.at_barrier -= 1;
            self.arrive_at_barrier(wavefront.workgroup, now, shared);
        }
    }

    /// Counters so far.
    pub fn stats(&self) -> ComputeUnitStats {
        ComputeUnitStats { tlb_misses: self.translator.as_ref().map_or(0, Translator::misses), ..self.stats }
    }

    /// What the compute unit's first wavefront waits for; `None` where it has none.
    pub fn waiting_for(&self) -> Option<String> {
        let slot = self.pool.first()?;
        let wavefront = self.wavefronts[slot].as_ref()?;
        let running = self.pool.len();
        let why = match wavefront.blocked {
            Blocked::No => format!("may issue at cycle {}", self.pool.get(slot)),
            Blocked::Vector(limit) => format!(
                "waits until {limit} of its {} vector memory instructions are outstanding (oldest lacks {} lines)",
                wavefront.vector.len(),
                wavefront.vector.oldest().map_or(0, |op| op.lines_left),
            ),
            Blocked::InFlight => format!("waits for room among {} lines in flight", self.memory.in_flight()),
            Blocked::Barrier => "waits at a barrier".into(),
        };
        let page =
            self.translator.as_ref().and_then(Translator::waiting_for).map_or(String::new(), |line| {
                format!("; line {:#x} waits for its translation", line.address())
            });
        Some(format!("{running} wavefronts, the first {why}, at {:?}{page}", wavefront.instruction))
    }
}
