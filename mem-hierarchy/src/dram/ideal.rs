//! The ideal memory: so many requests a clock, each answered after a fixed time.
//!
//! Nothing waits to be scheduled, so an acceptance books its place and its answer at once, and the
//! channel never asks to be woken. It has no queue to fill either: whoever calls it bounds what is
//! outstanding.

use super::LINE_BYTES;
use super::params::Dram;
use super::stats::ChannelStats;

/// A channel of the ideal memory.
#[derive(Clone, Debug)]
pub(super) struct Ideal {
    latency: u64,
    per_clock: u32,
    /// The clock that the next request may still share, and the requests booked in it.
    slot: (u64, u32),
}

impl Ideal {
    pub(super) fn new(dram: &Dram) -> Self {
        Self {
            latency: u64::from(dram.ideal_latency),
            per_clock: dram.ideal_requests_per_cycle,
            slot: (0, 0),
        }
    }

    /// Books a request that arrives at `now`; the tick of its answer.
    pub(super) fn accept(&mut self, now: u64, write: bool, stats: &mut ChannelStats) -> u64 {
        if self.slot.0 < now {
            self.slot = (now, 0);
        } else if self.slot.1 == self.per_clock {
            self.slot = (self.slot.0 + 1, 0);
        }
        if self.slot.1 == 0 {
            stats.busy_ticks += 1;
        }
        self.slot.1 += 1;
        stats.bytes += LINE_BYTES;
        let done = self.slot.0 + self.latency;
        if write {
            stats.writes += 1;
        } else {
            stats.reads += 1;
            stats.read_latency.add(done - now);
        }
        done
    }
}
