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

/// Bytes below which a tensor is not worth a place, and bytes of all that is kept.
const LEAST_BYTES: usize = 1 << 14;
const MOST_BYTES: usize = 1 << 28;
/// For how many others a vector waits to be used: those of some steps of the deepest network. What is made elsewhere and
/// ends here would else pile up.
const PATIENCE: u64 = 1 << 10;

/// Vectors of one type that are in no use, the one that was used last at the end, each with its number.
#[derive(Debug)]
pub(super) struct Free<T> {
    vectors: VecDeque<(u64, Vec<T>)>,
    bytes: usize,
    /// How many there have been.
    count: u64,
}

impl<T> Free<T> {
    /// Nothing.
    pub const fn new() -> Self {
        Self { vectors: VecDeque::new(), bytes: 0, count: 0 }
    }

    fn take(&mut self, length: usize) -> Option<Vec<T>> {
        let place = self.vectors.iter().rposition(|(_, vector)| vector.len() == length)?;
        let (_, vector) = self.vectors.remove(place)?;
        self.bytes -= size_of_val(vector.as_slice());
        Some(vector)
    }

    /// Keeps a vector, and those before it as far as there is room and patience.
    fn put(&mut self, vector: Vec<T>) {
        let bytes = size_of_val(vector.as_slice());
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            return;
        }
        self.bytes += bytes;
        self.count += 1;
        self.vectors.push_back((self.count, vector));
        let is_full = |free: &Self, number: u64| free.bytes > MOST_BYTES || free.count - number > PATIENCE;
        while self.vectors.front().is_some_and(|(number, _)| is_full(self, *number))
            && let Some((_, oldest)) = self.vectors.pop_front()
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
pub(super) fn keep<T: Real>(vector: Vec<T>) {
    T::free().lock().unwrap_or_else(PoisonError::into_inner).put(vector);
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;
    use crate::config::Activation;
    use crate::gpu::gradient_normalization::Scale;
    use crate::gpu::images::{DeviceImages, Take};
    use crate::gpu::real::host_tensor;
    use crate::gpu::{
        NormForm, activate, activate_vjp, global_mean, global_mean_vjp, group_norm, group_norm_input_vjp,
        normalize_gradient, normalize_pixels,
    };

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
    fn what_nobody_takes_is_given_up() {
        let mut free = Free::new();
        free.put(vec![0u8; LEAST_BYTES + 1]);
        for _ in 0..2 * PATIENCE {
            free.put(vec![0; LEAST_BYTES]);
            free.put(vec![1; LEAST_BYTES]);
            free.take(LEAST_BYTES);
        }
        assert_eq!(free.take(LEAST_BYTES + 1), None);
        assert!(free.vectors.len() as u64 <= PATIENCE / 2 + 1, "{}", free.vectors.len());
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

    /// Batch, channels, height and width of the images below, and how many entries they have: a number of no other test.
    const SHAPE: [usize; 4] = [7, 8, 9, 11];
    const ENTRIES: usize = SHAPE[0] * SHAPE[1] * SHAPE[2] * SHAPE[3];

    fn image(seed: usize, device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..ENTRIES).map(|index| ((index + seed) as f32).sin()).collect();
        Tensor::from_data(TensorData::new(values, SHAPE), device)
    }

    /// What comes next finds memory that holds no numbers.
    fn poison() {
        for _ in 0..8 {
            keep(vec![f32::NAN; ENTRIES]);
        }
    }

    /// An operation on x and a cotangent.
    type Operation = fn(Tensor<4>, Tensor<4>) -> Tensor<4>;

    /// Those that take their results' memory from here, but for convolutions, which have a test of their own.
    const OPERATIONS: [(&str, Operation); 8] = [
        ("activation", |x, _| activate(x, Activation::Silu)),
        ("activation back", |x, gy| activate_vjp(x, gy, Activation::Silu)),
        ("norm", |x, _| group_norm(x.clone(), weight(&x), weight(&x), FORM).0),
        ("norm back, twice", |x, gy| {
            let x = x * 1.0;
            let (y, tape) = group_norm(x.clone(), weight(&x), weight(&x), FORM);
            y + group_norm_input_vjp(x, tape, gy, FORM)
        }),
        ("pixels", |x, _| normalize_pixels(x, &[0.5; SHAPE[1]], &[0.25; SHAPE[1]])),
        ("pooling", |x, _| global_mean_vjp(global_mean(x), [SHAPE[2], SHAPE[3]])),
        ("root mean square", |x, _| normalize_gradient(x, Scale::RootMeanSquare)),
        ("largest", |x, _| normalize_gradient(x, Scale::Largest)),
    ];
    const FORM: NormForm = NormForm { groups: 2, activation: Some(Activation::Silu) };

    fn weight(x: &Tensor<4>) -> Tensor<1> {
        Tensor::full([SHAPE[1]], 0.9, &x.device())
    }

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("they are floats")
    }

    /// The result and both derivatives.
    fn results(operation: Operation, before: fn()) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let [x, gy, v] = [1, 2, 3].map(|seed| image(seed, &device).require_grad());
        before();
        let result = operation(x.clone(), gy.clone());
        let weighted = (result.clone() * v).sum();
        before();
        let gradients = weighted.backward();
        let leaves = [x, gy].into_iter().filter_map(|leaf| leaf.grad(&gradients));
        leaves.chain([result]).map(values).collect()
    }

    #[test]
    fn what_memory_held_before_reaches_no_result() {
        for (name, operation) in OPERATIONS {
            let expected = results(operation, || {});
            assert!(expected.iter().flatten().all(|value| value.is_finite()), "{name}");
            assert_eq!(results(operation, poison), expected, "{name}");
        }
    }

    #[test]
    fn what_memory_held_before_reaches_no_image() {
        let pixels = vec![1; ENTRIES];
        let shape = [SHAPE[1], SHAPE[2], SHAPE[3]];
        let images = DeviceImages::upload(&pixels, &[0; SHAPE[0]], shape, 1, &Device::flex());
        // Moved, so that the border of each image comes from beyond its own.
        let takes = [Take { down: 4, right: -3, ..Take::default() }; SHAPE[0]];
        poison();
        let taken = values(images.take(&takes).images);
        assert!(taken.iter().all(|value| [0.0, 1.0 / 255.0].contains(value)));
        assert!(taken.contains(&0.0) && taken.contains(&(1.0 / 255.0)));
    }
}
