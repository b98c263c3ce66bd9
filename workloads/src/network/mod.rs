//! Networks: graphs of operators, and the convolutions and matrix products that they consist of.
//!
//! A [`Graph`] is built operator by operator. Each is checked when it is added: its output's shape follows
//! from its inputs', and one that does not fit is refused by name. [`Graph::layers`] then lists what costs
//! time, every convolution and matrix product as groups of C (m x n) = A (m x k) * B (k x n):
//!
//! ```
//! use workloads::network::{Conv, Graph, Operator, Shape};
//! let mut graph = Graph::default();
//! let image = graph.add("image", Operator::Input(Shape::new(&[8, 3, 32, 32])), &[])?;
//! let conv1 = graph.add("conv1", Operator::Conv(Conv::square(64, 3, 5).pad(2)), &[image])?;
//! graph.add("relu1", Operator::Relu, &[conv1])?;
//! let layer = &graph.layers()[0];
//! assert_eq!((layer.m, layer.k, layer.n), (64, 75, 8 * 32 * 32));
//! assert_eq!(layer.macs(), 64 * 75 * 8192);
//! # Ok::<(), workloads::layer::LayerError>(())
//! ```
//!
//! [`NETWORKS`] lists the networks that are part of the program, one family a file.

mod alexnet;
mod chain;
mod cifarnet;
mod feed_forward;
mod graph;
mod layers;
mod operator;
mod resnet;
mod shape;
mod vgg;

pub use feed_forward::{Activation, feed_forward};
pub use graph::{Graph, Node, NodeId};
pub use layers::{Layer, LayerKind, Parameters, Totals};
pub use operator::{Conv, Linear, Operator, Window};
pub use shape::Shape;

use crate::layer::LayerError;

/// A network that is part of the program.
#[derive(Debug)]
pub struct Network {
    /// Name, as the command line takes it; neither an extension nor a directory, so that it is no path.
    pub name: &'static str,
    /// One line on what it is.
    pub about: &'static str,
    /// Where its shapes are defined.
    pub source: &'static str,
    /// Zeros among the outputs of its ReLUs, one figure for all of them; none where there is no source.
    pub zeros: Option<Zeros>,
    build: fn(u32) -> Result<Graph, LayerError>,
}

/// A share of zeros, and who says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zeros {
    /// Share of zeros, 0 to 1.
    pub share: f64,
    /// Where the figure comes from.
    pub source: &'static str,
}

impl Network {
    /// The graph for `batch` images; of a feed-forward block, tokens. At least 1.
    pub fn graph(&self, batch: u32) -> Result<Graph, LayerError> {
        (self.build)(batch)
    }
}

/// The network called `name`.
pub fn find(name: &str) -> Option<&'static Network> {
    NETWORKS.iter().find(|network| network.name == name)
}

/// The networks, by name.
///
/// To add one: a function that builds its graph for a batch, in the file of its family, and an entry here.
/// `workloads/tests/networks.rs` builds every entry; give it the published count of parameters and
/// multiply-adds to compare with.
pub const NETWORKS: &[Network] = &[
    Network {
        name: "alexnet-torchvision",
        about: "torchvision's AlexNet: one column; experiment alexnet is its conv2 to conv5",
        source: "torchvision.models.alexnet; A. Krizhevsky, arXiv:1404.5997",
        zeros: ALEXNET_ZEROS,
        build: alexnet::torchvision,
    },
    Network {
        name: "alexnet-2012",
        about: "AlexNet as published: two groups in conv2, conv4 and conv5; LRN",
        source: "A. Krizhevsky et al., NIPS 2012; Caffe's bvlc_alexnet",
        zeros: ALEXNET_ZEROS,
        build: alexnet::published,
    },
    Network {
        name: "alexnet-dnnmark",
        about: "DNNMark's AlexNet: as published, but without groups",
        source: "S. Dong, dissertation, table 5.1",
        zeros: ALEXNET_ZEROS,
        build: alexnet::dnnmark,
    },
    Network {
        name: "vgg11",
        about: "VGG-11 (configuration A)",
        source: VGG,
        zeros: None,
        build: |batch| vgg::imagenet(batch, vgg::A),
    },
    Network {
        name: "vgg13",
        about: "VGG-13 (configuration B)",
        source: VGG,
        zeros: None,
        build: |batch| vgg::imagenet(batch, vgg::B),
    },
    Network {
        name: "vgg16",
        about: "VGG-16 (configuration D)",
        source: VGG,
        zeros: Some(Zeros { share: 0.45, source: "dissertation, table 6.5: 35 to 55 %, its middle" }),
        build: |batch| vgg::imagenet(batch, vgg::D),
    },
    Network {
        name: "vgg19",
        about: "VGG-19 (configuration E)",
        source: VGG,
        zeros: None,
        build: |batch| vgg::imagenet(batch, vgg::E),
    },
    Network {
        name: "vgg11-cifar10",
        about: "VGG-11 for CIFAR-10, with batch normalisation",
        source: "github.com/kuangliu/pytorch-cifar",
        zeros: Some(Zeros { share: 0.7, source: "dissertation, table 6.5, layer B (layer C: 85 %)" }),
        build: |batch| vgg::cifar10(batch, vgg::A),
    },
    Network {
        name: "resnet10",
        about: "ResNet-10, one block a stage",
        source: "github.com/osmr/imgclsmob; K. He et al., CVPR 2016",
        zeros: None,
        build: |batch| resnet::imagenet(batch, resnet::Block::Basic, [1, 1, 1, 1]),
    },
    Network {
        name: "resnet18",
        about: "ResNet-18, two blocks a stage",
        source: RESNET,
        zeros: Some(Zeros { share: 0.4, source: "dissertation, table 6.5: 30 to 50 %, its middle" }),
        build: |batch| resnet::imagenet(batch, resnet::Block::Basic, [2, 2, 2, 2]),
    },
    Network {
        name: "resnet34",
        about: "ResNet-34, three to six blocks a stage",
        source: RESNET,
        zeros: None,
        build: |batch| resnet::imagenet(batch, resnet::Block::Basic, [3, 4, 6, 3]),
    },
    Network {
        name: "resnet50",
        about: "ResNet-50, bottleneck blocks, stride in their 3x3 (v1.5)",
        source: RESNET,
        zeros: None,
        build: |batch| resnet::imagenet(batch, resnet::Block::Bottleneck, [3, 4, 6, 3]),
    },
    Network {
        name: "resnet10-cifar10",
        about: "ResNet-10 for CIFAR-10",
        source: "github.com/kuangliu/pytorch-cifar, with one block a stage",
        zeros: Some(Zeros { share: 0.65, source: "dissertation, table 6.5, layer A" }),
        build: |batch| resnet::cifar10(batch, resnet::Block::Basic, [1, 1, 1, 1]),
    },
    Network {
        name: "cifarnet",
        about: "CifarNet for CIFAR-10: two 5x5 convolutions with LRN",
        source: "TensorFlow Models, research/slim/nets/cifarnet.py",
        zeros: Some(Zeros { share: 0.7, source: "dissertation, figure 6.1: about 70 % after conv2" }),
        build: cifarnet::cifarnet,
    },
    Network {
        name: "opt-125m-ffn",
        about: "feed-forward block of OPT-125M, ReLU; the batch is tokens",
        source: "S. Zhang et al., arXiv:2205.01068; facebook/opt-125m, config.json",
        zeros: None,
        build: |tokens| feed_forward(768, 3072, Activation::Relu, true, tokens),
    },
    Network {
        name: "opt-13b-ffn",
        about: "feed-forward block of OPT-13B, ReLU; the batch is tokens",
        source: "S. Zhang et al., arXiv:2205.01068; facebook/opt-13b, config.json",
        zeros: None,
        build: |tokens| feed_forward(5120, 20_480, Activation::Relu, true, tokens),
    },
    Network {
        name: "minitron-4b-ffn",
        about: "feed-forward block of Minitron-4B, squared ReLU; the batch is tokens",
        source: "S. Muralidharan et al., arXiv:2407.14679; model card of nvidia/Minitron-4B-Base",
        zeros: None,
        build: |tokens| feed_forward(3072, 9216, Activation::SquaredRelu, false, tokens),
    },
];

const VGG: &str = "torchvision.models.vgg; K. Simonyan and A. Zisserman, ICLR 2015";
const RESNET: &str = "torchvision.models.resnet; K. He et al., CVPR 2016";
const ALEXNET_ZEROS: Option<Zeros> =
    Some(Zeros { share: 0.55, source: "dissertation, table 6.5: 45 to 65 %, its middle" });
