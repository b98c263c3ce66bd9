//! Matrices B that are not activations, and what can be said of any B's lines.
//!
//! [`UniformMatrix`] has zeros and values at random and stores none of them: `matmul` runs on it.
//! [`DenseMatrix`] holds every value: tests say with it exactly what they mean.

use std::ops::Range;

use compaction_engine::ColumnValues;

use crate::random::{Counter, HALF_NORMAL_LEVELS, Stream, half_normal_table};

/// A K x N matrix with zeros at random: each element is zero with the same probability.
///
/// What is not zero is [`half_normal`](crate::random::half_normal): positive and exact in binary16.
/// Values are computed when asked for, from a hash of seed, row and column.
#[derive(Clone, Debug)]
pub struct UniformMatrix {
    rows: u32,
    columns: u64,
    /// An element is zero where its 20 random bits are below this, 0 ..= 2^20.
    zeros_below: u32,
    counter: Counter,
    levels: &'static [f32; HALF_NORMAL_LEVELS],
    /// Pairs of rows that a column takes of the counter's indices: whole lines.
    pairs: u64,
}

/// Random bits that decide whether an element is zero; the other 12 of its 32 choose the value.
const ZERO_BITS: u32 = 20;

impl UniformMatrix {
    /// A matrix of `rows` by `columns` in which a share `sparsity` (0 to 1, to the nearest 2^-20) of the
    /// elements is expected to be zero.
    ///
    /// # Panics
    /// Where `sparsity` is not between 0 and 1.
    pub fn new(rows: u32, columns: u64, sparsity: f64, seed: u64) -> Self {
        assert!((0.0..=1.0).contains(&sparsity), "sparsity is {sparsity}, not between 0 and 1");
        Self {
            rows,
            columns,
            zeros_below: (sparsity * f64::from(1 << ZERO_BITS)).round() as u32,
            counter: Counter::new(seed, Stream::MatrixB),
            levels: half_normal_table(),
            pairs: 8 * u64::from(rows.div_ceil(16)),
        }
    }

    /// The expected share of zeros.
    pub fn sparsity(&self) -> f64 {
        f64::from(self.zeros_below) / f64::from(1 << ZERO_BITS)
    }

    /// The random bits of two neighbouring elements, from one hash.
    #[inline]
    fn bits(&self, column: u64, pair: u32) -> [u32; 2] {
        let index = column.wrapping_mul(self.pairs).wrapping_add(u64::from(pair));
        let bits = self.counter.bits(index);
        [bits as u32, (bits >> 32) as u32]
    }

    /// The element that has these random bits.
    #[inline]
    fn element(&self, bits: u32) -> f32 {
        let value = self.levels[bits as usize % HALF_NORMAL_LEVELS];
        // A product, because the branch that an `if` becomes is mispredicted half the time where half the
        // elements are zero: 52 ns a line instead of 17.
        let kept = bits >> (32 - ZERO_BITS) >= self.zeros_below;
        value * f32::from(u8::from(kept))
    }
}

impl ColumnValues for UniformMatrix {
    fn rows(&self) -> u32 {
        self.rows
    }

    fn columns(&self) -> u64 {
        self.columns
    }

    fn value(&self, row: u32, column: u64) -> f32 {
        assert!(row < self.rows && column < self.columns, "({row}, {column}) is outside the matrix");
        self.element(self.bits(column, row / 2)[row as usize % 2])
    }

    fn line(&self, column: u64, line: u32) -> [f32; 16] {
        assert!(column < self.columns, "column {column} is outside the matrix");
        let mut bits = [0; 16];
        for (bits, pair) in bits.chunks_exact_mut(2).zip(8 * line..) {
            bits.copy_from_slice(&self.bits(column, pair));
        }
        let mut values = bits.map(|bits| self.element(bits));
        let rows = self.rows.saturating_sub(16 * line);
        if rows < 16 {
            values[rows as usize..].fill(0.0);
        }
        values
    }
}

/// A K x N matrix that holds its values, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseMatrix {
    rows: u32,
    columns: u64,
    values: Vec<f32>,
}

impl DenseMatrix {
    /// A matrix from its values in column-major order.
    ///
    /// # Panics
    /// Where there are not `rows` * `columns` values.
    pub fn new(rows: u32, columns: u64, values: Vec<f32>) -> Self {
        assert_eq!(values.len() as u64, u64::from(rows) * columns, "values of a {rows} x {columns} matrix");
        Self { rows, columns, values }
    }

    /// A matrix whose element (row, column) is `value(row, column)`.
    pub fn from_fn(rows: u32, columns: u64, mut value: impl FnMut(u32, u64) -> f32) -> Self {
        let values = (0..columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
        let values = values.map(|(row, column)| value(row, column)).collect();
        Self::new(rows, columns, values)
    }

    /// One column, top to bottom.
    pub fn column(&self, column: u64) -> &[f32] {
        assert!(column < self.columns, "column {column} is outside the matrix");
        &self.values[column as usize * self.rows as usize..][..self.rows as usize]
    }
}

impl ColumnValues for DenseMatrix {
    fn rows(&self) -> u32 {
        self.rows
    }

    fn columns(&self) -> u64 {
        self.columns
    }

    fn value(&self, row: u32, column: u64) -> f32 {
        self.column(column)[row as usize]
    }

    fn line(&self, column: u64, line: u32) -> [f32; 16] {
        let rest = self.column(column).get(16 * line as usize..).unwrap_or_default();
        match rest.first_chunk() {
            Some(values) => *values,
            None => {
                let mut values = [0.0; 16];
                values[..rest.len()].copy_from_slice(rest);
                values
            }
        }
    }
}

/// What the 64-byte lines of a matrix hold, and what is left of them when each column is compacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStatistics {
    /// Columns counted.
    pub columns: u64,
    /// Lines of those columns, 16 rows each; the last of a column may be part of one.
    pub lines: u64,
    /// Lines in which every value is zero.
    pub zero_lines: u64,
    /// Values that are not zero.
    pub nonzeros: u64,
    /// Lines after compaction: a column's non-zeros over 16, rounded up. None for a column of zeros.
    pub compacted_lines: u64,
}

impl LineStatistics {
    /// Counts `columns` of a matrix; reads each of their lines once.
    pub fn of(matrix: &(impl ColumnValues + ?Sized), columns: Range<u64>) -> Self {
        let lines = matrix.rows().div_ceil(16);
        let mut total = Self::default();
        for column in columns {
            let mut in_column = 0;
            for line in 0..lines {
                let values = matrix.line(column, line);
                let nonzeros = values.iter().filter(|&&value| value != 0.0).count() as u64;
                in_column += nonzeros;
                total.zero_lines += u64::from(nonzeros == 0);
            }
            total.columns += 1;
            total.lines += u64::from(lines);
            total.nonzeros += in_column;
            total.compacted_lines += in_column.div_ceil(16);
        }
        total
    }

    /// Share of the lines that hold nothing but zeros.
    pub fn zero_line_share(&self) -> f64 {
        self.zero_lines as f64 / self.lines as f64
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    /// `line` against the trait's own definition of it by `value`.
    fn assert_lines_are_values(matrix: &impl ColumnValues) {
        for column in 0..matrix.columns() {
            for line in 0..matrix.rows().div_ceil(16) + 1 {
                let rows = 16 * line..16 * line + 16;
                let expected: Vec<f32> = rows
                    .map(|row| if row < matrix.rows() { matrix.value(row, column) } else { 0.0 })
                    .collect();
                assert_eq!(matrix.line(column, line).as_slice(), expected, "column {column}, line {line}");
            }
        }
    }

    #[test]
    fn lines_hold_the_values_and_zeros_past_the_last_row() {
        for rows in [1, 2, 15, 16, 17, 31, 32, 33, 100] {
            assert_lines_are_values(&UniformMatrix::new(rows, 5, 0.3, 9));
            assert_lines_are_values(&DenseMatrix::from_fn(rows, 5, |row, column| {
                (row + 1) as f32 + 1_000.0 * column as f32
            }));
        }
    }

    #[test]
    fn a_uniform_matrix_has_the_share_of_zeros_asked_for() {
        for sparsity in [0.0, 0.1, 0.5, 0.9, 1.0] {
            let matrix = UniformMatrix::new(1_000, 1_000, sparsity, 4);
            let statistics = LineStatistics::of(&matrix, 0..1_000);
            let found = 1.0 - statistics.nonzeros as f64 / 1e6;
            assert!((found - sparsity).abs() < 0.002, "{found} instead of {sparsity}");
            if sparsity == 0.0 || sparsity == 1.0 {
                assert_eq!(found, sparsity);
            }
        }
    }

    #[test]
    fn a_uniform_matrix_is_exact_in_binary16() {
        let matrix = UniformMatrix::new(160, 20, 0.5, 4);
        for column in 0..20 {
            let values = (0..10).flat_map(|line| matrix.line(column, line));
            assert!(values.into_iter().all(|value| f16::from_f32(value).to_f32() == value && value >= 0.0));
        }
    }

    #[test]
    fn seeds_and_columns_differ() {
        let line = |seed, column| UniformMatrix::new(64, 4, 0.0, seed).line(column, 1);
        assert_ne!(line(1, 0), line(2, 0));
        assert_ne!(line(1, 0), line(1, 1));
        assert_eq!(line(1, 3), line(1, 3));
    }

    #[test]
    fn statistics_of_a_matrix_by_hand() {
        // Column 0: 20 non-zeros in two lines. Column 1: none. Column 2: one, in the second line.
        let matrix = DenseMatrix::from_fn(20, 3, |row, column| match (row, column) {
            (_, 0) | (19, 2) => 1.0,
            (0, 1) => -0.0,
            _ => 0.0,
        });
        let expected =
            LineStatistics { columns: 3, lines: 6, zero_lines: 3, nonzeros: 21, compacted_lines: 3 };
        assert_eq!(LineStatistics::of(&matrix, 0..3), expected);
        assert_eq!(LineStatistics::of(&matrix, 1..2).compacted_lines, 0);
    }
}
