//! What `bench` reports: how fast the simulator itself was, on cases that stay the same.
//!
//! [`history`] keeps such figures from commit to commit. Names and order of the JSON are stable: fields are
//! added but never renamed. `cycles` and the counts are bit-identical from run to run and from machine to
//! machine; the rest is about the computer that ran it.

pub mod history;

use comfy_table::presets::{NOTHING, UTF8_BORDERS_ONLY};
use comfy_table::{Cell, CellAlignment, Table};
use serde::{Deserialize, Serialize};

use crate::table::Style;

/// Version of the layout.
pub const SCHEMA: u32 = 1;

/// Everything that one `bench` reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchFile {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Program and version.
    pub program: String,
    /// Who measured what where.
    #[serde(flatten)]
    pub origin: Origin,
    /// Mean number of runnable tasks on the machine over the minute before.
    pub load: f64,
    /// Whether this load left fewer processors than the cases took threads: then times say little.
    pub busy: bool,
    /// One record for each case and number of threads.
    pub cases: Vec<CaseRecord>,
    /// What a simulated instruction cost as the problem grew; null where those cases were not run.
    pub scaling: Option<Scaling>,
}

/// Who measured what where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// When, in UTC, as `2026-01-31T23:59:59Z`.
    pub date: String,
    /// The sources: a Git commit, with `-dirty` where they differed from it.
    pub commit: String,
    /// The processor.
    pub cpu: String,
    /// Processors of the machine.
    pub cores: u64,
    /// Version of the compiler.
    pub rustc: String,
}

/// A case, run with so many threads. Rates are those of the fastest run; of nothing, null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Name of the case.
    pub case: String,
    /// Threads of the simulation.
    pub threads: u64,
    /// How often it was run.
    pub runs: u64,
    /// Wall-clock time of the fastest run.
    pub seconds: f64,
    /// Seconds for which a processor worked for a run, the least of all runs: less than `seconds` where other
    /// work had the processor meanwhile. Null for more threads than one.
    pub cpu_seconds: Option<f64>,
    /// How much longer the slowest took, in percent.
    pub spread_percent: f64,
    /// Cycles simulated: of the core clock, or of the memory's where there is only memory.
    pub cycles: u64,
    /// Wavefront instructions simulated.
    pub instructions: u64,
    /// Line requests of L1 simulated; lines of DRAM where there is only memory.
    pub transactions: u64,
    /// Ticks of components.
    pub events: u64,
    /// Wavefront instructions simulated in a second.
    pub instructions_per_second: Option<f64>,
    /// Transactions simulated in a second.
    pub transactions_per_second: Option<f64>,
    /// Ticks of components in a second.
    pub events_per_second: Option<f64>,
    /// Instructions that the computer executed for one run on one thread, start-up not included; null where they
    /// were not counted.
    pub host_instructions: Option<u64>,
    /// These, for each wavefront instruction simulated.
    pub host_instructions_per_instruction: Option<f64>,
    /// The same, for each transaction.
    pub host_instructions_per_transaction: Option<f64>,
    /// The most memory that the process held during a run.
    pub peak_rss_bytes: u64,
    /// Seconds of one thread over these; null for one thread.
    pub speedup_over_one_thread: Option<f64>,
    /// What is different from the history; null where none was asked for or none of its rows fits.
    pub change: Option<Change>,
}

/// What one run simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cycles.
    pub cycles: u64,
    /// Wavefront instructions.
    pub instructions: u64,
    /// Line requests.
    pub transactions: u64,
    /// Ticks of components.
    pub events: u64,
}

/// A case beside the latest row of the history that is of the same case, threads and machine. Changes are in
/// percent of what was then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When that row was measured.
    pub date: String,
    /// On which sources.
    pub commit: String,
    /// Of instructions a second; of transactions a second where no instructions are simulated.
    pub rate_percent: Option<f64>,
    /// Of host instructions for each wavefront instruction, or for each transaction where there are none.
    pub host_instructions_percent: Option<f64>,
    /// Of peak memory.
    pub peak_rss_percent: Option<f64>,
    /// Whether the case took other cycles then: the model has changed, and with it the work.
    pub other_cycles: bool,
}

/// What a simulated wavefront instruction costs as the problem grows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// What is counted: `host instructions`, or `ns` where these were not counted.
    pub unit: String,
    /// In the case where it costs least.
    pub lowest: f64,
    /// In the case where it costs most.
    pub highest: f64,
    /// How much more that is, in percent.
    pub spread_percent: f64,
}

impl CaseRecord {
    /// The record of runs on `threads` threads that took `seconds` each and simulated `counts`.
    pub fn new(case: &str, threads: u64, counts: Counts, seconds: &[f64]) -> Self {
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let slowest = seconds.iter().copied().fold(0.0, f64::max);
        let Counts { cycles, instructions, transactions, events } = counts;
        Self {
            case: case.to_owned(),
            threads,
            runs: seconds.len() as u64,
            seconds: fastest,
            spread_percent: 100.0 * (slowest / fastest - 1.0),
            cycles,
            instructions,
            transactions,
            events,
            instructions_per_second: ratio(instructions as f64, fastest),
            transactions_per_second: ratio(transactions as f64, fastest),
            events_per_second: ratio(events as f64, fastest),
            ..Self::default()
        }
    }

    /// Adds the host instructions of a run.
    pub fn set_host_instructions(&mut self, count: u64) {
        self.host_instructions = Some(count);
        self.host_instructions_per_instruction = ratio(count as f64, self.instructions as f64);
        self.host_instructions_per_transaction = ratio(count as f64, self.transactions as f64);
    }

    /// The rate that a change is told by.
    fn main_rate(&self) -> Option<f64> {
        self.instructions_per_second.or(self.transactions_per_second)
    }

    /// The count of host instructions that a change is told by.
    fn main_host_instructions(&self) -> Option<f64> {
        self.host_instructions_per_instruction.or(self.host_instructions_per_transaction)
    }
}

impl Scaling {
    /// The scaling over `cases`; none of fewer than two, or where one simulates no instructions.
    pub fn over(cases: &[&CaseRecord]) -> Option<Self> {
        let counted = cases.iter().map(|case| case.host_instructions_per_instruction);
        let timed = cases.iter().map(|case| case.instructions_per_second.map(|rate| 1e9 / rate));
        let counted: Option<Vec<f64>> = counted.collect();
        let (unit, costs) = match counted {
            Some(costs) => ("host instructions", costs),
            None => ("ns", timed.collect::<Option<Vec<f64>>>()?),
        };
        let lowest = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = costs.iter().copied().fold(0.0, f64::max);
        let spread_percent = 100.0 * (highest / lowest - 1.0);
        (costs.len() > 1).then(|| Self { unit: unit.into(), lowest, highest, spread_percent })
    }
}

/// `part / whole`; none of nothing.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (part > 0.0 && whole > 0.0).then(|| part / whole)
}

// As a table ---------------------------------------------------------------------------------------------

/// Where a case is called slower: below this change of its rate, in percent. Times vary by several percent even
/// on an idle machine.
const SLOWER_PERCENT: f64 = -10.0;

/// Where it is said to cost more: above this change of its host instructions, in percent, which are nearly
/// exact.
const COSTLIER_PERCENT: f64 = 2.0;

/// The whole report.
pub fn render(file: &BenchFile, style: Style) -> String {
    let Origin { date, commit, cpu, cores, rustc } = &file.origin;
    let mut text = format!("{} at {commit}, rustc {rustc}, {date}\n", file.program);
    text.push_str(&format!("{cpu}, {cores} cores, load {:.2} before the first run\n", file.load));
    text.push_str("Rates are in millions a second.\n\n");
    text.push_str(&table(&HEADS, file.cases.iter().map(row), style));
    if let Some(scaling) = &file.scaling {
        text.push_str(&format!(
            "\nA simulated instruction costs {:.1} to {:.1} {}, {:.1} % more where it costs most.\n",
            scaling.lowest, scaling.highest, scaling.unit, scaling.spread_percent
        ));
    }
    let changed: Vec<&CaseRecord> = file.cases.iter().filter(|case| case.change.is_some()).collect();
    if !changed.is_empty() {
        text.push_str("\nbeside the history\n");
        let rows = changed.iter().filter_map(|case| Some(change_row(case, case.change.as_ref()?)));
        text.push_str(&table(&CHANGE_HEADS, rows, style));
    }
    text
}

const HEADS: [&str; 11] = [
    "case",
    "threads",
    "seconds",
    "cpu s",
    "spread",
    "instr/s",
    "lines/s",
    "events/s",
    "host/instr",
    "host/line",
    "MiB",
];

fn row(case: &CaseRecord) -> [String; 11] {
    let speedup = case.speedup_over_one_thread.map_or(String::new(), |s| format!(" ({s:.2} x)"));
    let millions = |rate: Option<f64>| or_dash(rate.map(|rate| format!("{:.2}", rate / 1e6)));
    let each = |count: Option<f64>| or_dash(count.map(|count| format!("{count:.1}")));
    [
        case.case.clone(),
        format!("{}{speedup}", case.threads),
        format!("{:.3}", case.seconds),
        or_dash(case.cpu_seconds.map(|seconds| format!("{seconds:.3}"))),
        if case.runs > 1 { format!("{:.1} %", case.spread_percent) } else { or_dash(None) },
        millions(case.instructions_per_second),
        millions(case.transactions_per_second),
        millions(case.events_per_second),
        each(case.host_instructions_per_instruction),
        each(case.host_instructions_per_transaction),
        format!("{:.1}", mib(case.peak_rss_bytes)),
    ]
}

const CHANGE_HEADS: [&str; 8] = ["case", "threads", "date", "commit", "rate", "host", "memory", ""];

fn change_row(case: &CaseRecord, change: &Change) -> [String; 8] {
    let percent = |change: Option<f64>| or_dash(change.map(|change| format!("{change:+.1} %")));
    [
        case.case.clone(),
        case.threads.to_string(),
        change.date.chars().take(10).collect(),
        change.commit.clone(),
        percent(change.rate_percent),
        percent(change.host_instructions_percent),
        percent(change.peak_rss_percent),
        change.remark().to_owned(),
    ]
}

impl Change {
    /// What a reader should notice first; "" where nothing is out of the ordinary.
    fn remark(&self) -> &'static str {
        if self.other_cycles {
            "other cycles"
        } else if self.host_instructions_percent.is_some_and(|change| change > COSTLIER_PERCENT) {
            "costs more"
        } else if self.rate_percent.is_some_and(|change| change < SLOWER_PERCENT) {
            "slower"
        } else {
            ""
        }
    }
}

/// The first column to the left, all others to the right.
fn table<const N: usize>(heads: &[&str; N], rows: impl Iterator<Item = [String; N]>, style: Style) -> String {
    let mut table = Table::new();
    table.load_style(match style {
        Style::Plain => NOTHING,
        Style::Terminal => UTF8_BORDERS_ONLY,
    });
    table.set_header(cells(heads.iter().map(|head| (*head).to_owned())));
    for row in rows {
        table.add_row(cells(row.into_iter()));
    }
    // So that eleven columns fit.
    table.column_iter_mut().skip(1).for_each(|column| _ = column.set_padding((0, 1)));
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn cells(texts: impl Iterator<Item = String>) -> Vec<Cell> {
    let side = |at| if at == 0 { CellAlignment::Left } else { CellAlignment::Right };
    texts.enumerate().map(|(at, text)| Cell::new(text).set_alignment(side(at))).collect()
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// Bytes in units of 2^20.
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { cycles: 500, instructions: 2_000_000, transactions: 100_000, events: 0 };

    fn case() -> CaseRecord {
        let mut case = CaseRecord::new("dense-1024", 1, COUNTS, &[0.5, 0.4, 0.6]);
        case.set_host_instructions(200_000_000);
        case
    }

    #[test]
    fn rates_are_those_of_the_fastest_run() {
        let case = case();
        assert_eq!((case.runs, case.seconds), (3, 0.4));
        assert!((case.spread_percent - 50.0).abs() < 1e-9);
        assert_eq!(case.instructions_per_second, Some(5e6));
        assert_eq!(case.transactions_per_second, Some(250e3));
        assert_eq!(case.events_per_second, None, "of nothing there is no rate");
        assert_eq!(case.host_instructions_per_instruction, Some(100.0));
        assert_eq!(case.host_instructions_per_transaction, Some(2000.0));
    }

    #[test]
    fn scaling_prefers_host_instructions_and_needs_two_cases() {
        let (first, mut second) = (case(), case());
        assert_eq!(Scaling::over(&[&first]), None);
        second.set_host_instructions(220_000_000);
        let scaling = Scaling::over(&[&first, &second]).unwrap();
        assert_eq!(
            (scaling.unit.as_str(), scaling.lowest, scaling.highest),
            ("host instructions", 100.0, 110.0)
        );
        assert!((scaling.spread_percent - 10.0).abs() < 1e-9);
        let timed = CaseRecord::new("dense-2048", 1, COUNTS, &[0.8]);
        let scaling = Scaling::over(&[&first, &timed]).unwrap();
        assert_eq!((scaling.unit.as_str(), scaling.lowest, scaling.highest), ("ns", 200.0, 400.0));
    }

    #[test]
    fn tables_fit_and_show_figures() {
        let two = CaseRecord { threads: 2, speedup_over_one_thread: Some(1.625), ..case() };
        let change = Change {
            date: "2026-01-31T23:59:59Z".into(),
            commit: "0123456789ab-dirty".into(),
            rate_percent: Some(-12.0),
            ..Change::default()
        };
        let changed = CaseRecord { change: Some(change), case: "conv3-spartan".into(), ..case() };
        let file = BenchFile {
            program: "spartan-sim 0.1.0".into(),
            cases: vec![case(), two, changed],
            ..BenchFile::default()
        };
        for style in [Style::Plain, Style::Terminal] {
            let text = render(&file, style);
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
            for figure in ["5.00", "50.0 %", "2000.0", "2 (1.62 x)", "2026-01-31 ", "-12.0 %", "slower"] {
                assert!(text.contains(figure), "{figure}: {text}");
            }
        }
    }

    #[test]
    fn remarks_name_the_surest_cause() {
        let change = Change { rate_percent: Some(-20.0), ..Change::default() };
        assert_eq!(change.remark(), "slower");
        let change = Change { host_instructions_percent: Some(2.1), ..change };
        assert_eq!(change.remark(), "costs more");
        assert_eq!(Change { other_cycles: true, ..change }.remark(), "other cycles");
        assert_eq!(Change { rate_percent: Some(-9.9), ..Change::default() }.remark(), "");
    }
}
