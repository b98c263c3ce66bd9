//! The GPU: its parts, and how a kernel is run on them.

use std::fmt;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

use compaction_engine::engine::{Engine, EngineStats, Matrix};
use mem_hierarchy::address::AddressMap;
use mem_hierarchy::dram::ChannelStats;
use mem_hierarchy::request::{CacheStats, Line};
use mem_hierarchy::translation::SharedTlb;
use serde::Serialize;
use sim_core::{ComponentId, Cycle, Mean, TickOrder};

use crate::compute_unit::ComputeUnitStats;
use crate::core::Core;
use crate::dispatcher::Dispatcher;
use crate::front_end::FrontEnd;
use crate::kernel::{Kernel, Memory};
use crate::memory_side::{MemorySide, Part};
use crate::params::{Gpu as GpuParams, Machine};
use crate::topology::{Component, Place, Topology, Wire};
use crate::windows::{self, Group, Meeting, Run};

/// Why a run did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimError {
    /// The machine cannot run the kernel, or its parameters contradict each other.
    Setup(String),
    /// Work is left, but nothing is going to happen: which component waits for what.
    Deadlock {
        /// The kernel.
        kernel: String,
        /// When it came to a stop.
        cycle: u64,
        /// Component and what it waits for.
        waiting: Vec<(String, String)>,
    },
    /// A sparse read outside the matrix that is registered with the engine.
    OutsideMatrix {
        /// The kernel.
        kernel: String,
        /// The byte address read.
        address: u64,
    },
    /// The kernel is complete, but something is left in flight.
    LeftInFlight {
        /// The kernel.
        kernel: String,
        /// Where, and what.
        left: Vec<(String, String)>,
    },
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: &[(String, String)]| {
            items.iter().try_for_each(|(who, what)| write!(f, "\n  {who}: {what}"))
        };
        match self {
            Self::Setup(why) => f.write_str(why),
            Self::Deadlock { kernel, cycle, waiting } => {
                write!(f, "deadlock in kernel {kernel} at cycle {cycle}: nothing can happen any more, yet")?;
                list(f, waiting)
            }
            Self::OutsideMatrix { kernel, address } => write!(
                f,
                "kernel {kernel}: sparse read at address {address:#x}, outside the matrix registered with the \
                 compaction engine"
            ),
            Self::LeftInFlight { kernel, left } => {
                write!(f, "kernel {kernel} is complete, but something is left in flight:")?;
                list(f, left)
            }
        }
    }
}

impl std::error::Error for SimError {}

/// What a run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KernelReport {
    /// The kernel's name.
    pub name: String,
    /// From the first dispatch to the last workgroup complete with its stores acknowledged.
    pub cycles: u64,
    /// Workgroups.
    pub workgroups: u64,
    /// All compute units together.
    pub compute: ComputeUnitStats,
    /// All L1 vector caches together.
    pub l1: CacheStats,
    /// All L2 slices together.
    pub l2: CacheStats,
    /// All DRAM channels together.
    pub dram: ChannelStats,
    /// Core cycles from a read's arrival at its controller to its last data.
    pub dram_read_latency: Mean,
    /// Dirty lines left in the caches at the end; they are counted among the DRAM writes, not in the cycles.
    pub dirty_lines_drained: u64,
    /// The engine, where it was on.
    pub engine: Option<EngineStats>,
    /// Page walks.
    pub page_walks: u64,
    /// Ticks of components, the simulator's own work; depends on the order of ticks.
    #[serde(skip)]
    pub wakeups: u64,
}

/// How the simulator goes about its work, which has no influence on results.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// Order of ticks within a cycle, and of parts of the machine within a window.
    pub order: TickOrder,
    /// Threads for the parts of the machine; one is used where results are verified.
    pub threads: NonZero<usize>,
}

impl Default for Execution {
    fn default() -> Self {
        Self { order: TickOrder::Ascending, threads: NonZero::<usize>::MIN }
    }
}

impl From<TickOrder> for Execution {
    fn from(order: TickOrder) -> Self {
        Self { order, ..Self::default() }
    }
}

/// How a kernel is run.
pub struct RunOptions<'a> {
    /// Threads, and order of ticks.
    pub execution: Execution,
    /// Memory contents: where given, the kernel computes its results.
    pub memory: Option<&'a mut dyn Memory>,
    /// Called with the number of workgroups complete whenever it has grown, and the end of the window, some cycles
    /// long, in which it did.
    pub progress: &'a mut dyn FnMut(u64, Cycle),
}

/// Which component has which id. Ids run in the order of the fields.
#[derive(Clone, Copy, Debug)]
struct Ids {
    cus: usize,
    slices: usize,
    channels: usize,
}

impl Ids {
    fn of(self, component: Component) -> ComponentId {
        let id = match component {
            Component::Dispatcher => 0,
            Component::Cu(i) => 1 + i,
            Component::L1(i) => 1 + self.cus + i,
            Component::RequestCrossbar => 1 + 2 * self.cus,
            Component::L2(i) => 2 + 2 * self.cus + i,
            Component::ResponseCrossbar => 2 + 2 * self.cus + self.slices,
            Component::Engine => 3 + 2 * self.cus + self.slices,
            Component::Controller(i) => 4 + 2 * self.cus + self.slices + i,
        };
        ComponentId(id as u32)
    }

    /// Every component, in the order of ids.
    fn components(self) -> Vec<Component> {
        let cus = 0..self.cus;
        let mut all = vec![Component::Dispatcher];
        all.extend(cus.clone().map(Component::Cu));
        all.extend(cus.map(Component::L1));
        all.push(Component::RequestCrossbar);
        all.extend((0..self.slices).map(Component::L2));
        all.extend([Component::ResponseCrossbar, Component::Engine]);
        all.extend((0..self.channels).map(Component::Controller));
        all
    }
}

/// The memory side of the machine, with cold caches; runs one kernel.
pub struct Gpu {
    params: GpuParams,
    ids: Ids,
    map: AddressMap,
    sides: Vec<MemorySide>,
}

impl Gpu {
    /// A GPU with cold caches; with the engine on and `matrix` registered where there is one, its storage
    /// taken from L2.
    pub fn new(machine: &Machine, matrix: Option<Matrix>) -> Result<Self, SimError> {
        let gpu = &machine.gpu;
        let channels = gpu.dram.channels as usize;
        let slices = gpu.l2.slices as usize;
        if !slices.is_multiple_of(channels) {
            return Err(SimError::Setup(format!(
                "gpu.dram.channels = {channels} must divide gpu.l2.slices = {slices}"
            )));
        }
        if gpu.compute_units > u32::from(u16::MAX) || gpu.cu.simds * gpu.cu.wavefronts > 1 << 16 {
            return Err(SimError::Setup("more wavefronts than request tags can name".into()));
        }
        let map = AddressMap::new(&gpu.l2, gpu.dram.channels);
        let ids = Ids { cus: gpu.compute_units as usize, slices, channels };
        let sides = match matrix {
            Some(matrix) => {
                let engine = Engine::new(&machine.engine, map, channels, slices, matrix)
                    .map_err(|e| SimError::Setup(e.to_string()))?;
                vec![MemorySide::new(machine, map, Part::whole(slices, channels), Some(engine))]
            }
            None => Part::by_channel(slices, channels)
                .map(|part| MemorySide::new(machine, map, part, None))
                .collect(),
        };
        let gpu = Self { ids, map, sides, params: gpu.clone() };
        gpu.check_wiring().map_err(|why| SimError::Setup(format!("the machine is wired wrongly: {why}")))?;
        Ok(gpu)
    }

    /// Components and links.
    pub fn topology(&self) -> Topology {
        let mut wires = self.ways();
        for side in &self.sides {
            side.wires(|component| self.ids.of(component), &mut wires);
        }
        Topology::new(&self.ids.components(), &wires)
    }

    /// The ways of messages between the parts of the machine, which are no [`Link`](sim_core::Link)s: what they hold
    /// is bounded by what their senders may have outstanding.
    fn ways(&self) -> Vec<Wire> {
        let Ids { cus, slices, .. } = self.ids;
        let GpuParams { cu, l1, l2, crossbar, dispatch, .. } = &self.params;
        let workgroups = (cu.simds * cu.wavefronts) as usize;
        let lines = cu.vmem.in_flight as usize;
        let outstanding = (l1.mshrs + l1.write_buffer) as usize;
        use Component::{Cu, Dispatcher, L1, L2, RequestCrossbar, ResponseCrossbar};
        type Ends = fn(usize) -> (Component, Component);
        let families: [(&'static str, usize, u32, usize, Ends); 9] = [
            ("dispatch", cus, dispatch.latency, workgroups, |i| (Dispatcher, Cu(i))),
            ("completion", cus, dispatch.latency, workgroups, |i| (Cu(i), Dispatcher)),
            ("compute unit to L1", cus, cu.vmem.pipeline_latency, lines, |i| (Cu(i), L1(i))),
            ("L1 hits to compute unit", cus, l1.latency, lines, |i| (L1(i), Cu(i))),
            ("L1 fills to compute unit", cus, 1, lines, |i| (L1(i), Cu(i))),
            ("L1 to crossbar", cus, 1, outstanding, |i| (L1(i), RequestCrossbar)),
            ("crossbar to L2", slices, crossbar.latency - 1, cus * outstanding, |i| (RequestCrossbar, L2(i))),
            ("L2 to crossbar", slices, l2.latency, cus * outstanding, |i| (L2(i), ResponseCrossbar)),
            ("crossbar to L1", cus, crossbar.latency - 1, outstanding, |i| (ResponseCrossbar, L1(i))),
        ];
        let wires = families.into_iter().flat_map(|(name, count, latency, capacity, ends)| {
            (0..count).map(move |i| {
                let (from, to) = ends(i);
                let [sender, receiver] = [from, to].map(|component| self.ids.of(component));
                Wire { name, sender, receiver, place: Place::Of(i), latency: latency.into(), capacity }
            })
        });
        wires.collect()
    }

    fn check_wiring(&self) -> Result<(), String> {
        let topology = self.topology();
        topology.check()?;
        let chunk = self.params.l2.interleave.0;
        let lines = (0..self.ids.slices as u64).map(|i| Line::of(i * chunk));
        topology.check_homes(lines.map(|line| (self.map.slice(line), self.map.channel(line))))
    }

    /// Runs `kernel` from its first dispatch to its last completion.
    pub fn run<K: Kernel>(self, kernel: &K, options: RunOptions<'_>) -> Result<KernelReport, SimError> {
        let params = &self.params;
        let verify = options.memory.is_some();
        let dispatcher = Dispatcher::new(params, kernel.workgroups(), kernel.resources())
            .map_err(|why| SimError::Setup(format!("kernel {}: {why}", kernel.name())))?;
        let cores: Vec<_> = (0..self.ids.cus).map(|i| Core::new(params, i, verify)).collect();
        let front_end = FrontEnd::new(dispatcher, SharedTlb::new(&params.translation), self.ids.cus);
        let threads = if verify { 1 } else { options.execution.threads.get().min(self.ids.cus) };
        let (groups, places) = Group::deal(cores, self.sides, front_end, threads);
        let run = Run {
            kernel,
            map: self.map,
            window: windows::length(params),
            completion_latency: params.dispatch.latency.into(),
            order: options.execution.order,
            places,
            meeting: Meeting::new(threads),
        };
        let groups: Vec<_> = groups.into_iter().map(Mutex::new).collect();
        let outcome = std::thread::scope(|scope| {
            let (groups, run) = (&groups, &run);
            let others: Vec<_> = (1..threads)
                .map(|own| scope.spawn(move || windows::work(groups, own, run, None, &mut |_, _| {})))
                .collect();
            let first = windows::work(groups, 0, run, options.memory, options.progress);
            let others = others.into_iter().map(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            others.fold(first, Result::and)
        });
        outcome.map_err(|address| SimError::OutsideMatrix { kernel: kernel.name().into(), address })?;
        let groups =
            groups.into_iter().map(|group| group.into_inner().unwrap_or_else(PoisonError::into_inner));
        finish(kernel, groups.collect())
    }
}

/// Checks that nothing is left over, and adds up what was measured.
fn finish<K: Kernel>(kernel: &K, mut groups: Vec<Group<K>>) -> Result<KernelReport, SimError> {
    let name = || kernel.name().to_string();
    let mut waiting: Vec<_> = groups.iter().flat_map(Group::waiting).collect();
    waiting.sort_by_key(|(who, _)| who != "dispatcher");
    if groups.iter().any(|group| group.front_end.as_ref().is_some_and(|f| !f.dispatcher().is_done())) {
        let cycle = groups.iter().map(Group::now).max().unwrap_or_default().0;
        return Err(SimError::Deadlock { kernel: name(), cycle, waiting });
    }
    if !waiting.is_empty() {
        return Err(SimError::LeftInFlight { kernel: name(), left: waiting });
    }
    let last = groups.iter().flat_map(|g| &g.front_end).map(|f| f.dispatcher().last_completion()).max();
    let sides = groups.iter().flat_map(|group| &group.sides).map(MemorySide::now);
    let end = sides.chain(last).max().unwrap_or_default();
    let mut report =
        KernelReport { name: name(), workgroups: kernel.workgroups(), ..KernelReport::default() };
    for group in &mut groups {
        for (_, core) in &group.cores {
            report.compute += core.cu().stats();
            report.l1 += *core.l1().stats();
            report.dirty_lines_drained += core.l1().dirty_lines();
            report.wakeups += core.ticks();
        }
        for side in &mut group.sides {
            side.settle_memory(end);
            for (_, slice) in side.slices_with_numbers() {
                report.l2 += *slice.stats();
                report.dirty_lines_drained += slice.dirty_lines();
            }
            for controller in side.controllers() {
                report.dram += controller.channel().stats();
                report.dram_read_latency += controller.read_latency();
            }
            report.engine = side.engine().map(Engine::stats).or(report.engine);
            report.wakeups += side.ticks();
        }
        if let Some(front_end) = &group.front_end {
            report.cycles = front_end.dispatcher().cycles();
            report.page_walks = front_end.tlb().walks();
            report.wakeups += front_end.ticks();
        }
    }
    Ok(report)
}
