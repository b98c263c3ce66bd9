//! The memories that a configuration can name.
//!
//! # How to add one
//!
//! 1. Name it in [`Preset`].
//! 2. Add a [`Standard`] to [`STANDARDS`]: geometry and timings in clocks of the command bus, the order
//!    of the address fields, the usual policies, and where the figures come from. A new kind of limit
//!    is a line of [`Timings::rules`](super::timing::Timings::rules).
//! 3. Run `cargo test -p mem-hierarchy dram`: the tests go over the table, so the new entry is checked
//!    rule by rule, by a checker that does not share code with the scheduler, and for its unloaded
//!    latencies.

use super::LINE_BYTES;
use super::address::Field;
use super::params::{PagePolicy, Preset, Scheduler};
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
    /// Order of the address fields below the row, from high to low.
    pub map: [Field; 4],
    /// Timings, in clocks of the command bus.
    pub timings: Timings,
    /// Whether a row and a column command can be issued in the same clock.
    pub dual_command: bool,
    /// Usual page policy (never `Preset`).
    pub page_policy: PagePolicy,
    /// Usual scheduler (never `Preset`).
    pub scheduler: Scheduler,
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
    /// one to schedule, CL, and the bursts.
    pub const fn row_hit_latency(&self) -> u64 {
        1 + self.timings.cl + self.bursts_per_line() * self.timings.burst
    }
}

impl Preset {
    /// The preset's standard; `None` for the ideal memory, which has no commands.
    pub fn standard(self) -> Option<&'static Standard> {
        STANDARDS.iter().find(|(preset, _)| *preset == self).map(|(_, standard)| standard)
    }
}

/// Row, bank group, bank, column: neighbouring rows of a channel lie in different banks.
const GROUP_BANK_COLUMN: [Field; 4] = [Field::Rank, Field::Group, Field::Bank, Field::Column];

/// Row, bank, bank group, column: neighbouring rows of a channel lie in different bank groups.
const BANK_GROUP_COLUMN: [Field; 4] = [Field::Rank, Field::Bank, Field::Group, Field::Column];

/// Every preset but `ideal`.
pub const STANDARDS: &[(Preset, Standard)] = &[
    (
        Preset::Gddr5,
        Standard {
            name: "gddr5",
            source: "DRAMsim3's GDDR5_8Gb_x32 (6 Gb/s), its nanoseconds rescaled to 7 Gb/s: \
                     8 channels make the Radeon Instinct MI6's 224 GB/s. tRTP is the 5 clocks that \
                     DRAMsim3 runs with; bank groups are off, so the 16 banks are one group",
            clock_hz: 1_750_000_000,
            bus_bits: 32,
            burst_length: 8,
            banks: Banks { ranks: 1, groups: 1, banks: 16 },
            row_bytes: 4_096,
            map: GROUP_BANK_COLUMN,
            timings: Timings {
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
            },
            dual_command: false,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            window: 0,
        },
    ),
    (
        Preset::Hbm1,
        Standard {
            name: "hbm1",
            source: "DRAMsim3's HBM1_4Gb_x128; tRTP is the 5 clocks that DRAMsim3 runs with",
            clock_hz: 500_000_000,
            bus_bits: 128,
            burst_length: 4,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 2_048,
            map: GROUP_BANK_COLUMN,
            timings: HBM1,
            dual_command: true,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            window: 0,
        },
    ),
    (
        Preset::Hbm2,
        Standard {
            name: "hbm2",
            source: "DRAMsim3's HBM2_8Gb_x128: HBM1's nanoseconds at twice the clock",
            clock_hz: 1_000_000_000,
            bus_bits: 128,
            burst_length: 4,
            banks: Banks { ranks: 1, groups: 4, banks: 4 },
            row_bytes: 2_048,
            map: GROUP_BANK_COLUMN,
            timings: Timings {
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
            },
            dual_command: true,
            page_policy: PagePolicy::Open,
            scheduler: Scheduler::FrFcfs,
            window: 0,
        },
    ),
    (
        Preset::HbmR9Nano,
        Standard {
            name: "hbm-r9nano",
            source: "MGPUSim v3.0.0's R9 Nano. A burst is 128 bytes, so a line uses half of one. The \
                     scheduler sees what its two command queues of 8 hold. The map is inferred: its reads take 34 \
                     and 82 ns in turn, mean 57, so that the two lines of a burst meet in one bank and the next \
                     burst in another. With closed pages a row counts for one burst, which is why it is given as \
                     128 bytes. The bubble between ranks is HBM1's. No refresh, no tFAW there",
            clock_hz: 500_000_000,
            bus_bits: 256,
            burst_length: 4,
            banks: Banks { ranks: 2, groups: 4, banks: 4 },
            row_bytes: 128,
            map: BANK_GROUP_COLUMN,
            timings: Timings { rrd_s: 2, rtp: 3, rtrs: 1, faw: 0, rfc: 0, refi: 0, ccd_l: 1, ..HBM1 },
            dual_command: true,
            page_policy: PagePolicy::Closed,
            scheduler: Scheduler::Fcfs,
            window: 16,
        },
    ),
];

const HBM1: Timings = Timings {
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
};
