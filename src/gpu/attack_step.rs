//! One pass of an iterative L∞ or L2 attack, as kernels and as plain loops.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::server::Handle;
use rayon::prelude::*;

use super::host::sums;
use super::info::info;
use super::kernel::{Plain, WORKGROUP, allocate, apart, operand, unused};
use super::real::{Real, host_tensor, in_precision};

/// In the L∞ ball; its source depends on constants alone.
pub(super) const LINF: Plain = Plain {
    name: "attack_step.wgsl",
    text: include_str!("../../shaders/attack_step.wgsl"),
    workgroup: WORKGROUP,
};

/// In the L2 ball; its source depends on constants alone.
pub(super) const L2: Plain = Plain {
    name: "attack_step_l2.wgsl",
    text: include_str!("../../shaders/attack_step_l2.wgsl"),
    workgroup: 64,
};

/// Least L2 norm that anything is divided by.
const LEAST_NORM: f64 = 1e-12;

/// `clamp(clamp(x_adv + step · sign(gradient), clean − ε, clean + ε), 0, 1)`, element by element.
///
/// All tensors are of one shape `[batch, channels, height, width]`; the sign of ±0 and of NaN is 0. `step` and ε are
/// in pixels of [0, 1]; `step` is negative where the attack aims at a target. The result carries no autodiff graph.
///
/// # Panics
/// Where shapes differ, or a tensor on a GPU is not of `f32`.
pub fn attack_step(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    let [x_adv, gradient, clean] = of_one_shape([x_adv, gradient, clean]).map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::attack_step(x_adv, gradient, clean, step, epsilon))
}

/// `x_adv + step · gradient / ‖gradient‖`, sample by sample back into the L2 ball of radius ε around `clean`, then each
/// pixel into [0, 1].
///
/// All tensors are of one shape `[batch, channels, height, width]`; `step` and ε are L2 norms of an image's pixels in
/// [0, 1]; `step` is negative where the attack aims at a target. The result carries no autodiff graph.
///
/// # Panics
/// As [`attack_step`].
pub fn attack_step_l2(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    let [x_adv, gradient, clean] = of_one_shape([x_adv, gradient, clean]).map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::attack_step_l2(x_adv, gradient, clean, step, epsilon))
}

fn of_one_shape(tensors: [Tensor<4>; 3]) -> [Tensor<4>; 3] {
    let [x_adv, others @ ..] = &tensors;
    for other in others {
        assert_eq!(x_adv.dims(), other.dims(), "attack_step: x_adv, gradient and clean differ in shape");
    }
    tensors.map(Tensor::without_autodiff)
}

/// How burn routes the operations to the kernels and to the loops.
#[backend_extension(Cube, Flex)]
pub trait AttackStep: Backend {
    /// See [`attack_step`].
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// See [`attack_step_l2`].
    fn attack_step_l2(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self>;
}

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

impl AttackStep for CubeBackend {
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let entries = x_adv.meta.shape().num_elements();
        launch(
            [x_adv, gradient, clean],
            &[entries as u32, step.to_bits(), epsilon.to_bits()],
            |beside, buffers| LINF.over(entries, beside, buffers),
        )
    }

    fn attack_step_l2(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let shape = x_adv.meta.shape();
        let (samples, pixels) = (shape[0], shape.iter().skip(1).product::<usize>());
        launch(
            [x_adv, gradient, clean],
            &[samples as u32, pixels as u32, step.to_bits(), epsilon.to_bits()],
            |beside, buffers| L2.for_each(if pixels > 0 { samples } else { 0 }, beside, buffers),
        )
    }
}

/// Launches with the buffers that both kernels have, and with what `constants` begin, in the info buffer.
fn launch(
    tensors: [CubeTensor; 3],
    constants: &[u32],
    run: impl FnOnce(&CubeTensor, &[&Handle]),
) -> CubeTensor {
    let [x_adv, gradient, clean] = tensors.map(operand);
    let output = allocate::<f32>(&clean, clean.meta.shape().clone());
    // WebGPU refuses to bind one tensor twice where a kernel may write to it.
    let at_clean = is_same_memory(&x_adv.handle, &clean.handle);
    let gradient = apart(gradient, &[&x_adv.handle, &clean.handle]);
    let x_adv = if at_clean { x_adv } else { apart(x_adv, &[&clean.handle]) };
    let adversarial = if at_clean { unused(&clean, 0) } else { x_adv.handle.clone() };
    let info = info(&clean, &[constants, &[u32::from(at_clean)]].concat());
    run(&clean, &[&adversarial, &gradient.handle, &clean.handle, &output.handle, &info]);
    output
}

/// Whether two whole tensors are one.
pub(super) fn is_same_memory(a: &Handle, b: &Handle) -> bool {
    let [a, b] = [a, b].map(|handle| (handle.memory.clone().binding().id(), handle.offset_start));
    a == b
}
