//! The compaction engine.

pub mod values;

pub use values::ColumnValues;
