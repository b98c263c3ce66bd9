//! The machine held to its parameters: tiny kernels of a few instructions whose time can be added up by hand.

mod bench;
mod caches;
mod errors;
mod issue;
mod latencies;
mod orders;
mod throughput;
