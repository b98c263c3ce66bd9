//! Random numbers that are the same on every machine, whatever the order they are asked for in.
//!
//! Two generators, for two needs:
//! - [`Counter`] hashes (seed, stream, index), so element (i, j) of a matrix can be had at any time and
//!   in any order without storing the matrix;
//! - [`Sequence`] is PCG64, for draws that depend on each other (a rejection loop takes as many numbers
//!   as it needs).
//!
//! Both are keyed by the user's seed and a [`Stream`], one a purpose, so that changing how many numbers
//! one purpose takes does not move another. Transcendental functions come from the `libm` crate, never
//! from the platform: the last bit of `ln` or `cos` differs between C libraries, and a result must not.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};
use std::sync::LazyLock;

use half::f16;
use rand_core::Rng as _;
use rand_pcg::Pcg64;

/// What random numbers are drawn for. The numbers are part of every recorded result: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// The weights, matrix A.
    Weights = 1,
    /// Zeros and values of a random matrix B.
    MatrixB = 2,
    /// Where the zeros of uniformly sparse activations lie.
    ZeroPositions = 3,
    /// The values of generated activations that are not zero.
    ActivationValues = 4,
    /// The share of zeros of each channel of clustered activations.
    ChannelShares = 5,
    /// The latent field that the channels of an image share.
    SharedField = 6,
    /// The latent field of one channel.
    ChannelField = 7,
    /// Which workgroups a sample takes.
    SampledWorkgroups = 8,
}

/// Weights of an `m` by `k` matrix A, row-major: normal, mean 0, standard deviation 1/sqrt(k), no zeros.
///
/// The standard deviation keeps the elements of C near 1 whatever k is. Element (i, j) is
/// `Counter::new(seed, Stream::Weights).normal(i * k + j) / sqrt(k)`.
pub fn normal_matrix(m: u32, k: u32, seed: u64) -> Vec<f32> {
    let counter = Counter::new(seed, Stream::Weights);
    let scale = 1.0 / libm::sqrt(f64::from(k));
    let elements = m as usize * k as usize;
    let mut values = Vec::with_capacity(elements + 1);
    for pair in 0..elements.div_ceil(2) as u64 {
        values.extend(normal_pair(counter.bits(pair)).map(|value| (value * scale) as f32));
    }
    values.truncate(elements);
    values
}

/// Random numbers by index: the same (seed, stream, index) gives the same number.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    key: u64,
}

impl Counter {
    /// The numbers of `stream` under the user's `seed`.
    pub fn new(seed: u64, stream: Stream) -> Self {
        Self { key: stream_key(seed, stream) }
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&self, index: u64) -> u64 {
        // SplitMix64, whose state is a counter and which can therefore be entered anywhere.
        mix(self.key.wrapping_add(index.wrapping_mul(GOLDEN_GAMMA)))
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub fn uniform(&self, index: u64) -> f32 {
        (self.bits(index) >> 40) as f32 * (1.0 / (1u64 << 24) as f32)
    }

    /// Standard normal: mean 0, standard deviation 1, at most 6.7 from 0 and never exactly 0.
    ///
    /// Indices 2i and 2i + 1 are the two results of one Box-Muller transform of `bits(i)`.
    pub fn normal(&self, index: u64) -> f64 {
        normal_pair(self.bits(index / 2))[(index % 2) as usize]
    }
}

/// Random numbers one after the other.
#[derive(Clone, Debug)]
pub struct Sequence {
    generator: Pcg64,
}

impl Sequence {
    /// The numbers of `stream` under the user's `seed`.
    pub fn new(seed: u64, stream: Stream) -> Self {
        // PCG streams that differ by little are correlated, hence the hash.
        let state = u128::from(stream_key(seed, stream));
        Self { generator: Pcg64::new(state << 64 | u128::from(seed), stream as u128) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in (0, 1): neither end occurs.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Uniform in 0 .. `bound`, which must not be 0. The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number lies below 0");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Standard normal: mean 0, standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        normal_pair(self.bits())[0]
    }

    /// Gamma with the given `shape` (positive) and scale 1, after Marsaglia and Tsang (2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            // Their boost for small shapes: gamma(a) = gamma(a + 1) * U^(1/a).
            let boost = libm::pow(self.uniform(), 1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let root = 1.0 + c * x;
            if root <= 0.0 {
                continue;
            }
            let v = root * root * root;
            if libm::log(self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Beta(`a`, `b`). A parameter of 0 is the limit: Beta(0, b) is 0 and Beta(a, 0) is 1.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        if a <= 0.0 {
            return 0.0;
        }
        if b <= 0.0 {
            return 1.0;
        }
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 {
            return x / (x + y);
        }
        // Both underflowed, which needs parameters near 0, where Beta(a, b) is a coin.
        if self.uniform() < a / (a + b) { 1.0 } else { 0.0 }
    }
}

/// Levels of [`half_normal`].
pub const HALF_NORMAL_LEVELS: usize = 4096;

/// |normal| at one of 4,096 equally likely `level`s: what is left of a ReLU's input where it is positive.
///
/// Each is exact in binary16 (so that compaction loses nothing), at least 1.5e-4 and at most 3.7. Only
/// the low 12 bits of `level` count. A table lookup: drawing 16 normals for a line takes 400 ns.
#[inline]
pub fn half_normal(level: u32) -> f32 {
    HALF_NORMAL[level as usize % HALF_NORMAL_LEVELS]
}

/// The table behind [`half_normal`], for loops that should not check each time that it is there.
pub(crate) fn half_normal_table() -> &'static [f32; HALF_NORMAL_LEVELS] {
    &HALF_NORMAL
}

static HALF_NORMAL: LazyLock<Box<[f32; HALF_NORMAL_LEVELS]>> = LazyLock::new(|| {
    let mut levels = Box::new([0.0; HALF_NORMAL_LEVELS]);
    for (level, value) in levels.iter_mut().enumerate() {
        let share = (level as f64 + 0.5) / HALF_NORMAL_LEVELS as f64;
        *value = f16::from_f32(half_normal_quantile(share) as f32).to_f32();
    }
    levels
});

/// The x below which |normal| lies with probability `share`, by bisection of erf(x / sqrt(2)) = share.
fn half_normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..48 {
        let middle = 0.5 * (low + high);
        if libm::erf(middle * FRAC_1_SQRT_2) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Two independent standard normals from 64 bits (Box and Muller 1958), neither of them 0.
fn normal_pair(bits: u64) -> [f64; 2] {
    let radius = libm::sqrt(-2.0 * libm::log(inside_unit((bits >> 32) as u32)));
    let (sine, cosine) = libm::sincos(TAU * inside_unit(bits as u32));
    [radius * cosine, radius * sine]
}

/// Uniform in (0, 1), and never 1/4, 1/2 or 3/4, where a sine or cosine would be 0.
fn inside_unit(bits: u32) -> f64 {
    (f64::from(bits) + 0.5) / (1u64 << 32) as f64
}

/// 2^64 over the golden ratio, odd: SplitMix64's step.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn stream_key(seed: u64, stream: Stream) -> u64 {
    mix(mix(seed.wrapping_add(GOLDEN_GAMMA)).wrapping_add((stream as u64).wrapping_mul(GOLDEN_GAMMA)))
}

/// SplitMix64's finaliser: every output bit depends on every input bit.
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation.
    fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        (mean, (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    #[test]
    fn pcg64_gives_its_authors_numbers() {
        let mut generator = Pcg64::new(42, 54);
        let expected = [0x86b1_da1d_7206_2b68, 0x1304_aa46_c985_3d39, 0xa367_0e9e_0dd5_0358];
        assert_eq!([(); 3].map(|()| generator.next_u64()), expected);
    }

    #[test]
    fn mix_is_splitmix64() {
        // The first three outputs of SplitMix64 with seed 1234567, as published with the algorithm.
        let counter = Counter { key: 1_234_567 };
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([1, 2, 3].map(|index| counter.bits(index)), expected);
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let counter = Counter::new(7, Stream::Weights);
        let (mean, deviation) = moments((0..100_000).map(|index| counter.normal(index)));
        assert!(mean.abs() < 0.01 && (deviation - 1.0).abs() < 0.01, "{mean} {deviation}");
        let within_one = (0..100_000).filter(|&index| counter.normal(index).abs() < 1.0).count();
        assert!((within_one as f64 / 100_000.0 - 0.6827).abs() < 0.005);
    }

    #[test]
    fn uniforms_fill_the_unit_interval() {
        let counter = Counter::new(7, Stream::MatrixB);
        let mut bins = [0; 10];
        for index in 0..100_000 {
            bins[(counter.uniform(index) * 10.0) as usize] += 1;
        }
        assert!(bins.iter().all(|&count| (9_600..10_400).contains(&count)), "{bins:?}");
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = Counter::new(1, Stream::Weights);
        assert_ne!(first.bits(0), Counter::new(2, Stream::Weights).bits(0));
        assert_ne!(first.bits(0), Counter::new(1, Stream::MatrixB).bits(0));
        assert_ne!(
            Sequence::new(1, Stream::ChannelShares).bits(),
            Sequence::new(1, Stream::ZeroPositions).bits()
        );
    }

    #[test]
    fn weights_are_the_counters_normals_scaled() {
        let (m, k) = (3, 5);
        let weights = normal_matrix(m, k, 11);
        let counter = Counter::new(11, Stream::Weights);
        let expected: Vec<f32> =
            (0..15).map(|index| (counter.normal(index) * (1.0 / libm::sqrt(5.0))) as f32).collect();
        assert_eq!(weights, expected);
    }

    #[test]
    fn weights_have_standard_deviation_one_over_root_k_and_no_zeros() {
        let weights = normal_matrix(64, 1_600, 3);
        assert_eq!(weights.len(), 64 * 1_600);
        let (mean, deviation) = moments(weights.iter().map(|&weight| f64::from(weight)));
        assert!(mean.abs() < 3e-4 && (deviation - 1.0 / 40.0).abs() < 2e-4, "{mean} {deviation}");
        assert!(weights.iter().all(|&weight| weight != 0.0));
    }

    /// A golden: these bits must not change from machine to machine or from version to version.
    #[test]
    fn the_numbers_are_the_same_everywhere() {
        let weights = normal_matrix(2, 2, 0).into_iter().map(f32::to_bits);
        assert_eq!(weights.collect::<Vec<_>>(), [0xbd84_942c, 0xbf16_4bba, 0x3e76_7e30, 0x3fb1_3e46]);
        let mut sequence = Sequence::new(0, Stream::ChannelShares);
        let betas = [sequence.beta(7.0, 3.0), sequence.beta(0.5, 0.5)];
        assert_eq!(betas.map(f64::to_bits), [0x3fea_b47f_8462_7fb9, 0x3fd6_7556_10e1_ba76]);
        let levels = [0, 1, 2_048, 4_095].map(|level| half_normal(level).to_bits());
        assert_eq!(levels, [0x3920_6000, 0x39f0_a000, 0x3f2c_c000, 0x4075_e000]);
    }

    #[test]
    fn gamma_and_beta_have_their_moments() {
        let mut sequence = Sequence::new(5, Stream::ChannelShares);
        for shape in [0.3, 1.0, 2.5, 9.0] {
            let draws: Vec<f64> = (0..50_000).map(|_| sequence.gamma(shape)).collect();
            let (mean, deviation) = moments(draws.iter().copied());
            assert!((mean / shape - 1.0).abs() < 0.03, "gamma({shape}) has mean {mean}");
            assert!((deviation / shape.sqrt() - 1.0).abs() < 0.05, "gamma({shape}): {deviation}");
        }
        for (a, b) in [(7.0, 3.0), (0.5, 1.8), (6.8, 1.5)] {
            let draws: Vec<f64> = (0..50_000).map(|_| sequence.beta(a, b)).collect();
            let (mean, deviation) = moments(draws.iter().copied());
            let variance = a * b / ((a + b) * (a + b) * (a + b + 1.0));
            assert!((mean - a / (a + b)).abs() < 0.005, "beta({a}, {b}) has mean {mean}");
            assert!((deviation - variance.sqrt()).abs() < 0.005, "beta({a}, {b}): {deviation}");
        }
    }

    #[test]
    fn beta_has_its_limits() {
        let mut sequence = Sequence::new(5, Stream::ChannelShares);
        assert_eq!(sequence.beta(0.0, 10.0), 0.0);
        assert_eq!(sequence.beta(10.0, 0.0), 1.0);
        assert!((0..100).all(|_| (0.0..=1.0).contains(&sequence.beta(1e-5, 1e-5))));
    }

    #[test]
    fn half_normals_are_exact_in_binary16_and_never_zero() {
        let table = half_normal_table();
        assert!(table.iter().all(|&value| value > 1e-4 && f16::from_f32(value).to_f32() == value));
        assert!(table.is_sorted());
        let (mean, _) = moments(table.iter().map(|&value| f64::from(value)));
        assert!((mean - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-3, "{mean}");
        assert!((table[HALF_NORMAL_LEVELS / 2] - 0.6745).abs() < 1e-3);
    }
}
