//! Group normalisation with an activation behind it, and its input vector-Jacobian product, which has a derivative too.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::CubeBackend;

use crate::config::Activation;

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

/// What a forward pass leaves for the way back: how each group of each sample was normalised.
#[derive(Clone, Debug)]
pub struct NormStatistics {
    /// `[batch, groups, 2]`: mean and `r`, outside every autodiff graph.
    pub values: Tensor<3>,
    again: Again,
}

/// To whom the way back through [`group_norm_input_vjp`] has given a cotangent of `x`, if it has come there. That through
/// [`group_norm`], which mostly comes later, then adds its own to it in its loop rather than leave that to autodiff.
#[derive(Clone, Debug, Default)]
pub struct Again(Arc<Mutex<Option<NodeId>>>);

impl Again {
    fn came_to(&self, x: NodeId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(x);
    }

    fn has_come_to(&self, x: NodeId) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(x)
    }
}

/// Group normalisation (Wu & He 2018) of `x` `[batch, channels, height, width]`: `y = act(γ x̂ + β)`, shaped like `x`,
/// with `scale` γ and `shift` β `[channels]`, and the statistics behind `x̂`.
///
/// `x̂ = r (x − mean)` with `r = 1 / √(variance + ε)`, group by group of a sample. The statistics carry no autodiff graph:
/// the way back knows how they depend on `x`.
///
/// # Panics
/// Where the channels are no multiple of the groups or not as many as those of scale and shift; where a tensor on a GPU
/// is not of `f32` (`x` also of `f16`, and `y` then too) or a group has more than 256 channels, or one elsewhere is neither
/// of `f32` nor of `f64`.
pub fn group_norm(
    x: Tensor<4>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    form: NormForm,
) -> (Tensor<4>, NormStatistics) {
    let [_, channels, ..] = x.dims();
    assert_eq!(
        [channels; 2],
        [scale.dims()[0], shift.dims()[0]],
        "group_norm: channels of x, scale and shift"
    );
    assert_eq!(channels % form.groups, 0, "group_norm: {channels} channels in {form:?}");
    let again = Again::default();
    let [x, scale, shift] = [x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()];
    let (y, values) = Dispatch::group_norm(x, scale, shift, form, again.clone());
    let values = Tensor::from_dispatch(values).without_autodiff();
    (Tensor::from_dispatch(y), NormStatistics { values, again })
}

/// `gyᵀ · ∂y/∂x` of [`group_norm`], from its input and statistics: `r (u − m(u) − x̂ m(u x̂))` with
/// `u = γ · gy · act'(γ x̂ + β)`, where `m` is the mean over a group of a sample.
///
/// It can be differentiated once with respect to `x`, `scale`, `shift` and `gy`.
///
/// # Panics
/// As [`group_norm`], or where `x`, `gy` and the statistics do not fit.
pub fn group_norm_input_vjp(
    x: Tensor<4>,
    statistics: NormStatistics,
    scale: Tensor<1>,
    shift: Tensor<1>,
    gy: Tensor<4>,
    form: NormForm,
) -> Tensor<4> {
    let [batch, channels, ..] = x.dims();
    assert_eq!(x.dims(), gy.dims(), "group_norm_input_vjp: x and gy differ in shape");
    let NormStatistics { values, again } = statistics;
    assert_eq!(values.dims(), [batch, form.groups, 2], "group_norm_input_vjp: the statistics");
    assert_eq!(
        [channels; 2],
        [scale.dims()[0], shift.dims()[0]],
        "group_norm_input_vjp: channels of x, scale and shift"
    );
    Tensor::from_dispatch(Dispatch::group_norm_input_vjp(
        x.into_dispatch(),
        values.into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
        gy.into_dispatch(),
        form,
        again,
    ))
}

/// How burn routes the operations.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait GroupNorm: Backend {
    /// See [`group_norm`].
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        form: NormForm,
        again: Again,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`group_norm_input_vjp`].
    fn group_norm_input_vjp(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        form: NormForm,
        again: Again,
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
    /// Of scale and shift, `[channels]` each, where they are asked for.
    pub weights: Option<[FloatTensor<B>; 2]>,
}

/// The three passes, as each backend computes them without autodiff.
pub trait GroupNormPasses: Backend {
    /// See [`group_norm`].
    fn forward(operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The cotangents of all operands of [`group_norm`] from that of `y`; `earlier`, if any, is added to that of `x`.
    fn back(
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
    fn back_again(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: bool,
    ) -> (Cotangents<Self>, FloatTensor<Self>);
}

/// [`GroupNorm`] of a backend without autodiff is its passes.
macro_rules! by_passes {
    ($backend:ty) => {
        impl GroupNorm for $backend {
            fn group_norm(
                x: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                shift: FloatTensor<Self>,
                form: NormForm,
                _: Again,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                Self::forward(Operands { x, scale, shift, form })
            }

            fn group_norm_input_vjp(
                x: FloatTensor<Self>,
                statistics: FloatTensor<Self>,
                scale: FloatTensor<Self>,
                shift: FloatTensor<Self>,
                gy: FloatTensor<Self>,
                form: NormForm,
                _: Again,
            ) -> FloatTensor<Self> {
                Self::back(Operands { x, scale, shift, form }, statistics, gy, None, false).x
            }
        }
    };
}
by_passes!(Flex);
by_passes!(CubeBackend);

impl<B: GroupNormPasses, C: CheckpointStrategy> GroupNorm for Autodiff<B, C> {
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        form: NormForm,
        again: Again,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ((x, x_node), (scale, scale_node), (shift, shift_node)) =
            (x.into_parts(), scale.into_parts(), shift.into_parts());
        let operands = Operands { x, scale, shift, form };
        let prepared = Back.prepare::<C>([x_node, scale_node, shift_node]).compute_bound().stateful();
        let (y, statistics) = B::forward(operands.clone());
        let y = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((operands, statistics.clone(), again), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        };
        (y, FloatTensor::<Self>::new(statistics))
    }

    fn group_norm_input_vjp(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        form: NormForm,
        again: Again,
    ) -> FloatTensor<Self> {
        // Only a curved activation makes the product depend on the shift.
        let is_curved = form.activation == Some(Activation::Silu);
        let shift = if is_curved { shift } else { FloatTensor::<Self>::new(shift.into_primitive()) };
        let ((x, x_node), (scale, scale_node), (shift, shift_node), (gy, gy_node)) =
            (x.into_parts(), scale.into_parts(), shift.into_parts(), gy.into_parts());
        let operands = Operands { x, scale, shift, form };
        let statistics = statistics.into_primitive();
        let nodes = [x_node, scale_node, shift_node, gy_node];
        let prepared = BackAgain.prepare::<C>(nodes).compute_bound().stateful();
        let gx = B::back(operands.clone(), statistics.clone(), gy.clone(), None, false).x;
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((operands, statistics, gy, again), gx),
            OpsKind::UnTracked(prepared) => prepared.finish(gx),
        }
    }
}

/// The derivative of [`group_norm`].
#[derive(Debug)]
struct Back;

impl<B: GroupNormPasses> Backward<B, 3> for Back {
    /// The statistics second.
    type State = (Operands<B>, FloatTensor<B>, Again);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gy = grads.consume::<B>(&ops.node);
        let (operands, statistics, again) = ops.state;
        // A leaf, which nothing comes before, would keep what is read of it.
        let x_node = ops.parents[0].as_ref();
        let inner_node = x_node.filter(|node| node.order > 0 && again.has_come_to(node.id));
        let earlier = inner_node.map(|node| grads.consume::<B>(node));
        let [x_node, scale_node, shift_node] = ops.parents.map(|parent| parent.map(|node| node.id));
        let weights = scale_node.is_some() || shift_node.is_some();
        let cotangents = B::back(operands, statistics, gy, earlier, weights);
        register_all(grads, [x_node, scale_node, shift_node], cotangents);
    }
}

/// The derivative of [`group_norm_input_vjp`].
#[derive(Debug)]
struct BackAgain;

impl<B: GroupNormPasses> Backward<B, 4> for BackAgain {
    /// The statistics and `gy` after the operands.
    type State = (Operands<B>, FloatTensor<B>, FloatTensor<B>, Again);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let v = grads.consume::<B>(&ops.node);
        let (operands, statistics, gy, again) = ops.state;
        let [x_node, scale_node, shift_node, gy_node] = ops.parents.map(|parent| parent.map(|node| node.id));
        let weights = scale_node.is_some() || shift_node.is_some();
        let (cotangents, to_gy) = B::back_again(operands, statistics, gy, v, weights);
        register_all(grads, [x_node, scale_node, shift_node], cotangents);
        if let Some(node) = x_node {
            again.came_to(node);
        }
        if let Some(node) = gy_node {
            grads.register::<B>(node, to_gy);
        }
    }
}

/// Hands the cotangents to those operands that are tracked.
fn register_all<B: Backend>(
    grads: &mut Gradients,
    [x_node, scale_node, shift_node]: [Option<NodeId>; 3],
    cotangents: Cotangents<B>,
) {
    if let Some(node) = x_node {
        grads.register::<B>(node, cotangents.x);
    }
    let Some([to_scale, to_shift]) = cotangents.weights else { return };
    for (node, cotangent) in [(scale_node, to_scale), (shift_node, to_shift)] {
        if let Some(node) = node {
            grads.register::<B>(node, cotangent);
        }
    }
}
