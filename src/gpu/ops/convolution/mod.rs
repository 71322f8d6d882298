//! Convolution, its input vector-Jacobian product and its weight gradient, each the derivative of the others.

mod geometry;
mod host;
mod kernels;
mod reference;
#[cfg(test)]
mod tests;

pub use geometry::Geometry;
pub(in crate::gpu) use kernels::shaders;

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::gpu::autodiff::{Bilinear, Contributions, PartSums, Parts, Shared, ToRight};
use reference::{convolution_reference, input_vjp_reference, weight_vjp_reference};

/// Convolution without bias: `[batch, channels, height, width]` by `[outputs, channels, k, k]` to
/// `[batch, outputs, out height, out width]`, each side of the output the input's by `stride`, rounded up.
///
/// # Panics
/// Where `k` is not 1 or 3, the stride is not 1 or 2, or the channels differ.
pub fn conv2d(x: Tensor<4>, weight: impl Into<Shared>, stride: usize) -> Tensor<4> {
    let weight = weight.into();
    let [_, channels, height, width] = x.dims();
    let [_, expected, rows, kernel] = weight.dims();
    assert_eq!((channels, rows), (expected, kernel), "conv2d: x and weight do not fit");
    let geometry = Geometry::new(kernel, stride, height, width);
    let Shared { tensor: weight, contributions } = weight;
    let y = Dispatch::convolution(x.into_dispatch(), weight.into_dispatch(), geometry, contributions);
    Tensor::from_dispatch(y)
}

/// `gyᵀ · ∂y/∂x` of [`conv2d`]: the cotangent of an input of `[height, width]`, from that of the output.
///
/// # Panics
/// As [`conv2d`], or where `gy` is not of the size that an input of that size has as output.
pub fn conv2d_input_vjp(
    gy: Tensor<4>,
    weight: impl Into<Shared>,
    stride: usize,
    input: [usize; 2],
) -> Tensor<4> {
    let weight = weight.into();
    let [_, outputs, out_height, out_width] = gy.dims();
    let [expected, _, rows, kernel] = weight.dims();
    let geometry = Geometry::new(kernel, stride, input[0], input[1]);
    assert_eq!((outputs, rows), (expected, kernel), "conv2d_input_vjp: gy and weight do not fit");
    assert_eq!([out_height, out_width], geometry.output(), "conv2d_input_vjp: gy and the input do not fit");
    let Shared { tensor: weight, contributions } = weight;
    Tensor::from_dispatch(Dispatch::convolution_input_vjp(
        gy.into_dispatch(),
        weight.into_dispatch(),
        geometry,
        contributions,
    ))
}

/// `gyᵀ · ∂y/∂w` of [`conv2d`]: the gradient of a `kernel` × `kernel` weight, the same bits in every run.
///
/// # Panics
/// As [`conv2d`], or where `gy` is not of the size that `x` has as output.
pub fn conv2d_weight_vjp(x: Tensor<4>, gy: Tensor<4>, stride: usize, kernel: usize) -> Tensor<4> {
    let [batch, _, height, width] = x.dims();
    let [expected, _, out_height, out_width] = gy.dims();
    let geometry = Geometry::new(kernel, stride, height, width);
    assert_eq!(batch, expected, "conv2d_weight_vjp: x and gy differ in batch");
    assert_eq!([out_height, out_width], geometry.output(), "conv2d_weight_vjp: gy and x do not fit");
    Tensor::from_dispatch(Dispatch::convolution_weight_vjp(x.into_dispatch(), gy.into_dispatch(), geometry))
}

/// How burn routes the operations to the kernels; without one, each is burn's own convolution.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait Convolution: Backend {
    /// See [`conv2d`].
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _contributions: Option<Contributions>,
    ) -> FloatTensor<Self> {
        convolution_reference::<Self>(x, weight, geometry)
    }

    /// See [`conv2d_input_vjp`].
    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _contributions: Option<Contributions>,
    ) -> FloatTensor<Self> {
        input_vjp_reference::<Self>(gy, weight, geometry)
    }

    /// See [`conv2d_weight_vjp`].
    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        weight_vjp_reference::<Self>(x, gy, geometry)
    }
}

/// What the backward pass asks of a convolution's weight gradient.
pub trait ConvolutionParts: Convolution + PartSums {
    /// Parts of [`conv2d_weight_vjp`]'s sum.
    fn convolution_weight_parts(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> Parts<Self> {
        Parts::sum(Self::convolution_weight_vjp(x, gy, geometry))
    }
}

impl<B: ConvolutionParts, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        contributions: Option<Contributions>,
    ) -> FloatTensor<Self> {
        let backward = Bilinear::<B, Geometry> {
            to_left: |gy, weight, geometry| B::convolution_input_vjp(gy, weight, geometry, None),
            to_right: match contributions {
                None => ToRight::Alone(|gy, x, geometry| B::convolution_weight_vjp(x, gy, geometry)),
                Some(contributions) => ToRight::Together(
                    |gy, x, geometry| B::convolution_weight_parts(x, gy, geometry),
                    contributions,
                ),
            },
        };
        backward.record::<C>(
            |x, weight, geometry| B::convolution(x, weight, geometry, None),
            x,
            weight,
            geometry,
        )
    }

    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        contributions: Option<Contributions>,
    ) -> FloatTensor<Self> {
        let backward = Bilinear::<B, Geometry> {
            to_left: |v, weight, geometry| B::convolution(v, weight, geometry, None),
            to_right: match contributions {
                None => ToRight::Alone(B::convolution_weight_vjp),
                Some(contributions) => ToRight::Together(B::convolution_weight_parts, contributions),
            },
        };
        backward.record::<C>(
            |gy, weight, geometry| B::convolution_input_vjp(gy, weight, geometry, None),
            gy,
            weight,
            geometry,
        )
    }

    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let backward = Bilinear::<B, Geometry> {
            to_left: |cotangent, gy, geometry| B::convolution_input_vjp(gy, cotangent, geometry, None),
            to_right: ToRight::Alone(|cotangent, x, geometry| B::convolution(x, cotangent, geometry, None)),
        };
        backward.record::<C>(B::convolution_weight_vjp, x, gy, geometry)
    }
}
