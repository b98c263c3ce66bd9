//! The traces that the reference figures were measured with, made anew: each is a rule and a seed.
//!
//! Lines are 64 bytes; the gaps between cycles are uniform from 25 to 75.

use std::fmt::Write;

/// Lines of a trace for DRAM.
pub(crate) const DRAM_LINES: usize = 40_000;
/// Accesses of a trace for caches.
pub(crate) const CACHE_ACCESSES: usize = 100_000;

const LINE: u64 = 64;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// An address, and whether it is written.
type Touch = (u64, bool);

/// The text of the trace `name`, its cycles from the rule.
pub(crate) fn trace(name: &str) -> String {
    let (touches, seed) = match name {
        "stream" => (stream(), 11),
        "random" => (random(), 12),
        "rowconf" => (row_conflicts(), 13),
        "mix7030" => (mix(), 14),
        "colwalk" => (column_walk(), 15),
        "c_colelem" => (elements_of_columns(), 16),
        "c_mix" => (mixed_reuse(), 17),
        _ => panic!("no trace {name}"),
    };
    let mut gaps = Random(seed);
    let (mut text, mut cycle) = (String::new(), 0);
    for (address, write) in touches {
        writeln!(text, "{cycle} {address:#x} {}", if write { 'W' } else { 'R' }).unwrap();
        cycle += 25 + gaps.below(51);
    }
    text
}

/// One line after the other.
fn stream() -> Vec<Touch> {
    (0..DRAM_LINES as u64).map(|i| (i * LINE, false)).collect()
}

/// Lines of 1 GiB, each once.
fn random() -> Vec<Touch> {
    different_lines(&mut Random(0x5EED_0001)).into_iter().map(|line| (line * LINE, false)).collect()
}

/// Another row of one bank each time.
fn row_conflicts() -> Vec<Touch> {
    (0..DRAM_LINES as u64).map(|i| ((i * (512 << 10)) % (4 << 30), false)).collect()
}

/// As random; three of ten are writes.
fn mix() -> Vec<Touch> {
    let mut random = Random(0x5EED_0002);
    let lines = different_lines(&mut random);
    lines.into_iter().map(|line| (line * LINE, random.below(10) < 3)).collect()
}

fn different_lines(random: &mut Random) -> Vec<u64> {
    let mut seen = std::collections::HashSet::new();
    let drawn = std::iter::repeat_with(|| random.below((1 << 30) / LINE));
    drawn.filter(|line| seen.insert(*line)).take(DRAM_LINES).collect()
}

/// 64 columns 18,432 bytes apart, read in turn, 16 lines of each.
fn column_walk() -> Vec<Touch> {
    const PITCH: u64 = 18_432;
    let runs = (0..).flat_map(|block| {
        (0..PITCH / 1_024)
            .flat_map(move |run| (0..64).map(move |column| (block * 64 + column) * PITCH + run * 1_024))
    });
    let lines = runs.flat_map(|start| (0..16).map(move |line| (start + line * LINE, false)));
    lines.take(DRAM_LINES).collect()
}

/// Elements of 8 bytes, row by row across 64 columns 18,432 bytes apart.
fn elements_of_columns() -> Vec<Touch> {
    (0..CACHE_ACCESSES as u64).map(|i| (i % 64 * 18_432 + i / 64 * 8, false)).collect()
}

/// Half in 24 KiB, three of ten in 3 MiB, the rest a stream of 8 bytes; a quarter are writes.
fn mixed_reuse() -> Vec<Touch> {
    let mut random = Random(0x5EED_0003);
    let mut streamed = 0;
    let mut touch = || {
        let address = match random.below(10) {
            0..5 => 0x10_0000 + random.below((24 << 10) / 8) * 8,
            5..8 => 0x100_0000 + random.below((3 << 20) / 8) * 8,
            _ => {
                streamed += 8;
                0x800_0000 + streamed - 8
            }
        };
        (address, random.below(4) == 0)
    };
    (0..CACHE_ACCESSES).map(|_| touch()).collect()
}

#[test]
fn traces_are_those_of_the_references() {
    for (name, length, last) in [
        ("stream", DRAM_LINES, "1998315 0x270fc0 R"),
        ("random", DRAM_LINES, "2005136 0x1785f540 R"),
        ("rowconf", DRAM_LINES, "2003605 0xe1f80000 R"),
        ("mix7030", DRAM_LINES, "2001207 0x1f36c980 W"),
        ("colwalk", DRAM_LINES, "2000198 0x24e7c0 R"),
        ("c_colelem", CACHE_ACCESSES, "4996375 0x8e8d0 R"),
        ("c_mix", CACHE_ACCESSES, "4994175 0x127d780 R"),
    ] {
        let text = trace(name);
        assert_eq!((text.lines().count(), text.lines().last()), (length, Some(last)), "{name}");
    }
}
