//! A convolution layer and the matrix multiplication it becomes.
//!
//! im2col turns a convolution into C (M x N) = A (M x K) * B (K x N), where A holds the filters, one a
//! row, and each column of B holds the inputs of one output pixel:
//!
//! | | is | counts |
//! | --- | --- | --- |
//! | M | filters | rows of A and C |
//! | K | channels * kernel height * kernel width | rows of B |
//! | N | batch * output height * output width | columns of B and C |

use std::fmt;
use std::str::FromStr;

/// A convolution layer: one group, dilation 1, the same stride and padding in both directions.
///
/// A layer with groups is as many layers as it has groups. Build one with [`ConvLayer::new`], which
/// refuses a layer that has no output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvLayer {
    /// Name, as reports show it.
    pub name: String,
    /// Channels of the input (C).
    pub channels: u32,
    /// Height of the input in pixels (H), without padding.
    pub height: u32,
    /// Width of the input in pixels (W), without padding.
    pub width: u32,
    /// Filters, which are the channels of the output (K in "KxCxRxS").
    pub filters: u32,
    /// Height of the filters (R).
    pub kernel_h: u32,
    /// Width of the filters (S).
    pub kernel_w: u32,
    /// Pixels from one window to the next.
    pub stride: u32,
    /// Rows and columns of zeros added on each side.
    pub pad: u32,
}

impl ConvLayer {
    /// A layer for inputs of `height` x `width` pixels; their channels are the filter's.
    pub fn new(
        name: &str,
        (height, width): (u32, u32),
        filter: Filter,
        stride: u32,
        pad: u32,
    ) -> Result<Self, LayerError> {
        let Filter { filters, channels, kernel_h, kernel_w } = filter;
        let name = name.to_owned();
        let layer = Self { name, channels, height, width, filters, kernel_h, kernel_w, stride, pad };
        layer.check()?;
        Ok(layer)
    }

    /// Whether the layer has an output and its sizes can be counted.
    pub fn check(&self) -> Result<(), LayerError> {
        let Self { channels, height, width, filters, kernel_h, kernel_w, stride, pad, .. } = *self;
        let sizes = [channels, height, width, filters, kernel_h, kernel_w];
        if sizes.contains(&0) {
            return Err(self.error(format!(
                "input {channels}x{height}x{width} under filter {} has an empty dimension; at least 1 is allowed",
                self.filter()
            )));
        }
        if stride == 0 {
            return Err(self.error("stride is 0; at least 1 is allowed".into()));
        }
        if pad > kernel_h.max(kernel_w) {
            return Err(self.error(format!(
                "padding is {pad}; at most the filter's {} is allowed",
                kernel_h.max(kernel_w)
            )));
        }
        let (padded_h, padded_w) = self.padded();
        if u64::from(kernel_h) > padded_h || u64::from(kernel_w) > padded_w {
            return Err(self.error(format!(
                "filter {kernel_h}x{kernel_w} is larger than the padded input {padded_h}x{padded_w}"
            )));
        }
        if padded_h.max(padded_w) > MAX_SIDE {
            return Err(self.error(format!(
                "the padded input is {padded_h}x{padded_w} pixels; at most {MAX_SIDE} a side are allowed"
            )));
        }
        let k = (u64::from(kernel_h) * u64::from(kernel_w)).saturating_mul(u64::from(channels));
        if k > MAX_K {
            return Err(self.error(format!(
                "filter {} gives B more than {MAX_K} rows (channels x height x width)",
                self.filter()
            )));
        }
        Ok(())
    }

    /// The filter, in the form that users write.
    pub fn filter(&self) -> Filter {
        let Self { filters, channels, kernel_h, kernel_w, .. } = *self;
        Filter { filters, channels, kernel_h, kernel_w }
    }

    /// Height of the output in pixels (OH).
    pub fn out_h(&self) -> u32 {
        output(self.padded().0, self.kernel_h, self.stride)
    }

    /// Width of the output in pixels (OW).
    pub fn out_w(&self) -> u32 {
        output(self.padded().1, self.kernel_w, self.stride)
    }

    /// M, the rows of A and C.
    pub fn m(&self) -> u32 {
        self.filters
    }

    /// K, the rows of B.
    pub fn k(&self) -> u32 {
        self.channels * self.kernel_h * self.kernel_w
    }

    /// N, the columns of B and C, for `batch` images.
    pub fn n(&self, batch: u32) -> u64 {
        u64::from(batch) * u64::from(self.out_h()) * u64::from(self.out_w())
    }

    /// Height and width of the input with its padding.
    pub(crate) fn padded(&self) -> (u64, u64) {
        let pad = 2 * u64::from(self.pad);
        (u64::from(self.height) + pad, u64::from(self.width) + pad)
    }

    pub(crate) fn error(&self, message: String) -> LayerError {
        LayerError { layer: self.name.clone(), message }
    }
}

/// Rows of B that a layer may have. (The compacted formats, whose row index has 16 bits, allow fewer.)
const MAX_K: u64 = 1 << 24;

/// Pixels that a side of the padded input may have.
const MAX_SIDE: u64 = 1 << 20;

/// Windows of `kernel` pixels in `padded` pixels. [`MAX_SIDE`] keeps them within 32 bits.
fn output(padded: u64, kernel: u32, stride: u32) -> u32 {
    ((padded - u64::from(kernel)) / u64::from(stride) + 1) as u32
}

/// The shape of a layer's filters, written "192x64x5x5": filters x channels x height x width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Number of filters.
    pub filters: u32,
    /// Channels of each.
    pub channels: u32,
    /// Height in pixels.
    pub kernel_h: u32,
    /// Width in pixels.
    pub kernel_w: u32,
}

impl FromStr for Filter {
    type Err = LayerError;

    fn from_str(text: &str) -> Result<Self, LayerError> {
        let sizes: Vec<Option<u32>> =
            text.split(['x', 'X']).map(|size| size.trim().parse().ok().filter(|&size| size > 0)).collect();
        match sizes[..] {
            [Some(filters), Some(channels), Some(kernel_h), Some(kernel_w)] => {
                Ok(Self { filters, channels, kernel_h, kernel_w })
            }
            _ => Err(LayerError {
                layer: String::new(),
                message: format!(
                    "filter `{text}` is not four positive numbers KxCxRxS (filters x channels x height x \
                     width), such as 192x64x5x5"
                ),
            }),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}x{}", self.filters, self.channels, self.kernel_h, self.kernel_w)
    }
}

/// A layer that cannot be: which, why, and what is allowed, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerError {
    /// Name of the layer, empty where it has none yet.
    pub layer: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.layer.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "layer {}: {}", self.layer, self.message)
    }
}

impl std::error::Error for LayerError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(size: (u32, u32), filter: &str, stride: u32, pad: u32) -> Result<ConvLayer, LayerError> {
        ConvLayer::new("conv", size, filter.parse()?, stride, pad)
    }

    #[test]
    fn alexnet_sizes() {
        let conv1 = layer((224, 224), "64x3x11x11", 4, 2).unwrap();
        assert_eq!((conv1.out_h(), conv1.out_w(), conv1.k()), (55, 55, 363));
        let conv2 = layer((27, 27), "192x64x5x5", 1, 2).unwrap();
        assert_eq!((conv2.m(), conv2.k(), conv2.n(4)), (192, 1_600, 2_916));
        let conv3 = layer((13, 13), "384x192x3x3", 1, 1).unwrap();
        assert_eq!((conv3.m(), conv3.k(), conv3.n(128)), (384, 1_728, 21_632));
    }

    #[test]
    fn sizes_that_differ_by_direction() {
        let layer = layer((9, 5), "2x3x3x1", 2, 1).unwrap();
        assert_eq!((layer.out_h(), layer.out_w()), (5, 4));
        assert_eq!((layer.m(), layer.k(), layer.n(3)), (2, 9, 60));
    }

    #[test]
    fn a_filter_reads_and_writes_the_same_text() {
        let filter: Filter = "192x64x5x3".parse().unwrap();
        assert_eq!(filter, Filter { filters: 192, channels: 64, kernel_h: 5, kernel_w: 3 });
        assert_eq!(filter.to_string(), "192x64x5x3");
        for wrong in ["", "5x5", "192x64x5x5x1", "192x64x5x0", "192x64x5x-1", "axbxcxd", "192 64 5 5"] {
            let error = wrong.parse::<Filter>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")) && error.contains("KxCxRxS"), "{error}");
        }
    }

    #[test]
    fn impossible_layers_are_refused() {
        let refused = |size, filter, stride, pad| layer(size, filter, stride, pad).unwrap_err().to_string();
        assert_eq!(
            refused((4, 9), "1x1x7x7", 1, 1),
            "layer conv: filter 7x7 is larger than the padded input 6x11"
        );
        assert_eq!(refused((4, 4), "1x1x3x3", 0, 1), "layer conv: stride is 0; at least 1 is allowed");
        assert_eq!(
            refused((4, 4), "1x1x3x3", 1, 9),
            "layer conv: padding is 9; at most the filter's 3 is allowed"
        );
        assert!(refused((0, 4), "1x1x3x3", 1, 1).contains("empty dimension"));
        assert!(refused((9_999, 9_999), "1x9999x999x999", 1, 1).contains("more than 16777216 rows"));
        assert!(refused((u32::MAX, u32::MAX), "1x1x3x3", 1, 0).contains("at most 1048576 a side"));
    }

    #[test]
    fn padding_as_wide_as_the_filter_is_allowed() {
        // SqueezeNet 1.0 has a 1x1 filter with padding 1.
        let layer = layer((13, 13), "1000x512x1x1", 1, 1).unwrap();
        assert_eq!((layer.out_h(), layer.out_w()), (15, 15));
    }
}
