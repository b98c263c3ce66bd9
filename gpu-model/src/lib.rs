//! The GPU: instructions and kernels, compute units, dispatcher, and the whole machine's wiring.
//!
//! Knows nothing of networks, layers or matrices: a kernel is whatever implements [`Kernel`].

pub mod compute_unit;
pub mod dispatcher;
pub mod gpu;
pub mod instruction;
pub mod kernel;
pub mod lds;
pub mod params;
pub mod topology;

pub use gpu::{Gpu, KernelReport, RunOptions, SimError};
pub use kernel::Kernel;
