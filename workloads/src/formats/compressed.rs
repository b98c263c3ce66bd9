//! CSR and CSC: the non-zeros of each row, or of each column, one after another.
//!
//! Both are the same three arrays. Pointer i says where line i (a row of CSR, a column of CSC) starts among
//! the non-zeros, and the last pointer where they end; of each non-zero, in order, its index within the line
//! and its value are kept. All conversions are one stable counting sort: entries are counted by line, the
//! counts summed to pointers, and the entries dropped where the pointers say.

use std::ops::Range;

use compaction_engine::ColumnValues;

use super::error::{FormatError, Problem, check_entries};
use super::footprint::{ArrayBytes, Footprint};
use super::shape::{Format, Shape, Triplet};
use super::{Coo, Dense};

/// A matrix in compressed sparse rows: rows are packed.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    shape: Shape,
    rows: Lines,
}

/// A matrix in compressed sparse columns: columns are packed.
///
/// The format that all others that pack columns are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Csc {
    shape: Shape,
    columns: Lines,
}

impl Csr {
    /// A matrix of `shape` from its arrays: `rows + 1` pointers, then column and value of each non-zero.
    ///
    /// An error where the lengths do not fit, the pointers do not rise from 0, a column is outside `shape`,
    /// the columns of a row are unsorted or duplicate, or a value is zero.
    pub fn new(
        shape: Shape,
        row_pointers: Vec<u32>,
        column_indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, FormatError> {
        let rows = Lines { pointers: row_pointers, indices: column_indices, values };
        let csr = Self { shape, rows };
        csr.check().map_err(|problem| problem.of(Format::Csr))?;
        Ok(csr)
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of non-zeros.
    pub fn nnz(&self) -> usize {
        self.rows.values.len()
    }

    /// Where each row starts among the non-zeros, and where the last one ends.
    pub fn row_pointers(&self) -> &[u32] {
        &self.rows.pointers
    }

    /// The column of each non-zero.
    pub fn column_indices(&self) -> &[u32] {
        &self.rows.indices
    }

    /// The value of each non-zero.
    pub fn values(&self) -> &[f32] {
        &self.rows.values
    }

    /// Columns and values of the non-zeros of a row.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row(&self, row: u32) -> (&[u32], &[f32]) {
        self.rows.line(row)
    }

    /// The non-zeros, row after row.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        self.rows.entries().map(|(row, column, value)| Triplet { row, column, value })
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        Footprint { format: Format::Csr, arrays: self.rows.arrays(["row pointers", "columns", "values"]) }
    }

    fn check(&self) -> Result<(), Problem> {
        self.rows.check_pointers(["row pointers", "columns"], self.shape.rows())?;
        check_entries(self.shape, self.triplets(), |entry| (entry.row, entry.column))
    }

    /// From non-zeros that come, within each row, in order of their columns.
    fn sort(shape: Shape, triplets: impl Iterator<Item = Triplet> + Clone) -> Self {
        let entries = triplets.map(|Triplet { row, column, value }| (row, column, value));
        Self { shape, rows: Lines::sort(shape.rows(), entries) }
    }
}

impl Csc {
    /// A matrix of `shape` from its arrays: `columns + 1` pointers, then row and value of each non-zero.
    ///
    /// An error where the lengths do not fit, the pointers do not rise from 0, a row is outside `shape`,
    /// the rows of a column are unsorted or duplicate, or a value is zero.
    pub fn new(
        shape: Shape,
        column_pointers: Vec<u32>,
        row_indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, FormatError> {
        let columns = Lines { pointers: column_pointers, indices: row_indices, values };
        let csc = Self { shape, columns };
        csc.check().map_err(|problem| problem.of(Format::Csc))?;
        Ok(csc)
    }

    /// The non-zeros of a matrix that is computed or read by columns, such as an im2col'ed B. Each of its
    /// lines is read once; an error where it has 2^32 elements or more.
    pub fn from_columns(matrix: &(impl ColumnValues + ?Sized)) -> Result<Self, FormatError> {
        let shape = Shape::new(u64::from(matrix.rows()), matrix.columns())?;
        let mut columns = Lines { pointers: vec![0], indices: Vec::new(), values: Vec::new() };
        for column in 0..matrix.columns() {
            for line in 0..shape.rows().div_ceil(16) {
                let elements = (16 * line..shape.rows()).zip(matrix.line(column, line));
                for (row, value) in elements.filter(|&(_, value)| value != 0.0) {
                    columns.indices.push(row);
                    columns.values.push(value);
                }
            }
            columns.pointers.push(columns.values.len() as u32);
        }
        Ok(Self { shape, columns })
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of non-zeros.
    pub fn nnz(&self) -> usize {
        self.columns.values.len()
    }

    /// Where each column starts among the non-zeros, and where the last one ends.
    pub fn column_pointers(&self) -> &[u32] {
        &self.columns.pointers
    }

    /// The row of each non-zero.
    pub fn row_indices(&self) -> &[u32] {
        &self.columns.indices
    }

    /// The value of each non-zero.
    pub fn values(&self) -> &[f32] {
        &self.columns.values
    }

    /// Rows and values of the non-zeros of a column.
    ///
    /// # Panics
    /// Where there is no such column.
    pub fn column(&self, column: u32) -> (&[u32], &[f32]) {
        self.columns.line(column)
    }

    /// The number of non-zeros of each column.
    pub fn column_lengths(&self) -> impl Iterator<Item = u32> + Clone {
        self.columns.pointers.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// Non-zeros of the longest column; 0 where there is no column.
    pub fn longest_column(&self) -> u32 {
        self.column_lengths().max().unwrap_or_default()
    }

    /// The non-zeros, column after column.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        self.columns.entries().map(|(column, row, value)| Triplet { row, column, value })
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        Footprint { format: Format::Csc, arrays: self.columns.arrays(["column pointers", "rows", "values"]) }
    }

    fn check(&self) -> Result<(), Problem> {
        self.columns.check_pointers(["column pointers", "rows"], self.shape.columns())?;
        check_entries(self.shape, self.triplets(), |entry| (entry.column, entry.row))
    }

    /// From non-zeros that come, within each column, in order of their rows.
    fn sort(shape: Shape, triplets: impl Iterator<Item = Triplet> + Clone) -> Self {
        let entries = triplets.map(|Triplet { row, column, value }| (column, row, value));
        Self { shape, columns: Lines::sort(shape.columns(), entries) }
    }
}

/// A format compressed by rows or columns, from every one in whose order its sort is stable.
macro_rules! sorted_from {
    ($($source:ident => $target:ident),* $(,)?) => {$(
        impl From<&$source> for $target {
            fn from(matrix: &$source) -> Self {
                Self::sort(matrix.shape(), matrix.triplets())
            }
        }
    )*};
}

sorted_from! { Dense => Csr, Coo => Csr, Csc => Csr, Dense => Csc, Coo => Csc, Csr => Csc }

/// The three arrays of a compressed matrix.
#[derive(Clone, Debug, PartialEq)]
struct Lines {
    pointers: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Lines {
    /// `lines` lines from entries (line, index, value) whose indices rise within each line.
    fn sort(lines: u32, entries: impl Iterator<Item = (u32, u32, f32)> + Clone) -> Self {
        let mut pointers = vec![0; lines as usize + 1];
        for (line, ..) in entries.clone() {
            pointers[line as usize + 1] += 1;
        }
        let mut sum = 0;
        for pointer in &mut pointers {
            sum += *pointer;
            *pointer = sum;
        }
        let mut free = pointers.clone();
        let (mut indices, mut values) = (vec![0; sum as usize], vec![0.0; sum as usize]);
        for (line, index, value) in entries {
            let at = free[line as usize] as usize;
            indices[at] = index;
            values[at] = value;
            free[line as usize] += 1;
        }
        Self { pointers, indices, values }
    }

    /// Where among the non-zeros those of a line are.
    fn range(&self, line: u32) -> Range<usize> {
        self.pointers[line as usize] as usize..self.pointers[line as usize + 1] as usize
    }

    fn line(&self, line: u32) -> (&[u32], &[f32]) {
        let range = self.range(line);
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Line, index and value of each non-zero.
    fn entries(&self) -> impl Iterator<Item = (u32, u32, f32)> + Clone {
        let lines = 0..self.pointers.len() as u32 - 1;
        lines.flat_map(move |line| self.range(line).map(move |at| (line, self.indices[at], self.values[at])))
    }

    fn arrays(&self, [pointers, indices, values]: [&'static str; 3]) -> Vec<ArrayBytes> {
        vec![
            ArrayBytes::of(pointers, &self.pointers),
            ArrayBytes::of(indices, &self.indices),
            ArrayBytes::of(values, &self.values),
        ]
    }

    /// Whether the pointers rise from 0 to the number of non-zeros, and there is an index for each.
    fn check_pointers(&self, [pointers, indices]: [&'static str; 2], lines: u32) -> Result<(), Problem> {
        let (found, expected) = (self.pointers.len(), lines as usize + 1);
        if found != expected {
            return Err(Problem::Length { array: pointers, found, expected });
        }
        if self.pointers[0] != 0 {
            return Err(Problem::FirstPointer(self.pointers[0]));
        }
        for (at, pair) in (1..).zip(self.pointers.windows(2)) {
            if pair[1] < pair[0] {
                return Err(Problem::PointerDecreases { at, found: pair[1], previous: pair[0] });
            }
        }
        let expected = self.pointers[lines as usize] as usize;
        for (array, found) in [(indices, self.indices.len()), ("values", self.values.len())] {
            if found != expected {
                return Err(Problem::Length { array, found, expected });
            }
        }
        Ok(())
    }
}
