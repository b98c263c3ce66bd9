//! What a matrix takes in memory, array by array, and how the formats compare.
//!
//! ```
//! use workloads::formats::{Shape, compare_at};
//!
//! for sparsity in [0.1, 0.5, 0.9] {
//!     for footprint in compare_at(Shape::new(256, 64)?, sparsity, 1)? {
//!         println!("{sparsity}: {} takes {} bytes", footprint.format, footprint.bytes());
//!     }
//! }
//! # Ok::<(), workloads::formats::FormatError>(())
//! ```

use super::error::FormatError;
use super::shape::{Format, Shape};
use super::{Coo, Csc, Csr, Ellpack, EllpackDib, EllpackR, Hyb};
use crate::matrix::UniformMatrix;

/// Bytes of one array of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayBytes {
    /// What it holds.
    pub name: &'static str,
    /// Bytes that say something.
    pub used: u64,
    /// Bytes behind the end of a column, which are there for the layout.
    pub padding: u64,
}

impl ArrayBytes {
    /// An array without padding.
    pub(super) fn of<T>(name: &'static str, array: &[T]) -> Self {
        Self::padded(name, array, array.len())
    }

    /// An array in which `used` elements are not padding.
    pub(super) fn padded<T>(name: &'static str, array: &[T], used: usize) -> Self {
        let used = (used * size_of::<T>()) as u64;
        Self { name, used, padding: size_of_val(array) as u64 - used }
    }
}

/// Bytes of a matrix in one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The format.
    pub format: Format,
    /// Its arrays.
    pub arrays: Vec<ArrayBytes>,
}

impl Footprint {
    /// That of a dense matrix, which need not be made for it.
    pub fn of_dense(shape: Shape) -> Self {
        let used = (shape.elements() * size_of::<f32>()) as u64;
        Self { format: Format::Dense, arrays: vec![ArrayBytes { name: "values", used, padding: 0 }] }
    }

    /// Bytes of all arrays, padding included.
    pub fn bytes(&self) -> u64 {
        self.arrays.iter().map(|array| array.used + array.padding).sum()
    }

    /// Bytes of padding in all arrays.
    pub fn padding(&self) -> u64 {
        self.arrays.iter().map(|array| array.padding).sum()
    }
}

/// The footprint of a matrix in every format, dense first; an error where it has too many rows for
/// ELLPACK-DIB.
pub fn compare(matrix: &Csc) -> Result<Vec<Footprint>, FormatError> {
    Ok(vec![
        Footprint::of_dense(matrix.shape()),
        Coo::from(matrix).footprint(),
        Csr::from(matrix).footprint(),
        matrix.footprint(),
        Ellpack::from(matrix).footprint(),
        EllpackR::from(matrix).footprint(),
        EllpackDib::try_from(matrix)?.footprint(),
        Hyb::from(matrix).footprint(),
    ])
}

/// [`compare`] for a matrix of `shape` of whose elements a share `sparsity`, 0 to 1, is zero, uniformly at
/// random by `seed`.
///
/// # Panics
/// Where `sparsity` is not between 0 and 1.
pub fn compare_at(shape: Shape, sparsity: f64, seed: u64) -> Result<Vec<Footprint>, FormatError> {
    let matrix = UniformMatrix::new(shape.rows(), u64::from(shape.columns()), sparsity, seed);
    compare(&Csc::from_columns(&matrix)?)
}
