//! Address translation: a TLB in each compute unit, in front of a shared one that holds every page once
//! it has been walked.
//!
//! Lines pass the compute unit's [`Translator`] in order, so one whose page is missing holds up those behind
//! it. The shared TLB is asked by message and answers when the translation is there.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use sim_core::{Cycle, TimedQueue};

use crate::params;
use crate::request::{LINE_BYTES, Line, LineRequest};

/// A page, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page(pub u64);

/// The shared TLB and the page walker: when each page's first walk was asked for.
#[derive(Debug)]
pub struct SharedTlb {
    first_asked: FxHashMap<Page, Cycle>,
    latency: u64,
    walk_latency: u64,
}

impl SharedTlb {
    /// A shared TLB that holds no page.
    pub fn new(params: &params::Translation) -> Self {
        Self {
            first_asked: FxHashMap::default(),
            latency: params.l2_latency.into(),
            walk_latency: params.walk_latency.into(),
        }
    }

    /// When the translation of `page`, asked for at `now`, is there. Requests come in order of time; the answer
    /// depends on the cycle of the first alone, so those of one cycle may come in any order.
    pub fn translate(&mut self, page: Page, now: Cycle) -> Cycle {
        let asked = *self.first_asked.entry(page).or_insert(now);
        (now + self.latency).max(asked + self.walk_latency)
    }

    /// Page walks so far.
    pub fn walks(&self) -> u64 {
        self.first_asked.len() as u64
    }
}

/// The TLB of a compute unit, fully associative, LRU, and the lines that wait in it.
#[derive(Debug)]
pub struct Translator {
    /// Page, and when its translation is there (never as long as that is not known); most recently used last.
    entries: Vec<(Page, Cycle)>,
    capacity: usize,
    lines_per_page: u64,
    waiting: VecDeque<Waiting>,
    misses: u64,
}

/// A line that waits for its translation, or for the lines before it.
#[derive(Debug)]
struct Waiting {
    request: LineRequest,
    page: Page,
    /// When the translation is there; never as long as that is not known.
    ready: Cycle,
    /// Cycles from there to its arrival at L1.
    delay: u64,
}

impl Translator {
    /// An empty TLB; `None` where translation is off.
    pub fn new(params: &params::Translation) -> Option<Self> {
        params.enabled.then(|| Self {
            entries: Vec::new(),
            capacity: params.l1_entries as usize,
            lines_per_page: params.page.0 / LINE_BYTES,
            waiting: VecDeque::new(),
            misses: 0,
        })
    }

    /// Takes a line request that was made at `now` and arrives at L1 `delay` cycles after its translation. Returns
    /// the page that the shared TLB has to be asked for.
    pub fn send(
        &mut self,
        request: LineRequest,
        now: Cycle,
        delay: u64,
        to_l1: &mut TimedQueue<LineRequest>,
    ) -> Option<Page> {
        let page = Page(request.line.0 / self.lines_per_page);
        let found = self.look_up(page);
        let ready = found.unwrap_or(Cycle::NEVER);
        let ready = if ready == Cycle::NEVER { ready } else { ready.max(now) };
        if ready == Cycle::NEVER || !self.waiting.is_empty() {
            self.waiting.push_back(Waiting { request, page, ready, delay });
        } else {
            to_l1.push(ready + delay, request);
        }
        found.is_none().then_some(page)
    }

    /// When the translation of `page` is there; `None` where it is missing, which it is not from now on.
    fn look_up(&mut self, page: Page) -> Option<Cycle> {
        if let Some(&(newest, ready)) = self.entries.last()
            && newest == page
        {
            return Some(ready);
        }
        if let Some(at) = self.entries.iter().position(|(p, _)| *p == page) {
            let entry = self.entries.remove(at);
            self.entries.push(entry);
            return Some(entry.1);
        }
        self.misses += 1;
        if self.entries.len() == self.capacity {
            self.entries.remove(0);
        }
        self.entries.push((page, Cycle::NEVER));
        None
    }

    /// The shared TLB has answered: the translation of `page` is there at `now`.
    pub fn answered(&mut self, page: Page, now: Cycle, to_l1: &mut TimedQueue<LineRequest>) {
        for (_, ready) in self.entries.iter_mut().filter(|(p, ready)| *p == page && *ready == Cycle::NEVER) {
            *ready = now;
        }
        for line in self.waiting.iter_mut().filter(|line| line.page == page && line.ready == Cycle::NEVER) {
            line.ready = now;
        }
        while let Some(Waiting { request, ready, delay, .. }) =
            self.waiting.pop_front_if(|line| line.ready != Cycle::NEVER)
        {
            to_l1.push(ready + delay, request);
        }
    }

    /// Misses so far.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// The line that waits longest.
    pub fn waiting_for(&self) -> Option<Line> {
        self.waiting.front().map(|line| line.request.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Access;

    /// A compute unit's TLB of `entries` pages, on its own clock, and when each line arrived.
    struct Unit {
        translator: Translator,
        to_l1: TimedQueue<LineRequest>,
        asked: Vec<(Cycle, Page)>,
    }

    impl Unit {
        fn new(params: &params::Translation) -> Self {
            let translator = Translator::new(params).expect("enabled");
            Self { translator, to_l1: TimedQueue::default(), asked: Vec::new() }
        }

        fn send(&mut self, line: u64, now: u64) {
            let request = LineRequest { line: Line(line), access: Access::Read, tag: 0 };
            let page = self.translator.send(request, Cycle(now), 0, &mut self.to_l1);
            self.asked.extend(page.map(|page| (Cycle(now), page)));
        }

        /// Asks for what is missing, and returns when each line has arrived.
        fn arrivals(&mut self, shared: &mut SharedTlb) -> Vec<u64> {
            for (now, page) in std::mem::take(&mut self.asked) {
                self.translator.answered(page, shared.translate(page, now), &mut self.to_l1);
            }
            std::iter::from_fn(|| self.to_l1.take(Cycle(10_000))).map(|(at, _)| at.0).collect()
        }
    }

    #[test]
    fn a_page_is_walked_once_and_then_shared() {
        let params = params::Translation { enabled: true, l1_entries: 1, ..Default::default() };
        let mut shared = SharedTlb::new(&params);
        let (mut a, mut b) = (Unit::new(&params), Unit::new(&params));
        a.send(0, 10);
        assert_eq!(a.arrivals(&mut shared), [710]);
        a.send(63, 900);
        assert_eq!(a.arrivals(&mut shared), [900]);
        b.send(1, 15);
        assert_eq!(b.arrivals(&mut shared), [710]);
        b.send(64, 800);
        assert_eq!(b.arrivals(&mut shared), [1500]);
        // Page 0 has left b's single entry, but the shared TLB holds it.
        b.send(2, 2000);
        assert_eq!(b.arrivals(&mut shared), [2020]);
        assert_eq!((shared.walks(), a.translator.misses(), b.translator.misses()), (2, 1, 3));
    }

    #[test]
    fn lines_keep_their_order_behind_one_that_waits() {
        let params = params::Translation { enabled: true, l1_entries: 8, ..Default::default() };
        let mut shared = SharedTlb::new(&params);
        let mut unit = Unit::new(&params);
        unit.send(0, 0);
        unit.arrivals(&mut shared);
        unit.send(64, 1_000); // walks
        unit.send(1, 1_001); // would not have to wait by itself
        assert_eq!(unit.translator.waiting_for(), Some(Line(64)));
        assert_eq!(unit.arrivals(&mut shared), [1_700, 1_700]);
    }
}
