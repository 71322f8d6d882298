//! Convolution and its two gradients on the host, in single precision: the same bits whatever the number of threads.
//!
//! No operation unrolls its image. Each image is copied once, channels innermost and framed by zeros, so that what a
//! kernel's row sees from one pixel is one run of floats; the products are taken straight from those runs. An image of few
//! channels, whose runs would be short, is for [`planes`].

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, Shape};
use pulp::Arch;
use rayon::prelude::*;

use super::geometry::{Geometry, Sizes};
use super::reference::{convolution_reference, input_vjp_reference, weight_vjp_reference};
use super::{Convolution, ConvolutionParts};
use crate::gpu::autodiff::Contributions;
use crate::gpu::host::{buffer, host_tensor, keep, recycle};
use crate::gpu::launch::profile::{self, Work};
use frames::{Frame, Stage};
use parts::{TASKS, add_parts, grid};
use tiles::{Accumulate, Correlate, Panel, Phase, panels};
use weights::{pack, padded, unpack};

mod frames;
mod parts;
mod planes;
#[cfg(test)]
mod tests;
mod tiles;
mod weights;

impl ConvolutionParts for Flex {}

impl Convolution for Flex {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_single([&x, &weight]) {
            return convolution_reference::<Self>(x, weight, geometry);
        }
        let sizes = Sizes::of(&x.shape(), weight.shape()[0], geometry);
        let [rows, columns] = geometry.output();
        let shape = [sizes.batch, sizes.outputs, rows, columns];
        on_host("convolution", sizes, [x, weight], shape, conv2d)
    }

    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_single([&gy, &weight]) {
            return input_vjp_reference::<Self>(gy, weight, geometry);
        }
        let shape = [gy.shape()[0], weight.shape()[1], geometry.height, geometry.width];
        let sizes = Sizes::of(&Shape::from(shape), weight.shape()[0], geometry);
        on_host("convolution input", sizes, [gy, weight], shape, input_vjp)
    }

    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !are_single([&x, &gy]) {
            return weight_vjp_reference::<Self>(x, gy, geometry);
        }
        let sizes = Sizes::of(&x.shape(), gy.shape()[1], geometry);
        let shape = [sizes.outputs, sizes.channels, geometry.kernel, geometry.kernel];
        on_host("convolution weight", sizes, [x, gy], shape, weight_vjp)
    }
}

/// Whether the loops take these; burn's take double precision, too.
fn are_single(tensors: [&FlexTensor; 2]) -> bool {
    tensors.into_iter().all(|tensor| tensor.dtype() == DType::F32)
}

/// An operation on the values of two tensors of single precision.
fn on_host(
    name: &str,
    sizes: Sizes,
    tensors: [FlexTensor; 2],
    shape: [usize; 4],
    operation: impl FnOnce(&[f32], &[f32], Sizes) -> Vec<f32>,
) -> FlexTensor {
    let tensors = tensors.map(|tensor| tensor.to_contiguous());
    let [left, right] = tensors.each_ref().map(FlexTensor::storage::<f32>);
    let floats = left.len() + right.len() + shape.iter().product::<usize>();
    let work = Work { bytes: 4 * floats as u64, operations: sizes.operations() };
    let values = profile::on_host(name, work, || operation(left, right, sizes));
    recycle(tensors);
    host_tensor(values, shape)
}

/// Outputs of a weight gradient for which a task copies an image.
const OUTPUTS: usize = 64;
/// PartSums of the threads' time that a convolution of few images should use.
const BUSY: f64 = 0.9;

/// Convolution without bias: `x` `[batch, channels, height, width]` by `weight` `[outputs, channels, k, k]` to
/// `[batch, outputs, out height, out width]`, each side of the output the input's by `stride`, rounded up.
///
/// # Panics
/// Where a slice is not as long as the sizes say.
pub(super) fn conv2d(x: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    assert_eq!((x.len(), weight.len()), (sizes.batch * sizes.image(), sizes.weights()), "{sizes:?}");
    if sizes.channels <= planes::FEW {
        return planes::conv2d(x, weight, sizes);
    }
    let Sizes { channels, outputs, geometry, .. } = sizes;
    let Geometry { kernel, stride, height, width } = geometry;
    let [rows, columns] = geometry.output();
    let frame = Frame { channels, height, width, border: geometry.padding() };
    let offsets: Vec<usize> =
        (0..sizes.taps()).map(|tap| tap % channels * kernel * kernel + tap / channels).collect();
    let phase = Phase {
        starts: grid([rows, columns], |row, column| frame.start(row * stride, column * stride)),
        targets: (0..rows * columns).collect(),
        rows: kernel,
        run: kernel * channels,
        weights: pack(weight, outputs, sizes.taps(), &offsets),
    };
    correlate(x, frame, vec![phase], sizes.batch, outputs, rows * columns)
}

/// `gyᵀ · ∂y/∂x` of [`conv2d`]: the cotangent of the input, from that of the output.
///
/// # Panics
/// As [`conv2d`].
pub(super) fn input_vjp(gy: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    assert_eq!((gy.len(), weight.len()), (sizes.batch * sizes.output(), sizes.weights()), "{sizes:?}");
    if sizes.channels <= planes::FEW {
        return planes::input_vjp(gy, weight, sizes);
    }
    let Sizes { channels, outputs, geometry, .. } = sizes;
    let Geometry { kernel, stride, height, width } = geometry;
    let [out_height, out_width] = geometry.output();
    let border = geometry.padding();
    let frame = Frame { channels: outputs, height: out_height, width: out_width, border };
    // Inputs a stride apart see the same taps: each such phase is a convolution of gy by these taps, turned round.
    let phases = grid([stride, stride], |down, right| {
        let [tap_rows, tap_columns] = [down, right].map(|first| {
            (0..kernel).rev().filter(|tap| (first + border).abs_diff(*tap) % stride == 0).collect()
        });
        let (tap_rows, tap_columns): (Vec<usize>, Vec<usize>) = (tap_rows, tap_columns);
        // The framed row of gy that a tap sees from the first input; border more than the unframed one.
        let framed = |first: usize, taps: &[usize]| {
            taps.first().map_or(0, |tap| (first + 2 * border * stride + border - tap) / stride - border)
        };
        let [top, left] = [framed(down, &tap_rows), framed(right, &tap_columns)];
        let run = tap_columns.len() * outputs;
        let sides =
            [height.saturating_sub(down).div_ceil(stride), width.saturating_sub(right).div_ceil(stride)];
        let offset = |tap: usize| {
            let (row, column, output) = (tap / run, tap % run / outputs, tap % outputs);
            (output * channels * kernel + tap_rows[row]) * kernel + tap_columns[column]
        };
        let offsets: Vec<usize> = (0..tap_rows.len() * run).map(offset).collect();
        Phase {
            starts: grid(sides, |row, column| frame.start(row + top, column + left)),
            targets: grid(sides, |row, column| (down + row * stride) * width + right + column * stride),
            rows: if run == 0 { 0 } else { tap_rows.len() },
            run,
            weights: pack(weight, channels, kernel * kernel, &offsets),
        }
    });
    correlate(gy, frame, phases, sizes.batch, channels, height * width)
}

/// `gyᵀ · ∂y/∂w` of [`conv2d`]: the gradient of the weight, summed over the images in an order of its own.
///
/// # Panics
/// As [`conv2d`].
pub(super) fn weight_vjp(x: &[f32], gy: &[f32], sizes: Sizes) -> Vec<f32> {
    assert_eq!((x.len(), gy.len()), (sizes.batch * sizes.image(), sizes.batch * sizes.output()), "{sizes:?}");
    if sizes.channels <= planes::FEW {
        return planes::weight_vjp(x, gy, sizes);
    }
    let Sizes { batch, channels, outputs, geometry } = sizes;
    let Geometry { kernel, stride, height, width } = geometry;
    let [rows, columns] = geometry.output();
    let panels = panels(outputs);
    let run = kernel * channels;
    let frame = Frame { channels, height, width, border: geometry.padding() };
    let starts = grid([rows, columns], |row, column| frame.start(row * stride, column * stride));
    // A task sums some panels over part of the images: many panels need few parts, which are added up afterwards.
    // Panels but the last are as large as the first.
    let most_lanes = panels.first().map_or(1, |panel| panel.lanes);
    let in_group = (OUTPUTS / most_lanes).max(1);
    let groups: Vec<&[Panel]> = panels.chunks(in_group).collect();
    let images = batch.div_ceil(TASKS.div_ceil(groups.len().max(1))).max(1);
    let (image, gy_image, plane) = (sizes.image(), sizes.output(), rows * columns);
    // [part, group, panel, taps, lanes]; the last group may have room that it does not need.
    let of_task = sizes.taps() * groups.first().map_or(0, |group| padded(group));
    let of_part = groups.len() * of_task;
    let mut sums = buffer(batch.div_ceil(images) * of_part);
    let cotangent_frame = |lanes| Frame { channels: lanes, height: rows, width: columns, border: 0 };
    // What is in lanes beyond the last output is summed and left.
    let staged = || (frame.stage(), cotangent_frame(most_lanes).stage());
    sums.par_chunks_mut(of_task.max(1)).enumerate().for_each_init(
        staged,
        |(source, cotangent), (task, sums)| {
            sums.fill(0.0);
            let (part, group) = (task / groups.len(), task % groups.len());
            for index in part * images..batch.min((part + 1) * images) {
                frame.fill(source, &x[index * image..][..image], channels);
                let mut rest = &mut *sums;
                for panel in groups[group] {
                    let gy = &gy[index * gy_image + panel.first * plane..][..panel.used * plane];
                    cotangent_frame(panel.lanes).fill(cotangent, gy, panel.used);
                    let sum;
                    (sum, rest) = rest.split_at_mut(sizes.taps() * panel.lanes);
                    let (pitch, starts, lanes) = (frame.pitch(), &starts, panel.lanes);
                    let [source, cotangent] = [&*source, &*cotangent].map(Stage::framed);
                    Arch::new().dispatch(Accumulate { source, cotangent, starts, pitch, run, lanes, sum });
                }
            }
        },
    );
    let sum = add_parts(&mut sums, of_part);
    let mut gradient = vec![0.0; outputs * sizes.taps()];
    let largest = most_lanes * sizes.taps();
    gradient.par_chunks_mut(largest.max(1)).zip(&panels).enumerate().for_each(
        |(index, (gradient, panel))| {
            let sums = &sum[index / in_group * of_task + index % in_group * largest..];
            unpack(&sums[..panel.lanes * sizes.taps()], panel.lanes, channels, gradient);
        },
    );
    keep(sums);
    gradient
}

/// `[batch, channels, plane]` from images as `frame` says, which the phases cover.
fn correlate(
    images: &[f32],
    frame: Frame,
    phases: Vec<Phase>,
    batch: usize,
    channels: usize,
    plane: usize,
) -> Vec<f32> {
    let mut result = buffer(batch * channels * plane);
    let image = frame.channels * frame.height * frame.width;
    let panels = panels(channels);
    let parts = parts(batch, channels, &panels);
    let of_part = panels.len() / parts;
    result.par_chunks_mut((channels * plane / parts).max(1)).enumerate().for_each_init(
        || frame.stage(),
        |stage, (task, result)| {
            let (index, part) = (task / parts, task % parts);
            frame.fill(stage, &images[index * image..][..image], frame.channels);
            let panels = &panels[part * of_part..][..of_part];
            for phase in &phases {
                for Panel { first, used, lanes } in panels.iter().copied() {
                    let taps = phase.rows * phase.run;
                    let weights = &phase.weights[first * taps..][..lanes * taps];
                    let result = &mut result[(first - panels[0].first) * plane..][..used * plane];
                    let (source, pitch) = (stage.framed(), frame.pitch());
                    Arch::new().dispatch(Correlate { source, pitch, phase, lanes, weights, result, plane });
                }
            }
        },
    );
    for phase in phases {
        keep(phase.weights);
    }
    result
}

/// Into how many parts each image's panels are divided: the fewest, since each part frames the image anew, that leave
/// threads little idle.
fn parts(batch: usize, channels: usize, panels: &[Panel]) -> usize {
    let (threads, all) = (rayon::current_num_threads(), panels.len());
    let are_alike = panels.first().is_some_and(|first| first.lanes * all == channels);
    if !are_alike || batch == 0 {
        return 1;
    }
    let busy = |parts: usize| {
        let tasks = batch * parts;
        tasks as f64 / tasks.next_multiple_of(threads) as f64
    };
    let mut best = 1;
    for parts in (2..=all).filter(|parts| all.is_multiple_of(*parts)) {
        if busy(best) < BUSY && busy(parts) > busy(best) {
            best = parts;
        }
    }
    best
}
