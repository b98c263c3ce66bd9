//! Replays traces of lines on the DRAM presets, for comparison with other simulators.
//!
//! ```sh
//! cargo run --release -p mem-hierarchy --example dram_reference -- TRACE... [--commands DIR]
//! ```
//!
//! A trace holds lines `cycle hexaddr R|W`. Each is run on `gddr5` and `hbm1`, with and without refresh,
//! at low load (one FIFO in front, requests at their cycle), with arrivals stretched four times, and
//! saturated (everything waits in a FIFO a channel). One CSV row a run goes to stdout; with `--commands`
//! the saturated runs' command streams go to `DIR/<preset>-<trace>.cmd`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Instant;

use mem_hierarchy::dram::{Channel, ChannelStats, Dram, LINE_BYTES, Preset, clock_hz};

const CHANNELS: u64 = 8;

#[derive(Clone, Copy)]
struct Request {
    cycle: u64,
    line: u64,
    write: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut commands = None;
    if let Some(at) = arguments.iter().position(|a| a == "--commands") {
        commands = arguments.drain(at..).nth(1);
    }
    println!(
        "memory,refresh,trace,load,makespan,bandwidth_gb_s,row_hit_rate,latency_mean,activates,refreshes,ns_a_line,ns_a_command"
    );
    for path in &arguments {
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".trace");
        let trace = read(&std::fs::read_to_string(path)?)?;
        for preset in [Preset::Gddr5, Preset::Hbm1] {
            for refresh in [true, false] {
                for load in ["low", "low4", "sat"] {
                    let run = Run::new(
                        &Dram { preset, refresh, ..Dram::default() },
                        commands.is_some() && load == "sat",
                    );
                    let (makespan, channels, seconds) = run.replay(&trace, load);
                    report(preset, refresh, name, load, makespan, &channels, seconds);
                    if let Some(directory) = commands.as_ref().filter(|_| load == "sat" && refresh) {
                        let file = format!("{directory}/{}-{name}.cmd", preset.name());
                        std::fs::write(file, stream(channels))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn read(text: &str) -> Result<Vec<Request>, Box<dyn std::error::Error>> {
    text.lines()
        .map(|row| {
            let mut fields = row.split_whitespace();
            let mut field = || fields.next().ok_or("a trace line has three fields");
            let cycle = field()?.parse()?;
            let address = u64::from_str_radix(field()?.trim_start_matches("0x"), 16)?;
            Ok(Request { cycle, line: address / LINE_BYTES, write: field()? == "W" })
        })
        .collect()
}

/// Eight channels, interleaved by a row.
struct Run {
    channels: Vec<Channel>,
    lines_a_row: u64,
}

impl Run {
    fn new(dram: &Dram, record: bool) -> Self {
        let mut channels: Vec<_> = (0..CHANNELS).map(|_| Channel::new(dram)).collect();
        channels.iter_mut().for_each(|c| c.record_commands(record));
        let lines_a_row = dram.preset.standard().map_or(1, |s| s.row_bytes / LINE_BYTES);
        Self { channels, lines_a_row }
    }

    /// The channel of a line, and the line within it.
    fn split(&self, line: u64) -> (usize, u64) {
        let n = self.lines_a_row;
        ((line / n % CHANNELS) as usize, line / n / CHANNELS * n + line % n)
    }

    fn replay(mut self, trace: &[Request], load: &str) -> (u64, Vec<Channel>, f64) {
        let stretch = if load == "low4" { 4 } else { 1 };
        let single = load != "sat";
        let mut fifos = vec![VecDeque::new(); if single { 1 } else { CHANNELS as usize }];
        for &Request { cycle, line, write } in trace {
            let (channel, line) = self.split(line);
            let arrival = if single { cycle * stretch } else { 0 };
            fifos[if single { 0 } else { channel }].push_back((arrival, channel, line, write));
        }
        let start = Instant::now();
        let (mut now, mut last) = (0, 0);
        loop {
            let mut next = u64::MAX;
            self.channels.iter_mut().for_each(|c| {
                c.advance(now);
            });
            for fifo in &mut fifos {
                // Each FIFO offers its head every clock.
                if let Some(&(arrival, channel, line, write)) = fifo.front()
                    && arrival <= now
                    && self.channels[channel].can_accept(write)
                {
                    self.channels[channel].accept(now, line, write, 0);
                    fifo.pop_front();
                }
                if let Some(&(arrival, channel, _, write)) = fifo.front()
                    && (arrival > now || self.channels[channel].can_accept(write))
                {
                    next = next.min(arrival.max(now + 1));
                }
            }
            for channel in &mut self.channels {
                next = next.min(channel.advance(now).unwrap_or(u64::MAX));
                while let Some((_, done)) = channel.pop_read() {
                    last = last.max(done);
                }
            }
            if next == u64::MAX {
                break;
            }
            now = next;
        }
        let seconds = start.elapsed().as_secs_f64();
        self.channels.iter_mut().for_each(|c| {
            c.advance(last.max(now));
        });
        (last.max(now), self.channels, seconds)
    }
}

fn report(
    preset: Preset,
    refresh: bool,
    trace: &str,
    load: &str,
    makespan: u64,
    channels: &[Channel],
    seconds: f64,
) {
    let mut sum = ChannelStats::default();
    channels.iter().for_each(|c| sum += c.stats());
    let hz = clock_hz(&Dram { preset, ..Dram::default() }, 1_000_000_000) as f64;
    let lines = sum.reads + sum.writes;
    let bandwidth = (lines * LINE_BYTES) as f64 * hz / makespan as f64 / 1e9;
    let issued = sum.bursts() + sum.activates + sum.precharges + sum.refreshes;
    println!(
        "{},{refresh},{trace},{load},{makespan},{bandwidth:.3},{:.4},{:.3},{},{},{:.1},{:.1}",
        preset.name(),
        1.0 - sum.activates as f64 / sum.bursts() as f64,
        sum.read_latency.value(),
        sum.activates,
        sum.refreshes,
        seconds * 1e9 / lines as f64,
        seconds * 1e9 / issued as f64,
    );
}

/// The command stream as text: `clk channel CMD bankgroup bank row`.
fn stream(channels: Vec<Channel>) -> String {
    let mut text = String::new();
    for (index, mut channel) in channels.into_iter().enumerate() {
        for c in channel.take_commands() {
            let name = c.command.mnemonic();
            let _ = writeln!(text, "{} {index} {name} {} {} {}", c.tick, c.bank_group, c.bank, c.row);
        }
    }
    text
}
