//! The three operations by burn's own convolutions.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Slice;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::geometry::Geometry;

/// What [`conv2d`](super::conv2d) computes, by burn's convolution.
pub(super) fn convolution_reference<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    let options = ConvOptions::new([geometry.stride; 2], [geometry.padding(); 2], [1, 1], 1);
    B::conv2d(x, weight, None, options)
}

/// What [`conv2d_input_vjp`](super::conv2d_input_vjp) computes, by burn's transposed convolution.
pub(super) fn input_vjp_reference<B: Backend>(
    gy: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    let Geometry { kernel, stride, height, width } = geometry;
    // A strided convolution forgets up to stride − 1 rows at the far edge; their gradient is zero.
    let forgotten = [height, width].map(|size| (size + 2 * geometry.padding() - kernel) % stride);
    let options = ConvTransposeOptions::new([stride; 2], [geometry.padding(); 2], forgotten, [1, 1], 1);
    B::conv_transpose2d(gy, weight, None, options)
}

/// What [`conv2d_weight_vjp`](super::conv2d_weight_vjp) computes: burn's convolution of the inputs by the cotangents,
/// batch and channels swapped.
pub(super) fn weight_vjp_reference<B: Backend>(
    x: FloatTensor<B>,
    gy: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    let options = ConvOptions::new([1, 1], [geometry.padding(); 2], [geometry.stride; 2], 1);
    let (x, gy) = (B::float_swap_dims(x, 0, 1), B::float_swap_dims(gy, 0, 1));
    let weight = B::float_swap_dims(B::conv2d(x, gy, None, options), 0, 1);
    // Rows that a strided convolution forgets would be further taps.
    let [outputs, channels, ..] = weight.shape().dims::<4>();
    let sizes = [outputs, channels, geometry.kernel, geometry.kernel];
    B::float_slice(weight, &sizes.map(|size| Slice::from(0..size)))
}
