//! The memory of tensors on the host that are no more, for the next ones of their size.
//!
//! A step makes tensors of the same sizes as the step before. A new vector would be filled with zeros first, by one
//! thread while the others wait, only to be overwritten.

use std::collections::VecDeque;
use std::sync::PoisonError;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::DType;

use super::real::Real;

/// Bytes below which a tensor is not worth a place, and bytes of all that is kept: what a step of the largest network
/// has between two uses is less.
const LEAST_BYTES: usize = 1 << 14;
const MOST_BYTES: usize = 1 << 28;

/// Vectors of one type that are in no use, the one that was used last at the end.
#[derive(Debug)]
pub(super) struct Free<T> {
    vectors: VecDeque<Vec<T>>,
    bytes: usize,
}

impl<T> Free<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self { vectors: VecDeque::new(), bytes: 0 }
    }

    fn take(&mut self, length: usize) -> Option<Vec<T>> {
        let place = self.vectors.iter().rposition(|vector| vector.len() == length)?;
        let vector = self.vectors.remove(place)?;
        self.bytes -= size_of_val(vector.as_slice());
        Some(vector)
    }

    /// Keeps a vector, and what was put before it as far as there is room.
    fn put(&mut self, vector: Vec<T>) {
        let bytes = size_of_val(vector.as_slice());
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            return;
        }
        self.bytes += bytes;
        self.vectors.push_back(vector);
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.vectors.pop_front()
        {
            self.bytes -= size_of_val(oldest.as_slice());
        }
    }
}

/// So many values, of whatever an earlier tensor held.
pub(super) fn buffer<T: Real>(length: usize) -> Vec<T> {
    let kept = T::free().lock().unwrap_or_else(PoisonError::into_inner).take(length);
    kept.unwrap_or_else(|| vec![T::ZERO; length])
}

/// Keeps the memory of tensors that nobody else holds.
pub(super) fn recycle(tensors: impl IntoIterator<Item = FlexTensor>) {
    for tensor in tensors {
        match tensor.dtype() {
            DType::F32 => keep::<f32>(tensor),
            DType::F64 => keep::<f64>(tensor),
            _ => {}
        }
    }
}

fn keep<T: Real>(tensor: FlexTensor) {
    let is_whole =
        tensor.is_contiguous() && tensor.bytes().len() == tensor.shape().num_elements() * size_of::<T>();
    if is_whole
        && tensor.is_unique()
        // Fails where memory was had for another type.
        && let Ok(vector) = tensor.into_data().try_into_vec::<T>()
    {
        T::free().lock().unwrap_or_else(PoisonError::into_inner).put(vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::real::host_tensor;

    #[test]
    fn what_was_kept_last_comes_first_and_the_oldest_makes_room() {
        let mut free = Free::new();
        let length = LEAST_BYTES;
        for value in [1u8, 2, 3] {
            free.put(vec![value; length]);
        }
        assert_eq!(free.take(length).map(|vector| vector[0]), Some(3));
        assert_eq!(free.take(length + 1), None, "another size");
        free.put(vec![0; length - 1]);
        assert_eq!(free.take(length - 1), None, "too small to keep");
        free.put(vec![4; MOST_BYTES - length]);
        assert_eq!(free.take(length).map(|vector| vector[0]), Some(2), "the first had to go");
        assert_eq!(free.take(length), None);
        assert_eq!(free.take(MOST_BYTES - length).map(|vector| vector[0]), Some(4));
        assert_eq!(free.bytes, 0);
    }

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
