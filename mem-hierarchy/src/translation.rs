//! Address translation: a TLB in each compute unit, in front of a shared one that holds every page once
//! it has been walked.

use rustc_hash::FxHashMap;
use sim_core::Cycle;

use crate::params;
use crate::request::Line;

/// The shared TLB and the page walker: when each page's first walk was asked for.
#[derive(Debug, Default)]
pub struct SharedTlb {
    first_asked: FxHashMap<u64, Cycle>,
    walks: u64,
}

impl SharedTlb {
    /// Page walks so far.
    pub fn walks(&self) -> u64 {
        self.walks
    }
}

/// The TLB of a compute unit: fully associative, LRU.
#[derive(Debug)]
pub struct Tlb {
    /// (page, when its translation is there), most recently used last.
    entries: Vec<(u64, Cycle)>,
    capacity: usize,
    lines_per_page: u64,
    l2_latency: u64,
    walk_latency: u64,
    misses: u64,
}

impl Tlb {
    /// An empty TLB; `None` where translation is off.
    pub fn new(params: &params::Translation) -> Option<Self> {
        params.enabled.then(|| Self {
            entries: Vec::new(),
            capacity: params.l1_entries as usize,
            lines_per_page: params.page.0 / crate::request::LINE_BYTES,
            l2_latency: params.l2_latency.into(),
            walk_latency: params.walk_latency.into(),
            misses: 0,
        })
    }

    /// When the translation of `line`, asked for at `now`, is there.
    ///
    /// The answer depends on the cycle of a page's first request alone, so compute units that ask in the
    /// same cycle get the same answer in any order.
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
        let walks = &mut shared.walks;
        let asked = *shared.first_asked.entry(page).or_insert_with(|| {
            *walks += 1;
            now
        });
        let ready = (now + self.l2_latency).max(asked + self.walk_latency);
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
    use super::*;

    #[test]
    fn a_page_is_walked_once_and_then_shared() {
        let params = params::Translation { enabled: true, l1_entries: 1, ..Default::default() };
        let mut shared = SharedTlb::default();
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
}
