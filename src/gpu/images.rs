//! Images that live on the device: uploaded once as bytes, gathered and unpacked there.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Pixels in a 32-bit word.
const PIXELS_PER_WORD: usize = 4;

/// A set of images on the device.
#[derive(Clone, Debug)]
pub struct DeviceImages {
    /// `[n, ⌈C·H·W / 4⌉]`: four pixels a word, the first in the lowest byte.
    packed: Tensor<2, Int>,
    labels: Vec<u8>,
    shape: [usize; 3],
    classes: usize,
    device: Device,
}

/// Some of them, as a network reads them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pixels in [0, 1], `[N, C, H, W]`.
    pub images: Tensor<4>,
    /// Labels, `[N]`.
    pub labels: Tensor<1, Int>,
    /// Labels, `[N, K]`.
    pub one_hot: Tensor<2>,
}

impl DeviceImages {
    /// Uploads `pixels` (`n × C × H × W` bytes) with their `labels` (`n`, each below `classes`).
    pub fn upload(pixels: &[u8], labels: &[u8], shape: [usize; 3], classes: usize, device: &Device) -> Self {
        let length: usize = shape.iter().product();
        let words = length.div_ceil(PIXELS_PER_WORD);
        let packed: Vec<i32> =
            pixels.chunks_exact(length).flat_map(|image| image.chunks(PIXELS_PER_WORD)).map(pack).collect();
        let device = device.clone().without_autodiff();
        let packed = Tensor::from_data(TensorData::new(packed, [labels.len(), words]), &device);
        Self { packed, labels: labels.to_vec(), shape, classes, device }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Classes `K`.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[C, H, W]` of an image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The images at `indices`, in that order; only the indices and their labels travel to the device.
    ///
    /// # Panics
    /// Where an index is not below [`Self::len`].
    pub fn gather(&self, indices: &[u32]) -> Batch {
        let n = indices.len();
        let [c, h, w] = self.shape;
        let rows: Vec<i32> = indices.iter().map(|index| *index as i32).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [n]), &self.device);
        let words = self.packed.clone().select(0, rows); // [n, words]
        let bytes = (0..PIXELS_PER_WORD)
            .map(|position| {
                words.clone().bitwise_right_shift_scalar(8 * position as i32).bitwise_and_scalar(255)
            })
            .collect();
        let pixels: Tensor<3, Int> = Tensor::stack(bytes, 2); // [n, words, 4]
        let images = pixels.flatten::<2>(1, 2).slice([0..n, 0..c * h * w]).float() / 255.0;
        let labels: Vec<usize> =
            indices.iter().map(|index| usize::from(self.labels[*index as usize])).collect();
        let labels = self.int(&labels);
        let one_hot = one_hot(labels.clone(), self.classes);
        Batch { images: images.reshape([n, c, h, w]), labels, one_hot }
    }

    /// `[N, K]` rows with a one where `classes` says.
    pub fn one_hot(&self, classes: &[usize]) -> Tensor<2> {
        one_hot(self.int(classes), self.classes)
    }

    fn int(&self, values: &[usize]) -> Tensor<1, Int> {
        let values: Vec<i32> = values.iter().map(|value| *value as i32).collect();
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
    }
}

/// `[N, K]` rows with a one where `labels` `[N]` says.
pub fn one_hot(labels: Tensor<1, Int>, classes: usize) -> Tensor<2> {
    let n = labels.dims()[0];
    let columns = Tensor::<1, Int>::arange(0..classes as i64, &labels.device()).reshape([1, classes]);
    let hit: Tensor<2, Bool> =
        labels.reshape([n, 1]).expand([n, classes]).equal(columns.expand([n, classes]));
    hit.float()
}

/// Up to four pixels as one word, the first in the lowest byte.
fn pack(pixels: &[u8]) -> i32 {
    let mut bytes = [0; PIXELS_PER_WORD];
    bytes[..pixels.len()].copy_from_slice(pixels);
    i32::from_le_bytes(bytes)
}
