//! Operators, and the shape of what each makes of its inputs.
//!
//! To add one: a variant of [`Operator`], what it takes and makes in [`Operator::infer`], and whether zeros
//! outlast it in [`Operator::keeps_zeros`]. One that multiplies matrices is a layer too, in `layers.rs`.

use super::shape::{Shape, product};
use crate::layer::{ConvLayer, Filter};

/// What a node of the graph does to its inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A tensor from outside.
    Input(Shape),
    /// A convolution of feature maps.
    Conv(Conv),
    /// A fully connected layer: a matrix product of weights and the last size of its input.
    Linear(Linear),
    /// The product of two activations, (.., m, k) by (.., k, n), once for each of the sizes in front.
    MatMul,
    /// The largest value of each window.
    MaxPool(Window),
    /// The mean of each window.
    AvgPool(Window),
    /// The mean of each of `height` x `width` even parts of a map; 1 x 1 is global average pooling.
    AdaptiveAvgPool {
        /// Rows of the output.
        height: u32,
        /// Columns of the output.
        width: u32,
    },
    /// max(x, 0).
    Relu,
    /// max(x, 0) squared.
    SquaredRelu,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// tanh(x).
    Tanh,
    /// exp(x) over its sum.
    Softmax,
    /// Local response normalisation, over neighbouring channels.
    Lrn,
    /// Batch normalisation: a scale and a shift for each channel.
    BatchNorm,
    /// Dropout, which changes nothing in inference.
    Dropout,
    /// The sum of two tensors or more.
    Add,
    /// Tensors one behind the other, by channels.
    Concat,
    /// All sizes but the batch in one.
    Flatten,
}

/// A convolution: dilation 1, the same stride and padding in both directions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    /// All filters, and the channels that each sees, which are those of its group.
    pub filter: Filter,
    /// Groups into which input channels and filters are divided.
    pub groups: u32,
    /// Pixels from one window to the next.
    pub stride: u32,
    /// Rows and columns of zeros added on each side.
    pub pad: u32,
    /// Whether each filter adds a constant.
    pub bias: bool,
}

impl Conv {
    /// `filters` of `size` x `size` pixels on `channels` each: one group, stride 1, no padding, biases.
    pub fn square(filters: u32, channels: u32, size: u32) -> Self {
        let filter = Filter { filters, channels, kernel_h: size, kernel_w: size };
        Self { filter, groups: 1, stride: 1, pad: 0, bias: true }
    }

    /// This convolution with another stride.
    pub fn stride(self, stride: u32) -> Self {
        Self { stride, ..self }
    }

    /// This convolution with another padding.
    pub fn pad(self, pad: u32) -> Self {
        Self { pad, ..self }
    }

    /// This convolution in so many groups.
    pub fn groups(self, groups: u32) -> Self {
        Self { groups, ..self }
    }

    /// This convolution without biases.
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// One group of it, on inputs of `height` x `width` pixels, or why there is none.
    pub(super) fn one_group(&self, name: &str, height: u32, width: u32) -> Result<ConvLayer, String> {
        let filters = self.filter.filters;
        if self.groups == 0 || !filters.is_multiple_of(self.groups) {
            return Err(format!("{filters} filters do not divide into {} groups", self.groups));
        }
        let filter = Filter { filters: filters / self.groups, ..self.filter };
        ConvLayer::new(name, (height, width), filter, self.stride, self.pad).map_err(|error| error.message)
    }

    fn infer(&self, input: &Shape) -> Result<Shape, String> {
        let [batch, channels, height, width] = images(input)?;
        let group = self.one_group("", height, width)?;
        let expected = u64::from(self.filter.channels) * u64::from(self.groups);
        if u64::from(channels) != expected {
            return Err(format!(
                "found {channels} channels ({input}), expected {expected}: filter {} in {} group{}",
                self.filter,
                self.groups,
                if self.groups == 1 { "" } else { "s" }
            ));
        }
        Ok(Shape::new(&[batch, self.filter.filters, group.out_h(), group.out_w()]))
    }
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Values that each output sees.
    pub inputs: u32,
    /// Outputs.
    pub outputs: u32,
    /// Whether each output adds a constant.
    pub bias: bool,
}

impl Linear {
    fn infer(&self, input: &Shape) -> Result<Shape, String> {
        let Self { inputs, outputs, .. } = *self;
        if outputs == 0 {
            return Err(format!("weights {outputs}x{inputs} make no output; at least 1 is allowed"));
        }
        match input.sizes() {
            [front @ .., last] if !front.is_empty() && *last == inputs => {
                let sizes: Vec<u32> = front.iter().copied().chain([outputs]).collect();
                Ok(Shape::new(&sizes))
            }
            _ => {
                Err(format!("found {input}, expected a batch of {inputs} values: weights {outputs}x{inputs}"))
            }
        }
    }
}

/// Windows of a pooling operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of a window.
    pub size: u32,
    /// Pixels from one window to the next.
    pub stride: u32,
    /// Rows and columns added on each side.
    pub pad: u32,
}

impl Window {
    /// Windows of `size` x `size` pixels, `stride` apart, without padding.
    pub fn new(size: u32, stride: u32) -> Self {
        Self { size, stride, pad: 0 }
    }

    /// These windows with padding.
    pub fn pad(self, pad: u32) -> Self {
        Self { pad, ..self }
    }

    /// A window goes over a map as the filter of a convolution does.
    fn infer(&self, input: &Shape) -> Result<Shape, String> {
        let [batch, channels, height, width] = images(input)?;
        let filter = Conv::square(1, 1, self.size).stride(self.stride).pad(self.pad);
        let map = filter.one_group("", height, width)?;
        Ok(Shape::new(&[batch, channels, map.out_h(), map.out_w()]))
    }
}

impl Operator {
    /// Name of the operator, as messages show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Conv(_) => "convolution",
            Self::Linear(_) => "fully connected",
            Self::MatMul => "matrix product",
            Self::MaxPool(_) => "max pooling",
            Self::AvgPool(_) => "average pooling",
            Self::AdaptiveAvgPool { .. } => "adaptive average pooling",
            Self::Relu => "ReLU",
            Self::SquaredRelu => "squared ReLU",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softmax => "softmax",
            Self::Lrn => "LRN",
            Self::BatchNorm => "batch normalisation",
            Self::Dropout => "dropout",
            Self::Add => "sum",
            Self::Concat => "concatenation",
            Self::Flatten => "flattening",
        }
    }

    /// Shape of the output for inputs of these shapes, or what does not fit: what was found, what expected.
    pub(super) fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match (self, inputs) {
            (Self::Input(shape), []) => match shape.sizes() {
                [] => Err("the input has no sizes; expected the batch, then others".into()),
                sizes if sizes.contains(&0) => Err(format!("found {shape}, expected sizes of at least 1")),
                _ => Ok(shape.clone()),
            },
            (Self::Conv(conv), [input]) => conv.infer(input),
            (Self::Linear(linear), [input]) => linear.infer(input),
            (Self::MatMul, [a, b]) => matrix_product(a, b),
            (Self::MaxPool(window) | Self::AvgPool(window), [input]) => window.infer(input),
            (Self::AdaptiveAvgPool { height, width }, [input]) => adaptive_pool(input, *height, *width),
            (Self::Lrn | Self::BatchNorm, [input]) => {
                images(input)?;
                Ok((*input).clone())
            }
            (
                Self::Relu | Self::SquaredRelu | Self::Sigmoid | Self::Tanh | Self::Softmax | Self::Dropout,
                [input],
            ) => Ok((*input).clone()),
            (Self::Flatten, [input]) => flat(input),
            (Self::Add, [first, rest @ ..]) if !rest.is_empty() => equal(first, rest),
            (Self::Concat, [first, rest @ ..]) => concatenated(first, rest),
            _ => Err(format!("found {} inputs, expected {}", inputs.len(), self.arity())),
        }
    }

    /// How many inputs it takes, in words.
    fn arity(&self) -> &'static str {
        match self {
            Self::Input(_) => "none",
            Self::MatMul => "2",
            Self::Add => "2 or more",
            Self::Concat => "1 or more",
            _ => "1",
        }
    }

    /// Whether the output has the zeros of a ReLU. `zeros` says so of the inputs, and `same_shape` whether
    /// the output has its input's shape.
    pub(super) fn keeps_zeros(&self, zeros: &[bool], same_shape: bool) -> bool {
        match self {
            Self::Relu | Self::SquaredRelu => true,
            Self::MaxPool(_) | Self::Lrn | Self::Dropout | Self::Flatten | Self::Concat => {
                zeros.iter().all(|&zeros| zeros)
            }
            // A mean is zero only where its whole window is.
            Self::AvgPool(_) | Self::AdaptiveAvgPool { .. } => same_shape && zeros.iter().all(|&zeros| zeros),
            Self::Input(_)
            | Self::Conv(_)
            | Self::Linear(_)
            | Self::MatMul
            | Self::Sigmoid
            | Self::Tanh
            | Self::Softmax
            | Self::BatchNorm
            | Self::Add => false,
        }
    }
}

/// The sizes of feature maps.
fn images(input: &Shape) -> Result<[u32; 4], String> {
    input.images().ok_or_else(|| format!("found {input}, expected batch x channels x height x width"))
}

fn adaptive_pool(input: &Shape, height: u32, width: u32) -> Result<Shape, String> {
    let [batch, channels, in_height, in_width] = images(input)?;
    if height == 0 || width == 0 {
        return Err(format!("the output is {height}x{width}; at least 1x1 is allowed"));
    }
    if height > in_height || width > in_width {
        return Err(format!("found {input}, expected maps of at least {height}x{width} pixels"));
    }
    Ok(Shape::new(&[batch, channels, height, width]))
}

fn flat(input: &Shape) -> Result<Shape, String> {
    let [batch, rest @ ..] = input.sizes() else { return Err("found no sizes, expected a batch".into()) };
    let values = u32::try_from(product(rest))
        .map_err(|_| format!("found {input}, expected at most {} values for each of the batch", u32::MAX))?;
    Ok(Shape::new(&[*batch, values]))
}

fn matrix_product(a: &Shape, b: &Shape) -> Result<Shape, String> {
    match (a.sizes(), b.sizes()) {
        ([front @ .., m, k], [behind @ .., rows, n]) if front == behind && k == rows => {
            let sizes: Vec<u32> = front.iter().copied().chain([*m, *n]).collect();
            Ok(Shape::new(&sizes))
        }
        _ => Err(format!("found {a} by {b}, expected ..xMxK by ..xKxN with equal sizes in front")),
    }
}

fn equal(first: &Shape, rest: &[&Shape]) -> Result<Shape, String> {
    match rest.iter().find(|shape| **shape != first) {
        Some(other) => Err(format!("found {other}, expected {first} as of the first input")),
        None => Ok(first.clone()),
    }
}

fn concatenated(first: &Shape, rest: &[&Shape]) -> Result<Shape, String> {
    let mut sizes = first.sizes().to_vec();
    if sizes.len() < 2 {
        return Err(format!("found {first}, expected a batch of channels"));
    }
    for shape in rest {
        let other = shape.sizes();
        let fits = other.len() == sizes.len() && other[0] == sizes[0] && other[2..] == sizes[2..];
        let channels = if fits { sizes[1].checked_add(other[1]) } else { None };
        sizes[1] = channels
            .ok_or_else(|| format!("found {shape}, expected {first} up to the number of channels"))?;
    }
    Ok(Shape::new(&sizes))
}
