//! Tensors as kernels take and leave them.

use burn::tensor::{DType, Element, Shape};
use burn_wgpu::{CubeTensor, into_contiguous};

use super::limits::MOST_ELEMENTS;

/// An operand as the kernels read it.
///
/// # Panics
/// Where it is not of `f32`, or has more elements than a kernel can take.
pub(in crate::gpu) fn operand(tensor: CubeTensor) -> CubeTensor {
    assert_eq!(tensor.dtype, DType::F32, "the kernels take f32");
    assert!(tensor.meta.shape().num_elements() <= MOST_ELEMENTS, "a tensor of 2³¹ elements: split the batch");
    into_contiguous(tensor)
}

/// A part of a buffer, without a copy; it starts at that entry, a multiple of
/// [`Storage::alignment`](super::storage::Storage::alignment).
pub(in crate::gpu) fn within(buffer: &CubeTensor, start: usize, shape: Shape) -> CubeTensor {
    let end = start + shape.num_elements();
    let bytes = |entries: usize| (entries * buffer.dtype.size()) as u64;
    let after = bytes(buffer.meta.shape().num_elements() - end);
    let handle = buffer.handle.clone().offset_start(bytes(start)).offset_end(after);
    CubeTensor::new_contiguous(buffer.client.clone(), buffer.device.clone(), shape, handle, buffer.dtype)
}

/// A contiguous tensor with these values, on the device of another.
pub(in crate::gpu) fn upload<T: Element + bytemuck::Pod>(
    beside: &CubeTensor,
    shape: impl Into<Shape>,
    values: &[T],
) -> CubeTensor {
    let handle = beside.client.create_from_slice(bytemuck::cast_slice(values));
    CubeTensor::new_contiguous(beside.client.clone(), beside.device.clone(), shape.into(), handle, T::dtype())
}

/// A contiguous tensor of whatever is in memory, on the device of another.
pub(in crate::gpu) fn allocate<T: Element>(beside: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = beside.client.empty(shape.num_elements() * size_of::<T>());
    CubeTensor::new_contiguous(beside.client.clone(), beside.device.clone(), shape, handle, T::dtype())
}
