//! What every WGSL kernel of ours shares: buffers, launching, and its source for those who check it.

use burn::tensor::{DType, Element, Shape};
use burn_wgpu::{CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous};
use cubecl::prelude::{CubeCount, CubeDim, KernelId};
use cubecl::server::{Handle, KernelArguments};

use super::info::info;
use super::{
    activation, attack_step, boundary_step, convolution_kernels, gather, gradient_normalization,
    group_norm_kernels, histogram, hits, matrix, measures, objective, optimizer_step, pixel_normalization,
    pooling, profile, softmax, sum_parts,
};

/// Invocations of a workgroup, where a kernel has no reason for fewer: the most that WebGPU's default limits allow.
pub(super) const WORKGROUP: u32 = 256;
/// Most workgroups along one dimension of a dispatch, by WebGPU's default limits.
pub(super) const MOST_WORKGROUPS: u32 = 65535;
/// Most elements of a tensor that a kernel can take, so that indices and counts fit 32 bits with a sign.
pub(super) const MOST_ELEMENTS: usize = i32::MAX as usize;

/// Every file in `shaders/`, by name, with its WGSL as adapters get it; as often as it has variants.
pub fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = vec![
        ("gather.wgsl", gather::Kernel.source().complete()),
        ("histogram.wgsl", histogram::Counting.source().complete()),
        ("histogram_moments.wgsl", histogram::Merging.source().complete()),
    ];
    let plain = [
        attack_step::L2,
        attack_step::LINF,
        boundary_step::KERNEL,
        gradient_normalization::KERNEL,
        hits::KERNEL,
        measures::SAMPLES,
        measures::SUMS,
        objective::KERNEL,
        pixel_normalization::KERNEL,
        pooling::KERNEL,
        softmax::KERNEL,
    ];
    shaders.extend(plain.map(|kernel| (kernel.name, kernel.source().complete())));
    shaders.extend(activation::shaders());
    shaders.extend(convolution_kernels::shaders());
    shaders.extend(group_norm_kernels::shaders());
    shaders.extend(matrix::shaders());
    shaders.extend(optimizer_step::shaders());
    shaders.extend(sum_parts::shaders());
    shaders.sort_by_key(|(name, _)| *name);
    shaders
}

/// A kernel whose source depends on the size of its workgroups alone.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    /// Its file in `shaders/`.
    pub name: &'static str,
    /// What the file holds.
    pub text: &'static str,
    /// Invocations of a workgroup.
    pub workgroup: u32,
}

impl Plain {
    /// Runs with an invocation for each of so many entries, or as many as one dimension of workgroups allows, each
    /// then taking several.
    pub fn over(self, entries: usize, beside: &CubeTensor, buffers: &[&Handle]) {
        let groups = (entries as u32).div_ceil(self.workgroup).min(MOST_WORKGROUPS);
        if groups > 0 {
            dispatch(beside, self, self.workgroup, [groups, 1, 1], buffers);
        }
    }

    /// Runs with a workgroup for each of so many samples, or a few more: number `y · groups.x + x`.
    pub fn for_each(self, samples: usize, beside: &CubeTensor, buffers: &[&Handle]) {
        let along = (samples as u32).min(MOST_WORKGROUPS);
        if along > 0 {
            dispatch(beside, self, self.workgroup, [along, (samples as u32).div_ceil(along), 1], buffers);
        }
    }
}

impl KernelSource for Plain {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.text).register("workgroup", self.workgroup.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.name, self.workgroup))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// An operand as the kernels read it.
///
/// # Panics
/// Where it is not of `f32`, or has more elements than a kernel can take.
pub(super) fn operand(tensor: CubeTensor) -> CubeTensor {
    assert_eq!(tensor.dtype, DType::F32, "the kernels take f32");
    assert!(tensor.meta.shape().num_elements() <= MOST_ELEMENTS, "a tensor of 2³¹ elements: split the batch");
    into_contiguous(tensor)
}

/// A buffer for a binding that a launch makes no use of: always the same one of a number, which no two bindings of a launch
/// may share.
pub(super) fn unused(beside: &CubeTensor, number: u32) -> Handle {
    // No sizes that a kernel reads begin so, and a vector of four is the longest entry that a binding has to hold.
    info(beside, &[u32::MAX, number, 0, 0])
}

/// A part of a buffer, without a copy; it starts at that entry, a multiple of [`Storage::alignment`].
pub(super) fn within(buffer: &CubeTensor, start: usize, shape: Shape) -> CubeTensor {
    let end = start + shape.num_elements();
    let bytes = |entries: usize| (entries * buffer.dtype.size()) as u64;
    let after = bytes(buffer.meta.shape().num_elements() - end);
    let handle = buffer.handle.clone().offset_start(bytes(start)).offset_end(after);
    CubeTensor::new_contiguous(buffer.client.clone(), buffer.device.clone(), shape, handle, buffer.dtype)
}

/// Launches a kernel over so many workgroups of so many invocations; the buffers are the bindings 0, 1, … of group 0.
///
/// # Panics
/// Where two bindings share memory: every binding may be written, so WebGPU refuses that, and other drivers do not say.
pub(super) fn dispatch(
    beside: &CubeTensor,
    kernel: impl KernelSource,
    workgroup: u32,
    [x, y, z]: [u32; 3],
    buffers: &[&Handle],
) {
    let pairs = || buffers.iter().enumerate().flat_map(|(i, a)| buffers[..i].iter().map(move |b| (*a, *b)));
    assert!(!pairs().any(|(a, b)| overlap(a, b)), "{:?}: two bindings share memory", kernel.id());
    profile::launches(|| kernel.id(), || buffers.iter().map(|buffer| buffer.size_in_used()).sum());
    beside.client.launch(
        Box::new(SourceKernel::new(kernel, CubeDim::new_1d(workgroup))),
        CubeCount::Static(x, y, z),
        KernelArguments::new().with_buffers(buffers.iter().map(|&buffer| buffer.clone().binding()).collect()),
    );
}

/// The tensor, or a copy of it where it shares memory with one of these: no two bindings of a launch may.
pub(super) fn apart(tensor: CubeTensor, others: &[&Handle]) -> CubeTensor {
    if others.iter().any(|other| overlap(&tensor.handle, other)) { tensor.copy() } else { tensor }
}

/// Whether two buffers share a byte.
fn overlap(a: &Handle, b: &Handle) -> bool {
    let bytes = |handle: &Handle| {
        let start = handle.offset_start.unwrap_or(0);
        start..start + handle.size_in_used()
    };
    let (first, second) = (bytes(a), bytes(b));
    // Parts of a buffer are clones of its handle.
    std::ptr::eq(a.memory.descriptor(), b.memory.descriptor())
        && first.start < second.end
        && second.start < first.end
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

#[cfg(test)]
mod tests {
    use burn::backend::ops::FloatTensorOps;
    use burn::tensor::TensorData;
    use burn_wgpu::{CubeBackend, WgpuDevice};
    use cubecl::wgpu::WgpuDeviceKind;

    use super::*;

    fn tensor() -> CubeTensor {
        let device = WgpuDevice::new(WgpuDeviceKind::Cpu).into();
        CubeBackend::float_from_data(TensorData::new(vec![0f32; 256], [256]), &device)
    }

    #[test]
    fn only_what_shares_a_byte_overlaps() {
        let (a, b) = (tensor(), tensor());
        let part = |start: u64, end: u64| a.handle.clone().offset_start(start).offset_end(1024 - end);
        assert!(overlap(&a.handle, &a.handle) && overlap(&part(0, 512), &part(256, 768)));
        assert!(!overlap(&part(0, 256), &part(256, 512)) && !overlap(&a.handle, &b.handle));
    }

    #[test]
    #[should_panic(expected = "two bindings share memory")]
    fn a_launch_on_one_buffer_twice_is_refused() {
        let (a, b) = (tensor(), tensor());
        gradient_normalization::KERNEL.over(1, &a, &[&a.handle, &b.handle, &a.handle]);
    }
}
