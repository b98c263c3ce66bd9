//! Every element of a matrix, row after row: what the formats are made from and turned back into.

use super::error::{FormatError, Problem};
use super::footprint::Footprint;
use super::shape::{Format, Shape, Triplet};
use super::{Coo, Csc, Csr, Ellpack, EllpackDib, EllpackR, Hyb};

/// A matrix in row-major order.
///
/// [`DenseMatrix`](crate::matrix::DenseMatrix) is the column-major one, for kernels that read B by columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    shape: Shape,
    values: Vec<f32>,
}

impl Dense {
    /// A matrix of `shape` from its values, row after row; an error where they are not as many as it has
    /// elements.
    pub fn new(shape: Shape, values: Vec<f32>) -> Result<Self, FormatError> {
        let (found, expected) = (values.len(), shape.elements());
        if found != expected {
            return Err(Problem::Length { array: "values", found, expected }.of(Format::Dense));
        }
        Ok(Self { shape, values })
    }

    /// Rows and columns.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All elements, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The non-zeros, row after row.
    pub fn triplets(&self) -> impl Iterator<Item = Triplet> + Clone {
        let places =
            (0..self.shape.rows()).flat_map(|row| (0..self.shape.columns()).map(move |column| (row, column)));
        let triplets = places.zip(&self.values).map(|((row, column), &value)| Triplet { row, column, value });
        triplets.filter(|triplet| triplet.value != 0.0)
    }

    /// Bytes of each array.
    pub fn footprint(&self) -> Footprint {
        Footprint::of_dense(self.shape)
    }

    /// A matrix that is zero but for `triplets`, which are within `shape`.
    fn from_triplets(shape: Shape, triplets: impl Iterator<Item = Triplet>) -> Self {
        let mut values = vec![0.0; shape.elements()];
        for Triplet { row, column, value } in triplets {
            values[row as usize * shape.columns() as usize + column as usize] = value;
        }
        Self { shape, values }
    }
}

/// The way back from each format, all by its triplets.
macro_rules! dense_from {
    ($($format:ident)*) => {$(
        impl From<&$format> for Dense {
            fn from(matrix: &$format) -> Self {
                Self::from_triplets(matrix.shape(), matrix.triplets())
            }
        }
    )*};
}

dense_from! { Coo Csr Csc Ellpack EllpackR EllpackDib Hyb }
