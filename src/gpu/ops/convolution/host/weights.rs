//! Weights as the loops read them, and their gradients as the loops sum them: tap by tap, the channels of a panel side by
//! side.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::frames::{BLOCK, side_by_side};
use super::tiles::{Panel, panels};
use crate::gpu::host::buffer;

/// Channels with those that are there only to fill panels.
pub(super) fn padded(panels: &[Panel]) -> usize {
    panels.iter().map(|panel| panel.lanes).sum()
}

/// `[panel, taps, lanes]` from a weight whose channels are `step` apart, with a channel's taps at these offsets; zero
/// beyond the last channel.
pub(super) fn pack(weight: &[f32], channels: usize, step: usize, offsets: &[usize]) -> Vec<f32> {
    let panels = panels(channels);
    let mut packed = buffer(padded(&panels) * offsets.len());
    // The weight is made of runs of all channels, `step` floats of each: where a channel's floats are when those of its
    // runs follow each other.
    let run = channels * step;
    let places: Vec<usize> = offsets.iter().map(|offset| offset / run * step + offset % run).collect();
    // All panels but the last are as large as the first.
    let largest = panels.first().map_or(0, |panel| panel.lanes) * offsets.len();
    let parts = packed.par_chunks_mut(largest.max(1)).zip(&panels);
    parts.for_each(|(packed, panel)| {
        let places = &places;
        Arch::new().dispatch(Pack { weight, run, step, places, panel, packed });
    });
    packed
}

/// A panel of a packed weight.
struct Pack<'a> {
    weight: &'a [f32],
    run: usize,
    step: usize,
    /// Of each tap among a channel's floats.
    places: &'a [usize],
    panel: &'a Panel,
    /// `[taps, lanes]`
    packed: &'a mut [f32],
}

impl WithSimd for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { weight, run, step, places, panel: Panel { first, used, lanes }, packed } = self;
        let in_blocks = used / BLOCK * BLOCK;
        let runs = weight.chunks_exact(run.max(1));
        let mut turned = vec![[0.0; BLOCK]; runs.len() * step];
        for lane in (0..in_blocks).step_by(BLOCK) {
            for (run, turned) in runs.clone().zip(turned.chunks_exact_mut(step.max(1))) {
                side_by_side(&run[(first + lane) * step..], turned);
            }
            // Written in order: taps of a channel that follow each other in the weight are far apart here.
            for (taps, place) in packed.chunks_exact_mut(*lanes).zip(places) {
                taps[lane..][..BLOCK].copy_from_slice(&turned[*place]);
            }
        }
        for (taps, place) in packed.chunks_exact_mut(*lanes).zip(places) {
            for (lane, value) in taps.iter_mut().enumerate().skip(in_blocks) {
                let channel = first + lane;
                let is_used = lane < *used;
                *value =
                    if is_used { weight[place / step * run + channel * step + place % step] } else { 0.0 };
            }
        }
    }
}

/// The gradient of a panel's outputs, `[outputs, channels, k, k]`, from sums `[k, k, channels, lanes]`.
pub(super) fn unpack(sums: &[f32], lanes: usize, channels: usize, gradient: &mut [f32]) {
    let taps = sums.len() / lanes;
    let square = taps / channels;
    for (lane, gradient) in gradient.chunks_exact_mut(taps).enumerate() {
        for (channel, gradient) in gradient.chunks_exact_mut(square).enumerate() {
            for (tap, gradient) in gradient.iter_mut().enumerate() {
                *gradient = sums[(tap * channels + channel) * lanes + lane];
            }
        }
    }
}
