//! A compacted cache line: 16 bundles, whether it is its column's last, and where it came from.
//!
//! The software format keeps a column's length in an array of its own. With the engine that array does
//! not exist: the response for a column's final line carries the *last* flag instead, and the words
//! behind the column's final bundle are zero. Which dense lines the bundles came from is the line's
//! [`CmiEntry`]; it stays in the engine, for finding the line again.

use serde::{Deserialize, Serialize};

/// Elements of a 64-byte line: FP32 values of a dense line, bundles of a compacted one.
pub const LINE_ELEMENTS: usize = 16;

/// 64 bytes of bundles and the *last* flag that travels with them, as the memory hierarchy carries it.
pub use mem_hierarchy::request::CompactedLine;

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
