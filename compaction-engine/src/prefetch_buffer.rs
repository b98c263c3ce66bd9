//! The prefetch buffer: compacted lines that wait for L2, in one lane a live column (dissertation
//! section 6.4.3), and how much each lane may hold.
//!
//! A lane takes one line of the buffer for the compacted line under construction and one for each line
//! that waits. Its column is read ahead through a window of dense lines; compaction is in order whatever
//! the order in which memory answers.

use std::collections::VecDeque;

use mem_hierarchy::request::{CompactedLine, LINE_BYTES};
use sim_core::Cycle;

use crate::packer::Packer;
use crate::params::{BufferPolicy, PrefetchBuffer as Params};
use crate::search::{Cursor, Outcome, Plan};

/// A request that waits for its compacted line.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// The compacted line.
    pub index: u32,
    /// L2 slice that asked.
    pub slice: usize,
    /// The slice's name for the request.
    pub tag: u32,
    /// When it arrived.
    pub arrived: Cycle,
    /// How it was found: `None` in the lane, else by a search.
    pub search: Option<Outcome>,
}

/// A dense line on its way, or waiting for those before it.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// The line of the column.
    pub line: u32,
    /// Whether it is there.
    pub arrived: bool,
}

/// In which of its channel's queues a lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queued {
    /// None.
    No,
    /// To read ahead.
    Prefetch,
    /// For a request that waits.
    Demand,
}

/// A live column.
#[derive(Debug)]
pub struct Lane {
    /// The column.
    pub column: u64,
    /// Compaction, as far as it has come.
    pub packer: Packer,
    /// What is still to be read.
    pub cursor: Cursor,
    /// The search that the lane began with.
    pub outcome: Outcome,
    /// Dense lines outstanding or not yet consumed, in order.
    pub window: VecDeque<Dense>,
    /// Compacted lines that wait for L2, with the cycle in which each is ready.
    pub waiting: VecDeque<(u32, CompactedLine, Cycle)>,
    /// Requests for lines that are not there yet.
    pub pending: Vec<Pending>,
    /// The first compacted line that has not been released by the packer.
    pub produced: u32,
    /// Compacted lines below this one were delivered before: they are made again and discarded.
    pub wanted_from: u32,
    /// Compacted lines of the column, once all are made.
    pub finished: Option<u32>,
    /// When its latest dense line is compacted.
    pub compacted_at: Cycle,
    /// No dense line is read before this cycle (the search takes time).
    pub not_before: Cycle,
    /// Number of the latest request for it, over all lanes.
    pub used: u64,
    /// Where it stands for its next dense line.
    pub queued: Queued,
    /// Tells its present place in a queue, and its reads in flight, from those of an earlier life.
    pub ticket: u32,
    /// The same, for reads in flight.
    pub life: u32,
    /// It has given its space back.
    retired: bool,
}

impl Lane {
    /// A lane that begins as a search has found.
    pub fn new(column: u64, plan: &Plan, wanted_from: u32, not_before: Cycle, life: u32) -> Self {
        Self {
            column,
            packer: Packer::resume(plan.resume),
            cursor: plan.cursor,
            outcome: plan.outcome,
            window: VecDeque::new(),
            waiting: VecDeque::new(),
            pending: Vec::new(),
            produced: plan.resume.index,
            wanted_from,
            finished: None,
            compacted_at: Cycle(0),
            not_before,
            used: 0,
            queued: Queued::No,
            ticket: 0,
            life,
            retired: false,
        }
    }

    /// Whether the lane has nothing more to do: its column is finished and every line taken. It stays for
    /// requests past the column's end until its place is needed.
    pub fn is_spent(&self) -> bool {
        self.finished.is_some() && self.waiting.is_empty() && self.pending.is_empty()
    }

    /// Whether the space of a spent lane has been given back.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// Whether compacted line `index` can still come out of it: it waits there, or is not made yet, or is
    /// past the column's end.
    pub fn can_serve(&self, index: u32) -> bool {
        index >= self.produced || self.waiting.iter().any(|(i, ..)| *i == index)
    }
}

/// The lanes and the space that they share.
#[derive(Debug)]
pub struct PrefetchBuffer {
    lanes: Vec<Option<Lane>>,
    free: Vec<usize>,
    lines: usize,
    lane_lines: usize,
    max_lanes: usize,
    policy: BufferPolicy,
    /// Lanes that are not spent.
    live: usize,
    /// Spent lanes, oldest first, with their lives: they take no space, and go when their place is needed.
    spent: VecDeque<(usize, u32)>,
    waiting: usize,
    peak: usize,
}

impl PrefetchBuffer {
    /// An empty buffer.
    pub fn new(params: &Params) -> Self {
        let lines = (params.size.0 / LINE_BYTES) as usize;
        let max_lanes = match params.policy {
            // Every lane can always have one line ahead.
            BufferPolicy::Throttle => (lines / 2).max(1),
            BufferPolicy::DropLru => lines.max(1),
        };
        Self {
            lanes: Vec::new(),
            free: Vec::new(),
            lines,
            lane_lines: params.lane_lines as usize,
            max_lanes,
            policy: params.policy,
            live: 0,
            spent: VecDeque::new(),
            waiting: 0,
            peak: 0,
        }
    }

    /// Compacted lines that one lane may have waiting at present.
    pub fn share(&self) -> usize {
        match self.policy {
            BufferPolicy::Throttle => (self.read_ahead_lines() / self.live.max(1)).clamp(1, self.lane_lines),
            BufferPolicy::DropLru => self.lane_lines,
        }
    }

    /// Lines for what is read ahead: under throttling every lane that may come keeps its own line free.
    fn read_ahead_lines(&self) -> usize {
        match self.policy {
            BufferPolicy::Throttle => (self.lines - self.max_lanes).max(1),
            BufferPolicy::DropLru => self.lines,
        }
    }

    /// Lines of the buffer in use.
    pub fn used_lines(&self) -> usize {
        self.live + self.waiting
    }

    /// The most lines that were ever in use.
    pub fn peak_lines(&self) -> usize {
        self.peak
    }

    /// Lines of the buffer.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Whether a lane may put one more line into the buffer unasked.
    pub fn has_room(&self, lane: usize) -> bool {
        self.used_lines() < self.lines
            && self.waiting < self.read_ahead_lines()
            && self.lane(lane).waiting.len() < self.share()
    }

    /// Whether a new lane can be had without dropping another.
    pub fn has_lane(&self) -> bool {
        self.live < self.max_lanes && (self.used_lines() < self.lines || self.live == 0)
    }

    /// The least recently requested lane that no request waits for.
    pub fn droppable(&self) -> Option<usize> {
        self.lanes
            .iter()
            .enumerate()
            .filter_map(|(at, lane)| Some((at, lane.as_ref()?)))
            .filter(|(_, lane)| lane.pending.is_empty() && !lane.is_spent())
            .min_by_key(|(_, lane)| lane.used)
            .map(|(at, _)| at)
    }

    /// Adds a lane; there must be one to be had.
    pub fn insert(&mut self, lane: Lane) -> usize {
        self.live += 1;
        self.peak = self.peak.max(self.used_lines());
        match self.free.pop() {
            Some(at) => {
                self.lanes[at] = Some(lane);
                at
            }
            None => {
                self.lanes.push(Some(lane));
                self.lanes.len() - 1
            }
        }
    }

    /// Takes a lane out, with what waits in it.
    pub fn remove(&mut self, at: usize) -> Lane {
        let Some(lane) = self.lanes[at].take() else { panic!("prefetch buffer: lane {at} removed twice") };
        self.free.push(at);
        self.live -= usize::from(!lane.retired);
        self.waiting -= lane.waiting.len();
        lane
    }

    /// Notes that a lane is spent: it gives its space back.
    pub fn retire(&mut self, at: usize) {
        let lane = self.lane_mut(at);
        lane.retired = true;
        let life = lane.life;
        self.spent.push_back((at, life));
        self.live -= 1;
    }

    /// The spent lane whose place a new lane needs; `None` where there is place.
    pub fn displaced(&mut self) -> Option<usize> {
        while self.lanes.len() - self.free.len() >= self.max_lanes {
            let (at, life) = self.spent.pop_front()?;
            if self.get(at).is_some_and(|lane| lane.life == life) {
                return Some(at);
            }
        }
        None
    }

    /// The lane at `at`.
    pub fn lane(&self, at: usize) -> &Lane {
        self.lanes[at].as_ref().unwrap_or_else(|| panic!("prefetch buffer: no lane {at}"))
    }

    /// The lane at `at`, to change it; its waiting lines through [`PrefetchBuffer::push_waiting`] and
    /// [`PrefetchBuffer::take_waiting`] only.
    pub fn lane_mut(&mut self, at: usize) -> &mut Lane {
        self.lanes[at].as_mut().unwrap_or_else(|| panic!("prefetch buffer: no lane {at}"))
    }

    /// The lane at `at`, if there is one.
    pub fn get(&self, at: usize) -> Option<&Lane> {
        self.lanes.get(at)?.as_ref()
    }

    /// Puts a compacted line into a lane.
    pub fn push_waiting(&mut self, at: usize, index: u32, line: CompactedLine, ready: Cycle) {
        self.lane_mut(at).waiting.push_back((index, line, ready));
        self.waiting += 1;
        self.peak = self.peak.max(self.used_lines());
    }

    /// Takes compacted line `index` out of a lane, if it waits there.
    pub fn take_waiting(&mut self, at: usize, index: u32) -> Option<(CompactedLine, Cycle)> {
        let lane = self.lane_mut(at);
        let position = lane.waiting.iter().position(|(i, ..)| *i == index)?;
        let (_, line, ready) = lane.waiting.remove(position)?;
        self.waiting -= 1;
        Some((line, ready))
    }

    /// Drops the oldest line of a lane; whether there was one.
    pub fn drop_oldest(&mut self, at: usize) -> bool {
        let dropped = self.lane_mut(at).waiting.pop_front().is_some();
        self.waiting -= usize::from(dropped);
        dropped
    }

    /// Live lanes.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The lanes, spent ones too, with their places.
    pub fn lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.lanes.iter().enumerate().filter_map(|(at, lane)| Some((at, lane.as_ref()?)))
    }
}
