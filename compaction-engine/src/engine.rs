//! The compaction engine: takes sparse reads from the L2 slices, finds out which dense lines to read,
//! has them compacted, and answers with compacted lines (dissertation sections 6.3 and 6.4).
//!
//! A request finds its column's *lane* in the prefetch buffer, or a data search starts one: accurate,
//! prudent or hasty, as the SIB knows ([`search`](crate::search)). A lane reads its column ahead through a
//! window of `prefetch_length` dense lines, by way of the same memory controllers as everyone else. Lanes
//! for which a request waits read first, one line a cycle and channel.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use mem_hierarchy::address::AddressMap;
use mem_hierarchy::request::{
    CompactedLine, LINE_BYTES, Line, MemoryRequest, MemoryResponse, SparseRequest, SparseResponse,
};
use rustc_hash::FxHashMap;
use serde::Serialize;
use sim_core::{Cycle, Histogram, Id, Link, Mean, Port, Slab, Timeline, Wake, Wheel};

use crate::packer::Released;
use crate::params::{self, Engine as Params};
use crate::prefetch_buffer::{Dense, Lane, Pending, PrefetchBuffer, Queued};
use crate::processor::Processor;
use crate::search::{BehindWindow, Next, Outcome, Plan};
use crate::sib::{GeometryError, Sib, SibCounters, SibGeometry};
use crate::values::ColumnValues;

/// Matrix B as a kernel launch registers it with the engine.
#[derive(Clone)]
pub struct Matrix {
    /// Byte address of element (0, 0); a multiple of 64.
    pub base: u64,
    /// Leading dimension in elements: a multiple of 16, at least K.
    pub ldb: u64,
    /// K, N and the values.
    pub values: Arc<dyn ColumnValues>,
}

impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (k, n) = (self.values.rows(), self.values.columns());
        write!(f, "Matrix {{ base: {:#x}, ldb: {}, k: {k}, n: {n} }}", self.base, self.ldb)
    }
}

/// Counters of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineStats {
    /// Sparse reads that reached the engine.
    pub requests: u64,
    /// Requests that found their lane live, the line waiting or still to come.
    pub lane_hits: u64,
    /// Requests that led to an accurate search.
    pub accurate: u64,
    /// Requests that led to a prudent search.
    pub prudent: u64,
    /// Requests that led to a hasty search.
    pub hasty: u64,
    /// Dense lines read from memory.
    pub dram_lines: u64,
    /// Those of them read by lanes that began with an accurate search.
    pub dram_lines_accurate: u64,
    /// Those read by lanes that began with a prudent search.
    pub dram_lines_prudent: u64,
    /// Those read by lanes that began with a hasty search.
    pub dram_lines_hasty: u64,
    /// Dense lines not read because the bitmask tells that they are zero.
    pub lines_skipped: u64,
    /// Dense lines read although their bit was known: they had been read before.
    pub lines_reread: u64,
    /// Bundles made.
    pub bundles: u64,
    /// Zero words sent to fill lines up.
    pub padding_words: u64,
    /// Finite values that became an FP16 infinity.
    pub fp16_overflows: u64,
    /// Non-zero values that became an FP16 zero.
    pub fp16_underflows: u64,
    /// The SIB's counters.
    pub sib: SibCounters,
    /// Lanes that had to go for another column.
    pub lanes_dropped: u64,
    /// Lanes that started anew because a line was asked for again that they had given away.
    pub lanes_rewound: u64,
    /// Compacted lines made and never taken.
    pub wasted_lines: u64,
    /// Cycles for which processing units were taken, all of them together.
    pub processor_busy_cycles: u64,
    /// Lines of the prefetch buffer in use, over time until their number last changed.
    pub buffer_occupancy: Timeline,
    /// The most lines of the prefetch buffer ever in use.
    pub buffer_peak_lines: u64,
    /// Cycles from a request's arrival to its answer leaving, for lane hits.
    pub latency_lane_hit: Histogram,
    /// The same for accurate searches.
    pub latency_accurate: Histogram,
    /// The same for prudent searches.
    pub latency_prudent: Histogram,
    /// The same for hasty searches.
    pub latency_hasty: Histogram,
}

impl EngineStats {
    /// Cycles from a request's arrival to its answer leaving, over all requests.
    pub fn read_latency(&self) -> Mean {
        let mut mean = Mean::default();
        for h in [&self.latency_lane_hit, &self.latency_accurate, &self.latency_prudent, &self.latency_hasty]
        {
            mean += h.mean;
        }
        mean
    }
}

/// What an [`Engine`] is connected to.
#[derive(Debug)]
pub struct EnginePorts<'a> {
    /// Sparse misses of each L2 slice.
    pub requests: &'a mut [Link<SparseRequest>],
    /// Compacted lines for each L2 slice.
    pub responses: &'a mut [Link<SparseResponse>],
    /// The memory controllers' links, by channel; the engine's is the last of each.
    pub to_memory: &'a mut [Vec<Link<MemoryRequest>>],
    /// Their answers, likewise.
    pub from_memory: &'a mut [Vec<Link<MemoryResponse>>],
}

/// A sparse read that the engine cannot serve: an error of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideMatrix {
    /// The byte address read.
    pub address: u64,
}

/// A dense line on its way from memory.
#[derive(Debug)]
struct Read {
    lane: usize,
    life: u32,
    line: u32,
    channel: usize,
}

/// Lanes that want to read from one channel; entries whose ticket is not the lane's are stale.
#[derive(Debug, Default)]
struct ChannelQueue {
    demand: VecDeque<(usize, u32)>,
    prefetch: VecDeque<(usize, u32)>,
    outstanding: u32,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    params: Params,
    map: AddressMap,
    matrix: Matrix,
    lines_per_column: u32,
    sib: Sib,
    /// When each bank of the SIB may start its next access.
    sib_bank_free: Vec<Cycle>,
    behind_window: BehindWindow,
    processor: Processor,
    buffer: PrefetchBuffer,
    lane_of: FxHashMap<u64, usize>,
    /// Requests that wait for a lane.
    homeless: VecDeque<(u64, Pending)>,
    /// How many of them each slice has, `queue` at the most.
    homeless_of: Vec<u32>,
    /// Whether a lane has become free, or droppable, since the homeless were last looked at.
    look_at_homeless: bool,
    queues: Vec<ChannelQueue>,
    reads: Slab<Read>,
    /// One a slice.
    response_ports: Vec<Port>,
    /// Numbers of lanes, queue entries and requests so far.
    lives: u32,
    tickets: u32,
    uses: u64,
    /// Lines of the buffer in use when the engine was last ticked.
    occupancy: usize,
    stats: EngineStats,
}

impl Engine {
    /// An engine with matrix B registered, in front of `channels` memory channels and behind `slices` L2
    /// slices. An error where K is more than row indices can name.
    pub fn new(
        params: &Params,
        map: AddressMap,
        channels: usize,
        slices: usize,
        matrix: Matrix,
    ) -> Result<Self, GeometryError> {
        let mut geometry = SibGeometry::new(matrix.values.rows(), params.sib.size.0)?;
        if !params.sib.cmi {
            geometry = geometry.with_cmi_limit(0);
        }
        Ok(Self {
            map,
            lines_per_column: geometry.lines,
            sib: Sib::new(geometry),
            sib_bank_free: vec![Cycle(0); params.sib.banks as usize],
            behind_window: match params.sib.behind_window {
                params::BehindWindow::Restart => BehindWindow::Restart,
                params::BehindWindow::Resume => BehindWindow::Resume,
            },
            processor: Processor::new(params),
            buffer: PrefetchBuffer::new(&params.prefetch_buffer),
            lane_of: FxHashMap::default(),
            homeless: VecDeque::new(),
            homeless_of: vec![0; slices],
            look_at_homeless: false,
            queues: (0..channels).map(|_| ChannelQueue::default()).collect(),
            reads: Slab::default(),
            response_ports: vec![Port::new(1); slices],
            lives: 0,
            tickets: 0,
            uses: 0,
            occupancy: 0,
            stats: EngineStats::default(),
            params: params.clone(),
            matrix,
        })
    }

    /// Takes what has arrived, answers what can be answered, and reads on.
    pub fn tick(
        &mut self,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) -> Result<Wake, OutsideMatrix> {
        for channel in 0..ports.from_memory.len() {
            while let Some(response) = engine_link(&mut ports.from_memory[channel]).take(now, wheel) {
                self.dense_line_arrived(response.tag, now, ports, wheel);
            }
        }
        let mut wake = Wake::Idle;
        // One request a slice and cycle.
        for slice in 0..ports.requests.len() {
            if self.homeless_of[slice] == self.params.queue {
                continue; // until one of them has found a lane
            }
            if let Some((arrived, request)) = ports.requests[slice].take_stamped(now, wheel) {
                let (column, index) = self.locate(request.line)?;
                self.stats.requests += 1;
                let pending = Pending { index, slice, tag: request.tag, arrived, search: None };
                if !self.serve(column, pending, now, ports, wheel) {
                    self.homeless.push_back((column, pending));
                    self.homeless_of[slice] += 1;
                }
                if ports.requests[slice].peek(now).is_some() {
                    wake = Wake::Next;
                }
            }
        }
        if std::mem::take(&mut self.look_at_homeless) {
            while let Some((column, pending)) = self.homeless.pop_front() {
                if !self.serve(column, pending, now, ports, wheel) {
                    self.homeless.push_front((column, pending));
                    break;
                }
                self.homeless_of[pending.slice] -= 1;
                if ports.requests[pending.slice].peek(now).is_some() {
                    wake = Wake::Next;
                }
            }
        }
        let wake = wake.min(self.read_on(now, ports, wheel));
        self.note_occupancy(now);
        Ok(wake)
    }

    /// Adds up the buffer's occupancy where it changes: a tick more or less does not matter.
    fn note_occupancy(&mut self, now: Cycle) {
        if self.occupancy != self.buffer.used_lines() {
            self.stats.buffer_occupancy.hold(self.occupancy as u64, now);
            self.occupancy = self.buffer.used_lines();
        }
    }

    /// Column and compacted line that a sparse read of `line` asks for.
    fn locate(&self, line: Line) -> Result<(u64, u32), OutsideMatrix> {
        let outside = OutsideMatrix { address: line.address() };
        let offset = line.0.checked_sub(self.matrix.base / LINE_BYTES).ok_or(outside.clone())?;
        let stride = self.matrix.ldb * 4 / LINE_BYTES;
        let (column, index) = (offset / stride, offset % stride);
        if column >= self.matrix.values.columns() || index >= u64::from(self.lines_per_column) {
            return Err(outside);
        }
        Ok((column, index as u32))
    }

    /// Serves a request from its lane, or starts one; false where it has to wait for a lane.
    fn serve(
        &mut self,
        column: u64,
        mut pending: Pending,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) -> bool {
        let lane = match self.lane_of.get(&column).copied() {
            Some(lane) if self.buffer.lane(lane).can_serve(pending.index) => {
                self.stats.lane_hits += 1;
                lane
            }
            // The line has been given away and is asked for again: the lane starts anew.
            Some(lane) if self.buffer.lane(lane).pending.is_empty() => {
                self.stats.lanes_rewound += 1;
                self.drop_lane(lane);
                match self.start_lane(column, &mut pending, now) {
                    Some(lane) => lane,
                    None => return false,
                }
            }
            Some(_) => return false,
            None => match self.start_lane(column, &mut pending, now) {
                Some(lane) => lane,
                None => return false,
            },
        };
        self.uses += 1;
        self.buffer.lane_mut(lane).used = self.uses;
        if let Some((line, ready)) = self.buffer.take_waiting(lane, pending.index) {
            self.respond(pending, line, ready, now, ports, wheel);
        } else if self.buffer.lane(lane).finished.is_some_and(|end| pending.index >= end) {
            self.respond(pending, CompactedLine::EMPTY, now, now, ports, wheel);
        } else {
            self.buffer.lane_mut(lane).pending.push(pending);
        }
        self.work_on(lane, now, ports, wheel);
        true
    }

    /// Searches for a compacted line and starts its column's lane accordingly; `None` where every lane has
    /// a request that waits.
    fn start_lane(&mut self, column: u64, pending: &mut Pending, now: Cycle) -> Option<usize> {
        if !self.buffer.has_lane() {
            let victim = self.buffer.droppable()?;
            self.stats.lanes_dropped += 1;
            self.drop_lane(victim);
        }
        if let Some(spent) = self.buffer.displaced() {
            self.drop_lane(spent);
        }
        let known = self.sib.look_up(column);
        let entry = known.map(|slot| self.sib.entry(slot));
        let plan = Plan::new(entry, pending.index, self.lines_per_column, self.behind_window);
        if known.is_none() {
            self.sib.insert(column);
        }
        pending.search = Some(plan.outcome);
        match plan.outcome {
            Outcome::Accurate => self.stats.accurate += 1,
            Outcome::Prudent => self.stats.prudent += 1,
            Outcome::Hasty => self.stats.hasty += 1,
        }
        let searched = self.access_sib(column, now);
        self.lives += 1;
        let lane = self.buffer.insert(Lane::new(column, &plan, pending.index, searched, self.lives));
        self.lane_of.insert(column, lane);
        Some(lane)
    }

    /// Books an access to a column's bank of the SIB; returns when it is done.
    fn access_sib(&mut self, column: u64, now: Cycle) -> Cycle {
        let banks = self.sib_bank_free.len() as u64;
        let bank = &mut self.sib_bank_free[(column % banks) as usize];
        let start = now.max(*bank);
        *bank = start + 1;
        start + u64::from(self.params.sib.latency)
    }

    fn drop_lane(&mut self, at: usize) {
        let lane = self.buffer.remove(at);
        self.lane_of.remove(&lane.column);
        self.stats.wasted_lines += lane.waiting.len() as u64;
        self.look_at_homeless = true;
    }

    fn dense_line_arrived(&mut self, tag: u32, now: Cycle, ports: &mut EnginePorts<'_>, wheel: &mut Wheel) {
        let read = self.reads.remove(Id::from_index(tag as usize));
        self.queues[read.channel].outstanding -= 1;
        if self.buffer.get(read.lane).is_none_or(|lane| lane.life != read.life) {
            return; // its lane is gone
        }
        let lane = self.buffer.lane_mut(read.lane);
        if let Some(dense) = lane.window.iter_mut().find(|dense| dense.line == read.line) {
            dense.arrived = true;
        }
        if lane.window.front().is_some_and(|dense| dense.arrived) {
            self.work_on(read.lane, now, ports, wheel);
        }
    }

    /// Compacts what has arrived for a lane, as far as there is room, ends it if its column is done, and
    /// queues it for its next dense line.
    fn work_on(&mut self, at: usize, now: Cycle, ports: &mut EnginePorts<'_>, wheel: &mut Wheel) {
        loop {
            let lane = self.buffer.lane(at);
            let may_release = !lane.pending.is_empty() || self.buffer.has_room(at);
            match lane.window.front() {
                Some(dense) if dense.arrived && may_release => {
                    let line = dense.line;
                    self.compact(at, line, now, ports, wheel);
                }
                None if lane.finished.is_none() && may_release && self.is_read_to_the_end(at) => {
                    self.finish(at, now, ports, wheel);
                }
                _ => break,
            }
        }
        let lane = self.buffer.lane(at);
        if lane.is_spent() {
            if !lane.is_retired() {
                self.buffer.retire(at);
                self.look_at_homeless = true;
            }
            return;
        }
        if lane.pending.is_empty() && !self.homeless.is_empty() {
            self.look_at_homeless = true;
        }
        self.queue_for_reading(at);
    }

    fn is_read_to_the_end(&self, at: usize) -> bool {
        let lane = self.buffer.lane(at);
        lane.cursor.is_at_end(self.sib.entry_of(lane.column))
    }

    /// Feeds the oldest dense line of a lane's window to its packer.
    fn compact(&mut self, at: usize, line: u32, now: Cycle, ports: &mut EnginePorts<'_>, wheel: &mut Wheel) {
        let lane = self.buffer.lane_mut(at);
        lane.window.pop_front();
        let column = lane.column;
        let values = self.matrix.values.line(column, line);
        let fed = lane.packer.feed(line, &values);
        lane.compacted_at = self.processor.start(now).max(lane.compacted_at);
        let ready = lane.compacted_at;
        self.stats.bundles += u64::from(fed.bundles);
        self.stats.fp16_overflows += u64::from(fed.overflows);
        self.stats.fp16_underflows += u64::from(fed.underflows);
        self.access_sib(column, now);
        let mut followed = None;
        if let Some(slot) = self.sib.find(column) {
            self.sib.observe_line(slot, line, fed.non_zeros > 0);
            if let Some(filled) = fed.filled {
                self.sib.observe_compacted(slot, filled.index, filled.cmi);
                followed = self.sib.entry(slot).is_last(filled.index).map(|last| !last);
            }
        }
        if let Some(released) = fed.released {
            self.release(at, released, ready, now, ports, wheel);
        }
        // A line read before may be known to have a successor: no need to look for it again.
        if followed == Some(true)
            && let Some(released) = self.buffer.lane_mut(at).packer.release_held(false)
        {
            self.release(at, released, ready, now, ports, wheel);
        }
    }

    /// Ends a lane's column: its final line is known to be the last.
    fn finish(&mut self, at: usize, now: Cycle, ports: &mut EnginePorts<'_>, wheel: &mut Wheel) {
        let lane = self.buffer.lane_mut(at);
        let finished = lane.packer.finish();
        // Where the bitmask tells all, the search is all that takes time.
        let (column, ready) = (lane.column, lane.compacted_at.max(lane.not_before).max(now));
        lane.finished = Some(finished.released.index + 1);
        if let Next::EndOfColumn { skipped } = lane.cursor.advance(self.sib.entry_of(column)) {
            self.stats.lines_skipped += u64::from(skipped);
        }
        if let (Some(filled), Some(slot)) = (finished.filled, self.sib.find(column)) {
            self.sib.observe_compacted(slot, filled.index, filled.cmi);
        }
        self.release(at, finished.released, ready, now, ports, wheel);
        let end = finished.released.index;
        self.respond_to_waiting(at, |index| index > end, CompactedLine::EMPTY, ready, now, ports, wheel);
    }

    /// Answers the requests that wait in a lane for the lines that `is_meant` names; whether there were any.
    #[allow(clippy::too_many_arguments)]
    fn respond_to_waiting(
        &mut self,
        at: usize,
        is_meant: impl Fn(u32) -> bool,
        data: CompactedLine,
        ready: Cycle,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) -> bool {
        let mut waiting = std::mem::take(&mut self.buffer.lane_mut(at).pending);
        let before = waiting.len();
        waiting.retain(|pending| {
            let meant = is_meant(pending.index);
            if meant {
                self.respond(*pending, data, ready, now, ports, wheel);
            }
            !meant
        });
        let any = waiting.len() < before;
        self.buffer.lane_mut(at).pending = waiting;
        any
    }

    /// Sends a compacted line to whoever waits for it, or keeps it.
    fn release(
        &mut self,
        at: usize,
        released: Released,
        ready: Cycle,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) {
        let line = released.line;
        self.buffer.lane_mut(at).produced = released.index + 1;
        if self.respond_to_waiting(at, |index| index == released.index, line, ready, now, ports, wheel) {
            return;
        }
        if released.index < self.buffer.lane(at).wanted_from {
            return; // made again on the way to the line that was asked for
        }
        // Room was there unless a request for a later line forces this one out: then the oldest goes.
        while !self.buffer.has_room(at) {
            self.stats.wasted_lines += 1;
            if !self.buffer.drop_oldest(at) {
                return;
            }
        }
        self.buffer.push_waiting(at, released.index, line, ready);
    }

    fn respond(
        &mut self,
        pending: Pending,
        data: CompactedLine,
        ready: Cycle,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) {
        let ready = now.max(ready) + u64::from(self.params.prefetch_buffer.latency);
        let leaves = self.response_ports[pending.slice].book(ready);
        let response = SparseResponse { tag: pending.tag, data };
        ports.responses[pending.slice].send_after(leaves - now, response, now, wheel);
        self.stats.padding_words += u64::from(data.padding_words());
        let latency = match pending.search {
            None => &mut self.stats.latency_lane_hit,
            Some(Outcome::Accurate) => &mut self.stats.latency_accurate,
            Some(Outcome::Prudent) => &mut self.stats.latency_prudent,
            Some(Outcome::Hasty) => &mut self.stats.latency_hasty,
        };
        latency.add(leaves - pending.arrived);
    }

    /// Puts a lane into the queue of the channel that holds its next dense line, if it wants one.
    fn queue_for_reading(&mut self, at: usize) {
        let lane = self.buffer.lane(at);
        let wish = if !lane.pending.is_empty() {
            Queued::Demand
        } else if self.buffer.has_room(at) {
            Queued::Prefetch
        } else {
            Queued::No
        };
        if wish <= lane.queued || lane.window.len() >= self.params.prefetch_length as usize {
            return;
        }
        let Some(line) = lane.cursor.peek(self.sib.entry_of(lane.column)) else { return };
        let channel = self.map.channel(self.dense_line(lane.column, line));
        let lane = self.buffer.lane_mut(at);
        lane.queued = wish;
        self.tickets = self.tickets.wrapping_add(1);
        lane.ticket = self.tickets;
        let entry = (at, lane.ticket);
        let queue = &mut self.queues[channel];
        if wish == Queued::Demand { queue.demand.push_back(entry) } else { queue.prefetch.push_back(entry) }
    }

    fn dense_line(&self, column: u64, line: u32) -> Line {
        Line((self.matrix.base + 4 * column * self.matrix.ldb) / LINE_BYTES + u64::from(line))
    }

    /// Reads one dense line from each channel that has room, for the lanes queued there.
    fn read_on(&mut self, now: Cycle, ports: &mut EnginePorts<'_>, wheel: &mut Wheel) -> Wake {
        for channel in 0..self.queues.len() {
            if let Ok(at) = self.reader(channel, now, ports, wheel) {
                self.pop_reader(channel);
                self.read_next(at, channel, now, ports, wheel);
            }
        }
        // Lanes queue up anew as they read, at any channel.
        let mut wake = Wake::Idle;
        for channel in 0..self.queues.len() {
            wake = wake.min(self.reader(channel, now, ports, wheel).map_or_else(|wake| wake, |_| Wake::Next));
        }
        if self.look_at_homeless && !self.homeless.is_empty() { Wake::Next } else { wake }
    }

    /// The lane that may read from `channel`; or when to look again, answers and free slots aside.
    fn reader(
        &mut self,
        channel: usize,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) -> Result<usize, Wake> {
        if self.queues[channel].outstanding >= self.params.outstanding_per_channel {
            return Err(Wake::Idle); // an answer wakes the engine
        }
        let at = self.next_reader(channel).ok_or(Wake::Idle)?;
        let not_before = self.buffer.lane(at).not_before;
        if not_before > now {
            return Err(Wake::at(not_before, now));
        }
        if !engine_link(&mut ports.to_memory[channel]).has_room(now, wheel) {
            return Err(Wake::Idle);
        }
        Ok(at)
    }

    /// Reads the next dense line of a lane that stood in `channel`'s queue.
    fn read_next(
        &mut self,
        at: usize,
        channel: usize,
        now: Cycle,
        ports: &mut EnginePorts<'_>,
        wheel: &mut Wheel,
    ) {
        let lane = self.buffer.lane_mut(at);
        lane.queued = Queued::No;
        let entry = self.sib.entry_of(lane.column);
        let known = entry.map_or(0, |entry| entry.known_lines());
        let column = lane.column;
        let Some(next) = lane.cursor.peek(entry) else { return };
        if self.map.channel(self.dense_line(column, next)) != channel {
            self.queue_for_reading(at); // what is known of the column has changed since it was queued
            return;
        }
        let lane = self.buffer.lane_mut(at);
        let Next::Read { line, skipped } = lane.cursor.advance(entry) else { return };
        lane.window.push_back(Dense { line, arrived: false });
        let (outcome, life) = (lane.outcome, lane.life);
        self.stats.dram_lines += 1;
        match outcome {
            Outcome::Accurate => self.stats.dram_lines_accurate += 1,
            Outcome::Prudent => self.stats.dram_lines_prudent += 1,
            Outcome::Hasty => self.stats.dram_lines_hasty += 1,
        }
        self.stats.lines_skipped += u64::from(skipped);
        self.stats.lines_reread += u64::from(line < known);
        let tag = self.reads.insert(Read { lane: at, life, line, channel }).index() as u32;
        let request = MemoryRequest { line: self.dense_line(column, line), is_write: false, tag };
        engine_link(&mut ports.to_memory[channel]).send(request, now, wheel);
        self.queues[channel].outstanding += 1;
        self.queue_for_reading(at);
    }

    /// The lane that reads next from `channel`, stale entries apart.
    fn next_reader(&mut self, channel: usize) -> Option<usize> {
        let queue = &mut self.queues[channel];
        for entries in [&mut queue.demand, &mut queue.prefetch] {
            while let Some(&(at, ticket)) = entries.front() {
                match self.buffer.get(at) {
                    Some(lane) if lane.ticket == ticket && lane.queued != Queued::No => return Some(at),
                    _ => entries.pop_front(),
                };
            }
        }
        None
    }

    fn pop_reader(&mut self, channel: usize) {
        let queue = &mut self.queues[channel];
        if queue.demand.pop_front().is_none() {
            queue.prefetch.pop_front();
        }
    }

    /// Counters so far.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            sib: self.sib.counters(),
            processor_busy_cycles: self.processor.busy_cycles(),
            buffer_peak_lines: self.buffer.peak_lines() as u64,
            wasted_lines: self.stats.wasted_lines
                + self.buffer.lanes().map(|(_, lane)| lane.waiting.len() as u64).sum::<u64>(),
            ..self.stats.clone()
        }
    }

    /// How the SIB is divided.
    pub fn sib_geometry(&self) -> SibGeometry {
        self.sib.geometry()
    }

    /// Bytes of the SIB in use.
    pub fn sib_used_bytes(&self) -> u64 {
        self.sib.used_bytes()
    }

    /// What the engine works on; `None` where no request waits and nothing is on its way.
    pub fn waiting_for(&self) -> Option<String> {
        let pending: usize = self.buffer.lanes().map(|(_, lane)| lane.pending.len()).sum();
        let idle = pending == 0 && self.homeless.is_empty() && self.reads.is_empty();
        (!idle).then(|| {
            format!(
                "{pending} requests in {} lanes, {} without a lane, {} dense lines on their way, {} of {} buffer \
                 lines in use",
                self.buffer.live(),
                self.homeless.len(),
                self.reads.len(),
                self.buffer.used_lines(),
                self.buffer.lines(),
            )
        })
    }
}

/// The engine's own link among those of a memory controller.
fn engine_link<T>(links: &mut [Link<T>]) -> &mut Link<T> {
    links.last_mut().unwrap_or_else(|| panic!("engine: a memory controller without a link to it"))
}
