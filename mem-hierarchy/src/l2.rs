//! A slice of the L2 cache; the sparse bit in its tags sends misses to the compaction engine instead of
//! memory.
//!
//! With `write = "back"` a written line stays until it leaves, with "through" each write goes to memory as
//! well. A write that misses brings its line with `write_allocate`, fetched where the write is of a part,
//! and goes to memory alone without. Writes that find their line on its way wait for it; written through,
//! they then go to memory as one.

use sim_core::{Cycle, Link, Port, TimedQueue, Wake, Wheel};

use crate::address::AddressMap;
use crate::banks::Banks;
use crate::mshr::{Mshrs, OnItsWay, Target};
use crate::params::{self, WritePolicy};
use crate::request::{
    Access, CacheStats, CompactedLine, Key, L2Request, L2Response, LINE_BYTES, Line, MemoryRequest,
    MemoryResponse, SparseRequest, SparseResponse,
};
use crate::tags::{Slot, TagArray};

/// One slice.
#[derive(Debug)]
pub struct L2Slice {
    map: AddressMap,
    tags: TagArray,
    mshrs: Mshrs,
    banks: Banks,
    requests_per_cycle: u32,
    tag_latency: u64,
    write: WritePolicy,
    write_allocate: bool,
    latency: u64,
    /// From the data's leaving the slice to the output of the crossbar.
    crossbar_latency: u64,
    /// The input of the crossbar.
    crossbar_port: Port,
    stats: CacheStats,
}

/// What an [`L2Slice`] is connected to.
#[derive(Debug)]
pub struct L2Ports<'a> {
    /// Requests, from the crossbar.
    pub requests: &'a mut TimedQueue<L2Request>,
    /// Answers, with the cycles in which they reach the crossbar's outputs.
    pub responses: &'a mut Vec<(Cycle, L2Response)>,
    /// Reads and write-backs, to the memory controller.
    pub to_memory: &'a mut Link<MemoryRequest>,
    /// Answers of the memory controller.
    pub from_memory: &'a mut Link<MemoryResponse>,
    /// Sparse misses, to the engine.
    pub to_engine: &'a mut Link<SparseRequest>,
    /// Compacted lines, from the engine.
    pub from_engine: &'a mut Link<SparseResponse>,
}

impl L2Slice {
    /// A cold slice that uses `ways` of its ways, behind `crossbar`.
    pub fn new(params: &params::L2, crossbar: &params::Crossbar, ways: u32, map: AddressMap) -> Self {
        let tags = params.size.0 / LINE_BYTES / u64::from(params.sectors) / u64::from(params.slices);
        let sets = tags / u64::from(params.ways);
        let (ways, sectors) = (ways as usize, params.sectors as usize);
        Self {
            map,
            tags: TagArray::new(sets as usize, ways, sectors, params.replacement),
            mshrs: Mshrs::new(params.mshrs as usize, params.mshr_targets),
            banks: Banks::new(params.banks),
            requests_per_cycle: params.requests_per_cycle,
            tag_latency: params.tag_latency.into(),
            write: params.write,
            write_allocate: params.write_allocate,
            latency: params.latency.into(),
            crossbar_latency: u64::from(crossbar.latency) - 1,
            crossbar_port: Port::new(crossbar.lines_per_cycle),
            stats: CacheStats::default(),
        }
    }

    /// Takes what has arrived.
    pub fn tick(&mut self, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> Wake {
        // Whether a line waits for room towards memory, and whether something has happened since by which
        // another line than before may leave for it, one that is clean.
        let (mut line_waits, mut may_go) = (false, false);
        while let Some(response) = ports.from_memory.peek(now).copied() {
            if !self.fill(response.tag, None, now, ports, wheel) {
                line_waits = true;
                break;
            }
            ports.from_memory.take(now, wheel);
        }
        while let Some(response) = ports.from_engine.peek(now).copied() {
            if !self.fill(response.tag, Some(response.data), now, ports, wheel) {
                line_waits = true;
                break;
            }
            ports.from_engine.take(now, wheel);
            may_go = line_waits;
        }
        self.banks.free_all();
        for _ in 0..self.requests_per_cycle {
            let Some(request) = ports.requests.peek(now) else { break };
            let index = self.map.line_in_slice(request.line);
            if self.banks.is_busy(index) {
                return Wake::Next;
            }
            if !self.accept(now, ports, wheel) {
                // Woken by the answer, or the slot, that it waits for.
                return if may_go { Wake::Next } else { Wake::Idle };
            }
            self.banks.take(index);
            may_go = line_waits;
        }
        // Woken by the next request.
        if may_go || ports.requests.peek(now).is_some() { Wake::Next } else { Wake::Idle }
    }

    /// Puts an arrived line into its place and answers those that wait for it; false where the line that
    /// has to leave finds no room towards memory.
    fn fill(
        &mut self,
        register: u32,
        data: Option<CompactedLine>,
        now: Cycle,
        ports: &mut L2Ports<'_>,
        wheel: &mut Wheel,
    ) -> bool {
        let key = self.mshrs.key(register);
        let is_written = self.mshrs.targets(register).iter().any(|target| target.access.is_write());
        if is_written && !self.may_write(now, ports, wheel) {
            return false;
        }
        let Some(slot) = self.place(key, now, ports, wheel) else { return false };
        if let Some(data) = data {
            self.tags.set_data(slot, data);
        }
        if is_written {
            self.write(slot, key.line(), now, ports, wheel);
        }
        for target in 0..self.mshrs.targets(register).len() {
            let target = self.mshrs.targets(register)[target];
            self.respond(target, data, now, ports);
        }
        self.mshrs.release(register);
        true
    }

    /// Makes room for a line and writes back what leaves; `None` where that finds no room. What has found
    /// some is clean then.
    fn place(&mut self, key: Key, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> Option<Slot> {
        let place = self.tags.place(self.map.line_in_slice(key.line()), key);
        if let Some(victim) = place.victim {
            for (slot, line) in place.dirty_lines() {
                if !ports.to_memory.has_room(now, wheel) {
                    return None;
                }
                self.write_to_memory(line, now, ports, wheel);
                self.tags.set_clean(slot);
                self.stats.writebacks += 1;
            }
            self.stats.evictions += victim.lines();
        }
        Some(self.tags.insert(place, key))
    }

    /// Whether there is room for what a write to a line of this slice sends to memory at once.
    fn may_write(&self, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        self.write == WritePolicy::Back || ports.to_memory.has_room(now, wheel)
    }

    /// Writes to a line of this slice; there must be room, see [`L2Slice::may_write`].
    fn write(&mut self, slot: Slot, line: Line, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) {
        match self.write {
            WritePolicy::Back => self.tags.set_dirty(slot),
            WritePolicy::Through => self.write_to_memory(line, now, ports, wheel),
        }
    }

    fn write_to_memory(&self, line: Line, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) {
        let request = MemoryRequest { line, is_write: true, tag: 0 };
        ports.to_memory.send_after(self.tag_latency, request, now, wheel);
    }

    /// Looks the oldest request up; false where it has to wait.
    fn accept(&mut self, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        let Some(request) = ports.requests.peek(now).copied() else { return false };
        let key = Key::new(request.line, request.access);
        let is_write = request.access.is_write();
        if is_write && !self.may_write(now, ports, wheel) {
            return false;
        }
        if let Some(slot) = self.tags.lookup(self.map.line_in_slice(request.line), key) {
            let target = self.take(ports, now);
            self.stats.hits += 1;
            if is_write {
                self.write(slot, request.line, now, ports, wheel);
            }
            let data = key.is_sparse().then(|| self.tags.data(slot));
            self.respond(target, data, now, ports);
            return true;
        }
        match self.mshrs.find(key) {
            OnItsWay::Crowded => false,
            OnItsWay::Yes(register) => {
                let target = self.take(ports, now);
                self.stats.merged += 1;
                self.mshrs.merge(register, target);
                true
            }
            OnItsWay::No if is_write && !self.write_allocate => self.write_around(key, now, ports, wheel),
            OnItsWay::No if request.access == Access::WriteFull => self.write_whole(key, now, ports, wheel),
            OnItsWay::No => self.fetch(key, now, ports, wheel),
        }
    }

    /// A write that misses and brings no line; false where it has to wait.
    fn write_around(&mut self, key: Key, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        if !ports.to_memory.has_room(now, wheel) {
            return false;
        }
        let (target, line) = (self.take(ports, now), key.line());
        self.stats.misses += 1;
        self.write_to_memory(line, now, ports, wheel);
        self.respond(target, None, now, ports);
        true
    }

    /// A write of a whole line that misses, which brings the line unfetched; false where it has to wait.
    fn write_whole(&mut self, key: Key, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        let Some(slot) = self.place(key, now, ports, wheel) else { return false };
        let target = self.take(ports, now);
        self.stats.misses += 1;
        self.write(slot, key.line(), now, ports, wheel);
        self.respond(target, None, now, ports);
        true
    }

    /// Asks memory or the engine for a line that is missing; false where that has to wait.
    fn fetch(&mut self, key: Key, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        if self.mshrs.is_full() {
            return false;
        }
        let room = if key.is_sparse() {
            ports.to_engine.has_room(now, wheel)
        } else {
            ports.to_memory.has_room(now, wheel)
        };
        if !room {
            return false;
        }
        let target = self.take(ports, now);
        self.stats.misses += 1;
        let tag = self.mshrs.allocate(key, Some(target));
        if key.is_sparse() {
            let request = SparseRequest { line: key.line(), tag };
            ports.to_engine.send_after(self.tag_latency, request, now, wheel);
        } else {
            let request = MemoryRequest { line: key.line(), is_write: false, tag };
            ports.to_memory.send_after(self.tag_latency, request, now, wheel);
        }
        true
    }

    /// Takes the request that was looked at, and counts it.
    fn take(&mut self, ports: &mut L2Ports<'_>, now: Cycle) -> Target {
        let Some((arrived, request)) = ports.requests.take(now) else {
            panic!("L2 slice: the request at the head of its queue is gone")
        };
        match request.access {
            Access::Read => self.stats.reads += 1,
            Access::SparseRead => {
                self.stats.reads += 1;
                self.stats.sparse_reads += 1;
            }
            Access::WriteFull | Access::WritePart => self.stats.writes += 1,
        }
        Target { cu: request.cu, tag: request.tag, access: request.access, arrived }
    }

    /// Answers a request after the slice's latency, as soon as the crossbar's input allows.
    fn respond(&mut self, target: Target, data: Option<CompactedLine>, now: Cycle, ports: &mut L2Ports<'_>) {
        let leaves = self.crossbar_port.book(now) + self.latency;
        let is_write = target.access.is_write();
        let response =
            L2Response { cu: target.cu, tag: target.tag, is_write, data: data.filter(|_| !is_write) };
        ports.responses.push((leaves + self.crossbar_latency, response));
        if !is_write {
            self.stats.read_latency.add(leaves - target.arrived);
        }
    }

    /// Lines that would have to be written back.
    pub fn dirty_lines(&self) -> u64 {
        self.tags.dirty_lines()
    }

    /// Counters so far.
    pub fn stats(&self) -> &CacheStats {
        &self.stats
    }

    /// What the slice waits for; `None` where nothing is on its way.
    pub fn waiting_for(&self) -> Option<String> {
        let lines: Vec<String> = self
            .mshrs
            .outstanding()
            .take(4)
            .map(|k| {
                let from = if k.is_sparse() { "the engine" } else { "memory" };
                format!("{:#x} from {from}", k.line().address())
            })
            .collect();
        (!lines.is_empty()).then(|| format!("{} lines, first {}", self.mshrs.in_use(), lines.join(", ")))
    }
}
