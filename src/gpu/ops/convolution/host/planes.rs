//! The three operations where an image has few channels: vectors run along its rows, not across its channels.

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

use super::frames::{FrameLayout, Stage};
use super::parts::{TASKS, add_parts, grid};
use super::tiles::vector;
use crate::gpu::host::{buffer, keep};
use crate::gpu::ops::convolution::geometry::Sizes;

/// Channels up to which these are the faster loops.
pub(super) const FEW: usize = 4;
/// Most floats that a vector reads beyond what it uses.
const SPARE: usize = 16;
/// Channels of the result that a tile covers, where it has several.
const OUTPUTS: usize = 4;
/// Taps of a tile of the weight gradient: those of a 3×3 kernel.
const TAPS: usize = 9;

/// [`conv2d`](super::conv2d) of checked operands.
pub(super) fn conv2d(x: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    let [rows, columns] = sizes.geometry.output();
    let planes = Planes::of_input(sizes);
    let positions = positions([rows, columns], planes.pitch, |row, column| row * columns + column);
    let taps: Vec<usize> =
        taps(sizes).map(|[channel, down, right]| planes.tap(channel, down, right)).collect();
    let weights = pack(sizes.outputs, taps.len(), |output, tap| weight[output * taps.len() + tap]);
    let phase = Phase { positions, step: 1, taps, weights };
    correlate(x, planes, &[phase], [sizes.batch, sizes.outputs, rows * columns])
}

/// [`input_vjp`](super::input_vjp) of checked operands.
pub(super) fn input_vjp(gy: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { batch, channels, outputs, geometry } = sizes;
    let (kernel, stride, border) = (geometry.kernel, geometry.stride, geometry.padding());
    let planes = Planes::of_output(sizes);
    // Inputs a stride apart see the same taps: each such phase is a convolution of gy by these, turned round.
    let phases = grid([stride, stride], |down, right| {
        let seen =
            |first: usize| (0..kernel).filter(move |tap| (first + border).abs_diff(*tap) % stride == 0);
        // The framed row of gy that a tap sees from the phase's first input: a frame of one, whatever the border.
        let framed = |first: usize, tap: usize| (first + border + stride - tap) / stride;
        let pairs: Vec<[usize; 2]> =
            seen(down).flat_map(|row| seen(right).map(move |column| [row, column])).collect();
        let all = (0..outputs).flat_map(|output| pairs.iter().map(move |pair| (output, *pair)));
        let (taps, places): (Vec<usize>, Vec<usize>) = all
            .map(|(output, [row, column])| {
                let tap = planes.tap(output, framed(down, row), framed(right, column));
                (tap, output * channels * kernel * kernel + row * kernel + column)
            })
            .unzip();
        let sides = [geometry.height, geometry.width];
        let [rows, columns] = [sides[0].saturating_sub(down), sides[1].saturating_sub(right)];
        let target = |row, column| (down + row * stride) * sides[1] + right + column * stride;
        Phase {
            positions: positions([rows.div_ceil(stride), columns.div_ceil(stride)], planes.pitch, target),
            step: stride,
            weights: pack(channels, taps.len(), |channel, tap| {
                weight[channel * kernel * kernel + places[tap]]
            }),
            taps,
        }
    });
    correlate(gy, planes, &phases, [batch, channels, geometry.height * geometry.width])
}

/// [`weight_vjp`](super::weight_vjp) of checked operands.
pub(super) fn weight_vjp(x: &[f32], gy: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { batch, outputs, .. } = sizes;
    let planes = Planes::of_input(sizes);
    let mut taps: Vec<usize> =
        taps(sizes).map(|[channel, down, right]| planes.tap(channel, down, right)).collect();
    let (used, lanes) = (taps.len(), vector());
    // What fills up the last tile is computed and left.
    taps.resize(used.next_multiple_of(TAPS), 0);
    let of_task = outputs * taps.len() * lanes;
    let images = batch.div_ceil(TASKS).max(1);
    let mut sums = buffer(batch.div_ceil(images) * of_task);
    sums.par_chunks_mut(of_task.max(1)).enumerate().for_each_init(
        || planes.stage(),
        |stage, (task, sums)| {
            sums.fill(0.0);
            for index in task * images..batch.min((task + 1) * images) {
                planes.fill(stage.framed_mut(), &x[index * sizes.image()..][..sizes.image()]);
                let cotangent = &gy[index * sizes.output()..][..sizes.output()];
                let (taps, [rows, columns]) = (&taps, sizes.geometry.output());
                let (source, pitch) = (stage.framed(), planes.pitch);
                Arch::new().dispatch(Accumulate { source, pitch, cotangent, rows, columns, taps, sums });
            }
        },
    );
    let sum = add_parts(&mut sums, of_task);
    let mut gradient = vec![0.0; outputs * used];
    for (output, gradient) in gradient.chunks_exact_mut(used.max(1)).enumerate() {
        let sums = sum[(output * taps.len() * lanes).min(sum.len())..].chunks_exact(lanes);
        for (gradient, lanes) in gradient.iter_mut().zip(sums) {
            *gradient = lanes.iter().sum();
        }
    }
    keep(sums);
    gradient
}

/// Channel, row and column of each tap of a kernel, in the order of the weight.
fn taps(sizes: Sizes) -> impl Iterator<Item = [usize; 3]> {
    let kernel = sizes.geometry.kernel;
    let square = kernel * kernel;
    (0..sizes.taps()).map(move |tap| [tap / square, tap % square / kernel, tap % kernel])
}

/// An image copied plane by plane, with zeros around it. Of a convolution with a stride each plane is divided into those
/// of the pixels a stride apart, so that pixels that a tap meets one after the other are neighbours.
#[derive(Clone, Copy)]
struct Planes {
    channels: usize,
    height: usize,
    width: usize,
    border: usize,
    stride: usize,
    /// Rows and floats in a row of one of the planes.
    rows: usize,
    pitch: usize,
}

impl Planes {
    /// For the input: a tap, and a pixel of the output, say where its first pixel is.
    fn of_input(sizes: Sizes) -> Self {
        let (geometry, channels) = (sizes.geometry, sizes.channels);
        Self::new(channels, [geometry.height, geometry.width], geometry.padding(), geometry.stride)
    }

    /// For the output, or its cotangent, framed by one whatever the kernel.
    fn of_output(sizes: Sizes) -> Self {
        Self::new(sizes.outputs, sizes.geometry.output(), 1, 1)
    }

    fn new(channels: usize, [height, width]: [usize; 2], border: usize, stride: usize) -> Self {
        let [rows, pitch] = [height, width].map(|size| (size + 2 * border).div_ceil(stride));
        Self { channels, height, width, border, stride, rows, pitch }
    }

    /// Where what a tap meets from the first pixel is.
    fn tap(self, channel: usize, down: usize, right: usize) -> usize {
        let Self { stride, rows, pitch, .. } = self;
        let plane = (channel * stride + down % stride) * stride + right % stride;
        (plane * rows + down / stride) * pitch + right / stride
    }

    /// Memory for them, with what a vector may read, and leave, beyond the end.
    fn stage(self) -> Stage {
        let Self { channels, height, width, border, stride, rows, pitch } = self;
        let layout = FrameLayout { channels, height, width, border, stride: Some(stride) };
        Stage::of(layout, channels * stride.pow(2) * rows * pitch + SPARE)
    }

    fn fill(self, staged: &mut [f32], image: &[f32]) {
        let Self { width, border, stride, .. } = self;
        for (index, line) in image.chunks_exact(width.max(1)).enumerate() {
            let (channel, row) = (index / self.height, index % self.height + border);
            if stride == 1 {
                staged[self.tap(channel, row, border)..][..width].copy_from_slice(line);
                continue;
            }
            for first in 0..stride.min(width) {
                let start = self.tap(channel, row, first + border);
                for (value, pixel) in staged[start..].iter_mut().zip(line[first..].iter().step_by(stride)) {
                    *value = *pixel;
                }
            }
        }
    }
}

/// Pixels of a result that one vector holds.
#[derive(Clone, Copy)]
struct Position {
    /// Where what the first of them meets is, less the tap.
    source: usize,
    /// Place of the first in a plane of the result.
    target: usize,
    /// How many there are.
    count: usize,
}

/// Vectors that cover these rows and columns; where rows are long enough, the last of a row begins so that it ends with
/// the row, and computes some pixels once more.
fn positions(sides: [usize; 2], pitch: usize, target: impl Fn(usize, usize) -> usize) -> Vec<Position> {
    let lanes = vector();
    let [rows, columns] = sides;
    let along: Vec<usize> =
        (0..columns).step_by(lanes).map(|start| start.min(columns.saturating_sub(lanes))).collect();
    let count = columns.min(lanes);
    let position = |row: usize, start: usize| Position {
        source: row * pitch + start,
        target: target(row, start),
        count,
    };
    (0..rows)
        .flat_map(|row| along.iter().map(move |start| (row, *start)))
        .map(|(row, start)| position(row, start))
        .collect()
}

/// The pixels of a result that see the same taps, and those taps.
struct Phase {
    positions: Vec<Position>,
    /// Pixels of the result from one of a vector to the next.
    step: usize,
    /// Where each tap is.
    taps: Vec<usize>,
    /// `[panel, tap, width]`, zero beyond the last channel; the width is 1 or [`OUTPUTS`].
    weights: Vec<f32>,
}

/// Channels of a panel.
fn width(channels: usize) -> usize {
    if channels == 1 { 1 } else { OUTPUTS }
}

/// `[panel, tap, width]` of a weight for a channel of the result and a tap.
fn pack(channels: usize, taps: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let width = width(channels);
    let mut packed = vec![0.0; channels.next_multiple_of(width) * taps];
    for channel in 0..channels {
        for tap in 0..taps {
            packed[(channel / width * taps + tap) * width + channel % width] = weight(channel, tap);
        }
    }
    packed
}

/// `[batch, channels, plane]` from images as `planes` says, which the phases cover.
fn correlate(
    images: &[f32],
    planes: Planes,
    phases: &[Phase],
    [batch, channels, plane]: [usize; 3],
) -> Vec<f32> {
    let mut result = buffer(batch * channels * plane);
    let image = planes.channels * planes.height * planes.width;
    let width = width(channels);
    result.par_chunks_mut((channels * plane).max(1)).enumerate().for_each_init(
        || planes.stage(),
        |stage, (index, result)| {
            planes.fill(stage.framed_mut(), &images[index * image..][..image]);
            for phase in phases {
                let panels = result.chunks_mut(width * plane);
                for (panel, result) in panels.enumerate() {
                    let size = phase.taps.len() * width;
                    let (source, weights) = (stage.framed(), &phase.weights[panel * size..][..size]);
                    Arch::new().dispatch(Correlate { source, phase, weights, result, plane, width });
                }
            }
        },
    );
    result
}

/// A panel of one phase of one image.
struct Correlate<'a> {
    source: &'a [f32],
    phase: &'a Phase,
    /// `[tap, width]`
    weights: &'a [f32],
    /// `[channels, plane]`
    result: &'a mut [f32],
    plane: usize,
    width: usize,
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as the registers hold, beside the factors.
        match (S::REGISTER_COUNT >= 32, self.width == 1) {
            (true, false) => self.tiles::<S, 4, OUTPUTS>(simd),
            (false, false) => self.tiles::<S, 2, OUTPUTS>(simd),
            (_, true) => self.tiles::<S, 8, 1>(simd),
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const VECTORS: usize, const WIDTH: usize>(self, simd: S) {
        let Self { source, phase, weights, result, plane, .. } = self;
        let weights = weights.as_chunks::<WIDTH>().0;
        for tile in phase.positions.chunks(VECTORS) {
            // The last tile repeats its last vector.
            let starts: [usize; VECTORS] =
                std::array::from_fn(|vector| tile[vector.min(tile.len() - 1)].source);
            let mut sums = [[simd.splat_f32s(0.0); WIDTH]; VECTORS];
            for (tap, weights) in phase.taps.iter().zip(weights) {
                let mut values = [simd.splat_f32s(0.0); VECTORS];
                for vector in 0..VECTORS {
                    values[vector] = load(simd, &source[starts[vector] + tap..], true);
                }
                for channel in 0..WIDTH {
                    let weight = simd.splat_f32s(weights[channel]);
                    for vector in 0..VECTORS {
                        sums[vector][channel] =
                            simd.mul_add_e_f32s(values[vector], weight, sums[vector][channel]);
                    }
                }
            }
            for (position, sums) in tile.iter().zip(&sums) {
                for (values, sum) in result.chunks_exact_mut(plane).zip(sums) {
                    let sum: &[f32] = bytemuck::cast_slice(std::slice::from_ref(sum));
                    let sum = &sum[..position.count];
                    if phase.step == 1 {
                        values[position.target..][..sum.len()].copy_from_slice(sum);
                    } else {
                        let values = values[position.target..].iter_mut().step_by(phase.step);
                        values.zip(sum).for_each(|(value, sum)| *value = *sum);
                    }
                }
            }
        }
    }
}

/// The vector with which a slice begins, or where that is not whole, the slice with zeros behind it.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32], is_whole: bool) -> S::f32s {
    if is_whole { S::as_simd_f32s(&values[..S::F32_LANES]).0[0] } else { simd.partial_load_f32s(values) }
}

/// One image's share of a weight gradient.
struct Accumulate<'a> {
    source: &'a [f32],
    pitch: usize,
    /// `[outputs, rows, columns]`
    cotangent: &'a [f32],
    rows: usize,
    columns: usize,
    /// A multiple of [`TAPS`].
    taps: &'a [usize],
    /// `[outputs, tap, lanes]`
    sums: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, 2>(simd) } else { self.tiles::<S, 1>(simd) }
    }
}

impl Accumulate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const OUTPUTS: usize>(self, simd: S) {
        let Self { source, pitch, cotangent, rows, columns, taps, sums } = self;
        let plane = rows * columns;
        let sums = S::as_mut_simd_f32s(sums).0;
        let count_of_taps = taps.len();
        for (sums, cotangent) in
            sums.chunks_mut(OUTPUTS * count_of_taps).zip(cotangent.chunks(OUTPUTS * plane))
        {
            // The last tile may repeat its last output.
            let last = cotangent.len() / plane - 1;
            for (first, taps) in taps.as_chunks::<TAPS>().0.iter().enumerate() {
                let mut tile = [[simd.splat_f32s(0.0); TAPS]; OUTPUTS];
                for row in 0..rows {
                    let mut cotangents = [&cotangent[..0]; OUTPUTS];
                    for output in 0..OUTPUTS {
                        cotangents[output] =
                            &cotangent[output.min(last) * plane + row * columns..][..columns];
                    }
                    let mut lines = [&source[..0]; TAPS];
                    for tap in 0..TAPS {
                        lines[tap] = &source[taps[tap] + row * pitch..][..columns];
                    }
                    for column in (0..columns).step_by(S::F32_LANES) {
                        let is_whole = columns - column >= S::F32_LANES;
                        multiply(simd, &cotangents, &lines, column, is_whole, &mut tile);
                    }
                }
                for (output, tile) in tile.iter().enumerate().take(last + 1) {
                    for (tap, value) in tile.iter().enumerate() {
                        let sum = &mut sums[output * count_of_taps + first * TAPS + tap];
                        *sum = simd.add_f32s(*sum, *value);
                    }
                }
            }
        }
    }
}

/// Adds the products of each cotangent with the pixels under each tap, from one column on: a vector of them, or those up to
/// the end of the row. What is beyond that is not multiplied, not even by zero: it may be infinite.
#[inline(always)]
fn multiply<S: Simd, const OUTPUTS: usize>(
    simd: S,
    cotangents: &[&[f32]; OUTPUTS],
    lines: &[&[f32]; TAPS],
    column: usize,
    is_whole: bool,
    tile: &mut [[S::f32s; TAPS]; OUTPUTS],
) {
    let mut values = [simd.splat_f32s(0.0); OUTPUTS];
    for output in 0..OUTPUTS {
        values[output] = load(simd, &cotangents[output][column..], is_whole);
    }
    for tap in 0..TAPS {
        let pixels = load(simd, &lines[tap][column..], is_whole);
        for output in 0..OUTPUTS {
            tile[output][tap] = simd.mul_add_e_f32s(values[output], pixels, tile[output][tap]);
        }
    }
}
