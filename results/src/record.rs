//! The JSON of `run`, field by field.
//!
//! Names and order are stable: scripts depend on them, so fields are added but never renamed. Everything
//! except [`Host`] is bit-identical from run to run, from machine to machine and for every thread count.
//!
//! ```
//! use results::record::{CacheCounts, CacheRecord};
//! let l1 = CacheRecord::new(CacheCounts { reads: 90, writes: 10, hits: 60, merged: 20, misses: 20 }, 81.0);
//! assert_eq!((l1.transactions, l1.hit_rate, l1.hit_rate_with_merged), (100, 0.6, 0.8));
//! ```

use serde::{Deserialize, Serialize};

/// Version of the layout.
pub const SCHEMA: u32 = 1;

/// Everything that one `run` reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Program and version.
    pub program: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Hash of the resolved configuration without seed, modes and threads.
    pub config_id: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Name of the GPU.
    pub gpu: String,
    /// One record for each layer and mode: layers in the experiment's order, modes within them.
    pub runs: Vec<RunRecord>,
}

/// One layer in one mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the layer.
    pub layer: String,
    /// Name of the mode.
    pub mode: String,
    /// Rows of A and C.
    pub m: u64,
    /// Columns of A, rows of B.
    pub k: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Groups of the convolution: this many products of the shape above.
    pub groups: u64,
    /// Share of zeros in the activation tensor.
    pub sparsity: f64,
    /// Share of zeros in B, its padding included.
    pub sparsity_b: f64,
    /// Core cycles of all kernels.
    pub cycles: u64,
    /// The same in microseconds of simulated time.
    pub time_us: f64,
    /// Cycles of the dense run over these; null without a dense run.
    pub speedup_over_dense: Option<f64>,
    /// Whether C, accumulated from the values fetched, agreed with a reference; null where not asked for.
    pub verified: Option<bool>,
    /// The kernels in the order in which they ran.
    pub kernels: Vec<KernelRecord>,
    /// Wavefront instructions.
    pub instructions: Instructions,
    /// All L1 vector caches together.
    pub l1: CacheRecord,
    /// All L2 slices together.
    pub l2: CacheRecord,
    /// All DRAM channels together.
    pub dram: DramRecord,
    /// The compaction engine; null in modes that leave it off.
    pub engine: Option<EngineRecord>,
    /// Where the activations came from.
    pub activations: Activations,
    /// Tile of C of a workgroup, "ROWSxCOLUMNS"; empty for kernels without one.
    pub tile: String,
    /// Multiply-adds of the dense product per cycle, as a share of what the vector units could do.
    pub peak_share: f64,
    /// What the simulation cost the computer that ran it.
    pub host: Host,
    /// What the figures rest on where not every workgroup was simulated; null where every one was.
    pub sampled: Option<Sampled>,
}

/// A result extrapolated from a sample of the workgroups. Counters are scaled with their number; the prefetch buffer's
/// occupancy is that of the sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// Workgroups simulated.
    pub workgroups: u64,
    /// Workgroups of the kernel.
    pub of: u64,
    /// Waves, of as many workgroups as the machine holds at a time, whose time was measured.
    pub waves: u64,
    /// Confidence in the bound.
    pub confidence_percent: f64,
    /// How far the cycles of the full run may be from `cycles`, in percent of these.
    pub error_bound_percent: f64,
}

/// One kernel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelRecord {
    /// Name of the kernel.
    pub name: String,
    /// Core cycles from its first dispatch to its last workgroup's completion.
    pub cycles: u64,
}

/// Wavefront instructions by class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    /// Vector arithmetic.
    pub valu: u64,
    /// Scalar arithmetic and scalar memory.
    pub salu: u64,
    /// Local data share.
    pub lds: u64,
    /// Vector memory.
    pub vmem: u64,
    /// Branches.
    pub branch: u64,
    /// Waits, barriers, ends.
    pub special: u64,
    /// Sum of the above.
    pub total: u64,
}

impl Instructions {
    /// These instructions with `total` set to their sum.
    pub fn with_total(mut self) -> Self {
        self.total = self.valu + self.salu + self.lds + self.vmem + self.branch + self.special;
        self
    }
}

/// A level of cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CacheRecord {
    /// Line requests: hits, merged and misses; reads and writes; sparse ones included.
    pub transactions: u64,
    /// Reads among them.
    pub reads: u64,
    /// Writes among them.
    pub writes: u64,
    /// Found in the cache.
    pub hits: u64,
    /// Found on its way.
    pub merged: u64,
    /// Neither.
    pub misses: u64,
    /// Hits over transactions.
    pub hit_rate: f64,
    /// Hits and merged over transactions.
    pub hit_rate_with_merged: f64,
    /// Mean core cycles from a read's arrival to its response.
    pub read_latency_mean_cycles: f64,
}

/// What a cache counted, from which [`CacheRecord::new`] derives the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Found in the cache.
    pub hits: u64,
    /// Found on its way.
    pub merged: u64,
    /// Neither.
    pub misses: u64,
}

impl CacheRecord {
    /// The record of a cache with these counts and this mean latency.
    pub fn new(counts: CacheCounts, read_latency_mean_cycles: f64) -> Self {
        let CacheCounts { reads, writes, hits, merged, misses } = counts;
        let transactions = hits + merged + misses;
        Self {
            transactions,
            reads,
            writes,
            hits,
            merged,
            misses,
            hit_rate: share(hits, transactions),
            hit_rate_with_merged: share(hits + merged, transactions),
            read_latency_mean_cycles,
        }
    }
}

/// The memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DramRecord {
    /// 64-byte lines read.
    pub reads: u64,
    /// 64-byte lines written, those of the final flush included.
    pub writes: u64,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Bursts that found their row open.
    pub row_hits: u64,
    /// Bursts that found their bank closed.
    pub row_misses: u64,
    /// Bursts that found another row open.
    pub row_conflicts: u64,
    /// Bytes moved while the kernels ran, over their time.
    pub bandwidth_gb_s: f64,
    /// Mean core cycles from a read's arrival at the controller to its response.
    pub read_latency_mean_cycles: f64,
}

/// The compaction engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineRecord {
    /// Sparse requests that reached the engine.
    pub requests: u64,
    /// Of these: their column's lane was live, the line waiting in it or still to come.
    pub lane_hits: u64,
    /// Of these: searched accurately, from a CMI.
    pub accurate: u64,
    /// Of these: searched prudently.
    pub prudent: u64,
    /// Of these: searched hastily.
    pub hasty: u64,
    /// Lines that the engine read from DRAM.
    pub dram_lines: u64,
    /// Lines that its bitmasks let it skip.
    pub lines_skipped: u64,
    /// Lines that it read more than once.
    pub lines_reread: u64,
    /// Bundles made: a non-zero value with its row.
    pub bundles: u64,
    /// Words of compacted lines that hold no bundle.
    pub padding_words: u64,
    /// Values that overflowed in FP16.
    pub fp16_overflows: u64,
    /// Values that became zero in FP16.
    pub fp16_underflows: u64,
    /// Look-ups in the sparsity information buffer that found their column.
    pub sib_hits: u64,
    /// Look-ups that did not.
    pub sib_misses: u64,
    /// Entries evicted from it.
    pub sib_evictions: u64,
    /// Times that a CMI's window slid on.
    pub cmi_slides: u64,
    /// Lanes of the prefetch buffer dropped before their column was consumed.
    pub lanes_dropped: u64,
    /// Compacted lines made and never taken.
    pub wasted_lines: u64,
    /// Cycles in which processing units were busy, summed over them.
    pub processor_busy_cycles: u64,
    /// Mean core cycles from a request's arrival at the engine to its response.
    pub read_latency_mean_cycles: f64,
    /// Lanes that started anew for a line asked for again.
    pub lanes_rewound: u64,
    /// Lane hits, apart.
    pub lane_hit: OutcomeRecord,
    /// Accurate searches, apart.
    pub accurate_search: OutcomeRecord,
    /// Prudent searches, apart.
    pub prudent_search: OutcomeRecord,
    /// Hasty searches, apart.
    pub hasty_search: OutcomeRecord,
    /// Lines of the prefetch buffer in use.
    pub buffer: BufferRecord,
}

/// The requests of one outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// Lines read from DRAM by lanes that a search of this outcome began.
    pub dram_lines: u64,
    /// Mean core cycles from a request's arrival at the engine to its response.
    pub read_latency_mean_cycles: f64,
    /// How many took 0 cycles, 1, 2 to 3, 4 to 7, and so on by powers of two.
    pub read_latency_histogram: Vec<u64>,
}

/// How full the prefetch buffer was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BufferRecord {
    /// Mean over the run.
    pub mean_lines: f64,
    /// The most ever.
    pub peak_lines: u64,
    /// Core cycles of an interval of `lines_over_time`.
    pub interval_cycles: u64,
    /// Mean of each interval; at most 64.
    pub lines_over_time: Vec<f64>,
}

/// Where a run's activations came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activations {
    /// What the configuration named: an embedded recording, a file, a generator.
    pub source: String,
    /// Distinct images.
    pub images: u64,
    /// Times that the batch goes through them; 1 where every image of the batch is its own. A last pass
    /// that is cut short counts as one.
    pub repeated: u64,
}

/// What the simulation cost the computer that ran it: the one part of a record that differs between runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Wall-clock time.
    pub seconds: f64,
    /// Wavefront instructions simulated in a second.
    pub instructions_per_second: f64,
    /// The most memory that the whole process held until the run ended.
    pub peak_rss_bytes: u64,
    /// Ticks of the machine's components, the simulator's own work.
    pub events: u64,
}

/// `part / whole`, and 0 of nothing: JSON has no NaN.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the names is part of the interface.
    #[test]
    fn json_has_the_documented_names_in_order() {
        let run = RunRecord {
            engine: Some(EngineRecord::default()),
            sampled: Some(Sampled::default()),
            ..RunRecord::default()
        };
        let json = serde_json::to_string(&run).unwrap();
        let documented = "layer mode m k n groups sparsity sparsity_b cycles time_us speedup_over_dense verified \
            kernels instructions valu salu lds vmem branch special total l1 transactions reads writes hits merged \
            misses hit_rate hit_rate_with_merged read_latency_mean_cycles l2 transactions dram reads writes bytes \
            row_hits row_misses row_conflicts bandwidth_gb_s read_latency_mean_cycles engine requests lane_hits \
            accurate prudent hasty dram_lines lines_skipped lines_reread bundles padding_words fp16_overflows \
            fp16_underflows sib_hits sib_misses sib_evictions cmi_slides lanes_dropped wasted_lines \
            processor_busy_cycles read_latency_mean_cycles lanes_rewound lane_hit accurate_search prudent_search \
            hasty_search buffer host seconds instructions_per_second peak_rss_bytes events sampled workgroups of waves \
            confidence_percent error_bound_percent";
        let mut rest = json.as_str();
        for name in documented.split_whitespace() {
            let key = format!("\"{name}\":");
            let at = rest.find(&key).unwrap_or_else(|| panic!("{name} missing or out of order in {json}"));
            rest = &rest[at + key.len()..];
        }
        assert_eq!(serde_json::from_str::<RunRecord>(&json).unwrap(), run);
    }

    #[test]
    fn rates_of_nothing_are_zero() {
        assert_eq!(CacheRecord::new(CacheCounts::default(), 0.0).hit_rate, 0.0);
    }
}
