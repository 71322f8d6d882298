//! What every WGSL kernel of ours shares: buffers, launching, and its source for those who check it.

use burn::tensor::{Element, Shape};
use burn_wgpu::{CubeTensor, KernelSource, SourceKernel};
use cubecl::prelude::{CubeCount, CubeDim};
use cubecl::server::{Handle, KernelArguments};

use super::{attack_step, convolution_kernels, histogram, matrix, profile};

/// Invocations of a workgroup, where a kernel has no reason for fewer: the most that WebGPU's default limits allow.
pub(super) const WORKGROUP: u32 = 256;
/// Most workgroups along one dimension of a dispatch, by WebGPU's default limits.
pub(super) const MOST_WORKGROUPS: u32 = 65535;
/// Most elements of a tensor that a kernel can take, so that indices and counts fit 32 bits with a sign.
pub(super) const MOST_ELEMENTS: usize = i32::MAX as usize;

/// Every file in `shaders/`, by name, with its WGSL as adapters get it; as often as it has variants.
pub fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = vec![
        ("attack_step.wgsl", attack_step::Kernel.source().complete()),
        ("histogram.wgsl", histogram::Counting.source().complete()),
        ("histogram_moments.wgsl", histogram::Merging.source().complete()),
        ("matrix_product.wgsl", matrix::Kernel.source().complete()),
    ];
    shaders.extend(convolution_kernels::shaders());
    shaders.sort_by_key(|(name, _)| *name);
    shaders
}

/// Launches a kernel over so many workgroups of so many invocations; the buffers are the bindings 0, 1, … of group 0.
pub(super) fn dispatch(
    beside: &CubeTensor,
    kernel: impl KernelSource,
    workgroup: u32,
    [x, y, z]: [u32; 3],
    buffers: &[&Handle],
) {
    profile::launches(|| kernel.id(), || buffers.iter().map(|buffer| buffer.size_in_used()).sum());
    beside.client.launch(
        Box::new(SourceKernel::new(kernel, CubeDim::new_1d(workgroup))),
        CubeCount::Static(x, y, z),
        KernelArguments::new().with_buffers(buffers.iter().map(|&buffer| buffer.clone().binding()).collect()),
    );
}

/// A contiguous tensor with these values, on the device of another.
pub(super) fn upload<T: Element + bytemuck::Pod>(
    beside: &CubeTensor,
    shape: impl Into<Shape>,
    values: &[T],
) -> CubeTensor {
    let handle = beside.client.create_from_slice(bytemuck::cast_slice(values));
    CubeTensor::new_contiguous(beside.client.clone(), beside.device.clone(), shape.into(), handle, T::dtype())
}

/// A contiguous tensor of whatever is in memory, on the device of another.
pub(super) fn allocate<T: Element>(beside: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = beside.client.empty(shape.num_elements() * size_of::<T>());
    CubeTensor::new_contiguous(beside.client.clone(), beside.device.clone(), shape, handle, T::dtype())
}

/// The small buffer that carries shapes and scalars, so that no size needs a compilation of its own.
pub(super) fn info(beside: &CubeTensor, values: &[u32]) -> Handle {
    beside.client.create_from_slice(bytemuck::cast_slice(values))
}
