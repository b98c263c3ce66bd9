//! A core: a compute unit and its L1 cache, run together for a stretch of time.

use mem_hierarchy::l1::{L1Cache, L1Ports};
use mem_hierarchy::params::Crossbar;
use mem_hierarchy::request::{L2Request, L2Response, LineRequest, LineResponse};
use mem_hierarchy::translation::Page;
use sim_core::{Arrivals, Cycle, TickOrder, TimedQueue};

use crate::compute_unit::{Completion, ComputeUnit, CuPorts, DispatchMessage, Shared};
use crate::kernel::Kernel;
use crate::params::Gpu as Params;

/// A compute unit and its L1 cache.
///
/// Lines take so long from the compute unit to L1 that L1 can be run for a whole stretch before the compute unit
/// is: see [`Core::run`].
pub(crate) struct Core<K: Kernel> {
    cu: ComputeUnit<K>,
    l1: L1Cache,
    dispatch: TimedQueue<DispatchMessage>,
    translated: TimedQueue<Page>,
    to_l1: TimedQueue<LineRequest>,
    from_l2: Arrivals<L2Response>,
    answers: Vec<(Cycle, LineResponse)>,
    next_l1: Cycle,
    next_cu: Cycle,
    now: Cycle,
    ticks: u64,
    pub(crate) out: Out,
}

/// What leaves a core. Requests come with the cycle in which they reach L2, the others with that of sending.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) to_l2: Vec<(Cycle, L2Request)>,
    pub(crate) complete: Vec<(Cycle, Completion)>,
    pub(crate) untranslated: Vec<(Cycle, Page)>,
}

impl<K: Kernel> Core<K> {
    /// Core `number` of `params`, empty and cold.
    pub(crate) fn new(params: &Params, number: usize, verify: bool) -> Self {
        let Crossbar { lines_per_cycle, .. } = params.crossbar;
        Self {
            cu: ComputeUnit::new(params, verify),
            l1: L1Cache::new(&params.l1, &params.crossbar, number as u16),
            dispatch: TimedQueue::default(),
            translated: TimedQueue::default(),
            to_l1: TimedQueue::default(),
            from_l2: Arrivals::new(params.l2.slices as usize, lines_per_cycle),
            answers: Vec::new(),
            next_l1: Cycle::NEVER,
            next_cu: Cycle::NEVER,
            now: Cycle(0),
            ticks: 0,
            out: Out::default(),
        }
    }

    /// Takes a workgroup that arrives at `at`.
    pub(crate) fn dispatch(&mut self, at: Cycle, message: DispatchMessage) {
        self.dispatch.push(at, message);
        self.next_cu = self.next_cu.min(at);
    }

    /// Takes the word that the translation of `page` is there at `at`.
    pub(crate) fn translated(&mut self, at: Cycle, page: Page) {
        self.translated.push(at, page);
        self.next_cu = self.next_cu.min(at);
    }

    /// Takes an answer of L2 slice `slice` that reaches the crossbar's output at `at`.
    #[inline]
    pub(crate) fn receive(&mut self, at: Cycle, slice: usize, response: L2Response) {
        self.from_l2.add(at, slice, response);
    }

    /// When there is next something to do.
    #[inline]
    pub(crate) fn next(&self) -> Cycle {
        self.next_l1.min(self.next_cu).min(self.from_l2.earliest_unsettled())
    }

    /// Runs from `begin` up to `end`; everything that arrives in between has been received.
    ///
    /// L1 goes first: what the compute unit asks of it in these cycles arrives later, while its answers may be due at
    /// once.
    pub(crate) fn run(&mut self, begin: Cycle, end: Cycle, order: TickOrder, shared: &mut Shared<'_, K>) {
        self.from_l2.settle(end, |_| {});
        self.next_l1 = self.next_l1.min(self.from_l2.next_arrival());
        let every_cycle = order == TickOrder::Everything;
        let from = |next: Cycle| if every_cycle { begin } else { next };
        let mut now = from(self.next_l1);
        while now < end {
            let mut ports = L1Ports {
                requests: &mut self.to_l1,
                answers: &mut self.answers,
                to_l2: &mut self.out.to_l2,
                from_l2: self.from_l2.queue(),
            };
            self.next_l1 = self.l1.tick(now, &mut ports);
            self.now = self.now.max(now);
            now = if every_cycle { now + 1 } else { self.next_l1 };
            self.ticks += 1;
        }
        if !self.answers.is_empty() {
            for (at, response) in self.answers.drain(..) {
                self.cu.line_arrives(at, response);
            }
            self.next_cu = self.next_cu.min(self.cu.next_tick());
        }
        // L1 knows when to look at what it has been asked so far, or waits for an answer.
        let l1_idle = self.to_l1.is_empty();
        let mut now = from(self.next_cu);
        while now < end {
            let mut ports = CuPorts {
                dispatch: &mut self.dispatch,
                translated: &mut self.translated,
                to_l1: &mut self.to_l1,
                complete: &mut self.out.complete,
                untranslated: &mut self.out.untranslated,
            };
            self.next_cu = self.cu.tick(now, &mut ports, shared);
            self.now = self.now.max(now);
            now = if every_cycle { now + 1 } else { self.next_cu };
            self.ticks += 1;
        }
        if l1_idle {
            self.next_l1 = self.next_l1.min(self.to_l1.next_arrival());
        }
    }

    pub(crate) fn cu(&self) -> &ComputeUnit<K> {
        &self.cu
    }

    pub(crate) fn l1(&self) -> &L1Cache {
        &self.l1
    }

    /// The latest cycle in which it did something.
    pub(crate) fn now(&self) -> Cycle {
        self.now
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Who of core `number` waits for what.
    pub(crate) fn waiting(&self, number: usize) -> Vec<(String, String)> {
        let mut waiting = Vec::new();
        let mut add = |who: String, what: Option<String>| waiting.extend(what.map(|what| (who, what)));
        add(format!("compute unit {number}"), self.cu.waiting_for());
        add(format!("L1 cache {number}"), self.l1.waiting_for());
        for (who, count) in [
            ("dispatcher to compute unit", self.dispatch.len()),
            ("compute unit to L1", self.to_l1.len()),
            ("crossbar to L1", self.from_l2.len()),
        ] {
            add(format!("{who} {number}"), (count > 0).then(|| format!("{count} messages under way")));
        }
        waiting
    }
}
