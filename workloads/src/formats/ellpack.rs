//! ELLPACK and ELLPACK-R: every column with the same number of slots, so that no pointers are needed.
//!
//! Slots are stored slot after slot, each for all columns: a wavefront with a column a lane then reads
//! neighbouring words (N. Bell and M. Garland, SC 2009, there with a row a thread). Slots behind a column's
//! non-zeros are padding, row 0 and value zero: a kernel may multiply by it and need not know. ELLPACK-R
//! adds the length of each column, so that a kernel can stop there (F. Vazquez, J. J. Fernandez and
//! E. M. Garzon, Concurrency and Computation 23(8), 2011).

use super::footprint::{ArrayBytes, Footprint};
use super::shape::{Format, Shape, Triplet};
use super::{Csc, Dense};

/// A matrix in ELLPACK: columns are packed, each to the length of the longest.
#[derive(Clone, Debug, PartialEq)]
pub struct Ellpack {
    shape: Shape,
    width: u32,
    nnz: usize,
    rows: Vec<u32>,
    values: Vec<f32>,
}

impl Ellpack {
    /// The first `width` non-zeros of each column.
    pub(super) fn first_of_columns(csc: &Csc, width: u32) -> Self {
        let shape = csc.shape();
        let columns = shape.columns() as usize;
        let slots = width as usize * columns;
        let mut ellpack = Self { shape, width, nnz: 0, rows: vec![0; slots], values: vec![0.0; slots] };
        for column in 0..shape.columns() {
            let (rows, values) = csc.column(column);
            for (slot, (&row, &value)) in (0..width).zip(rows.iter().zip(values)) {
                let at = ellpack.at(slot, column);
                ellpack.rows[at] = row;
                ellpack.values[at] = value;
                ellpack.nnz += 1;
            }
        }
        ellpack
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Slots of a column.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of non-zeros.
    pub fn nnz(&self) -> usize {
        self.nnz
    }

    /// The row in each slot; that of (slot, column) is at `slot * columns + column`. 0 in padding.
    pub fn row_indices(&self) -> &[u32] {
        &self.rows
    }

    /// The value in each slot, in the same order. Zero in padding and only there.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The non-zeros, column after column.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        (0..self.shape.columns()).flat_map(move |column| {
            let slots = (0..self.width).map(move |slot| self.triplet(slot, column));
            slots.take_while(|triplet| triplet.value != 0.0)
        })
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        Footprint { format: Format::Ellpack, arrays: self.arrays().to_vec() }
    }

    /// Bytes of rows and values.
    pub(super) fn arrays(&self) -> [ArrayBytes; 2] {
        [
            ArrayBytes::padded("rows", &self.rows, self.nnz),
            ArrayBytes::padded("values", &self.values, self.nnz),
        ]
    }

    fn at(&self, slot: u32, column: u32) -> usize {
        slot as usize * self.shape.columns() as usize + column as usize
    }

    /// What a slot holds, padding included.
    fn triplet(&self, slot: u32, column: u32) -> Triplet {
        let at = self.at(slot, column);
        Triplet { row: self.rows[at], column, value: self.values[at] }
    }
}

impl From<&Csc> for Ellpack {
    fn from(csc: &Csc) -> Self {
        Self::first_of_columns(csc, csc.longest_column())
    }
}

impl From<&Dense> for Ellpack {
    fn from(dense: &Dense) -> Self {
        Self::from(&Csc::from(dense))
    }
}

/// A matrix in ELLPACK-R: ELLPACK and the number of non-zeros of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct EllpackR {
    slots: Ellpack,
    lengths: Vec<u32>,
}

impl EllpackR {
    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.slots.shape
    }

    /// The arrays that ELLPACK has.
    pub fn slots(&self) -> &Ellpack {
        &self.slots
    }

    /// The number of non-zeros of each column.
    pub fn column_lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The non-zeros, column after column.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        let columns = (0..).zip(&self.lengths);
        columns
            .flat_map(move |(column, &length)| (0..length).map(move |slot| self.slots.triplet(slot, column)))
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        let mut arrays = self.slots.arrays().to_vec();
        arrays.push(ArrayBytes::of("column lengths", &self.lengths));
        Footprint { format: Format::EllpackR, arrays }
    }
}

impl From<&Csc> for EllpackR {
    fn from(csc: &Csc) -> Self {
        Self { slots: Ellpack::from(csc), lengths: csc.column_lengths().collect() }
    }
}

impl From<&Dense> for EllpackR {
    fn from(dense: &Dense) -> Self {
        Self::from(&Csc::from(dense))
    }
}
