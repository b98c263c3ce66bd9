//! Why arrays are not a matrix in some format.

use std::cmp::Ordering;
use std::fmt;

use super::shape::{Format, Shape, Triplet};

/// A matrix that cannot be: in which format, and why. Displays as one line that says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The format asked for.
    pub format: Format,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with the arrays of a matrix. Entries are counted from 0 in the order of the arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// More elements than u32 can count.
    TooManyElements {
        /// Rows asked for.
        rows: u64,
        /// Columns asked for.
        columns: u64,
    },
    /// More rows than a bundle's 16-bit row index can name.
    TooManyRows(u32),
    /// More slots for a column than it has rows.
    TooWide {
        /// Slots asked for.
        width: u32,
        /// Rows of the matrix.
        rows: u32,
    },
    /// An array of the wrong length.
    Length {
        /// The array.
        array: &'static str,
        /// Its length.
        found: usize,
        /// The length that follows from the shape or from the other arrays.
        expected: usize,
    },
    /// The pointers do not start at 0.
    FirstPointer(u32),
    /// A pointer is below the one before it.
    PointerDecreases {
        /// Position of the pointer.
        at: usize,
        /// The pointer.
        found: u32,
        /// The one before it.
        previous: u32,
    },
    /// An index past the matrix's edge.
    Outside {
        /// "row" or "column".
        index: &'static str,
        /// The entry that has it.
        entry: usize,
        /// The index.
        found: u32,
        /// Rows or columns that there are.
        limit: u32,
    },
    /// An entry that belongs before the one before it.
    Unsorted {
        /// The entry.
        entry: usize,
        /// Its row.
        row: u32,
        /// Its column.
        column: u32,
    },
    /// An entry at the place of the one before it.
    Duplicate {
        /// The entry.
        entry: usize,
        /// Its row.
        row: u32,
        /// Its column.
        column: u32,
    },
    /// An entry whose value is zero.
    StoredZero {
        /// The entry.
        entry: usize,
        /// Its row.
        row: u32,
        /// Its column.
        column: u32,
    },
}

impl Problem {
    /// The error of having this problem in `format`.
    pub(super) fn of(self, format: Format) -> FormatError {
        FormatError { format, problem: self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooManyElements { rows, columns } => {
                write!(f, "{rows} x {columns} elements are too many; at most {} are allowed", u32::MAX)
            }
            Self::TooManyRows(rows) => {
                write!(f, "{rows} rows are too many; at most 65536 have a 16-bit row index")
            }
            Self::TooWide { width, rows } => {
                write!(
                    f,
                    "a width of {width} is too large; at most {rows}, the rows of the matrix, is allowed"
                )
            }
            Self::Length { array, found, expected } => {
                write!(f, "the array of {array} has {found} elements; it must have {expected}")
            }
            Self::FirstPointer(found) => write!(f, "pointer 0 is {found}; it must be 0"),
            Self::PointerDecreases { at, found, previous } => {
                write!(f, "pointer {at} is {found}; it must be at least {previous}, the one before it")
            }
            Self::Outside { index, entry, found, limit } => {
                write!(f, "the {index} of entry {entry} is {found}; it must be below {limit}")
            }
            Self::Unsorted { entry, row, column } => write!(
                f,
                "entry {entry} at ({row}, {column}) belongs before the entry before it; \
                 entries must be sorted"
            ),
            Self::Duplicate { entry, row, column } => write!(
                f,
                "entry {entry} at ({row}, {column}) is at the place of the entry before it; \
                 each place is allowed once"
            ),
            Self::StoredZero { entry, row, column } => {
                write!(f, "entry {entry} at ({row}, {column}) has the value zero; only non-zeros are stored")
            }
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} matrix: {}", self.format, self.problem)
    }
}

impl std::error::Error for FormatError {}

/// Whether `entries` are within `shape`, in the order of their `place`, different and non-zero.
pub(super) fn check_entries(
    shape: Shape,
    entries: impl Iterator<Item = Triplet>,
    place: impl Fn(Triplet) -> (u32, u32),
) -> Result<(), Problem> {
    let mut previous = None;
    for (entry, triplet) in entries.enumerate() {
        let Triplet { row, column, value } = triplet;
        for (index, found, limit) in [("row", row, shape.rows()), ("column", column, shape.columns())] {
            if found >= limit {
                return Err(Problem::Outside { index, entry, found, limit });
            }
        }
        let place = Some(place(triplet));
        match place.cmp(&previous) {
            Ordering::Less => return Err(Problem::Unsorted { entry, row, column }),
            Ordering::Equal => return Err(Problem::Duplicate { entry, row, column }),
            Ordering::Greater => previous = place,
        }
        if value == 0.0 {
            return Err(Problem::StoredZero { entry, row, column });
        }
    }
    Ok(())
}
