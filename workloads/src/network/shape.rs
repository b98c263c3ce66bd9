//! Shapes of tensors.

use std::fmt;

/// Sizes of a tensor, the batch first: (N, C, H, W) of feature maps, (N, values) of vectors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Vec<u32>);

impl Shape {
    /// A shape of these sizes.
    pub fn new(sizes: &[u32]) -> Self {
        Self(sizes.to_vec())
    }

    /// The sizes.
    pub fn sizes(&self) -> &[u32] {
        &self.0
    }

    /// Values of the tensor; of one that could not be stored anywhere, the most that fits the type.
    pub fn values(&self) -> u64 {
        product(&self.0)
    }

    /// Batch, channels, height and width, where there are just these.
    pub(super) fn images(&self) -> Option<[u32; 4]> {
        self.0[..].try_into().ok()
    }
}

/// The product of `sizes`; 1 of none.
pub(super) fn product(sizes: &[u32]) -> u64 {
    sizes.iter().fold(1, |product: u64, &size| product.saturating_mul(size.into()))
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, size) in self.0.iter().enumerate() {
            write!(f, "{}{size}", if i == 0 { "" } else { "x" })?;
        }
        Ok(())
    }
}
