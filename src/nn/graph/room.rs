//! Where a graph is run, and how large what it makes may be.

use burn::tensor::Device;

use super::problem::{Problem, check};

/// Most entries that a node may make of an image: 256 MiB.
const MOST_OF_AN_IMAGE: usize = 1 << 26;

/// A device with so much room.
#[derive(Clone, Debug)]
pub struct Room {
    /// Where tensors are.
    pub device: Device,
    most: usize,
}

impl Room {
    /// For so many images.
    pub fn of(images: usize, device: Device) -> Self {
        Self { device, most: MOST_OF_AN_IMAGE.saturating_mul(images.max(1)) }
    }

    /// Refuses what is larger than it.
    ///
    /// # Errors
    /// Where a tensor of this shape is.
    pub fn takes(&self, shape: &[usize]) -> Result<(), Problem> {
        let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
        check(count.is_some_and(|count| count <= self.most), || {
            format!("it makes {shape:?}, which is too large for a network of images")
        })
    }
}
