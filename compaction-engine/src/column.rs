//! A whole column compacted at once: the reference.
//!
//! Written straight from the definition of ELLPACK-DIB and of the CMI (dissertation section 6.3 and
//! figure 6.10), with the entire column at hand and no thought of speed, so that the incremental
//! [`Packer`](crate::packer::Packer) and the search of [`search`](crate::search) have something
//! independent to agree with. It also feeds [`inspect`](crate::inspect), and serves kernels that use
//! the format in software.

use std::collections::BTreeSet;

use crate::bundle::{Bundle, Rounding};
use crate::line::{CmiEntry, CompactedLine, LINE_ELEMENTS};

/// Everything that compaction makes of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactedColumn {
    /// For each dense line, whether it holds a non-zero.
    pub bitmask: Vec<bool>,
    /// Non-zeros of the column.
    pub nnz: usize,
    /// The compacted lines; the final one is padded and has *last* set. Never empty.
    pub lines: Vec<CompactedLine>,
    /// The mapping of each compacted line, as many as a CMI without limit would hold.
    pub cmi: Vec<CmiEntry>,
    /// For each compacted line, the dense lines that an accurate search reads for it.
    pub accurate: Vec<Vec<u32>>,
    /// Finite values that became FP16 infinities.
    pub overflows: usize,
    /// Non-zero values that became FP16 zeros.
    pub underflows: usize,
}

/// Compacts a column of at most 65,536 rows, given from row 0 on.
///
/// # Panics
/// If the column has more rows than a bundle's 16-bit row index can name.
pub fn compact_column(values: &[f32]) -> CompactedColumn {
    assert!(values.len() <= 1 << 16, "a column of {} rows does not fit 16-bit row indices", values.len());
    let bitmask = values.chunks(LINE_ELEMENTS).map(|line| line.iter().any(|&value| value != 0.0)).collect();
    let rows: Vec<usize> = (0..values.len()).filter(|&row| values[row] != 0.0).collect();

    let mut column = CompactedColumn {
        bitmask,
        nnz: rows.len(),
        lines: Vec::new(),
        cmi: Vec::new(),
        accurate: Vec::new(),
        overflows: 0,
        underflows: 0,
    };
    let mut taken = BTreeSet::new();
    let mut previous: Option<usize> = None;
    for chunk in rows.chunks(LINE_ELEMENTS) {
        let mut line = CompactedLine { words: [0; LINE_ELEMENTS], last: false };
        for (word, &row) in line.words.iter_mut().zip(chunk) {
            let (bundle, rounding) = Bundle::pack(row as u16, values[row]);
            *word = bundle.0;
            column.overflows += usize::from(rounding == Rounding::Overflow);
            column.underflows += usize::from(rounding == Rounding::Underflow);
        }
        column.lines.push(line);

        let touched: BTreeSet<usize> = chunk.iter().map(|row| row / LINE_ELEMENTS).collect();
        let fresh: Vec<usize> = touched.difference(&taken).copied().collect();
        let last_row = chunk[chunk.len() - 1];
        let offset = (last_row % LINE_ELEMENTS) as u8;
        column.cmi.push(CmiEntry { needed: fresh.len() as u8, offset });

        // What was left over in the line that closed the previous compacted line has to be read again,
        // unless nothing can have been left.
        let reread = previous.filter(|row| row % LINE_ELEMENTS != 15).map(|row| row / LINE_ELEMENTS);
        column.accurate.push(reread.into_iter().chain(fresh).map(|line| line as u32).collect());

        taken.extend(touched);
        previous = Some(last_row);
    }

    match column.lines.last_mut() {
        Some(line) => line.last = true,
        None => {
            column.lines.push(CompactedLine::EMPTY);
            column.cmi.push(CmiEntry::default());
            column.accurate.push(Vec::new());
        }
    }
    column
}
