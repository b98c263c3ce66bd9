//! Which L2 slice and which memory channel serve an address.

use crate::params::L2;
use crate::request::{LINE_BYTES, Line};

/// The interleaving of addresses over L2 slices and memory channels.
///
/// Consecutive `interleave` bytes belong to one slice, the next ones to the next. Several slices may
/// share a channel: slice `s` uses channel `s % channels`. All of them are powers of two, held as such.
#[derive(Clone, Copy, Debug)]
pub struct AddressMap {
    lines_per_chunk: Power,
    slices: Power,
    channels: Power,
}

/// A power of two, by its logarithm.
#[derive(Clone, Copy, Debug)]
struct Power(u32);

impl Power {
    fn of(number: u64) -> Self {
        assert!(number.is_power_of_two(), "{number} is no power of two");
        Self(number.trailing_zeros())
    }
    #[inline]
    fn quotient(self, line: u64) -> u64 {
        line >> self.0
    }
    #[inline]
    fn remainder(self, line: u64) -> u64 {
        line & ((1 << self.0) - 1)
    }
}

impl AddressMap {
    /// The map of `l2` in front of `channels` channels, which must divide the slices.
    pub fn new(l2: &L2, channels: u32) -> Self {
        assert!(l2.slices.is_multiple_of(channels), "{} slices over {channels} channels", l2.slices);
        Self {
            lines_per_chunk: Power::of(l2.interleave.0 / LINE_BYTES),
            slices: Power::of(l2.slices.into()),
            channels: Power::of(channels.into()),
        }
    }

    /// The slice of a line.
    #[inline]
    pub fn slice(&self, line: Line) -> usize {
        self.slices.remainder(self.lines_per_chunk.quotient(line.0)) as usize
    }

    /// The line's number within its slice.
    #[inline]
    pub fn line_in_slice(&self, line: Line) -> u64 {
        self.within(line, self.slices)
    }

    /// The channel of a line.
    #[inline]
    pub fn channel(&self, line: Line) -> usize {
        self.channels.remainder(self.lines_per_chunk.quotient(line.0)) as usize
    }

    /// The line's number within its channel.
    #[inline]
    pub fn line_in_channel(&self, line: Line) -> u64 {
        self.within(line, self.channels)
    }

    #[inline]
    fn within(&self, line: Line, parts: Power) -> u64 {
        let chunk = self.lines_per_chunk;
        parts.quotient(chunk.quotient(line.0)) << chunk.0 | chunk.remainder(line.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_line_has_one_place() {
        let l2 = L2 { slices: 8, ..L2::default() };
        for channels in [1, 2, 8] {
            let map = AddressMap::new(&l2, channels);
            let mut places = HashSet::new();
            for line in (0..4096).map(Line) {
                assert!(places.insert((map.channel(line), map.line_in_channel(line))));
                assert_eq!(map.channel(line), map.slice(line) % channels as usize);
            }
        }
        let map = AddressMap::new(&l2, 8);
        assert_eq!((map.slice(Line(63)), map.slice(Line(64)), map.slice(Line(512))), (0, 1, 0));
        assert_eq!(map.line_in_slice(Line(512)), 64);
    }
}
