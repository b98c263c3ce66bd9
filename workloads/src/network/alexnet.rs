//! AlexNet, in the three forms that go by this name.
//!
//! Names of layers are those in common use since Caffe: conv1 to conv5, fc6 to fc8.

use Operator::{AdaptiveAvgPool, Dropout, Flatten, Lrn, MaxPool, Relu, Softmax};

use super::chain::Chain;
use super::graph::Graph;
use super::operator::{Conv, Operator, Window};
use crate::layer::LayerError;

/// torchvision's: one column of 64, 192, 384, 256 and 256 filters, no normalisation.
pub(super) fn torchvision(batch: u32) -> Result<Graph, LayerError> {
    let mut net = Chain::from_images(batch, 224)?;
    net.then("conv1", Operator::Conv(Conv::square(64, 3, 11).stride(4).pad(2)))?.then("relu1", Relu)?;
    net.then("pool1", MaxPool(Window::new(3, 2)))?;
    net.then("conv2", Operator::Conv(Conv::square(192, 64, 5).pad(2)))?.then("relu2", Relu)?;
    net.then("pool2", MaxPool(Window::new(3, 2)))?;
    net.then("conv3", Operator::Conv(Conv::square(384, 192, 3).pad(1)))?.then("relu3", Relu)?;
    net.then("conv4", Operator::Conv(Conv::square(256, 384, 3).pad(1)))?.then("relu4", Relu)?;
    net.then("conv5", Operator::Conv(Conv::square(256, 256, 3).pad(1)))?.then("relu5", Relu)?;
    net.then("pool5", MaxPool(Window::new(3, 2)))?;
    net.then("avgpool", AdaptiveAvgPool { height: 6, width: 6 })?.then("flatten", Flatten)?;
    net.then("drop6", Dropout)?.then_linear("fc6", 9216, 4096)?.then("relu6", Relu)?;
    net.then("drop7", Dropout)?.then_linear("fc7", 4096, 4096)?.then("relu7", Relu)?;
    net.then_linear("fc8", 4096, 1000)?;
    Ok(net.graph)
}

/// As published, with two groups where it lay on two GPUs.
pub(super) fn published(batch: u32) -> Result<Graph, LayerError> {
    with_lrn(batch, 2)
}

/// As DNNMark composes it, with every filter on all channels.
pub(super) fn dnnmark(batch: u32) -> Result<Graph, LayerError> {
    with_lrn(batch, 1)
}

/// The published network with `groups` in conv2, conv4 and conv5. Its images have 227 pixels a side where the
/// paper's text has 224: with 224, conv1 would not have its 55 x 55 outputs.
fn with_lrn(batch: u32, groups: u32) -> Result<Graph, LayerError> {
    let grouped = |filters: u32, channels: u32, size: u32| {
        Operator::Conv(Conv::square(filters, channels / groups, size).pad(size / 2).groups(groups))
    };
    let mut net = Chain::from_images(batch, 227)?;
    net.then("conv1", Operator::Conv(Conv::square(96, 3, 11).stride(4)))?.then("relu1", Relu)?;
    net.then("lrn1", Lrn)?.then("pool1", MaxPool(Window::new(3, 2)))?;
    net.then("conv2", grouped(256, 96, 5))?.then("relu2", Relu)?;
    net.then("lrn2", Lrn)?.then("pool2", MaxPool(Window::new(3, 2)))?;
    net.then("conv3", Operator::Conv(Conv::square(384, 256, 3).pad(1)))?.then("relu3", Relu)?;
    net.then("conv4", grouped(384, 384, 3))?.then("relu4", Relu)?;
    net.then("conv5", grouped(256, 384, 3))?.then("relu5", Relu)?;
    net.then("pool5", MaxPool(Window::new(3, 2)))?.then("flatten", Flatten)?;
    net.then_linear("fc6", 9216, 4096)?.then("relu6", Relu)?.then("drop6", Dropout)?;
    net.then_linear("fc7", 4096, 4096)?.then("relu7", Relu)?.then("drop7", Dropout)?;
    net.then_linear("fc8", 4096, 1000)?.then("softmax", Softmax)?;
    Ok(net.graph)
}
