//! The main network's objective from both networks' logits in one pass, and its gradients in another.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::server::Handle;

use super::host_objective::on_host;
use super::info::info;
use super::kernel::{Plain, allocate, operand, unused, upload};
use super::real::in_precision;
use crate::config::Adversary;

/// The value or both gradients; its source depends on constants alone.
pub(super) const KERNEL: Plain =
    Plain { name: "objective.wgsl", text: include_str!("../../shaders/objective.wgsl"), workgroup: 64 };

/// What is added to the cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Factor of GREACE's addition.
    pub beta: f64,
    /// Factor of the adversary.
    pub alpha: f64,
    /// The adversary's form.
    pub adversary: Adversary,
}

impl Terms {
    /// The signed factor of the cross-entropy of `a'`, and whether its targets are uniform.
    pub(super) fn adversary(self) -> (f64, bool) {
        match self.adversary {
            Adversary::Reversal => (-self.alpha, false),
            Adversary::Confusion => (self.alpha, true),
        }
    }
}

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
/// cross-entropy from the uniform distribution to `softmax(a')`. Algorithms, section 1.
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

/// The ways back.
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
        let loss = B::cross_entropy(logits.clone(), targets.clone());
        match OfCrossEntropy.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([logits, targets], loss),
            OpsKind::UnTracked(prepared) => prepared.finish(loss),
        }
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        let [(logits, node), (auxiliary_logits, auxiliary_node), (one_hot, _)] =
            [logits, auxiliary_logits, one_hot].map(|operand| operand.into_parts());
        let objective = B::great_objective(logits.clone(), auxiliary_logits.clone(), one_hot.clone(), terms);
        match OfGreat.prepare::<C>([node, auxiliary_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish(([logits, auxiliary_logits, one_hot], terms), objective)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(objective),
        }
    }
}

/// The terms of plain cross-entropy.
const NO_TERMS: Terms = Terms { beta: 0.0, alpha: 0.0, adversary: Adversary::Reversal };

impl Objective for Flex {
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [objective, ..] = on_host::<T>(logits, None, targets, None, NO_TERMS);
            objective
        })
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [objective, ..] = on_host::<T>(logits, Some(auxiliary_logits), one_hot, None, terms);
            objective
        })
    }
}

impl ObjectiveGradients for Flex {
    fn cross_entropy_vjp(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [_, gradient, _] = on_host::<T>(logits, None, targets, Some(cotangent), NO_TERMS);
            gradient
        })
    }

    fn great_objective_vjp(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        terms: Terms,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        in_precision!(logits, T => {
            let [_, gradient, auxiliary_gradient] =
                on_host::<T>(logits, Some(auxiliary_logits), one_hot, Some(cotangent), terms);
            (gradient, auxiliary_gradient)
        })
    }
}

impl Objective for CubeBackend {
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        Pass::new(logits, None, targets, NO_TERMS).value()
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        Pass::new(logits, Some(auxiliary_logits), one_hot, terms).value()
    }
}

impl ObjectiveGradients for CubeBackend {
    fn cross_entropy_vjp(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let pass = Pass::new(logits, None, targets, NO_TERMS);
        let gradient = pass.shaped_like_logits();
        pass.gradients(cotangent, &gradient, &unused(&gradient, 0));
        gradient
    }

    fn great_objective_vjp(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        terms: Terms,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let pass = Pass::new(logits, Some(auxiliary_logits), one_hot, terms);
        let [gradient, auxiliary_gradient] = [pass.shaped_like_logits(), pass.shaped_like_logits()];
        pass.gradients(cotangent, &gradient, &auxiliary_gradient.handle);
        (gradient, auxiliary_gradient)
    }
}

/// A launch of the kernel.
struct Pass {
    logits: CubeTensor,
    auxiliary_logits: Option<CubeTensor>,
    targets: CubeTensor,
    terms: Terms,
}

impl Pass {
    fn new(
        logits: CubeTensor,
        auxiliary_logits: Option<CubeTensor>,
        targets: CubeTensor,
        terms: Terms,
    ) -> Self {
        let auxiliary_logits = auxiliary_logits.map(operand);
        Self { logits: operand(logits), auxiliary_logits, targets: operand(targets), terms }
    }

    fn shaped_like_logits(&self) -> CubeTensor {
        allocate::<f32>(&self.logits, self.logits.meta.shape().clone())
    }

    fn value(self) -> CubeTensor {
        if self.logits.meta.shape().num_elements() == 0 {
            return upload(&self.logits, [1], &[f32::NAN]);
        }
        let objective = allocate::<f32>(&self.logits, [1]);
        // One workgroup, as it is one sum.
        self.launch(1, None, &objective.handle, &unused(&objective, 0));
        objective
    }

    fn gradients(self, cotangent: CubeTensor, gradient: &CubeTensor, auxiliary_gradient: &Handle) {
        let rows = self.logits.meta.shape()[0];
        self.launch(rows, Some(&operand(cotangent).handle), &gradient.handle, auxiliary_gradient);
    }

    fn launch(
        &self,
        invocations: usize,
        cotangent: Option<&Handle>,
        output: &Handle,
        auxiliary_output: &Handle,
    ) {
        let Self { logits, auxiliary_logits, targets, terms } = self;
        let [rows, classes] = logits.meta.shape().dims().map(|size: usize| size as u32);
        let (weight, uniform) = terms.adversary();
        let flags = [cotangent.is_some(), auxiliary_logits.is_some()].map(u32::from);
        let factors = [terms.beta, weight].map(|factor| (factor as f32).to_bits());
        let info =
            info(logits, &[rows, classes, flags[0], flags[1], factors[0], factors[1], u32::from(uniform)]);
        let unread = unused(logits, 1);
        let cotangent = cotangent.unwrap_or(&unread);
        let auxiliary =
            auxiliary_logits.as_ref().map_or_else(|| unused(logits, 2), |tensor| tensor.handle.clone());
        let buffers =
            [&logits.handle, &auxiliary, &targets.handle, cotangent, output, auxiliary_output, &info];
        KERNEL.over(invocations, logits, &buffers);
    }
}
