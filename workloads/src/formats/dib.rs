//! ELLPACK-DIB in software: bundles of row and FP16 value, column after column, in whole lines.
//!
//! What the compaction engine makes of a column while it is read (dissertation section 6.3), kept in memory:
//! the same bundles in the same lines, with the length of each column in an array where the engine's lines
//! carry a *last* flag. A column starts at a line of 64 bytes, and all have the lines of the longest, as in
//! ELLPACK. So a column without non-zeros has nothing to read, where the engine answers a line of zeros.

use compaction_engine::bundle::{Bundle, Rounding};
use compaction_engine::line::LINE_ELEMENTS;
use compaction_engine::sib::MAX_ROWS;

use super::error::{FormatError, Problem};
use super::footprint::{ArrayBytes, Footprint};
use super::shape::{Format, Shape, Triplet};
use super::{Csc, Dense};

/// A matrix in ELLPACK-DIB: columns are packed, values are rounded to binary16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EllpackDib {
    shape: Shape,
    /// Words of a column: those of the longest, in whole lines.
    stride: usize,
    bundles: Vec<Bundle>,
    lengths: Vec<u32>,
    overflows: u64,
    underflows: u64,
}

impl EllpackDib {
    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of bundles, one a non-zero.
    pub fn nnz(&self) -> usize {
        self.lengths.iter().map(|&length| length as usize).sum()
    }

    /// Words, a bundle each, from one column's start to the next one's; a multiple of 16.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All words, column after column, padding included.
    pub fn bundles(&self) -> &[Bundle] {
        &self.bundles
    }

    /// The number of bundles of each column.
    pub fn column_lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// Finite values that became an infinity.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Non-zero values that became a zero. Their bundles stay.
    pub fn underflows(&self) -> u64 {
        self.underflows
    }

    /// The lines of a column that hold a bundle, which are those that a kernel reads.
    ///
    /// # Panics
    /// Where there is no such column.
    pub fn lines(&self, column: u32) -> &[[Bundle; LINE_ELEMENTS]] {
        let lines = self.lengths[column as usize].div_ceil(LINE_ELEMENTS as u32);
        &self.words(column).as_chunks().0[..lines as usize]
    }

    /// The bundles as rows and values, column after column; a value may be zero or infinite by rounding.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        let columns = (0..).zip(&self.lengths);
        columns.flat_map(|(column, &length)| {
            let bundles = &self.words(column)[..length as usize];
            bundles.iter().map(move |bundle| Triplet {
                row: u32::from(bundle.row()),
                column,
                value: bundle.value(),
            })
        })
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        let arrays = vec![
            ArrayBytes::padded("bundles", &self.bundles, self.nnz()),
            ArrayBytes::of("column lengths", &self.lengths),
        ];
        Footprint { format: Format::EllpackDib, arrays }
    }

    /// Bytes of the lines that hold a bundle: the part of the array of bundles that kernels read.
    pub fn line_bytes(&self) -> u64 {
        let lines = self.lengths.iter().map(|length| u64::from(length.div_ceil(LINE_ELEMENTS as u32)));
        lines.sum::<u64>() * size_of::<[Bundle; LINE_ELEMENTS]>() as u64
    }

    fn words(&self, column: u32) -> &[Bundle] {
        &self.bundles[column as usize * self.stride..][..self.stride]
    }

    /// Bundles a non-zero and counts what rounding did to it; the row has been checked.
    fn bundle(&mut self, row: u32, value: f32) -> Bundle {
        let (bundle, rounding) = Bundle::pack(row as u16, value);
        self.overflows += u64::from(rounding == Rounding::Overflow);
        self.underflows += u64::from(rounding == Rounding::Underflow);
        bundle
    }
}

impl TryFrom<&Csc> for EllpackDib {
    type Error = FormatError;

    /// An error where the matrix has more than 65,536 rows.
    fn try_from(csc: &Csc) -> Result<Self, FormatError> {
        let shape = csc.shape();
        if shape.rows() > MAX_ROWS {
            return Err(Problem::TooManyRows(shape.rows()).of(Format::EllpackDib));
        }
        let stride = (csc.longest_column() as usize).next_multiple_of(LINE_ELEMENTS);
        let mut dib = Self {
            shape,
            stride,
            bundles: vec![Bundle::PADDING; stride * shape.columns() as usize],
            lengths: csc.column_lengths().collect(),
            overflows: 0,
            underflows: 0,
        };
        for column in 0..shape.columns() {
            let (rows, values) = csc.column(column);
            for (at, (&row, &value)) in (column as usize * stride..).zip(rows.iter().zip(values)) {
                dib.bundles[at] = dib.bundle(row, value);
            }
        }
        Ok(dib)
    }
}

impl TryFrom<&Dense> for EllpackDib {
    type Error = FormatError;

    /// An error where the matrix has more than 65,536 rows.
    fn try_from(dense: &Dense) -> Result<Self, FormatError> {
        Self::try_from(&Csc::from(dense))
    }
}
