//! The mean over an image's pixels and its transpose, each the derivative of the other.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use rayon::prelude::*;

use crate::gpu::autodiff::Affine;
use crate::gpu::host::{Real, buffer, host_tensor, in_precision, recycle, sums};
use crate::gpu::launch::{Plain, Wgsl, allocate, info, operand, shader};

/// Both operations; its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("pooling.wgsl"), workgroup: 64 };

/// The mean over the pixels: `[N, C, H, W]` to `[N, C, 1, 1]`; not a number where there are no pixels.
pub fn global_mean(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    Tensor::from_dispatch(Dispatch::global_mean(x.into_dispatch(), [height, width]))
}

/// `gyᵀ · ∂y/∂x` of [`global_mean`]: `[N, C, 1, 1]` to `[N, C, H, W]`, spread evenly over `[H, W]`.
///
/// # Panics
/// Where `gy` is not of one pixel.
pub fn global_mean_vjp(gy: Tensor<4>, pixels: [usize; 2]) -> Tensor<4> {
    let [_, _, height, width] = gy.dims();
    assert_eq!([height, width], [1, 1], "global_mean_vjp: gy has one pixel a channel");
    Tensor::from_dispatch(Dispatch::spread(gy.into_dispatch(), pixels))
}

/// How burn routes the operations to the kernel and to the loops.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait Pooling: Backend {
    /// See [`global_mean`]; `pixels` are rows and columns of `x`.
    fn global_mean(x: FloatTensor<Self>, pixels: [usize; 2]) -> FloatTensor<Self>;

    /// See [`global_mean_vjp`].
    fn spread(gy: FloatTensor<Self>, pixels: [usize; 2]) -> FloatTensor<Self>;
}

impl<B: Pooling, C: CheckpointStrategy> Pooling for Autodiff<B, C> {
    fn global_mean(x: FloatTensor<Self>, pixels: [usize; 2]) -> FloatTensor<Self> {
        Affine::<B, [usize; 2]> { transpose: B::spread }.record::<C>(B::global_mean, x, pixels)
    }

    fn spread(gy: FloatTensor<Self>, pixels: [usize; 2]) -> FloatTensor<Self> {
        Affine::<B, [usize; 2]> { transpose: B::global_mean }.record::<C>(B::spread, gy, pixels)
    }
}

impl Pooling for Flex {
    fn global_mean(x: FloatTensor<Self>, [height, width]: [usize; 2]) -> FloatTensor<Self> {
        let [n, channels, ..] = x.shape().dims::<4>();
        in_precision!(x, T => {
            let x = x.to_contiguous();
            let means = means::<T>(&x, height * width);
            recycle([x]);
            host_tensor(means, [n, channels, 1, 1])
        })
    }

    fn spread(gy: FloatTensor<Self>, [height, width]: [usize; 2]) -> FloatTensor<Self> {
        let [n, channels, ..] = gy.shape().dims::<4>();
        let plane = height * width;
        in_precision!(gy, T => {
            let gy = gy.to_contiguous();
            let mut spread = buffer(n * channels * plane);
            let planes = spread.par_chunks_mut(plane.max(1)).zip(gy.storage::<T>()).with_min_len(64);
            planes.for_each(|(plane, value)| plane.fill(*value / T::of(plane.len() as f64)));
            host_tensor(spread, [n, channels, height, width])
        })
    }
}

/// The mean of each `plane` of values.
fn means<T: Real>(x: &FlexTensor, plane: usize) -> Vec<T> {
    if plane == 0 {
        return vec![T::of(f64::NAN); x.shape()[0] * x.shape()[1]];
    }
    let mean = |values: &[T]| {
        let [sum] = sums([values], |[x]| [x]);
        sum / T::of(plane as f64)
    };
    x.storage::<T>().par_chunks_exact(plane).with_min_len(64).map(mean).collect()
}

impl Pooling for CubeBackend {
    fn global_mean(x: FloatTensor<Self>, [height, width]: [usize; 2]) -> FloatTensor<Self> {
        launch(x, [1, 1], height * width, false)
    }

    fn spread(gy: FloatTensor<Self>, [height, width]: [usize; 2]) -> FloatTensor<Self> {
        launch(gy, [height, width], height * width, true)
    }
}

fn launch(input: CubeTensor, [height, width]: [usize; 2], plane: usize, spread: bool) -> CubeTensor {
    let input = operand(input);
    let [n, channels, ..] = input.meta.shape().dims::<4>();
    let output = allocate::<f32>(&input, [n, channels, height, width]);
    let entries = output.meta.shape().num_elements();
    let info = info(&input, &[entries as u32, plane as u32, u32::from(spread)]);
    KERNEL.over(entries, &input, &[&input.handle, &output.handle, &info]);
    output
}

/// The one kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete()]
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::gpu::ops::checks::{Operand, SHAPES, assert_same};

    #[test]
    fn the_mean_and_its_transpose_are_burns() {
        let mut rng = StdRng::seed_from_u64(5);
        for [n, c, h, w] in SHAPES {
            let (images, planes) =
                (Operand::random([n, c, h, w], &mut rng), Operand::random([n, c, 1, 1], &mut rng));
            let mean = |x: Tensor<4>| x.reshape([n, c, h * w]).mean_dim(2).reshape([n, c, 1, 1]);
            let spread = |gy: Tensor<4>| {
                let device = gy.device();
                gy / (h * w) as f64 * Tensor::ones([n, c, h, w], &device)
            };
            assert_same("mean", (&images, &planes), global_mean, mean);
            assert_same("spread", (&planes, &images), |gy| global_mean_vjp(gy, [h, w]), spread);
        }
    }
}
