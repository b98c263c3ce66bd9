//! The engine in time, between L2 slices that ask and a memory that answers, both played by the tests.

// Clippy allows it in test functions only, not in their helpers.
#![allow(clippy::unwrap_used)]

mod bench;
mod latencies;
mod promises;
mod searches;
