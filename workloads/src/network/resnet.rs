//! ResNet: four stages of residual blocks.
//!
//! Names of layers are torchvision's: conv1, layer1.0.conv1 (stage 1, first block, first convolution),
//! layer2.0.downsample.0 (the 1x1 convolution of a block's shortcut), fc.

use Operator::{AdaptiveAvgPool, Add, BatchNorm, Flatten, MaxPool, Relu};

use super::chain::Chain;
use super::graph::Graph;
use super::operator::{Conv, Operator, Window};
use crate::layer::LayerError;

/// Residual blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3 with the block's stride, and 1x1 to four times the channels.
    Bottleneck,
}

/// Blocks of each stage.
type Depths = [u32; 4];

/// torchvision's: a 7x7 convolution and a pooling, both with stride 2, in front of the stages.
pub(super) fn imagenet(batch: u32, block: Block, depths: Depths) -> Result<Graph, LayerError> {
    let mut net = Chain::from_images(batch, 224)?;
    let stem = Conv::square(64, 3, 7).stride(2).pad(3).without_bias();
    net.then("conv1", Operator::Conv(stem))?.then("bn1", BatchNorm)?.then("relu1", Relu)?;
    net.then("maxpool", MaxPool(Window::new(3, 2).pad(1)))?;
    stages_and_classes(net, block, depths, 1000)
}

/// For the small images of CIFAR-10: a 3x3 convolution in front of the stages.
pub(super) fn cifar10(batch: u32, block: Block, depths: Depths) -> Result<Graph, LayerError> {
    let mut net = Chain::from_images(batch, 32)?;
    let stem = Conv::square(64, 3, 3).pad(1).without_bias();
    net.then("conv1", Operator::Conv(stem))?.then("bn1", BatchNorm)?.then("relu1", Relu)?;
    stages_and_classes(net, block, depths, 10)
}

fn stages_and_classes(
    mut net: Chain,
    block: Block,
    depths: Depths,
    classes: u32,
) -> Result<Graph, LayerError> {
    let mut channels = 64;
    for ((stage, depth), width) in (1..).zip(depths).zip([64, 128, 256, 512]) {
        for i in 0..depth {
            let stride = if stage > 1 && i == 0 { 2 } else { 1 };
            let name = format!("layer{stage}.{i}");
            channels = residual(&mut net, &name, block, channels, width, stride)?;
        }
    }
    net.then("avgpool", AdaptiveAvgPool { height: 1, width: 1 })?.then("flatten", Flatten)?;
    net.then_linear("fc", channels, classes)?;
    Ok(net.graph)
}

/// Adds a block; returns the channels of its output.
fn residual(
    net: &mut Chain,
    name: &str,
    block: Block,
    channels: u32,
    width: u32,
    stride: u32,
) -> Result<u32, LayerError> {
    let start = net.end;
    let convolutions = match block {
        Block::Basic => {
            vec![Conv::square(width, channels, 3).stride(stride).pad(1), Conv::square(width, width, 3).pad(1)]
        }
        Block::Bottleneck => vec![
            Conv::square(width, channels, 1),
            Conv::square(width, width, 3).stride(stride).pad(1),
            Conv::square(4 * width, width, 1),
        ],
    };
    let last = convolutions.len();
    let mut outputs = channels;
    for (i, conv) in (1..).zip(convolutions) {
        outputs = conv.filter.filters;
        net.then(&format!("{name}.conv{i}"), Operator::Conv(conv.without_bias()))?;
        net.then(&format!("{name}.bn{i}"), BatchNorm)?;
        if i < last {
            net.then(&format!("{name}.relu{i}"), Relu)?;
        }
    }
    let shortcut = if stride == 1 && channels == outputs {
        start
    } else {
        let conv = Conv::square(outputs, channels, 1).stride(stride).without_bias();
        let conv = net.graph.add(&format!("{name}.downsample.0"), Operator::Conv(conv), &[start])?;
        net.graph.add(&format!("{name}.downsample.1"), BatchNorm, &[conv])?
    };
    net.end = net.graph.add(&format!("{name}.add"), Add, &[net.end, shortcut])?;
    net.then(&format!("{name}.relu{last}"), Relu)?;
    Ok(outputs)
}
