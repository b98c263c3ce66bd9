//! Address translation: a TLB in each compute unit, in front of a shared one with its page walkers.
//!
//! Compute units ask the shared TLB as they go, and those that ask in the same cycle must get the same
//! answers in any order. So a request sees what the cycles before have left: which pages are there, and
//! when the first walker is free. Walks asked for in one cycle all begin when that walker is free, and are
//! booked on the walkers one after the other once the cycle is over; pages leave then too.

use rustc_hash::FxHashMap;
use sim_core::Cycle;

use crate::params;
use crate::request::Line;

/// The shared TLB, fully associative with LRU, and the page walkers.
#[derive(Debug)]
pub struct SharedTlb {
    pages: FxHashMap<u64, Page>,
    /// `None`: any number.
    capacity: Option<usize>,
    latency: u64,
    /// When each walker is free; none: any number of walkers.
    walkers: Vec<Cycle>,
    walk_latency: u64,
    /// The cycle of the newest request, and how many walks were asked for in it.
    cycle: Cycle,
    asked: u64,
    walks: u64,
}

/// A page that the shared TLB holds, or is going to.
#[derive(Clone, Copy, Debug)]
struct Page {
    /// The end of its walk.
    walked: Cycle,
    /// The newest request for it.
    used: Cycle,
}

impl SharedTlb {
    /// An empty TLB with idle walkers.
    pub fn new(params: &params::Translation) -> Self {
        Self {
            pages: FxHashMap::default(),
            capacity: (params.l2_entries > 0).then_some(params.l2_entries as usize),
            latency: params.l2_latency.into(),
            walkers: vec![Cycle(0); params.walkers as usize],
            walk_latency: params.walk_latency.into(),
            cycle: Cycle(0),
            asked: 0,
            walks: 0,
        }
    }

    /// When the translation of `page`, asked for at `now`, is there. Time does not run backwards.
    pub fn request(&mut self, page: u64, now: Cycle) -> Cycle {
        if now != self.cycle {
            self.end_cycle();
            self.cycle = now;
        }
        let (walkers, walk_latency) = (&self.walkers, self.walk_latency);
        let page = self.pages.entry(page).or_insert_with(|| {
            self.asked += 1;
            let free = walkers.iter().min().copied().unwrap_or(now);
            Page { walked: free.max(now) + walk_latency, used: now }
        });
        page.used = now;
        page.walked.max(now + self.latency)
    }

    /// Books the walks of the cycle that is over, and lets pages leave.
    fn end_cycle(&mut self) {
        self.walks += self.asked;
        for _ in 0..self.asked {
            if let Some(first) = self.walkers.iter_mut().min() {
                *first = self.cycle.max(*first) + self.walk_latency;
            }
        }
        self.asked = 0;
        while self.capacity.is_some_and(|capacity| self.pages.len() > capacity) {
            let oldest = self.pages.iter().map(|(number, page)| (page.used, *number)).min();
            if let Some((_, number)) = oldest {
                self.pages.remove(&number);
            }
        }
    }

    /// Page walks so far.
    pub fn walks(&self) -> u64 {
        self.walks + self.asked
    }
}

/// The TLB of a compute unit: fully associative, LRU.
#[derive(Debug)]
pub struct Tlb {
    /// (page, when its translation is there), most recently used last.
    entries: Vec<(u64, Cycle)>,
    capacity: usize,
    lines_per_page: u64,
    misses: u64,
}

impl Tlb {
    /// An empty TLB; `None` where translation is off.
    pub fn new(params: &params::Translation) -> Option<Self> {
        params.enabled.then(|| Self {
            entries: Vec::new(),
            capacity: params.l1_entries as usize,
            lines_per_page: params.page.0 / crate::request::LINE_BYTES,
            misses: 0,
        })
    }

    /// When the translation of `line`, asked for at `now`, is there.
    pub fn translate(&mut self, line: Line, now: Cycle, shared: &mut SharedTlb) -> Cycle {
        let page = line.0 / self.lines_per_page;
        if let Some(&(newest, ready)) = self.entries.last()
            && newest == page
        {
            return ready.max(now);
        }
        if let Some(at) = self.entries.iter().position(|(p, _)| *p == page) {
            let entry = self.entries.remove(at);
            self.entries.push(entry);
            return entry.1.max(now);
        }
        self.misses += 1;
        let ready = shared.request(page, now);
        if self.entries.len() == self.capacity {
            self.entries.remove(0);
        }
        self.entries.push((page, ready));
        ready
    }

    /// Misses so far.
    pub fn misses(&self) -> u64 {
        self.misses
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_walked_once_and_then_shared() {
        let params = params::Translation { enabled: true, l1_entries: 1, ..Default::default() };
        let mut shared = SharedTlb::new(&params);
        let mut a = Tlb::new(&params).expect("enabled");
        let mut b = Tlb::new(&params).expect("enabled");
        assert_eq!(a.translate(Line(0), Cycle(10), &mut shared), Cycle(710));
        assert_eq!(a.translate(Line(63), Cycle(900), &mut shared), Cycle(900));
        assert_eq!(b.translate(Line(1), Cycle(15), &mut shared), Cycle(710));
        assert_eq!(b.translate(Line(64), Cycle(800), &mut shared), Cycle(1500));
        // Page 0 has left b's single entry, but the shared TLB holds it.
        assert_eq!(b.translate(Line(2), Cycle(2000), &mut shared), Cycle(2020));
        assert_eq!(shared.walks(), 2);
    }

    fn shared(l2_entries: u32, walkers: u32) -> SharedTlb {
        SharedTlb::new(&params::Translation { l2_entries, walkers, ..Default::default() })
    }

    #[test]
    fn a_walk_waits_for_a_walker() {
        // Given one walker that is busy with page 0 until cycle 710.
        for (walkers, asked, there) in [(1, 709, 710 + 700), (1, 710, 1410), (1, 711, 1411), (2, 709, 1409)] {
            let mut tlb = shared(0, walkers);
            assert_eq!(tlb.request(0, Cycle(10)), Cycle(710));
            // When page 1 is asked for, then its walk begins as soon as a walker is free.
            assert_eq!(tlb.request(1, Cycle(asked)), Cycle(there), "{walkers} walkers, at {asked}");
        }
    }

    #[test]
    fn the_page_unused_for_longest_leaves() {
        // Given room for two pages, 0 and 1 there, and 0 used again.
        let mut tlb = shared(2, 0);
        for (page, at) in [(0, 10), (1, 20), (0, 1_000)] {
            tlb.request(page, Cycle(at));
        }
        // When page 2 comes, then 1 has to be walked again and 0 has not.
        assert_eq!(tlb.request(2, Cycle(2_000)), Cycle(2_700));
        assert_eq!(tlb.request(0, Cycle(3_000)), Cycle(3_020));
        assert_eq!(tlb.request(1, Cycle(4_000)), Cycle(4_700));
        assert_eq!(tlb.walks(), 4);
    }

    proptest! {
        #[test]
        fn the_order_within_a_cycle_does_not_matter(
            l2_entries in 0u32..6, walkers in 0u32..4,
            cycles in prop::collection::vec((1u64..900, prop::collection::vec(0u64..10, 1..8)), 1..40),
        ) {
            let (mut forwards, mut backwards) = (shared(l2_entries, walkers), shared(l2_entries, walkers));
            let mut now = Cycle(0);
            for (gap, pages) in cycles {
                now += gap;
                let one: Vec<Cycle> = pages.iter().map(|page| forwards.request(*page, now)).collect();
                let reversed = pages.iter().rev();
                let mut other: Vec<Cycle> = reversed.map(|page| backwards.request(*page, now)).collect();
                other.reverse();
                prop_assert_eq!(one, other);
                prop_assert_eq!(forwards.walks(), backwards.walks());
            }
        }
    }
}
