//! Parameters of the compaction engine (dissertation section 6.3, table 6.4).

use sim_core::params::{Bytes, any, power_of_two, range};

sim_core::named_values! {
    /// What happens as the prefetch buffer fills.
    pub enum BufferPolicy {
        /// Live lanes stop prefetching, down to one line ahead each, before a lane is dropped.
        Throttle = "throttle",
        /// Lanes prefetch as far as they may; the least recently requested one is dropped for a new one.
        DropLru = "drop-lru",
    }
}

sim_core::named_values! {
    /// Where a search starts for a compacted line behind the CMI window.
    pub enum BehindWindow {
        /// At the column's start, as in the paper.
        Restart = "restart",
        /// Behind the window's final line, whose end is known.
        Resume = "resume",
    }
}

sim_core::parameters! {
    /// Sparsity information buffer: bitmask and CMI of a column in an entry.
    pub struct Sib {
        /// Capacity.
        size: Bytes = Bytes::kib(512), "", range(Bytes(32), Bytes::mib(64));
        /// Banks; a column's entry lives in bank `column % banks`.
        banks: u32 = 8, "", range(1, 256);
        /// One access; a bank starts one a cycle.
        latency: u32 = 2, "cycles", range(1, 1_000);
        /// Whether entries hold a CMI; without it there is no accurate search.
        cmi: bool = true, "", any();
        /// Where a search starts for a compacted line behind the CMI window.
        behind_window: BehindWindow = BehindWindow::Restart, "", any();
    }
}

sim_core::parameters! {
    /// Prefetch buffer: compacted lines waiting for L2, in one lane a live column.
    pub struct PrefetchBuffer {
        /// Capacity.
        size: Bytes = Bytes::kib(512), "", range(Bytes(64), Bytes::mib(64));
        /// From a request to a waiting line leaving the buffer.
        latency: u32 = 4, "cycles", range(1, 1_000);
        /// Compacted lines that one lane may hold.
        lane_lines: u32 = 16, "lines", range(1, 1_024);
        /// What happens as the buffer fills.
        policy: BufferPolicy = BufferPolicy::Throttle, "", any();
    }
}

sim_core::parameters! {
    /// The compaction engine, one for the GPU, between L2 and the memory controllers. It is on only while
    /// a sparse kernel runs.
    pub struct Engine {
        /// Link between an L2 slice and the engine, each way.
        link_latency: u32 = 4, "cycles", range(1, 1_000);
        /// Dense lines outstanding or not yet consumed for a column: a sliding window.
        prefetch_length: u32 = 16, "lines", range(1, 1_024);
        /// Compaction processing units, each taking one 64-byte line at a time.
        processors: u32 = 32, "", range(1, 1_024);
        /// Latency of a processing unit.
        processor_latency: u32 = 4, "cycles", range(1, 1_000);
        /// Cycles between the starts of two lines in one processing unit.
        processor_interval: u32 = 1, "cycles", range(1, 1_000);
        /// Reads that the engine may have outstanding in one DRAM channel.
        outstanding_per_channel: u32 = 32, "", range(1, 4_096);
        /// Ways of each L2 set that remain L2's while the engine is on; the others are its storage.
        l2_ways: u32 = 8, "", power_of_two(1, 64);
        /// Sparse requests that may wait at the engine for one L2 slice.
        queue: u32 = 64, "", range(1, 4_096);
        /// Sparsity information buffer.
        sib: group Sib;
        /// Prefetch buffer.
        prefetch_buffer: group PrefetchBuffer;
    }
}
