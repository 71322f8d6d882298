//! One pass of an iterative L∞ attack, as a kernel and as plain tensor operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_wgpu::{CubeBackend, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;

use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, allocate, dispatch, info};

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
    let [x_adv, gradient, clean] = [x_adv, gradient, clean].map(Tensor::without_autodiff);
    for other in [&gradient, &clean] {
        assert_eq!(x_adv.dims(), other.dims(), "attack_step: x_adv, gradient and clean differ in shape");
    }
    if !matches!(x_adv.device().as_dispatch(), DispatchDevice::Cube(_)) {
        return attack_step_reference(x_adv, gradient, clean, step, epsilon);
    }
    for tensor in [&x_adv, &gradient, &clean] {
        assert_eq!(tensor.dtype(), DType::F32, "attack_step: the kernel takes f32");
    }
    assert!(x_adv.shape().num_elements() <= MOST_ELEMENTS, "attack_step: split a batch of 2³¹ pixels");
    Tensor::from_dispatch(Dispatch::attack_step(
        x_adv.into_dispatch(),
        gradient.into_dispatch(),
        clean.into_dispatch(),
        step,
        epsilon,
    ))
}

/// What [`attack_step`] computes, in plain tensor operations.
pub fn attack_step_reference(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    // Not `sign()`: what that makes of NaN differs from backend to backend.
    let sign = gradient.clone().greater_elem(0.0).float() - gradient.lower_elem(0.0).float();
    let near = (x_adv + sign * step).max_pair(clean.clone() - epsilon).min_pair(clean + epsilon);
    near.clamp(0.0, 1.0)
}

/// How burn routes the operation to the kernel.
#[backend_extension(Cube)]
pub trait AttackStep: Backend {
    /// See [`attack_step`]; contiguous or not, all of one shape and of `f32`, without autodiff.
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self>;
}

impl AttackStep for CubeBackend {
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [x_adv, gradient, clean] = [x_adv, gradient, clean].map(into_contiguous);
        let elements = x_adv.meta.shape().num_elements() as u32;
        let output = allocate::<f32>(&x_adv, x_adv.meta.shape().clone());
        let info = info(&x_adv, &[elements, step.to_bits(), epsilon.to_bits()]);
        // Each invocation strides over as much as one dimension of workgroups leaves over.
        let workgroups = [elements.div_ceil(WORKGROUP).min(MOST_WORKGROUPS), 1, 1];
        let buffers = [&x_adv.handle, &gradient.handle, &clean.handle, &output.handle, &info];
        dispatch(&x_adv, Kernel, WORKGROUP, workgroups, &buffers);
        output
    }
}

/// The kernel; its source depends on constants alone.
pub(super) struct Kernel;

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(include_str!("../../shaders/attack_step.wgsl"))
            .register("workgroup", WORKGROUP.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
