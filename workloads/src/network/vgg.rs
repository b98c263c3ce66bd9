//! VGG: stages of 3x3 convolutions, each stage followed by a pooling.
//!
//! Names of layers are those in common use since Caffe: conv1_1 is the first convolution of stage 1, and the
//! fully connected layers are fc6 to fc8.

use Operator::{AdaptiveAvgPool, BatchNorm, Dropout, Flatten, MaxPool, Relu};

use super::chain::Chain;
use super::graph::Graph;
use super::operator::{Conv, Operator, Window};
use crate::layer::LayerError;

/// Convolutions of each stage.
pub(super) type Configuration = [u32; 5];

/// VGG-11.
pub(super) const A: Configuration = [1, 1, 2, 2, 2];
/// VGG-13.
pub(super) const B: Configuration = [2, 2, 2, 2, 2];
/// VGG-16.
pub(super) const D: Configuration = [2, 2, 3, 3, 3];
/// VGG-19.
pub(super) const E: Configuration = [2, 2, 4, 4, 4];

/// Filters of each stage's convolutions.
const FILTERS: [u32; 5] = [64, 128, 256, 512, 512];

/// torchvision's, without batch normalisation.
pub(super) fn imagenet(batch: u32, configuration: Configuration) -> Result<Graph, LayerError> {
    let mut net = features(Chain::from_images(batch, 224)?, configuration, false)?;
    net.then("avgpool", AdaptiveAvgPool { height: 7, width: 7 })?.then("flatten", Flatten)?;
    net.then_linear("fc6", 25_088, 4096)?.then("relu6", Relu)?.then("drop6", Dropout)?;
    net.then_linear("fc7", 4096, 4096)?.then("relu7", Relu)?.then("drop7", Dropout)?;
    net.then_linear("fc8", 4096, 1000)?;
    Ok(net.graph)
}

/// For the small images of CIFAR-10: batch normalisation, and one fully connected layer.
pub(super) fn cifar10(batch: u32, configuration: Configuration) -> Result<Graph, LayerError> {
    let mut net = features(Chain::from_images(batch, 32)?, configuration, true)?;
    net.then("flatten", Flatten)?.then_linear("fc", 512, 10)?;
    Ok(net.graph)
}

fn features(mut net: Chain, configuration: Configuration, batch_norm: bool) -> Result<Chain, LayerError> {
    let mut channels = 3;
    for ((stage, convolutions), filters) in (1..).zip(configuration).zip(FILTERS) {
        for i in 1..=convolutions {
            let conv = Conv::square(filters, channels, 3).pad(1);
            net.then(&format!("conv{stage}_{i}"), Operator::Conv(conv))?;
            if batch_norm {
                net.then(&format!("bn{stage}_{i}"), BatchNorm)?;
            }
            net.then(&format!("relu{stage}_{i}"), Relu)?;
            channels = filters;
        }
        net.then(&format!("pool{stage}"), MaxPool(Window::new(2, 2)))?;
    }
    Ok(net)
}
