//! Counters that say more than a number: means and histograms.

use std::ops::AddAssign;

use serde::Serialize;

/// A mean of whole numbers, kept exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mean {
    /// Sum of the samples.
    pub sum: u64,
    /// Number of samples.
    pub count: u64,
}

impl Mean {
    /// Adds a sample.
    #[inline]
    pub fn add(&mut self, sample: u64) {
        self.sum += sample;
        self.count += 1;
    }

    /// The mean; 0 without samples.
    pub fn value(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }
}

impl AddAssign for Mean {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// A histogram over powers of two: bucket `b` counts samples in `2^(b-1) .. 2^b` (bucket 0: zero).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// Samples in each bucket, as far as any was seen.
    pub buckets: Vec<u64>,
    /// Their exact mean.
    pub mean: Mean,
}

impl Histogram {
    /// Adds a sample.
    pub fn add(&mut self, sample: u64) {
        let bucket = (u64::BITS - sample.leading_zeros()) as usize;
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.mean.add(sample);
    }
}

/// A quantity over time, in at most 64 intervals of equal length: as a run grows, neighbouring intervals
/// are joined, so memory stays flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Cycles of an interval: a power of two.
    pub interval: u64,
    /// The quantity summed over the cycles of each interval.
    pub areas: Vec<u64>,
    /// Up to when the quantity is known.
    end: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { interval: 1, areas: Vec::new(), end: 0 }
    }
}

impl Timeline {
    const INTERVALS: u64 = 64;

    /// The quantity was `value` from the latest call until `until`.
    #[inline]
    pub fn hold(&mut self, value: u64, until: crate::Cycle) {
        while self.end < until.0 {
            while self.end / self.interval >= Self::INTERVALS {
                self.areas = self.areas.chunks(2).map(|pair| pair.iter().sum()).collect();
                self.interval *= 2;
            }
            let at = self.end / self.interval;
            let next = ((at + 1) * self.interval).min(until.0);
            if self.areas.len() as u64 <= at {
                self.areas.push(0);
            }
            self.areas[at as usize] += value * (next - self.end);
            self.end = next;
        }
    }

    /// The quantity's mean in each interval.
    pub fn means(&self) -> Vec<f64> {
        let lengths = (0..).map(|at| (self.end - at * self.interval).min(self.interval));
        self.areas.iter().zip(lengths).map(|(area, length)| *area as f64 / length as f64).collect()
    }

    /// The quantity's mean over all time.
    pub fn mean(&self) -> f64 {
        let area: u64 = self.areas.iter().sum();
        if self.end == 0 { 0.0 } else { area as f64 / self.end as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_joins_intervals_and_keeps_the_area() {
        let mut timeline = Timeline::default();
        let mut area = 0;
        for step in 0..1000u64 {
            timeline.hold(step, crate::Cycle((step + 1) * 3));
            area += step * 3;
        }
        assert_eq!((timeline.interval, timeline.areas.len()), (64, 47));
        assert_eq!(timeline.areas.iter().sum::<u64>(), area);
        assert_eq!(timeline.mean(), 499.5);
        let means = timeline.means();
        assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
    }

    #[test]
    fn buckets_are_powers_of_two() {
        let mut histogram = Histogram::default();
        for sample in [0, 1, 2, 3, 4, 1024] {
            histogram.add(sample);
        }
        assert_eq!(histogram.buckets, [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(histogram.mean.sum, 1034);
    }
}
