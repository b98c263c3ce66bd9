//! DRAM: one channel at the level of its commands, driven by events and by tables.
//!
//! A [`Channel`] takes 64-byte lines and answers each read with the tick of its last data:
//!
//! ```
//! use mem_hierarchy::dram::{Channel, Dram};
//! let mut channel = Channel::new(&Dram::default()); // GDDR5 at 7 Gb/s
//! let (mut now, line, write, tag) = (100, 0, false, 7);
//! channel.accept(now, line, write, tag);
//! while let Some(next) = channel.advance(now) {
//!     now = next;
//! }
//! // One clock to schedule, tRCD 28, CL 28, two bursts of two clocks.
//! assert_eq!(channel.pop_read(), Some((7, 161)));
//! ```
//!
//! How it is built, from the bottom up:
//!
//! - [`timing`]: what a standard's timings forbid, as one table of rules (*after this command, that
//!   command waits so long, in this scope*), and the interpreter of that table;
//! - [`standards`]: the presets, one entry a memory: geometry, timings, policies, source of the figures;
//! - [`address`]: which row, bank and column a line of a channel lies in;
//! - `bank`: the state of a bank, and the command that it wants next;
//! - `queue`: requests waiting, in one list a bank;
//! - `refresh`: when the next refresh is due, and of which bank;
//! - [`channel`]: the scheduler, which turns the wishes of the banks into a stream of commands;
//! - `ideal`: the memory without commands, so many requests a clock at a fixed latency;
//! - [`params`]: what a configuration may say.
//!
//! Time is counted in ticks of the memory's own command clock ([`clock_hz`]). A channel runs its
//! commands at exactly the ticks at which they are due, even where it is told late, so the clock of
//! whoever calls it has no influence. A command is scheduled one tick after its request was accepted at
//! the earliest, so the order of calls within a tick has none either.
//!
//! What is absent: power-down and self-refresh, postponed refreshes, refresh of bank pairs, ECC, and
//! data. A channel knows nothing of the address map between channels nor of who asked.

pub mod address;
mod bank;
pub mod channel;
mod ideal;
pub mod params;
mod queue;
mod refresh;
pub mod standards;
mod stats;
pub mod timing;

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod checker;
#[cfg(test)]
mod tests;

pub use channel::{Channel, LoggedCommand, clock_hz};
pub use params::{Dram, Hashing, Mapping, PagePolicy, Preset, Refresh, Scheduler};
pub use stats::ChannelStats;
pub use timing::Command;

/// Bytes of a line, the unit of every request.
pub const LINE_BYTES: u64 = 64;
