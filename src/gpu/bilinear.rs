//! Autodiff for operations that are linear in each of two operands.

use burn::backend::Backend;
use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

/// An operation on two tensors whose sizes or form `G` tells.
pub(super) type Product<B, G> = fn(FloatTensor<B>, FloatTensor<B>, G) -> FloatTensor<B>;

/// The derivatives of an operation that is linear in each operand: each from the cotangent and the other operand.
#[derive(Debug)]
pub(super) struct Bilinear<B: Backend, G> {
    pub to_left: Product<B, G>,
    pub to_right: Product<B, G>,
}

impl<B: Backend, G: Copy + Send + std::fmt::Debug + 'static> Bilinear<B, G> {
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
        match self.prepare::<C>([left_node, right_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let kept = (right_tracked.then(|| left.clone()), left_tracked.then(|| right.clone()), form);
                prepared.finish(kept, forward(left, right, form))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(forward(left, right, form)),
        }
    }
}

impl<B: Backend, G: Copy + Send + std::fmt::Debug + 'static> Backward<B, 2> for Bilinear<B, G> {
    /// The left operand where the right one is tracked, and the other way round.
    type State = (Option<FloatTensor<B>>, Option<FloatTensor<B>>, G);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [left_node, right_node] = ops.parents;
        let (left, right, form) = ops.state;
        // The last use of the cotangent gives it away, so that its memory can be used again.
        let mut cotangent = Some(cotangent);
        if let (Some(node), Some(right)) = (left_node, right) {
            let given = if right_node.is_some() { cotangent.clone() } else { cotangent.take() };
            let given = given.expect("not given away");
            grads.register::<B>(node.id, (self.to_left)(given, right, form));
        }
        if let (Some(node), Some(left), Some(cotangent)) = (right_node, left, cotangent) {
            grads.register::<B>(node.id, (self.to_right)(cotangent, left, form));
        }
    }
}
