//! Loops over floats that the compiler turns into vectors, in either precision.

use std::array::from_fn;

use super::real::Real;
use crate::config::Activation;

/// Sums that run side by side: a vector of the widest machines. Fixed, so that a sum has the same bits on all of them.
const LANES: usize = 16;

/// Sums of terms that each depend on one entry of every input; all inputs are as long as the first.
#[inline(always)]
pub(super) fn sums<T: Real, const INPUTS: usize, const SUMS: usize>(
    inputs: [&[T]; INPUTS],
    terms: impl Fn([T; INPUTS]) -> [T; SUMS],
) -> [T; SUMS] {
    let zero = T::of(0.0);
    let mut lanes = [[zero; LANES]; SUMS];
    let chunks = inputs.map(|input| input.as_chunks::<LANES>());
    for chunk in 0..chunks[0].0.len() {
        let entries = chunks.map(|(chunks, _)| &chunks[chunk]);
        for lane in 0..LANES {
            let terms = terms(entries.map(|entries| entries[lane]));
            for sum in 0..SUMS {
                lanes[sum][lane] += terms[sum];
            }
        }
    }
    for index in 0..chunks[0].1.len() {
        let terms = terms(chunks.map(|(_, rest)| rest[index]));
        for sum in 0..SUMS {
            lanes[sum][index] += terms[sum];
        }
    }
    lanes.map(|lanes| lanes.into_iter().fold(zero, |sum, lane| sum + lane))
}

/// Sets entries of the outputs, each from the same one of every input; all slices are as long as the first input.
#[inline(always)]
pub(super) fn map<T: Real, const INPUTS: usize, const OUTPUTS: usize>(
    inputs: [&[T]; INPUTS],
    outputs: [&mut [T]; OUTPUTS],
    values: impl Fn([T; INPUTS]) -> [T; OUTPUTS],
) {
    let inputs = inputs.map(|input| input.as_chunks::<LANES>());
    let mut outputs = outputs.map(|output| output.as_chunks_mut::<LANES>());
    for chunk in 0..inputs[0].0.len() {
        let entries = inputs.map(|(chunks, _)| &chunks[chunk]);
        let mut results = [[T::of(0.0); LANES]; OUTPUTS];
        for lane in 0..LANES {
            let values = values(entries.map(|entries| entries[lane]));
            for output in 0..OUTPUTS {
                results[output][lane] = values[output];
            }
        }
        for (output, results) in outputs.iter_mut().zip(results) {
            output.0[chunk] = results;
        }
    }
    for index in 0..inputs[0].1.len() {
        let values: [T; OUTPUTS] = values(from_fn(|input| inputs[input].1[index]));
        for (output, value) in outputs.iter_mut().zip(values) {
            output.1[index] = value;
        }
    }
}

/// A function that loops are compiled for, with its derivatives.
pub(super) trait Curve: Copy + Send + Sync {
    /// Whether its second derivative is anything but zero.
    const CURVED: bool;

    fn value<T: Real>(z: T) -> T;
    fn slope<T: Real>(z: T) -> T;
    fn curvature<T: Real>(z: T) -> T;
}

/// No activation.
#[derive(Clone, Copy)]
pub(super) struct Identity;

impl Curve for Identity {
    const CURVED: bool = false;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        z
    }

    #[inline(always)]
    fn slope<T: Real>(_: T) -> T {
        T::of(1.0)
    }

    #[inline(always)]
    fn curvature<T: Real>(_: T) -> T {
        T::of(0.0)
    }
}

/// [`Activation::Relu`]
#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Curve for Relu {
    const CURVED: bool = false;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        // What is no number stays none.
        if z < T::of(0.0) { T::of(0.0) } else { z }
    }

    #[inline(always)]
    fn slope<T: Real>(z: T) -> T {
        if z > T::of(0.0) { T::of(1.0) } else { T::of(0.0) }
    }

    #[inline(always)]
    fn curvature<T: Real>(_: T) -> T {
        T::of(0.0)
    }
}

/// [`Activation::Silu`]
#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Silu {
    #[inline(always)]
    fn gate<T: Real>(z: T) -> T {
        T::of(1.0) / (T::of(1.0) + (-z).exponential())
    }
}

impl Curve for Silu {
    const CURVED: bool = true;

    #[inline(always)]
    fn value<T: Real>(z: T) -> T {
        z * Self::gate(z)
    }

    #[inline(always)]
    fn slope<T: Real>(z: T) -> T {
        let gate = Self::gate(z);
        gate + z * gate * (T::of(1.0) - gate)
    }

    #[inline(always)]
    fn curvature<T: Real>(z: T) -> T {
        let gate = Self::gate(z);
        let slope = gate * (T::of(1.0) - gate);
        slope * (T::of(2.0) + z * (T::of(1.0) - gate - gate))
    }
}

/// What is to be computed with a curve that is known only at run time.
pub(super) trait WithCurve {
    type Output;

    fn with<A: Curve>(self, curve: A) -> Self::Output;
}

/// Computes it with the curve of that activation.
pub(super) fn with_curve<W: WithCurve>(activation: Option<Activation>, work: W) -> W::Output {
    match activation {
        None => work.with(Identity),
        Some(Activation::Relu) => work.with(Relu),
        Some(Activation::Silu) => work.with(Silu),
    }
}

#[cfg(test)]
mod tests {
    use super::{Real, map, sums};

    #[test]
    fn sums_and_maps_reach_every_entry_of_any_length() {
        for length in [0, 1, 15, 16, 17, 100] {
            let entries: Vec<f64> = (0..length).map(f64::from).collect();
            let ones = vec![1.0; entries.len()];
            let [sum, count] = sums([&entries, &ones], |[entry, one]| [entry, one]);
            assert_eq!([sum, count], [entries.iter().sum(), f64::from(length)]);
            let (mut twice, mut less) = (ones.clone(), ones.clone());
            map([&entries, &ones], [&mut twice, &mut less], |[entry, one]| [2.0 * entry, entry - one]);
            for (index, entry) in entries.iter().enumerate() {
                assert_eq!([twice[index], less[index]], [2.0 * entry, entry - 1.0]);
            }
        }
    }
}
