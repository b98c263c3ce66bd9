//! FP16 rounding at its edges, and against a rounding written out in full.

use compaction_engine::bundle::{Bundle, Rounding};
use proptest::prelude::*;

#[test]
fn the_largest_values() {
    for (value, expected, rounding) in [
        (65504.0, 65504.0, Rounding::InRange),
        (65519.99, 65504.0, Rounding::InRange),
        (65520.0, f32::INFINITY, Rounding::Overflow),
        (-65519.99, -65504.0, Rounding::InRange),
        (-65520.0, f32::NEG_INFINITY, Rounding::Overflow),
        (f32::MAX, f32::INFINITY, Rounding::Overflow),
        (f32::INFINITY, f32::INFINITY, Rounding::InRange),
        (f32::NEG_INFINITY, f32::NEG_INFINITY, Rounding::InRange),
    ] {
        assert_eq!(unpacked(value), (expected, rounding), "{value}");
    }
}

#[test]
fn the_smallest_values() {
    let tiny = 2f32.powi(-24);
    for (value, expected, rounding) in [
        (2f32.powi(-14), 2f32.powi(-14), Rounding::InRange),
        (tiny, tiny, Rounding::InRange),
        (1.5 * tiny, 2.0 * tiny, Rounding::InRange),
        (2.5 * tiny, 2.0 * tiny, Rounding::InRange),
        ((0.5 * tiny).next_up(), tiny, Rounding::InRange),
        (0.5 * tiny, 0.0, Rounding::Underflow),
        (f32::MIN_POSITIVE, 0.0, Rounding::Underflow),
        (f32::from_bits(1), 0.0, Rounding::Underflow),
    ] {
        assert_eq!(unpacked(value), (expected, rounding), "{value:e}");
        assert_eq!(unpacked(-value), (-expected, rounding), "-{value:e}");
    }
    assert_eq!(Bundle::pack(3, -f32::from_bits(1)).0, Bundle(0x0003_8000));
}

#[test]
fn ties_go_to_even() {
    let ulp = 2f32.powi(-10);
    assert_eq!(unpacked(1.0 + 0.5 * ulp).0, 1.0);
    assert_eq!(unpacked(1.0 + 1.5 * ulp).0, 1.0 + 2.0 * ulp);
    assert_eq!(unpacked((1.0 + 0.5 * ulp).next_up()).0, 1.0 + ulp);
}

#[test]
fn only_row_0_can_look_like_padding() {
    assert!(Bundle::PADDING.is_padding());
    assert!(Bundle::pack(0, 1e-30).0.is_padding());
    assert!(!Bundle::pack(0, -1e-30).0.is_padding());
    assert!(!Bundle::pack(1, 1e-30).0.is_padding());
    assert!(Bundle::pack(0, f32::NAN).0.value().is_nan());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn rounds_to_nearest_even(bits in any::<u32>(), row in any::<u16>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let (bundle, rounding) = Bundle::pack(row, value);
        let expected = round_to_half(f64::from(value));
        prop_assert_eq!(f64::from(bundle.value()).to_bits(), expected.to_bits(), "{:e}", value);
        prop_assert_eq!(bundle.row(), row);
        prop_assert_eq!(rounding == Rounding::Overflow, expected.is_infinite());
        prop_assert_eq!(rounding == Rounding::Underflow, expected == 0.0 && value != 0.0);
    }

    #[test]
    fn rounds_within_range(value in -70_000f32..70_000.0, scale in -30..1) {
        let value = value * 2f32.powi(scale);
        let expected = round_to_half(f64::from(value));
        prop_assert_eq!(f64::from(Bundle::pack(0, value).0.value()).to_bits(), expected.to_bits());
    }
}

fn unpacked(value: f32) -> (f32, Rounding) {
    let (bundle, rounding) = Bundle::pack(9, value);
    assert_eq!(bundle.row(), 9);
    (bundle.value(), rounding)
}

/// Rounds by scaling a unit in the last place to 1: 11 significant bits, exponents from -14 to 15.
fn round_to_half(value: f64) -> f64 {
    let exponent = if value == 0.0 { -14 } else { (value.abs().log2().floor() as i32).max(-14) };
    let ulp = 2f64.powi(exponent - 10);
    let rounded = (value / ulp).round_ties_even() * ulp;
    if rounded.abs() >= 65536.0 { f64::INFINITY.copysign(value) } else { rounded }
}
