//! The three operations of [`convolution`](super::convolution) on the GPU.

use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape};
use burn_wgpu::{CubeBackend, CubeTensor, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;

use super::convolution::{
    Convolution, Geometry, convolution_reference, input_vjp_reference, weight_vjp_reference,
};
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, allocate, dispatch, info, upload};
use super::unroll::unroll;

/// Invocations of a workgroup: few, so that small images still make many workgroups.
const LANES: u32 = 64;
/// Vectors of four channels that an invocation sums.
const QUADS: u32 = 2;
/// Channels that an invocation sums.
const BLOCK: u32 = 4 * QUADS;
/// Most parts into which the sums of a weight gradient are divided: they are added up one after the other.
const MOST_PARTS: u32 = 128;
/// Invocations beyond which a weight gradient is not divided further.
const ENOUGH_INVOCATIONS: u32 = 1 << 14;

impl Convolution for CubeBackend {
    fn convolution(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        if !are_taken(&[&x, &weight]) {
            return convolution_reference::<Self>(x, weight, geometry);
        }
        let [out_height, out_width] = geometry.output();
        let sizes = Sizes { batch: size(&x, 0), channels: size(&x, 1), outputs: size(&weight, 0), geometry };
        let output = [size(&x, 0), size(&weight, 0), out_height as u32, out_width as u32];
        sum_patches(Kind::Output { stride: geometry.stride }, sizes, 0, [x, weight], output)
    }

    fn convolution_input_vjp(
        gy: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !are_taken(&[&gy, &weight]) {
            return input_vjp_reference::<Self>(gy, weight, geometry);
        }
        let [batch, outputs, channels] = [size(&gy, 0), size(&gy, 1), size(&weight, 1)];
        let output = [batch, channels, geometry.height as u32, geometry.width as u32];
        if geometry.stride == 1 {
            let turned = Sizes { batch, channels: outputs, outputs: channels, geometry };
            return sum_patches(Kind::Output { stride: 1 }, turned, 1, [gy, weight], output);
        }
        let sizes = Sizes { batch, channels, outputs, geometry };
        sum_patches(Kind::Input, sizes, 0, [gy, weight], output)
    }

    fn convolution_weight_vjp(
        x: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        if !are_taken(&[&x, &gy]) {
            return weight_vjp_reference::<Self>(x, gy, geometry);
        }
        let sizes = Sizes { batch: size(&x, 0), channels: size(&x, 1), outputs: size(&gy, 1), geometry };
        let shape = [sizes.outputs as usize, sizes.channels as usize, geometry.kernel, geometry.kernel];
        let elements: usize = shape.iter().product();
        if sizes.batch == 0 {
            return upload(&x, shape, &vec![0f32; elements]);
        }
        let (x, gy) = (into_contiguous(x), into_contiguous(gy));
        let kernel = Kernel { kind: Kind::Weight { stride: geometry.stride }, kernel: geometry.kernel };
        let [rows, columns] = kernel.patch();
        let [out_height, out_width] = geometry.output().map(|size| size as u32);
        let patches = sizes.batch * out_height.div_ceil(rows) * out_width.div_ceil(columns);
        let filters = sizes.channels * sizes.outputs.div_ceil(BLOCK);
        let parts = (ENOUGH_INVOCATIONS / filters).min(MOST_PARTS).min(patches).max(1);

        let partial = allocate::<f32>(&x, [parts as usize * elements]);
        let buffers = [&x.handle, &gy.handle, &partial.handle, &sizes.info(&x, parts)];
        dispatch(&x, kernel, LANES, workgroups(filters * parts, 1), &buffers);
        sum_parts(&partial, parts as usize, shape.into())
    }
}

/// The sum of so many parts, one behind the other, of a tensor of this shape; always in the same order.
pub(super) fn sum_parts(partial_sums: &CubeTensor, parts: usize, shape: Shape) -> CubeTensor {
    let elements = shape.num_elements() as u32;
    let sums = allocate::<f32>(partial_sums, shape);
    let info = info(partial_sums, &[parts as u32, elements]);
    let groups = elements.div_ceil(WORKGROUP).min(MOST_WORKGROUPS);
    let buffers = [&partial_sums.handle, &sums.handle, &info];
    dispatch(partial_sums, SumParts, WORKGROUP, [groups, 1, 1], &buffers);
    sums
}

/// Whether the kernels take these tensors; burn's take any.
fn are_taken(tensors: &[&CubeTensor]) -> bool {
    tensors
        .iter()
        .all(|tensor| tensor.dtype == DType::F32 && tensor.meta.shape().num_elements() <= MOST_ELEMENTS)
}

fn size(tensor: &CubeTensor, dimension: usize) -> u32 {
    tensor.meta.shape()[dimension] as u32
}

/// What the kernels read of a convolution's sizes.
#[derive(Clone, Copy)]
struct Sizes {
    batch: u32,
    channels: u32,
    outputs: u32,
    geometry: Geometry,
}

impl Sizes {
    fn info(self, beside: &CubeTensor, last: u32) -> cubecl::server::Handle {
        let Self { batch, channels, outputs, geometry } = self;
        let [height, width] = [geometry.height, geometry.width].map(|size| size as u32);
        let [out_height, out_width] = geometry.output().map(|size| size as u32);
        info(beside, &[batch, channels, height, width, outputs, out_height, out_width, last])
    }
}

/// Runs a kernel whose invocations each sum a patch of the output `[batch, channels, height, width]`.
fn sum_patches(
    kind: Kind,
    sizes: Sizes,
    turned: u32,
    inputs: [CubeTensor; 2],
    [batch, channels, height, width]: [u32; 4],
) -> CubeTensor {
    let [a, b] = inputs.map(into_contiguous);
    let output = allocate::<f32>(&a, [batch, channels, height, width].map(|size| size as usize));
    let kernel = Kernel { kind, kernel: sizes.geometry.kernel };
    let [rows, columns] = kernel.patch();
    let patches = batch * height.div_ceil(rows) * width.div_ceil(columns);
    if patches > 0 {
        let groups = workgroups(patches, channels.div_ceil(BLOCK));
        let buffers = [&a.handle, &b.handle, &output.handle, &sizes.info(&a, turned)];
        dispatch(&a, kernel, LANES, groups, &buffers);
    }
    output
}

/// Workgroups for so many invocations in each of `blocks`.
fn workgroups(invocations: u32, blocks: u32) -> [u32; 3] {
    let groups = invocations.div_ceil(LANES);
    let along = groups.clamp(1, MOST_WORKGROUPS);
    [along, blocks, groups.div_ceil(along)]
}

/// What a kernel sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// The convolution; at stride 1 its input vector-Jacobian product, too.
    Output { stride: usize },
    /// The input vector-Jacobian product at stride 2.
    Input,
    /// The parts of the weight gradient.
    Weight { stride: usize },
}

/// A kernel that sums patches in registers, and all that its source depends on.
#[derive(Clone, Copy)]
struct Kernel {
    kind: Kind,
    kernel: usize,
}

impl Kernel {
    /// Rows and columns of a patch.
    fn patch(self) -> [u32; 2] {
        match self.kind {
            Kind::Output { .. } | Kind::Weight { .. } => [2, 4],
            // Even, as the shader wants them.
            Kind::Input => [4, 4],
        }
    }

    /// Rows and columns of the input, or for [`Kind::Input`] of the output's cotangent, that a patch meets.
    fn near(self) -> [u32; 2] {
        let kernel = self.kernel as u32;
        match self.kind {
            Kind::Output { stride } | Kind::Weight { stride } => {
                self.patch().map(|size| (size - 1) * stride as u32 + kernel)
            }
            Kind::Input => self.patch().map(|size| size / 2 + kernel / 2),
        }
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let (text, stride) = match self.kind {
            Kind::Output { stride } => (include_str!("../../shaders/convolution.wgsl"), stride),
            Kind::Input => (include_str!("../../shaders/convolution_input.wgsl"), 2),
            Kind::Weight { stride } => (include_str!("../../shaders/convolution_weight.wgsl"), stride),
        };
        let ([rows, columns], [near_rows, near_columns]) = (self.patch(), self.near());
        let counts = [
            ("kernel", self.kernel as u32),
            ("rows", rows),
            ("columns", columns),
            ("near_rows", near_rows),
            ("near_columns", near_columns),
            ("quads", QUADS),
            ("four", 4),
        ];
        let source = SourceTemplate::new(unroll(text, &counts))
            .register("workgroup", LANES.to_string())
            .register("stride", stride.to_string());
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.kind, self.kernel))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// The kernel that adds parts up; its source depends on constants alone.
struct SumParts;

impl KernelSource for SumParts {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(include_str!("../../shaders/sum_parts.wgsl"))
            .register("workgroup", WORKGROUP.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every variant that [`Geometry`] allows.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = vec![("sum_parts.wgsl", SumParts.source().complete())];
    for kernel in [1, 3] {
        let mut add = |name, kind| shaders.push((name, Kernel { kind, kernel }.source().complete()));
        add("convolution_input.wgsl", Kind::Input);
        for stride in [1, 2] {
            add("convolution.wgsl", Kind::Output { stride });
            add("convolution_weight.wgsl", Kind::Weight { stride });
        }
    }
    shaders
}
