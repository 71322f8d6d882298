//! The kernel of [`convolution_kernels`](super::convolution_kernels) for drivers that compile slowly: one for all three
//! operations and all sizes.
//!
//! SwiftShader, which computes WebGPU on the processor in Chromium, takes 16 s for the smallest of the others, minutes
//! for the rest, and gigabytes for all.

use burn_wgpu::CubeTensor;

use super::convolution_kernels::Sizes;
use super::info::info;
use super::kernel::Plain;

/// The kernel.
pub(super) const KERNEL: Plain = Plain {
    name: "convolution_loops.wgsl",
    text: include_str!("../../shaders/convolution_loops.wgsl"),
    workgroup: 64,
};

/// Which of the three operations.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Output = 0,
    InputVjp = 1,
    WeightVjp = 2,
}

/// Computes `result` from the two contiguous operands that the shader names.
pub(super) fn compute(operation: Operation, sizes: Sizes, operands: [&CubeTensor; 2], result: &CubeTensor) {
    let [first, second] = operands;
    let entries = result.meta.shape().num_elements();
    let Sizes { geometry, .. } = sizes;
    let more = [geometry.kernel as u32, geometry.stride as u32, entries as u32, operation as u32];
    let info = info(first, &[sizes.values().as_slice(), &more].concat());
    KERNEL.over(entries, first, &[&first.handle, &second.handle, &result.handle, &info]);
}
