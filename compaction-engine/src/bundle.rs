//! One non-zero of B in ELLPACK-DIB: an FP16 value bundled with its row, in 32 bits.
//!
//! The low half of the word is the value as IEEE binary16, rounded to nearest even; the high half is
//! the row index (dissertation section 6.3). Whether an element *is* a non-zero is decided on the FP32
//! value, so a value too small for FP16 keeps its bundle and only its value becomes zero, and one too
//! large becomes infinity; [`Rounding`] says which happened, so that it can be counted and reported.

use half::f16;

/// A word of a compacted line: FP16 value in the low half, row index in the high half.
///
/// Equality is that of the bits. The default is the padding word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bundle(pub u32);

/// What FP16 made of an FP32 value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Finite and non-zero (or infinite and NaN) before and after.
    InRange,
    /// A finite value became an infinity: 65,520 or more in magnitude.
    Overflow,
    /// A non-zero value became a zero: 2^-25 or less in magnitude.
    Underflow,
}

impl Bundle {
    /// The word that fills a column's final line; it reads as row 0 with value zero.
    pub const PADDING: Bundle = Bundle(0);

    /// Bundles a non-zero `value` of `row`, and says what rounding did to it.
    ///
    /// ```
    /// use compaction_engine::bundle::{Bundle, Rounding};
    ///
    /// let (bundle, rounding) = Bundle::pack(7, 1.5);
    /// assert_eq!((bundle.row(), bundle.value(), rounding), (7, 1.5, Rounding::InRange));
    /// assert_eq!(Bundle::pack(7, 1e6).1, Rounding::Overflow);
    /// ```
    pub fn pack(row: u16, value: f32) -> (Bundle, Rounding) {
        let rounded = f16::from_f32(value);
        let bundle = Bundle::from_parts(row, rounded);
        let rounding = if rounded.is_infinite() && value.is_finite() {
            Rounding::Overflow
        } else if rounded == f16::ZERO && value != 0.0 {
            Rounding::Underflow
        } else {
            Rounding::InRange
        };
        (bundle, rounding)
    }

    /// A bundle of a value that is already FP16.
    pub fn from_parts(row: u16, value: f16) -> Bundle {
        Bundle(u32::from(row) << 16 | u32::from(value.to_bits()))
    }

    /// The row of B that the value stands in.
    pub fn row(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The value; every FP16 value is an FP32 value, so this is exact.
    pub fn value(self) -> f32 {
        f16::from_bits(self.0 as u16).to_f32()
    }

    /// Whether this is the padding word.
    ///
    /// A positive value of row 0 that FP16 rounds to zero makes the same word. A kernel cannot tell the
    /// two apart and need not: both add nothing.
    pub fn is_padding(self) -> bool {
        self == Bundle::PADDING
    }
}
