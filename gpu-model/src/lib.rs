//! The GPU: instructions and kernels, compute units, dispatcher, and the whole machine's wiring.
//!
//! Knows nothing of networks, layers or matrices: a kernel is whatever implements [`Kernel`].

pub mod compute_unit;
mod core;
pub mod dispatcher;
mod front_end;
pub mod gpu;
pub mod instruction;
pub mod kernel;
pub mod lds;
mod memory_side;
pub mod params;
pub mod topology;
mod windows;

pub use gpu::{Execution, Gpu, KernelReport, RunOptions, SimError};
pub use kernel::Kernel;
