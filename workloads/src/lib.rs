//! What runs on the machine: matrices, layers, activations, and the kernels that multiply them.

pub mod activations;
pub mod formats;
pub mod gemm;
pub mod generator;
pub mod im2col;
pub mod kernels;
pub mod layer;
pub mod matrix;
pub mod network;
pub mod npy;
pub mod params;
pub mod random;
pub mod run;
pub mod sample;
pub mod sass;
pub mod verify;
