//! Group normalisation with an activation behind it, and its input vector-Jacobian product, which has a derivative too.

mod host;
mod kernel;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::config::Activation;
use crate::gpu::autodiff::{Contributions, PartSums, Parts, SharedWeights, record};

/// Variance offset, as PyTorch's default.
pub const GROUP_NORM_EPSILON: f64 = 1e-5;

/// What both operations share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormForm {
    /// Groups of channels, of which the channels are a multiple.
    pub groups: usize,
    /// What the normalised, scaled and shifted entries go through, if anything.
    pub activation: Option<Activation>,
}

/// What a forward pass leaves for the backward pass: how each group of each sample was normalised, and with which weights.
#[derive(Clone, Debug)]
pub struct NormTape {
    /// Of x.
    dims: [usize; 4],
    /// What the backend's forward pass leaves: mean and `r` of each group of each sample first; outside every autodiff graph.
    statistics: Tensor<1>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    forward: Forward,
}

impl NormTape {
    /// The same values outside every autodiff graph.
    pub fn untracked(self) -> Self {
        let [scale, shift] = [self.scale, self.shift].map(Tensor::without_autodiff);
        Self { scale, shift, forward: Forward::default(), ..self }
    }
}

/// One forward pass, as the backward passes through it and through its vector-Jacobian product know it.
#[derive(Clone, Debug, Default)]
pub struct Forward {
    second_use: SecondUse,
    contributions: Contributions,
}

/// To whom the backward pass through [`group_norm_input_vjp`] has given a cotangent of `x`, if it has got there. That through
/// [`group_norm`], which mostly comes later, then adds its own to it in its loop rather than leave that to autodiff.
#[derive(Clone, Debug, Default)]
pub struct SecondUse(Arc<Mutex<Option<NodeId>>>);

impl SecondUse {
    fn reach(&self, x: NodeId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(x);
    }

    fn has_reached(&self, x: NodeId) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(x)
    }
}

/// Group normalisation (Wu & He 2018) of `x` `[batch, channels, height, width]`: `y = act(γ x̂ + β)`, shaped like `x`,
/// with `scale` γ and `shift` β `[channels]`, and what the backward pass reads.
///
/// `x̂ = r (x − mean)` with `r = 1 / √(variance + ε)`, group by group of a sample. These carry no autodiff graph:
/// the backward pass knows how they depend on `x`.
///
/// # Panics
/// Where the channels are no multiple of the groups or not as many as those of scale and shift; where a tensor on a GPU
/// is not of `f32` (`x` also of `f16`, and `y` then too) or a group has more than 256 channels, or one elsewhere is neither
/// of `f32` nor of `f64`.
pub fn group_norm(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, form: NormForm) -> (Tensor<4>, NormTape) {
    let [_, channels, ..] = x.dims();
    assert_eq!(
        [channels; 2],
        [scale.dims()[0], shift.dims()[0]],
        "group_norm: channels of x, scale and shift"
    );
    assert_eq!(channels % form.groups, 0, "group_norm: {channels} channels in {form:?}");
    let forward = Forward::default();
    // In a graph the scale stands for both.
    let (scale, shift) = (scale.into_dispatch(), shift.into_dispatch());
    let scale = Dispatch::share_pair(scale, shift.clone(), forward.contributions.clone());
    let [scale, shift] = [scale, shift].map(Tensor::<1>::from_dispatch);
    let shift = shift.without_autodiff();
    let dims = x.dims();
    let (y, statistics) = Dispatch::group_norm(
        x.into_dispatch(),
        scale.clone().into_dispatch(),
        shift.clone().into_dispatch(),
        form,
        forward.clone(),
    );
    let statistics = Tensor::from_dispatch(statistics).without_autodiff();
    (Tensor::from_dispatch(y), NormTape { dims, statistics, scale, shift, forward })
}

/// `gyᵀ · ∂y/∂x` of [`group_norm`], from its input and tape: `r (u − m(u) − x̂ m(u x̂))` with
/// `u = γ · gy · act'(γ x̂ + β)`, where `m` is the mean over a group of a sample.
///
/// It can be differentiated once with respect to `x`, scale, shift and `gy`.
///
/// # Panics
/// As [`group_norm`], or where `x`, `gy` and the tape do not fit.
pub fn group_norm_input_vjp(x: Tensor<4>, tape: NormTape, gy: Tensor<4>, form: NormForm) -> Tensor<4> {
    assert_eq!(x.dims(), gy.dims(), "group_norm_input_vjp: x and gy differ in shape");
    let NormTape { dims, statistics, scale, shift, forward } = tape;
    assert_eq!(x.dims(), dims, "group_norm_input_vjp: the tape of another x");
    Tensor::from_dispatch(Dispatch::group_norm_input_vjp(
        x.into_dispatch(),
        statistics.into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
        gy.into_dispatch(),
        form,
        forward,
    ))
}

/// How burn routes the operations; a tracked scale stands for the shift, too, which is not tracked.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait GroupNorm: Backend {
    /// See [`group_norm`].
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        form: NormForm,
        forward: Forward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`group_norm_input_vjp`].
    fn group_norm_input_vjp(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        form: NormForm,
        forward: Forward,
    ) -> FloatTensor<Self>;
}

/// What all passes read.
#[derive(Clone, Debug)]
pub struct Operands<B: Backend> {
    /// `[batch, channels, height, width]`
    pub x: FloatTensor<B>,
    /// `[channels]`
    pub scale: FloatTensor<B>,
    /// `[channels]`
    pub shift: FloatTensor<B>,
    /// Groups and activation.
    pub form: NormForm,
}

/// Cotangents of the operands, in the order in which [`Operands`] names them.
#[derive(Clone, Debug)]
pub struct Cotangents<B: Backend> {
    /// `[batch, channels, height, width]`
    pub x: FloatTensor<B>,
    /// Of scale and shift, where they are asked for: of each part the halves, the first entries of which are those of the
    /// channels.
    pub weights: Option<Parts<B>>,
}

/// The three passes, as each backend computes them without autodiff.
pub trait GroupNormPasses: PartSums {
    /// See [`group_norm`].
    fn forward(operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The cotangents of all operands of [`group_norm`] from that of `y`; `earlier`, if any, is added to that of `x`.
    fn backward(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        earlier: Option<FloatTensor<Self>>,
        weights: bool,
    ) -> Cotangents<Self>;

    /// The cotangents of all operands of [`group_norm_input_vjp`] and, last, of `gy`, from that of its result, `v`.
    ///
    /// With `q = r (v − m(v) − x̂ w)`, `p = m(u x̂)`, `w = m(v x̂)` and `e = γ q · gy · act''(z)`, the cotangent of
    /// `z = γ x̂ + β`, where `h = gy · act'(z)`:
    /// of `gy` it is `γ act'(z) q`; of γ `Σ h q + Σ e x̂`; of β `Σ e`; and of `x`
    /// `−r² (w (u − m(u)) + p (v − m(v)) + x̂ (m(u v) − m(u) m(v) − 3 p w)) + r (γ e − m(γ e) − x̂ m(γ e x̂))`.
    fn double_backward(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: bool,
    ) -> (Cotangents<Self>, FloatTensor<Self>);
}

/// Without autodiff it is its passes.
impl<B: GroupNormPasses> GroupNorm for B {
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        form: NormForm,
        _: Forward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        B::forward(Operands { x, scale, shift, form })
    }

    fn group_norm_input_vjp(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        form: NormForm,
        _: Forward,
    ) -> FloatTensor<Self> {
        B::backward(Operands { x, scale, shift, form }, statistics, gy, None, false).x
    }
}

impl<B: GroupNormPasses, C: CheckpointStrategy> GroupNorm for Autodiff<B, C> {
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        form: NormForm,
        forward: Forward,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ((x, x_node), (scale, scale_node)) = (x.into_parts(), scale.into_parts());
        let operands = Operands { x, scale, shift: shift.into_primitive(), form };
        let (y, statistics) = B::forward(operands.clone());
        let kept = (operands, statistics.clone(), forward);
        (
            record::<B, C, _, _, _>(NormBackward, [x_node, scale_node], y, |_| kept, |y| y),
            FloatTensor::<Self>::new(statistics),
        )
    }

    fn group_norm_input_vjp(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        form: NormForm,
        forward: Forward,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (scale, scale_node), (gy, gy_node)) =
            (x.into_parts(), scale.into_parts(), gy.into_parts());
        let operands = Operands { x, scale, shift: shift.into_primitive(), form };
        let statistics = statistics.into_primitive();
        record::<B, C, _, _, _>(
            NormDoubleBackward,
            [x_node, scale_node, gy_node],
            (operands, statistics, gy),
            |(operands, statistics, gy)| (operands.clone(), statistics.clone(), gy.clone(), forward),
            |(operands, statistics, gy)| B::backward(operands, statistics, gy, None, false).x,
        )
    }
}

/// The derivative of [`group_norm`].
#[derive(Debug)]
struct NormBackward;

impl<B: GroupNormPasses> Backward<B, 2> for NormBackward {
    /// The statistics second.
    type State = (Operands<B>, FloatTensor<B>, Forward);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gy = grads.consume::<B>(&ops.node);
        let (operands, statistics, forward) = ops.state;
        let [x_node, scale_node] = ops.parents;
        // A leaf, which nothing comes before, would keep what is read of it.
        let inner_node =
            x_node.as_ref().filter(|node| node.order > 0 && forward.second_use.has_reached(node.id));
        let earlier = inner_node.map(|node| grads.consume::<B>(node));
        let Cotangents { x, weights } = B::backward(operands, statistics, gy, earlier, scale_node.is_some());
        if let Some(node) = x_node {
            grads.register::<B>(node.id, x);
        }
        if let Some(weights) = weights {
            forward.contributions.add(weights);
        }
    }
}

/// The derivative of [`group_norm_input_vjp`].
#[derive(Debug)]
struct NormDoubleBackward;

impl<B: GroupNormPasses> Backward<B, 3> for NormDoubleBackward {
    /// The statistics and `gy` after the operands.
    type State = (Operands<B>, FloatTensor<B>, FloatTensor<B>, Forward);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let v = grads.consume::<B>(&ops.node);
        let (operands, statistics, gy, forward) = ops.state;
        let [x_node, scale_node, gy_node] = ops.parents;
        let (cotangents, to_gy) = B::double_backward(operands, statistics, gy, v, scale_node.is_some());
        let Cotangents { x, weights } = cotangents;
        if let Some(node) = x_node {
            grads.register::<B>(node.id, x);
            forward.second_use.reach(node.id);
        }
        if let Some(weights) = weights {
            forward.contributions.add(weights);
        }
        if let Some(node) = gy_node {
            grads.register::<B>(node.id, to_gy);
        }
    }
}
