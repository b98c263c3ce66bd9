//! What a run reports: records, the table on the terminal, CSV, and files that are whole or not there.
//!
//! The command fills a [`record::ResultFile`]; everything here only reads such records. This crate knows
//! nothing of simulators, kernels or configurations: a result file written by an older program can be shown.

pub mod bench;
pub mod csv;
pub mod memory;
pub mod record;
pub mod store;
pub mod table;
mod total;
pub mod trace;
