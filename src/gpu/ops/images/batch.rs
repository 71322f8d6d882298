//! What batches are made from and of: packed images, which of them to take, and what comes of that.

use burn::tensor::{Int, Tensor};

/// An image to be put into a batch, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Take {
    /// Its number in the set.
    pub index: u32,
    /// Columns to the right from which each pixel comes; beyond the border is 0.
    pub right: i32,
    /// Rows down from which each pixel comes; beyond the border is 0.
    pub down: i32,
    /// Whether what comes of that is mirrored, left to right.
    pub mirrored: bool,
}

/// Some images, as a network reads them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pixels in [0, 1], `[N, C, H, W]`: the same bits on every device.
    pub images: Tensor<4>,
    /// Labels, `[N]`.
    pub labels: Tensor<1, Int>,
    /// Labels, `[N, K]`.
    pub one_hot: Tensor<2>,
}

/// Blocks that the images are in.
pub(super) const BLOCKS: usize = 4;
/// Pixels in a 32-bit word.
pub(super) const PIXELS_PER_WORD: usize = 4;

/// How packed images lie in their blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    /// `[C, H, W]` of an image.
    pub shape: [usize; 3],
    /// Classes `K`.
    pub classes: usize,
    /// Records of every block but the last.
    pub records: usize,
}

impl Packing {
    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Words of a record: the pixels, and the label.
    pub fn words(&self) -> usize {
        self.pixels().div_ceil(PIXELS_PER_WORD) + 1
    }
}
