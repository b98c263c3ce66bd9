//! An engine on a bench: requests go in at given cycles, memory answers after a given time.

use std::collections::BTreeMap;
use std::sync::Arc;

use compaction_engine::column::{CompactedColumn, compact_column};
use compaction_engine::engine::{EnginePorts, EngineStats, OutsideMatrix};
use compaction_engine::params::Engine as Params;
use compaction_engine::{ColumnValues, Engine, Matrix};
use mem_hierarchy::address::AddressMap;
use mem_hierarchy::params::L2;
use mem_hierarchy::request::{
    CompactedLine, Line, MemoryRequest, MemoryResponse, SparseRequest, SparseResponse,
};
use sim_core::params::Bytes;
use sim_core::{ComponentId, Cycle, Link, TickOrder, Wake, Wheel};

/// B by columns.
#[derive(Clone, Debug)]
pub(crate) struct Columns(pub(crate) Vec<Vec<f32>>);

impl Columns {
    /// Columns of one height in which dense line `l` has as many non-zeros, from its first row on, as told.
    pub(crate) fn of_counts(counts: &[&[u32]]) -> Self {
        let column = |counts: &&[u32]| {
            let rows = counts.iter().enumerate().flat_map(|(line, count)| {
                (0..16).map(move |i| if i < *count { (16 * line as u32 + i + 1) as f32 } else { 0.0 })
            });
            rows.collect()
        };
        Self(counts.iter().map(column).collect())
    }

    pub(crate) fn compacted(&self) -> Vec<CompactedColumn> {
        self.0.iter().map(|column| compact_column(column)).collect()
    }
}

impl ColumnValues for Columns {
    fn rows(&self) -> u32 {
        self.0[0].len() as u32
    }
    fn columns(&self) -> u64 {
        self.0.len() as u64
    }
    fn value(&self, row: u32, column: u64) -> f32 {
        self.0[column as usize][row as usize]
    }
}

/// A request of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// When it is at the engine.
    pub(crate) at: u64,
    pub(crate) slice: usize,
    pub(crate) column: u64,
    pub(crate) index: u32,
}

/// Requests for one column after another, each `apart` cycles after the one before: (column, line).
pub(crate) fn in_turn(apart: u64, lines: &[(u64, u32)]) -> Vec<Ask> {
    (1..).zip(lines).map(|(i, &(column, index))| Ask { at: apart * i, slice: 0, column, index }).collect()
}

/// What came of the requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// By request: cycle in which the answer is at the slice, and the line.
    pub(crate) answers: Vec<(u64, CompactedLine)>,
    /// Dense lines read: cycle of the request at its controller, column, line.
    pub(crate) read: Vec<(u64, u64, u32)>,
    /// When the engine had each of them for the first time, by column and line.
    pub(crate) there: BTreeMap<(u64, u32), u64>,
    pub(crate) stats: EngineStats,
}

impl Seen {
    /// The dense lines read for request `i` of those [`in_turn`], `apart` cycles apart.
    pub(crate) fn read_for(&self, i: u64, apart: u64) -> Vec<u32> {
        let own = apart * (i + 1)..apart * (i + 2);
        self.read.iter().filter(|(at, ..)| own.contains(at)).map(|(_, _, line)| *line).collect()
    }
}

/// The machine around the engine.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) params: Params,
    pub(crate) slices: usize,
    pub(crate) channels: usize,
    pub(crate) interleave: u64,
    /// Cycles from a read's arrival at a channel to its answer leaving; each channel has its own.
    pub(crate) memory: Vec<u64>,
    pub(crate) order: TickOrder,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            params: Params::default(),
            slices: 1,
            channels: 1,
            interleave: 4096,
            memory: vec![100],
            order: TickOrder::Ascending,
        }
    }
}

const BASE: u64 = 1 << 16;
const SLICES: ComponentId = ComponentId(0);
const ENGINE: ComponentId = ComponentId(1);
const MEMORY: ComponentId = ComponentId(2);

impl Bench {
    /// Runs the requests to their end; panics where one is answered twice, or never, or something is left.
    pub(crate) fn run(&self, columns: &Columns, asks: &[Ask]) -> Seen {
        self.try_run(columns, asks)
            .unwrap_or_else(|OutsideMatrix { address }| panic!("outside: {address:#x}"))
    }

    pub(crate) fn try_run(&self, columns: &Columns, asks: &[Ask]) -> Result<Seen, OutsideMatrix> {
        let ldb = u64::from(columns.rows()).next_multiple_of(16);
        let matrix = Matrix { base: BASE, ldb, values: Arc::new(columns.clone()) };
        let l2 = L2 { slices: self.channels as u32, interleave: Bytes(self.interleave), ..L2::default() };
        let map = AddressMap::new(&l2, self.channels as u32);
        let mut engine = Engine::new(&self.params, map, self.channels, self.slices, matrix).unwrap();
        let room = asks.len().max(self.params.outstanding_per_channel as usize) + 1;
        let link_latency = u64::from(self.params.link_latency);
        let mut requests: Vec<Link<SparseRequest>> = links(self.slices, "asks", SLICES, ENGINE, 1, room);
        let mut responses: Vec<Link<SparseResponse>> =
            links(self.slices, "answers", ENGINE, SLICES, link_latency, room);
        let mut to_memory: Vec<Vec<Link<MemoryRequest>>> =
            (0..self.channels).map(|_| links(1, "reads", ENGINE, MEMORY, 1, 4)).collect();
        let mut from_memory: Vec<Vec<Link<MemoryResponse>>> =
            (0..self.channels).map(|_| links(1, "lines", MEMORY, ENGINE, 1, room)).collect();

        let mut wheel = Wheel::new(3);
        let mut by_cycle: BTreeMap<u64, Vec<(usize, Ask)>> = BTreeMap::new();
        for (i, ask) in asks.iter().enumerate() {
            by_cycle.entry(ask.at - 1).or_default().push((i, *ask));
            wheel.schedule(SLICES, Cycle(ask.at - 1));
        }
        let mut answers = vec![None; asks.len()];
        let mut read = Vec::new();
        let mut there = BTreeMap::new();
        let mut outstanding = vec![0; self.channels];
        let mut due = Vec::new();
        while wheel.advance(self.order, &mut due) {
            let now = wheel.now();
            for &id in &due {
                match id {
                    SLICES => {
                        for (i, ask) in by_cycle.remove(&now.0).unwrap_or_default() {
                            let line = Line((BASE + 4 * ldb * ask.column) / 64 + u64::from(ask.index));
                            requests[ask.slice].send(SparseRequest { line, tag: i as u32 }, now, &mut wheel);
                        }
                        for (slice, link) in responses.iter_mut().enumerate() {
                            while let Some(response) = link.take(now, &mut wheel) {
                                let i = response.tag as usize;
                                assert_eq!(asks[i].slice, slice, "answered to another slice");
                                let before = answers[i].replace((now.0, response.data));
                                assert_eq!(before, None, "request {i} was answered twice");
                            }
                        }
                    }
                    ENGINE => {
                        let ports = &mut EnginePorts {
                            requests: &mut requests,
                            responses: &mut responses,
                            to_memory: &mut to_memory,
                            from_memory: &mut from_memory,
                        };
                        match engine.tick(now, ports, &mut wheel)? {
                            Wake::Next => wheel.schedule(ENGINE, now + 1),
                            Wake::At(at) => wheel.schedule(ENGINE, at),
                            Wake::Idle => {}
                        }
                        assert!(engine.sib_used_bytes() <= self.params.sib.size.0);
                    }
                    _ => {
                        for channel in 0..self.channels {
                            while let Some(request) = to_memory[channel][0].take(now, &mut wheel) {
                                let offset = request.line.0 - BASE / 64;
                                assert_eq!(map.channel(request.line), channel, "read from another channel");
                                assert!(!request.is_write);
                                let (column, line) = (offset / (ldb / 16), (offset % (ldb / 16)) as u32);
                                read.push((now.0, column, line));
                                there.entry((column, line)).or_insert(now.0 + self.memory[channel] + 1);
                                outstanding[channel] += 1;
                                let answer = MemoryResponse { tag: request.tag };
                                from_memory[channel][0].send_after(
                                    self.memory[channel],
                                    answer,
                                    now,
                                    &mut wheel,
                                );
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(engine.waiting_for(), None);
        let answers: Vec<(u64, CompactedLine)> = answers
            .into_iter()
            .enumerate()
            .map(|(i, answer)| {
                answer.unwrap_or_else(|| panic!("request {i} was never answered: {:?}", asks[i]))
            })
            .collect();
        read.sort_unstable();
        let stats = engine.stats();
        assert!(
            stats.buffer_peak_lines <= self.params.prefetch_buffer.size.0 / 64,
            "{}",
            stats.buffer_peak_lines
        );
        Ok(Seen { answers, read, there, stats })
    }
}

fn links<T>(
    count: usize,
    name: &'static str,
    from: ComponentId,
    to: ComponentId,
    latency: u64,
    room: usize,
) -> Vec<Link<T>> {
    (0..count).map(|_| Link::new(name, from, to, latency, room)).collect()
}
