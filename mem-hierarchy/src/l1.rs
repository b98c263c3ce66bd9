//! The L1 vector cache: write-through, no write-allocate.
//!
//! A read that hits leaves after the hit path's latency; one that misses leaves for L2 after the tag
//! look-up and comes back past the data array as soon as its line arrives. Writes go on to L2 and are
//! answered when L2 has taken them. Sparse reads are cached under their own keys.

use sim_core::{Cycle, Port, TimedQueue};

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
    write_buffer: u32,
    writes_outstanding: u32,
    requests_per_cycle: u32,
    latency: u64,
    tag_latency: u64,
    crossbar_latency: u64,
    /// The ports towards the compute unit, for lines that hit and for lines that come from L2.
    hit_port: Port,
    fill_port: Port,
    /// The input of the crossbar.
    crossbar_port: Port,
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
        let sets = params.size.0 / LINE_BYTES / u64::from(params.ways);
        Self {
            cu,
            tags: TagArray::new(sets as usize, params.ways as usize),
            mshrs: Mshrs::new(params.mshrs as usize),
            write_buffer: params.write_buffer,
            writes_outstanding: 0,
            requests_per_cycle: params.requests_per_cycle,
            latency: params.latency.into(),
            tag_latency: params.tag_latency.into(),
            crossbar_latency: crossbar.latency.into(),
            hit_port: Port::new(params.lines_per_cycle),
            fill_port: Port::new(params.lines_per_cycle),
            crossbar_port: Port::new(crossbar.lines_per_cycle),
            stats: CacheStats::default(),
        }
    }

    /// Takes what has arrived; when to come back.
    pub fn tick(&mut self, now: Cycle, ports: &mut L1Ports<'_>) -> Cycle {
        while let Some((_, response)) = ports.from_l2.take(now) {
            self.answer(response, now, ports);
        }
        let answers = ports.from_l2.next_arrival();
        for _ in 0..self.requests_per_cycle {
            let Some(request) = ports.requests.peek(now).copied() else { break };
            if !self.accept(request, now, ports) {
                return answers; // what it waits for comes with one of them
            }
        }
        ports.requests.next_arrival().max(now + 1).min(answers)
    }

    fn answer(&mut self, response: L2Response, now: Cycle, ports: &mut L1Ports<'_>) {
        if response.is_write {
            self.writes_outstanding -= 1;
            self.send_fill(LineResponse { tag: response.tag, hit: false, data: None }, now, ports);
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
            let line = LineResponse { tag: target.tag, hit: false, data: response.data };
            let leaves = self.send_fill(line, now, ports);
            self.stats.read_latency.add(leaves - target.arrived);
        }
        self.mshrs.release(response.tag);
    }

    /// Sends a line that came from L2 on; returns the cycle in which it leaves.
    fn send_fill(&mut self, response: LineResponse, now: Cycle, ports: &mut L1Ports<'_>) -> Cycle {
        let leaves = self.fill_port.book(now);
        ports.answers.push((leaves + 1, response));
        leaves
    }

    /// Looks a request up; false where it has to wait.
    fn accept(&mut self, request: LineRequest, now: Cycle, ports: &mut L1Ports<'_>) -> bool {
        let key = Key::new(request.line, request.access);
        let index = request.line.0;
        if request.access.is_write() {
            if self.writes_outstanding == self.write_buffer {
                return false;
            }
            ports.requests.take(now);
            self.stats.writes += 1;
            match self.tags.lookup(index, key) {
                Some(_) => self.stats.hits += 1,
                None => self.stats.misses += 1,
            }
            self.writes_outstanding += 1;
            self.send_to_l2(request, request.tag, now, ports);
            return true;
        }
        if let Some(slot) = self.tags.lookup(index, key) {
            let Some((arrived, request)) = ports.requests.take(now) else { return false };
            let data = key.is_sparse().then(|| self.tags.data(slot));
            let leaves = self.hit_port.book(now) + self.latency;
            ports.answers.push((leaves, LineResponse { tag: request.tag, hit: true, data }));
            self.count_read(key);
            self.stats.hits += 1;
            self.stats.read_latency.add(leaves - arrived);
            return true;
        }
        let register = self.mshrs.find(key);
        if register.is_none() && self.mshrs.is_full() {
            return false;
        }
        let Some((arrived, request)) = ports.requests.take(now) else { return false };
        self.count_read(key);
        let target = Target { cu: self.cu, tag: request.tag, access: request.access, arrived };
        if let Some(register) = register {
            self.stats.merged += 1;
            self.mshrs.merge(register, target);
        } else {
            self.stats.misses += 1;
            let register = self.mshrs.allocate(key, target);
            self.send_to_l2(request, register, now, ports);
        }
        true
    }

    fn count_read(&mut self, key: Key) {
        self.stats.reads += 1;
        self.stats.sparse_reads += u64::from(key.is_sparse());
    }

    fn send_to_l2(&mut self, request: LineRequest, tag: u32, now: Cycle, ports: &mut L1Ports<'_>) {
        let request = L2Request { line: request.line, access: request.access, cu: self.cu, tag };
        let leaves = self.crossbar_port.book(now + self.tag_latency);
        ports.to_l2.push((leaves + self.crossbar_latency, request));
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
