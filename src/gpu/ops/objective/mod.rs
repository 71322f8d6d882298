//! The main network's objective from both networks' logits in one pass, and its gradients in another.

mod host;
mod kernel;
mod slope;
mod softmax;
mod terms;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;
pub use slope::{Slope, logit_slope};
pub use softmax::{logit_gradient, softmax};
pub use terms::{NO_TERMS, Terms};

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::gpu::autodiff::record;

/// Mean cross-entropy `[1]` of `logits` `[N, K]` to `targets` `[N, K]`, whose rows sum to 1.
///
/// # Panics
/// Where the shapes differ.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    assert_eq!(logits.dims(), targets.dims(), "cross_entropy: logits and targets differ in shape");
    Tensor::from_dispatch(Dispatch::cross_entropy(logits.into_dispatch(), targets.into_dispatch()))
}

/// The main network's objective `[1]` from its logits `a`, the auxiliary network's `a'` and the labels as one-hot rows,
/// all `[N, K]`: `CE(a, y) + β · mean_i Σ_{j≠yᵢ} sg(softmax(a'ᵢ)_j) a_ij` and `− α CE(a', y)`, or `+ α` times the
/// cross-entropy from the uniform distribution to `softmax(a')`. In place of `a_ij` the push may be at `a_ij` less their
/// mean, or at `log softmax(aᵢ)_j`; the first cross-entropy's labels may be smoothed. Algorithms, section 1.
///
/// # Panics
/// Where the shapes differ.
pub fn great_objective(
    logits: Tensor<2>,
    auxiliary_logits: Tensor<2>,
    one_hot: Tensor<2>,
    terms: Terms,
) -> Tensor<1> {
    for other in [&auxiliary_logits, &one_hot] {
        assert_eq!(logits.dims(), other.dims(), "great_objective: logits and labels differ in shape");
    }
    Tensor::from_dispatch(Dispatch::great_objective(
        logits.into_dispatch(),
        auxiliary_logits.into_dispatch(),
        one_hot.into_dispatch(),
        terms,
    ))
}

/// How burn routes the operations to the kernel and to the loops.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait Objective: Backend {
    /// See [`cross_entropy`].
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`great_objective`].
    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self>;
}

/// The backward passes.
pub trait ObjectiveGradients: Objective {
    /// The gradient `[N, K]` of [`cross_entropy`], times its cotangent `[1]`.
    fn cross_entropy_vjp(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The gradients `[N, K]` of [`great_objective`] with respect to both logits, times its cotangent `[1]`.
    fn great_objective_vjp(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        terms: Terms,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The derivative of [`cross_entropy`].
#[derive(Debug)]
struct OfCrossEntropy;

impl<B: ObjectiveGradients> Backward<B, 1> for OfCrossEntropy {
    /// Logits, targets.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let ([logits, targets], [node]) = (ops.state, ops.parents);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::cross_entropy_vjp(logits, targets, cotangent));
        }
    }
}

/// The derivatives of [`great_objective`].
#[derive(Debug)]
struct OfGreat;

impl<B: ObjectiveGradients> Backward<B, 2> for OfGreat {
    /// Logits, auxiliary logits, one-hot rows; terms.
    type State = ([FloatTensor<B>; 3], Terms);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let ([logits, auxiliary_logits, one_hot], terms) = ops.state;
        let (to_logits, to_auxiliary) =
            B::great_objective_vjp(logits, auxiliary_logits, one_hot, cotangent, terms);
        for (node, gradient) in ops.parents.into_iter().zip([to_logits, to_auxiliary]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: ObjectiveGradients, C: CheckpointStrategy> Objective for Autodiff<B, C> {
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((logits, node), (targets, _)) = (logits.into_parts(), targets.into_parts());
        record::<B, C, _, _, _>(
            OfCrossEntropy,
            [node],
            [logits, targets],
            Clone::clone,
            |[logits, targets]| B::cross_entropy(logits, targets),
        )
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        let [(logits, node), (auxiliary_logits, auxiliary_node), (one_hot, _)] =
            [logits, auxiliary_logits, one_hot].map(|operand| operand.into_parts());
        record::<B, C, _, _, _>(
            OfGreat,
            [node, auxiliary_node],
            [logits, auxiliary_logits, one_hot],
            |operands| (operands.clone(), terms),
            |[logits, auxiliary_logits, one_hot]| {
                B::great_objective(logits, auxiliary_logits, one_hot, terms)
            },
        )
    }
}
