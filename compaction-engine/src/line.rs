//! A compacted cache line: 16 bundles, whether it is its column's last, and where it came from.
//!
//! The software format keeps a column's length in an array of its own. With the engine that array does
//! not exist: the response for a column's final line carries the *last* flag instead, and the words
//! behind the column's final bundle are zero. Which dense lines the bundles came from is the line's
//! [`CmiEntry`]; it stays in the engine, for finding the line again.

use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;

/// Elements of a 64-byte line: FP32 values of a dense line, bundles of a compacted one.
pub const LINE_ELEMENTS: usize = 16;

/// 64 bytes of bundles and the *last* flag that travels with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactedLine {
    /// The bundles' words in row order, zero behind the final one.
    pub words: [u32; LINE_ELEMENTS],
    /// No non-zero of the column follows this line.
    pub last: bool,
}

impl CompactedLine {
    /// The answer for a column without non-zeros, and for a request past a column's final line.
    pub const EMPTY: CompactedLine = CompactedLine { words: [0; LINE_ELEMENTS], last: true };

    /// All 16 bundles, padding included.
    pub fn bundles(&self) -> impl Iterator<Item = Bundle> + '_ {
        self.words.iter().map(|&word| Bundle(word))
    }

    /// Padding words at the end of the line.
    ///
    /// A column whose only non-zero is a positive one in row 0 that FP16 rounds to zero counts as empty
    /// here, because its bundle is a zero word.
    pub fn padding_words(&self) -> u32 {
        self.words.iter().rev().take_while(|&&word| word == 0).count() as u32
    }
}

/// Cache line mapping information of one compacted line (figure 6.10), a byte in the SIB.
///
/// The paper's byte is 4 + 4 bits, but `needed` has 17 values, 0 to 16: 16 where every element comes
/// from a line of its own, 0 where a column's final line is all leftovers. The model keeps both numbers
/// and still charges one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(u8, u8)", into = "(u8, u8)")]
pub struct CmiEntry {
    /// NNC_needed: non-zero dense lines that it takes from and no earlier compacted line took from.
    pub needed: u8,
    /// Position, 0 to 15, of its last element in the last dense line that it takes from.
    pub offset: u8,
}

impl From<(u8, u8)> for CmiEntry {
    fn from((needed, offset): (u8, u8)) -> CmiEntry {
        CmiEntry { needed, offset }
    }
}

impl From<CmiEntry> for (u8, u8) {
    fn from(entry: CmiEntry) -> (u8, u8) {
        (entry.needed, entry.offset)
    }
}
