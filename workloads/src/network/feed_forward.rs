//! The feed-forward block of a transformer: up to `d_ff` values, an activation with many zeros, and back.
//!
//! It treats every token alike, so the batch counts tokens, whichever sequences they belong to.

use super::chain::Chain;
use super::graph::Graph;
use super::operator::{Linear, Operator};
use crate::layer::LayerError;

/// Activations that leave zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// max(x, 0) squared (D. So et al., arXiv:2109.08668).
    SquaredRelu,
}

/// A block for `tokens` of `d_model` values: layers "up" (d_model to d_ff) and "down" (d_ff to d_model), with
/// biases or without.
pub fn feed_forward(
    d_model: u32,
    d_ff: u32,
    activation: Activation,
    bias: bool,
    tokens: u32,
) -> Result<Graph, LayerError> {
    let operator = match activation {
        Activation::Relu => Operator::Relu,
        Activation::SquaredRelu => Operator::SquaredRelu,
    };
    let mut net = Chain::from_input(&[tokens, d_model])?;
    net.then("up", Operator::Linear(Linear { inputs: d_model, outputs: d_ff, bias }))?;
    net.then("activation", operator)?;
    net.then("down", Operator::Linear(Linear { inputs: d_ff, outputs: d_model, bias }))?;
    Ok(net.graph)
}
