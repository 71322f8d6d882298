//! The three operations of [`convolution`](super::convolution) on the GPU.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::convolution::{
    Convolution, ConvolutionParts, Geometry, convolution_reference, input_vjp_reference, weight_vjp_reference,
};
use super::convolution_loops::{self, Operation};
use super::hardware::Hardware;
use super::info::info;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, allocate, dispatch, upload};
use super::shared::{Contributions, Parts, Share};
use super::storage::Storage;
use super::{convolution_lanes, convolution_tiles, convolution_weight_lanes, profile};

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
    /// Those of [`convolution_tiles`].
    Tiles,
    /// Those of [`convolution_lanes`].
    Lanes,
    /// That of [`convolution_loops`].
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
        let [out_height, out_width] = geometry.output().map(|size| size as u32);
        let sizes = Sizes { batch: size(&x, 0), channels: size(&x, 1), outputs: size(&weight, 0), geometry };
        let output = [sizes.batch, sizes.outputs, out_height, out_width];
        self.sum_patches(Kind::Output { stride: geometry.stride }, sizes, 0, [x, weight], output)
    }

    fn input_vjp(self, gy: CubeTensor, weight: CubeTensor, geometry: Geometry) -> CubeTensor {
        let [batch, outputs, channels] = [size(&gy, 0), size(&gy, 1), size(&weight, 1)];
        let output = [batch, channels, geometry.height as u32, geometry.width as u32];
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
        [batch, channels, height, width]: [u32; 4],
    ) -> CubeTensor {
        let [a, b] = inputs.map(into_contiguous);
        let storage = Storage::of(&a);
        let output = storage.allocate(&a, [batch, channels, height, width].map(|size| size as usize));
        if batch * channels * height * width == 0 {
            return output;
        }
        profile::computes(sizes.operations());
        match self {
            Self::Tiles => convolution_tiles::sum_patches(kind, sizes, turned, [&a, &b], &output),
            Self::Lanes => {
                let kernel = convolution_lanes::Kernel::new(kind, sizes, storage);
                let [patches, across] = kernel.patches(sizes);
                let blocks = channels.div_ceil(kernel.channels());
                let groups = workgroups(patches, blocks, convolution_lanes::WORKGROUP);
                let info = sizes.info(&a, &[turned, across]);
                let buffers = [&a.handle, &b.handle, &output.handle, &info];
                dispatch(&a, kernel, convolution_lanes::WORKGROUP, groups, &buffers);
            }
            Self::Loops => {
                let operation = if kind == Kind::Input { Operation::InputVjp } else { Operation::Output };
                convolution_loops::compute(operation, sizes, [&a, &b], &output);
            }
        }
        output
    }

    /// The weight gradient, in as many parts as the kernel makes of it.
    fn weight_parts(self, x: CubeTensor, gy: CubeTensor, geometry: Geometry) -> Parts<CubeBackend> {
        let sizes = Sizes { batch: size(&x, 0), channels: size(&x, 1), outputs: size(&gy, 1), geometry };
        let elements = sizes.weights();
        if sizes.batch == 0 {
            return Parts::sum(upload(&x, [elements], &vec![0f32; elements]));
        }
        let (x, gy) = (into_contiguous(x), into_contiguous(gy));
        profile::computes(sizes.operations());
        let (values, parts) = match self {
            Self::Tiles => convolution_tiles::sum_taps(geometry.stride, sizes, [&x, &gy]),
            Self::Lanes => convolution_weight_lanes::sum_taps(geometry.stride, sizes, [&x, &gy]),
            Self::Loops => {
                let values = allocate::<f32>(&x, [elements]);
                convolution_loops::compute(Operation::WeightVjp, sizes, [&gy, &x], &values);
                (values, 1)
            }
        };
        Parts::of(values, parts as usize)
    }
}

/// Whether the kernels take these: what images became, all stored alike, and weights. Burn's take any of one type.
fn are_taken(images: &[&CubeTensor], weights: &[&CubeTensor]) -> bool {
    let fits = |tensor: &&&CubeTensor| tensor.meta.shape().num_elements() <= MOST_ELEMENTS;
    images.iter().chain(weights).filter(fits).count() == images.len() + weights.len()
        && images.iter().all(|image| Storage::is_known(image) && image.dtype == images[0].dtype)
        && weights.iter().all(|weight| weight.dtype == DType::F32)
}

fn size(tensor: &CubeTensor, dimension: usize) -> u32 {
    tensor.meta.shape()[dimension] as u32
}

/// What the kernels read of a convolution's sizes.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub batch: u32,
    pub channels: u32,
    pub outputs: u32,
    pub geometry: Geometry,
}

impl Sizes {
    fn info(self, beside: &CubeTensor, more: &[u32]) -> cubecl::server::Handle {
        info(beside, &[self.values().as_slice(), more].concat())
    }

    /// As the kernels read them first.
    pub(super) fn values(self) -> [u32; 7] {
        let Self { batch, channels, outputs, geometry } = self;
        let [height, width] = [geometry.height, geometry.width].map(|size| size as u32);
        let [out_height, out_width] = geometry.output().map(|size| size as u32);
        [batch, channels, height, width, outputs, out_height, out_width]
    }

    /// Entries of a weight.
    pub(super) fn weights(self) -> usize {
        self.channels as usize * self.outputs as usize * self.geometry.kernel.pow(2)
    }

    fn operations(self) -> u64 {
        let [batch, channels, outputs] = [self.batch, self.channels, self.outputs].map(|size| size as usize);
        self.geometry.operations(batch, channels, outputs)
    }
}

/// Workgroups for so many invocations in each of `blocks`.
pub(super) fn workgroups(invocations: u32, blocks: u32, workgroup: u32) -> [u32; 3] {
    let groups = invocations.div_ceil(workgroup);
    let along = groups.clamp(1, MOST_WORKGROUPS);
    [along, blocks, groups.div_ceil(along)]
}

/// What a kernel sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The convolution; at stride 1 its input vector-Jacobian product, too.
    Output { stride: usize },
    /// The input vector-Jacobian product at stride 2.
    Input,
    /// The parts of the weight gradient.
    Weight { stride: usize },
}

impl Kind {
    pub(super) fn stride(self) -> usize {
        match self {
            Self::Output { stride } | Self::Weight { stride } => stride,
            Self::Input => 2,
        }
    }
}

/// Every variant that there is.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    [
        convolution_lanes::shaders(),
        convolution_loops::shaders(),
        convolution_tiles::shaders(),
        convolution_weight_lanes::shaders(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
