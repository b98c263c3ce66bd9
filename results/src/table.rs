//! A result as a table fit to read: one block a layer, metrics as rows, modes side by side as columns, and
//! below it all where the data came from and what was verified.

use comfy_table::presets::{NOTHING, UTF8_BORDERS_ONLY};
use comfy_table::{Cell, CellAlignment, Table};

use crate::record::{EngineRecord, ResultFile, RunRecord, Sampled, share};
use crate::total::total;

/// How a table looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Words and spaces only, for pipes and files.
    Plain,
    /// With lines, for a terminal.
    Terminal,
}

/// Modes side by side; more continue in a second block. Keeps every line within 110 columns.
const MODES_ACROSS: usize = 4;

/// The whole result.
pub fn render(result: &ResultFile, style: Style) -> String {
    let layers = layers(result);
    let mut text = format!(
        "{}  on {}  seed {}  configuration {}\n",
        result.experiment,
        result.gpu,
        result.seed,
        shortened(&result.config_id)
    );
    for runs in &layers {
        push_blocks(&mut text, &layer_title(runs[0]), runs, style);
    }
    if layers.len() > 1 {
        let totals = totals(&layers);
        let totals: Vec<&RunRecord> = totals.iter().collect();
        push_blocks(&mut text, &format!("all {} layers together", layers.len()), &totals, style);
    }
    text.push('\n');
    text.push_str(&footer(&layers));
    text
}

/// The runs of each layer, in order.
fn layers(result: &ResultFile) -> Vec<Vec<&RunRecord>> {
    let mut layers: Vec<Vec<&RunRecord>> = Vec::new();
    for run in &result.runs {
        match layers.iter_mut().find(|runs| runs[0].layer == run.layer) {
            Some(runs) => runs.push(run),
            None => layers.push(vec![run]),
        }
    }
    layers
}

/// For each mode that every layer ran, the sum over the layers.
fn totals(layers: &[Vec<&RunRecord>]) -> Vec<RunRecord> {
    let of_mode = |mode: &str| -> Option<Vec<&RunRecord>> {
        layers.iter().map(|runs| runs.iter().copied().find(|r| r.mode == mode)).collect()
    };
    let first = layers.first().map(Vec::as_slice).unwrap_or_default();
    first.iter().filter_map(|run| of_mode(&run.mode)).map(|runs| total(&runs)).collect()
}

fn layer_title(run: &RunRecord) -> String {
    let groups = if run.groups > 1 { format!(" in {} groups", run.groups) } else { String::new() };
    if run.k == 0 {
        return format!("{}: {} elements, {} zeros", run.layer, grouped(run.n), percent(run.sparsity));
    }
    format!(
        "{}: C {} x {}, K {}{groups}; zeros {} of the activations, {} of B",
        run.layer,
        grouped(run.m),
        grouped(run.n),
        grouped(run.k),
        percent(run.sparsity),
        percent(run.sparsity_b)
    )
}

fn push_blocks(text: &mut String, title: &str, runs: &[&RunRecord], style: Style) {
    for some in runs.chunks(MODES_ACROSS) {
        text.push('\n');
        text.push_str(title);
        text.push('\n');
        text.push_str(&block(some, style));
        text.push('\n');
    }
}

/// One metric: its label and how it reads off a run.
struct Metric(&'static str, fn(&RunRecord) -> String);

fn block(runs: &[&RunRecord], style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Plain => NOTHING,
        Style::Terminal => UTF8_BORDERS_ONLY,
    });
    let header = [Cell::new("")].into_iter().chain(runs.iter().map(|run| right(&run.mode)));
    table.set_header(header.collect::<Vec<_>>());
    for Metric(label, show) in SPEED.iter().chain(INSTRUCTIONS).chain(CACHES).chain(DRAM) {
        table.add_row(row(label, runs.iter().map(|run| show(run))));
    }
    if runs.iter().any(|run| run.sampled.is_some()) {
        for SampleMetric(label, show) in SAMPLE {
            let cell = |run: &&RunRecord| run.sampled.as_ref().map_or_else(absent, show);
            table.add_row(row(label, runs.iter().map(cell)));
        }
    }
    if runs.iter().any(|run| run.engine.is_some()) {
        for EngineMetric(label, show) in ENGINE {
            let cell = |run: &&RunRecord| run.engine.as_ref().map_or_else(absent, show);
            table.add_row(row(label, runs.iter().map(cell)));
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

fn row(label: &str, cells: impl Iterator<Item = String>) -> Vec<Cell> {
    [Cell::new(label)].into_iter().chain(cells.map(|text| right(&text))).collect()
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

const SPEED: &[Metric] = &[
    Metric("cycles", |r| grouped(r.cycles)),
    Metric("time, us", |r| format!("{:.1}", r.time_us)),
    Metric("speedup over dense", |r| r.speedup_over_dense.map_or_else(absent, |s| format!("{s:.2} x"))),
    Metric("share of peak", |r| percent(r.peak_share)),
    Metric("tile of C", |r| if r.tile.is_empty() { absent() } else { r.tile.clone() }),
    Metric("verified", |r| r.verified.map_or_else(absent, |v| if v { "yes".into() } else { "NO".into() })),
];

const INSTRUCTIONS: &[Metric] = &[
    Metric("instructions", |r| grouped(r.instructions.total)),
    Metric("  vector", |r| grouped(r.instructions.valu)),
    Metric("  scalar", |r| grouped(r.instructions.salu)),
    Metric("  LDS", |r| grouped(r.instructions.lds)),
    Metric("  vector memory", |r| grouped(r.instructions.vmem)),
    Metric("  branch and special", |r| grouped(r.instructions.branch + r.instructions.special)),
];

const CACHES: &[Metric] = &[
    Metric("L1 transactions", |r| grouped(r.l1.transactions)),
    Metric("  hit rate", |r| percent(r.l1.hit_rate)),
    Metric("  hit rate with merged", |r| percent(r.l1.hit_rate_with_merged)),
    Metric("  mean read latency, cycles", |r| latency(r.l1.read_latency_mean_cycles)),
    Metric("L2 transactions", |r| grouped(r.l2.transactions)),
    Metric("  hit rate", |r| percent(r.l2.hit_rate)),
    Metric("  hit rate with merged", |r| percent(r.l2.hit_rate_with_merged)),
    Metric("  mean read latency, cycles", |r| latency(r.l2.read_latency_mean_cycles)),
];

const DRAM: &[Metric] = &[
    Metric("DRAM lines read", |r| grouped(r.dram.reads)),
    Metric("  lines written", |r| grouped(r.dram.writes)),
    Metric("  bandwidth, GB/s", |r| format!("{:.1}", r.dram.bandwidth_gb_s)),
    Metric("  row hits", |r| {
        let bursts = r.dram.row_hits + r.dram.row_misses + r.dram.row_conflicts;
        if bursts == 0 { absent() } else { percent(share(r.dram.row_hits, bursts)) }
    }),
    Metric("  mean read latency, cycles", |r| latency(r.dram.read_latency_mean_cycles)),
];

/// One metric of a sample.
struct SampleMetric(&'static str, fn(&Sampled) -> String);

const SAMPLE: &[SampleMetric] = &[
    SampleMetric("sampled workgroups", |s| grouped(s.workgroups)),
    SampleMetric("  of", |s| grouped(s.of)),
    SampleMetric("  error of cycles at most", |s| format!("{:.1} %", s.error_bound_percent)),
];

/// One metric of the engine.
struct EngineMetric(&'static str, fn(&EngineRecord) -> String);

const ENGINE: &[EngineMetric] = &[
    EngineMetric("engine requests", |e| grouped(e.requests)),
    EngineMetric("  in a live lane", |e| percent(share(e.lane_hits, e.requests))),
    EngineMetric("  accurate search", |e| percent(share(e.accurate, e.requests))),
    EngineMetric("  prudent search", |e| percent(share(e.prudent, e.requests))),
    EngineMetric("  hasty search", |e| percent(share(e.hasty, e.requests))),
    EngineMetric("  mean read latency, cycles", |e| latency(e.read_latency_mean_cycles)),
    EngineMetric("  lines read from DRAM", |e| grouped(e.dram_lines)),
    EngineMetric("  lines skipped", |e| grouped(e.lines_skipped)),
    EngineMetric("  lines read again", |e| grouped(e.lines_reread)),
    EngineMetric("  bundles", |e| grouped(e.bundles)),
    EngineMetric("  padding words", |e| grouped(e.padding_words)),
    EngineMetric("  FP16 overflows, underflows", |e| {
        format!("{}, {}", grouped(e.fp16_overflows), grouped(e.fp16_underflows))
    }),
    EngineMetric("  SIB hit rate", |e| percent(share(e.sib_hits, e.sib_hits + e.sib_misses))),
    EngineMetric("  SIB evictions", |e| grouped(e.sib_evictions)),
    EngineMetric("  CMI slides", |e| grouped(e.cmi_slides)),
    EngineMetric("  lanes dropped", |e| grouped(e.lanes_dropped)),
    EngineMetric("  lines never taken", |e| grouped(e.wasted_lines)),
    EngineMetric("  processor busy cycles", |e| grouped(e.processor_busy_cycles)),
];

/// Where the data came from, how the batch was made of it, what was verified.
fn footer(layers: &[Vec<&RunRecord>]) -> String {
    let mut text = String::from("Data: ");
    let sources: Vec<String> = layers.iter().map(|runs| source(runs[0], layers.len() > 1)).collect();
    text.push_str(&sources.join("\n      "));
    text.push('\n');
    text.push_str(&verification(layers));
    text.push('\n');
    text.push_str(&sampling(layers));
    text
}

fn source(run: &RunRecord, name_layer: bool) -> String {
    let layer = if name_layer { format!("{}: ", run.layer) } else { String::new() };
    let activations = &run.activations;
    let images = match activations.images {
        0 => String::new(),
        1 => ", 1 image".to_owned(),
        n => format!(", {n} images"),
    };
    let repeated = match activations.repeated {
        0 | 1 => String::new(),
        n => format!(", gone through {n} times to fill the batch"),
    };
    format!("{layer}{}{images}{repeated}", activations.source)
}

fn verification(layers: &[Vec<&RunRecord>]) -> String {
    let runs: Vec<&&RunRecord> = layers.iter().flatten().collect();
    let verified = runs.iter().filter(|run| run.verified == Some(true)).count();
    if verified == runs.len() {
        "Verified: every result agrees with a reference computed on its own.".to_owned()
    } else if verified == 0 {
        "Not verified: no result was compared with a reference.".to_owned()
    } else {
        format!("Verified: {verified} of {} runs; see the rows above.", runs.len())
    }
}

/// Which figures are extrapolated; empty where none is.
fn sampling(layers: &[Vec<&RunRecord>]) -> String {
    let runs = layers.iter().flatten().count();
    let confidence =
        layers.iter().flatten().filter_map(|run| run.sampled.as_ref()).map(|s| s.confidence_percent);
    let (sampled, confidence) = confidence.fold((0, 0.0), |(count, _), confidence| (count + 1, confidence));
    if sampled == 0 {
        return String::new();
    }
    format!(
        "Sampled: {sampled} of {runs} runs, whose figures are extrapolated; their bounds hold with {confidence} % \
         confidence.\n"
    )
}

fn absent() -> String {
    "-".to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn latency(cycles: f64) -> String {
    if cycles == 0.0 { absent() } else { format!("{cycles:.1}") }
}

fn shortened(id: &str) -> &str {
    id.get(..16).unwrap_or(id)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Activations, SCHEMA};

    fn result(modes: &[&str], layers: &[&str]) -> ResultFile {
        let mut runs = Vec::new();
        for layer in layers {
            for (i, mode) in modes.iter().enumerate() {
                runs.push(RunRecord {
                    layer: (*layer).into(),
                    mode: (*mode).into(),
                    m: 384,
                    k: 1728,
                    n: 21632,
                    cycles: 12_345_678_901 + i as u64,
                    speedup_over_dense: Some(1.5),
                    verified: Some(true),
                    engine: mode.starts_with("spartan").then(EngineRecord::default),
                    activations: Activations { source: "alexnet_conv3_in".into(), images: 4, repeated: 32 },
                    ..RunRecord::default()
                });
            }
        }
        ResultFile {
            schema: SCHEMA,
            program: "spartan-sim 0.1.0".into(),
            experiment: "quickstart".into(),
            config_id: "0123456789abcdef0123".into(),
            seed: 0,
            gpu: "mi6".into(),
            runs,
        }
    }

    #[test]
    fn numbers_are_grouped_in_threes() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(grouped).each_ref().map(|s| &**s)
        );
    }

    #[test]
    fn every_line_fits_with_many_modes() {
        let modes = [
            "dense",
            "dense-tiled",
            "spartan",
            "spartan-plain",
            "spartan-listing",
            "structured-2-4",
            "l2-compression",
        ];
        for style in [Style::Plain, Style::Terminal] {
            let text = render(&result(&modes, &["conv2", "conv3"]), style);
            for line in text.lines() {
                assert!(line.chars().count() <= 110, "{} columns: {line}", line.chars().count());
            }
            assert!(modes.iter().all(|mode| text.contains(mode)), "{text}");
        }
    }

    #[test]
    fn several_layers_get_totals_and_a_footer() {
        let text = render(&result(&["dense", "spartan"], &["conv2", "conv3"]), Style::Plain);
        assert!(text.contains("all 2 layers together"), "{text}");
        assert!(text.contains("24,691,357,802"), "cycles summed: {text}");
        assert!(text.contains("4 images, gone through 32 times"), "{text}");
        assert!(text.contains("Verified: every result"), "{text}");
        assert!(text.is_ascii(), "plain: {text}");
    }

    #[test]
    fn sampled_runs_are_marked() {
        let mut result = result(&["dense", "spartan"], &["conv3"]);
        assert!(!render(&result, Style::Plain).to_lowercase().contains("sampled"));
        result.runs[0].sampled =
            Some(Sampled { workgroups: 1_728, of: 17_496, error_bound_percent: 2.34, ..Sampled::default() });
        let text = render(&result, Style::Plain);
        assert!(text.contains("1,728") && text.contains("17,496") && text.contains("2.3 %"), "{text}");
        assert!(text.contains("Sampled: 1 of 2 runs"), "{text}");
    }

    #[test]
    fn dense_modes_alone_have_no_engine_rows() {
        let text = render(&result(&["dense"], &["conv3"]), Style::Plain);
        assert!(!text.contains("engine"), "{text}");
        assert!(!text.contains("together"), "{text}");
    }
}
