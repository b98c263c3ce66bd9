//! Where a line of a channel lies: row, rank, bank group, bank.
//!
//! The order of the fields is the standard's, or `gpu.dram.mapping`; the row is always on top, so that
//! any capacity is addressed. A column is not kept: every line of an open row costs the same.
//! `gpu.dram.hashing` permutes the banks of a rank by the row; within a row every line keeps its bank, and
//! every bank its lines.

use super::LINE_BYTES;
use super::params::{Hashing, Mapping};
use super::timing::Banks;

/// A field of an address below row and rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Bank group of the rank.
    Group,
    /// Bank of the group.
    Bank,
    /// Line of the row.
    Column,
}

impl Mapping {
    /// The fields below row and rank, from high to low. `Preset` has to be resolved before.
    fn fields(self) -> [Field; 3] {
        use Field::{Bank, Column, Group};
        match self {
            Self::Preset => unreachable!("the order of the address is taken from the preset's standard"),
            Self::RoRaBgBaCo => [Group, Bank, Column],
            Self::RoRaBaBgCo => [Bank, Group, Column],
            Self::RoRaBaCoBg => [Bank, Column, Group],
            Self::RoRaBgCoBa => [Group, Column, Bank],
            Self::RoRaCoBgBa => [Column, Group, Bank],
            Self::RoRaCoBaBg => [Column, Bank, Group],
        }
    }
}

/// The place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the bank in the channel.
    pub bank: usize,
    /// Row of the bank.
    pub row: u32,
}

/// The address map within a channel.
#[derive(Clone, Debug)]
pub struct AddressMap {
    /// Shift and mask of each of rank, group and bank.
    rank: (u32, u64),
    group: (u32, u64),
    bank: (u32, u64),
    row_shift: u32,
    layout: Banks,
    /// Bits of the row that are XORed to the bank within the rank.
    permuted: usize,
}

impl AddressMap {
    /// The map of `mapping` (not `Preset`) and `hashing`. Sizes must be powers of two.
    pub fn new(mapping: Mapping, hashing: Hashing, layout: Banks, row_bytes: u64) -> Self {
        let mut shift = 0;
        let mut take = |what: &str, size: u64| {
            assert!(size.is_power_of_two(), "DRAM address map: {what} has {size} values, not a power of two");
            let place = (shift, size - 1);
            shift += size.trailing_zeros();
            place
        };
        let (mut group, mut bank) = ((0, 0), (0, 0));
        for field in mapping.fields().iter().rev() {
            match field {
                Field::Group => group = take("bank group", layout.groups as u64),
                Field::Bank => bank = take("bank", layout.banks as u64),
                Field::Column => _ = take("column", row_bytes / LINE_BYTES),
            }
        }
        let rank = take("rank", layout.ranks as u64);
        let permuted = if hashing == Hashing::Permutation { layout.groups * layout.banks - 1 } else { 0 };
        Self { rank, group, bank, row_shift: shift, layout, permuted }
    }

    /// The place of line `line` of the channel.
    #[inline]
    pub fn place(&self, line: u64) -> Place {
        let field = |(shift, mask): (u32, u64)| ((line >> shift) & mask) as usize;
        let row = (line >> self.row_shift) as u32;
        let in_rank = field(self.group) * self.layout.banks + field(self.bank);
        let permuted = in_rank ^ (row as usize & self.permuted);
        Place { bank: field(self.rank) * self.layout.groups * self.layout.banks + permuted, row }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const LAYOUT: Banks = Banks { ranks: 2, groups: 4, banks: 4 };

    fn map(mapping: Mapping, hashing: Hashing) -> AddressMap {
        AddressMap::new(mapping, hashing, LAYOUT, 2_048)
    }

    #[test]
    fn fields_lie_where_the_order_says() {
        // The bank of line 1, of line 32 (a row further), and of lines 4 and 128 (beyond a field of four).
        let expected = [
            (Mapping::RoRaBgBaCo, [0, 1, 0, 4]),
            (Mapping::RoRaBaBgCo, [0, 4, 0, 1]),
            (Mapping::RoRaBaCoBg, [4, 0, 0, 1]),
            (Mapping::RoRaBgCoBa, [1, 0, 0, 4]),
            (Mapping::RoRaCoBgBa, [1, 0, 4, 0]),
            (Mapping::RoRaCoBaBg, [4, 0, 1, 0]),
        ];
        assert_eq!(expected.len() + 1, Mapping::ALL.len(), "a mapping is not tested");
        for (mapping, banks) in expected {
            let map = map(mapping, Hashing::Off);
            let found = [1, 32, 4, 128].map(|line| map.place(line).bank);
            assert_eq!(found, banks, "{mapping:?}");
            // 32 lines of 4 banks of 4 groups, then the rank, then the row.
            assert_eq!(map.place(32 * 16), Place { bank: 16, row: 0 }, "{mapping:?}");
            assert_eq!(map.place(32 * 32 * 5).row, 5, "{mapping:?}");
        }
    }

    #[test]
    fn every_place_is_taken_by_as_many_lines_as_a_row_has() {
        for &mapping in &Mapping::ALL[1..] {
            for &hashing in Hashing::ALL {
                let map = map(mapping, hashing);
                let mut lines_of_row = HashMap::new();
                for line in 0..32 * 32 * 64 {
                    let place = map.place(line);
                    *lines_of_row.entry((place.bank, place.row)).or_insert(0) += 1;
                }
                assert_eq!(lines_of_row.len(), 32 * 64, "{mapping:?} {hashing:?}");
                assert!(lines_of_row.values().all(|&n| n == 32), "{mapping:?} {hashing:?}");
            }
        }
    }

    #[test]
    fn hashing_parts_lines_that_a_stride_puts_into_one_bank() {
        let banks = |hashing| {
            let map = map(Mapping::RoRaBgBaCo, hashing);
            let mut banks: Vec<_> = (0..16).map(|row| map.place(row * 32 * 32).bank).collect();
            banks.sort_unstable();
            banks.dedup();
            banks.len()
        };
        assert_eq!((banks(Hashing::Off), banks(Hashing::Permutation)), (1, 16));
    }
}
