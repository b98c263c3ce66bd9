//! Placeholder.

pub mod activations;
pub mod generator;
pub mod im2col;
pub mod layer;
pub mod matrix;
pub mod npy;
pub mod random;
