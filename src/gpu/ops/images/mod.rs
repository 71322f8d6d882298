//! Images that live on the device: uploaded once as bytes, made into batches there.

mod batch;
mod gather;
mod kernel;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Take};
pub(in crate::gpu) use kernel::shaders;

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};

use batch::{BLOCKS, PIXELS_PER_WORD, Packing};
use gather::gather;

/// Most words of a block, where [`BLOCKS`] of them are enough: the 128 MiB that WebGPU promises for a binding.
const MOST_WORDS: usize = 1 << 25;

/// A set of images on the device.
#[derive(Clone, Debug)]
pub struct DeviceImages {
    /// Each image a record of words: four pixels each, the first in the lowest byte, and last the label.
    blocks: [Tensor<1, Int>; BLOCKS],
    packing: Packing,
    labels: Vec<u8>,
    device: Device,
}

impl DeviceImages {
    /// Uploads `pixels` (`n × C × H × W` bytes) with their `labels` (`n`, each below `classes`).
    pub fn upload(pixels: &[u8], labels: &[u8], shape: [usize; 3], classes: usize, device: &Device) -> Self {
        Self::upload_in_blocks(pixels, labels, shape, classes, device, MOST_WORDS)
    }

    fn upload_in_blocks(
        pixels: &[u8],
        labels: &[u8],
        shape: [usize; 3],
        classes: usize,
        device: &Device,
        most_words: usize,
    ) -> Self {
        let mut packing = Packing { shape, classes, records: 0 };
        packing.records = (most_words / packing.words()).max(labels.len().div_ceil(BLOCKS)).max(1);
        let images = pixels.chunks_exact(packing.pixels()).zip(labels);
        let packed: Vec<i32> = images
            .flat_map(|(image, label)| image.chunks(PIXELS_PER_WORD).map(pack).chain([i32::from(*label)]))
            .collect();
        let device = device.clone().without_autodiff();
        let mut blocks = packed.chunks(packing.records * packing.words());
        // A block without images is bound nevertheless, and nothing cannot be.
        let blocks = std::array::from_fn(|_| {
            let words = blocks.next().unwrap_or(&[0]);
            Tensor::from_data(TensorData::new(words.to_vec(), [words.len()]), (&device, DType::I32))
        });
        Self { blocks, packing, labels: labels.to_vec(), device }
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
        self.packing.classes
    }

    /// `[C, H, W]` of an image.
    pub fn shape(&self) -> [usize; 3] {
        self.packing.shape
    }

    /// Where they are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The images at `indices` as they are, in that order; only the indices travel to the device.
    ///
    /// # Panics
    /// Where an index is not below [`Self::len`].
    pub fn gather(&self, indices: &[u32]) -> Batch {
        let takes: Vec<Take> =
            indices.iter().map(|index| Take { index: *index, ..Take::default() }).collect();
        self.take(&takes)
    }

    /// The images that `takes` names, shifted and mirrored as it says; only these numbers travel to the device.
    ///
    /// # Panics
    /// Where an index is not below [`Self::len`].
    pub fn take(&self, takes: &[Take]) -> Batch {
        for take in takes {
            assert!((take.index as usize) < self.len(), "there are {} images: {take:?}", self.len());
        }
        gather(self.blocks.clone(), self.packing, takes)
    }

    /// `[N, K]` rows with a one where `classes` says.
    pub fn one_hot(&self, classes: &[usize]) -> Tensor<2> {
        let k = self.classes();
        let mut rows = vec![0.0f32; classes.len() * k];
        rows.chunks_exact_mut(k).zip(classes).for_each(|(row, class)| row[*class] = 1.0);
        Tensor::from_data(TensorData::new(rows, [classes.len(), k]), &self.device)
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
