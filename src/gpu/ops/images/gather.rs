//! Batches from packed images, of which only the numbers travel; on the host in plain loops.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

use super::batch::{BLOCKS, Batch, PIXELS_PER_WORD, Packing, Take};
use crate::gpu::host::buffer;
use crate::gpu::launch::{MOST_ELEMENTS, profile};

/// The images that `takes` names, of those in `blocks`.
pub(super) fn gather(blocks: [Tensor<1, Int>; BLOCKS], packing: Packing, takes: &[Take]) -> Batch {
    let entries = takes.len() * (packing.pixels() + packing.classes);
    assert!(entries <= MOST_ELEMENTS, "gather: split a batch of 2³¹ pixels");
    let [a, b, c, d] = blocks.map(Tensor::into_dispatch);
    let (images, labels, one_hot) = Dispatch::gather_images(a, b, c, d, packing, takes.to_vec());
    Batch {
        images: Tensor::from_dispatch(images),
        labels: Tensor::from_dispatch(labels),
        one_hot: Tensor::from_dispatch(one_hot),
    }
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub(super) trait Gather: Backend {
    /// Images `[N, C, H, W]`, labels `[N]` as `i32`, and the same as rows `[N, K]`, from blocks of `i32` words.
    fn gather_images(
        a: IntTensor<Self>,
        b: IntTensor<Self>,
        c: IntTensor<Self>,
        d: IntTensor<Self>,
        packing: Packing,
        takes: Vec<Take>,
    ) -> (FloatTensor<Self>, IntTensor<Self>, FloatTensor<Self>);
}

impl Gather for Flex {
    fn gather_images(
        a: IntTensor<Self>,
        b: IntTensor<Self>,
        c: IntTensor<Self>,
        d: IntTensor<Self>,
        packing: Packing,
        takes: Vec<Take>,
    ) -> (FloatTensor<Self>, IntTensor<Self>, FloatTensor<Self>) {
        let blocks = [a, b, c, d].map(|block| block.to_contiguous());
        let blocks = blocks.each_ref().map(FlexTensor::storage::<i32>);
        let fractions: [f32; 256] = std::array::from_fn(|byte| byte as f32 / 255.0);
        let (words, [channels, height, width]) = (packing.words(), packing.shape);
        let records: Vec<&[i32]> = takes
            .iter()
            .map(|take| {
                let index = take.index as usize;
                &blocks[index / packing.records][index % packing.records * words..][..words]
            })
            .collect();
        let mut images = buffer::<f32>(takes.len() * packing.pixels());
        profile::moving_on_host("gather", takes.len() * packing.pixels(), || {
            let rows = images.par_chunks_mut(packing.pixels().max(1)).zip(&takes).zip(&records);
            rows.for_each(|((image, take), record)| copy(image, record, packing.shape, take, &fractions));
        });
        let labels: Vec<i32> = records.iter().map(|record| record[words - 1]).collect();
        let one_hot: Vec<f32> = labels
            .iter()
            .flat_map(|label| {
                (0..packing.classes as i32).map(move |class| f32::from(u8::from(class == *label)))
            })
            .collect();
        let samples = takes.len();
        (
            FlexTensor::from_data(TensorData::new(images, [samples, channels, height, width])),
            FlexTensor::from_data(TensorData::new(labels, [samples])),
            FlexTensor::from_data(TensorData::new(one_hot, [samples, packing.classes])),
        )
    }
}

/// The pixels of `record` that `take` asks for into `image`, which is zero.
fn copy(
    image: &mut [f32],
    record: &[i32],
    [_, height, width]: [usize; 3],
    take: &Take,
    fractions: &[f32; 256],
) {
    image.fill(0.0);
    for (row, pixels) in image.chunks_exact_mut(width).enumerate() {
        let Some(y) = (row % height).checked_add_signed(take.down as isize).filter(|y| *y < height) else {
            continue;
        };
        let start = (row / height * height + y) * width;
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let column = if take.mirrored { width - 1 - column } else { column };
            if let Some(x) = column.checked_add_signed(take.right as isize).filter(|x| *x < width) {
                let source = start + x;
                let byte = record[source / PIXELS_PER_WORD].to_le_bytes()[source % PIXELS_PER_WORD];
                *pixel = fractions[usize::from(byte)];
            }
        }
    }
}
