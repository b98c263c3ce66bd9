//! The compaction engine of Spartan: near-memory hardware that turns sparse columns into packed
//! ELLPACK-DIB lines while a kernel reads them.
//!
//! [`engine`] is the engine in time. What it does without time is pure and stands on its own: [`packer`]
//! (compaction, a dense line at a time), [`column`] (the same from the definition, for reference), [`sib`]
//! and [`search`] (what is remembered of a column and how a compacted line is found), [`inspect`] (all of it
//! for one column, to look at).
//!
//! This crate knows nothing of compute units or kernels: it answers reads of a registered matrix.

pub mod bundle;
pub mod column;
pub mod engine;
pub mod inspect;
pub mod line;
pub mod packer;
pub mod params;
pub mod prefetch_buffer;
pub mod processor;
pub mod search;
pub mod sib;
pub mod values;

pub use engine::{Engine, Matrix};
pub use values::ColumnValues;
