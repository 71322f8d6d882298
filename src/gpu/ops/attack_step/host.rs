//! Both steps on the host, sample by sample.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use super::AttackStep;
use crate::gpu::host::{Real, host_tensor, in_precision, sums};

/// Least L2 norm that anything is divided by.
const LEAST_NORM: f64 = 1e-12;

impl AttackStep for Flex {
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        in_precision!(x_adv, T => {
            let [step, epsilon] = [step, epsilon].map(|value| T::of(f64::from(value)));
            by_samples::<T>([x_adv, gradient, clean], |x, gradient, clean| {
                for ((x, gradient), clean) in x.iter_mut().zip(gradient).zip(clean) {
                    let signs = [*gradient > T::ZERO, *gradient < T::ZERO];
                    let [up, down] = signs.map(|is_so| if is_so { step } else { T::ZERO });
                    *x = within(*x + up - down, *clean - epsilon, *clean + epsilon);
                    *x = within(*x, T::ZERO, T::ONE);
                }
            })
        })
    }

    fn attack_step_l2(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        in_precision!(x_adv, T => {
            let [step, epsilon] = [step, epsilon].map(|value| T::of(f64::from(value)));
            by_samples::<T>([x_adv, gradient, clean], |x, gradient, clean| {
                let pace = step / norm(gradient);
                for ((x, gradient), clean) in x.iter_mut().zip(gradient).zip(clean) {
                    *x = *x - *clean + pace * *gradient;
                }
                let factor = within(epsilon / norm(x), T::ZERO, T::ONE);
                for (x, clean) in x.iter_mut().zip(clean) {
                    *x = within(*clean + factor * *x, T::ZERO, T::ONE);
                }
            })
        })
    }
}

/// The first tensor, each sample of it changed together with those of the others.
fn by_samples<T: Real>(tensors: [FlexTensor; 3], change: impl Fn(&mut [T], &[T], &[T]) + Sync) -> FlexTensor {
    let shape = tensors[0].shape();
    let pixels = shape.iter().skip(1).product::<usize>().max(1);
    let [x, gradient, clean] = tensors.map(|tensor| tensor.to_contiguous());
    let mut moved = x.storage::<T>().to_vec();
    moved
        .par_chunks_mut(pixels)
        .zip(gradient.storage::<T>().par_chunks(pixels))
        .zip(clean.storage::<T>().par_chunks(pixels))
        .for_each(|((x, gradient), clean)| change(x, gradient, clean));
    host_tensor(moved, shape)
}

fn within<T: Real>(value: T, least: T, most: T) -> T {
    let value = if value > least { value } else { least };
    if value < most { value } else { most }
}

/// L2 norm, and something where that is 0.
fn norm<T: Real>(values: &[T]) -> T {
    let [square] = sums([values], |[x]| [x * x]);
    let (norm, least) = (square.sqrt(), T::of(LEAST_NORM));
    if norm > least { norm } else { least }
}
