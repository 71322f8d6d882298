//! Recording an operation and what its derivative reads.

use burn::backend::Backend;
use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, NodeGuard, OpsKind};
use burn::backend::tensor::FloatTensor;

/// Computes an operation by `forward`, with `derivative` for the operands that stand at `nodes`.
///
/// What the derivative reads is kept only where one of these is tracked: elsewhere `forward` is the last to hold the inputs,
/// and may use their memory again.
pub(in crate::gpu) fn record<B, C, D, I, const N: usize>(
    derivative: D,
    nodes: [NodeGuard; N],
    inputs: I,
    keep: impl FnOnce(&I) -> D::State,
    forward: impl FnOnce(I) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>>
where
    B: Backend,
    C: CheckpointStrategy,
    D: Backward<B, N>,
{
    match derivative.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let state = keep(&inputs);
            prepared.finish(state, forward(inputs))
        }
        OpsKind::UnTracked(prepared) => prepared.finish(forward(inputs)),
    }
}
