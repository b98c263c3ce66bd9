//! Address translation: a TLB in each compute unit, in front of a shared one with its page walkers.
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

/// The shared TLB, fully associative with LRU, and the page walkers.
#[derive(Debug)]
pub struct SharedTlb {
    entries: FxHashMap<Page, Entry>,
    /// `None`: any number.
    capacity: Option<usize>,
    latency: u64,
    /// When each walker is free; none: any number of walkers.
    walkers: Vec<Cycle>,
    walk_latency: u64,
    walks: u64,
    requests: u64,
}

/// A page that the shared TLB holds, or is going to.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The end of its walk.
    walked: Cycle,
    /// Number of the newest request for it.
    used: u64,
}

impl SharedTlb {
    /// An empty TLB with idle walkers.
    pub fn new(params: &params::Translation) -> Self {
        Self {
            entries: FxHashMap::default(),
            capacity: (params.l2_entries > 0).then_some(params.l2_entries as usize),
            latency: params.l2_latency.into(),
            walkers: vec![Cycle(0); params.walkers as usize],
            walk_latency: params.walk_latency.into(),
            walks: 0,
            requests: 0,
        }
    }

    /// When the translation of `page`, asked for at `now`, is there. Requests come in order of time.
    pub fn translate(&mut self, page: Page, now: Cycle) -> Cycle {
        self.requests += 1;
        let used = self.requests;
        let walked = match self.entries.get_mut(&page) {
            Some(entry) => {
                entry.used = used;
                entry.walked
            }
            None => {
                let walked = self.walk(now);
                self.make_room();
                self.entries.insert(page, Entry { walked, used });
                walked
            }
        };
        walked.max(now + self.latency)
    }

    /// Books a walk asked for at `now`; when it ends.
    fn walk(&mut self, now: Cycle) -> Cycle {
        self.walks += 1;
        match self.walkers.iter_mut().min() {
            None => now + self.walk_latency,
            Some(first) => {
                *first = now.max(*first) + self.walk_latency;
                *first
            }
        }
    }

    fn make_room(&mut self) {
        if self.capacity == Some(self.entries.len()) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(page, _)| *page);
            oldest.map(|page| self.entries.remove(&page));
        }
    }

    /// Page walks so far.
    pub fn walks(&self) -> u64 {
        self.walks
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

    fn shared(l2_entries: u32, walkers: u32) -> SharedTlb {
        SharedTlb::new(&params::Translation { l2_entries, walkers, ..Default::default() })
    }

    #[test]
    fn a_walk_waits_for_a_walker() {
        // Given one walker that is busy with page 0 until cycle 710.
        for (walkers, asked, there) in [(1, 709, 710 + 700), (1, 710, 1410), (1, 711, 1411), (2, 709, 1409)] {
            let mut tlb = shared(0, walkers);
            assert_eq!(tlb.translate(Page(0), Cycle(10)), Cycle(710));
            // When page 1 is asked for, then its walk begins as soon as a walker is free.
            assert_eq!(tlb.translate(Page(1), Cycle(asked)), Cycle(there), "{walkers} walkers, at {asked}");
        }
    }

    #[test]
    fn the_page_unused_for_longest_leaves() {
        // Given room for two pages, 0 and 1 there, and 0 used again.
        let mut tlb = shared(2, 0);
        for (page, at) in [(0, 10), (1, 20), (0, 1_000)] {
            tlb.translate(Page(page), Cycle(at));
        }
        // When page 2 comes, then 1 has to be walked again and 0 has not.
        assert_eq!(tlb.translate(Page(2), Cycle(2_000)), Cycle(2_700));
        assert_eq!(tlb.translate(Page(0), Cycle(3_000)), Cycle(3_020));
        assert_eq!(tlb.translate(Page(1), Cycle(4_000)), Cycle(4_700));
        assert_eq!(tlb.walks(), 4);
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
