//! The step of an optimiser in plain loops; each entry is its own, so the bits are the same for any number of threads.

use std::mem::take;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use rayon::prelude::*;

use super::layout::{ALIGNMENT, layout};
use super::{Coefficients, Gradients, OptimizerStep};
use crate::gpu::host::{Real, host_tensor};
use crate::gpu::launch::profile;

impl OptimizerStep for Flex {
    fn optimizer_step(
        state: FloatTensor<Self>,
        gradients: Gradients<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self> {
        let Gradients(gradients) = gradients;
        let read = gradients.iter().map(|gradient| gradient.shape().num_elements()).sum::<usize>();
        let floats = 2 * state.shape().num_elements() + read;
        profile::moving_on_host("optimizer step", floats, || match state.dtype() {
            DType::F32 => on_host(&state, &gradients, coefficients.in_order().map(|number| number as f32)),
            DType::F64 => on_host(&state, &gradients, coefficients.in_order()),
            other => panic!("optimizer_step: no loops for {other:?}"),
        })
    }

    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        state.narrow(0, start, length).to_contiguous()
    }
}

/// Entries that a thread takes at a time.
const CHUNK: usize = 1 << 14;

/// Some entries of one part: weights, first and second moments, before and after; none of the second where there is none.
struct Piece<'a, T> {
    gradient: &'a [T],
    old: [&'a [T]; 3],
    new: [&'a mut [T]; 3],
}

/// See [`optimizer_step`](super::optimizer_step()); the coefficients in the kernel's order.
pub(super) fn on_host<T: Real>(
    state: &FlexTensor,
    gradients: &[FlexTensor],
    coefficients: [T; 9],
) -> FlexTensor {
    let state = state.to_contiguous();
    let gradients: Vec<FlexTensor> = gradients.iter().map(FlexTensor::to_contiguous).collect();
    let (state, gradients) = (state.storage::<T>(), gradients.iter().map(FlexTensor::storage::<T>));
    let gradients: Vec<&[T]> = gradients.collect();
    let lengths: Vec<usize> = gradients.iter().map(|gradient| gradient.len()).collect();
    let plane = layout(&lengths).1.max(1);
    let mut stepped = vec![T::ZERO; state.len()];

    let old: Vec<Vec<&[T]>> = state.chunks(plane).map(|plane| cut(plane, &lengths)).collect();
    let mut new = stepped.chunks_mut(plane).map(|plane| cut_mut(plane, &lengths).into_iter());
    let [mut weights, mut first, mut second] = std::array::from_fn(|_| new.next().unwrap_or_default());
    let mut pieces: Vec<Piece<T>> = gradients
        .iter()
        .flat_map(|gradient| gradient.chunks(CHUNK))
        .enumerate()
        .map(|(index, gradient)| Piece {
            gradient,
            old: std::array::from_fn(|plane| old.get(plane).map_or(&[][..], |plane| plane[index])),
            new: [&mut weights, &mut first, &mut second].map(|plane| plane.next().unwrap_or_default()),
        })
        .collect();
    pieces.par_iter_mut().for_each(|piece| step(piece, coefficients));
    let shape = [stepped.len()];
    host_tensor(stepped, shape)
}

/// The parts of a plane without their padding, in chunks.
fn cut<'a, T>(mut plane: &'a [T], lengths: &[usize]) -> Vec<&'a [T]> {
    let parts = lengths.iter().map(|length| {
        let (part, rest) = plane.split_at(length.next_multiple_of(ALIGNMENT));
        plane = rest;
        &part[..*length]
    });
    parts.flat_map(|part| part.chunks(CHUNK)).collect()
}

/// As [`cut`].
fn cut_mut<'a, T>(mut plane: &'a mut [T], lengths: &[usize]) -> Vec<&'a mut [T]> {
    let parts = lengths.iter().map(|length| {
        let (part, rest) = take(&mut plane).split_at_mut(length.next_multiple_of(ALIGNMENT));
        plane = rest;
        &mut part[..*length]
    });
    parts.flat_map(|part| part.chunks_mut(CHUNK)).collect()
}

fn step<T: Real>(piece: &mut Piece<T>, coefficients: [T; 9]) {
    let [learning_rate, weight_decay, keep, gain, keep_second, gain_second, correction, epsilon, factor] =
        coefficients;
    let count = piece.gradient.len();
    let [weights, first, second] = piece.old;
    let [new_weights, new_first, new_second] = &mut piece.new;
    // As long as each other, so that the loops vectorise.
    let (gradient, weights, first) = (&piece.gradient[..count], &weights[..count], &first[..count]);
    let (new_weights, new_first) = (&mut new_weights[..count], &mut new_first[..count]);
    if new_second.is_empty() {
        for i in 0..count {
            let slope = factor * gradient[i] + weight_decay * weights[i];
            new_first[i] = keep * first[i] + gain * slope;
            new_weights[i] = weights[i] - learning_rate * new_first[i];
        }
        return;
    }
    let (second, new_second) = (&second[..count], &mut new_second[..count]);
    for i in 0..count {
        let slope = factor * gradient[i] + weight_decay * weights[i];
        new_first[i] = keep * first[i] + gain * slope;
        new_second[i] = keep_second * second[i] + gain_second * slope * slope;
        let deviation = new_second[i].sqrt() / correction + epsilon;
        new_weights[i] = weights[i] - learning_rate * (new_first[i] / deviation);
    }
}
