//! Activations: the input of a convolution layer, as recorded, read or generated.

use crate::npy::{Array, InputError, Problem};

/// Sizes of a batch of feature maps in NCHW order; none of them is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images (N).
    pub images: u32,
    /// Channels of an image (C).
    pub channels: u32,
    /// Rows of a channel (H).
    pub height: u32,
    /// Columns of a channel (W).
    pub width: u32,
}

impl Shape {
    /// Values of one channel.
    pub fn channel_len(&self) -> usize {
        self.height as usize * self.width as usize
    }

    /// Values of one image.
    pub fn image_len(&self) -> usize {
        self.channels as usize * self.channel_len()
    }

    /// Values of all images.
    pub fn len(&self) -> usize {
        self.images as usize * self.image_len()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Feature maps of one or more images.
///
/// A batch may be larger than the images that there are: image i of the batch is then image
/// i % images, and [`Activations::distinct_images`] says how many of them differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    shape: Shape,
    values: Vec<f32>,
}

impl Activations {
    /// Feature maps from their values in NCHW order, as many as `shape` has.
    ///
    /// # Panics
    /// Where the number of values is another, or is 0.
    pub fn new(shape: Shape, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), shape.len(), "values of activations of shape {shape:?}");
        assert!(!shape.is_empty(), "activations have at least one value, and the shape is {shape:?}");
        Self { shape, values }
    }

    /// Feature maps from an array of four dimensions: images, channels, height, width.
    pub fn from_array(array: Array) -> Result<Self, InputError> {
        let fits = array.shape.iter().all(|&length| u32::try_from(length).is_ok());
        match array.shape[..] {
            [images, channels, height, width] if fits => {
                let [images, channels, height, width] =
                    [images, channels, height, width].map(|length| length as u32);
                Ok(Self::new(Shape { images, channels, height, width }, array.values))
            }
            _ => Err(array.error(Problem::NotImages(array.shape.clone()))),
        }
    }

    /// Images, channels, height and width.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All values, NCHW.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values of one image, CHW.
    pub fn image(&self, image: u32) -> &[f32] {
        let length = self.shape.image_len();
        &self.values[image as usize * length..][..length]
    }

    /// How many different images a batch of `batch` images holds.
    pub fn distinct_images(&self, batch: u32) -> u32 {
        batch.min(self.shape.images)
    }

    /// Share of zeros (+0 and -0) among the values of a batch of `batch` images, repeats counted.
    pub fn sparsity(&self, batch: u32) -> f64 {
        let zeros: u64 = (0..self.distinct_images(batch))
            .map(|image| {
                let zeros = self.image(image).iter().filter(|&&value| value == 0.0).count() as u64;
                zeros * self.repeats(image, batch)
            })
            .sum();
        zeros as f64 / (f64::from(batch) * self.shape.image_len() as f64)
    }

    /// How often `image` occurs in a batch of `batch` images.
    pub(crate) fn repeats(&self, image: u32, batch: u32) -> u64 {
        u64::from(batch.saturating_sub(image).div_ceil(self.shape.images))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize]) -> Array {
        let elements = shape.iter().product();
        let values = (0..elements).map(|position| position as f32).collect();
        Array { source: "x.npy".into(), shape: shape.to_vec(), values }
    }

    #[test]
    fn an_array_of_four_dimensions_is_images() {
        let activations = Activations::from_array(array(&[2, 3, 4, 5])).unwrap();
        assert_eq!(activations.shape(), Shape { images: 2, channels: 3, height: 4, width: 5 });
        assert_eq!(activations.image(1)[0], 60.0);
        assert_eq!(
            Activations::from_array(array(&[6, 5])).unwrap_err().to_string(),
            "x.npy: the array has 2 dimensions ([6, 5]); activations have 4: images, channels, height, width"
        );
    }

    #[test]
    fn sparsity_counts_an_image_as_often_as_the_batch_does() {
        let shape = Shape { images: 3, channels: 1, height: 1, width: 2 };
        let activations = Activations::new(shape, vec![0.0, -0.0, 1.0, 0.0, 1.0, 2.0]);
        assert_eq!(activations.sparsity(1), 1.0);
        assert_eq!(activations.sparsity(2), 0.75);
        assert_eq!(activations.sparsity(3), 0.5);
        assert_eq!(activations.sparsity(4), 5.0 / 8.0);
        assert_eq!(activations.sparsity(6), 0.5);
        assert_eq!(activations.distinct_images(2), 2);
        assert_eq!(activations.distinct_images(128), 3);
    }
}
