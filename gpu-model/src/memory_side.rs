//! The memory side of the machine: L2 slices, compaction engine, memory controllers, and the links between them.
//!
//! With the engine on there is one [`MemorySide`], since the engine is joined to all slices and channels. Without,
//! the channels have nothing to do with each other, and each has a side of its own, with the slices in front of it.

use compaction_engine::engine::{Engine, EnginePorts};
use mem_hierarchy::address::AddressMap;
use mem_hierarchy::controller::MemoryController;
use mem_hierarchy::l2::{L2Ports, L2Slice};
use mem_hierarchy::request::{
    L2Request, L2Response, MemoryRequest, MemoryResponse, SparseRequest, SparseResponse,
};
use sim_core::{Arrivals, ComponentId, Cycle, Link, TickOrder, Wake, Wheel};

use crate::params::Machine;
use crate::topology::{Component, Place, Wire};

/// Some L2 slices and channels, the engine among them where it is on.
pub(crate) struct MemorySide {
    part: Part,
    slices: Vec<L2Slice>,
    /// Requests for each slice, from the crossbar.
    arrivals: Vec<Arrivals<L2Request>>,
    controllers: Vec<MemoryController>,
    engine: Option<Engine>,
    /// By channel and source: its slices, then the engine.
    to_memory: Vec<Vec<Link<MemoryRequest>>>,
    from_memory: Vec<Vec<Link<MemoryResponse>>>,
    to_engine: Vec<Link<SparseRequest>>,
    from_engine: Vec<Link<SparseResponse>>,
    wheel: Wheel,
    due: Vec<ComponentId>,
    next: Cycle,
    responses: Vec<(Cycle, L2Response)>,
}

/// Which slices and channels of the machine a side has. Slice `s` uses channel `s % channels`, within the side as in
/// the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    first_channel: usize,
    channels: usize,
    /// Channels of the machine.
    of: usize,
    slices: usize,
}

impl Part {
    /// Everything.
    pub(crate) fn whole(slices: usize, channels: usize) -> Self {
        Self { first_channel: 0, channels, of: channels, slices }
    }

    /// Each channel with its slices.
    pub(crate) fn by_channel(slices: usize, channels: usize) -> impl Iterator<Item = Self> {
        let part = move |channel| Self {
            first_channel: channel,
            channels: 1,
            of: channels,
            slices: slices / channels,
        };
        (0..channels).map(part)
    }

    /// The machine's number of slice `i` of the part.
    pub(crate) fn slice(&self, i: usize) -> usize {
        self.first_channel + i / self.channels * self.of + i % self.channels
    }

    /// The machine's numbers of the slices, in order.
    pub(crate) fn slices(&self) -> impl Iterator<Item = usize> + use<> {
        let part = *self;
        (0..part.slices).map(move |i| part.slice(i))
    }

    // Components of a side are its slices, the engine, and the controllers.

    fn slice_id(&self, i: usize) -> ComponentId {
        ComponentId(i as u32)
    }
    fn engine_id(&self) -> ComponentId {
        self.slice_id(self.slices)
    }
    fn controller_id(&self, i: usize) -> ComponentId {
        ComponentId((self.slices + 1 + i) as u32)
    }
    fn components(&self) -> usize {
        self.slices + 1 + self.channels
    }
    fn component(&self, id: ComponentId) -> Component {
        let i = id.0 as usize;
        match i.checked_sub(self.slices) {
            None => Component::L2(self.slice(i)),
            Some(0) => Component::Engine,
            Some(i) => Component::Controller(self.first_channel + i - 1),
        }
    }
}

impl MemorySide {
    /// A part of a machine, with cold caches.
    pub(crate) fn new(machine: &Machine, map: AddressMap, part: Part, engine: Option<Engine>) -> Self {
        let gpu = &machine.gpu;
        let ways = if engine.is_some() { machine.engine.l2_ways.min(gpu.l2.ways) } else { gpu.l2.ways };
        let cus = gpu.compute_units as usize;
        let mshrs = gpu.l2.mshrs as usize;
        let per_channel = part.slices / part.channels;
        let rate = gpu.crossbar.lines_per_cycle;
        // What is on its way takes no place from what waits: a longer way is no narrower one.
        let under_way = |latency: u64| latency as usize * rate as usize;
        let tags = u64::from(gpu.l2.tag_latency) + 1;
        let to_engine = u64::from(machine.engine.link_latency);
        let sources = |channel: usize| (0..=per_channel).map(move |source| (channel, source));
        let source_id = |channel: usize, source: usize| {
            if source == per_channel {
                part.engine_id()
            } else {
                part.slice_id(source * part.channels + channel)
            }
        };
        let of_channels = 0..part.channels;
        let of_slices = 0..part.slices;
        Self {
            part,
            slices: of_slices.clone().map(|_| L2Slice::new(&gpu.l2, &gpu.crossbar, ways, map)).collect(),
            arrivals: of_slices.clone().map(|_| Arrivals::new(cus, rate)).collect(),
            controllers: of_channels
                .clone()
                .map(|_| MemoryController::new(&gpu.dram, gpu.clock.0, map))
                .collect(),
            engine,
            to_memory: of_channels
                .clone()
                .map(|channel| {
                    sources(channel)
                        .map(|(c, s)| {
                            let queue = 16 + under_way(tags);
                            Link::new("to memory", source_id(c, s), part.controller_id(c), 1, queue)
                        })
                        .collect()
                })
                .collect(),
            from_memory: of_channels
                .map(|channel| {
                    sources(channel)
                        .map(|(c, s)| {
                            let room = mshrs.max(machine.engine.outstanding_per_channel as usize);
                            Link::new("from memory", part.controller_id(c), source_id(c, s), 1, 2 * room)
                        })
                        .collect()
                })
                .collect(),
            to_engine: of_slices
                .clone()
                .map(|i| {
                    let queue = machine.engine.queue as usize + under_way(tags + to_engine);
                    Link::new("L2 to engine", part.slice_id(i), part.engine_id(), to_engine, queue)
                })
                .collect(),
            from_engine: of_slices
                .map(|i| Link::new("engine to L2", part.engine_id(), part.slice_id(i), to_engine, 2 * mshrs))
                .collect(),
            wheel: Wheel::new(part.components()),
            due: Vec::new(),
            next: Cycle::NEVER,
            responses: Vec::new(),
        }
    }

    /// The slices and channels that it has.
    pub(crate) fn part(&self) -> Part {
        self.part
    }

    /// Takes a request, for slice `slice` of this side, that reaches the crossbar's output at `at`.
    #[inline]
    pub(crate) fn receive(&mut self, at: Cycle, slice: usize, request: L2Request) {
        self.arrivals[slice].add(at, usize::from(request.cu), request);
        self.next = self.next.min(at);
    }

    /// Puts the requests that arrive before `end` into order.
    fn settle(&mut self, end: Cycle) {
        for (slice, arrivals) in self.arrivals.iter_mut().enumerate() {
            let id = self.part.slice_id(slice);
            arrivals.settle(end, |at| self.wheel.schedule(id, at));
        }
    }

    /// When there is next something to do.
    #[inline]
    pub(crate) fn next(&self) -> Cycle {
        self.next
    }

    /// Runs up to `end`; `respond` is told what reaches the crossbar's outputs when, and from which slice. An error
    /// is the address of a sparse read that the engine cannot serve.
    pub(crate) fn run(
        &mut self,
        end: Cycle,
        order: TickOrder,
        mut respond: impl FnMut(Cycle, usize, L2Response),
    ) -> Result<(), u64> {
        if self.next >= end && order != TickOrder::Everything {
            return Ok(());
        }
        self.settle(end);
        let mut due = std::mem::take(&mut self.due);
        while self.wheel.advance_before(end, order, &mut due) {
            let now = self.wheel.now();
            for &id in &due {
                match self.tick(id, now)? {
                    Wake::Next => self.wheel.schedule(id, now + 1),
                    Wake::At(at) => self.wheel.schedule(id, at),
                    Wake::Idle => {}
                }
                if !self.responses.is_empty() {
                    let slice = self.part.slice(id.0 as usize);
                    self.responses.drain(..).for_each(|(at, response)| respond(at, slice, response));
                }
            }
        }
        self.due = due;
        let arrivals = self.arrivals.iter().map(Arrivals::earliest_unsettled);
        self.next = arrivals.fold(self.wheel.next_pending(), Cycle::min);
        Ok(())
    }

    fn tick(&mut self, id: ComponentId, now: Cycle) -> Result<Wake, u64> {
        let i = id.0 as usize;
        let wheel = &mut self.wheel;
        let Some(behind) = i.checked_sub(self.slices.len()) else {
            let (channel, source) = (i % self.part.channels, i / self.part.channels);
            let mut ports = L2Ports {
                requests: self.arrivals[i].queue(),
                responses: &mut self.responses,
                to_memory: &mut self.to_memory[channel][source],
                from_memory: &mut self.from_memory[channel][source],
                to_engine: &mut self.to_engine[i],
                from_engine: &mut self.from_engine[i],
            };
            return Ok(self.slices[i].tick(now, &mut ports, wheel));
        };
        if let Some(channel) = behind.checked_sub(1) {
            let (requests, responses) = (&mut self.to_memory[channel], &mut self.from_memory[channel]);
            return Ok(self.controllers[channel].tick(now, requests, responses, wheel));
        }
        match &mut self.engine {
            Some(engine) => {
                let mut ports = EnginePorts {
                    requests: &mut self.to_engine,
                    responses: &mut self.from_engine,
                    to_memory: &mut self.to_memory,
                    from_memory: &mut self.from_memory,
                };
                engine.tick(now, &mut ports, wheel).map_err(|outside| outside.address)
            }
            // With the engine off nothing answers sparse reads.
            None => match self.to_engine.iter_mut().find_map(|link| link.take(now, wheel)) {
                Some(request) => Err(request.line.address()),
                None => Ok(Wake::Idle),
            },
        }
    }

    /// Makes up for what happens without requests (refreshes) until `now`.
    pub(crate) fn settle_memory(&mut self, now: Cycle) {
        self.controllers.iter_mut().for_each(|controller| controller.settle(now));
    }

    pub(crate) fn slices_with_numbers(&self) -> impl Iterator<Item = (usize, &L2Slice)> {
        self.part.slices().zip(&self.slices)
    }

    pub(crate) fn controllers(&self) -> &[MemoryController] {
        &self.controllers
    }

    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// The latest cycle in which anything was done.
    pub(crate) fn now(&self) -> Cycle {
        self.wheel.now()
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.wheel.wakeups()
    }

    /// Who waits for what.
    pub(crate) fn waiting(&self) -> Vec<(String, String)> {
        let mut waiting = Vec::new();
        let mut add = |who: String, what: Option<String>| waiting.extend(what.map(|what| (who, what)));
        for (number, slice) in self.slices_with_numbers() {
            add(format!("L2 slice {number}"), slice.waiting_for());
        }
        if let Some(engine) = &self.engine {
            add("compaction engine".into(), engine.waiting_for());
        }
        for (i, controller) in self.controllers.iter().enumerate() {
            add(format!("memory controller {}", self.part.first_channel + i), controller.waiting_for());
        }
        for (i, arrivals) in self.arrivals.iter().enumerate() {
            let what = (!arrivals.is_empty()).then(|| format!("{} requests under way", arrivals.len()));
            add(format!("crossbar to L2 slice {}", self.part.slice(i)), what);
        }
        self.each_link(|wire, under_way| {
            let [from, to] = [wire.sender, wire.receiver].map(|id| self.part.component(id));
            let what = (under_way > 0).then(|| format!("{under_way} messages under way"));
            add(format!("link \"{}\" from {from} to {to}", wire.name), what);
        });
        waiting
    }

    /// The links, as the machine's topology has them; `id` tells a component's number there.
    pub(crate) fn wires(&self, id: impl Fn(Component) -> ComponentId, wires: &mut Vec<Wire>) {
        self.each_link(|wire, _| {
            let [sender, receiver] = [wire.sender, wire.receiver].map(|local| id(self.part.component(local)));
            let place = match wire.place {
                Place::Of(i) => Place::Of(self.part.slice(i)),
                Place::Channel { channel, user } => {
                    let engine = [wire.sender, wire.receiver].contains(&self.part.engine_id());
                    let user = if engine { self.part.slices / self.part.channels } else { user };
                    Place::Channel { channel: self.part.first_channel + channel, user }
                }
            };
            wires.push(Wire { sender, receiver, place, ..wire });
        });
    }

    /// Shows every link to `visit`, with the messages under way.
    fn each_link(&self, mut visit: impl FnMut(Wire, usize)) {
        for (channel, links) in self.to_memory.iter().enumerate() {
            show(links, |user| Place::Channel { channel, user }, &mut visit);
        }
        for (channel, links) in self.from_memory.iter().enumerate() {
            show(links, |user| Place::Channel { channel, user }, &mut visit);
        }
        show(&self.to_engine, Place::Of, &mut visit);
        show(&self.from_engine, Place::Of, &mut visit);
    }
}

/// Shows the links of a family to `visit`; `place` is that of the i-th.
fn show<T>(links: &[Link<T>], place: impl Fn(usize) -> Place, visit: &mut impl FnMut(Wire, usize)) {
    for (i, link) in links.iter().enumerate() {
        visit(Wire::of(link, place(i)), link.len());
    }
}
