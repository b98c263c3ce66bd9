//! Host speed of one DRAM channel, kept full: nanoseconds a line and a command.
//!
//! ```sh
//! cargo run --release -p mem-hierarchy --example dram_speed [LINES]
//! ```

use std::time::Instant;

use mem_hierarchy::dram::{Channel, Dram, Preset};

fn main() {
    let lines: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2_000_000);
    println!("preset,traffic,ticks,ns_a_line,ns_a_command");
    for preset in [Preset::Gddr5, Preset::Hbm1, Preset::HbmR9Nano] {
        for (traffic, writes, step) in [("stream", false, 1), ("random", false, 0), ("mixed", true, 0)] {
            let mut channel = Channel::new(&Dram { preset, ..Dram::default() });
            let start = Instant::now();
            let end = fill(&mut channel, lines, writes, step);
            let ns = start.elapsed().as_secs_f64() * 1e9;
            let stats = channel.stats();
            let commands = stats.bursts() + stats.activates + stats.precharges + stats.refreshes;
            let (a_line, a_command) = (ns / lines as f64, ns / commands as f64);
            println!("{},{traffic},{end},{a_line:.1},{a_command:.1}", preset.name());
        }
    }
}

/// Offers `lines` lines as fast as they are taken; `step` 0 makes them random. The last tick.
fn fill(channel: &mut Channel, lines: u64, writes: bool, step: u64) -> u64 {
    let (mut state, mut now, mut offered) = (1u64, 0, 0);
    let mut line = 0;
    let mut next = 0;
    loop {
        while offered < lines {
            let write = writes && state >> 61 < 2;
            if !channel.can_accept(write) {
                break;
            }
            channel.accept(now, line, write, offered as u32);
            offered += 1;
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            line = if step > 0 { line + step } else { state >> 40 };
        }
        if let Some(tick) = channel.advance(now) {
            next = tick;
        } else if offered == lines {
            return next;
        }
        while channel.pop_read().is_some() {}
        now = next;
        channel.advance(now);
    }
}
