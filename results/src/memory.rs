//! What `memory replay` reports: records and tables.
//!
//! Names and order of the JSON are stable: scripts depend on them, so fields are added but never renamed.
//! Everything is bit-identical from run to run and from machine to machine.

use comfy_table::presets::{NOTHING, UTF8_BORDERS_ONLY};
use comfy_table::{Cell, CellAlignment, Table};
use serde::{Deserialize, Serialize};

use crate::table::{Style, grouped};

/// A trace replayed on DRAM. Cycles are clocks of the memory's command bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DramReplay {
    /// Name of the trace.
    pub trace: String,
    /// Name of the memory.
    pub dram: String,
    /// How requests arrived: `trace` or `saturate`.
    pub arrival: String,
    /// Requests of 64 bytes.
    pub requests: u64,
    /// Reads among them.
    pub reads: u64,
    /// Writes among them.
    pub writes: u64,
    /// From 0 to the last data of the last read or, where that is later, the last command.
    pub cycles: u64,
    /// Bytes of lines that crossed the data buses, over the time of `cycles`; 10^9 bytes a second.
    pub bandwidth_gb_s: f64,
    /// That over `peak_gb_s`, in percent.
    pub percent_of_peak: f64,
    /// 1 - activates / bursts. Where a line is two bursts, at least one half; below 0 where refreshes close rows
    /// before they are used.
    pub row_hit_rate: f64,
    /// ACT commands.
    pub activates: u64,
    /// PRE and PREA commands, and rows closed by auto-precharge.
    pub precharges: u64,
    /// Refresh commands of all channels, up to `cycles`.
    pub refreshes: u64,
    /// From the acceptance of a read by its channel to its last data.
    pub read_latency_cycles: LatencyRecord,
    /// What the trace's cycles were multiplied with.
    pub stretch: u64,
    /// Channels.
    pub channels: u64,
    /// Bytes that go to one channel before the next one's turn.
    pub interleave_bytes: u64,
    /// The memory's clock.
    pub clock_hz: u64,
    /// Peak bandwidth of all channels, in 10^9 bytes a second.
    pub peak_gb_s: f64,
    /// `cycles` in microseconds.
    pub time_us: f64,
    /// Bursts that found their row open.
    pub row_hits: u64,
    /// Bursts for which a row was opened in a closed bank.
    pub row_misses: u64,
    /// Bursts for which another row was closed first.
    pub row_conflicts: u64,
    /// Reads answered from a write that still waited.
    pub forwarded_reads: u64,
    /// Writes merged into one of the same line that still waited.
    pub merged_writes: u64,
}

/// Latencies, in cycles; zeros where there was no read. Percentiles are exact, by nearest rank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyRecord {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub median: u64,
    /// 95 % took no longer.
    pub p95: u64,
    /// 99 % took no longer.
    pub p99: u64,
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
}

/// A trace replayed on a cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CacheReplay {
    /// Name of the trace.
    pub trace: String,
    /// Accesses.
    pub accesses: u64,
    /// Found.
    pub hits: u64,
    /// Not found.
    pub misses: u64,
    /// Reads found.
    pub read_hits: u64,
    /// Reads not found.
    pub read_misses: u64,
    /// Writes found.
    pub write_hits: u64,
    /// Writes not found.
    pub write_misses: u64,
    /// Lines that had to go for another.
    pub evictions: u64,
    /// Of these, lines that had been written.
    pub dirty_evictions: u64,
    /// The cache as the command takes it: size, ways, bytes of a line, policy.
    pub cache: String,
    /// Hits over accesses.
    pub hit_rate: f64,
    /// Lines at the end that would have to be written back.
    pub dirty_lines: u64,
}

/// A replay on DRAM as a table.
pub fn render_dram(replay: &DramReplay, style: Style) -> String {
    let DramReplay { trace, dram, channels, interleave_bytes, .. } = replay;
    let arrival = match (replay.arrival.as_str(), replay.stretch) {
        ("saturate", _) => "all at once".to_owned(),
        (_, 1) => "at the trace's cycles".to_owned(),
        (_, stretch) => format!("at {stretch} times the trace's cycles"),
    };
    let title = format!(
        "{trace}  on {dram}, {channels} x {:.1} GB/s, {interleave_bytes} bytes to a channel in turn\nrequests come {arrival}",
        replay.peak_gb_s / *channels as f64,
    );
    let latency = &replay.read_latency_cycles;
    let ns = |cycles: f64| format!("{:.1}", cycles * 1e9 / replay.clock_hz as f64);
    let bursts = replay.row_hits + replay.row_misses + replay.row_conflicts;
    let of_bursts = |count: u64| share(count, bursts);
    let rows = [
        ("requests", grouped(replay.requests), String::new()),
        ("  reads", grouped(replay.reads), String::new()),
        ("  writes", grouped(replay.writes), String::new()),
        ("memory clocks", grouped(replay.cycles), format!("{:.1} us", replay.time_us)),
        ("bandwidth, GB/s", format!("{:.1}", replay.bandwidth_gb_s), String::new()),
        ("  share of peak", format!("{:.1} %", replay.percent_of_peak), String::new()),
        ("row hit rate", format!("{:.1} %", 100.0 * replay.row_hit_rate), String::new()),
        ("  bursts to an open row", grouped(replay.row_hits), of_bursts(replay.row_hits)),
        ("  to a closed bank", grouped(replay.row_misses), of_bursts(replay.row_misses)),
        ("  to another row", grouped(replay.row_conflicts), of_bursts(replay.row_conflicts)),
        ("activates", grouped(replay.activates), String::new()),
        ("precharges", grouped(replay.precharges), String::new()),
        ("refreshes", grouped(replay.refreshes), String::new()),
        ("read latency, clocks", String::new(), String::new()),
        ("  mean", format!("{:.1}", latency.mean), format!("{} ns", ns(latency.mean))),
        ("  median", grouped(latency.median), format!("{} ns", ns(latency.median as f64))),
        ("  95th percentile", grouped(latency.p95), format!("{} ns", ns(latency.p95 as f64))),
        ("  99th percentile", grouped(latency.p99), format!("{} ns", ns(latency.p99 as f64))),
        ("  shortest", grouped(latency.min), format!("{} ns", ns(latency.min as f64))),
        ("  longest", grouped(latency.max), format!("{} ns", ns(latency.max as f64))),
    ];
    block(&title, rows, style)
}

/// A replay on a cache as a table.
pub fn render_cache(replay: &CacheReplay, style: Style) -> String {
    let of_accesses = |count: u64| share(count, replay.accesses);
    let rows = [
        ("accesses", grouped(replay.accesses), String::new()),
        ("hits", grouped(replay.hits), of_accesses(replay.hits)),
        ("  reads", grouped(replay.read_hits), of_accesses(replay.read_hits)),
        ("  writes", grouped(replay.write_hits), of_accesses(replay.write_hits)),
        ("misses", grouped(replay.misses), of_accesses(replay.misses)),
        ("  reads", grouped(replay.read_misses), of_accesses(replay.read_misses)),
        ("  writes", grouped(replay.write_misses), of_accesses(replay.write_misses)),
        ("evictions", grouped(replay.evictions), String::new()),
        ("  dirty", grouped(replay.dirty_evictions), String::new()),
        ("dirty at the end", grouped(replay.dirty_lines), String::new()),
    ];
    block(&format!("{}  on a cache of {}", replay.trace, replay.cache), rows, style)
}

/// A title, and below it a label, a figure and a remark a row.
fn block<'a>(title: &str, rows: impl IntoIterator<Item = (&'a str, String, String)>, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Plain => NOTHING,
        Style::Terminal => UTF8_BORDERS_ONLY,
    });
    for (label, figure, remark) in rows {
        table.add_row([Cell::new(label), right(&figure), right(&remark)]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{title}\n\n{}\n", lines.join("\n"))
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_and_show_figures() {
        let dram = DramReplay {
            trace: "random".into(),
            dram: "hbm-r9nano".into(),
            arrival: "trace".into(),
            requests: 1_234_567,
            cycles: 1_998_326,
            channels: 8,
            interleave_bytes: 4_096,
            clock_hz: 500_000_000,
            peak_gb_s: 128.0,
            stretch: 4,
            row_hit_rate: -0.0034,
            read_latency_cycles: LatencyRecord { mean: 10.5, ..LatencyRecord::default() },
            ..DramReplay::default()
        };
        let cache = CacheReplay { accesses: 8, hits: 2, cache: "16 KiB".into(), ..CacheReplay::default() };
        for style in [Style::Plain, Style::Terminal] {
            let text = render_dram(&dram, style) + &render_cache(&cache, style);
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
            for figure in ["1,234,567", "8 x 16.0 GB/s", "4 times", "-0.3 %", "21.0 ns", "25.0 %", "-"] {
                assert!(text.contains(figure), "{figure}: {text}");
            }
            assert_eq!(text.is_ascii(), style == Style::Plain);
        }
    }

    #[test]
    fn fields_of_the_json_are_those_that_scripts_know() {
        let json = serde_json::to_string(&DramReplay::default()).unwrap();
        let start = "{\"trace\":\"\",\"dram\":\"\",\"arrival\":\"\",\"requests\":0,\"reads\":0,\"writes\":0,\
            \"cycles\":0,\"bandwidth_gb_s\":0.0,\"percent_of_peak\":0.0,\"row_hit_rate\":0.0,\"activates\":0,\
            \"precharges\":0,\"refreshes\":0,\"read_latency_cycles\":{\"mean\":0.0,\"median\":0,\"p95\":0,\
            \"p99\":0,\"min\":0,\"max\":0}";
        assert!(json.starts_with(start), "{json}");
        let json = serde_json::to_string(&CacheReplay::default()).unwrap();
        let start = "{\"trace\":\"\",\"accesses\":0,\"hits\":0,\"misses\":0,\"read_hits\":0,\"read_misses\":0,\
            \"write_hits\":0,\"write_misses\":0,\"evictions\":0,\"dirty_evictions\":0";
        assert!(json.starts_with(start), "{json}");
    }
}
