//! Which lines of memory a kernel touches, and which of them several thread blocks do.
//!
//! Lines are kept in a table of at most [`EXACT_LINES`]. Up to there the counts are exact. When it is full,
//! half of the lines go, chosen by a hash of their address, and only lines of the chosen half are entered
//! from then on; so again whenever it is full. What is kept has been watched from its first access, and the
//! whole is estimated from it (adaptive sampling; P. Flajolet, Computing 43, 1990). The standard error is 1.2
//! / sqrt(`EXACT_LINES`), about 0.12 %.

use rustc_hash::FxHashMap;

/// Bytes of a line: a cache line of NVIDIA's GPUs.
pub const LINE_BYTES: u64 = 128;
/// Lines up to which counts are exact: 128 MiB of memory.
pub const EXACT_LINES: usize = 1 << 20;

/// The lines that have been touched.
#[derive(Clone, Debug)]
pub struct Footprint {
    lines: FxHashMap<u64, Toucher>,
    limit: usize,
    /// Lines are kept whose hash begins with so many zeros.
    level: u32,
}

/// Who touched a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Toucher {
    /// The first thread block that did.
    block: u32,
    /// Whether another one did.
    shared: bool,
}

impl Default for Footprint {
    fn default() -> Self {
        Self::with_limit(EXACT_LINES)
    }
}

impl Footprint {
    /// One that counts exactly up to `limit` lines.
    pub fn with_limit(limit: usize) -> Self {
        Self { lines: FxHashMap::default(), limit, level: 0 }
    }

    /// Thread block number `block` touches line number `line`. (Numbers of blocks are taken modulo 2^32.)
    pub fn touch(&mut self, line: u64, block: u64) {
        let block = block as u32;
        self.enter(line, Toucher { block, shared: false }, |known| known.block != block);
    }

    /// Takes in the lines of another kernel. Its thread blocks are others than those seen so far.
    pub fn absorb(&mut self, other: &Self) {
        self.raise(other.level);
        for (&line, &toucher) in &other.lines {
            self.enter(line, toucher, |_| true);
        }
    }

    /// Different lines.
    pub fn lines(&self) -> u64 {
        (self.lines.len() as u64) << self.level
    }

    /// Lines that more than one thread block touched.
    pub fn shared_lines(&self) -> u64 {
        (self.lines.values().filter(|toucher| toucher.shared).count() as u64) << self.level
    }

    /// Whether the counts are exact rather than estimated.
    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    fn enter(&mut self, line: u64, toucher: Toucher, shared: impl Fn(&Toucher) -> bool) {
        if !is_kept(line, self.level) {
            return;
        }
        if let Some(known) = self.lines.get_mut(&line) {
            known.shared |= toucher.shared || shared(known);
            return;
        }
        while self.lines.len() >= self.limit {
            self.raise(self.level + 1);
        }
        if is_kept(line, self.level) {
            self.lines.insert(line, toucher);
        }
    }

    fn raise(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.lines.retain(|line, _| is_kept(*line, level));
        }
    }
}

fn is_kept(line: u64, level: u32) -> bool {
    level == 0 || hash(line).leading_zeros() >= level
}

/// The finaliser of SplitMix64 (S. Vigna): every bit of the line's number changes every bit of the result.
fn hash(line: u64) -> u64 {
    let mixed = (line ^ (line >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_blocks_are_shared() {
        let mut footprint = Footprint::default();
        for (line, block) in [(1, 0), (1, 0), (2, 0), (2, 1), (2, 0), (3, 1)] {
            footprint.touch(line, block);
        }
        assert_eq!((footprint.lines(), footprint.shared_lines(), footprint.is_exact()), (3, 1, true));
    }

    #[test]
    fn blocks_of_another_kernel_are_others() {
        let mut all = Footprint::default();
        for lines in [[1, 2], [2, 3]] {
            let mut kernel = Footprint::default();
            lines.into_iter().for_each(|line| kernel.touch(line, 0));
            assert_eq!(kernel.shared_lines(), 0);
            all.absorb(&kernel);
        }
        assert_eq!((all.lines(), all.shared_lines()), (3, 1));
    }

    #[test]
    fn past_its_limit_it_estimates_and_stays_small() {
        let mut footprint = Footprint::with_limit(4096);
        for block in 0..2 {
            // Every third line is touched by both blocks, the others by one.
            (0..300_000).filter(|line| line % 3 == 0 || line % 2 == block).for_each(|line| {
                footprint.touch(line, block);
            });
        }
        assert!(!footprint.is_exact() && footprint.lines.len() <= 4096);
        // Six standard errors of a sample of at least half the limit.
        let near = |estimate: u64, sampled: f64, truth: f64| {
            (estimate as f64 / truth - 1.0).abs() < 6.0 / sampled.sqrt()
        };
        assert!(near(footprint.lines(), 2048.0, 300_000.0), "{}", footprint.lines());
        assert!(near(footprint.shared_lines(), 2048.0 / 3.0, 100_000.0), "{}", footprint.shared_lines());
    }

    #[test]
    fn at_its_limit_it_is_exact() {
        let mut footprint = Footprint::with_limit(100);
        (0..100).for_each(|line| footprint.touch(line, line));
        assert_eq!((footprint.lines(), footprint.is_exact()), (100, true));
        footprint.touch(100, 0);
        assert!(!footprint.is_exact());
    }
}
