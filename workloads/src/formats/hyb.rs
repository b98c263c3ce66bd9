//! HYB: ELLPACK for the non-zeros that most columns have, COO for those of the long columns.
//!
//! The width of the ELLPACK part follows the rule of N. Bell and M. Garland (SC 2009), with columns in the
//! place of their rows. They measured full ELLPACK about three times as fast as COO, so a slot pays as long
//! as at least a third of the columns fill it. Their CUSP library also asks for 4,096 rows that fill a slot,
//! a number measured on one GPU (GTX 280) below which a matrix is COO altogether; that is left out here.

use super::error::{FormatError, Problem};
use super::footprint::Footprint;
use super::shape::{Format, Shape, Triplet};
use super::{Coo, Csc, Dense, Ellpack};

/// How many times as fast as COO a full ELLPACK is taken to be.
const ELLPACK_OVER_COO: u64 = 3;

/// A matrix in hybrid format: columns are packed, and what exceeds the width is in COO.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyb {
    slots: Ellpack,
    tail: Coo,
}

impl Hyb {
    /// The largest width that at least a third of the columns fill; 0 where there is none.
    pub fn split_width(csc: &Csc) -> u32 {
        let mut lengths: Vec<u32> = csc.column_lengths().collect();
        // Longest first, the columns that fill w slots are a prefix. The shortest of the first third has
        // the width sought.
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let third = (lengths.len() as u64).div_ceil(ELLPACK_OVER_COO) as usize;
        lengths[..third].last().copied().unwrap_or_default()
    }

    /// A matrix whose first `width` non-zeros of each column are in ELLPACK and whose others are in COO;
    /// an error where `width` exceeds the number of rows.
    pub fn with_width(csc: &Csc, width: u32) -> Result<Self, FormatError> {
        let rows = csc.shape().rows();
        if width > rows {
            return Err(Problem::TooWide { width, rows }.of(Format::Hyb));
        }
        Ok(Self::split(csc, width))
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.slots.shape()
    }

    /// The part in ELLPACK.
    pub fn slots(&self) -> &Ellpack {
        &self.slots
    }

    /// The part in COO.
    pub fn tail(&self) -> &Coo {
        &self.tail
    }

    /// Number of non-zeros.
    pub fn nnz(&self) -> usize {
        self.slots.nnz() + self.tail.nnz()
    }

    /// The non-zeros: the part in ELLPACK, then that in COO, each column after column.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        self.slots.triplets().chain(self.tail.triplets())
    }

    /// Bytes of each array: those of the ELLPACK, then those of the COO.
    pub fn footprint(&self) -> Footprint {
        let mut arrays = self.slots.arrays().to_vec();
        for (mut array, name) in
            self.tail.arrays().into_iter().zip(["tail rows", "tail columns", "tail values"])
        {
            array.name = name;
            arrays.push(array);
        }
        Footprint { format: Format::Hyb, arrays }
    }

    fn split(csc: &Csc, width: u32) -> Self {
        let tail = (0..csc.shape().columns()).flat_map(|column| {
            let (rows, values) = csc.column(column);
            let entries = rows.iter().zip(values).skip(width as usize);
            entries.map(move |(&row, &value)| Triplet { row, column, value })
        });
        Self { slots: Ellpack::first_of_columns(csc, width), tail: Coo::from_sorted(csc.shape(), tail) }
    }
}

impl From<&Csc> for Hyb {
    /// Splits at [`Hyb::split_width`].
    fn from(csc: &Csc) -> Self {
        Self::split(csc, Self::split_width(csc))
    }
}

impl From<&Dense> for Hyb {
    /// Splits at [`Hyb::split_width`].
    fn from(dense: &Dense) -> Self {
        Self::from(&Csc::from(dense))
    }
}
