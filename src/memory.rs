//! `memory replay`: a trace of accesses on a DRAM memory, or on a cache, alone.
//!
//! The trace is read as a stream ([`trace`]) and replayed as it is read, so memory does not grow with it. What
//! `--commands` writes goes to its file ([`command_file`]) meanwhile.

mod command_file;
mod trace;

use std::io::{self, IsTerminal};

use mem_hierarchy::cache::{Cache, CacheShape};
use mem_hierarchy::dram::{Dram, clock_hz};
use mem_hierarchy::replay::{self, Arrival, Replay, Report};
use results::memory::{self, CacheReplay, DramReplay, LatencyRecord};
use results::table::Style;
use serde::Serialize;
use sim_core::params::Group;

use crate::cli::{ArrivalArg, MemoryArgs, MemoryWhat, ReplayArgs, TableFormat};
use crate::config;
use crate::failure::Failure;
use crate::output;
use command_file::CommandFile;
use trace::{Scope, Trace};

/// Looks at memory alone.
pub(crate) fn memory(args: &MemoryArgs) -> Result<(), Failure> {
    match &args.what {
        MemoryWhat::Replay(args) => match &args.cache {
            Some(shape) => print(args, &on_cache(args, shape)?, memory::render_cache),
            None => print(args, &on_dram(args)?, memory::render_dram),
        },
    }
}

fn print<T: Serialize>(
    args: &ReplayArgs,
    record: &T,
    render: fn(&T, Style) -> String,
) -> Result<(), Failure> {
    match args.format {
        TableFormat::Json => output::print_json(record),
        TableFormat::Table => {
            let style = if io::stdout().is_terminal() { Style::Terminal } else { Style::Plain };
            output::print(&render(record, style))
        }
    }
}

// DRAM ---------------------------------------------------------------------------------------------------

fn on_dram(args: &ReplayArgs) -> Result<DramReplay, Failure> {
    let memory = Memory::new(args)?;
    let arrival = match args.arrival {
        ArrivalArg::Trace => Arrival::Trace,
        ArrivalArg::Saturate => Arrival::Saturate,
    };
    let stretch = args.stretch.map_or(1, u64::from);
    if arrival == Arrival::Saturate && args.stretch.is_some() {
        let message = "--stretch: nothing to stretch, as --arrival saturate ignores the trace's cycles";
        return Err(Failure::Input(message.into()));
    }
    let mut trace = Trace::open(&args.trace)?;
    let mut replay = Replay::new(&memory.dram, arrival);
    let mut commands = memory.command_file(args)?;
    if commands.is_some() {
        replay.record_commands();
    }
    let scope = Scope { stretch, addresses: replay::address_limit(&memory.dram) };
    while let Some(access) = trace.next(scope)? {
        let channel = replay.offer(access);
        if let Some(file) = &mut commands {
            file.write(channel, &replay.take_commands(channel))?;
        }
    }
    let report = replay.finish();
    if let Some(mut file) = commands {
        for channel in 0..memory.dram.channels as usize {
            file.write(channel, &replay.take_commands(channel))?;
        }
        file.finish()?;
    }
    Ok(memory.record(args, trace.name, stretch, &report))
}

/// The memory that was asked for.
struct Memory {
    dram: Dram,
    /// Clock of the memory's commands; the ideal memory's is the core's.
    hz: u64,
    peak_bytes_per_second: u64,
}

impl Memory {
    fn new(args: &ReplayArgs) -> Result<Self, Failure> {
        args.set.iter().try_for_each(|argument| belongs_to_memory(argument))?;
        let gpu = config::resolve(&args.request())?.experiment.gpu;
        let dram = Dram { channels: args.channels.unwrap_or(gpu.dram.channels), ..gpu.dram };
        let mut violations = Vec::new();
        dram.check("gpu.dram", &mut violations);
        if let Some(v) = violations.first() {
            return Err(Failure::Input(format!("{} = {}; allowed: {}", v.path, v.value, v.allowed)));
        }
        let core = gpu.clock.0;
        let (hz, peak_bytes_per_second) = (clock_hz(&dram, core), dram.peak_bytes_per_second(core));
        Ok(Self { dram, hz, peak_bytes_per_second })
    }

    /// The file of `--commands`.
    fn command_file(&self, args: &ReplayArgs) -> Result<Option<CommandFile>, Failure> {
        let Some(path) = &args.commands else { return Ok(None) };
        if self.dram.preset.standard().is_none() {
            let message = format!("--commands: the memory `{}` has no commands", self.dram.preset.name());
            return Err(Failure::Input(message));
        }
        CommandFile::create(path).map(Some)
    }

    fn record(&self, args: &ReplayArgs, trace: String, stretch: u64, report: &Report) -> DramReplay {
        let stats = &report.stats;
        let seconds = report.cycles as f64 / self.hz as f64;
        let bandwidth = if report.cycles == 0 { 0.0 } else { stats.bytes as f64 / seconds };
        let peak = self.peak_bytes_per_second as f64;
        let latency = &report.read_latency;
        DramReplay {
            trace,
            dram: self.dram.preset.name().into(),
            arrival: args.arrival.name().into(),
            requests: stats.reads + stats.writes,
            reads: stats.reads,
            writes: stats.writes,
            cycles: report.cycles,
            bandwidth_gb_s: bandwidth / 1e9,
            percent_of_peak: 100.0 * bandwidth / peak,
            row_hit_rate: match stats.bursts() {
                0 => 0.0,
                bursts => 1.0 - stats.activates as f64 / bursts as f64,
            },
            activates: stats.activates,
            precharges: stats.precharges,
            refreshes: stats.refreshes,
            read_latency_cycles: LatencyRecord {
                mean: latency.mean(),
                median: latency.percentile(50),
                p95: latency.percentile(95),
                p99: latency.percentile(99),
                min: latency.min(),
                max: latency.max(),
            },
            stretch,
            channels: self.dram.channels.into(),
            interleave_bytes: replay::interleave_bytes(&self.dram),
            clock_hz: self.hz,
            peak_gb_s: peak / 1e9,
            time_us: seconds * 1e6,
            row_hits: stats.row_hits,
            row_misses: stats.row_misses,
            row_conflicts: stats.row_conflicts,
            forwarded_reads: stats.forwarded_reads,
            merged_writes: stats.merged_writes,
        }
    }
}

/// Refuses parameters that no DRAM has: they would change nothing.
fn belongs_to_memory(argument: &str) -> Result<(), Failure> {
    let path = argument.split_once('=').map_or("gpu.dram.", |(path, _)| path.trim());
    if path == "gpu.dram.channels" {
        return Err(Failure::Input(format!("--set {argument}: a replay takes --channels for this")));
    }
    if path.starts_with("gpu.dram.") || path == "gpu.clock" {
        return Ok(());
    }
    let allowed = "gpu.dram.PARAMETER, and gpu.clock, in which the ideal memory counts";
    Err(Failure::Input(format!("--set {argument}: a replay has no `{path}`; allowed: {allowed}")))
}

// Caches -------------------------------------------------------------------------------------------------

fn on_cache(args: &ReplayArgs, shape: &str) -> Result<CacheReplay, Failure> {
    let shape: CacheShape = shape.parse().map_err(|error| Failure::Input(format!("--cache: {error}")))?;
    let mut trace = Trace::open(&args.trace)?;
    let mut cache = Cache::new(&shape);
    let scope = Scope { stretch: 1, addresses: u64::MAX };
    while let Some(access) = trace.next(scope)? {
        cache.access(access.address, access.write);
    }
    let counts = cache.stats();
    Ok(CacheReplay {
        trace: trace.name,
        accesses: counts.accesses,
        hits: counts.hits,
        misses: counts.misses,
        read_hits: counts.read_hits,
        read_misses: counts.read_misses,
        write_hits: counts.write_hits,
        write_misses: counts.write_misses,
        evictions: counts.evictions,
        dirty_evictions: counts.dirty_evictions,
        cache: format!("{},{},{},{}", shape.size, shape.ways, shape.line.0, shape.replacement.name()),
        hit_rate: counts.hits as f64 / counts.accesses as f64,
        dirty_lines: cache.dirty_lines(),
    })
}
