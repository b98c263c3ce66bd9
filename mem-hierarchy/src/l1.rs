//! The L1 vector cache.
//!
//! A read that hits leaves after the hit path's latency; one that misses leaves for L2 after the tag
//! look-up and comes back past the data array as soon as its line arrives. Sparse reads are cached under
//! their own keys. What becomes of writes:
//!
//! | `write` | `write_allocate` | hit | miss |
//! | --- | --- | --- | --- |
//! | through | no, the default | goes on to L2, which answers | the same |
//! | through | yes | the same | the same; its line comes too, fetched where the write is of a part |
//! | back | no | stays, answered as a read that hits | goes on to L2, which answers |
//! | back | yes | stays, answered as a read that hits | its line comes, fetched where it is a part |
//!
//! A bounded number of writes may be on their way to L2, dirty lines that leave included. Those that find no
//! room wait, and no request is looked up before; so never more wait than what the lines of the MSHRs push
//! out. Answers of L2 are always taken: no circle of waiting can close.

use std::collections::VecDeque;

use sim_core::{Cycle, Port, TimedQueue};

use crate::banks::Banks;
use crate::mshr::{Mshrs, OnItsWay, Target};
use crate::params::{self, Bypass, WritePolicy};
use crate::request::{
    Access, CacheStats, CompactedLine, Key, L2Request, L2Response, LINE_BYTES, Line, LineRequest,
    LineResponse,
};
use crate::tags::{Slot, TagArray};

/// The tag of a line that is written back: its acknowledgement is nobody's answer. No request of a compute
/// unit may carry it.
const WRITTEN_BACK: u32 = u32::MAX;

/// The L1 vector cache of one compute unit.
#[derive(Debug)]
pub struct L1Cache {
    cu: u16,
    tags: TagArray,
    mshrs: Mshrs,
    banks: Banks,
    requests_per_cycle: u32,
    latency: u64,
    tag_latency: u64,
    write: WritePolicy,
    write_allocate: bool,
    bypass: Bypass,
    write_buffer: u32,
    /// Writes that L2 has not acknowledged.
    writes_outstanding: u32,
    /// Dirty lines that left and found no room in the write buffer.
    leaving: VecDeque<L2Request>,
    /// The ports towards the compute unit, for lines that hit and for lines that come from L2.
    hit_port: Port,
    fill_port: Port,
    /// The input of the crossbar.
    crossbar_port: Port,
    crossbar_latency: u64,
    stats: CacheStats,
}

/// What an [`L1Cache`] is connected to.
#[derive(Debug)]
pub struct L1Ports<'a> {
    /// Requests of the compute unit.
    pub requests: &'a mut TimedQueue<LineRequest>,
    /// Answers to the compute unit, with the cycles of their arrival.
    pub answers: &'a mut Vec<(Cycle, LineResponse)>,
    /// Requests to L2, with the cycles in which they reach the crossbar's outputs.
    pub to_l2: &'a mut Vec<(Cycle, L2Request)>,
    /// Answers from L2.
    pub from_l2: &'a mut TimedQueue<L2Response>,
}

impl L1Cache {
    /// The cold cache of compute unit `cu`, in front of `crossbar`.
    pub fn new(params: &params::L1, crossbar: &params::Crossbar, cu: u16) -> Self {
        let sets = params.size.0 / LINE_BYTES / u64::from(params.ways) / u64::from(params.sectors);
        let (ways, sectors) = (params.ways as usize, params.sectors as usize);
        // What passes L1 by does not stay either.
        let passed = params.bypass == Bypass::All;
        Self {
            cu,
            tags: TagArray::new(sets as usize, ways, sectors, params.replacement),
            mshrs: Mshrs::new(params.mshrs as usize, params.mshr_targets),
            banks: Banks::new(params.banks),
            requests_per_cycle: params.requests_per_cycle,
            latency: params.latency.into(),
            tag_latency: params.tag_latency.into(),
            write: if passed { WritePolicy::Through } else { params.write },
            write_allocate: params.write_allocate && !passed,
            bypass: params.bypass,
            write_buffer: params.write_buffer,
            writes_outstanding: 0,
            leaving: VecDeque::new(),
            hit_port: Port::new(params.lines_per_cycle),
            fill_port: Port::new(params.lines_per_cycle),
            crossbar_port: Port::new(crossbar.lines_per_cycle),
            crossbar_latency: crossbar.latency.into(),
            stats: CacheStats::default(),
        }
    }

    /// Takes what has arrived; when to come back.
    pub fn tick(&mut self, now: Cycle, ports: &mut L1Ports<'_>) -> Cycle {
        while let Some((_, response)) = ports.from_l2.take(now) {
            self.answer(response, now, ports);
        }
        let answers = ports.from_l2.next_arrival();
        self.banks.free_all();
        for _ in 0..self.requests_per_cycle {
            let Some(request) = ports.requests.peek(now).copied() else { break };
            let index = request.line.0;
            if self.banks.is_busy(index) {
                break;
            }
            if !self.leaving.is_empty() || !self.accept(request, now, ports) {
                return answers; // what it waits for comes with one of them
            }
            self.banks.take(index);
        }
        ports.requests.next_arrival().max(now + 1).min(answers)
    }

    fn answer(&mut self, response: L2Response, now: Cycle, ports: &mut L1Ports<'_>) {
        if response.is_write {
            self.writes_outstanding -= 1;
            if response.tag != WRITTEN_BACK {
                self.send_fill(response.tag, None, now, ports);
            }
            if let Some(request) = self.leaving.pop_front() {
                self.send_to_l2(request, now, ports);
            }
            return;
        }
        let key = self.mshrs.key(response.tag);
        let slot = (!self.mshrs.is_alone(response.tag)).then(|| self.place(key, now, ports));
        if let (Some(slot), Some(data)) = (slot, response.data) {
            self.tags.set_data(slot, data);
        }
        for target in 0..self.mshrs.targets(response.tag).len() {
            let target = self.mshrs.targets(response.tag)[target];
            let is_write = target.access.is_write();
            let data = response.data.filter(|_| !is_write);
            let leaves = self.send_fill(target.tag, data, now, ports);
            if !is_write {
                self.stats.read_latency.add(leaves - target.arrived);
            } else if let Some(slot) = slot {
                self.tags.set_dirty(slot);
            }
        }
        self.mshrs.release(response.tag);
    }

    /// Makes room for a line; what leaves and is dirty goes to L2.
    fn place(&mut self, key: Key, now: Cycle, ports: &mut L1Ports<'_>) -> Slot {
        let place = self.tags.place(key.line().0, key);
        if let Some(victim) = place.victim {
            self.stats.evictions += victim.lines();
            for (_, line) in place.dirty_lines() {
                self.stats.writebacks += 1;
                let request = self.l2_request(line, Access::WriteFull, WRITTEN_BACK);
                if self.may_write() {
                    self.send_to_l2(request, now, ports);
                } else {
                    self.leaving.push_back(request);
                }
            }
        }
        self.tags.insert(place, key)
    }

    /// Whether the write buffer has room.
    fn may_write(&self) -> bool {
        self.writes_outstanding < self.write_buffer
    }

    /// Sends a request; for a write there is room.
    fn send_to_l2(&mut self, request: L2Request, now: Cycle, ports: &mut L1Ports<'_>) {
        self.writes_outstanding += u32::from(request.access.is_write());
        let leaves = self.crossbar_port.book(now + self.tag_latency);
        ports.to_l2.push((leaves + self.crossbar_latency, request));
    }

    /// Sends a line that came from L2 on; returns the cycle in which it leaves.
    fn send_fill(
        &mut self,
        tag: u32,
        data: Option<CompactedLine>,
        now: Cycle,
        ports: &mut L1Ports<'_>,
    ) -> Cycle {
        let leaves = self.fill_port.book(now);
        ports.answers.push((leaves + 1, LineResponse { tag, hit: false, data }));
        leaves
    }

    /// Answers a request from the data array; returns the cycle in which it leaves.
    fn send_hit(
        &mut self,
        tag: u32,
        data: Option<CompactedLine>,
        now: Cycle,
        ports: &mut L1Ports<'_>,
    ) -> Cycle {
        let leaves = self.hit_port.book(now) + self.latency;
        ports.answers.push((leaves, LineResponse { tag, hit: true, data }));
        leaves
    }

    /// Looks a request up; false where it has to wait.
    fn accept(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        match (request.access.is_write(), self.write) {
            (false, _) => self.accept_read(request, now, ports),
            (true, WritePolicy::Through) => self.write_through(request, now, ports),
            (true, WritePolicy::Back) => self.write_back(request, now, ports),
        }
    }

    fn accept_read(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        let key = Key::new(request.line, request.access);
        if let Some(slot) = self.tags.lookup(request.line.0, key) {
            let Some((arrived, request)) = ports.requests.take(now) else { return false };
            let data = key.is_sparse().then(|| self.tags.data(slot));
            let leaves = self.send_hit(request.tag, data, now, ports);
            self.count_read(key);
            self.stats.hits += 1;
            self.stats.read_latency.add(leaves - arrived);
            return true;
        }
        self.wait_for_line(request, now, ports)
    }

    /// Lets a request wait for its line, which is asked for where it is not on its way; false where the
    /// request cannot be taken yet.
    fn wait_for_line(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        let key = Key::new(request.line, request.access);
        let on_its_way = self.mshrs.find(key);
        match on_its_way {
            OnItsWay::Crowded => return false,
            OnItsWay::No if self.mshrs.is_full() => return false,
            OnItsWay::No | OnItsWay::Yes(_) => {}
        }
        let Some((arrived, request)) = ports.requests.take(now) else { return false };
        if request.access.is_write() {
            self.stats.writes += 1;
        } else {
            self.count_read(key);
        }
        let target = Target { cu: self.cu, tag: request.tag, access: request.access, arrived };
        if let OnItsWay::Yes(register) = on_its_way {
            self.stats.merged += 1;
            self.mshrs.merge(register, target);
            return true;
        }
        self.stats.misses += 1;
        let register = if self.passes_by(key) && !request.access.is_write() {
            self.mshrs.allocate_alone(key, target)
        } else {
            self.mshrs.allocate(key, Some(target))
        };
        let access = if request.access.is_write() { Access::Read } else { request.access };
        self.send_to_l2(self.l2_request(request.line, access, register), now, ports);
        true
    }

    /// Whether a read that misses leaves nothing behind.
    fn passes_by(&self, key: Key) -> bool {
        match self.bypass {
            Bypass::None => false,
            Bypass::Reads => !key.is_sparse(),
            Bypass::All => true,
        }
    }

    /// A write that goes on to L2.
    fn write_through(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        if !self.may_write() {
            return false;
        }
        let key = Key::new(request.line, request.access);
        let is_hit = self.tags.lookup(request.line.0, key).is_some();
        let brings = self.write_allocate && !is_hit && self.mshrs.find(key) == OnItsWay::No;
        let fetches = brings && request.access == Access::WritePart;
        if fetches && self.mshrs.is_full() {
            return false;
        }
        self.pass_on(request, is_hit, now, ports);
        if fetches {
            let register = self.mshrs.allocate(key, None);
            self.send_to_l2(self.l2_request(request.line, Access::Read, register), now, ports);
        } else if brings {
            self.place(key, now, ports);
        }
        true
    }

    /// Takes a write and sends it to L2, which has room.
    fn pass_on(&mut self, request: LineRequest, is_hit: bool, now: Cycle, ports: &mut L1Ports<'_>) {
        ports.requests.take(now);
        self.count_write(is_hit);
        self.send_to_l2(self.l2_request(request.line, request.access, request.tag), now, ports);
    }

    /// A write that stays, where its line does.
    fn write_back(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        let key = Key::new(request.line, request.access);
        let hit = self.tags.lookup(request.line.0, key);
        let is_hit = hit.is_some();
        let comes = self.mshrs.find(key) != OnItsWay::No;
        let slot = match hit {
            Some(slot) => slot,
            None if comes => return self.wait_for_line(request, now, ports),
            None if !self.write_allocate => {
                let has_room = self.may_write();
                if has_room {
                    self.pass_on(request, is_hit, now, ports);
                }
                return has_room;
            }
            None if request.access == Access::WritePart => {
                return self.wait_for_line(request, now, ports);
            }
            None => self.place(key, now, ports),
        };
        ports.requests.take(now);
        self.count_write(is_hit);
        self.tags.set_dirty(slot);
        self.send_hit(request.tag, None, now, ports);
        true
    }

    fn count_read(&mut self, key: Key) {
        self.stats.reads += 1;
        self.stats.sparse_reads += u64::from(key.is_sparse());
    }

    fn count_write(&mut self, is_hit: bool) {
        self.stats.writes += 1;
        self.stats.hits += u64::from(is_hit);
        self.stats.misses += u64::from(!is_hit);
    }

    fn l2_request(&self, line: Line, access: Access, tag: u32) -> L2Request {
        L2Request { line, access, cu: self.cu, tag }
    }

    /// Lines that would have to be written back.
    pub fn dirty_lines(&self) -> u64 {
        self.tags.dirty_lines()
    }

    /// Counters so far.
    pub fn stats(&self) -> &CacheStats {
        &self.stats
    }

    /// What the cache waits for; `None` where nothing is on its way.
    pub fn waiting_for(&self) -> Option<String> {
        let lines: Vec<String> =
            self.mshrs.outstanding().take(4).map(|k| format!("{:#x}", k.line().address())).collect();
        let reads = (!lines.is_empty())
            .then(|| format!("{} lines from L2, first {}", self.mshrs.in_use(), lines.join(", ")));
        let writes = (self.writes_outstanding > 0)
            .then(|| format!("{} writes that L2 has not acknowledged", self.writes_outstanding));
        match (reads, writes) {
            (Some(reads), Some(writes)) => Some(format!("{reads}; {writes}")),
            (reads, writes) => reads.or(writes),
        }
    }
}
