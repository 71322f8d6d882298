//! Weights that several operations of a graph read: what each contributes to their gradients is summed together.
//!
//! A layer's forward pass and its backward pass read the same weights, so double backpropagation reaches each of them
//! twice, and on a GPU what it brings is still in parts. Autodiff alone would launch a sum of the parts for each, and then one of
//! both; here the parts of both are summed in one launch.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::record::record;

/// A weight of a convolution, as its forward pass and its backward pass read it; of a plain tensor, as one of them does.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Nothing but the operations that know of `contributions` reads it.
    pub(in crate::gpu) tensor: Tensor<4>,
    pub(in crate::gpu) contributions: Option<Contributions>,
}

impl Shared {
    /// The same entries in that shape.
    ///
    /// # Panics
    /// Where the shape has another number of entries.
    pub fn new(weight: Tensor<1>, shape: [usize; 4]) -> Self {
        let contributions = Contributions::default();
        let tensor = Dispatch::share(weight.into_dispatch(), shape.into(), contributions.clone());
        Self { tensor: Tensor::from_dispatch(tensor), contributions: Some(contributions) }
    }

    /// `[outputs, channels, k, k]`
    pub fn dims(&self) -> [usize; 4] {
        self.tensor.dims()
    }

    /// The same entries outside every autodiff graph.
    pub fn untracked(self) -> Self {
        self.tensor.without_autodiff().into()
    }
}

impl From<Tensor<4>> for Shared {
    fn from(tensor: Tensor<4>) -> Self {
        Self { tensor, contributions: None }
    }
}

/// What operations have contributed so far to the gradients of weights that they share.
#[derive(Clone, Debug, Default)]
pub struct Contributions(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Contributions {
    /// Adds what one operation contributes.
    pub(in crate::gpu) fn add<B: PartSums>(&self, parts: Parts<B>) {
        let earlier = self.take::<B>();
        let together = match earlier {
            None if parts.may_wait() => parts,
            earlier => Parts::sum(B::sum(parts, earlier)),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(together));
    }

    fn take<B: PartSums>(&self) -> Option<Parts<B>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(*held.downcast().expect("a graph is of one backend"))
    }
}

/// Partial sums of a gradient, one after the other: `[parts, …]`.
#[derive(Clone, Debug)]
pub struct Parts<B: Backend> {
    /// Contiguous.
    pub values: FloatTensor<B>,
    /// At least one.
    pub parts: usize,
}

/// Most floats of parts that are left until others come.
const MOST_WAITING: usize = 1 << 20;

impl<B: Backend> Parts<B> {
    /// The given number of parts.
    pub(in crate::gpu) fn of(values: FloatTensor<B>, parts: usize) -> Self {
        Self { values, parts }
    }

    /// A sum that is complete.
    pub(in crate::gpu) fn sum(values: FloatTensor<B>) -> Self {
        Self::of(values, 1)
    }

    /// Whether they can be left until others come, being no more than the sum, or little.
    fn may_wait(&self) -> bool {
        self.parts == 1 || self.values.shape().num_elements() <= MOST_WAITING
    }
}

/// How burn routes what makes weights shared; without autodiff that is nothing.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait SharedWeights: Backend {
    /// The weight in that shape; its gradient is what is contributed.
    fn share(weight: FloatTensor<Self>, shape: Shape, contributions: Contributions) -> FloatTensor<Self>;

    /// The first of two weights of as many entries; the gradients of both are the halves of what is contributed.
    fn share_pair(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        contributions: Contributions,
    ) -> FloatTensor<Self>;
}

/// The sums of parts, which autodiff needs of a backend to that end.
pub trait PartSums: Backend {
    /// The sum of all parts, of as many entries as each.
    fn sum(parts: Parts<Self>, others: Option<Parts<Self>>) -> FloatTensor<Self>;

    /// Of a sum, which may be padded, the first entries of both halves.
    fn halves(sum: FloatTensor<Self>, entries: usize) -> [FloatTensor<Self>; 2];
}

/// Without autodiff they are as they are.
impl<B: PartSums> SharedWeights for B {
    fn share(weight: FloatTensor<Self>, shape: Shape, _: Contributions) -> FloatTensor<Self> {
        B::float_reshape(weight, shape)
    }

    fn share_pair(first: FloatTensor<Self>, _: FloatTensor<Self>, _: Contributions) -> FloatTensor<Self> {
        first
    }
}

impl<B: PartSums, C: CheckpointStrategy> SharedWeights for Autodiff<B, C> {
    fn share(weight: FloatTensor<Self>, shape: Shape, contributions: Contributions) -> FloatTensor<Self> {
        let (weight, node) = weight.into_parts();
        let view = B::float_reshape(weight, shape);
        record::<B, C, _, _, _>(
            SumContributions,
            [node],
            view,
            |view| (contributions, view.shape().num_elements()),
            |view| view,
        )
    }

    fn share_pair(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        contributions: Contributions,
    ) -> FloatTensor<Self> {
        let ((first, first_node), (_, second_node)) = (first.into_parts(), second.into_parts());
        record::<B, C, _, _, _>(
            SumContributions,
            [first_node, second_node],
            first,
            |first| (contributions, first.shape().num_elements()),
            |first| first,
        )
    }
}

/// The derivative of making weights shared: it comes after all operations that read them, whichever of those there are.
#[derive(Debug)]
struct SumContributions;

impl<B: PartSums> Backward<B, 1> for SumContributions {
    /// With the weight's entries.
    type State = (Contributions, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (contributions, entries) = ops.state;
        if let ([Some(node)], Some(parts)) = (ops.parents, contributions.take::<B>()) {
            grads.register::<B>(node.id, B::float_reshape(B::sum(parts, None), [entries].into()));
        }
    }
}

impl<B: PartSums> Backward<B, 2> for SumContributions {
    /// With the entries of each.
    type State = (Contributions, usize);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (contributions, entries) = ops.state;
        let Some(parts) = contributions.take::<B>() else { return };
        let halves = B::halves(B::sum(parts, None), entries);
        for (node, gradient) in ops.parents.into_iter().zip(halves) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn_wgpu::CubeBackend;

    use super::*;
    use crate::gpu::Opened;
    use crate::gpu::launch::test_device::{entries, tensor, test_device};

    /// Small integers, so that every sum is exact, whatever its order.
    fn integers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 37 + seed) % 127 % 9) as f32 - 4.0).collect()
    }

    fn parts(gpu: &Opened, values: &[f32], parts: usize) -> Parts<CubeBackend> {
        Parts::of(tensor(gpu, values.to_vec(), [values.len()]), parts)
    }

    /// One part or many, of one, two or three operations; the last are too long to wait.
    #[test]
    fn all_parts_of_all_contributions_are_summed() {
        let Some(gpu) = test_device() else { return };
        let long = MOST_WAITING / 2 + 3;
        for (elements, counts) in [
            (5, vec![1]),
            (5, vec![3]),
            (7, vec![1, 1]),
            (130, vec![70, 3]),
            (64, vec![1, 17, 2]),
            (long, vec![2]),
            (long, vec![1, 3]),
        ] {
            let mut expected = vec![0.0; elements];
            let contributions = Contributions::default();
            for (seed, count) in counts.iter().enumerate() {
                let all = integers(count * elements, seed);
                for part in all.chunks_exact(elements) {
                    expected.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
                }
                contributions.add(parts(&gpu, &all, *count));
            }
            let held = contributions.take::<CubeBackend>().expect("there are some");
            assert!(held.may_wait(), "{elements} {counts:?}");
            assert!(entries(CubeBackend::sum(held, None)) == expected, "{elements} {counts:?}");
            assert!(contributions.take::<CubeBackend>().is_none());
        }
    }
}
