//! How fast the simulator was, from commit to commit: a CSV file that grows by a row for each case measured.
//!
//! ```
//! use results::bench::history::{COLUMNS, History};
//! let row = "2026-01-31T23:59:59Z,0123456789ab,A CPU,2,1.95.0,relu,1,24000,0.055,0.05,2e6,3e5,9e6,,,40.5,0.1,3";
//! let history = History::parse(&format!("{}\n{row}\n", COLUMNS.join(","))).expect("a sound history");
//! assert_eq!(history.rows[0].instructions_per_second, Some(2e6));
//! ```
//!
//! Cells hold no commas and no quotation marks, so that none are quoted. A figure that was not measured, or of
//! which there is none in that case, is an empty cell.

use std::fmt;

use super::{BenchFile, CaseRecord, Change, Origin, mib};

/// The columns, in order.
pub const COLUMNS: [&str; 18] = [
    "date",
    "commit",
    "cpu",
    "cores",
    "rustc",
    "case",
    "threads",
    "cycles",
    "seconds",
    "cpu_seconds",
    "instructions_per_second",
    "transactions_per_second",
    "events_per_second",
    "host_instructions_per_instruction",
    "host_instructions_per_transaction",
    "peak_rss_mib",
    "load",
    "spread_percent",
];

/// The rows, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One for each case, number of threads and measurement.
    pub rows: Vec<Row>,
}

/// A case measured once. The fields are those of [`CaseRecord`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Who measured what where.
    pub origin: Origin,
    /// Name of the case.
    pub case: String,
    /// Threads of the simulation.
    pub threads: u64,
    /// Cycles simulated.
    pub cycles: u64,
    /// The fastest run.
    pub seconds: Option<f64>,
    /// Seconds for which a processor worked for it.
    pub cpu_seconds: Option<f64>,
    /// Wavefront instructions simulated in a second.
    pub instructions_per_second: Option<f64>,
    /// Transactions simulated in a second.
    pub transactions_per_second: Option<f64>,
    /// Ticks of components in a second.
    pub events_per_second: Option<f64>,
    /// Host instructions for each wavefront instruction.
    pub host_instructions_per_instruction: Option<f64>,
    /// Host instructions for each transaction.
    pub host_instructions_per_transaction: Option<f64>,
    /// Peak memory, in 2^20 bytes.
    pub peak_rss_mib: Option<f64>,
    /// Runnable tasks on the machine before the measurement.
    pub load: Option<f64>,
    /// How much longer than the fastest run the slowest took.
    pub spread_percent: Option<f64>,
}

/// What is wrong with the text of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there, and what is allowed.
    pub message: String,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for HistoryError {}

impl History {
    /// Reads the text of a history.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let mut lines = text.lines().enumerate();
        let head = lines.next().map_or("", |(_, head)| head);
        if head != COLUMNS.join(",") {
            let message = format!("the head of a history is expected: {}", COLUMNS.join(","));
            return Err(HistoryError { line: 1, message });
        }
        let parse = |(at, line)| Row::parse(line).map_err(|message| HistoryError { line: at + 1, message });
        Ok(Self { rows: lines.map(parse).collect::<Result<_, _>>()? })
    }

    /// The text: a head, and a line for each row.
    pub fn text(&self) -> String {
        let mut text = COLUMNS.join(",") + "\n";
        self.rows.iter().for_each(|row| text.push_str(&(row.cells().join(",") + "\n")));
        text
    }

    /// Appends a row for each case of `file`.
    pub fn append(&mut self, file: &BenchFile) {
        self.rows.extend(file.cases.iter().map(|case| Row::new(file, case)));
    }

    /// What has changed in `case`, measured on the machine of `origin`, since the latest row of the same
    /// case, threads and machine.
    pub fn change(&self, origin: &Origin, case: &CaseRecord) -> Option<Change> {
        let row = self.rows.iter().rfind(|row| row.is_comparable(origin, case))?;
        let rate = row.instructions_per_second.or(row.transactions_per_second);
        let host = row.host_instructions_per_instruction.or(row.host_instructions_per_transaction);
        Some(Change {
            date: row.origin.date.clone(),
            commit: row.origin.commit.clone(),
            rate_percent: percent(rate, case.main_rate()),
            host_instructions_percent: percent(host, case.main_host_instructions()),
            peak_rss_percent: percent(row.peak_rss_mib, Some(mib(case.peak_rss_bytes))),
            other_cycles: row.cycles != case.cycles,
        })
    }
}

/// From `then` to `now`, in percent of `then`.
fn percent(then: Option<f64>, now: Option<f64>) -> Option<f64> {
    then.zip(now).filter(|(then, _)| *then > 0.0).map(|(then, now)| 100.0 * (now / then - 1.0))
}

impl Row {
    fn new(file: &BenchFile, case: &CaseRecord) -> Self {
        Self {
            origin: file.origin.clone(),
            case: case.case.clone(),
            threads: case.threads,
            cycles: case.cycles,
            seconds: Some(case.seconds),
            cpu_seconds: case.cpu_seconds,
            instructions_per_second: case.instructions_per_second,
            transactions_per_second: case.transactions_per_second,
            events_per_second: case.events_per_second,
            host_instructions_per_instruction: case.host_instructions_per_instruction,
            host_instructions_per_transaction: case.host_instructions_per_transaction,
            peak_rss_mib: Some(mib(case.peak_rss_bytes)).filter(|mib| *mib > 0.0),
            load: Some(file.load),
            spread_percent: Some(case.spread_percent).filter(|_| case.runs > 1),
        }
    }

    fn is_comparable(&self, origin: &Origin, case: &CaseRecord) -> bool {
        let same_machine = (&self.origin.cpu, self.origin.cores) == (&origin.cpu, origin.cores);
        same_machine && (&self.case, self.threads) == (&case.case, case.threads)
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let Origin { date, commit, cpu, cores, rustc } = &self.origin;
        let whole = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!("{figure:.0}"));
        let fine = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!("{figure:.2}"));
        let exact = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!("{figure:.6}"));
        [
            date.clone(),
            commit.clone(),
            cpu.clone(),
            cores.to_string(),
            rustc.clone(),
            self.case.clone(),
            self.threads.to_string(),
            self.cycles.to_string(),
            exact(self.seconds),
            exact(self.cpu_seconds),
            whole(self.instructions_per_second),
            whole(self.transactions_per_second),
            whole(self.events_per_second),
            fine(self.host_instructions_per_instruction),
            fine(self.host_instructions_per_transaction),
            fine(self.peak_rss_mib),
            fine(self.load),
            fine(self.spread_percent),
        ]
    }

    fn parse(line: &str) -> Result<Self, String> {
        let cells: Vec<&str> = line.split(',').collect();
        let Ok(cells) = <[&str; COLUMNS.len()]>::try_from(cells.as_slice()) else {
            return Err(format!("{} cells; {} are expected", cells.len(), COLUMNS.len()));
        };
        let text = |at: usize| cells[at].to_owned();
        Ok(Self {
            origin: Origin {
                date: date(cells[0])?,
                commit: text(1),
                cpu: text(2),
                cores: count(&cells, 3)?,
                rustc: text(4),
            },
            case: text(5),
            threads: count(&cells, 6)?,
            cycles: count(&cells, 7)?,
            seconds: figure(&cells, 8)?,
            cpu_seconds: figure(&cells, 9)?,
            instructions_per_second: figure(&cells, 10)?,
            transactions_per_second: figure(&cells, 11)?,
            events_per_second: figure(&cells, 12)?,
            host_instructions_per_instruction: figure(&cells, 13)?,
            host_instructions_per_transaction: figure(&cells, 14)?,
            peak_rss_mib: figure(&cells, 15)?,
            load: figure(&cells, 16)?,
            spread_percent: figure(&cells, 17)?,
        })
    }
}

/// A date as [`Origin`] has it.
fn date(cell: &str) -> Result<String, String> {
    let shape: String = cell.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape == "0000-00-00T00:00:00Z" {
        return Ok(cell.to_owned());
    }
    Err(format!("date = `{cell}`: a time in UTC is expected, such as 2026-01-31T23:59:59Z"))
}

fn count(cells: &[&str], at: usize) -> Result<u64, String> {
    let parsed = cells[at].parse();
    parsed.map_err(|_| format!("{} = `{}`: a whole number is expected", COLUMNS[at], cells[at]))
}

fn figure(cells: &[&str], at: usize) -> Result<Option<f64>, String> {
    if cells[at].is_empty() {
        return Ok(None);
    }
    let parsed = cells[at].parse::<f64>().ok().filter(|figure| figure.is_finite() && *figure >= 0.0);
    let expected = "nothing, or a number from 0 on, is expected";
    parsed.map(Some).ok_or_else(|| format!("{} = `{}`: {expected}", COLUMNS[at], cells[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Counts;

    fn origin(cpu: &str, date: &str) -> Origin {
        let (commit, rustc) = ("0123456789ab".into(), "1.95.0".into());
        Origin { date: date.into(), commit, cpu: cpu.into(), cores: 2, rustc }
    }

    /// A measurement of one case that took `seconds`.
    fn file(cpu: &str, date: &str, seconds: f64) -> BenchFile {
        let counts = Counts { cycles: 500, instructions: 4_000_000, transactions: 0, events: 100 };
        let mut case = CaseRecord::new("relu", 1, counts, &[seconds]);
        case.set_host_instructions(800_000_000);
        case.peak_rss_bytes = 40 << 20;
        BenchFile { origin: origin(cpu, date), load: 0.25, cases: vec![case], ..BenchFile::default() }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut history = History::default();
        history.append(&file("A CPU", "2026-01-31T23:59:59Z", 2.0));
        history.append(&file("A CPU", "2026-02-01T00:00:00Z", 4.0));
        assert_eq!(History::parse(&history.text()), Ok(history.clone()));
        assert_eq!(history.rows.len(), 2);
        assert_eq!(history.rows[1].instructions_per_second, Some(1e6));
        assert_eq!(history.rows[1].transactions_per_second, None);
        assert_eq!(History::parse(&History::default().text()), Ok(History::default()));
    }

    #[test]
    fn a_change_is_from_the_latest_row_of_the_same_machine() {
        let mut history = History::default();
        history.append(&file("A CPU", "2026-01-01T00:00:00Z", 8.0));
        history.append(&file("A CPU", "2026-01-02T00:00:00Z", 2.0));
        history.append(&file("Another", "2026-01-03T00:00:00Z", 1.0));
        let now = file("A CPU", "2026-01-04T00:00:00Z", 4.0);
        let mut case = now.cases[0].clone();
        let change = history.change(&now.origin, &case).unwrap();
        assert_eq!((change.date.as_str(), change.other_cycles), ("2026-01-02T00:00:00Z", false));
        assert_eq!(change.rate_percent, Some(-50.0));
        assert_eq!((change.host_instructions_percent, change.peak_rss_percent), (Some(0.0), Some(0.0)));
        case.cycles = 501;
        assert!(history.change(&now.origin, &case).unwrap().other_cycles);
        case.threads = 2;
        assert_eq!(history.change(&now.origin, &case), None);
    }

    #[test]
    fn errors_name_line_column_and_value() {
        let mut history = History::default();
        history.append(&file("A CPU", "2026-01-31T23:59:59Z", 2.0));
        let sound = history.text();
        for (from, to, line, expected) in [
            ("date,commit", "commit,date", 1, "date,commit,cpu,cores"),
            ("A CPU", "A, CPU", 2, "19 cells; 18"),
            ("2026-01-31T", "31.1.2026 ", 2, "date = `31.1.2026 23:59:59Z`"),
            (",500,", ",5e2,", 2, "cycles = `5e2`: a whole number"),
            (",2000000,", ",fast,", 2, "instructions_per_second = `fast`"),
            (",2000000,", ",-2,", 2, "instructions_per_second = `-2`"),
            (",2000000,", ",NaN,", 2, "instructions_per_second = `NaN`"),
        ] {
            assert!(sound.contains(from), "{from}: {sound}");
            let error = History::parse(&sound.replace(from, to)).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(expected), "{expected}: {error}");
        }
        assert_eq!(History::parse("").unwrap_err().line, 1);
    }
}
