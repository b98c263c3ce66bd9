//! The L1 vector cache: write-through, no write-allocate.
//!
//! A read that hits leaves after the hit path's latency; one that misses leaves for L2 after the tag
//! look-up and comes back past the data array as soon as its line arrives. Writes go on to L2 and are
//! answered when L2 has taken them. Sparse reads are cached under their own keys.

use sim_core::{Cycle, Link, Port, Wake, Wheel};

use crate::mshr::{Mshrs, Target};
use crate::params;
use crate::request::{CacheStats, Key, L2Request, L2Response, LINE_BYTES, LineRequest, LineResponse};
use crate::tags::TagArray;

/// The L1 vector cache of one compute unit.
#[derive(Debug)]
pub struct L1Cache {
    cu: u16,
    tags: TagArray,
    mshrs: Mshrs,
    requests_per_cycle: u32,
    latency: u64,
    tag_latency: u64,
    /// The ports towards the compute unit, for lines that hit and for lines that come from L2.
    hit_port: Port,
    fill_port: Port,
    stats: CacheStats,
}

/// What an [`L1Cache`] is connected to.
#[derive(Debug)]
pub struct L1Ports<'a> {
    /// Requests of the compute unit.
    pub requests: &'a mut Link<LineRequest>,
    /// Answers to reads that hit.
    pub hits: &'a mut Link<LineResponse>,
    /// Answers that come from L2.
    pub fills: &'a mut Link<LineResponse>,
    /// Requests to L2.
    pub to_l2: &'a mut Link<L2Request>,
    /// Answers from L2.
    pub from_l2: &'a mut Link<L2Response>,
}

impl L1Cache {
    /// The cold cache of compute unit `cu`.
    pub fn new(params: &params::L1, cu: u16) -> Self {
        let sets = params.size.0 / LINE_BYTES / u64::from(params.ways);
        Self {
            cu,
            tags: TagArray::new(sets as usize, params.ways as usize),
            mshrs: Mshrs::new(params.mshrs as usize),
            requests_per_cycle: params.requests_per_cycle,
            latency: params.latency.into(),
            tag_latency: params.tag_latency.into(),
            hit_port: Port::new(params.lines_per_cycle),
            fill_port: Port::new(params.lines_per_cycle),
            stats: CacheStats::default(),
        }
    }

    /// Takes what has arrived.
    pub fn tick(&mut self, now: Cycle, ports: &mut L1Ports<'_>, wheel: &mut Wheel) -> Wake {
        while let Some(response) = ports.from_l2.take(now, wheel) {
            self.answer(response, now, ports, wheel);
        }
        for _ in 0..self.requests_per_cycle {
            let Some(request) = ports.requests.peek(now).copied() else { return Wake::Idle };
            if !self.accept(request, now, ports, wheel) {
                return Wake::Idle; // woken by the answer, or the slot, that it waits for
            }
        }
        if ports.requests.peek(now).is_some() { Wake::Next } else { Wake::Idle }
    }

    fn answer(&mut self, response: L2Response, now: Cycle, ports: &mut L1Ports<'_>, wheel: &mut Wheel) {
        if response.is_write {
            self.send_fill(LineResponse { tag: response.tag, data: None }, now, ports, wheel);
            return;
        }
        let key = self.mshrs.key(response.tag);
        let (slot, victim) = self.tags.insert(key.line().0, key);
        self.stats.evictions += u64::from(victim.is_some());
        if let Some(data) = response.data {
            self.tags.set_data(slot, data);
        }
        for target in 0..self.mshrs.targets(response.tag).len() {
            let target = self.mshrs.targets(response.tag)[target];
            let leaves =
                self.send_fill(LineResponse { tag: target.tag, data: response.data }, now, ports, wheel);
            self.stats.read_latency.add(leaves - target.arrived);
        }
        self.mshrs.release(response.tag);
    }

    /// Sends a line that came from L2 on; returns the cycle in which it leaves.
    fn send_fill(
        &mut self,
        response: LineResponse,
        now: Cycle,
        ports: &mut L1Ports<'_>,
        wheel: &mut Wheel,
    ) -> Cycle {
        let leaves = self.fill_port.book(now);
        ports.fills.send_after(leaves - now, response, now, wheel);
        leaves
    }

    /// Looks a request up; false where it has to wait.
    fn accept(
        &mut self,
        request: LineRequest,
        now: Cycle,
        ports: &mut L1Ports<'_>,
        wheel: &mut Wheel,
    ) -> bool {
        let key = Key::new(request.line, request.access);
        let index = request.line.0;
        if request.access.is_write() {
            if !ports.to_l2.has_room(now, wheel) {
                return false;
            }
            ports.requests.take(now, wheel);
            self.stats.writes += 1;
            match self.tags.lookup(index, key) {
                Some(_) => self.stats.hits += 1,
                None => self.stats.misses += 1,
            }
            self.send_to_l2(request, request.tag, now, ports, wheel);
            return true;
        }
        if let Some(slot) = self.tags.lookup(index, key) {
            let Some((arrived, request)) = ports.requests.take_stamped(now, wheel) else { return false };
            let data = key.is_sparse().then(|| self.tags.data(slot));
            let leaves = self.hit_port.book(now);
            ports.hits.send_after(leaves - now, LineResponse { tag: request.tag, data }, now, wheel);
            self.count_read(key);
            self.stats.hits += 1;
            self.stats.read_latency.add(leaves - arrived + self.latency);
            return true;
        }
        let register = self.mshrs.find(key);
        if register.is_none() && (self.mshrs.is_full() || !ports.to_l2.has_room(now, wheel)) {
            return false;
        }
        let Some((arrived, request)) = ports.requests.take_stamped(now, wheel) else { return false };
        self.count_read(key);
        let target = Target { cu: self.cu, tag: request.tag, access: request.access, arrived };
        if let Some(register) = register {
            self.stats.merged += 1;
            self.mshrs.merge(register, target);
        } else {
            self.stats.misses += 1;
            let register = self.mshrs.allocate(key, target);
            self.send_to_l2(request, register, now, ports, wheel);
        }
        true
    }

    fn count_read(&mut self, key: Key) {
        self.stats.reads += 1;
        self.stats.sparse_reads += u64::from(key.is_sparse());
    }

    fn send_to_l2(
        &self,
        request: LineRequest,
        tag: u32,
        now: Cycle,
        ports: &mut L1Ports<'_>,
        wheel: &mut Wheel,
    ) {
        let request = L2Request { line: request.line, access: request.access, cu: self.cu, tag };
        ports.to_l2.send_after(self.tag_latency, request, now, wheel);
    }

    /// Counters so far.
    pub fn stats(&self) -> &CacheStats {
        &self.stats
    }

    /// What the cache waits for; `None` where nothing is on its way.
    pub fn waiting_for(&self) -> Option<String> {
        let lines: Vec<String> =
            self.mshrs.outstanding().take(4).map(|k| format!("{:#x}", k.line().address())).collect();
        (!lines.is_empty())
            .then(|| format!("{} lines from L2, first {}", self.mshrs.in_use(), lines.join(", ")))
    }
}
