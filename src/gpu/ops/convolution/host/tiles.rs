//! The inner loops of convolution: tiles of sums that stay in vector registers while they run over taps or pixels.

use pulp::{Arch, Simd, WithSimd, bytemuck};

/// The pixels of a result that see the same taps, and those taps.
pub(super) struct Phase {
    /// Where, in the framed image, the first row of taps of each pixel starts.
    pub starts: Vec<usize>,
    /// The pixels' places in a plane of the result.
    pub targets: Vec<usize>,
    /// Rows of taps.
    pub rows: usize,
    /// Floats in a row of taps.
    pub run: usize,
    /// `[panel, rows · run, lanes]` of the [`Panel`]s, zero beyond the last channel.
    pub weights: Vec<f32>,
}

/// The most pixels, or taps, of a tile.
pub(super) const MOST_PIXELS: usize = 12;
/// Taps that share one check of their bounds.
const TAPS: usize = 4;
/// Pixels after which a tile of the weight gradient moves on, its images' rows still in the first cache.
const STRIP: usize = 128;

/// Channels of the result that one tile covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panel {
    /// The first of them.
    pub first: usize,
    /// How many there are.
    pub used: usize,
    /// For how many there is room: one or two vectors.
    pub lanes: usize,
}

/// These channels in panels of two vectors, and one of a single vector where that holds the last ones.
pub(super) fn panels(channels: usize) -> Vec<Panel> {
    let vector = vector();
    let panel = |first: usize| {
        let used = (channels - first).min(2 * vector);
        Panel { first, used, lanes: used.next_multiple_of(vector) }
    };
    (0..channels).step_by(2 * vector).map(panel).collect()
}

/// Floats in a vector of this machine.
pub(super) fn vector() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// A panel of one phase of one image.
pub(super) struct Correlate<'a> {
    /// The framed image.
    pub source: &'a [f32],
    pub pitch: usize,
    pub phase: &'a Phase,
    pub lanes: usize,
    /// `[rows · run, lanes]`
    pub weights: &'a [f32],
    /// `[channels, plane]`
    pub result: &'a mut [f32],
    pub plane: usize,
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as the registers hold, beside the factors.
        match (S::REGISTER_COUNT >= 32, self.lanes > S::F32_LANES) {
            (true, true) => self.tiles::<S, 8, 2>(simd),
            (false, true) => self.tiles::<S, 6, 2>(simd),
            (_, false) => self.tiles::<S, MOST_PIXELS, 1>(simd),
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const TILE: usize, const VECTORS: usize>(self, simd: S) {
        let Self { source, pitch, phase, weights, result, plane, .. } = self;
        let weights = S::as_simd_f32s(weights).0.as_chunks::<VECTORS>().0;
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
            let sums: [&[f32]; TILE] = std::array::from_fn(|pixel| bytemuck::cast_slice(&sums[pixel]));
            for (channel, values) in result.chunks_exact_mut(plane).enumerate() {
                for (pixel, target) in targets.iter().enumerate() {
                    values[*target] = sums[pixel][channel];
                }
            }
        }
    }
}

/// Adds the products of a few taps to a tile.
#[inline(always)]
fn multiply<S: Simd, const TILE: usize, const TAPS: usize, const VECTORS: usize>(
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

/// One image's share of a panel of a weight gradient.
pub(super) struct Accumulate<'a> {
    /// The framed image.
    pub source: &'a [f32],
    /// `[pixels, lanes]`
    pub cotangent: &'a [f32],
    /// Where, in the framed image, the first tap of each pixel of the cotangent starts.
    pub starts: &'a [usize],
    pub pitch: usize,
    pub run: usize,
    pub lanes: usize,
    /// `[rows · run, lanes]`
    pub sum: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as the registers hold, beside the factors.
        match (S::REGISTER_COUNT >= 32, self.lanes > S::F32_LANES) {
            (true, true) => self.tiles::<S, 8, 2>(simd),
            (false, true) => self.tiles::<S, 6, 2>(simd),
            (_, false) => self.tiles::<S, MOST_PIXELS, 1>(simd),
        }
    }
}

impl Accumulate<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const TILE: usize, const VECTORS: usize>(self, simd: S) {
        let Self { source, cotangent, starts, pitch, run, sum, .. } = self;
        let sum = S::as_mut_simd_f32s(sum).0.as_chunks_mut::<VECTORS>().0;
        let cotangent = S::as_simd_f32s(&cotangent[..starts.len() * VECTORS * S::F32_LANES]).0;
        let cotangent = cotangent.as_chunks::<VECTORS>().0;
        for strip in (0..starts.len()).step_by(STRIP) {
            let starts = &starts[strip..starts.len().min(strip + STRIP)];
            for (row, sum) in sum.chunks_mut(run).enumerate() {
                for (first, sum) in sum.chunks_mut(TILE).enumerate().map(|(tile, sum)| (tile * TILE, sum)) {
                    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; TILE];
                    for (pixel, start) in starts.iter().enumerate() {
                        let values = &source[start + row * pitch + first..][..TILE];
                        let cotangent = cotangent[strip + pixel];
                        for tap in 0..TILE {
                            let value = simd.splat_f32s(values[tap]);
                            for vector in 0..VECTORS {
                                sums[tap][vector] =
                                    simd.mul_add_e_f32s(value, cotangent[vector], sums[tap][vector]);
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
