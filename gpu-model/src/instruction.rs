//! What a wavefront does: its instructions, and the addresses of its vector memory accesses.

use mem_hierarchy::request::{LINE_BYTES, Line};

/// Threads of a wavefront.
pub const LANES: u32 = 64;

/// One wavefront instruction, or a run of equal ones.
///
/// `tag` is the kernel's own: it names the access of a memory instruction and the effect of any other
/// when results are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does to the machine.
    pub op: Op,
    /// What it means to the kernel.
    pub tag: u32,
}

/// What an instruction does to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `count` dependent vector arithmetic instructions.
    Valu {
        /// How many.
        count: u32,
    },
    /// `count` scalar arithmetic instructions.
    Salu {
        /// How many.
        count: u32,
    },
    /// A scalar load of a kernel's constants.
    ScalarLoad,
    /// `count` LDS accesses of `cycles` bank cycles each (see [`crate::lds::bank_cycles`]).
    Lds {
        /// How many.
        count: u32,
        /// Bank cycles of each.
        cycles: u32,
    },
    /// A vector load.
    Load,
    /// A vector load of compacted lines: each row of the access is a part of one.
    SparseLoad,
    /// A vector store.
    Store,
    /// Waits until at most `vector` vector memory instructions and at most `lds` LDS or scalar loads of the
    /// wavefront are outstanding (s_waitcnt).
    Wait {
        /// Vector memory instructions that may be outstanding.
        vector: u32,
        /// LDS and scalar loads that may be outstanding.
        lds: u32,
    },
    /// Waits for the other wavefronts of the workgroup.
    Barrier,
    /// A branch; a taken one has to fetch anew.
    Branch {
        /// Whether it is taken.
        taken: bool,
    },
    /// `count` instructions of no consequence for time but their issue (s_nop and the like).
    Special {
        /// How many.
        count: u32,
    },
    /// The wavefront's last instruction.
    End,
}

/// In a [`Op::Wait`]: any number may be outstanding.
pub const ANY: u32 = u32::MAX;

impl Op {
    /// Whether it is a run of no instructions.
    #[inline]
    pub fn is_nothing(self) -> bool {
        use Op::{Lds, Salu, Special, Valu};
        matches!(self, Valu { count: 0 } | Salu { count: 0 } | Special { count: 0 } | Lds { count: 0, .. })
    }

    /// The instruction with `tag`.
    pub fn tagged(self, tag: u32) -> Instruction {
        Instruction { op: self, tag }
    }
}

impl From<Op> for Instruction {
    fn from(op: Op) -> Self {
        op.tagged(0)
    }
}

/// Rows of a vector access at the most.
pub const MAX_ROWS: usize = 16;

/// The addresses of a vector memory instruction: up to 16 rows of neighbouring lanes that access
/// consecutive elements.
///
/// Lane `r * lanes_per_row + i` accesses `lane_bytes` bytes at `rows[r] + i * lane_bytes`, for
/// `i < active_lanes`; the other lanes, and rows at [`VectorAccess::INACTIVE`], are masked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorAccess {
    /// Byte address of each row's first lane.
    pub rows: [u64; MAX_ROWS],
    /// Lanes of a row.
    pub lanes_per_row: u32,
    /// Lanes of a row that are not masked off.
    pub active_lanes: u32,
    /// Bytes that a lane accesses: 4, 8, 12 or 16.
    pub lane_bytes: u32,
}

impl VectorAccess {
    /// Address of a row that is masked off.
    pub const INACTIVE: u64 = u64::MAX;

    /// An access of rows of `lanes_per_row` lanes, all masked off so far.
    pub fn new(lanes_per_row: u32, active_lanes: u32, lane_bytes: u32) -> Self {
        Self { rows: [Self::INACTIVE; MAX_ROWS], lanes_per_row, active_lanes, lane_bytes }
    }

    /// The rows that are not masked off, with their numbers.
    pub fn active_rows(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let rows = (LANES / self.lanes_per_row) as usize;
        self.rows[..rows].iter().copied().enumerate().filter(|(_, base)| *base != Self::INACTIVE)
    }

    /// Lane and byte address of each lane that is not masked off.
    pub fn lanes(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.active_rows().flat_map(move |(row, base)| {
            (0..self.active_lanes)
                .map(move |i| (row as u32 * self.lanes_per_row + i, base + u64::from(i * self.lane_bytes)))
        })
    }

    /// Appends the lines that the access touches to `lines`, each once, in order of first touch, with the
    /// row that touches it first and whether all its bytes are touched.
    pub fn coalesce(&self, lines: &mut Vec<CoalescedLine>) {
        lines.clear();
        let bytes = u64::from(self.active_lanes * self.lane_bytes);
        if bytes == 0 {
            return;
        }
        for (row, base) in self.active_rows() {
            let (first, last) = (base / LINE_BYTES, (base + bytes - 1) / LINE_BYTES);
            for line in first..=last {
                let start = base.max(line * LINE_BYTES);
                let end = (base + bytes).min((line + 1) * LINE_BYTES);
                let touched = (end - start) as u32;
                // Rows that touch the same line come soon after each other, or not at all: look back a little.
                match lines.iter_mut().rev().find(|l| l.line.0 == line) {
                    Some(seen) if seen.row_base == base => {}
                    Some(seen) => {
                        seen.bytes = (seen.bytes + touched).min(LINE_BYTES as u32);
                        seen.row_base = base;
                    }
                    None => lines.push(CoalescedLine {
                        line: Line(line),
                        row: row as u32,
                        bytes: touched,
                        row_base: base,
                    }),
                }
            }
        }
    }
}

/// A line that a vector access touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoalescedLine {
    /// The line.
    pub line: Line,
    /// The first row that touches it.
    pub row: u32,
    /// Bytes touched; rows are taken not to overlap unless they are the same.
    pub bytes: u32,
    /// The newest row that touched it.
    row_base: u64,
}

impl CoalescedLine {
    /// Whether all bytes of the line are touched.
    pub fn is_full(&self) -> bool {
        u64::from(self.bytes) == LINE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn coalescing_finds_each_line_once(
            shift in 0u32..7, active in 0u32..=64, width in 1u32..=4, stride in 0u64..40, skip in 0usize..16,
        ) {
            let lanes_per_row = (4 << (shift % 5)).min(64);
            let mut access = VectorAccess::new(lanes_per_row, active.min(lanes_per_row), 4 * width);
            // Rows that coincide, or are apart by at least their own length.
            let row_bytes = u64::from(lanes_per_row * 4 * width);
            for r in 0..(64 / lanes_per_row) as usize {
                let apart = if stride == 0 { 0 } else { row_bytes + stride * 4 };
                access.rows[r] = if r == skip { VectorAccess::INACTIVE } else { 4096 + r as u64 * apart };
            }
            let mut touched: BTreeMap<u64, std::collections::BTreeSet<u64>> = BTreeMap::new();
            for (_, address) in access.lanes() {
                for byte in address..address + u64::from(access.lane_bytes) {
                    touched.entry(byte / 64).or_default().insert(byte);
                }
            }
            let mut lines = Vec::new();
            access.coalesce(&mut lines);
            let mut found: Vec<(u64, u32)> = lines.iter().map(|l| (l.line.0, l.bytes)).collect();
            found.sort_unstable();
            let expected: Vec<(u64, u32)> = touched.iter().map(|(l, b)| (*l, b.len() as u32)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
