//! Sparse matrices as data structures: what each format stores, how one becomes another, and its bytes.
//!
//! | format | packed | arrays | bytes |
//! | --- | --- | --- | --- |
//! | [`Dense`] | nothing, row after row | values | 4 K N |
//! | [`Coo`] | nothing, sorted by column, then row | rows, columns, values | 12 nnz |
//! | [`Csr`] | rows | row pointers, columns, values | 8 nnz + 4 (K + 1) |
//! | [`Csc`] | columns | column pointers, rows, values | 8 nnz + 4 (N + 1) |
//! | [`Ellpack`] | columns | rows, values | 8 w N |
//! | [`EllpackR`] | columns | rows, values, column lengths | 8 w N + 4 N |
//! | [`EllpackDib`] | columns | bundles, column lengths | 64 ceil(w / 16) N + 4 N |
//! | [`Hyb`] | columns | an ELLPACK of h slots a column, a COO of t entries | 8 h N + 12 t |
//!
//! K x N is the shape, nnz the number of non-zeros, w that of the longest column. Indices, pointers and
//! lengths are u32 and values binary32; a bundle has a 16-bit row and a binary16 value. A format that packs
//! columns keeps the non-zeros of a column together, as B of C = A * B is read; where the literature
//! describes it for rows, rows and columns have changed places here.
//!
//! A format holds each non-zero once and no zero; a zero is +0.0 or -0.0, and comes back as +0.0.
//! [`Coo`], [`Csr`] and [`Csc`] can be made from their arrays and refuse those that break this with a
//! [`FormatError`]. The others are made from a [`Csc`] only and cannot be wrong. Conversions are exact
//! but for ELLPACK-DIB, whose values are rounded to binary16.
//!
//! ```
//! use workloads::formats::{Csc, Csr, Dense, Hyb, Shape};
//!
//! let dense = Dense::new(Shape::new(2, 3)?, vec![0.0, 1.0, 2.0, 3.0, 0.0, 4.0])?;
//! let csc = Csc::from(&dense);
//! assert_eq!(csc.column_pointers(), [0, 1, 2, 4]);
//! assert_eq!(Csr::from(&csc).column_indices(), [1, 2, 0, 2]);
//! assert_eq!(Dense::from(&Hyb::from(&csc)), dense);
//! # Ok::<(), workloads::formats::FormatError>(())
//! ```

mod compressed;
mod coo;
mod dense;
mod dib;
mod ellpack;
mod error;
mod footprint;
mod hyb;
mod shape;

pub use compressed::{Csc, Csr};
pub use coo::Coo;
pub use dense::Dense;
pub use dib::EllpackDib;
pub use ellpack::{Ellpack, EllpackR};
pub use error::{FormatError, Problem};
pub use footprint::{ArrayBytes, Footprint, compare, compare_at};
pub use hyb::Hyb;
pub use shape::{Format, Shape, Triplet};
