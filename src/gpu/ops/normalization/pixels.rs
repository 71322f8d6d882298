//! Pixels to zero mean and unit deviation, channel by channel, and that one's derivative.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::CubeBackend;
use rayon::prelude::*;

use crate::gpu::autodiff::Affine;
use crate::gpu::host::{Real, buffer, host_tensor, in_precision, recycle};
use crate::gpu::launch::{Plain, Wgsl, allocate, info, operand, shader};

/// Its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("normalization/pixels.wgsl"), workgroup: 64 };

/// Mean and deviation of each channel.
#[derive(Clone, Debug)]
pub struct Channels {
    means: Vec<f32>,
    deviations: Vec<f32>,
}

/// `(x − mean) / deviation` of `x` `[N, C, H, W]`, with a mean and a deviation for each channel.
///
/// # Panics
/// Where there are not as many means and deviations as channels.
pub fn normalize_pixels(x: Tensor<4>, means: &[f32], deviations: &[f32]) -> Tensor<4> {
    let counts = [means.len(), deviations.len()];
    assert_eq!(counts, [x.dims()[1]; 2], "normalize_pixels: a mean and a deviation for each channel");
    let channels = Channels { means: means.to_vec(), deviations: deviations.to_vec() };
    Tensor::from_dispatch(Dispatch::pixel_normalization(x.into_dispatch(), channels))
}

/// `gyᵀ · ∂y/∂x` of [`normalize_pixels`]: `gy / deviation`.
///
/// # Panics
/// As [`normalize_pixels`].
pub fn normalize_pixels_vjp(gy: Tensor<4>, deviations: &[f32]) -> Tensor<4> {
    normalize_pixels(gy, &vec![0.0; deviations.len()], deviations)
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait PixelNormalization: Backend {
    /// See [`normalize_pixels`].
    fn pixel_normalization(x: FloatTensor<Self>, channels: Channels) -> FloatTensor<Self>;
}

impl<B: PixelNormalization, C: CheckpointStrategy> PixelNormalization for Autodiff<B, C> {
    fn pixel_normalization(x: FloatTensor<Self>, channels: Channels) -> FloatTensor<Self> {
        let transpose = |gy: FloatTensor<B>, Channels { means, deviations }: Channels| {
            B::pixel_normalization(gy, Channels { means: vec![0.0; means.len()], deviations })
        };
        Affine::<B, Channels> { transpose }.record::<C>(B::pixel_normalization, x, channels)
    }
}

impl PixelNormalization for Flex {
    fn pixel_normalization(x: FloatTensor<Self>, channels: Channels) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let [_, _, height, width] = x.shape().dims::<4>();
        in_precision!(x, T => {
            let y = normalized::<T>(x.storage(), height * width, &channels);
            let shape = x.shape();
            recycle([x]);
            host_tensor(y, shape)
        })
    }
}

fn normalized<T: Real>(x: &[T], plane: usize, Channels { means, deviations }: &Channels) -> Vec<T> {
    let mut y = buffer(x.len());
    let plane = plane.max(1);
    let planes = y.par_chunks_mut(plane).zip(x.par_chunks(plane)).with_min_len(8);
    planes.enumerate().for_each(|(index, (y, x))| {
        let channel = index % means.len();
        let [mean, deviation] = [means, deviations].map(|values| T::of(f64::from(values[channel])));
        for (y, x) in y.iter_mut().zip(x) {
            *y = (*x - mean) / deviation;
        }
    });
    y
}

impl PixelNormalization for CubeBackend {
    fn pixel_normalization(x: FloatTensor<Self>, channels: Channels) -> FloatTensor<Self> {
        let x = operand(x);
        let shape = x.meta.shape().clone();
        let entries = shape.num_elements();
        let sizes = [entries, shape[2] * shape[3], shape[1]].map(|size| size as u32);
        let constants = channels.means.iter().chain(&channels.deviations).map(|value| value.to_bits());
        let y = allocate::<f32>(&x, shape);
        let info = info(&x, &sizes.into_iter().chain(constants).collect::<Vec<u32>>());
        KERNEL.over(entries, &x, &[&x.handle, &y.handle, &info]);
        y
    }
}

/// The one kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete()]
}
