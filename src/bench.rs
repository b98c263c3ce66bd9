//! `bench`: how fast the simulator is, on cases that stay the same ([`cases`]).
//!
//! Each case runs `--repeat` times on one thread and, where `--threads` asks for more, as often on these. The
//! fastest run counts, because other work on the machine only ever adds to the time; how much longer the
//! slowest took is said beside it. All runs of a case must give the same cycles and counters, or the command
//! fails. `--callgrind` also counts the instructions that the computer executes ([`callgrind`]), which depend on
//! neither its speed nor its load. `--record` appends to a history, `--compare` shows what has changed since.

mod callgrind;
mod cases;

use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::num::NonZero;
use std::path::Path;
use std::time::Instant;

use results::bench::history::History;
use results::bench::{self, BenchFile, CaseRecord, Origin, SCHEMA, Scaling};
use results::store;
use results::table::Style;

use crate::cli::{BenchArgs, TableFormat};
use crate::failure::Failure;
use crate::host;
use crate::output;
use crate::progress::Display;
use cases::{Case, Outcome, Prepared};

pub(crate) use cases::{CASES, SCALING};

/// Measures, reports, and appends to the history where asked to.
pub(crate) fn bench(args: &BenchArgs) -> Result<(), Failure> {
    let cases = cases::chosen(&args.cases);
    if let Some(runs) = args.only_runs {
        return callgrind::only_run(&cases, runs);
    }
    // Histories are read first, rather than refused after minutes.
    let earlier = args.compare.as_deref().map(history).transpose()?;
    let record = args.record.as_deref().map(history_or_new).transpose()?;
    if args.callgrind {
        callgrind::require()?;
    }
    let display = Display::new(args.quiet);
    let mut file = begin(args, &display);
    for case in &cases {
        file.cases.extend(measure(case, args, &display)?);
    }
    file.scaling = scaling(&args.cases, &file.cases);
    if let Some(earlier) = earlier {
        file.cases.iter_mut().for_each(|case| case.change = earlier.change(&file.origin, case));
    }
    if let (Some(path), Some(history)) = (&args.record, record) {
        append(path, history, &file)?;
        display.note(&format!("appended {} rows to {}", file.cases.len(), path.display()));
    }
    print(&file, args.format)
}

/// The report before the first run. Says so where the machine is too busy for times to mean much.
fn begin(args: &BenchArgs, display: &Display) -> BenchFile {
    let (load, cores) = (host::load(), host::processors().get());
    // Half a task more is within what a machine at rest shows.
    let busy = load + args.threads.get() as f64 > cores as f64 + 0.5;
    if busy {
        let threads = args.threads;
        display.note(&format!(
            "warning: the machine is busy: a load of {load:.2} on {cores} cores, with threads to be added: \
             {threads}; times will be too long"
        ));
    }
    BenchFile {
        schema: SCHEMA,
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        origin: Origin {
            date: host::now(),
            commit: env!("SPARTAN_COMMIT").to_owned(),
            cpu: host::processor(),
            cores: cores as u64,
            rustc: env!("SPARTAN_RUSTC").to_owned(),
        },
        load,
        busy,
        ..BenchFile::default()
    }
}

/// One run of a case.
struct Run {
    outcome: Outcome,
    seconds: f64,
    cpu_seconds: Option<f64>,
    peak_rss_bytes: u64,
}

/// The records of a case: on one thread, and on more where asked for and where the case can use them.
fn measure(case: &Case, args: &BenchArgs, display: &Display) -> Result<Vec<CaseRecord>, Failure> {
    let prepared = case.prepare()?;
    let mut records = Vec::new();
    let mut first = None;
    for threads in case.threads(args.threads) {
        let runs = repeat(case, &prepared, threads, args.repeat, display)?;
        let expected = first.get_or_insert_with(|| runs[0].outcome.clone());
        if let Some(run) = runs.iter().find(|run| run.outcome != *expected) {
            return Err(differ(case, threads, expected, &run.outcome));
        }
        let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        let mut record = CaseRecord::new(case.name, threads.get() as u64, runs[0].outcome.counts(), &seconds);
        record.peak_rss_bytes = runs.iter().map(|run| run.peak_rss_bytes).max().unwrap_or(0);
        if threads == NonZero::<usize>::MIN {
            record.cpu_seconds = runs.iter().filter_map(|run| run.cpu_seconds).reduce(f64::min);
        }
        records.push(record);
    }
    complete(case, &mut records, args, display)?;
    Ok(records)
}

/// `repeat` runs on `threads` threads.
fn repeat(
    case: &Case,
    prepared: &Prepared,
    threads: NonZero<usize>,
    repeat: NonZero<u32>,
    display: &Display,
) -> Result<Vec<Run>, Failure> {
    let name = format!("{}, threads: {threads}", case.name);
    (1..=repeat.get())
        .map(|number| {
            let progress = display.begin(format!("{name}, run {number} of {repeat}"));
            host::forget_peak_memory();
            let (start, cpu_start) = (Instant::now(), host::processor_seconds());
            let outcome = prepared.run(threads, &progress)?;
            let seconds = start.elapsed().as_secs_f64();
            let cpu_seconds = host::processor_seconds().zip(cpu_start).map(|(end, start)| end - start);
            display.end(&progress, &format!("{seconds:.3} s"));
            Ok(Run { outcome, seconds, cpu_seconds, peak_rss_bytes: host::peak_rss_bytes() })
        })
        .collect()
}

/// Adds what compares threads and what counts host instructions.
fn complete(
    case: &Case,
    records: &mut [CaseRecord],
    args: &BenchArgs,
    display: &Display,
) -> Result<(), Failure> {
    let Some((one, more)) = records.split_first_mut() else { return Ok(()) };
    for record in more {
        record.speedup_over_one_thread = Some(one.seconds / record.seconds);
    }
    if args.callgrind {
        let progress = display.begin(format!("{}, counted", case.name));
        let count = callgrind::count(case)?;
        display.end(&progress, &format!("{count} host instructions"));
        one.set_host_instructions(count);
    }
    Ok(())
}

fn differ(case: &Case, threads: NonZero<usize>, expected: &Outcome, found: &Outcome) -> Failure {
    Failure::Failed(format!(
        "{}: a run on {threads} threads gave another result than the first one on 1: {:?} instead of {:?}, \
         or other counters",
        case.name,
        found.counts(),
        expected.counts()
    ))
}

/// The scaling, where the set of cases for it was asked for.
fn scaling(asked: &[String], records: &[CaseRecord]) -> Option<Scaling> {
    let of_scaling = |record: &&CaseRecord| {
        record.threads == 1 && CASES.iter().any(|case| case.scales() && case.name == record.case)
    };
    let cases: Vec<&CaseRecord> = records.iter().filter(of_scaling).collect();
    Scaling::over(&cases).filter(|_| asked.iter().any(|name| name == SCALING))
}

// History ------------------------------------------------------------------------------------------------

/// The history at `path`.
fn history(path: &Path) -> Result<History, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    History::parse(&text).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// The history at `path`, or an empty one for a file that is still to be made.
fn history_or_new(path: &Path) -> Result<History, Failure> {
    if fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let directory = path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        store::prepare_directory(directory).map_err(|error| Failure::Input(error.to_string()))?;
        return Ok(History::default());
    }
    history(path)
}

fn append(path: &Path, mut history: History, file: &BenchFile) -> Result<(), Failure> {
    history.append(file);
    Ok(store::write_whole(path, history.text().as_bytes())?)
}

fn print(file: &BenchFile, format: TableFormat) -> Result<(), Failure> {
    let style = if io::stdout().is_terminal() { Style::Terminal } else { Style::Plain };
    match format {
        TableFormat::Table => output::print(&bench::render(file, style)),
        TableFormat::Json => output::print_json(file),
    }
}
