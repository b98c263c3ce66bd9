//! What the compute units share besides memory: the dispatcher and the shared TLB.

use mem_hierarchy::translation::{Page, SharedTlb};
use sim_core::{Arrivals, Cycle, TickOrder};

use crate::compute_unit::{Completion, DispatchMessage};
use crate::dispatcher::Dispatcher;

/// The dispatcher and the shared TLB.
pub(crate) struct FrontEnd {
    dispatcher: Dispatcher,
    tlb: SharedTlb,
    completions: Arrivals<(usize, Completion)>,
    misses: Arrivals<(usize, Page)>,
    next: Cycle,
    now: Cycle,
    ticks: u64,
}

impl FrontEnd {
    /// With nothing dispatched yet, in front of `cores` compute units; the first workgroup goes at cycle 0.
    pub(crate) fn new(dispatcher: Dispatcher, tlb: SharedTlb, cores: usize) -> Self {
        Self {
            dispatcher,
            tlb,
            completions: Arrivals::new(cores, u32::MAX),
            misses: Arrivals::new(cores, u32::MAX),
            next: Cycle(0),
            now: Cycle(0),
            ticks: 0,
        }
    }

    /// Takes the word that a workgroup of `core` is complete, which arrives at `at`.
    pub(crate) fn complete(&mut self, at: Cycle, core: usize, completion: Completion) {
        self.completions.add(at, core, (core, completion));
    }

    /// Takes the request for a page that the TLB of `core` missed at `at`.
    pub(crate) fn missed(&mut self, at: Cycle, core: usize, page: Page) {
        self.misses.add(at, core, (core, page));
    }

    /// Puts what arrives before `end` into order, and answers the requests for pages: `translated` is told when which
    /// page is there for which core.
    pub(crate) fn settle(&mut self, end: Cycle, mut translated: impl FnMut(Cycle, usize, Page)) {
        self.misses.settle(end, |_| {});
        while let Some((at, (core, page))) = self.misses.queue().take(Cycle::NEVER) {
            translated(self.tlb.translate(page, at), core, page);
        }
        self.completions.settle(end, |_| {});
        self.next = self.next.min(self.completions.next_arrival());
    }

    /// When there is next something to do.
    pub(crate) fn next(&self) -> Cycle {
        self.next.min(self.completions.earliest_unsettled()).min(self.misses.earliest_unsettled())
    }

    /// Runs from `begin` up to `end`; `dispatch` is told which workgroup reaches which core when.
    pub(crate) fn run(
        &mut self,
        begin: Cycle,
        end: Cycle,
        order: TickOrder,
        mut dispatch: impl FnMut(Cycle, usize, DispatchMessage),
    ) {
        let every_cycle = order == TickOrder::Everything;
        let mut now = if every_cycle { begin } else { self.next };
        while now < end {
            self.next = self.dispatcher.tick(now, self.completions.queue(), &mut dispatch);
            self.now = now;
            now = if every_cycle { now + 1 } else { self.next };
            self.ticks += 1;
        }
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    pub(crate) fn tlb(&self) -> &SharedTlb {
        &self.tlb
    }

    /// The latest cycle in which it did something.
    pub(crate) fn now(&self) -> Cycle {
        self.now
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks
    }
}
