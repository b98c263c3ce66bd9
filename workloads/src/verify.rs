//! Is C right? Compares what the wavefronts computed with a reference product.
//!
//! The reference is computed in FP64 from A and B directly. For sparse modes its B is rounded to FP16, as
//! the bundles are, so that what remains is the rounding of FP32 accumulation. That is bounded by
//! `8 sqrt(K) u sum |a b|` with u = 2^-24: a probabilistic bound that a correct result misses with
//! probability below 10^-13 for an element (Higham and Mary, SIAM J. Sci. Comput. 41(5), 2019).

use std::fmt;

use half::f16;

use crate::gemm::Gemm;

/// The first element of C that is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// Row of C.
    pub row: u64,
    /// Column of C.
    pub column: u64,
    /// What was computed.
    pub found: f32,
    /// What the reference says.
    pub expected: f64,
    /// The largest difference allowed.
    pub tolerance: f64,
    /// How many elements are wrong.
    pub wrong: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "C[{}, {}] is {}, the reference says {} (allowed difference {:.3e}); {} elements are wrong",
            self.row, self.column, self.found, self.expected, self.tolerance, self.wrong
        )
    }
}

/// Unit roundoff of FP32.
const UNIT_ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;

/// Compares `c` (row-major, M x N) with the product of `a` (row-major, M x K) and B, rounded to FP16
/// where `b_in_fp16`.
pub fn verify(gemm: &Gemm, a: &[f32], c: &[f32], b_in_fp16: bool) -> Result<(), Mismatch> {
    let (m, k, n) = (gemm.m as usize, gemm.k as usize, gemm.n as usize);
    let factor = 8.0 * (k as f64).sqrt() * UNIT_ROUNDOFF;
    let mut first: Option<Mismatch> = None;
    let mut wrong = 0;
    let mut column_values: Vec<(usize, f64)> = Vec::with_capacity(k);
    for column in 0..n {
        column_values.clear();
        for line in 0..gemm.k.div_ceil(16) {
            let values = gemm.b.line(column as u64, line);
            column_values.extend(values.iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, v)| {
                let value = if b_in_fp16 { f16::from_f32(*v).to_f64() } else { f64::from(*v) };
                (line as usize * 16 + i, value)
            }));
        }
        for row in 0..m {
            let a_row = &a[row * k..(row + 1) * k];
            let (mut sum, mut magnitude) = (0.0, 0.0);
            for (at, value) in &column_values {
                let product = f64::from(a_row[*at]) * value;
                sum += product;
                magnitude += product.abs();
            }
            let found = c[row * n + column];
            let tolerance = factor * magnitude;
            // Where FP16 overflows to infinity, sums are infinite or, of both signs, no number: in any order.
            let found_exactly = f64::from(found);
            let same = if sum.is_nan() {
                found.is_nan()
            } else if sum.is_infinite() {
                found_exactly == sum
            } else {
                (found_exactly - sum).abs() <= tolerance
            };
            if !same {
                wrong += 1;
                let at = (row as u64, column as u64);
                if first.is_none_or(|first| at < (first.row, first.column)) {
                    first =
                        Some(Mismatch { row: at.0, column: at.1, found, expected: sum, tolerance, wrong: 0 });
                }
            }
        }
    }
    first.map_or(Ok(()), |first| Err(Mismatch { wrong, ..first }))
}
