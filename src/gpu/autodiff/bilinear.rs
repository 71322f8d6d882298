//! Autodiff for operations that are linear in each of two operands.

use burn::backend::Backend;
use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;

use super::record::record;
use super::shared::{Contributions, PartSums, Parts};

/// An operation on two tensors whose sizes or form `G` tells.
pub(in crate::gpu) type Product<B, G> = fn(FloatTensor<B>, FloatTensor<B>, G) -> FloatTensor<B>;

/// The same as parts of a sum.
pub(in crate::gpu) type PartsOfProduct<B, G> = fn(FloatTensor<B>, FloatTensor<B>, G) -> Parts<B>;

/// The derivatives of an operation that is linear in each operand: each from the cotangent and the other operand.
#[derive(Debug)]
pub(in crate::gpu) struct Bilinear<B: Backend, G> {
    pub to_left: Product<B, G>,
    pub to_right: ToRight<B, G>,
}

/// The derivative in the right operand.
#[derive(Debug)]
pub(in crate::gpu) enum ToRight<B: Backend, G> {
    /// Of one that autodiff knows.
    Alone(Product<B, G>),
    /// Of one that is shared.
    Together(PartsOfProduct<B, G>, Contributions),
}

impl<B: PartSums, G: Copy + Send + std::fmt::Debug + 'static> Bilinear<B, G> {
    /// Computes the operation, keeping of each operand what the other's derivative needs.
    pub fn record<C: CheckpointStrategy>(
        self,
        forward: Product<B, G>,
        left: FloatTensor<Autodiff<B, C>>,
        right: FloatTensor<Autodiff<B, C>>,
        form: G,
    ) -> FloatTensor<Autodiff<B, C>> {
        let (left_tracked, right_tracked) = (left.is_tracked(), right.is_tracked());
        let ((left, left_node), (right, right_node)) = (left.into_parts(), right.into_parts());
        record::<B, C, _, _, _>(
            self,
            [left_node, right_node],
            (left, right),
            |(left, right)| (right_tracked.then(|| left.clone()), left_tracked.then(|| right.clone()), form),
            |(left, right)| forward(left, right, form),
        )
    }
}

impl<B: PartSums, G: Copy + Send + std::fmt::Debug + 'static> Backward<B, 2> for Bilinear<B, G> {
    /// The left operand where the right one is tracked, and the other way round.
    type State = (Option<FloatTensor<B>>, Option<FloatTensor<B>>, G);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [left_node, right_node] = ops.parents;
        let (left, right, form) = ops.state;
        let (to_left, to_right) = (left_node.zip(right), right_node.zip(left));
        // The last to use the cotangent is given it whole, so that its memory can be used again.
        match (to_left, to_right) {
            (Some((node, right)), None) => {
                grads.register::<B>(node.id, (self.to_left)(cotangent, right, form));
            }
            (to_left, Some((right_node, left))) => {
                if let Some((node, right)) = to_left {
                    grads.register::<B>(node.id, (self.to_left)(cotangent.clone(), right, form));
                }
                match self.to_right {
                    ToRight::Alone(product) => {
                        grads.register::<B>(right_node.id, product(cotangent, left, form));
                    }
                    ToRight::Together(parts, contributions) => {
                        contributions.add(parts(cotangent, left, form));
                    }
                }
            }
            (None, None) => {}
        }
    }
}
