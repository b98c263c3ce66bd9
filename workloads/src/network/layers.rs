//! What a network computes where it takes its time: convolutions and matrix products, and their sizes.

use serde::Serialize;

use super::graph::{Graph, NodeId};
use super::operator::{Conv, Linear, Operator};
use super::shape::{Shape, product};
use crate::layer::{ConvLayer, Filter, LayerError};

/// A convolution or a matrix product of a network: `groups` times C (m x n) = A (m x k) * B (k x n).
///
/// Of a convolution, m counts a group's filters, k the channels * height * width of each, n the output pixels
/// of the batch. Of a fully connected layer, m counts outputs, k inputs, n the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name, as the network's source has it.
    pub name: String,
    /// What it is.
    pub kind: LayerKind,
    /// Products of the size below.
    pub groups: u64,
    /// Rows of A and C.
    pub m: u64,
    /// Columns of A, rows of B.
    pub k: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Weights of all groups; no biases.
    pub weights: u64,
    /// Biases.
    pub biases: u64,
    /// Values of the batch that it reads, weights aside.
    pub inputs: u64,
    /// Values of the batch that it writes.
    pub outputs: u64,
    /// Whether its input, of a product of two activations the second, has the zeros of a ReLU.
    pub zeros: bool,
    convolution: Option<ConvLayer>,
}

/// Kinds of layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution.
    Convolution,
    /// A fully connected layer.
    Linear,
    /// A product of two activations.
    MatMul,
}

/// Learnt values by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Of convolutions and fully connected layers.
    pub weights: u64,
    /// Of the same.
    pub biases: u64,
    /// Scales and shifts of batch normalisation; its running mean and variance are not learnt.
    pub normalisation: u64,
}

/// Sums over layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Layers.
    pub layers: u64,
    /// Multiply-adds.
    pub macs: u64,
    /// Weights.
    pub weights: u64,
}

impl Layer {
    /// Multiply-adds: groups * m * k * n.
    pub fn macs(&self) -> u64 {
        self.groups.saturating_mul(self.m).saturating_mul(self.k).saturating_mul(self.n)
    }

    /// One group of it as the kernels take it, a convolution; none of a product of two activations, which has
    /// no weights.
    ///
    /// A fully connected layer is the convolution whose one window is its whole input. Where the input was
    /// feature maps before it was flattened, it is these maps: rows of B are in the same order.
    pub fn as_convolution(&self) -> Option<&ConvLayer> {
        self.convolution.as_ref()
    }

    fn of_conv(name: &str, conv: &Conv, input: &Shape, output: &Shape) -> Option<Self> {
        let [batch, _, height, width] = input.images()?;
        let group = conv.one_group(name, height, width).ok()?;
        let filters = u64::from(conv.filter.filters);
        Some(Self {
            name: name.to_owned(),
            kind: LayerKind::Convolution,
            groups: conv.groups.into(),
            m: group.m().into(),
            k: group.k().into(),
            n: group.n(batch),
            weights: filters * u64::from(group.k()),
            biases: if conv.bias { filters } else { 0 },
            inputs: input.values(),
            outputs: output.values(),
            zeros: false,
            convolution: Some(group),
        })
    }

    /// `maps` is what the input was before it was flattened.
    fn of_linear(name: &str, linear: &Linear, input: &Shape, output: &Shape, maps: Option<[u32; 4]>) -> Self {
        let (m, k) = (u64::from(linear.outputs), u64::from(linear.inputs));
        Self {
            name: name.to_owned(),
            kind: LayerKind::Linear,
            groups: 1,
            m,
            k,
            n: output.values() / m,
            weights: m * k,
            biases: if linear.bias { m } else { 0 },
            inputs: input.values(),
            outputs: output.values(),
            zeros: false,
            convolution: linear_as_convolution(name, linear, input, maps).ok(),
        }
    }

    fn of_matmul(name: &str, a: &Shape, b: &Shape, output: &Shape) -> Option<Self> {
        let [front @ .., m, k] = a.sizes() else { return None };
        Some(Self {
            name: name.to_owned(),
            kind: LayerKind::MatMul,
            groups: product(front),
            m: (*m).into(),
            k: (*k).into(),
            n: b.sizes().last().copied().unwrap_or(1).into(),
            weights: 0,
            biases: 0,
            inputs: a.values() + b.values(),
            outputs: output.values(),
            zeros: false,
            convolution: None,
        })
    }
}

fn linear_as_convolution(
    name: &str,
    linear: &Linear,
    input: &Shape,
    maps: Option<[u32; 4]>,
) -> Result<ConvLayer, LayerError> {
    let Linear { inputs, outputs, .. } = *linear;
    match (maps, input.sizes()) {
        (Some([_, channels, height, width]), _) => {
            let filter = Filter { filters: outputs, channels, kernel_h: height, kernel_w: width };
            ConvLayer::new(name, (height, width), filter, 1, 0)
        }
        // The same at every position of a sequence.
        (None, sizes) => {
            let positions = product(&sizes[1..sizes.len() - 1]);
            let positions = u32::try_from(positions).unwrap_or(u32::MAX);
            let filter = Filter { filters: outputs, channels: inputs, kernel_h: 1, kernel_w: 1 };
            ConvLayer::new(name, (1, positions), filter, 1, 0)
        }
    }
}

impl Graph {
    /// The convolutions and matrix products, in the graph's order.
    pub fn layers(&self) -> Vec<Layer> {
        self.nodes().filter_map(|id| self.layer(id)).collect()
    }

    fn layer(&self, id: NodeId) -> Option<Layer> {
        let node = self.node(id);
        let inputs = self.inputs(id);
        let input = self.node(*inputs.first()?);
        let (layer, b) = match &node.operator {
            Operator::Conv(conv) => (Layer::of_conv(&node.name, conv, &input.shape, &node.shape), input),
            Operator::Linear(linear) => {
                let maps = self.maps_before_flattening(inputs[0]);
                (Some(Layer::of_linear(&node.name, linear, &input.shape, &node.shape, maps)), input)
            }
            Operator::MatMul => {
                let b = self.node(*inputs.get(1)?);
                (Layer::of_matmul(&node.name, &input.shape, &b.shape, &node.shape), b)
            }
            _ => return None,
        };
        layer.map(|layer| Layer { zeros: b.zeros, ..layer })
    }

    /// The feature maps that `id` hands on flattened, if it does.
    fn maps_before_flattening(&self, id: NodeId) -> Option<[u32; 4]> {
        let before = *self.inputs(id).first()?;
        match self.node(id).operator {
            Operator::Flatten => self.node(before).shape.images(),
            Operator::Relu | Operator::SquaredRelu | Operator::Dropout => self.maps_before_flattening(before),
            _ => None,
        }
    }

    /// Learnt values of the whole network.
    pub fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        for layer in self.layers() {
            parameters.weights += layer.weights;
            parameters.biases += layer.biases;
        }
        let normalised = self.nodes().map(|id| self.node(id)).filter(|n| n.operator == Operator::BatchNorm);
        parameters.normalisation = normalised.map(|node| 2 * u64::from(node.shape.sizes()[1])).sum();
        parameters
    }

    /// Sums over [`Graph::layers`].
    pub fn totals(&self) -> Totals {
        let layers = self.layers();
        Totals {
            layers: layers.len() as u64,
            macs: layers.iter().map(Layer::macs).fold(0, u64::saturating_add),
            weights: layers.iter().map(|layer| layer.weights).sum(),
        }
    }
}

impl Parameters {
    /// All of them: what is published as a network's parameters.
    pub fn total(&self) -> u64 {
        self.weights + self.biases + self.normalisation
    }
}
