//! How fast the DRAM model is: eight channels kept full, one after the other on one thread.
//!
//! `cargo bench -p mem-hierarchy` prints, for each memory and trace, the best of three runs: lines
//! simulated in a second, how many times as many that is as the faster of DRAMsim3 and Ramulator 2.1
//! simulates, and the clocks that the trace took in each. The references' figures are one thread's, on a
//! machine of their own, so the factors are rough; the clocks show that all three did the same work.

use std::collections::HashSet;
use std::time::Instant;

use mem_hierarchy::dram::{Channel, Dram, Preset};

const CHANNELS: u64 = 8;
const LINES: usize = 400_000;

/// What the references need for [`LINES`] lines: thousands of lines a second and memory clocks, of DRAMsim3
/// and of Ramulator 2.1.
struct Reference {
    rate: [f64; 2],
    clocks: [u64; 2],
}

/// The memories and traces, those with references first.
const CASES: [(Preset, &str, Option<Reference>); 10] = [
    (Preset::Gddr5, "stream", Some(Reference { rate: [434.4, 466.9], clocks: [211_954, 207_444] })),
    (Preset::Gddr5, "random", Some(Reference { rate: [79.5, 124.8], clocks: [688_845, 688_572] })),
    (Preset::Hbm1, "stream", Some(Reference { rate: [649.9, 567.6], clocks: [108_738, 108_175] })),
    (Preset::Hbm1, "random", Some(Reference { rate: [192.9, 222.4], clocks: [205_413, 204_272] })),
    (Preset::Gddr6, "stream", None),
    (Preset::Gddr6, "random", None),
    (Preset::Hbm2, "stream", None),
    (Preset::Hbm2, "random", None),
    (Preset::Hbm2e, "stream", None),
    (Preset::Hbm2e, "random", None),
];

fn main() {
    println!("{LINES} lines of reads over {CHANNELS} channels, saturated, one thread of: {}", machine());
    println!(
        "{:8} {:8} {:>12} {:>10} {:>10} {:>8} {:>9} {:>9} {:>10}",
        "memory", "trace", "here", "DRAMsim3", "Ramulator", "factor", "clocks", "DRAMsim3", "Ramulator"
    );
    for (preset, trace, reference) in CASES {
        let lines = if trace == "stream" { (0..LINES as u64).collect() } else { random_lines() };
        let queues = by_channel(preset, &lines);
        let runs = (0..3).map(|_| time(preset, &queues));
        let (seconds, clocks) = runs.fold((f64::INFINITY, 0), |a, b| if b.0 < a.0 { b } else { a });
        let rate = LINES as f64 / seconds / 1e3;
        print!("{:8} {trace:8} {rate:>8.0} k/s", preset.name());
        if let Some(Reference { rate: [dramsim, ramulator], clocks: [a, b] }) = reference {
            let factor = rate / dramsim.max(ramulator);
            print!(" {dramsim:>6.0} k/s {ramulator:>6.0} k/s {factor:>8.1} {clocks:>9} {a:>9} {b:>10}");
        } else {
            print!(" {:>10} {:>10} {:>8} {clocks:>9}", "", "", "");
        }
        println!();
    }
}

/// The processor's name where the system says it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unnamed processor".into(), |(_, name)| name.to_owned())
}

/// Different lines of a GiB, from SplitMix64: the references' trace `random`.
fn random_lines() -> Vec<u64> {
    let mut state = 0x5EED_0001_u64;
    let mut seen = HashSet::new();
    std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % (1 << 24)
    })
    .filter(|line| seen.insert(*line))
    .take(LINES)
    .collect()
}

/// The lines of each channel, counted within it; channels take turns row by row.
fn by_channel(preset: Preset, lines: &[u64]) -> Vec<Vec<u64>> {
    let row = preset.standard().map_or(1, |standard| standard.row_bytes / 64);
    let mut queues = vec![Vec::new(); CHANNELS as usize];
    for line in lines {
        queues[(line / row % CHANNELS) as usize].push(line / row / CHANNELS * row + line % row);
    }
    queues
}

/// Seconds for all channels, and the clocks of the slowest.
fn time(preset: Preset, queues: &[Vec<u64>]) -> (f64, u64) {
    let start = Instant::now();
    let dram = Dram { preset, ..Dram::default() };
    let clocks = queues.iter().map(|lines| serve(Channel::new(&dram), lines)).max();
    (start.elapsed().as_secs_f64(), clocks.unwrap_or(0))
}

/// Offers a line every clock; the tick of the last data.
fn serve(mut channel: Channel, lines: &[u64]) -> u64 {
    let (mut now, mut last) = (0, 0);
    let mut waiting = lines.iter();
    loop {
        channel.advance(now);
        if channel.can_accept(false)
            && let Some(&line) = waiting.next()
        {
            channel.accept(now, line, false, 0);
        }
        let next = channel.advance(now);
        while let Some((_, done)) = channel.pop_read() {
            last = last.max(done);
        }
        let offer = (waiting.len() > 0 && channel.can_accept(false)).then_some(now + 1);
        match next.into_iter().chain(offer).min() {
            Some(tick) => now = tick,
            None => return last,
        }
    }
}
