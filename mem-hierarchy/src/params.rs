//! Parameters of the caches, the crossbar and address translation; DRAM's are in [`crate::dram`].
//!
//! Defaults are the `mi6` machine's.

use sim_core::params::{Bytes, any, power_of_two, range, zero_or};

sim_core::named_values! {
    /// Which line of a full set leaves for a new one; [`crate::tags`] fills empty ways first.
    pub enum Replacement {
        /// The least recently used one.
        Lru = "lru",
        /// The one that a binary tree of uses points to.
        Plru = "plru",
        /// Static re-reference interval prediction, hit priority, two bits (SRRIP-HP).
        Rrip = "rrip",
        /// One drawn at random, the same on every machine.
        Random = "random",
    }
}

sim_core::named_values! {
    /// What becomes of a write to a line that the cache holds.
    pub enum WritePolicy {
        /// It goes on to the next level at once.
        Through = "through",
        /// It stays until the line leaves.
        Back = "back",
    }
}

sim_core::named_values! {
    /// Which accesses that miss leave nothing behind in L1 and share their lines with nobody on the way.
    pub enum Bypass {
        /// None.
        None = "none",
        /// Reads of plain lines.
        Reads = "reads",
        /// All, writes and reads of compacted lines too.
        All = "all",
    }
}

sim_core::parameters! {
    /// L1 vector cache, one a compute unit, of lines of 64 bytes. Caches of different compute units are not
    /// kept coherent: with `write = "back"` a line is seen by others once it has left.
    pub struct L1 {
        /// Capacity of the data array.
        size: Bytes = Bytes::kib(16), "", power_of_two(Bytes::kib(1), Bytes::mib(4));
        /// Ways of a set.
        ways: u32 = 4, "", power_of_two(1, 64);
        /// Hit path: from a request's arrival at the cache to its data leaving it.
        latency: u32 = 60, "cycles", range(1, 10_000);
        /// Tag look-up: after this many cycles a miss leaves for L2.
        tag_latency: u32 = 2, "cycles", range(1, 1_000);
        /// Lines that may be outstanding towards L2; further misses wait.
        mshrs: u32 = 16, "", range(1, 1_024);
        /// Writes that may be on their way to L2, not acknowledged yet; further writes wait.
        write_buffer: u32 = 32, "", range(1, 4_096);
        /// Tag look-ups in a cycle.
        requests_per_cycle: u32 = 4, "a cycle", range(1, 64);
        /// Lines sent to the compute unit in a cycle: so many that hit, and so many that come from L2.
        lines_per_cycle: u32 = 1, "a cycle", range(1, 64);
        /// Which line of a full set leaves for a new one.
        replacement: Replacement = Replacement::Lru, "", any();
        /// Whether a write goes on to L2 at once or stays until its line leaves.
        write: WritePolicy = WritePolicy::Through, "", any();
        /// Whether a write that misses brings its line. One of a whole line does not fetch it.
        write_allocate: bool = false, "", any();
        /// Consecutive lines under one tag; a miss brings its own line only.
        sectors: u32 = 1, "lines", power_of_two(1, 8);
        /// Accesses that pass L1 by where they miss.
        bypass: Bypass = Bypass::None, "", any();
        /// Banks of the tags, interleaved by line: each looks up one request a cycle. 0: no conflicts.
        banks: u32 = 0, "", zero_or(1, 64);
        /// Requests that may wait for one outstanding line; further ones hold the queue. 0: any number.
        mshr_targets: u32 = 0, "", zero_or(1, 1_024);
    }
}

sim_core::parameters! {
    /// L2: address-interleaved slices, of lines of 64 bytes.
    pub struct L2 {
        /// Capacity of all slices together.
        size: Bytes = Bytes::mib(2), "", power_of_two(Bytes::kib(16), Bytes::mib(256));
        /// Ways of a set. With the engine on, `engine.l2_ways` of them remain.
        ways: u32 = 16, "", power_of_two(1, 64);
        /// Slices.
        slices: u32 = 8, "", power_of_two(1, 64);
        /// Consecutive bytes of one slice before the next slice's begin.
        interleave: Bytes = Bytes::kib(4), "", power_of_two(Bytes(64), Bytes::mib(1));
        /// From a request's arrival at the slice to its data leaving it, on a hit.
        latency: u32 = 10, "cycles", range(1, 10_000);
        /// Tag look-up: after this many cycles a miss leaves for memory.
        tag_latency: u32 = 2, "cycles", range(1, 1_000);
        /// Lines that may be outstanding in a slice.
        mshrs: u32 = 64, "", range(1, 4_096);
        /// Tag look-ups of a slice in a cycle.
        requests_per_cycle: u32 = 1, "a cycle", range(1, 64);
        /// Which line of a full set leaves for a new one.
        replacement: Replacement = Replacement::Lru, "", any();
        /// Whether a write goes on to memory at once or stays until its line leaves.
        write: WritePolicy = WritePolicy::Back, "", any();
        /// Whether a write that misses brings its line. One of a whole line does not fetch it.
        write_allocate: bool = true, "", any();
        /// Consecutive lines under one tag; a miss brings its own line only. Blocks longer than `interleave`
        /// fill only in part, their other lines being another slice's.
        sectors: u32 = 1, "lines", power_of_two(1, 8);
        /// Banks of a slice's tags, interleaved by line: each looks up one request a cycle. 0: no conflicts.
        banks: u32 = 0, "", zero_or(1, 64);
        /// Requests that may wait for one outstanding line; further ones hold the queue. 0: any number.
        mshr_targets: u32 = 0, "", zero_or(1, 1_024);
    }
}

sim_core::parameters! {
    /// Crossbar between the L1 caches and the L2 slices. Messages queue at its outputs, in order of arrival; what
    /// may queue is bounded by what the L1 caches may have outstanding.
    pub struct Crossbar {
        /// Messages that each input and each output moves in a cycle; a message may carry a line of 64 bytes.
        lines_per_cycle: u32 = 1, "a cycle", range(1, 64);
        /// Traversal, each way.
        latency: u32 = 10, "cycles", range(2, 10_000);
    }
}

sim_core::parameters! {
    /// Address translation in front of the L1 vector cache.
    pub struct Translation {
        /// Whether addresses are translated at a cost.
        enabled: bool = false, "", any();
        /// Page size.
        page: Bytes = Bytes::kib(4), "", power_of_two(Bytes::kib(4), Bytes::mib(64));
        /// Pages that a compute unit's own TLB holds, fully associative, LRU.
        l1_entries: u32 = 64, "", range(1, 4_096);
        /// From a miss in the compute unit's TLB to the translation, where the shared TLB holds it.
        l2_latency: u32 = 20, "cycles", range(2, 10_000);
        /// The same, where the page has to be walked and a walker is free.
        walk_latency: u32 = 700, "cycles", range(1, 100_000);
        /// Pages that the shared TLB holds, fully associative, LRU. 0: any number.
        l2_entries: u32 = 0, "", zero_or(1, 65_536);
        /// Page walks at a time; further ones wait. 0: any number.
        walkers: u32 = 0, "", zero_or(1, 1_024);
    }
}
