//! Cycles and exact clock domains.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A point in time, in cycles of the core clock from the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cycle(pub u64);

impl Cycle {
    /// Later than every cycle of a run.
    pub const NEVER: Self = Self(u64::MAX);

    /// Cycles from `earlier` to `self`; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Cycle {
    type Output = Self;
    fn add(self, cycles: u64) -> Self {
        Self(self.0 + cycles)
    }
}

impl AddAssign<u64> for Cycle {
    fn add_assign(&mut self, cycles: u64) {
        self.0 += cycles;
    }
}

impl Sub for Cycle {
    type Output = u64;
    fn sub(self, earlier: Self) -> u64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The exact ratio of another clock to the core clock.
///
/// Conversions are integer arithmetic with ceiling, so a domain never drifts: tick `t` of the other
/// clock becomes visible in the first core cycle that starts no earlier than it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRatio {
    other: u64,
    core: u64,
}

impl ClockRatio {
    /// The domain of a clock of `other_hz` beside a core of `core_hz` (both non-zero).
    pub fn new(other_hz: u64, core_hz: u64) -> Self {
        assert!(other_hz > 0 && core_hz > 0, "a clock of 0 Hz");
        let divisor = gcd(other_hz, core_hz);
        Self { other: other_hz / divisor, core: core_hz / divisor }
    }

    /// The first core cycle that starts no earlier than `tick` of the other clock.
    pub fn to_core(self, tick: u64) -> Cycle {
        Cycle(scale(tick, self.core, self.other))
    }

    /// The first tick of the other clock that starts no earlier than core cycle `at`.
    pub fn from_core(self, at: Cycle) -> u64 {
        scale(at.0, self.other, self.core)
    }
}

/// `ceil(value * numerator / denominator)`.
fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    (u128::from(value) * u128::from(numerator)).div_ceil(u128::from(denominator)) as u64
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_does_not_drift() {
        // 1,750 MHz beside 1 GHz: 7 ticks in 4 cycles, for ever.
        let dram = ClockRatio::new(1_750_000_000, 1_000_000_000);
        assert_eq!(dram.to_core(7_000_000_000), Cycle(4_000_000_000));
        assert_eq!(dram.to_core(1), Cycle(1));
        assert_eq!(dram.to_core(2), Cycle(2));
        assert_eq!(dram.to_core(7), Cycle(4));
        assert_eq!(dram.to_core(8), Cycle(5));
        assert_eq!(dram.from_core(Cycle(4)), 7);
        assert_eq!(dram.from_core(Cycle(1)), 2);
    }

    #[test]
    fn conversions_never_run_backwards_in_time() {
        let ratio = ClockRatio::new(1_233_000_000, 875_000_001);
        for tick in 0..5_000 {
            assert!(ratio.from_core(ratio.to_core(tick)) >= tick);
        }
    }
}
