//! The memory controller of one DRAM channel: takes requests from the L2 slices and the engine round
//! robin, and sends the lines read back to whoever asked.

use sim_core::{ClockRatio, Cycle, Id, Link, Mean, Slab, Wake, Wheel};

use crate::address::AddressMap;
use crate::dram::{Channel, Dram, clock_hz};
use crate::request::{MemoryRequest, MemoryResponse};

/// A read in flight.
#[derive(Debug)]
struct Read {
    source: usize,
    tag: u32,
    arrived: Cycle,
}

/// The controller of one channel, and the channel.
#[derive(Debug)]
pub struct MemoryController {
    map: AddressMap,
    clock: ClockRatio,
    channel: Channel,
    reads: Slab<Read>,
    /// Source that is served next.
    preferred: usize,
    read_latency: Mean,
}

impl MemoryController {
    /// An idle controller beside a core of `core_hz`.
    pub fn new(params: &Dram, core_hz: u64, map: AddressMap) -> Self {
        Self {
            map,
            clock: ClockRatio::new(clock_hz(params, core_hz), core_hz),
            channel: Channel::new(params),
            reads: Slab::default(),
            preferred: 0,
            read_latency: Mean::default(),
        }
    }

    /// Takes requests, issues commands and sends completed reads back. `requests` and `responses` have
    /// one link for each source.
    pub fn tick(
        &mut self,
        now: Cycle,
        requests: &mut [Link<MemoryRequest>],
        responses: &mut [Link<MemoryResponse>],
        wheel: &mut Wheel,
    ) -> Wake {
        // Places in the channel's queue become free in the cycle in which the controller would be woken for it,
        // also where it is ticked for another reason before.
        let begun = self.begun(now);
        self.channel.advance(begun);
        while self.accept_round(now, self.clock.from_core(now), requests, wheel) {}
        let next = self.channel.advance(begun);
        while let Some((tag, done)) = self.channel.pop_read() {
            let read = self.reads.remove(Id::from_index(tag as usize));
            let done = self.clock.to_core(done).max(now);
            let response = MemoryResponse { tag: read.tag };
            responses[read.source].send_after(done - now, response, now, wheel);
            self.read_latency.add(done - read.arrived);
        }
        next.map_or(Wake::Idle, |tick| Wake::at(self.clock.to_core(tick), now))
    }

    /// The latest tick of the memory that starts no later than core cycle `now`.
    fn begun(&self, now: Cycle) -> u64 {
        let tick = self.clock.from_core(now);
        tick - u64::from(self.clock.to_core(tick) > now)
    }

    /// Takes at most one request of each source, in turn; whether any was taken. Reads and writes queue
    /// apart in the channel, so a source whose head finds no place does not hold up the others.
    fn accept_round(
        &mut self,
        now: Cycle,
        tick: u64,
        requests: &mut [Link<MemoryRequest>],
        wheel: &mut Wheel,
    ) -> bool {
        let first = self.preferred;
        let mut taken = false;
        for step in 0..requests.len() {
            let source = (first + step) % requests.len();
            if !requests[source].peek(now).is_some_and(|r| self.channel.can_accept(r.is_write)) {
                continue;
            }
            let Some((arrived, request)) = requests[source].take_stamped(now, wheel) else { continue };
            let tag = if request.is_write {
                0
            } else {
                self.reads.insert(Read { source, tag: request.tag, arrived }).index() as u32
            };
            self.channel.accept(tick, self.map.line_in_channel(request.line), request.is_write, tag);
            self.preferred = (source + 1) % requests.len();
            taken = true;
        }
        taken
    }

    /// Makes up for what happens without requests (refreshes) until `now`.
    pub fn settle(&mut self, now: Cycle) {
        self.channel.advance(self.clock.from_core(now));
    }

    /// The channel, for its counters.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Core cycles from a read's arrival to its last data.
    pub fn read_latency(&self) -> Mean {
        self.read_latency
    }

    /// What the controller works on; `None` where it is idle.
    pub fn waiting_for(&self) -> Option<String> {
        (!self.reads.is_empty()).then(|| format!("{} reads from DRAM", self.reads.len()))
    }
}
