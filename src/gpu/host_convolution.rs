//! Convolution and its two gradients on the host, in single precision: the same bits whatever the number of threads.
//!
//! No operation unrolls its image. Each image is copied once, channels innermost and framed by zeros, so that what a
//! kernel's row sees from one pixel is one run of floats; the products are taken straight from those runs.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Pixels of a tile of [`Correlate`]: with two vectors of channels each, the most that the registers hold.
const PIXELS: usize = 6;
/// The same on machines with 32 registers.
const PIXELS_WIDE: usize = 8;
/// Vectors of output channels that a tile covers.
const VECTORS: usize = 2;
/// Taps that share one check of their bounds.
const TAPS: usize = 4;
/// Pixels after which a tile of the weight gradient moves on, its images' rows still in the first cache.
const STRIP: usize = 128;
/// Partial sums of a weight gradient: fixed, so that neither threads nor their order reach a bit of the result.
const PARTIAL_SUMS: usize = 16;

/// The sizes that the three operations share: images, their channels, the outputs, rows, columns, kernel and stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Images.
    pub batch: usize,
    /// Channels of `x`.
    pub channels: usize,
    /// Channels of `y`.
    pub outputs: usize,
    /// Rows of `x`.
    pub height: usize,
    /// Columns of `x`.
    pub width: usize,
    /// Pixels along a side of the kernel, odd; half of it, rounded down, is the padding on every side.
    pub kernel: usize,
    /// Pixels from one output to the next, at least 1.
    pub stride: usize,
}

impl Sizes {
    /// Rows and columns of `y`.
    pub fn output(self) -> [usize; 2] {
        [self.height, self.width].map(|size| size.div_ceil(self.stride))
    }

    fn border(self) -> usize {
        self.kernel / 2
    }

    /// Floats of `x`, of the weight, and of `y`.
    fn check(self, x: Option<&[f32]>, weight: Option<&[f32]>, y: Option<&[f32]>) {
        let fits = |slice: Option<&[f32]>, len: usize| slice.is_none_or(|slice| slice.len() == len);
        let [rows, columns] = self.output();
        assert!(self.kernel % 2 == 1 && self.stride > 0, "convolution: an even kernel, or no stride: {self:?}");
        assert!(fits(x, self.batch * self.channels * self.height * self.width), "convolution: x is not {self:?}");
        assert!(fits(weight, self.outputs * self.taps()), "convolution: the weight is not {self:?}");
        assert!(fits(y, self.batch * self.outputs * rows * columns), "convolution: y is not {self:?}");
    }

    /// Floats of the weight per output.
    fn taps(self) -> usize {
        self.channels * self.kernel * self.kernel
    }
}

/// Convolution without bias: `x` `[batch, channels, height, width]` by `weight` `[outputs, channels, k, k]` to
/// `[batch, outputs, out height, out width]`, each side of the output the input's by `stride`, rounded up.
///
/// # Panics
/// Where a slice is not as long as the sizes say.
pub fn conv2d(x: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    sizes.check(Some(x), Some(weight), None);
    let Sizes { channels, outputs, height, width, kernel, stride, .. } = sizes;
    let [rows, columns] = sizes.output();
    let frame = Frame { channels, height, width, border: sizes.border() };
    let phase = Phase {
        starts: grid([rows, columns], |row, column| frame.start(row * stride, column * stride)),
        targets: (0..rows * columns).collect(),
        rows: kernel,
        run: kernel * channels,
        weights: pack(outputs, kernel * kernel * channels, |output, tap| {
            weight[output * sizes.taps() + tap % channels * kernel * kernel + tap / channels]
        }),
    };
    correlate(x, frame, &[phase], sizes.batch, outputs, rows * columns)
}

/// `gyᵀ · ∂y/∂x` of [`conv2d`]: the cotangent of the input, from that of the output.
///
/// # Panics
/// As [`conv2d`].
pub fn input_vjp(gy: &[f32], weight: &[f32], sizes: Sizes) -> Vec<f32> {
    sizes.check(None, Some(weight), Some(gy));
    let Sizes { channels, outputs, height, width, kernel, stride, .. } = sizes;
    let [out_height, out_width] = sizes.output();
    let border = sizes.border();
    let frame = Frame { channels: outputs, height: out_height, width: out_width, border };
    // Inputs a stride apart see the same taps: each such phase is a convolution of gy by these taps, turned round.
    let phases = grid([stride, stride], |down, right| {
        let [tap_rows, tap_columns] = [down, right]
            .map(|first| (0..kernel).rev().filter(|tap| (first + border).abs_diff(*tap) % stride == 0).collect());
        let (tap_rows, tap_columns): (Vec<usize>, Vec<usize>) = (tap_rows, tap_columns);
        // The framed row of gy that a tap sees from the first input; border more than the unframed one.
        let framed = |first: usize, taps: &[usize]| taps.first().map_or(0, |tap| (first + 2 * border * stride + border - tap) / stride - border);
        let [top, left] = [framed(down, &tap_rows), framed(right, &tap_columns)];
        let run = tap_columns.len() * outputs;
        let sides = [height.saturating_sub(down).div_ceil(stride), width.saturating_sub(right).div_ceil(stride)];
        Phase {
            starts: grid(sides, |row, column| frame.start(row + top, column + left)),
            targets: grid(sides, |row, column| (down + row * stride) * width + right + column * stride),
            rows: if run == 0 { 0 } else { tap_rows.len() },
            run,
            weights: pack(channels, tap_rows.len() * run, |channel, tap| {
                let (row, column, output) = (tap / run, tap % run / outputs, tap % outputs);
                weight[((output * channels + channel) * kernel + tap_rows[row]) * kernel + tap_columns[column]]
            }),
        }
    });
    correlate(gy, frame, &phases, sizes.batch, channels, height * width)
}

/// `gyᵀ · ∂y/∂w` of [`conv2d`]: the gradient of the weight, summed over the images in an order of its own.
///
/// # Panics
/// As [`conv2d`].
pub fn weight_vjp(x: &[f32], gy: &[f32], sizes: Sizes) -> Vec<f32> {
    sizes.check(Some(x), None, Some(gy));
    let Sizes { batch, channels, outputs, height, width, kernel, stride } = sizes;
    let [rows, columns] = sizes.output();
    let lanes = lanes();
    let (run, panels) = (kernel * channels, outputs.div_ceil(lanes));
    let frame = Frame { channels, height, width, border: sizes.border() };
    let gy_frame = Frame { channels: panels * lanes, height: rows, width: columns, border: 0 };
    let starts = grid([rows, columns], |row, column| frame.start(row * stride, column * stride));
    let images = batch.div_ceil(PARTIAL_SUMS).max(1);
    let (image, gy_image) = (channels * height * width, outputs * rows * columns);
    let partial = panels * kernel * run * lanes;
    let mut sums = vec![0.0; batch.div_ceil(images) * partial];
    let staged = || (frame.empty(), gy_frame.empty());
    sums.par_chunks_mut(partial.max(1)).enumerate().for_each_init(staged, |(source, cotangent), (part, sum)| {
        for index in part * images..batch.min((part + 1) * images) {
            frame.fill(source, &x[index * image..][..image], channels);
            gy_frame.fill(cotangent, &gy[index * gy_image..][..gy_image], outputs);
            let (pitch, starts) = (frame.pitch(), &starts);
            Arch::new().dispatch(Accumulate { source, cotangent, starts, pitch, rows: kernel, run, panels, sum });
        }
    });
    let mut gradient = vec![0.0; outputs * sizes.taps()];
    let square = kernel * kernel;
    gradient.par_chunks_mut(sizes.taps().max(1)).enumerate().for_each(|(output, gradient)| {
        for part in sums.chunks_exact(partial.max(1)) {
            for tap in 0..square * channels {
                let place = ((output / lanes) * square * channels + tap) * lanes + output % lanes;
                gradient[tap % channels * square + tap / channels] += part[place];
            }
        }
    });
    gradient
}

/// An image copied with its channels innermost, `border` zeros on every side.
#[derive(Clone, Copy)]
struct Frame {
    channels: usize,
    height: usize,
    width: usize,
    border: usize,
}

impl Frame {
    /// Floats from one row to the next.
    fn pitch(self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// Where a pixel, counted from the frame's corner, starts.
    fn start(self, row: usize, column: usize) -> usize {
        row * self.pitch() + column * self.channels
    }

    /// A frame of zeros, with what a tile may read, and ignore, beyond its end.
    fn empty(self) -> Vec<f32> {
        vec![0.0; (self.height + 2 * self.border) * self.pitch() + PIXELS_WIDE]
    }

    /// Copies an image of `channels` planes, at most as many as the frame has, into the frame.
    fn fill(self, staged: &mut [f32], image: &[f32], channels: usize) {
        let plane = self.height * self.width;
        for row in 0..self.height {
            let start = self.start(row + self.border, self.border);
            let pixels = &mut staged[start..][..self.width * self.channels];
            for channel in 0..channels {
                let line = &image[channel * plane + row * self.width..][..self.width];
                for (pixel, value) in pixels.chunks_exact_mut(self.channels).zip(line) {
                    pixel[channel] = *value;
                }
            }
        }
    }
}

/// The pixels of a result that see the same taps, and those taps.
struct Phase {
    /// Where, in the framed image, the first row of taps of each pixel starts.
    starts: Vec<usize>,
    /// The pixels' places in a plane of the result.
    targets: Vec<usize>,
    /// Rows of taps.
    rows: usize,
    /// Floats in a row of taps.
    run: usize,
    /// `[panel, rows · run, lanes]`, zero beyond the last channel.
    weights: Vec<f32>,
}

/// Values of a function over rows and columns.
fn grid<T>([rows, columns]: [usize; 2], value: impl Fn(usize, usize) -> T) -> Vec<T> {
    let value = &value;
    (0..rows).flat_map(|row| (0..columns).map(move |column| value(row, column))).collect()
}

/// `[panel, taps, lanes]` from a weight's value by channel and tap.
fn pack(channels: usize, taps: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let lanes = lanes();
    let mut packed = vec![0.0; channels.div_ceil(lanes) * taps * lanes];
    for channel in 0..channels {
        for tap in 0..taps {
            packed[(channel / lanes * taps + tap) * lanes + channel % lanes] = value(channel, tap);
        }
    }
    packed
}

/// Channels of the result that one tile covers.
fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            VECTORS * S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// `[batch, channels, plane]` from images as `frame` says, which the phases cover.
fn correlate(
    images: &[f32],
    frame: Frame,
    phases: &[Phase],
    batch: usize,
    channels: usize,
    plane: usize,
) -> Vec<f32> {
    let mut result = vec![0.0; batch * channels * plane];
    let image = frame.channels * frame.height * frame.width;
    result.par_chunks_mut((channels * plane).max(1)).enumerate().for_each_init(
        || frame.empty(),
        |source, (index, result)| {
            frame.fill(source, &images[index * image..][..image], frame.channels);
            for phase in phases {
                Arch::new().dispatch(Correlate { source, pitch: frame.pitch(), phase, result: &mut *result, plane });
            }
        },
    );
    result
}

/// One phase of one image.
struct Correlate<'a> {
    /// The framed image.
    source: &'a [f32],
    pitch: usize,
    phase: &'a Phase,
    /// `[channels, plane]`
    result: &'a mut [f32],
    plane: usize,
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, PIXELS_WIDE>(simd) } else { self.tiles::<S, PIXELS>(simd) }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const TILE: usize>(self, simd: S) {
        let Self { source, pitch, phase, result, plane } = self;
        let lanes = VECTORS * S::F32_LANES;
        let taps = phase.rows * phase.run;
        for (panel, channels) in result.chunks_mut(lanes * plane).enumerate() {
            let weights = S::as_simd_f32s(&phase.weights[panel * taps * lanes..][..taps * lanes]).0;
            let weights = weights.as_chunks::<VECTORS>().0;
            for (starts, targets) in phase.starts.chunks(TILE).zip(phase.targets.chunks(TILE)) {
                // The last tile repeats its last pixel.
                let starts: [usize; TILE] = std::array::from_fn(|pixel| starts[pixel.min(starts.len() - 1)]);
                let mut sums = [[simd.splat_f32s(0.0); VECTORS]; TILE];
                for row in 0..phase.rows {
                    let mut runs = [&source[..0]; TILE];
                    for pixel in 0..TILE {
                        runs[pixel] = &source[starts[pixel] + row * pitch..][..phase.run];
                    }
                    let weights = &weights[row * phase.run..][..phase.run];
                    let (blocks, rest) = weights.as_chunks::<TAPS>();
                    for (block, weights) in blocks.iter().enumerate() {
                        multiply(simd, &runs, block * TAPS, weights, &mut sums);
                    }
                    for (tap, weights) in rest.iter().enumerate() {
                        multiply(simd, &runs, blocks.len() * TAPS + tap, &[*weights], &mut sums);
                    }
                }
                let sums: [&[f32]; TILE] = std::array::from_fn(|pixel| pulp::bytemuck::cast_slice(&sums[pixel]));
                for (channel, values) in channels.chunks_exact_mut(plane).enumerate() {
                    for (pixel, target) in targets.iter().enumerate() {
                        values[*target] = sums[pixel][channel];
                    }
                }
            }
        }
    }
}

/// Adds the products of a few taps to a tile.
#[inline(always)]
fn multiply<S: Simd, const TILE: usize, const TAPS: usize>(
    simd: S,
    runs: &[&[f32]; TILE],
    first: usize,
    weights: &[[S::f32s; VECTORS]; TAPS],
    sums: &mut [[S::f32s; VECTORS]; TILE],
) {
    let mut values = [[0.0; TAPS].as_slice(); TILE];
    for pixel in 0..TILE {
        values[pixel] = &runs[pixel][first..][..TAPS];
    }
    for tap in 0..TAPS {
        for pixel in 0..TILE {
            let value = simd.splat_f32s(values[pixel][tap]);
            for vector in 0..VECTORS {
                sums[pixel][vector] = simd.mul_add_e_f32s(value, weights[tap][vector], sums[pixel][vector]);
            }
        }
    }
}

/// One image's share of a weight gradient.
struct Accumulate<'a> {
    /// The framed image.
    source: &'a [f32],
    /// `[pixels, panels · lanes]`
    cotangent: &'a [f32],
    /// Where, in the framed image, the first tap of each pixel of the cotangent starts.
    starts: &'a [usize],
    pitch: usize,
    rows: usize,
    run: usize,
    panels: usize,
    /// `[panel, rows · run, lanes]`
    sum: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, PIXELS_WIDE>(simd) } else { self.tiles::<S, PIXELS>(simd) }
    }
}

impl Accumulate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const TILE: usize>(self, simd: S) {
        let Self { source, cotangent, starts, pitch, rows, run, panels, sum } = self;
        let sum = S::as_mut_simd_f32s(sum).0.as_chunks_mut::<VECTORS>().0;
        let cotangent = S::as_simd_f32s(&cotangent[..starts.len() * panels * VECTORS * S::F32_LANES]).0;
        let cotangent = cotangent.as_chunks::<VECTORS>().0;
        for strip in (0..starts.len()).step_by(STRIP) {
            let starts = &starts[strip..starts.len().min(strip + STRIP)];
            for (tile, sum) in sum.chunks_mut(run).enumerate() {
                let (panel, row) = (tile / rows, tile % rows);
                for (first, sum) in sum.chunks_mut(TILE).enumerate().map(|(tile, sum)| (tile * TILE, sum)) {
                    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; TILE];
                    for (pixel, start) in starts.iter().enumerate() {
                        let values = &source[start + row * pitch + first..][..TILE];
                        let cotangent = cotangent[(strip + pixel) * panels + panel];
                        for tap in 0..TILE {
                            let value = simd.splat_f32s(values[tap]);
                            for vector in 0..VECTORS {
                                sums[tap][vector] = simd.mul_add_e_f32s(value, cotangent[vector], sums[tap][vector]);
                            }
                        }
                    }
                    for (sum, sums) in sum.iter_mut().zip(sums) {
                        for vector in 0..VECTORS {
                            sum[vector] = simd.add_f32s(sum[vector], sums[vector]);
                        }
                    }
                }
            }
        }
    }
}
