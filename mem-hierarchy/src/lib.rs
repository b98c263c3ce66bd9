//! The memory hierarchy: requests, caches, crossbar, address translation, memory controllers and DRAM.
//!
//! Knows nothing of kernels, matrices or how a line is compacted: a sparse line is sixteen words and a
//! flag to it.

pub mod address;
mod banks;
pub mod cache;
pub mod controller;
pub mod crossbar;
pub mod dram;
pub mod l1;
pub mod l2;
pub mod mshr;
pub mod params;
mod replacement;
pub mod replay;
pub mod request;
pub mod tags;
pub mod translation;
