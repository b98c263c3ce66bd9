//! What a configuration may say about DRAM. Defaults are the `mi6` machine's.
//!
//! A preset brings geometry, timings and policies ([`super::standards`]); the parameters here choose
//! it and set what belongs to the controller.

use sim_core::params::{Bytes, any, range, zero_or};

sim_core::named_values! {
    /// The memory: geometry, timings and usual policies.
    pub enum Preset {
        /// GDDR5 at 7 Gb/s, 32 bits a channel: 28 GB/s a channel.
        Gddr5 = "gddr5",
        /// GDDR6 at 14 Gb/s, 16 bits a channel, two channels a device: 28 GB/s a channel.
        Gddr6 = "gddr6",
        /// HBM1 at 1 Gb/s, 128 bits a channel: 16 GB/s a channel.
        Hbm1 = "hbm1",
        /// HBM2 at 2 Gb/s, 128 bits a channel: 32 GB/s a channel.
        Hbm2 = "hbm2",
        /// HBM2E at 3.2 Gb/s in pseudo-channel mode, 64 bits a (pseudo-)channel: 25.6 GB/s a channel.
        Hbm2e = "hbm2e",
        /// The R9 Nano's HBM as MGPUSim v3.0.0 models it: 500 MHz, 256 bits, closed page, FCFS.
        HbmR9Nano = "hbm-r9nano",
        /// No commands: `ideal_requests_per_cycle` at a latency of `ideal_latency`, in the core's clock.
        Ideal = "ideal",
    }
}

sim_core::named_values! {
    /// What becomes of a row after an access.
    pub enum PagePolicy {
        /// As the preset says.
        Preset = "preset",
        /// Stays open until another row of its bank, or a refresh, needs it closed.
        Open = "open",
        /// Closes with the last burst of each line (auto-precharge).
        Closed = "closed",
    }
}

sim_core::named_values! {
    /// Which of the commands that could be issued goes first.
    pub enum Scheduler {
        /// As the preset says.
        Preset = "preset",
        /// Row hits first, then the oldest; reads before writes, writes drained in batches.
        FrFcfs = "fr-fcfs",
        /// The oldest; requests of a bank in order of arrival, reads and writes alike.
        Fcfs = "fcfs",
    }
}

sim_core::named_values! {
    /// How the memory is refreshed, if it is one that needs it: `hbm-r9nano` and `ideal` do not.
    pub enum Refresh {
        /// As the preset says.
        Preset = "preset",
        /// Not at all.
        Off = "off",
        /// All banks at once (REF), every tREFI; nothing else goes on for tRFC.
        AllBank = "all-bank",
        /// One bank at a time (REFpb), every tREFI over the number of banks, idle ones first; the others go on.
        PerBank = "per-bank",
    }
}

sim_core::named_values! {
    /// Where the bits of a line's address go within a channel, from high to low: row (ro), rank (ra),
    /// bank group (bg), bank (ba), column (co). The channel's own bits are taken out before.
    pub enum Mapping {
        /// As the preset says.
        Preset = "preset",
        /// Rows that follow each other lie in banks of a group.
        RoRaBgBaCo = "rorabgbaco",
        /// Rows that follow each other lie in different bank groups.
        RoRaBaBgCo = "rorababgco",
        /// Lines that follow each other lie in different bank groups, a row of each before the next banks.
        RoRaBaCoBg = "rorabacobg",
        /// Lines that follow each other lie in banks of a group, a row of each before the next group.
        RoRaBgCoBa = "rorabgcoba",
        /// Lines that follow each other lie in all banks, the banks of a group first.
        RoRaCoBgBa = "roracobgba",
        /// Lines that follow each other lie in all banks, another group each time.
        RoRaCoBaBg = "roracobabg",
    }
}

sim_core::named_values! {
    /// What scatters rows over banks besides the mapping.
    pub enum Hashing {
        /// Nothing.
        Off = "off",
        /// Bank and bank group, XOR as many of the row's low bits: permutation-based interleaving (Zhang,
        /// Zhu and Zhang, MICRO 2000). Lines that a stride puts into different rows of one bank part.
        Permutation = "permutation",
    }
}

sim_core::parameters! {
    /// DRAM behind the memory controllers.
    pub struct Dram {
        /// The memory: geometry, timings and usual policies.
        preset: Preset = Preset::Gddr5, "", any();
        /// Channels, each with a controller of its own.
        channels: u32 = 8, "", range(1, 64);
        /// Bytes of all channels together; what a workload allocates must fit.
        capacity: Bytes = Bytes::gib(8), "", range(Bytes::mib(1), Bytes::gib(1_024));
        /// What becomes of a row after an access.
        page_policy: PagePolicy = PagePolicy::Preset, "", any();
        /// Which of the commands that could be issued goes first.
        scheduler: Scheduler = Scheduler::Preset, "", any();
        /// Lines served from an open row, under fr-fcfs, once an older request waits for another row of the bank.
        row_hit_cap: u32 = 4, "lines", zero_or(1, 1_024);
        /// Reads that may wait in a channel.
        read_queue: u32 = 32, "lines", range(1, 64);
        /// Writes that may wait in a channel.
        write_queue: u32 = 32, "lines", range(1, 64);
        /// Waiting writes at which fr-fcfs turns to writing although reads wait (at most the queue).
        write_high_watermark: u32 = 26, "lines", range(1, 64);
        /// Waiting writes at which it turns back to the reads that wait (below the high watermark).
        write_low_watermark: u32 = 6, "lines", range(0, 63);
        /// How the memory is refreshed.
        refresh: Refresh = Refresh::Preset, "", any();
        /// Order of row, rank, bank group, bank and column in an address within a channel, from high to low.
        mapping: Mapping = Mapping::Preset, "", any();
        /// What scatters rows over banks besides the mapping.
        hashing: Hashing = Hashing::Off, "", any();
        /// Added to the answer of each read, outside of the commands: the controller's own pipeline.
        controller_latency: u32 = 0, "memory clocks", range(0, 10_000);
        /// Preset `ideal`: from acceptance to answer.
        ideal_latency: u32 = 100, "cycles", range(1, 10_000);
        /// Preset `ideal`: requests that a channel takes.
        ideal_requests_per_cycle: u32 = 1, "a cycle", range(1, 64);
    }
}

impl Dram {
    /// Peak bandwidth of all channels in bytes a second, at a core clock of `core_hz` (which counts for `ideal`).
    pub fn peak_bytes_per_second(&self, core_hz: u64) -> u64 {
        let channel = match self.preset.standard() {
            Some(standard) => standard.peak_bytes_per_second(),
            None => core_hz * u64::from(self.ideal_requests_per_cycle) * super::LINE_BYTES,
        };
        channel * u64::from(self.channels)
    }
}
