//! CifarNet: a network for CIFAR-10. Its 5x5x64x64 convolution is that of the dissertation's figure 6.3.
//!
//! Names of layers are those of TensorFlow's slim: conv1, conv2, fc3, fc4, logits.

use Operator::{Dropout, Flatten, Lrn, MaxPool, Relu};

use super::chain::Chain;
use super::graph::Graph;
use super::operator::{Conv, Operator, Window};
use crate::layer::LayerError;

/// Images of 32 x 32 pixels.
pub(super) fn cifarnet(batch: u32) -> Result<Graph, LayerError> {
    let mut net = Chain::from_images(batch, 32)?;
    net.then("conv1", Operator::Conv(Conv::square(64, 3, 5).pad(2)))?.then("relu1", Relu)?;
    net.then("pool1", MaxPool(Window::new(2, 2)))?.then("norm1", Lrn)?;
    net.then("conv2", Operator::Conv(Conv::square(64, 64, 5).pad(2)))?.then("relu2", Relu)?;
    net.then("norm2", Lrn)?.then("pool2", MaxPool(Window::new(2, 2)))?;
    net.then("flatten", Flatten)?;
    net.then_linear("fc3", 4096, 384)?.then("relu3", Relu)?.then("dropout3", Dropout)?;
    net.then_linear("fc4", 384, 192)?.then("relu4", Relu)?;
    net.then_linear("logits", 192, 10)?;
    Ok(net.graph)
}
