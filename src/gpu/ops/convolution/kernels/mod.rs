//! The three operations of [`convolution`](super) on the GPU.

mod lanes;
mod loops;
#[cfg(test)]
mod tests;
mod tiles;
mod weight_lanes;

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::geometry::{Geometry, Kind, Sizes};
use super::reference::{convolution_reference, input_vjp_reference, weight_vjp_reference};
use super::{Convolution, ConvolutionParts};
use crate::gpu::autodiff::{Contributions, PartSums, Parts};
use crate::gpu::launch::{Hardware, MOST_ELEMENTS, Storage, allocate, profile, upload};
use loops::Operation;

impl Convolution for CubeBackend {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_taken(&[&x], &[&weight]) {
            return convolution_reference::<Self>(x, weight, geometry);
        }
        Variant::of(&x).convolution(x, weight, geometry)
    }

    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        _: Option<Contributions>,
    ) -> FloatTensor<Self> {
        if !are_taken(&[&gy], &[&weight]) {
            return input_vjp_reference::<Self>(gy, weight, geometry);
        }
        Variant::of(&gy).input_vjp(gy, weight, geometry)
    }

    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !are_taken(&[&x, &gy], &[]) {
            return weight_vjp_reference::<Self>(x, gy, geometry);
        }
        let shape = [gy.meta.shape()[1], x.meta.shape()[1], geometry.kernel, geometry.kernel];
        Self::float_reshape(Self::sum(Variant::of(&x).weight_parts(x, gy, geometry), None), shape.into())
    }
}

impl ConvolutionParts for CubeBackend {
    fn convolution_weight_parts(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> Parts<Self> {
        if !are_taken(&[&x, &gy], &[]) {
            return Parts::sum(weight_vjp_reference::<Self>(x, gy, geometry));
        }
        Variant::of(&x).weight_parts(x, gy, geometry)
    }
}

/// Which kernels compute an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// Those of [`tiles`].
    Tiles,
    /// Those of [`lanes`].
    Lanes,
    /// That of [`loops`].
    Loops,
}

impl Variant {
    fn of(tensor: &CubeTensor) -> Self {
        match Hardware::of(tensor) {
            Hardware::Gpu => Self::Tiles,
            Hardware::Lanes => Self::Lanes,
            Hardware::Software => Self::Loops,
        }
    }

    fn convolution(self, x: CubeTensor, weight: CubeTensor, geometry: Geometry) -> CubeTensor {
        let sizes = Sizes::of(x.meta.shape(), weight.meta.shape()[0], geometry);
        let [rows, columns] = geometry.output();
        let output = [sizes.batch, sizes.outputs, rows, columns];
        self.sum_patches(Kind::Output { stride: geometry.stride }, sizes, 0, [x, weight], output)
    }

    fn input_vjp(self, gy: CubeTensor, weight: CubeTensor, geometry: Geometry) -> CubeTensor {
        let ([batch, ..], [outputs, channels, ..]) =
            (gy.meta.shape().dims::<4>(), weight.meta.shape().dims::<4>());
        let output = [batch, channels, geometry.height, geometry.width];
        if geometry.stride == 1 && self != Self::Loops {
            let turned = Sizes { batch, channels: outputs, outputs: channels, geometry };
            return self.sum_patches(Kind::Output { stride: 1 }, turned, 1, [gy, weight], output);
        }
        let sizes = Sizes { batch, channels, outputs, geometry };
        self.sum_patches(Kind::Input, sizes, 0, [gy, weight], output)
    }

    /// Runs a kernel whose invocations each sum a patch of the output `[batch, channels, height, width]`.
    fn sum_patches(
        self,
        kind: Kind,
        sizes: Sizes,
        turned: u32,
        inputs: [CubeTensor; 2],
        shape: [usize; 4],
    ) -> CubeTensor {
        let [a, b] = inputs.map(into_contiguous);
        let output = Storage::of(&a).allocate(&a, shape);
        if shape.contains(&0) {
            return output;
        }
        profile::computes(sizes.operations());
        match self {
            Self::Tiles => tiles::sum_patches(kind, sizes, turned, [&a, &b], &output),
            Self::Lanes => lanes::sum_patches(kind, sizes, turned, [&a, &b], &output),
            Self::Loops => {
                let operation = if kind == Kind::Input { Operation::InputVjp } else { Operation::Output };
                loops::compute(operation, sizes, [&a, &b], &output);
            }
        }
        output
    }

    /// The weight gradient, in as many parts as the kernel makes of it.
    fn weight_parts(self, x: CubeTensor, gy: CubeTensor, geometry: Geometry) -> Parts<CubeBackend> {
        let sizes = Sizes::of(x.meta.shape(), gy.meta.shape()[1], geometry);
        let elements = sizes.weights();
        if sizes.batch == 0 {
            return Parts::sum(upload(&x, [elements], &vec![0f32; elements]));
        }
        let (x, gy) = (into_contiguous(x), into_contiguous(gy));
        profile::computes(sizes.operations());
        let (values, parts) = match self {
            Self::Tiles => tiles::sum_taps(geometry.stride, sizes, [&x, &gy]),
            Self::Lanes => weight_lanes::sum_taps(geometry.stride, sizes, [&x, &gy]),
            Self::Loops => {
                let values = allocate::<f32>(&x, [elements]);
                loops::compute(Operation::WeightVjp, sizes, [&gy, &x], &values);
                (values, 1)
            }
        };
        Parts::of(values, parts as usize)
    }
}

/// Whether the kernels take these: activations, all stored alike, and weights. Burn's take any of one type.
fn are_taken(images: &[&CubeTensor], weights: &[&CubeTensor]) -> bool {
    let fits = |tensor: &&&CubeTensor| tensor.meta.shape().num_elements() <= MOST_ELEMENTS;
    images.iter().chain(weights).filter(fits).count() == images.len() + weights.len()
        && images.iter().all(|image| Storage::is_known(image) && image.dtype == images[0].dtype)
        && weights.iter().all(|weight| weight.dtype == DType::F32)
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    [lanes::shaders(), loops::shaders(), tiles::shaders(), weight_lanes::shaders()].concat()
}
