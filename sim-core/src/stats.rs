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

#[cfg(test)]
mod tests {
    use super::*;

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
