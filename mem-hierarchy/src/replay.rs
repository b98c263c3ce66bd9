//! Accesses replayed on a DRAM memory of several channels, with no GPU in front.
//!
//! ```
//! use mem_hierarchy::dram::Dram;
//! use mem_hierarchy::replay::{Access, Arrival, Replay};
//! let mut replay = Replay::new(&Dram::default(), Arrival::Trace); // eight channels of GDDR5
//! replay.offer(Access { cycle: 100, address: 0x40, write: false });
//! let report = replay.finish();
//! // One clock to schedule, tRCD 28, CL 28, two bursts of two clocks.
//! assert_eq!((report.cycles, report.read_latency.max()), (161, 61));
//! ```
//!
//! Accesses come one by one and are not kept, so memory does not grow with their number. That is possible
//! because channels share nothing: an access asks only when its own FIFO may offer it and when its own
//! channel takes it. The channel is told of time as far as that; the others are told when it is their turn,
//! and issue their commands at the ticks at which they were due.
//!
//! Consecutive rows (`row_bytes` of the preset) go to consecutive channels. The ideal memory has no rows; there
//! it is consecutive lines.

use sim_core::stats::Mean;

use crate::dram::{Channel, ChannelStats, Dram, LINE_BYTES, LoggedCommand};

/// One access of 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// When it arrives, in memory clocks.
    pub cycle: u64,
    /// A byte of its line.
    pub address: u64,
    /// Whether it writes.
    pub write: bool,
}

/// How accesses come to the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Through one FIFO in front of all channels, which each access enters at its cycle. The FIFO offers its
    /// head every clock; nothing overtakes.
    Trace,
    /// The whole trace waits from the start in one FIFO a channel, and each offers its head every clock.
    Saturate,
}

/// Accesses being replayed; see [the module](self).
#[derive(Debug)]
pub struct Replay {
    channels: Vec<Channel>,
    interleave: Interleave,
    arrival: Arrival,
    /// The first tick at which each FIFO may offer its next access.
    offers: Vec<u64>,
    read_latency: Latencies,
    /// The latest tick at which a read had its last data.
    last_data: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Memory clocks from 0 to the last data of the last read or, where that is later, the last command.
    pub cycles: u64,
    /// The counters of all channels together, refreshes up to `cycles` included.
    pub stats: ChannelStats,
    /// Memory clocks from the acceptance of a read by its channel to its last data. Waiting in the
    /// channel's queue counts, waiting in the FIFO does not.
    pub read_latency: Latencies,
}

impl Replay {
    /// An idle memory of `dram.channels` channels.
    pub fn new(dram: &Dram, arrival: Arrival) -> Self {
        let channels: Vec<_> = (0..dram.channels).map(|_| Channel::new(dram)).collect();
        let fifos = if arrival == Arrival::Trace { 1 } else { channels.len() };
        Self {
            interleave: Interleave::new(dram),
            channels,
            arrival,
            offers: vec![0; fifos],
            read_latency: Latencies::default(),
            last_data: 0,
        }
    }

    /// Keeps the commands from now on for [`Replay::take_commands`].
    pub fn record_commands(&mut self) {
        self.channels.iter_mut().for_each(|channel| channel.record_commands(true));
    }

    /// Replays the next access; the channel that took it. A cycle earlier than that of the access before means
    /// that it enters the FIFO right behind it.
    ///
    /// Its address must be below [`address_limit`].
    pub fn offer(&mut self, access: Access) -> usize {
        let (index, line) = self.interleave.split(access.address / LINE_BYTES);
        let fifo = index % self.offers.len();
        let arrival = if self.arrival == Arrival::Trace { access.cycle } else { 0 };
        let mut now = self.offers[fifo].max(arrival);
        let channel = &mut self.channels[index];
        let mut due = channel.advance(now);
        while let (false, Some(next)) = (channel.can_accept(access.write), due) {
            now = next;
            due = channel.advance(now);
        }
        // The tag is the tick of acceptance: its low half is enough to tell how long a read took.
        channel.accept(now, line, access.write, now as u32);
        self.offers[fifo] = now + 1;
        self.take_answers(index);
        index
    }

    /// Lets everything that waits be served, and reports.
    pub fn finish(&mut self) -> Report {
        let mut cycles = 0;
        for index in 0..self.channels.len() {
            let mut now = self.offers[index % self.offers.len()].saturating_sub(1);
            while let Some(next) = self.channels[index].advance(now) {
                now = next;
                cycles = cycles.max(now);
            }
            self.take_answers(index);
        }
        cycles = self.offers.iter().map(|offer| offer.saturating_sub(1)).fold(cycles, u64::max);
        cycles = cycles.max(self.last_data);
        let mut stats = ChannelStats::default();
        for channel in &mut self.channels {
            channel.advance(cycles);
            stats += channel.stats();
        }
        Report { cycles, stats, read_latency: std::mem::take(&mut self.read_latency) }
    }

    /// The commands of a channel since the latest call, in order. Between two calls of [`Replay::offer`] only the
    /// channel that took the access has new ones; [`Replay::finish`] leaves some of every channel.
    pub fn take_commands(&mut self, channel: usize) -> Vec<LoggedCommand> {
        self.channels[channel].take_commands()
    }

    fn take_answers(&mut self, index: usize) {
        while let Some((accepted, done)) = self.channels[index].pop_read() {
            self.read_latency.add(u64::from((done as u32).wrapping_sub(accepted)));
            self.last_data = self.last_data.max(done);
        }
    }
}

/// Bytes that go to one channel before the next one's turn.
pub fn interleave_bytes(dram: &Dram) -> u64 {
    dram.preset.standard().map_or(LINE_BYTES, |standard| standard.row_bytes)
}

/// Addresses that can be told apart are below this: a bank counts its rows in 32 bits.
pub fn address_limit(dram: &Dram) -> u64 {
    let Some(standard) = dram.preset.standard() else { return u64::MAX };
    let row_of_all_banks = standard.row_bytes * standard.banks.total() as u64 * u64::from(dram.channels);
    row_of_all_banks.saturating_mul(u32::MAX.into())
}

/// Which channel serves a line.
#[derive(Clone, Copy, Debug)]
struct Interleave {
    /// Lines that go to one channel before the next one's turn.
    lines: u64,
    channels: u64,
}

impl Interleave {
    fn new(dram: &Dram) -> Self {
        Self { lines: interleave_bytes(dram) / LINE_BYTES, channels: dram.channels.into() }
    }

    /// The channel of a line, and the line within it.
    fn split(self, line: u64) -> (usize, u64) {
        let (chunk, rest) = (line / self.lines, line % self.lines);
        ((chunk % self.channels) as usize, chunk / self.channels * self.lines + rest)
    }
}

/// Latencies, counted exactly: one counter a clock, up to the longest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    counts: Vec<u64>,
    mean: Mean,
}

impl Latencies {
    /// Adds a sample.
    #[inline]
    pub fn add(&mut self, latency: u64) {
        let at = latency as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.mean.add(latency);
    }

    /// The mean; 0 without samples.
    pub fn mean(&self) -> f64 {
        self.mean.value()
    }

    /// The smallest latency that at least `percent` percent of the samples do not exceed (nearest rank); 0
    /// without samples.
    pub fn percentile(&self, percent: u64) -> u64 {
        let rank = (u128::from(self.mean.count) * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        for (latency, &count) in self.counts.iter().enumerate() {
            seen += u128::from(count);
            if seen >= rank {
                return latency as u64;
            }
        }
        0
    }

    /// The smallest; 0 without samples.
    pub fn min(&self) -> u64 {
        self.percentile(0)
    }

    /// The largest; 0 without samples.
    pub fn max(&self) -> u64 {
        self.percentile(100)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::dram::{Preset, Refresh};

    /// The definition: every FIFO offers its head in every clock, and every channel is told of every clock.
    fn clock_by_clock(dram: &Dram, arrival: Arrival, accesses: &[Access]) -> (ChannelStats, Vec<u64>) {
        let interleave = Interleave::new(dram);
        let mut channels: Vec<_> = (0..dram.channels).map(|_| Channel::new(dram)).collect();
        let single = arrival == Arrival::Trace;
        let mut fifos = vec![VecDeque::new(); if single { 1 } else { channels.len() }];
        for access in accesses {
            let (channel, line) = interleave.split(access.address / LINE_BYTES);
            let cycle = if single { access.cycle } else { 0 };
            fifos[if single { 0 } else { channel }].push_back((cycle, channel, line, access.write));
        }
        let (mut latencies, mut accepted, mut now) = (Vec::new(), Vec::new(), 0);
        while fifos.iter().any(|fifo| !fifo.is_empty()) || channels.iter().any(|c| !c.is_idle()) {
            channels.iter_mut().for_each(|c| _ = c.advance(now));
            for fifo in &mut fifos {
                if let Some(&(cycle, channel, line, write)) = fifo.front()
                    && cycle <= now
                    && channels[channel].can_accept(write)
                {
                    channels[channel].accept(now, line, write, accepted.len() as u32);
                    accepted.push(now);
                    fifo.pop_front();
                }
            }
            for channel in &mut channels {
                channel.advance(now);
                while let Some((tag, done)) = channel.pop_read() {
                    latencies.push(done - accepted[tag as usize]);
                }
            }
            now += 1;
        }
        let mut stats = ChannelStats::default();
        channels.iter().for_each(|c| stats += c.stats());
        latencies.sort_unstable();
        (stats, latencies)
    }

    fn replayed(dram: &Dram, arrival: Arrival, accesses: &[Access]) -> Report {
        let mut replay = Replay::new(dram, arrival);
        for &access in accesses {
            replay.offer(access);
        }
        replay.finish()
    }

    fn trace() -> impl Strategy<Value = Vec<Access>> {
        // Few rows of few channels, so that FIFOs and queues fill; cycles that may run backwards.
        let access = (0u64..400, 0u64..6, 0u64..40, any::<bool>()).prop_map(|(cycle, chunk, row, write)| {
            Access { cycle, address: row * (1 << 20) + chunk * 2_048, write }
        });
        prop::collection::vec(access, 1..300)
    }

    proptest! {
        #[test]
        fn a_replay_does_what_every_clock_would(
            accesses in trace(),
            preset in prop::sample::select(Preset::ALL),
            refresh in prop::sample::select(Refresh::ALL),
            saturate: bool,
            queue in 1u32..9,
        ) {
            let dram = Dram {
                preset,
                refresh,
                channels: 3,
                read_queue: queue,
                write_queue: queue,
                write_high_watermark: queue,
                write_low_watermark: 0,
                ..Dram::default()
            };
            let arrival = if saturate { Arrival::Saturate } else { Arrival::Trace };
            let report = replayed(&dram, arrival, &accesses);
            let (mut stats, latencies) = clock_by_clock(&dram, arrival, &accesses);
            // Refreshes go on to the end of the report, and rows are closed for them.
            stats.refreshes = report.stats.refreshes;
            stats.precharges = report.stats.precharges;
            prop_assert_eq!(report.stats, stats);
            let ranks = [1, 25, 50, 95, 100];
            for percent in ranks {
                let rank = (latencies.len() * percent).div_ceil(100).max(1) - 1;
                let expected = latencies.get(rank).copied().unwrap_or(0);
                prop_assert_eq!(report.read_latency.percentile(percent as u64), expected);
            }
        }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.percentile(50), latencies.min(), latencies.max()), (0, 0, 0));
        for latency in [10, 10, 17, 24] {
            latencies.add(latency);
        }
        let found = [25, 50, 51, 75, 76, 95, 100].map(|percent| latencies.percentile(percent));
        assert_eq!(found, [10, 10, 17, 17, 24, 24, 24]);
        assert_eq!((latencies.min(), latencies.max(), latencies.mean()), (10, 24, 15.25));
    }

    #[test]
    fn rows_go_to_channels_in_turn() {
        let interleave = Interleave::new(&Dram { channels: 3, ..Dram::default() });
        // 64 lines a row of 4 KiB.
        let places = [0, 63, 64, 191, 192, 255].map(|line| interleave.split(line));
        assert_eq!(places, [(0, 0), (0, 63), (1, 0), (2, 63), (0, 64), (0, 127)]);
    }

    #[test]
    fn addresses_end_where_rows_do() {
        // 8 channels, 16 banks, rows of 4 KiB: 2^19 bytes a row of all banks.
        assert_eq!(address_limit(&Dram::default()), (u64::from(u32::MAX)) << 19);
        assert_eq!(address_limit(&Dram { preset: Preset::Ideal, ..Dram::default() }), u64::MAX);
    }

    #[test]
    fn writes_alone_end_with_their_last_command() {
        let write = Access { cycle: 5, address: 0, write: true };
        let report = replayed(&Dram::default(), Arrival::Trace, &[write]);
        // Accepted at 5; ACT at 6, and two bursts from tRCD 24 on.
        assert_eq!((report.cycles, report.stats.writes, report.read_latency.max()), (32, 1, 0));
    }
}
