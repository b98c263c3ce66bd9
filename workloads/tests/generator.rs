//! Generated activations have the all-zero lines that recorded ones have.

#![allow(clippy::unwrap_used)]

use compaction_engine::ColumnValues;
use workloads::activations::{Activations, Shape};
use workloads::generator::{Clustering, clustered, clustered_with_sparsity, uniform};
use workloads::im2col::Im2col;
use workloads::layer::ConvLayer;
use workloads::matrix::LineStatistics;

/// Share of the lines of B that are all zero, under a 3x3 filter.
fn zero_line_share(activations: &Activations) -> f64 {
    let Shape { images, channels, height, width } = activations.shape();
    let filter = format!("1x{channels}x3x3").parse().unwrap();
    let layer = ConvLayer::new("conv", (height, width), filter, 1, 1).unwrap();
    let b = Im2col::new(&layer, activations, images).unwrap();
    LineStatistics::of(&b, 0..b.columns()).zero_line_share()
}

/// For 256 channels of 28 x 28; the reference is an independent implementation of the generator.
const REFERENCE: [(f64, f64); 6] =
    [(0.4, 0.008), (0.5, 0.018), (0.6, 0.045), (0.7, 0.107), (0.8, 0.218), (0.9, 0.462)];

const SHAPE: Shape = Shape { images: 8, channels: 256, height: 28, width: 28 };

#[test]
fn typical_clustering_gives_the_reference_shares_of_zero_lines() {
    for (sparsity, expected) in REFERENCE {
        let drawn = zero_line_share(&clustered(SHAPE, &Clustering::typical(sparsity), 1));
        let met = zero_line_share(&clustered_with_sparsity(SHAPE, sparsity, 1));
        println!("sparsity {sparsity}: reference {expected}, drawn {drawn:.4}, met {met:.4}");
        // The reference has three digits and one seed.
        let tolerance = 0.002 + 0.03 * expected;
        for found in [drawn, met] {
            assert!((found - expected).abs() < tolerance, "sparsity {sparsity}: {found}, not {expected}");
        }
    }
}

#[test]
fn uniform_zeros_leave_hardly_any_line_empty() {
    assert!(zero_line_share(&uniform(SHAPE, 0.5, 1)) < 0.001);
    assert!(zero_line_share(&uniform(SHAPE, 0.8, 1)) < 0.05);
}

/// The parameters fitted to recorded layers give the shares of zero lines of those layers.
#[test]
fn fitted_layers_come_out_as_recorded() {
    for (channels, size, a, b, dead, phi, kappa, recorded) in [
        (192, 13, 1.6767, 1.6602, 0.010573, 0.70979, 0.082661, 0.037762),
        (384, 13, 6.7632, 1.5176, 0.020885, 0.69337, 0.077897, 0.2583),
        (256, 13, 5.9506, 1.4984, 0.017031, 0.69929, 0.076087, 0.23746),
    ] {
        let shape = Shape { images: 32, channels, height: size, width: size };
        let found = zero_line_share(&clustered(shape, &Clustering { a, b, dead, phi, kappa }, 1));
        println!("{channels} channels: recorded {recorded}, found {found:.4}");
        assert!((found - recorded).abs() < 0.03, "{channels} channels: {found} instead of {recorded}");
    }
}

/// A golden: these bits must not change from machine to machine or from version to version.
#[test]
fn generated_values_are_the_same_everywhere() {
    let shape = Shape { images: 1, channels: 16, height: 9, width: 7 };
    let hash = |activations: &Activations| {
        activations.values().iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, value| {
            (hash ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3)
        })
    };
    assert_eq!(hash(&clustered_with_sparsity(shape, 0.6, 1)), CLUSTERED);
    assert_eq!(hash(&uniform(shape, 0.6, 1)), UNIFORM);
}

const CLUSTERED: u64 = 0x4f7b_afdd_6829_c1e5;
const UNIFORM: u64 = 0x53e7_4075_e69a_41e5;
