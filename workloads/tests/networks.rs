//! Networks against what is published about them, and graphs that must be refused.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use workloads::activations::{Activations, Shape as ActivationShape};
use workloads::im2col::Im2col;
use workloads::network::{
    Activation, Conv, Graph, Layer, LayerKind, Linear, NETWORKS, NodeId, Operator, Parameters, Shape, Window,
    feed_forward, find,
};

fn graph(name: &str, batch: u32) -> Graph {
    find(name).unwrap().graph(batch).unwrap()
}

fn layer(graph: &Graph, name: &str) -> Layer {
    graph.layers().into_iter().find(|layer| layer.name == name).unwrap_or_else(|| panic!("no layer {name}"))
}

/// m, k and n of a group.
fn size(layer: &Layer) -> (u64, u64, u64) {
    (layer.m, layer.k, layer.n)
}

// Published totals ---------------------------------------------------------------------------------------

/// Parameters exactly, biases and batch normalisation included. The numbers are torchvision's for its
/// networks, Caffe's for alexnet-2012, and those of the sources that the table of networks names otherwise.
#[test]
fn parameters_are_as_published() {
    for (name, total) in [
        ("alexnet-torchvision", 61_100_840),
        ("alexnet-2012", 60_965_224),
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("vgg11-cifar10", 9_231_114),
        ("resnet10", 5_418_792),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet10-cifar10", 4_903_242),
        ("cifarnet", 1_756_426),
    ] {
        for batch in [1, 7] {
            assert_eq!(graph(name, batch).parameters().total(), total, "{name} at batch {batch}");
        }
    }
}

/// Multiply-adds of convolutions and fully connected layers for an image: torchvision's to three decimals of
/// 10^9, and for alexnet-2012 the sum of its layers' published 105,415,200 (conv1) to 4,096,000 (fc8).
#[test]
fn multiply_adds_are_as_published() {
    for (name, billions) in [
        ("alexnet-torchvision", 0.714),
        ("vgg11", 7.609),
        ("vgg13", 11.308),
        ("vgg16", 15.470),
        ("vgg19", 19.632),
        ("resnet18", 1.814),
        ("resnet34", 3.664),
        ("resnet50", 4.089),
    ] {
        let macs = graph(name, 1).totals().macs;
        assert_eq!(format!("{:.3}", macs as f64 / 1e9), format!("{billions:.3}"), "{name}: {macs}");
    }
    assert_eq!(graph("alexnet-2012", 1).totals().macs, 724_406_816);
}

#[test]
fn biases_and_normalisation_are_counted_apart() {
    let alexnet = graph("alexnet-torchvision", 1).parameters();
    assert_eq!(alexnet, Parameters { weights: 61_090_496, biases: 10_344, normalisation: 0 });
    // ResNet's convolutions have no biases, and 4,800 channels are normalised.
    let resnet = graph("resnet18", 1).parameters();
    assert_eq!(resnet, Parameters { weights: 11_678_912, biases: 1_000, normalisation: 9_600 });
}

#[test]
fn layers_are_as_many_as_the_names_say() {
    for (name, convolutions, linear) in [
        ("alexnet-torchvision", 5, 3),
        ("alexnet-2012", 5, 3),
        ("alexnet-dnnmark", 5, 3),
        ("vgg11", 8, 3),
        ("vgg13", 10, 3),
        ("vgg16", 13, 3),
        ("vgg19", 16, 3),
        ("vgg11-cifar10", 8, 1),
        // Three stages, of ResNet-50 all four, have a convolution in their first shortcut.
        ("resnet10", 9 + 3, 1),
        ("resnet18", 17 + 3, 1),
        ("resnet34", 33 + 3, 1),
        ("resnet50", 49 + 4, 1),
        ("resnet10-cifar10", 9 + 3, 1),
        ("cifarnet", 2, 3),
        ("opt-125m-ffn", 0, 2),
        ("opt-13b-ffn", 0, 2),
        ("minitron-4b-ffn", 0, 2),
    ] {
        let layers = graph(name, 1).layers();
        let of_kind = |kind| layers.iter().filter(|layer| layer.kind == kind).count();
        assert_eq!(
            (of_kind(LayerKind::Convolution), of_kind(LayerKind::Linear)),
            (convolutions, linear),
            "{name}"
        );
        assert_eq!(layers.len(), convolutions + linear, "{name}");
    }
    assert_eq!(NETWORKS.len(), 17, "a new network belongs into the list above");
}

// Formulas -----------------------------------------------------------------------------------------------

/// With Ni input and No output channels, filters of Fr x Fc and outputs of Lr x Lc pixels:
/// MACs = Ni * No * Fr * Fc * Lr * Lc, filter values Ni * No * Fr * Fc, and where the output is as large as the
/// input and there is one group, feature maps (Ni + No) * Lr * Lc.
#[test]
fn layers_follow_the_textbook_formulas() {
    let mut checked = 0;
    for network in NETWORKS {
        let graph = network.graph(3).unwrap();
        for layer in graph.layers() {
            let node = graph.node(graph.find(&layer.name).unwrap());
            let Operator::Conv(conv) = &node.operator else { continue };
            let &[batch, outputs, rows, columns] = node.shape.sizes() else { panic!("{}", node.shape) };
            let [outputs, rows, columns] = [outputs, rows, columns].map(u64::from);
            let filter = u64::from(conv.filter.kernel_h) * u64::from(conv.filter.kernel_w);
            let inputs = u64::from(conv.filter.channels);
            assert_eq!(layer.weights, inputs * outputs * filter, "{}", layer.name);
            assert_eq!(layer.macs(), u64::from(batch) * inputs * outputs * filter * rows * columns);
            assert_eq!(layer.n, u64::from(batch) * rows * columns);
            if conv.stride == 1 && 2 * conv.pad + 1 == conv.filter.kernel_h && conv.groups == 1 {
                let maps = (inputs + outputs) * rows * columns * u64::from(batch);
                assert_eq!(layer.inputs + layer.outputs, maps, "{}", layer.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked} layers keep the size of their input");
}

/// The dissertation's table 5.1 counts two operations a multiply-add, one a value of a ReLU and nine a value
/// of a 3x3 pooling; it cuts to whole millions or thousands. Its fc7 has 33 M.
#[test]
fn dnnmarks_alexnet_has_the_operations_of_table_5_1() {
    let graph = graph("alexnet-dnnmark", 1);
    for (name, millions) in [
        ("conv1", 210),
        ("conv2", 896),
        ("conv3", 299),
        ("conv4", 448),
        ("conv5", 299),
        ("fc6", 75),
        ("fc7", 33),
        ("fc8", 8),
    ] {
        let operations = 2 * layer(&graph, name).macs();
        let rounded = (operations as f64 / 1e6).round() as u64;
        assert!((millions..=millions + 1).contains(&rounded), "{name}: {operations}");
    }
    let values = |name: &str| graph.node(graph.find(name).unwrap()).shape.values();
    for (name, thousands) in [("relu1", 290), ("relu2", 186), ("relu3", 65), ("relu4", 65), ("relu5", 43)] {
        assert!((values(name) as f64 / 1e3 - f64::from(thousands)).abs() < 1.0, "{name}: {}", values(name));
    }
    for (name, thousands) in [("pool1", 630), ("pool2", 389), ("pool5", 83)] {
        assert!((9.0 * values(name) as f64 / 1e3 - f64::from(thousands)).abs() < 1.0, "{name}");
    }
}

// Layers -------------------------------------------------------------------------------------------------

#[test]
fn layers_have_their_known_sizes() {
    let alexnet = graph("alexnet-torchvision", 128);
    assert_eq!(size(&layer(&alexnet, "conv2")), (192, 1_600, 93_312));
    assert_eq!(size(&layer(&alexnet, "conv3")), (384, 1_728, 21_632));
    assert_eq!(size(&layer(&alexnet, "fc6")), (4_096, 9_216, 128));
    let vgg = graph("vgg16", 64);
    assert_eq!(size(&layer(&vgg, "conv1_2")), (64, 576, 64 * 224 * 224));
    assert_eq!(size(&layer(&vgg, "fc6")), (4_096, 25_088, 64));
    let resnet = graph("resnet50", 2);
    assert_eq!(size(&layer(&resnet, "layer2.0.conv2")), (128, 1_152, 2 * 28 * 28));
    assert_eq!(size(&layer(&resnet, "layer2.0.downsample.0")), (512, 256, 2 * 28 * 28));
    assert_eq!(size(&layer(&resnet, "fc")), (1_000, 2_048, 2));
}

/// Layers A, B and C of table 6.5: 3x3 filters with 4x4, 4x4 and 2x2 outputs an image. Layer B really is from
/// 256 channels.
#[test]
fn the_layers_of_table_6_5_are_there() {
    let resnet = graph("resnet10-cifar10", 128);
    assert_eq!(size(&layer(&resnet, "layer4.0.conv2")), (512, 4_608, 128 * 16));
    let vgg = graph("vgg11-cifar10", 128);
    assert_eq!(size(&layer(&vgg, "conv4_1")), (512, 2_304, 128 * 16));
    assert_eq!(size(&layer(&vgg, "conv5_1")), (512, 4_608, 128 * 4));
    // Figure 6.3's filters are 5x5x64x64.
    let cifarnet = graph("cifarnet", 1);
    assert_eq!(size(&layer(&cifarnet, "conv2")), (64, 1_600, 16 * 16));
}

#[test]
fn groups_divide_channels_and_filters() {
    let published = graph("alexnet-2012", 4);
    let conv2 = layer(&published, "conv2");
    assert_eq!((conv2.groups, size(&conv2)), (2, (128, 1_200, 4 * 729)));
    assert_eq!((conv2.weights, conv2.biases), (307_200, 256));
    let whole = layer(&graph("alexnet-dnnmark", 4), "conv2");
    assert_eq!((whole.groups, size(&whole)), (1, (256, 2_400, 4 * 729)));
    assert_eq!(whole.macs(), 2 * conv2.macs());
    let group = conv2.as_convolution().unwrap();
    assert_eq!((group.filters, group.channels, group.m()), (128, 48, 128));
}

#[test]
fn feed_forward_blocks_count_tokens() {
    let graph = feed_forward(768, 3_072, Activation::SquaredRelu, true, 100).unwrap();
    let (up, down) = (layer(&graph, "up"), layer(&graph, "down"));
    assert_eq!((size(&up), size(&down)), ((3_072, 768, 100), (768, 3_072, 100)));
    assert_eq!((up.zeros, down.zeros), (false, true));
    assert_eq!(graph.parameters(), Parameters { weights: 2 * 768 * 3_072, biases: 3_840, normalisation: 0 });
}

/// What follows a ReLU has its zeros, through poolings and normalisation over channels; images have none,
/// nor what follows a sum or a mean.
#[test]
fn zeros_come_from_relus() {
    let with = |name| {
        let layers = graph(name, 1).layers();
        layers.into_iter().filter(|layer| layer.zeros).map(|layer| layer.name).collect::<Vec<_>>()
    };
    assert_eq!(with("alexnet-2012"), ["conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]);
    // Its adaptive pooling changes nothing at this size.
    assert_eq!(with("alexnet-torchvision"), with("alexnet-2012"));
    let resnet = graph("resnet18", 1).layers();
    let dense: Vec<_> = resnet.iter().filter(|layer| !layer.zeros).map(|layer| layer.name.as_str()).collect();
    assert_eq!(dense, ["conv1", "fc"]);
}

/// The convolution that a fully connected layer is has the same B as its flattened input.
#[test]
fn a_fully_connected_layer_is_the_convolution_of_its_whole_input() {
    let graph = graph("alexnet-torchvision", 2);
    let fc6 = layer(&graph, "fc6");
    let convolution = fc6.as_convolution().unwrap();
    assert_eq!((convolution.channels, convolution.height, convolution.width), (256, 6, 6));
    assert_eq!((u64::from(convolution.m()), u64::from(convolution.k()), convolution.n(2)), size(&fc6));
    let shape = ActivationShape { images: 2, channels: 256, height: 6, width: 6 };
    let values: Vec<f32> = (0..shape.len()).map(|i| i as f32).collect();
    let b = Im2col::new(convolution, &Activations::new(shape, values), 2).unwrap();
    for (row, column) in [(0, 0), (37, 0), (9_215, 1)] {
        let flattened = column * 9_216 + u64::from(row);
        assert_eq!(compaction_engine::ColumnValues::value(&b, row, column), flattened as f32);
    }
}

/// Every layer of every network is what its convolution computes.
#[test]
fn every_layer_runs_as_a_convolution() {
    for network in NETWORKS {
        for layer in network.graph(5).unwrap().layers() {
            let convolution = layer.as_convolution().unwrap();
            let product = (u64::from(convolution.m()), u64::from(convolution.k()), convolution.n(5));
            assert_eq!(product, size(&layer), "{} {}", network.name, layer.name);
        }
    }
}

#[test]
fn the_batch_multiplies_columns_only() {
    for network in NETWORKS {
        let (one, many) = (network.graph(1).unwrap(), network.graph(9).unwrap());
        assert_eq!(many.totals().macs, 9 * one.totals().macs, "{}", network.name);
        assert_eq!(many.totals().weights, one.totals().weights, "{}", network.name);
        assert_eq!(one.totals().weights, one.parameters().weights, "{}", network.name);
        assert!(network.graph(0).is_err(), "{}: an empty batch", network.name);
    }
}

#[test]
fn names_differ_and_are_no_paths() {
    for (i, network) in NETWORKS.iter().enumerate() {
        assert!(NETWORKS[..i].iter().all(|other| other.name != network.name), "{}", network.name);
        assert!(!network.name.contains(['.', '/', '\\']), "{} would be taken for a file", network.name);
        assert!(!network.about.is_empty() && !network.source.is_empty(), "{}", network.name);
        if let Some(zeros) = network.zeros {
            assert!((0.0..1.0).contains(&zeros.share) && !zeros.source.is_empty(), "{}", network.name);
        }
    }
}

// Graphs -------------------------------------------------------------------------------------------------

fn input(sizes: &[u32]) -> (Graph, NodeId) {
    let mut graph = Graph::default();
    let id = graph.add("input", Operator::Input(Shape::new(sizes)), &[]).unwrap();
    (graph, id)
}

/// The shape that `operator` makes of inputs of these shapes, or what is said of it.
fn inferred(operator: Operator, inputs: &[&[u32]]) -> Result<Vec<u32>, String> {
    let mut graph = Graph::default();
    let ids: Vec<NodeId> = (0..)
        .zip(inputs)
        .map(|(i, sizes)| graph.add(&format!("in{i}"), Operator::Input(Shape::new(sizes)), &[]).unwrap())
        .collect();
    let id = graph.add("x", operator, &ids).map_err(|error| error.to_string())?;
    Ok(graph.node(id).shape.sizes().to_vec())
}

#[test]
fn shapes_follow_from_inputs() {
    let map: &[u32] = &[2, 6, 13, 9];
    for (operator, inputs, output) in [
        (Operator::Conv(Conv::square(8, 3, 3).stride(2).pad(1).groups(2)), vec![map], vec![2, 8, 7, 5]),
        (Operator::MaxPool(Window::new(3, 2)), vec![map], vec![2, 6, 6, 4]),
        (Operator::AvgPool(Window::new(2, 2).pad(1)), vec![map], vec![2, 6, 7, 5]),
        (Operator::AdaptiveAvgPool { height: 6, width: 1 }, vec![map], vec![2, 6, 6, 1]),
        (Operator::BatchNorm, vec![map], vec![2, 6, 13, 9]),
        (Operator::Flatten, vec![map], vec![2, 702]),
        (Operator::Concat, vec![map, &[2, 1, 13, 9], map], vec![2, 13, 13, 9]),
        (Operator::Add, vec![map, map], vec![2, 6, 13, 9]),
        (Operator::Linear(Linear { inputs: 9, outputs: 4, bias: false }), vec![&[2, 5, 9]], vec![2, 5, 4]),
        (Operator::MatMul, vec![&[2, 8, 5, 3], &[2, 8, 3, 7]], vec![2, 8, 5, 7]),
        (Operator::MatMul, vec![&[5, 3], &[3, 7]], vec![5, 7]),
        (Operator::Softmax, vec![&[2, 10]], vec![2, 10]),
    ] {
        assert_eq!(inferred(operator.clone(), &inputs), Ok(output), "{operator:?}");
    }
}

/// Every mismatch names the layer, what was found and what was expected.
#[test]
fn what_does_not_fit_is_refused() {
    let map: &[u32] = &[2, 6, 13, 9];
    let linear = |inputs| Operator::Linear(Linear { inputs, outputs: 4, bias: true });
    for (operator, inputs, message) in [
        (
            Operator::Conv(Conv::square(8, 5, 3)),
            vec![map],
            "convolution: found 6 channels (2x6x13x9), expected 5: filter 8x5x3x3 in 1 group",
        ),
        (
            Operator::Conv(Conv::square(8, 6, 3).groups(2)),
            vec![map],
            "convolution: found 6 channels (2x6x13x9), expected 12: filter 8x6x3x3 in 2 groups",
        ),
        (
            Operator::Conv(Conv::square(8, 2, 3).groups(3)),
            vec![map],
            "convolution: 8 filters do not divide into 3 groups",
        ),
        (
            Operator::Conv(Conv::square(8, 6, 15)),
            vec![map],
            "convolution: filter 15x15 is larger than the padded input 13x9",
        ),
        (
            Operator::Conv(Conv::square(8, 6, 3)),
            vec![&[2, 702]],
            "convolution: found 2x702, expected batch x channels x height x width",
        ),
        (Operator::MaxPool(Window::new(2, 0)), vec![map], "max pooling: stride is 0; at least 1 is allowed"),
        (
            linear(701),
            vec![&[2, 702]],
            "fully connected: found 2x702, expected a batch of 701 values: weights 4x701",
        ),
        (linear(7), vec![&[7]], "fully connected: found 7, expected a batch of 7 values: weights 4x7"),
        (
            Operator::Linear(Linear { inputs: 9, outputs: 0, bias: true }),
            vec![&[2, 9]],
            "fully connected: weights 0x9 make no output; at least 1 is allowed",
        ),
        (
            Operator::Add,
            vec![map, &[2, 6, 13, 8]],
            "sum: found 2x6x13x8, expected 2x6x13x9 as of the first input",
        ),
        (Operator::Add, vec![map], "sum: found 1 inputs, expected 2 or more"),
        (
            Operator::Concat,
            vec![map, &[2, 6, 12, 9]],
            "concatenation: found 2x6x12x9, expected 2x6x13x9 up to the number of channels",
        ),
        (
            Operator::MatMul,
            vec![&[5, 3], &[4, 7]],
            "matrix product: found 5x3 by 4x7, expected ..xMxK by ..xKxN with equal sizes in front",
        ),
        (
            Operator::AdaptiveAvgPool { height: 14, width: 1 },
            vec![map],
            "adaptive average pooling: found 2x6x13x9, expected maps of at least 14x1 pixels",
        ),
        (
            Operator::AdaptiveAvgPool { height: 0, width: 1 },
            vec![map],
            "adaptive average pooling: the output is 0x1; at least 1x1 is allowed",
        ),
        (Operator::Relu, vec![], "ReLU: found 0 inputs, expected 1"),
        (Operator::Input(Shape::new(&[1])), vec![map], "input: found 1 inputs, expected none"),
        (Operator::Input(Shape::new(&[1, 0])), vec![], "input: found 1x0, expected sizes of at least 1"),
    ] {
        assert_eq!(inferred(operator, &inputs), Err(format!("layer x: {message}")));
    }
}

#[test]
fn a_name_is_taken_once() {
    let (mut graph, image) = input(&[1, 3, 8, 8]);
    let error = graph.add("input", Operator::Relu, &[image]).unwrap_err().to_string();
    assert_eq!(error, "layer input: the name is taken by an earlier node");
    assert_eq!(graph.nodes().count(), 1, "what is refused is not added");
}

#[test]
fn inputs_keep_their_order_and_nodes_come_after_them() {
    let (mut graph, first) = input(&[1, 3, 8, 8]);
    let second = graph.add("second", Operator::Relu, &[first]).unwrap();
    let joined = graph.add("joined", Operator::Concat, &[second, first, second]).unwrap();
    assert_eq!(graph.inputs(joined), [second, first, second]);
    for network in NETWORKS {
        let graph = network.graph(1).unwrap();
        let order: Vec<NodeId> = graph.nodes().collect();
        let place = |id| order.iter().position(|other| *other == id).unwrap();
        for &id in &order {
            assert!(graph.inputs(id).iter().all(|&input| place(input) < place(id)), "{}", network.name);
        }
    }
}

#[test]
fn a_product_of_activations_has_no_weights() {
    let (mut graph, queries) = input(&[2, 8, 5, 3]);
    let keys = graph.add("keys", Operator::Input(Shape::new(&[2, 8, 3, 7])), &[]).unwrap();
    let scores = graph.add("scores", Operator::MatMul, &[queries, keys]).unwrap();
    let masked = graph.add("relu", Operator::Relu, &[scores]).unwrap();
    let values = graph.add("values", Operator::Input(Shape::new(&[2, 8, 4, 5])), &[]).unwrap();
    graph.add("heads", Operator::MatMul, &[values, masked]).unwrap();
    let [scores, heads] = &graph.layers()[..] else { panic!("{:?}", graph.layers()) };
    assert_eq!((scores.kind, scores.groups, size(scores)), (LayerKind::MatMul, 16, (5, 3, 7)));
    assert_eq!((scores.weights, scores.macs(), scores.as_convolution()), (0, 16 * 105, None));
    assert_eq!((scores.zeros, heads.zeros), (false, true), "B is the second operand");
}
