//! COO: row, column and value of each non-zero.

use super::error::{FormatError, Problem, check_entries};
use super::footprint::{ArrayBytes, Footprint};
use super::shape::{Format, Shape, Triplet};
use super::{Csc, Dense};

/// A matrix in coordinate format, sorted by column and, within a column, by row.
///
/// Nothing is packed. The order is that of formats that pack columns, so that the part of a
/// [`Hyb`](super::Hyb) in COO is read column after column like the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Coo {
    shape: Shape,
    rows: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Coo {
    /// A matrix of `shape` from its three arrays, an element a non-zero.
    ///
    /// An error where they differ in length, an index is outside `shape`, entries are unsorted or
    /// duplicate, or a value is zero.
    pub fn new(
        shape: Shape,
        rows: Vec<u32>,
        columns: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, FormatError> {
        let coo = Self { shape, rows, columns, values };
        coo.check().map_err(|problem| problem.of(Format::Coo))?;
        Ok(coo)
    }

    /// Entries that are known to be within `shape`, sorted, different and non-zero.
    pub(super) fn from_sorted(shape: Shape, triplets: impl Iterator<Item = Triplet>) -> Self {
        let mut coo = Self { shape, rows: Vec::new(), columns: Vec::new(), values: Vec::new() };
        for Triplet { row, column, value } in triplets {
            coo.rows.push(row);
            coo.columns.push(column);
            coo.values.push(value);
        }
        coo
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of non-zeros.
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// The row of each non-zero.
    pub fn row_indices(&self) -> &[u32] {
        &self.rows
    }

    /// The column of each non-zero.
    pub fn column_indices(&self) -> &[u32] {
        &self.columns
    }

    /// The value of each non-zero.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The non-zeros, column after column.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        let places = self.rows.iter().zip(&self.columns);
        places.zip(&self.values).map(|((&row, &column), &value)| Triplet { row, column, value })
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        Footprint { format: Format::Coo, arrays: self.arrays().to_vec() }
    }

    /// Bytes of rows, columns and values.
    pub(super) fn arrays(&self) -> [ArrayBytes; 3] {
        [
            ArrayBytes::of("rows", &self.rows),
            ArrayBytes::of("columns", &self.columns),
            ArrayBytes::of("values", &self.values),
        ]
    }

    fn check(&self) -> Result<(), Problem> {
        let expected = self.nnz();
        for (array, found) in [("rows", self.rows.len()), ("columns", self.columns.len())] {
            if found != expected {
                return Err(Problem::Length { array, found, expected });
            }
        }
        check_entries(self.shape, self.triplets(), |entry| (entry.column, entry.row))
    }
}

impl From<&Csc> for Coo {
    fn from(csc: &Csc) -> Self {
        Self::from_sorted(csc.shape(), csc.triplets())
    }
}

impl From<&Dense> for Coo {
    fn from(dense: &Dense) -> Self {
        Self::from(&Csc::from(dense))
    }
}
