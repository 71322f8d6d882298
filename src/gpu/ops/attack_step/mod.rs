//! One pass of an iterative L∞ or L2 attack, as kernels and as plain loops.

mod host;
mod kernel;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

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
