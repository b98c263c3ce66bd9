//! The GPU: owns the components and the links between them, and runs kernels.

use std::fmt;

use compaction_engine::engine::{Engine, EnginePorts, EngineStats, Matrix};
use mem_hierarchy::address::AddressMap;
use mem_hierarchy::controller::MemoryController;
use mem_hierarchy::crossbar::Crossbar;
use mem_hierarchy::dram::ChannelStats;
use mem_hierarchy::l1::{L1Cache, L1Ports};
use mem_hierarchy::l2::{L2Ports, L2Slice};
use mem_hierarchy::request::{
    CacheStats, L2Request, L2Response, Line, LineRequest, LineResponse, MemoryRequest, MemoryResponse,
    SparseRequest, SparseResponse,
};
use mem_hierarchy::translation::SharedTlb;
use serde::Serialize;
use sim_core::{ComponentId, Cycle, Link, Mean, TickOrder, Wake, Wheel};

use crate::compute_unit::{
    Completion, ComputeUnit, ComputeUnitStats, CuPorts, DispatchMessage, FirstTouches, Shared,
};
use crate::dispatcher::Dispatcher;
use crate::kernel::{Kernel, Memory};
use crate::params::{Gpu as GpuParams, Machine};
use crate::topology::{Component, Place, Topology, Wire};

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
    /// Dirty L2 lines left at the end; they are counted among the DRAM writes, not in the cycles.
    pub dirty_lines_drained: u64,
    /// The engine, where it was on.
    pub engine: Option<EngineStats>,
    /// Page walks.
    pub page_walks: u64,
    /// Ticks of components, the simulator's own work; depends on the order of ticks.
    #[serde(skip)]
    pub wakeups: u64,
}

/// How a kernel is run.
pub struct RunOptions<'a> {
    /// Order of ticks within a cycle.
    pub order: TickOrder,
    /// Memory contents: where given, the kernel computes its results.
    pub memory: Option<&'a mut dyn Memory>,
    /// Called now and then with the number of workgroups complete.
    pub progress: &'a mut dyn FnMut(u64),
}

/// Every link of the machine, by what it connects.
struct Links {
    dispatch: Vec<Link<DispatchMessage>>,
    complete: Vec<Link<Completion>>,
    cu_to_l1: Vec<Link<LineRequest>>,
    l1_hits: Vec<Link<LineResponse>>,
    l1_fills: Vec<Link<LineResponse>>,
    l1_to_crossbar: Vec<Link<L2Request>>,
    crossbar_to_l2: Vec<Link<L2Request>>,
    l2_to_crossbar: Vec<Link<L2Response>>,
    crossbar_to_l1: Vec<Link<L2Response>>,
    /// By channel and source: its slices, then the engine.
    to_memory: Vec<Vec<Link<MemoryRequest>>>,
    from_memory: Vec<Vec<Link<MemoryResponse>>>,
    to_engine: Vec<Link<SparseRequest>>,
    from_engine: Vec<Link<SparseResponse>>,
}

/// Which component has which id. Ids run in the order of the fields.
#[derive(Clone, Copy, Debug)]
struct Ids {
    cus: usize,
    slices: usize,
    channels: usize,
}

impl Ids {
    const DISPATCHER: ComponentId = ComponentId(0);

    fn cu(self, i: usize) -> ComponentId {
        ComponentId(1 + i as u32)
    }
    fn l1(self, i: usize) -> ComponentId {
        self.cu(self.cus + i)
    }
    fn request_crossbar(self) -> ComponentId {
        self.l1(self.cus)
    }
    fn l2(self, i: usize) -> ComponentId {
        ComponentId(self.request_crossbar().0 + 1 + i as u32)
    }
    fn response_crossbar(self) -> ComponentId {
        self.l2(self.slices)
    }
    fn engine(self) -> ComponentId {
        ComponentId(self.response_crossbar().0 + 1)
    }
    fn controller(self, i: usize) -> ComponentId {
        ComponentId(self.engine().0 + 1 + i as u32)
    }
    fn count(self) -> usize {
        self.controller(self.channels).0 as usize
    }

    fn component(self, id: ComponentId) -> Component {
        let mut i = id.0 as usize;
        if i == 0 {
            return Component::Dispatcher;
        }
        i -= 1;
        for (count, component) in [
            (self.cus, Component::Cu as fn(usize) -> Component),
            (self.cus, Component::L1),
            (1, |_| Component::RequestCrossbar),
            (self.slices, Component::L2),
            (1, |_| Component::ResponseCrossbar),
            (1, |_| Component::Engine),
            (self.channels, Component::Controller),
        ] {
            if i < count {
                return component(i);
            }
            i -= count;
        }
        panic!("no component has id {id:?}")
    }
}

/// The memory side of the machine, with cold caches; runs one kernel.
pub struct Gpu {
    params: GpuParams,
    ids: Ids,
    map: AddressMap,
    l1: Vec<L1Cache>,
    request_crossbar: Crossbar,
    l2: Vec<L2Slice>,
    response_crossbar: Crossbar,
    engine: Option<Engine>,
    controllers: Vec<MemoryController>,
    links: Links,
    components: Vec<Component>,
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
        let engine = match matrix {
            Some(matrix) => Some(
                Engine::new(&machine.engine, map, channels, slices, matrix)
                    .map_err(|e| SimError::Setup(e.to_string()))?,
            ),
            None => None,
        };
        let ways = if engine.is_some() { machine.engine.l2_ways.min(gpu.l2.ways) } else { gpu.l2.ways };
        let reserved_responses = ids.cus * gpu.l1.mshrs as usize;
        let gpu = Self {
            ids,
            map,
            l1: (0..ids.cus).map(|cu| L1Cache::new(&gpu.l1, cu as u16)).collect(),
            request_crossbar: Crossbar::new(slices, gpu.crossbar.lines_per_cycle),
            l2: (0..slices)
                .map(|_| L2Slice::new(&gpu.l2, ways, map, reserved_responses, gpu.crossbar.lines_per_cycle))
                .collect(),
            response_crossbar: Crossbar::new(ids.cus, gpu.crossbar.lines_per_cycle),
            engine,
            controllers: (0..channels).map(|_| MemoryController::new(&gpu.dram, gpu.clock.0, map)).collect(),
            links: Links::new(machine, ids),
            components: (0..ids.count()).map(|id| ids.component(ComponentId(id as u32))).collect(),
            params: gpu.clone(),
        };
        gpu.check_wiring().map_err(|why| SimError::Setup(format!("the machine is wired wrongly: {why}")))?;
        Ok(gpu)
    }

    /// Components and links.
    pub fn topology(&self) -> Topology {
        let mut wires = Vec::new();
        self.links.each(|wire, _| wires.push(wire));
        Topology::new(&self.components, &wires)
    }

    fn check_wiring(&self) -> Result<(), String> {
        let topology = self.topology();
        topology.check()?;
        let chunk = self.params.l2.interleave.0;
        let lines = (0..self.ids.slices as u64).map(|i| Line::of(i * chunk));
        topology.check_homes(lines.map(|line| (self.map.slice(line), self.map.channel(line))))
    }

    /// Runs `kernel` from its first dispatch to its last completion.
    pub fn run<K: Kernel>(
        &mut self,
        kernel: &K,
        mut options: RunOptions<'_>,
    ) -> Result<KernelReport, SimError> {
        let verify = options.memory.is_some();
        let mut dispatcher = Dispatcher::new(&self.params, kernel.workgroups(), kernel.resources())
            .map_err(|why| SimError::Setup(format!("kernel {}: {why}", kernel.name())))?;
        let mut cus: Vec<ComputeUnit<K>> =
            (0..self.ids.cus).map(|cu| ComputeUnit::new(&self.params, cu, verify)).collect();
        let mut tlb = SharedTlb::new(&self.params.translation);
        let mut first = FirstTouches::new(self.ids.cus.div_ceil(self.params.cus_per_array as usize));
        let mut wheel = Wheel::new(self.ids.count());
        wheel.schedule(Ids::DISPATCHER, Cycle(0));
        let mut due = Vec::new();
        let mut reported = 0;
        while wheel.advance(options.order, &mut due) {
            let now = wheel.now();
            for &id in &due {
                let component = self.components[id.0 as usize];
                let wake = if let Component::Cu(cu) = component {
                    let mut shared = Shared {
                        kernel,
                        memory: options.memory.as_mut().map(|memory| &mut **memory as &mut dyn Memory),
                        tlb: &mut tlb,
                        first: &mut first,
                    };
                    let mut ports = self.links.of_cu(cu);
                    cus[cu].tick(now, &mut ports, &mut shared, &mut wheel)
                } else if component == Component::Dispatcher {
                    dispatcher.tick(now, &mut self.links.dispatch, &mut self.links.complete, &mut wheel)
                } else {
                    self.tick(component, now, &mut wheel).map_err(|address| SimError::OutsideMatrix {
                        kernel: kernel.name().into(),
                        address,
                    })?
                };
                match wake {
                    Wake::Next => wheel.schedule(id, now + 1),
                    Wake::At(at) => wheel.schedule(id, at),
                    Wake::Idle => {}
                }
            }
            if dispatcher.complete() > reported {
                reported = dispatcher.complete();
                (options.progress)(reported);
            }
        }
        let waiting = |dispatcher: &Dispatcher, cus: &[ComputeUnit<K>]| {
            let mut waiting = Vec::new();
            waiting.extend(dispatcher.waiting_for().map(|what| ("dispatcher".to_string(), what)));
            waiting.extend(
                cus.iter()
                    .enumerate()
                    .filter_map(|(i, cu)| Some((format!("compute unit {i}"), cu.waiting_for()?))),
            );
            waiting.extend(self.waiting());
            waiting
        };
        if !dispatcher.is_done() {
            return Err(SimError::Deadlock {
                kernel: kernel.name().into(),
                cycle: wheel.now().0,
                waiting: waiting(&dispatcher, &cus),
            });
        }
        let left = waiting(&dispatcher, &cus);
        if !left.is_empty() {
            return Err(SimError::LeftInFlight { kernel: kernel.name().into(), left });
        }
        for controller in &mut self.controllers {
            controller.settle(wheel.now());
        }
        Ok(self.report(kernel, &dispatcher, &cus, &tlb, &wheel))
    }

    /// Ticks a component of the memory side; the address of a sparse read that the engine cannot serve.
    fn tick(&mut self, component: Component, now: Cycle, wheel: &mut Wheel) -> Result<Wake, u64> {
        let links = &mut self.links;
        Ok(match component {
            Component::L1(cu) => self.l1[cu].tick(
                now,
                &mut L1Ports {
                    requests: &mut links.cu_to_l1[cu],
                    hits: &mut links.l1_hits[cu],
                    fills: &mut links.l1_fills[cu],
                    to_l2: &mut links.l1_to_crossbar[cu],
                    from_l2: &mut links.crossbar_to_l1[cu],
                },
                wheel,
            ),
            Component::RequestCrossbar => {
                let map = self.map;
                self.request_crossbar.tick(
                    now,
                    &mut links.l1_to_crossbar,
                    &mut links.crossbar_to_l2,
                    |request| map.slice(request.line),
                    wheel,
                )
            }
            Component::L2(slice) => {
                let (channel, source) = (slice % self.ids.channels, slice / self.ids.channels);
                debug_assert_eq!(links.to_memory[channel][source].sender(), self.ids.l2(slice));
                debug_assert_eq!(links.from_memory[channel][source].receiver(), self.ids.l2(slice));
                self.l2[slice].tick(
                    now,
                    &mut L2Ports {
                        requests: &mut links.crossbar_to_l2[slice],
                        responses: &mut links.l2_to_crossbar[slice],
                        to_memory: &mut links.to_memory[channel][source],
                        from_memory: &mut links.from_memory[channel][source],
                        to_engine: &mut links.to_engine[slice],
                        from_engine: &mut links.from_engine[slice],
                    },
                    wheel,
                )
            }
            Component::ResponseCrossbar => self.response_crossbar.tick(
                now,
                &mut links.l2_to_crossbar,
                &mut links.crossbar_to_l1,
                |response| usize::from(response.cu),
                wheel,
            ),
            Component::Engine => match &mut self.engine {
                Some(engine) => engine
                    .tick(
                        now,
                        &mut EnginePorts {
                            requests: &mut links.to_engine,
                            responses: &mut links.from_engine,
                            to_memory: &mut links.to_memory,
                            from_memory: &mut links.from_memory,
                        },
                        wheel,
                    )
                    .map_err(|outside| outside.address)?,
                // With the engine off nothing answers sparse reads.
                None => match links.to_engine.iter_mut().find_map(|link| link.take(now, wheel)) {
                    Some(request) => return Err(request.line.address()),
                    None => Wake::Idle,
                },
            },
            Component::Controller(channel) => self.controllers[channel].tick(
                now,
                &mut links.to_memory[channel],
                &mut links.from_memory[channel],
                wheel,
            ),
            Component::Dispatcher | Component::Cu(_) => Wake::Idle,
        })
    }

    fn waiting(&self) -> Vec<(String, String)> {
        let mut waiting = Vec::new();
        let mut add = |who: String, what: Option<String>| waiting.extend(what.map(|what| (who, what)));
        for (i, l1) in self.l1.iter().enumerate() {
            add(format!("L1 cache {i}"), l1.waiting_for());
        }
        for (i, l2) in self.l2.iter().enumerate() {
            add(format!("L2 slice {i}"), l2.waiting_for());
        }
        if let Some(engine) = &self.engine {
            add("compaction engine".into(), engine.waiting_for());
        }
        for (i, controller) in self.controllers.iter().enumerate() {
            add(format!("memory controller {i}"), controller.waiting_for());
        }
        self.links.each(|wire, under_way| {
            let [from, to] = [wire.sender, wire.receiver].map(|id| self.components[id.0 as usize]);
            let what = (under_way > 0).then(|| format!("{under_way} messages under way"));
            add(format!("link \"{}\" from {from} to {to}", wire.name), what);
        });
        waiting
    }

    fn report<K: Kernel>(
        &self,
        kernel: &K,
        dispatcher: &Dispatcher,
        cus: &[ComputeUnit<K>],
        tlb: &SharedTlb,
        wheel: &Wheel,
    ) -> KernelReport {
        let mut report = KernelReport {
            name: kernel.name().into(),
            cycles: dispatcher.cycles(),
            workgroups: kernel.workgroups(),
            engine: self.engine.as_ref().map(Engine::stats),
            page_walks: tlb.walks(),
            wakeups: wheel.wakeups(),
            ..KernelReport::default()
        };
        for cu in cus {
            report.compute += cu.stats();
        }
        for l1 in &self.l1 {
            report.l1 += *l1.stats();
        }
        for l2 in &self.l2 {
            report.l2 += *l2.stats();
            report.dirty_lines_drained += l2.dirty_lines();
        }
        for controller in &self.controllers {
            report.dram += controller.channel().stats();
            report.dram_read_latency += controller.read_latency();
        }
        report
    }
}

impl Links {
    fn new(machine: &Machine, ids: Ids) -> Self {
        let gpu = &machine.gpu;
        let in_flight = gpu.cu.vmem.in_flight as usize + 1;
        // An access of up to 64 lines goes even where fewer may be in flight, if it goes alone.
        let lines = in_flight.max(65);
        let workgroups = (gpu.cu.simds * gpu.cu.wavefronts) as usize;
        let mshrs = gpu.l2.mshrs as usize;
        let per_channel = ids.slices / ids.channels;
        let engine = &machine.engine;
        let crossbar = u64::from(gpu.crossbar.latency - 1);
        let of_cus = 0..ids.cus;
        let of_slices = 0..ids.slices;
        // What is on its way takes no place from what waits: a longer way is no narrower one.
        let rate = gpu.crossbar.lines_per_cycle;
        let under_way = |latency: u64| latency as usize * rate as usize;
        let l1_tags = u64::from(gpu.l1.tag_latency) + 1;
        let l2_tags = u64::from(gpu.l2.tag_latency) + 1;
        // Sources of a channel: its slices, then the engine.
        let sources = |channel: usize| (0..=per_channel).map(move |source| (channel, source));
        let source_id = |channel: usize, source: usize| {
            if source == per_channel { ids.engine() } else { ids.l2(source * ids.channels + channel) }
        };
        Self {
            dispatch: of_cus
                .clone()
                .map(|i| {
                    let latency = gpu.dispatch.latency.into();
                    Link::new("dispatch", Ids::DISPATCHER, ids.cu(i), latency, workgroups)
                })
                .collect(),
            complete: of_cus
                .clone()
                .map(|i| Link::new("completion", ids.cu(i), Ids::DISPATCHER, 1, workgroups))
                .collect(),
            cu_to_l1: of_cus
                .clone()
                .map(|i| {
                    let latency = gpu.cu.vmem.pipeline_latency.into();
                    Link::new("compute unit to L1", ids.cu(i), ids.l1(i), latency, lines)
                })
                .collect(),
            l1_hits: of_cus
                .clone()
                .map(|i| {
                    Link::new(
                        "L1 hits to compute unit",
                        ids.l1(i),
                        ids.cu(i),
                        gpu.l1.latency.into(),
                        2 * lines,
                    )
                })
                .collect(),
            l1_fills: of_cus
                .clone()
                .map(|i| Link::new("L1 fills to compute unit", ids.l1(i), ids.cu(i), 1, 2 * lines))
                .collect(),
            l1_to_crossbar: of_cus
                .clone()
                .map(|i| {
                    let queue = gpu.crossbar.queue as usize + under_way(l1_tags);
                    Link::new("L1 to crossbar", ids.l1(i), ids.request_crossbar(), 1, queue)
                })
                .collect(),
            crossbar_to_l2: of_slices
                .clone()
                .map(|i| {
                    let (from, to) = (ids.request_crossbar(), ids.l2(i));
                    let queue = gpu.l2.queue as usize + under_way(crossbar);
                    Link::new("crossbar to L2", from, to, crossbar, queue)
                })
                .collect(),
            l2_to_crossbar: of_slices
                .clone()
                .map(|i| {
                    let room = ids.cus * gpu.l1.mshrs as usize + 64 + under_way(gpu.l2.latency.into());
                    Link::new(
                        "L2 to crossbar",
                        ids.l2(i),
                        ids.response_crossbar(),
                        gpu.l2.latency.into(),
                        room,
                    )
                })
                .collect(),
            crossbar_to_l1: of_cus
                .clone()
                .map(|i| {
                    let (from, to) = (ids.response_crossbar(), ids.l1(i));
                    let queue = gpu.crossbar.queue as usize + under_way(crossbar);
                    Link::new("crossbar to L1", from, to, crossbar, queue)
                })
                .collect(),
            to_memory: (0..ids.channels)
                .map(|channel| {
                    sources(channel)
                        .map(|(c, s)| {
                            let queue = 16 + under_way(l2_tags);
                            Link::new("to memory", source_id(c, s), ids.controller(c), 1, queue)
                        })
                        .collect()
                })
                .collect(),
            from_memory: (0..ids.channels)
                .map(|channel| {
                    sources(channel)
                        .map(|(c, s)| {
                            let room = mshrs.max(engine.outstanding_per_channel as usize);
                            Link::new("from memory", ids.controller(c), source_id(c, s), 1, 2 * room)
                        })
                        .collect()
                })
                .collect(),
            to_engine: of_slices
                .clone()
                .map(|i| {
                    let latency = engine.link_latency.into();
                    let queue = engine.queue as usize + under_way(l2_tags + latency);
                    Link::new("L2 to engine", ids.l2(i), ids.engine(), latency, queue)
                })
                .collect(),
            from_engine: of_slices
                .clone()
                .map(|i| {
                    let latency = engine.link_latency.into();
                    Link::new("engine to L2", ids.engine(), ids.l2(i), latency, 2 * mshrs)
                })
                .collect(),
        }
    }

    fn of_cu(&mut self, cu: usize) -> CuPorts<'_> {
        CuPorts {
            dispatch: &mut self.dispatch[cu],
            complete: &mut self.complete[cu],
            to_l1: &mut self.cu_to_l1[cu],
            hits: &mut self.l1_hits[cu],
            fills: &mut self.l1_fills[cu],
        }
    }

    /// Shows every link to `visit`, with the messages under way.
    fn each(&self, mut visit: impl FnMut(Wire, usize)) {
        let Self {
            dispatch,
            complete,
            cu_to_l1,
            l1_hits,
            l1_fills,
            l1_to_crossbar,
            crossbar_to_l2,
            l2_to_crossbar,
            crossbar_to_l1,
            to_memory,
            from_memory,
            to_engine,
            from_engine,
        } = self;
        show(dispatch, Place::Of, &mut visit);
        show(complete, Place::Of, &mut visit);
        show(cu_to_l1, Place::Of, &mut visit);
        show(l1_hits, Place::Of, &mut visit);
        show(l1_fills, Place::Of, &mut visit);
        show(l1_to_crossbar, Place::Of, &mut visit);
        show(crossbar_to_l2, Place::Of, &mut visit);
        show(l2_to_crossbar, Place::Of, &mut visit);
        show(crossbar_to_l1, Place::Of, &mut visit);
        for (channel, links) in to_memory.iter().enumerate() {
            show(links, |user| Place::Channel { channel, user }, &mut visit);
        }
        for (channel, links) in from_memory.iter().enumerate() {
            show(links, |user| Place::Channel { channel, user }, &mut visit);
        }
        show(to_engine, Place::Of, &mut visit);
        show(from_engine, Place::Of, &mut visit);
    }
}

/// Shows the links of a family to `visit`; `place` is that of the i-th.
fn show<T>(links: &[Link<T>], place: impl Fn(usize) -> Place, visit: &mut impl FnMut(Wire, usize)) {
    for (i, link) in links.iter().enumerate() {
        visit(Wire::of(link, place(i)), link.len());
    }
}
