//! The memories that a configuration can name.
//!
//! # How to add one
//!
//! 1. Name it in [`Preset`].
//! 2. Add a [`Standard`] to [`STANDARDS`]: geometry and timings in clocks of the command bus, the order
//!    of the address fields, the usual policies, and where the figures come from. A new kind of limit
//!    is a line of [`Timings::rules`](super::timing::Timings::rules).
//! 3. Write its distances between commands into the tests of [`timing`](super::timing), and its latencies and
//!    limits into `bounds.rs`, from the data sheet and not from the table. Then run `cargo test -p
//!    mem-hierarchy dram`: besides those, a checker that shares no code with the scheduler judges command
//!    streams of every preset. `DRAM_REQUESTS=1000000` in the environment makes them a million requests long.

use super::LINE_BYTES;
use super::params::{Mapping, PagePolicy, Preset, Refresh, Scheduler};
use super::timing::{Banks, Timings};

/// A memory as its data sheet, or the model that is followed, describes it.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    /// Name, as in the configuration.
    pub name: &'static str,
    /// Where the figures come from.
    pub source: &'static str,
    /// Clock of the command bus, in Hz.
    pub clock_hz: u64,
    /// Width of a channel's data bus.
    pub bus_bits: u64,
    /// Transfers of a burst.
    pub burst_length: u64,
    /// Ranks, groups and banks.
    pub banks: Banks,
    /// Bytes of a row in one channel.
    pub row_bytes: u64,
    /// Usual order of the address fields (never `Preset`).
    pub mapping: Mapping,
    /// Timings, in clocks of the command bus.
    pub timings: Timings,
    /// Whether a row and a column command can be issued in the same clock.
    pub dual_command: bool,
    /// Usual page policy (never `Preset`).
    pub page_policy: PagePolicy,
    /// Usual scheduler (never `Preset`).
    pub scheduler: Scheduler,
    /// Usual refresh (never `Preset`).
    pub refresh: Refresh,
    /// Requests that the scheduler looks at, the oldest ones; zero for all that wait.
    pub window: usize,
}

impl Standard {
    /// Bursts of a 64-byte line. A burst longer than a line is one burst, of which the rest is lost.
    pub const fn bursts_per_line(&self) -> u64 {
        LINE_BYTES.div_ceil(self.burst_bytes())
    }

    /// Bytes that a burst moves.
    pub const fn burst_bytes(&self) -> u64 {
        self.bus_bits / 8 * self.burst_length
    }

    /// Peak bandwidth of a channel.
    pub const fn peak_bytes_per_second(&self) -> u64 {
        self.clock_hz * self.burst_bytes() / self.timings.burst
    }

    /// Ticks from the acceptance of a read, by an idle channel with the row open, to its last data:
    /// one to schedule, CL, and the bursts, which follow each other at tCCD_L.
    pub const fn row_hit_latency(&self) -> u64 {
        let t = &self.timings;
        let apart = if t.ccd_l > t.burst { t.ccd_l } else { t.burst };
        1 + t.cl + (self.bursts_per_line() - 1) * apart + t.burst
    }
}

impl Preset {
    /// The preset's standard; `None` for the ideal memory, which has no commands.
    pub fn standard(self) -> Option<&'static Standard> {
        STANDARDS.iter().find(|(preset, _)| *preset == self).map(|(_, standard)| standard)
    }
}

/// Every preset but `ideal`.
pub const STANDARDS: &[(Preset, Standard)] = &[
    (
        Preset::Gddr5,
        Standard {
            name: "gddr5",
            source: "DRAMsim3's GDDR5_8Gb_x32 (6 Gb/s), its nanoseconds rescaled to 7 Gb/s: 8 channels \
                     make the Radeon Instinct MI6's 224 GB/s. tRTP is the 5 clocks that DRAMsim3 runs \
                     with; bank groups are off, so the 16 banks are one group. Refresh of single banks: \
                     its tRFCb; tRREFD is not stated there and taken as tRRD",
            clock_hz: 1_750_000_000,
            bus_bits: 32,
            burst_length: 8,
            banks: Banks { ranks: 1, groups: 1, banks: 16 },
            row_bytes: 4_096,
            mapping: Mapping::RoRaBgBaCo,
            timings: Timings {
                act: 0,
                burst: 2,
                cl: 28,
                cwl: 9,
                rcd_read: 28,
                rcd_write: 24,
                rp: 28,
                ras: 66,
                rrd_s: 12,
                rrd_l: 12,
                faw: 47,
                aw32: 420,
                ccd_s: 2,
                ccd_l: 2,
                wr: 28,
                wtr_s: 12,
                wtr_l: 12,
                rtp: 5,
                rtrs: 1,
                ppd: 6,
                rfc: 87,
                refi: 4_433,
                rfc_bank: 35,
                rrefd: 12,
            },
            dual_command: false,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            refresh: Refresh::AllBank,
            window: 0,
        },
    ),
    (
        Preset::Gddr6,
        Standard {
            name: "gddr6",
            source: "Ramulator 2.1's GDDR6_14000_1350mV_quad, which follows Samsung's 8 Gb data sheet: two \
                     channels of 16 banks in four groups; rows of 2 KiB as in Micron's MT61K256M32. Its \
                     tRC of 79 is tRAS + tRP = 80 in any stream of commands. Its tRTW is CL + 1 = 25 \
                     clocks, so the bubble is 5. Two bursts make a line and follow each other in a bank at \
                     tCCD_L, so lines take turns between bank groups",
            clock_hz: 1_750_000_000,
            bus_bits: 16,
            burst_length: 16,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 2_048,
            mapping: Mapping::RoRaBaCoBg,
            timings: Timings {
                act: 0,
                burst: 2,
                cl: 24,
                cwl: 6,
                rcd_read: 27,
                rcd_write: 16,
                rp: 27,
                ras: 53,
                rrd_s: 8,
                rrd_l: 8,
                faw: 29,
                aw32: 0,
                ccd_s: 2,
                ccd_l: 4,
                wr: 27,
                wtr_s: 9,
                wtr_l: 11,
                rtp: 4,
                rtrs: 5,
                ppd: 1,
                rfc: 211,
                refi: 3_333,
                rfc_bank: 106,
                rrefd: 15,
            },
            dual_command: false,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            refresh: Refresh::AllBank,
            window: 0,
        },
    ),
    (
        Preset::Hbm1,
        Standard {
            name: "hbm1",
            source: "DRAMsim3's HBM1_4Gb_x128; tRTP is the 5 clocks that DRAMsim3 runs with. Refresh of \
                     single banks: JESD235D's 160 ns and tRREFD 8 ns, as Ramulator 2.1 quotes it",
            clock_hz: 500_000_000,
            bus_bits: 128,
            burst_length: 4,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 2_048,
            mapping: Mapping::RoRaBgBaCo,
            timings: HBM1,
            dual_command: true,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            refresh: Refresh::AllBank,
            window: 0,
        },
    ),
    (
        Preset::Hbm2,
        Standard {
            name: "hbm2",
            source: "DRAMsim3's HBM2_8Gb_x128: HBM1's nanoseconds at twice the clock. Refresh of single \
                     banks: JESD235D's 160 ns and tRREFD 8 ns, as Ramulator 2.1 quotes it",
            clock_hz: 1_000_000_000,
            bus_bits: 128,
            burst_length: 4,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 2_048,
            mapping: Mapping::RoRaBgBaCo,
            timings: Timings {
                act: 0,
                burst: 2,
                cl: 14,
                cwl: 4,
                rcd_read: 14,
                rcd_write: 14,
                rp: 14,
                ras: 34,
                rrd_s: 4,
                rrd_l: 6,
                faw: 30,
                aw32: 0,
                ccd_s: 1,
                ccd_l: 2,
                wr: 16,
                wtr_s: 6,
                wtr_l: 8,
                rtp: 5,
                rtrs: 2,
                ppd: 0,
                rfc: 260,
                refi: 3_900,
                rfc_bank: 160,
                rrefd: 8,
            },
            dual_command: true,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            refresh: Refresh::AllBank,
            window: 0,
        },
    ),
    (
        Preset::Hbm2e,
        Standard {
            name: "hbm2e",
            source: "No data sheet is public. Ramulator 2.1's HBM2_2000Mbps, whose core timings are called \
                     an estimate there, with its nanoseconds at 1.6 GHz; its rules for tCCD_L (2.8 ns), \
                     tRRD (4 ns) and tFAW (15 ns); and from JESD235D, as quoted there, the two-clock ACT, \
                     tREFI, tRREFD 8 ns and tRFC 350 ns and tRFCSB 200 ns for a stack of four 16 Gb dies, \
                     8 Gb a channel. tRTW adds 0.3 clocks, 3.5 ns and tDQSQ to the data bus: 6 clocks, \
                     tDQSQ scaled to 53 ps. A channel here is a pseudo-channel, 16 a stack; that two of \
                     them share a bus for commands is left out",
            clock_hz: 1_600_000_000,
            bus_bits: 64,
            burst_length: 4,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 1_024,
            mapping: Mapping::RoRaBaCoBg,
            timings: Timings {
                act: 2,
                burst: 2,
                cl: 23,
                cwl: 8,
                rcd_read: 23,
                rcd_write: 20,
                rp: 23,
                ras: 55,
                rrd_s: 7,
                rrd_l: 7,
                faw: 24,
                aw32: 0,
                ccd_s: 2,
                ccd_l: 5,
                wr: 26,
                wtr_s: 10,
                wtr_l: 13,
                rtp: 8,
                rtrs: 6,
                ppd: 0,
                rfc: 560,
                refi: 6_240,
                rfc_bank: 320,
                rrefd: 13,
            },
            dual_command: true,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            refresh: Refresh::AllBank,
            window: 0,
        },
    ),
    (
        Preset::HbmR9Nano,
        Standard {
            name: "hbm-r9nano",
            source: "MGPUSim v3.0.0's R9 Nano. A burst is 128 bytes, so a line uses half of one. The \
                     scheduler sees what its two command queues of 8 hold. The map is inferred: its reads \
                     take 34 and 82 ns in turn, mean 57, so that the two lines of a burst meet in one bank \
                     and the next burst in another. With closed pages a row counts for one burst, which is \
                     why it is given as 128 bytes. The bubble between ranks is HBM1's. No refresh, no tFAW \
                     there",
            clock_hz: 500_000_000,
            bus_bits: 256,
            burst_length: 4,
            banks: Banks { ranks: 2, groups: 4, banks: 4 },
            row_bytes: 128,
            mapping: Mapping::RoRaBaBgCo,
            timings: Timings {
                rrd_s: 2,
                rtp: 3,
                rtrs: 1,
                faw: 0,
                rfc: 0,
                refi: 0,
                rfc_bank: 0,
                rrefd: 0,
                ccd_l: 1,
                ..HBM1
            },
            dual_command: true,
            page_policy: PagePolicy::Closed,
            scheduler: Scheduler::Fcfs,
            refresh: Refresh::Off,
            window: 16,
        },
    ),
];

const HBM1: Timings = Timings {
    act: 0,
    burst: 2,
    cl: 7,
    cwl: 2,
    rcd_read: 7,
    rcd_write: 7,
    rp: 7,
    ras: 17,
    rrd_s: 2,
    rrd_l: 3,
    faw: 15,
    aw32: 0,
    ccd_s: 1,
    ccd_l: 2,
    wr: 8,
    wtr_s: 3,
    wtr_l: 4,
    rtp: 5,
    rtrs: 2,
    ppd: 0,
    rfc: 130,
    refi: 1_950,
    rfc_bank: 80,
    rrefd: 4,
};
