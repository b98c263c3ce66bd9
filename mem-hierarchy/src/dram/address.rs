//! Where a line of a channel lies: row, rank, bank group, bank.
//!
//! The order of the fields is a table of the standard; the row is always on top, so that any capacity
//! is addressed. A column is not kept: every line of an open row costs the same.

use super::LINE_BYTES;
use super::timing::Banks;

/// A field of an address below the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Rank of the channel.
    Rank,
    /// Bank group of the rank.
    Group,
    /// Bank of the group.
    Bank,
    /// Line of the row.
    Column,
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
}

impl AddressMap {
    /// The map with the fields of `order` (high to low) below the row. Sizes must be powers of two.
    pub fn new(order: [Field; 4], layout: Banks, row_bytes: u64) -> Self {
        let mut map = Self { rank: (0, 0), group: (0, 0), bank: (0, 0), row_shift: 0, layout };
        for field in order.iter().rev() {
            let size = match field {
                Field::Rank => layout.ranks as u64,
                Field::Group => layout.groups as u64,
                Field::Bank => layout.banks as u64,
                Field::Column => row_bytes / LINE_BYTES,
            };
            assert!(
                size.is_power_of_two(),
                "DRAM address map: {field:?} has {size} values, not a power of two"
            );
            let place = (map.row_shift, size - 1);
            match field {
                Field::Rank => map.rank = place,
                Field::Group => map.group = place,
                Field::Bank => map.bank = place,
                Field::Column => {}
            }
            map.row_shift += size.trailing_zeros();
        }
        map
    }

    /// The place of line `line` of the channel.
    #[inline]
    pub fn place(&self, line: u64) -> Place {
        let field = |(shift, mask): (u32, u64)| ((line >> shift) & mask) as usize;
        let group = field(self.rank) * self.layout.groups + field(self.group);
        Place { bank: group * self.layout.banks + field(self.bank), row: (line >> self.row_shift) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_order_says() {
        let layout = Banks { ranks: 2, groups: 4, banks: 4 };
        let order = [Field::Rank, Field::Group, Field::Bank, Field::Column];
        let map = AddressMap::new(order, layout, 2_048);
        // 32 lines a row, then 4 banks, 4 groups, 2 ranks.
        assert_eq!(map.place(31), Place { bank: 0, row: 0 });
        assert_eq!(map.place(32), Place { bank: 1, row: 0 });
        assert_eq!(map.place(32 * 4), Place { bank: 4, row: 0 });
        assert_eq!(map.place(32 * 16), Place { bank: 16, row: 0 });
        assert_eq!(map.place(32 * 32 * 5 + 32 * 17), Place { bank: 17, row: 5 });

        let low_banks =
            AddressMap::new([Field::Column, Field::Rank, Field::Bank, Field::Group], layout, 2_048);
        assert_eq!(low_banks.place(1), Place { bank: 4, row: 0 });
        assert_eq!(low_banks.place(4), Place { bank: 1, row: 0 });
    }

    #[test]
    fn every_line_has_its_own_place_and_column() {
        let layout = Banks { ranks: 1, groups: 4, banks: 4 };
        let map = AddressMap::new([Field::Rank, Field::Group, Field::Bank, Field::Column], layout, 2_048);
        let mut lines_of_row = std::collections::HashMap::new();
        for line in 0..32 * 16 * 4 {
            let place = map.place(line);
            *lines_of_row.entry((place.bank, place.row)).or_insert(0) += 1;
        }
        assert_eq!(lines_of_row.len(), 16 * 4);
        assert!(lines_of_row.values().all(|&n| n == 32));
    }
}
