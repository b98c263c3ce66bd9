//! Counters of a channel.

use std::ops::AddAssign;

use serde::Serialize;
use sim_core::stats::Mean;

/// What a channel has done. Counters only grow; [`ChannelStats::since`] gives those of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelStats {
    /// Reads accepted, in lines; those answered from the write queue included.
    pub reads: u64,
    /// Writes accepted, in lines; those merged into a waiting write included.
    pub writes: u64,
    /// Reads answered from a write that still waited.
    pub forwarded_reads: u64,
    /// Writes merged into a write of the same line that still waited.
    pub merged_writes: u64,
    /// Bytes of lines that crossed the data bus.
    pub bytes: u64,
    /// ACT commands.
    pub activates: u64,
    /// PRE and PREA commands, and rows closed by auto-precharge.
    pub precharges: u64,
    /// REF commands.
    pub refreshes: u64,
    /// Bursts that found their row open.
    pub row_hits: u64,
    /// Bursts for which a row was opened in a closed bank.
    pub row_misses: u64,
    /// Bursts for which another row was closed first.
    pub row_conflicts: u64,
    /// Ticks in which the data bus carried a burst.
    pub busy_ticks: u64,
    /// Ticks from the acceptance of a read to its last data.
    pub read_latency: Mean,
}

impl ChannelStats {
    /// Bursts of the data bus.
    pub fn bursts(&self) -> u64 {
        self.row_hits + self.row_misses + self.row_conflicts
    }

    /// Share of bursts that found their row open; 0 without bursts.
    pub fn row_hit_rate(&self) -> f64 {
        if self.bursts() == 0 { 0.0 } else { self.row_hits as f64 / self.bursts() as f64 }
    }

    /// What was counted after `earlier`, a copy of these counters.
    pub fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, |now, then| now - then)
    }

    /// Applies `f` to each pair of counters.
    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            reads: f(self.reads, other.reads),
            writes: f(self.writes, other.writes),
            forwarded_reads: f(self.forwarded_reads, other.forwarded_reads),
            merged_writes: f(self.merged_writes, other.merged_writes),
            bytes: f(self.bytes, other.bytes),
            activates: f(self.activates, other.activates),
            precharges: f(self.precharges, other.precharges),
            refreshes: f(self.refreshes, other.refreshes),
            row_hits: f(self.row_hits, other.row_hits),
            row_misses: f(self.row_misses, other.row_misses),
            row_conflicts: f(self.row_conflicts, other.row_conflicts),
            busy_ticks: f(self.busy_ticks, other.busy_ticks),
            read_latency: Mean {
                sum: f(self.read_latency.sum, other.read_latency.sum),
                count: f(self.read_latency.count, other.read_latency.count),
            },
        }
    }
}

/// Sums the counters of channels.
impl AddAssign<&Self> for ChannelStats {
    fn add_assign(&mut self, other: &Self) {
        *self = self.zip(other, |a, b| a + b);
    }
}
