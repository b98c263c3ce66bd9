//! The kernels on the simulated machine.

// Clippy allows it in test functions only, not in their helpers.
#![allow(clippy::unwrap_used)]

mod bench;
mod bounds;
mod counts;
mod errors;
mod faults;
mod orders;
mod parameters;
mod products;
