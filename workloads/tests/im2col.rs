//! Matrix B against three witnesses: counts made by an independent program from recorded activations, a
//! naive im2col, and itself asked in another way.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use compaction_engine::ColumnValues;
use proptest::prelude::*;
use workloads::activations::{Activations, Shape};
use workloads::im2col::Im2col;
use workloads::layer::{ConvLayer, Filter};
use workloads::matrix::{LineStatistics, UniformMatrix};
use workloads::npy::Array;

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// B of a recorded map, the batch being its images.
fn b_of(file: &Path, filter: &str, stride: u32, pad: u32) -> Im2col {
    let activations = Activations::from_array(Array::read(file).unwrap()).unwrap();
    let shape = activations.shape();
    let size = (shape.height, shape.width);
    let layer = ConvLayer::new("conv", size, filter.parse().unwrap(), stride, pad).unwrap();
    Im2col::new(&layer, &activations, shape.images).unwrap()
}

/// Columns, K, non-zeros, lines, all-zero lines, compacted lines.
fn counts(b: &Im2col) -> [u64; 6] {
    let statistics = LineStatistics::of(b, 0..b.columns());
    let LineStatistics { columns, lines, zero_lines, nonzeros, compacted_lines } = statistics;
    assert_eq!(b.nonzeros(), nonzeros, "counted from the tensor and from the lines");
    [columns, u64::from(b.rows()), nonzeros, lines, zero_lines, compacted_lines]
}

#[test]
fn the_maps_in_the_product_give_the_golden_counts() {
    for (file, filter, pad, golden) in [
        ("conv2", "192x64x5x5", 2, [2_916, 1_600, 3_116_534, 291_600, 19_223, 196_177]),
        ("conv3", "384x192x3x3", 1, [676, 1_728, 571_808, 73_008, 1_599, 36_066]),
        ("conv4", "256x384x3x3", 1, [676, 3_456, 335_679, 146_016, 41_055, 21_294]),
        ("conv5", "256x256x3x3", 1, [676, 2_304, 269_705, 97_344, 21_720, 17_173]),
    ] {
        let b = b_of(&workspace(&format!("configs/activations/alexnet_{file}_in.npy")), filter, 1, pad);
        assert_eq!(counts(&b), golden, "{file}");
        let [columns, rows, nonzeros, ..] = golden;
        assert_eq!(b.sparsity_b(), 1.0 - nonzeros as f64 / (columns * rows) as f64);
    }
}

/// The sparsities of the four maps as the recording program stated them, to four digits.
#[test]
fn the_maps_in_the_product_have_their_sparsities() {
    for (file, sparsity) in [("conv2", 0.2678), ("conv3", 0.4468), ("conv4", 0.8339), ("conv5", 0.7988)] {
        let path = workspace(&format!("configs/activations/alexnet_{file}_in.npy"));
        let activations = Activations::from_array(Array::read(&path).unwrap()).unwrap();
        assert!((activations.sparsity(4) - sparsity).abs() < 5.1e-5, "{file}: {}", activations.sparsity(4));
    }
}

/// Every recorded map, where the folder with all of them lies beside the workspace.
#[test]
fn all_recorded_maps_give_the_golden_counts() {
    let folder = workspace("../shared/activations");
    let Ok(golden) = fs::read_to_string(folder.join("golden_lines.csv")) else { return };
    let manifest = fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let mut checked = 0;
    for line in golden.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |column: usize| fields[column].parse::<u64>().unwrap();
        let expected = [number(1), number(2), number(3), number(4), number(5), number(7)];
        let about = manifest.lines().find(|line| line.split(',').next() == Some(fields[0])).unwrap();
        // Shape, filter, stride, pad; before them stand names, some of which have commas.
        let mut about = about.split(',').skip_while(|field| field.parse::<Filter>().is_err()).skip(1);
        let filter = about.next().unwrap();
        let [stride, pad] = [(); 2].map(|()| about.next().unwrap().parse().unwrap());
        assert_eq!(counts(&b_of(&folder.join(fields[0]), filter, stride, pad)), expected, "{}", fields[0]);
        checked += 1;
    }
    assert_eq!(checked, 44);
}

/// B's element by the definition of a convolution.
fn naive(layer: &ConvLayer, activations: &Activations, row: u32, column: u64) -> f32 {
    let shape = activations.shape();
    let (s, r) = (row % layer.kernel_w, row / layer.kernel_w % layer.kernel_h);
    let c = row / layer.kernel_w / layer.kernel_h;
    let column = column as u32;
    let (ow, oh) = (column % layer.out_w(), column / layer.out_w() % layer.out_h());
    let image = column / layer.out_w() / layer.out_h() % shape.images;
    let h = i64::from(oh * layer.stride + r) - i64::from(layer.pad);
    let w = i64::from(ow * layer.stride + s) - i64::from(layer.pad);
    if h < 0 || w < 0 || h >= i64::from(shape.height) || w >= i64::from(shape.width) {
        return 0.0;
    }
    let position = (c * shape.height + h as u32) * shape.width + w as u32;
    activations.image(image)[position as usize]
}

prop_compose! {
    /// A layer, activations for it, and a batch.
    fn layers()(
        images in 1u32..4, channels in 1u32..5, height in 1u32..8, width in 1u32..8,
        kernel_h in 1u32..5, kernel_w in 1u32..5, stride in 1u32..4, pad in 0u32..4, batch in 1u32..6,
        values in prop::collection::vec(prop_oneof![Just(0.0), Just(-0.0), -9.0f32..9.0], 3 * 4 * 7 * 7),
    ) -> (Option<ConvLayer>, Activations, u32) {
        let shape = Shape { images, channels, height, width };
        let filter = format!("7x{channels}x{kernel_h}x{kernel_w}").parse().unwrap();
        let layer = ConvLayer::new("conv", (height, width), filter, stride, pad).ok();
        (layer, Activations::new(shape, values[..shape.len()].to_vec()), batch)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_line_is_that_of_a_naive_im2col((layer, activations, batch) in layers()) {
        let Some(layer) = layer else { return Ok(()) };
        let b = Im2col::new(&layer, &activations, batch).unwrap();
        prop_assert_eq!(b.rows(), layer.k());
        prop_assert_eq!(b.columns(), layer.n(batch));
        let mut nonzeros = 0;
        for column in 0..b.columns() {
            for line in 0..b.rows().div_ceil(16) + 1 {
                let values = b.line(column, line);
                for (row, value) in (16 * line..).zip(values) {
                    let inside = row < b.rows();
                    let expected = if inside { naive(&layer, &activations, row, column) } else { 0.0 };
                    prop_assert_eq!(value.to_bits(), expected.to_bits(), "({}, {})", row, column);
                    if inside {
                        prop_assert_eq!(b.value(row, column).to_bits(), expected.to_bits());
                    }
                    nonzeros += u64::from(value != 0.0);
                }
            }
        }
        prop_assert_eq!(b.nonzeros(), nonzeros);
    }
}

/// Prints nanoseconds a line: `cargo test --release -p workloads --test im2col -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn nanoseconds_a_line() {
    let measure = |name: &str, b: &dyn ColumnValues| {
        let lines = b.rows().div_ceil(16);
        let columns = (20_000_000 / u64::from(lines)).min(b.columns());
        let per_line =
            |start: Instant| start.elapsed().as_nanos() as f64 / (columns * u64::from(lines)) as f64;
        let read = |column, line| {
            black_box(b.line(column, line));
        };
        // Down columns, as the engine prefetches, and across them, as a workgroup's lanes ask.
        let start = Instant::now();
        (0..columns).for_each(|column| (0..lines).for_each(|line| read(column, line)));
        let down = per_line(start);
        let start = Instant::now();
        (0..lines).for_each(|line| (0..columns).for_each(|column| read(column, line)));
        println!("{name}: {down:.1} ns down columns, {:.1} ns across", per_line(start));
    };
    let conv = |file: &str, filter: &str, pad: u32, batch: u32| {
        let path = workspace(&format!("configs/activations/alexnet_{file}_in.npy"));
        let activations = Activations::from_array(Array::read(&path).unwrap()).unwrap();
        let size = (activations.shape().height, activations.shape().width);
        let layer = ConvLayer::new(file, size, filter.parse().unwrap(), 1, pad).unwrap();
        measure(file, &Im2col::new(&layer, &activations, batch).unwrap());
    };
    conv("conv2", "192x64x5x5", 2, 128);
    conv("conv3", "384x192x3x3", 1, 128);
    conv("conv4", "256x384x3x3", 1, 128);
    conv("conv5", "256x256x3x3", 1, 128);
    measure("uniform .0", &UniformMatrix::new(4_096, 4_096, 0.0, 1));
    measure("uniform .5", &UniformMatrix::new(4_096, 4_096, 0.5, 1));
    let big = Shape { images: 1, channels: 64, height: 224, width: 224 };
    let layer = ConvLayer::new("conv1_2", (224, 224), "64x64x3x3".parse().unwrap(), 1, 1).unwrap();
    let activations = workloads::generator::uniform(big, 0.4, 1);
    measure("VGG-16 conv1_2", &Im2col::new(&layer, &activations, 16).unwrap());
}
