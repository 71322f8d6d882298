//! Autodiff for operations on one tensor whose derivative does not depend on that tensor.

use burn::backend::Backend;
use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;

use super::record::record;

/// An operation on a tensor whose sizes or constants `G` tells.
pub(in crate::gpu) type Map<B, G> = fn(FloatTensor<B>, G) -> FloatTensor<B>;

/// The transpose of such an operation's linear part.
#[derive(Debug)]
pub(in crate::gpu) struct Affine<B: Backend, G> {
    pub transpose: Map<B, G>,
}

impl<B: Backend, G: Clone + Send + std::fmt::Debug + 'static> Affine<B, G> {
    /// Computes the operation; nothing of the operand is kept.
    pub fn record<C: CheckpointStrategy>(
        self,
        forward: Map<B, G>,
        x: FloatTensor<Autodiff<B, C>>,
        form: G,
    ) -> FloatTensor<Autodiff<B, C>> {
        let (x, node) = x.into_parts();
        record::<B, C, _, _, _>(
            self,
            [node],
            (x, form),
            |(_, form)| form.clone(),
            |(x, form)| forward(x, form),
        )
    }
}

impl<B: Backend, G: Clone + Send + std::fmt::Debug + 'static> Backward<B, 1> for Affine<B, G> {
    type State = G;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<B>(node.id, (self.transpose)(cotangent, ops.state));
        }
    }
}
