//! The words that all formats share: the size of a matrix, one of its non-zeros, the formats' names.

use std::fmt;

use super::error::{FormatError, Problem};

/// Rows and columns of a matrix; their product fits u32, so that a pointer into its non-zeros does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    rows: u32,
    columns: u32,
}

impl Shape {
    /// A shape of `rows` by `columns`, either of which may be 0; an error where there are 2^32 elements
    /// or more.
    pub fn new(rows: u64, columns: u64) -> Result<Self, FormatError> {
        let too_large = Problem::TooManyElements { rows, columns }.of(Format::Dense);
        let fits = rows.checked_mul(columns).is_some_and(|elements| u32::try_from(elements).is_ok());
        match (u32::try_from(rows), u32::try_from(columns)) {
            (Ok(rows), Ok(columns)) if fits => Ok(Self { rows, columns }),
            _ => Err(too_large),
        }
    }

    /// Number of rows; K where the matrix is B.
    pub fn rows(self) -> u32 {
        self.rows
    }

    /// Number of columns; N where the matrix is B.
    pub fn columns(self) -> u32 {
        self.columns
    }

    /// Number of elements, zeros included.
    pub fn elements(self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.rows, self.columns)
    }
}

/// A non-zero and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triplet {
    /// Its row, from 0.
    pub row: u32,
    /// Its column, from 0.
    pub column: u32,
    /// Its value.
    pub value: f32,
}

/// A way to store a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Every element, row after row.
    Dense,
    /// Coordinates of each non-zero.
    Coo,
    /// Compressed sparse rows.
    Csr,
    /// Compressed sparse columns.
    Csc,
    /// Columns of one length.
    Ellpack,
    /// ELLPACK with the length of each column.
    EllpackR,
    /// ELLPACK-R with row and value bundled in a word.
    EllpackDib,
    /// ELLPACK for what most columns have, COO for the rest.
    Hyb,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dense => "dense",
            Self::Coo => "COO",
            Self::Csr => "CSR",
            Self::Csc => "CSC",
            Self::Ellpack => "ELLPACK",
            Self::EllpackR => "ELLPACK-R",
            Self::EllpackDib => "ELLPACK-DIB",
            Self::Hyb => "HYB",
        })
    }
}
