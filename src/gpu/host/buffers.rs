//! The memory of tensors on the host that are no more, for the next ones of their size.
//!
//! A step makes tensors of the same sizes as the step before. A new vector would be filled with zeros first, by one
//! thread while the others wait, only to be overwritten.

use std::sync::PoisonError;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::DType;

use super::real::Real;

/// The given number of values, of whatever an earlier tensor held.
pub(in crate::gpu) fn buffer<T: Real>(length: usize) -> Vec<T> {
    let kept = T::free().lock().unwrap_or_else(PoisonError::into_inner).take(length);
    kept.unwrap_or_else(|| vec![T::ZERO; length])
}

/// Keeps the memory of tensors that nobody else holds.
pub(in crate::gpu) fn recycle(tensors: impl IntoIterator<Item = FlexTensor>) {
    for tensor in tensors {
        match tensor.dtype() {
            DType::F32 => keep_tensor::<f32>(tensor),
            DType::F64 => keep_tensor::<f64>(tensor),
            _ => {}
        }
    }
}

fn keep_tensor<T: Real>(tensor: FlexTensor) {
    let is_whole =
        tensor.is_contiguous() && tensor.bytes().len() == tensor.shape().num_elements() * size_of::<T>();
    if is_whole
        && tensor.is_unique()
        // Fails where memory was had for another type.
        && let Ok(vector) = tensor.into_data().try_into_vec::<T>()
    {
        keep(vector);
    }
}

/// Keeps a vector for the next [`buffer`] of its length.
pub(in crate::gpu) fn keep<T: Real>(vector: Vec<T>) {
    T::free().lock().unwrap_or_else(PoisonError::into_inner).put(vector);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::host::host_tensor;

    #[test]
    fn only_what_nobody_holds_is_kept() {
        // Sizes that no other test has.
        let length = 10_007;
        let tensor = host_tensor(vec![1.0f64; length], [length]);
        recycle([tensor.clone()]);
        assert_eq!(buffer::<f64>(length)[0], 0.0, "it is held here");
        recycle([tensor]);
        assert_eq!(buffer::<f64>(length), vec![1.0; length], "nobody filled it");
        assert_eq!(buffer::<f64>(length)[0], 0.0, "it is in use");
    }
}
