//! Several layers of one mode as if they were one run.

use crate::record::{
    CacheCounts, CacheRecord, DramRecord, EngineRecord, Instructions, KernelRecord, RunRecord, Sampled,
};

/// Sums counts; means are weighted by what they are means of. Shapes have no sum and stay 0.
pub(crate) fn total(runs: &[&RunRecord]) -> RunRecord {
    let cycles = runs.iter().map(|r| r.cycles).sum();
    RunRecord {
        layer: "all layers".into(),
        mode: runs.first().map(|r| r.mode.clone()).unwrap_or_default(),
        cycles,
        time_us: runs.iter().map(|r| r.time_us).sum(),
        speedup_over_dense: dense_cycles(runs).filter(|_| cycles > 0).map(|dense| dense / cycles as f64),
        verified: runs.iter().map(|r| r.verified).try_fold(true, |all, v| v.map(|v| all && v)),
        kernels: runs.iter().flat_map(|r| r.kernels.iter().cloned()).collect::<Vec<KernelRecord>>(),
        instructions: instructions(runs),
        l1: cache(runs, |r| &r.l1),
        l2: cache(runs, |r| &r.l2),
        dram: dram(runs),
        engine: engine(runs),
        sampled: sampled(runs),
        peak_share: mean(runs.iter().map(|r| (r.peak_share, r.cycles as f64))),
        ..RunRecord::default()
    }
}

/// Cycles that the dense runs of the same layers took, where every layer has one.
fn dense_cycles(runs: &[&RunRecord]) -> Option<f64> {
    runs.iter().map(|r| r.speedup_over_dense.map(|s| s * r.cycles as f64)).sum()
}

fn instructions(runs: &[&RunRecord]) -> Instructions {
    let sum = |of: fn(&Instructions) -> u64| runs.iter().map(|r| of(&r.instructions)).sum();
    Instructions {
        valu: sum(|i| i.valu),
        salu: sum(|i| i.salu),
        lds: sum(|i| i.lds),
        vmem: sum(|i| i.vmem),
        branch: sum(|i| i.branch),
        special: sum(|i| i.special),
        total: sum(|i| i.total),
    }
}

fn cache(runs: &[&RunRecord], level: fn(&RunRecord) -> &CacheRecord) -> CacheRecord {
    let sum = |of: fn(&CacheRecord) -> u64| runs.iter().map(|r| of(level(r))).sum();
    let counts = CacheCounts {
        reads: sum(|c| c.reads),
        writes: sum(|c| c.writes),
        hits: sum(|c| c.hits),
        merged: sum(|c| c.merged),
        misses: sum(|c| c.misses),
    };
    let latencies = runs.iter().map(|r| level(r)).map(|c| (c.read_latency_mean_cycles, c.reads as f64));
    CacheRecord::new(counts, mean(latencies))
}

fn dram(runs: &[&RunRecord]) -> DramRecord {
    let sum = |of: fn(&DramRecord) -> u64| runs.iter().map(|r| of(&r.dram)).sum();
    DramRecord {
        reads: sum(|d| d.reads),
        writes: sum(|d| d.writes),
        bytes: sum(|d| d.bytes),
        row_hits: sum(|d| d.row_hits),
        row_misses: sum(|d| d.row_misses),
        row_conflicts: sum(|d| d.row_conflicts),
        bandwidth_gb_s: mean(runs.iter().map(|r| (r.dram.bandwidth_gb_s, r.time_us))),
        read_latency_mean_cycles: mean(
            runs.iter().map(|r| (r.dram.read_latency_mean_cycles, r.dram.reads as f64)),
        ),
    }
}

fn engine(runs: &[&RunRecord]) -> Option<EngineRecord> {
    let engines: Vec<&EngineRecord> = runs.iter().filter_map(|r| r.engine.as_ref()).collect();
    let sum = |of: fn(&EngineRecord) -> u64| engines.iter().map(|e| of(e)).sum();
    (!engines.is_empty()).then(|| EngineRecord {
        requests: sum(|e| e.requests),
        lane_hits: sum(|e| e.lane_hits),
        accurate: sum(|e| e.accurate),
        prudent: sum(|e| e.prudent),
        hasty: sum(|e| e.hasty),
        dram_lines: sum(|e| e.dram_lines),
        lines_skipped: sum(|e| e.lines_skipped),
        lines_reread: sum(|e| e.lines_reread),
        bundles: sum(|e| e.bundles),
        padding_words: sum(|e| e.padding_words),
        fp16_overflows: sum(|e| e.fp16_overflows),
        fp16_underflows: sum(|e| e.fp16_underflows),
        sib_hits: sum(|e| e.sib_hits),
        sib_misses: sum(|e| e.sib_misses),
        sib_evictions: sum(|e| e.sib_evictions),
        cmi_slides: sum(|e| e.cmi_slides),
        lanes_dropped: sum(|e| e.lanes_dropped),
        wasted_lines: sum(|e| e.wasted_lines),
        processor_busy_cycles: sum(|e| e.processor_busy_cycles),
        read_latency_mean_cycles: mean(
            engines.iter().map(|e| (e.read_latency_mean_cycles, e.requests as f64)),
        ),
        lanes_rewound: sum(|e| e.lanes_rewound),
        // What a table does not show is not added up.
        ..EngineRecord::default()
    })
}

/// What a sum rests on that holds samples. Layers may err to the same side, so their bounds add up.
fn sampled(runs: &[&RunRecord]) -> Option<Sampled> {
    let samples: Vec<&Sampled> = runs.iter().filter_map(|r| r.sampled.as_ref()).collect();
    let bound = |r: &RunRecord| r.sampled.as_ref().map_or(0.0, |s| s.error_bound_percent);
    samples.first().map(|first| Sampled {
        workgroups: samples.iter().map(|s| s.workgroups).sum(),
        of: samples.iter().map(|s| s.of).sum(),
        waves: samples.iter().map(|s| s.waves).sum(),
        confidence_percent: first.confidence_percent,
        error_bound_percent: mean(runs.iter().map(|r| (bound(r), r.cycles as f64))),
    })
}

/// Mean of values with weights; 0 of nothing.
fn mean(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weight) = pairs.fold((0.0, 0.0), |(sum, weight), (v, w)| (sum + v * w, weight + w));
    if weight > 0.0 { sum / weight } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(cycles: u64, speedup: Option<f64>, reads: u64, latency: f64) -> RunRecord {
        let counts = CacheCounts { reads, hits: reads, ..CacheCounts::default() };
        RunRecord {
            cycles,
            speedup_over_dense: speedup,
            verified: Some(true),
            l1: CacheRecord::new(counts, latency),
            ..RunRecord::default()
        }
    }

    #[test]
    fn speedup_is_of_the_sums_and_latency_is_weighted() {
        let (a, b) = (run(100, Some(2.0), 30, 10.0), run(300, Some(1.0), 10, 50.0));
        let total = total(&[&a, &b]);
        assert_eq!(total.cycles, 400);
        assert_eq!(total.speedup_over_dense, Some(500.0 / 400.0));
        assert_eq!(total.l1.read_latency_mean_cycles, 20.0);
        assert_eq!(total.verified, Some(true));
    }

    #[test]
    fn bounds_of_samples_are_weighted_by_cycles() {
        let sample = |cycles, error_bound_percent| RunRecord {
            sampled: Some(Sampled { workgroups: 10, of: 100, error_bound_percent, ..Sampled::default() }),
            ..run(cycles, None, 1, 1.0)
        };
        let (a, b, whole) = (sample(100, 4.0), sample(300, 2.0), run(100, None, 1, 1.0));
        let total = total(&[&a, &b, &whole]).sampled.unwrap();
        assert_eq!((total.workgroups, total.of, total.error_bound_percent), (20, 200, 2.0));
    }

    #[test]
    fn one_layer_without_a_dense_run_leaves_no_speedup() {
        let (a, b) = (run(100, Some(2.0), 1, 1.0), run(300, None, 1, 1.0));
        assert_eq!(total(&[&a, &b]).speedup_over_dense, None);
    }
}
