//! Convolution, its input vector-Jacobian product and its weight gradient, each the derivative of the others.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{DType, Shape, Slice, Tensor};

use super::bilinear::{Bilinear, ToRight};
use super::host_buffers::recycle;
use super::host_convolution::{self, Sizes};
use super::profile::{self, Work};
use super::real::host_tensor;
use super::shared::{Contributions, Parts, Share, Shared};

/// The sizes that all three operations share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels along a side of the kernel: 1 or 3; half of it, rounded down, is the padding on every side.
    pub kernel: usize,
    /// Pixels from one output to the next: 1 or 2.
    pub stride: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
}

impl Geometry {
    fn new(kernel: usize, stride: usize, height: usize, width: usize) -> Self {
        assert!([1, 3].contains(&kernel), "convolution: a kernel of {kernel}×{kernel}, not 1×1 or 3×3");
        assert!([1, 2].contains(&stride), "convolution: a stride of {stride}, not 1 or 2");
        Self { kernel, stride, height, width }
    }

    /// Rows and columns of the output.
    pub(super) fn output(self) -> [usize; 2] {
        [self.height, self.width].map(|size| (size + 2 * self.padding() - self.kernel) / self.stride + 1)
    }

    /// Floating-point operations of each of the three operations.
    pub(super) fn operations(self, batch: usize, channels: usize, outputs: usize) -> u64 {
        let sizes = self.output().into_iter().chain([batch, channels, outputs, self.kernel, self.kernel]);
        2 * sizes.map(|size| size as u64).product::<u64>()
    }

    pub(super) fn padding(self) -> usize {
        self.kernel / 2
    }
}

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

/// What the way back asks of a convolution's weight gradient.
pub trait ConvolutionParts: Convolution + Share {
    /// Parts of [`conv2d_weight_vjp`]'s sum.
    fn convolution_weight_parts(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> Parts<Self> {
        Parts::sum(Self::convolution_weight_vjp(x, gy, geometry))
    }
}

impl ConvolutionParts for Flex {}

impl Convolution for Flex {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_single([&x, &weight]) {
            return convolution_reference::<Self>(x, weight, geometry);
        }
        let sizes = Sizes::of(&x.shape(), weight.shape()[0], geometry);
        let [rows, columns] = geometry.output();
        let shape = [sizes.batch, sizes.outputs, rows, columns];
        on_host("convolution", sizes, [x, weight], shape, host_convolution::conv2d)
    }

    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_single([&gy, &weight]) {
            return input_vjp_reference::<Self>(gy, weight, geometry);
        }
        let shape = [gy.shape()[0], weight.shape()[1], geometry.height, geometry.width];
        let sizes = Sizes::of(&Shape::from(shape), weight.shape()[0], geometry);
        on_host("convolution input", sizes, [gy, weight], shape, host_convolution::input_vjp)
    }

    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !are_single([&x, &gy]) {
            return weight_vjp_reference::<Self>(x, gy, geometry);
        }
        let sizes = Sizes::of(&x.shape(), gy.shape()[1], geometry);
        let shape = [sizes.outputs, sizes.channels, geometry.kernel, geometry.kernel];
        on_host("convolution weight", sizes, [x, gy], shape, host_convolution::weight_vjp)
    }
}

/// Whether the operations of [`host_convolution`] take these; burn's take double precision, too.
fn are_single(tensors: [&FlexTensor; 2]) -> bool {
    tensors.into_iter().all(|tensor| tensor.dtype() == DType::F32)
}

/// An operation on the values of two tensors of single precision.
fn on_host(
    name: &str,
    sizes: Sizes,
    tensors: [FlexTensor; 2],
    shape: [usize; 4],
    operation: impl FnOnce(&[f32], &[f32], Sizes) -> Vec<f32>,
) -> FlexTensor {
    let tensors = tensors.map(|tensor| tensor.to_contiguous());
    let [left, right] = tensors.each_ref().map(FlexTensor::storage::<f32>);
    let Sizes { batch, channels, outputs, geometry } = sizes;
    let floats = left.len() + right.len() + shape.iter().product::<usize>();
    let operations = geometry.operations(batch, channels, outputs);
    let work = Work { bytes: 4 * floats as u64, operations };
    let values = profile::on_host(name, work, || operation(left, right, sizes));
    recycle(tensors);
    host_tensor(values, shape)
}

/// What [`conv2d`] computes, by burn's convolution.
pub(super) fn convolution_reference<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    geometry: Geometry,
) -> FloatTensor<B> {
    let options = ConvOptions::new([geometry.stride; 2], [geometry.padding(); 2], [1, 1], 1);
    B::conv2d(x, weight, None, options)
}

/// What [`conv2d_input_vjp`] computes, by burn's transposed convolution.
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

/// What [`conv2d_weight_vjp`] computes: burn's convolution of the inputs by the cotangents, batch and channels swapped.
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
