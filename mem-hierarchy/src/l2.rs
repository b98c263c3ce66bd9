//! A slice of the L2 cache: write-back, write-allocate; the sparse bit in its tags sends misses to the
//! compaction engine instead of memory.

use sim_core::{Cycle, Link, Port, TimedQueue, Wake, Wheel};

use crate::address::AddressMap;
use crate::mshr::{Mshrs, Target};
use crate::params;
use crate::request::{
    Access, CacheStats, CompactedLine, Key, L2Request, L2Response, LINE_BYTES, MemoryRequest, MemoryResponse,
    SparseRequest, SparseResponse,
};
use crate::tags::TagArray;

/// One slice.
#[derive(Debug)]
pub struct L2Slice {
    map: AddressMap,
    tags: TagArray,
    mshrs: Mshrs,
    requests_per_cycle: u32,
    tag_latency: u64,
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
        let sets = params.size.0 / LINE_BYTES / u64::from(params.ways) / u64::from(params.slices);
        Self {
            map,
            tags: TagArray::new(sets as usize, ways as usize),
            mshrs: Mshrs::new(params.mshrs as usize),
            requests_per_cycle: params.requests_per_cycle,
            tag_latency: params.tag_latency.into(),
            latency: params.latency.into(),
            crossbar_latency: u64::from(crossbar.latency) - 1,
            crossbar_port: Port::new(crossbar.lines_per_cycle),
            stats: CacheStats::default(),
        }
    }

    /// Takes what has arrived.
    pub fn tick(&mut self, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> Wake {
        while let Some(response) = ports.from_memory.peek(now).copied() {
            if !self.fill(response.tag, None, now, ports, wheel) {
                break;
            }
            ports.from_memory.take(now, wheel);
        }
        while let Some(response) = ports.from_engine.peek(now).copied() {
            if !self.fill(response.tag, Some(response.data), now, ports, wheel) {
                break;
            }
            ports.from_engine.take(now, wheel);
        }
        for _ in 0..self.requests_per_cycle {
            if ports.requests.peek(now).is_none() {
                return Wake::Idle; // woken by the next one
            }
            if !self.accept(now, ports, wheel) {
                return Wake::Idle; // woken by the answer, or the slot, that it waits for
            }
        }
        if ports.requests.peek(now).is_some() { Wake::Next } else { Wake::Idle }
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
        let Some(slot) = self.place(key, now, ports, wheel) else { return false };
        if let Some(data) = data {
            self.tags.set_data(slot, data);
        }
        for target in 0..self.mshrs.targets(register).len() {
            let target = self.mshrs.targets(register)[target];
            if target.access.is_write() {
                self.tags.set_dirty(slot);
            }
            self.respond(target, data, now, ports);
        }
        self.mshrs.release(register);
        true
    }

    /// Makes room for a line and writes back what leaves; `None` where that finds no room.
    fn place(
        &mut self,
        key: Key,
        now: Cycle,
        ports: &mut L2Ports<'_>,
        wheel: &mut Wheel,
    ) -> Option<crate::tags::Slot> {
        let index = self.map.line_in_slice(key.line());
        let write_back = self.tags.victim(index).filter(|victim| victim.dirty);
        if write_back.is_some() && !ports.to_memory.has_room(now, wheel) {
            return None;
        }
        if let Some(victim) = write_back {
            let request = MemoryRequest { line: victim.key.line(), is_write: true, tag: 0 };
            ports.to_memory.send_after(self.tag_latency, request, now, wheel);
            self.stats.writebacks += 1;
        }
        let (slot, victim) = self.tags.insert(index, key);
        self.stats.evictions += u64::from(victim.is_some());
        Some(slot)
    }

    /// Looks the oldest request up; false where it has to wait.
    fn accept(&mut self, now: Cycle, ports: &mut L2Ports<'_>, wheel: &mut Wheel) -> bool {
        let Some(request) = ports.requests.peek(now).copied() else { return false };
        let key = Key::new(request.line, request.access);
        let index = self.map.line_in_slice(request.line);
        if let Some(slot) = self.tags.lookup(index, key) {
            let target = self.take(ports, now);
            self.stats.hits += 1;
            if request.access.is_write() {
                self.tags.set_dirty(slot);
            }
            let data = key.is_sparse().then(|| self.tags.data(slot));
            self.respond(target, data, now, ports);
            return true;
        }
        if let Some(register) = self.mshrs.find(key) {
            let target = self.take(ports, now);
            self.stats.merged += 1;
            self.mshrs.merge(register, target);
            return true;
        }
        if request.access == Access::WriteFull {
            let Some(slot) = self.place(key, now, ports, wheel) else { return false };
            let target = self.take(ports, now);
            self.stats.misses += 1;
            self.tags.set_dirty(slot);
            self.respond(target, None, now, ports);
            return true;
        }
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
        let tag = self.mshrs.allocate(key, target);
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
