//! Matrix B of a convolution, computed line by line and never stored.
//!
//! Column (image, oh, ow), ow fastest, holds what the filters see at one output pixel. Row (c, r, s), s
//! fastest, is one weight of the filters: B's element is the input at channel c, row oh * stride + r - pad,
//! column ow * stride + s - pad, or zero where that lies in the padding.
//!
//! B repeats each input up to R * S times and is too large to keep (7.4 GB for VGG-16 conv1_2 at batch
//! 64), so a line is gathered when it is asked for, which happens tens of millions of times in a run. What
//! makes that fast: the images are held with their padding, so that no window has a border case; then a
//! column is one position in them and a row one distance from it, and both come from a table.

use compaction_engine::ColumnValues;

use crate::activations::Activations;
use crate::layer::{ConvLayer, LayerError};

/// Matrix B of `layer` for a batch of images: K = C*R*S rows, N = batch * OH * OW columns.
#[derive(Clone, Debug)]
pub struct Im2col {
    layer: ConvLayer,
    batch: u32,
    distinct_images: u32,
    columns: u64,
    /// The distinct images, CHW, each channel with its padding around it.
    padded: Vec<f32>,
    /// Position in `padded` of the top left input of each column of the distinct images.
    windows: Vec<usize>,
    /// Distance from there to the input of each row, by lines; rows past K have distance 0.
    offsets: Vec<[u32; 16]>,
    sparsity: f64,
    nonzeros: u64,
}

/// Values of one padded image that are held: 1 GiB.
const MAX_PADDED: u64 = 1 << 28;

impl Im2col {
    /// B for `batch` images (at least 1); image i is image i % images of `activations`.
    ///
    /// Refuses activations of another size than the layer's input.
    pub fn new(layer: &ConvLayer, activations: &Activations, batch: u32) -> Result<Self, LayerError> {
        layer.check()?;
        let shape = activations.shape();
        if (shape.channels, shape.height, shape.width) != (layer.channels, layer.height, layer.width) {
            return Err(layer.error(format!(
                "the activations are {}x{}x{} (channels x height x width), the layer takes {}x{}x{}",
                shape.channels, shape.height, shape.width, layer.channels, layer.height, layer.width
            )));
        }
        if batch == 0 {
            return Err(layer.error("the batch is 0; at least 1 is allowed".into()));
        }
        let (padded_h, padded_w) = layer.padded();
        let padded_image = u64::from(layer.channels).saturating_mul(padded_h * padded_w);
        if padded_image > MAX_PADDED {
            return Err(layer.error(format!(
                "an image has {padded_image} values with its padding; at most {MAX_PADDED} are allowed"
            )));
        }

        let distinct_images = activations.distinct_images(batch);
        Ok(Self {
            layer: layer.clone(),
            batch,
            distinct_images,
            columns: layer.n(batch),
            padded: padded_images(layer, activations, distinct_images),
            windows: window_positions(layer, distinct_images),
            offsets: row_offsets(layer),
            sparsity: activations.sparsity(batch),
            nonzeros: count_nonzeros(layer, activations, batch),
        })
    }

    /// The layer that B belongs to.
    pub fn layer(&self) -> &ConvLayer {
        &self.layer
    }

    /// Images of the batch.
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// How many of the batch's images differ; where it is less than the batch, images repeat.
    pub fn distinct_images(&self) -> u32 {
        self.distinct_images
    }

    /// Share of zeros in the activations of the batch, without padding.
    pub fn sparsity(&self) -> f64 {
        self.sparsity
    }

    /// Share of zeros in B, padding included (but not the rows from K to a multiple of 16).
    pub fn sparsity_b(&self) -> f64 {
        1.0 - self.nonzeros as f64 / (self.columns as f64 * f64::from(self.layer.k()))
    }

    /// Elements of B that are not zero.
    pub fn nonzeros(&self) -> u64 {
        self.nonzeros
    }

    /// The padded images from the top left input of `column` on.
    #[inline]
    fn window(&self, column: u64) -> &[f32] {
        assert!(column < self.columns, "column {column} of B, which has {} columns", self.columns);
        // The columns of the batch are those of the distinct images over and over.
        &self.padded[self.windows[(column % self.windows.len() as u64) as usize]..]
    }
}

impl ColumnValues for Im2col {
    fn rows(&self) -> u32 {
        self.layer.k()
    }

    fn columns(&self) -> u64 {
        self.columns
    }

    fn value(&self, row: u32, column: u64) -> f32 {
        assert!(row < self.rows(), "row {row} of B, which has {} rows", self.rows());
        self.window(column)[self.offsets[row as usize / 16][row as usize % 16] as usize]
    }

    #[inline]
    fn line(&self, column: u64, line: u32) -> [f32; 16] {
        let window = self.window(column);
        let Some(offsets) = self.offsets.get(line as usize) else { return [0.0; 16] };
        // Filled in place: `offsets.map(..)` makes a second array and copies it, 13.7 ns a line instead of 10.
        let mut values = [0.0; 16];
        for (value, &offset) in values.iter_mut().zip(offsets) {
            *value = window[offset as usize];
        }
        let rows = self.rows() - 16 * line;
        if rows < 16 {
            values[rows as usize..].fill(0.0);
        }
        values
    }
}

fn padded_images(layer: &ConvLayer, activations: &Activations, images: u32) -> Vec<f32> {
    let (padded_h, padded_w) = padded_size(layer);
    let (height, width, pad) = (layer.height as usize, layer.width as usize, layer.pad as usize);
    let channel_len = padded_h * padded_w;
    let mut padded = vec![0.0; images as usize * layer.channels as usize * channel_len];
    let channels = activations.values().chunks_exact(height * width);
    for (target, channel) in padded.chunks_exact_mut(channel_len).zip(channels) {
        for (target, row) in target.chunks_exact_mut(padded_w).skip(pad).zip(channel.chunks_exact(width)) {
            target[pad..][..width].copy_from_slice(row);
        }
    }
    padded
}

fn window_positions(layer: &ConvLayer, images: u32) -> Vec<usize> {
    let (padded_h, padded_w) = padded_size(layer);
    let image_len = layer.channels as usize * padded_h * padded_w;
    let (out_h, out_w, stride) = (layer.out_h() as usize, layer.out_w() as usize, layer.stride as usize);
    let mut positions = Vec::with_capacity(images as usize * out_h * out_w);
    for image in 0..images as usize {
        for oh in 0..out_h {
            let row = image * image_len + oh * stride * padded_w;
            positions.extend((0..out_w).map(|ow| row + ow * stride));
        }
    }
    positions
}

fn row_offsets(layer: &ConvLayer) -> Vec<[u32; 16]> {
    let (padded_h, padded_w) = padded_size(layer);
    let mut lines = vec![[0; 16]; layer.k().div_ceil(16) as usize];
    let mut slots = lines.iter_mut().flatten();
    for c in 0..layer.channels as usize {
        for r in 0..layer.kernel_h as usize {
            for (s, slot) in (0..layer.kernel_w as usize).zip(&mut slots) {
                *slot = ((c * padded_h + r) * padded_w + s) as u32;
            }
        }
    }
    lines
}

fn padded_size(layer: &ConvLayer) -> (usize, usize) {
    let (height, width) = layer.padded();
    (height as usize, width as usize)
}

/// Elements of B that are not zero, without looking at B.
///
/// An input occurs in B as often as windows cover it, which is the product of a count by its row and one
/// by its column.
fn count_nonzeros(layer: &ConvLayer, activations: &Activations, batch: u32) -> u64 {
    let by_row = coverage(layer.height, layer.kernel_h, layer.out_h(), layer);
    let by_column = coverage(layer.width, layer.kernel_w, layer.out_w(), layer);
    let in_image = |image: u32| -> u64 {
        let rows = activations.image(image).chunks_exact(layer.width as usize).zip(by_row.iter().cycle());
        rows.map(|(row, &times)| {
            let covered: u64 =
                row.iter().zip(&by_column).filter(|&(&value, _)| value != 0.0).map(|(_, &times)| times).sum();
            covered * times
        })
        .sum()
    };
    (0..activations.distinct_images(batch))
        .map(|image| in_image(image) * activations.repeats(image, batch))
        .sum()
}

/// For each of `size` pixels in one direction, the windows that cover it.
fn coverage(size: u32, kernel: u32, outputs: u32, layer: &ConvLayer) -> Vec<u64> {
    let mut covered = vec![0; size as usize];
    for output in 0..u64::from(outputs) {
        let first = output * u64::from(layer.stride);
        for padded in first..first + u64::from(kernel) {
            let pixel = padded.checked_sub(u64::from(layer.pad));
            if let Some(times) = pixel.and_then(|pixel| covered.get_mut(pixel as usize)) {
                *times += 1;
            }
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activations::Shape;

    fn two_by_two() -> Activations {
        Activations::new(Shape { images: 1, channels: 1, height: 2, width: 2 }, vec![1.0, 2.0, 0.0, 4.0])
    }

    #[test]
    fn a_small_b_by_hand() {
        let layer = ConvLayer::new("conv", (2, 2), "1x1x2x2".parse().unwrap(), 1, 1).unwrap();
        let b = Im2col::new(&layer, &two_by_two(), 2).unwrap();
        assert_eq!((b.rows(), b.columns()), (4, 18));
        let column = |column| b.line(column, 0)[..4].to_vec();
        assert_eq!(column(0), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(column(1), [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(column(4), [1.0, 2.0, 0.0, 4.0]);
        assert_eq!(column(8), [4.0, 0.0, 0.0, 0.0]);
        assert_eq!(column(9 + 4), column(4), "the batch repeats the only image");
        assert_eq!(b.distinct_images(), 1);
        assert_eq!(b.sparsity(), 0.25);
        assert_eq!(b.nonzeros(), 2 * 12);
        assert_eq!(b.sparsity_b(), 1.0 - 12.0 / 36.0);
    }

    #[test]
    fn refuses_activations_of_another_size() {
        let layer = ConvLayer::new("conv", (3, 2), "1x1x2x2".parse().unwrap(), 1, 1).unwrap();
        assert_eq!(
            Im2col::new(&layer, &two_by_two(), 1).unwrap_err().to_string(),
            "layer conv: the activations are 1x2x2 (channels x height x width), the layer takes 1x3x2"
        );
    }

    #[test]
    #[should_panic(expected = "column 9 of B, which has 9 columns")]
    fn a_column_that_is_not_there_is_a_bug() {
        let layer = ConvLayer::new("conv", (2, 2), "1x1x2x2".parse().unwrap(), 1, 1).unwrap();
        Im2col::new(&layer, &two_by_two(), 1).unwrap().line(9, 0);
    }
}
