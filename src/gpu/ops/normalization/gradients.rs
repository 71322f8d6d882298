//! What the auxiliary network reads: gradient tensors at one scale, sample by sample, and that one's derivative.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use rayon::prelude::*;

use crate::gpu::autodiff::record;
use crate::gpu::host::{Real, buffer, host_tensor, in_precision, recycle, sums};
use crate::gpu::launch::{Plain, Wgsl, allocate, info, operand, shader, unused};

/// Forward and backward; its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("normalization/gradients.wgsl"), workgroup: 64 };

/// Offset inside the root of [`Scale::RootMeanSquare`], and the least magnitude of [`Scale::Largest`].
const EPSILON: f64 = 1e-12;

/// What each sample is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The root of the mean square and 1e-12.
    RootMeanSquare,
    /// The largest magnitude, or 1e-12 where that is larger.
    Largest,
}

/// Each sample of `gradient` `[N, C, H, W]` divided by its scale.
///
/// Where several entries are the largest, the first of them is taken for the one that varies.
pub fn normalize_gradient(gradient: Tensor<4>, scale: Scale) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::normalize_gradient(gradient.into_dispatch(), scale))
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait GradientNormalization: Backend {
    /// See [`normalize_gradient`].
    fn normalize_gradient(gradient: FloatTensor<Self>, scale: Scale) -> FloatTensor<Self>;
}

/// The backward pass.
pub trait GradientNormalizationVjp: GradientNormalization {
    /// The cotangent of the gradient from that of [`normalize_gradient`]'s result.
    fn normalize_gradient_vjp(
        gradient: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        scale: Scale,
    ) -> FloatTensor<Self>;
}

/// The derivative of [`normalize_gradient`].
#[derive(Debug)]
struct Derivative;

impl<B: GradientNormalizationVjp> Backward<B, 1> for Derivative {
    /// The gradient, what it is divided by.
    type State = (FloatTensor<B>, Scale);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let ([node], (gradient, scale)) = (ops.parents, ops.state);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::normalize_gradient_vjp(gradient, cotangent, scale));
        }
    }
}

impl<B: GradientNormalizationVjp, C: CheckpointStrategy> GradientNormalization for Autodiff<B, C> {
    fn normalize_gradient(gradient: FloatTensor<Self>, scale: Scale) -> FloatTensor<Self> {
        let (gradient, node) = gradient.into_parts();
        record::<B, C, _, _, _>(
            Derivative,
            [node],
            gradient,
            |gradient| (gradient.clone(), scale),
            |gradient| B::normalize_gradient(gradient, scale),
        )
    }
}

impl GradientNormalization for Flex {
    fn normalize_gradient(gradient: FloatTensor<Self>, scale: Scale) -> FloatTensor<Self> {
        in_precision!(gradient, T => by_samples::<T>(gradient.clone(), gradient, |sample, result| {
            let (_, factor) = size_and_factor(sample, scale);
            result.iter_mut().for_each(|value| *value *= factor);
        }))
    }
}

impl GradientNormalizationVjp for Flex {
    fn normalize_gradient_vjp(
        gradient: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        scale: Scale,
    ) -> FloatTensor<Self> {
        in_precision!(gradient, T => by_samples::<T>(gradient, cotangent, |sample, result| {
            pull_back(sample, result, scale);
        }))
    }
}

/// A copy of `start`, each sample of it changed together with that of `gradient`.
fn by_samples<T: Real>(
    gradient: FlexTensor,
    start: FlexTensor,
    change: impl Fn(&[T], &mut [T]) + Sync,
) -> FlexTensor {
    let shape = gradient.shape();
    let pixels = shape.num_elements().checked_div(shape[0]).unwrap_or(0).max(1);
    let [gradient, start] = [gradient, start].map(|tensor| tensor.to_contiguous());
    let mut result = buffer(shape.num_elements());
    let samples = [&gradient, &start].map(|tensor| tensor.storage::<T>().par_chunks_exact(pixels));
    let [samples, starts] = samples;
    let results = result.par_chunks_exact_mut(pixels).zip(samples).zip(starts);
    results.for_each(|((result, sample), start)| {
        result.copy_from_slice(start);
        change(sample, result);
    });
    recycle([gradient, start]);
    host_tensor(result, shape)
}

/// The mean square or the largest magnitude, and the factor that the sample is multiplied by.
fn size_and_factor<T: Real>(sample: &[T], scale: Scale) -> (T, T) {
    let epsilon = T::of(EPSILON);
    match scale {
        Scale::RootMeanSquare => {
            let [sum] = sums([sample], |[x]| [x * x]);
            let square = sum / T::of(sample.len() as f64);
            (square, T::ONE / (square + epsilon).sqrt())
        }
        Scale::Largest => {
            let larger = |max: T, value: &T| if value.abs() > max { value.abs() } else { max };
            let largest = sample.iter().fold(T::ZERO, larger);
            (largest, T::ONE / if largest > epsilon { largest } else { epsilon })
        }
    }
}

/// Makes the cotangent of a sample from that of the scaled one.
fn pull_back<T: Real>(sample: &[T], cotangent: &mut [T], scale: Scale) {
    let (size, factor) = size_and_factor(sample, scale);
    let [along] = sums([sample, cotangent], |[x, y]| [x * y * factor]);
    match scale {
        Scale::RootMeanSquare => {
            let mean = along / T::of(sample.len() as f64);
            for (value, sample) in cotangent.iter_mut().zip(sample) {
                *value = (*value - *sample * factor * mean) * factor;
            }
        }
        Scale::Largest => {
            cotangent.iter_mut().for_each(|value| *value *= factor);
            let place = sample.iter().position(|value| value.abs() == size);
            if let Some(place) = place.filter(|_| size > T::of(EPSILON)) {
                let own = if sample[place] > T::ZERO { along } else { -along };
                cotangent[place] -= own * factor;
            }
        }
    }
}

impl GradientNormalization for CubeBackend {
    fn normalize_gradient(gradient: FloatTensor<Self>, scale: Scale) -> FloatTensor<Self> {
        launch(gradient, None, scale)
    }
}

impl GradientNormalizationVjp for CubeBackend {
    fn normalize_gradient_vjp(
        gradient: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        scale: Scale,
    ) -> FloatTensor<Self> {
        launch(gradient, Some(cotangent), scale)
    }
}

fn launch(gradient: CubeTensor, cotangent: Option<CubeTensor>, scale: Scale) -> CubeTensor {
    let gradient = operand(gradient);
    let back = cotangent.is_some();
    let cotangent = cotangent.map_or_else(|| unused(&gradient, 0), |cotangent| operand(cotangent).handle);
    let shape = gradient.meta.shape().clone();
    let (samples, pixels) = (shape[0], shape.iter().skip(1).product::<usize>());
    let output = allocate::<f32>(&gradient, shape);
    let flags = [scale == Scale::Largest, back].map(u32::from);
    let info = info(&gradient, &[samples as u32, pixels as u32, flags[0], flags[1]]);
    if pixels > 0 {
        KERNEL.for_each(samples, &gradient, &[&gradient.handle, &cotangent, &output.handle, &info]);
    }
    output
}

/// The one kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete()]
}
