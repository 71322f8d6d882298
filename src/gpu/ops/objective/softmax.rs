//! The softmax of logits, the gradient of cross-entropies with respect to them, and those ones' derivative.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};

use crate::gpu::autodiff::record;
use crate::gpu::host::{Real, host_tensor, in_precision, log_sum};
use crate::gpu::launch::{Plain, allocate, info, operand, shader, unused};

/// All three forms; its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("objective/softmax.wgsl"), workgroup: 64 };

/// The softmax of each row of `logits` `[N, K]`, outside every autodiff graph.
pub fn softmax(logits: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::softmax(logits.without_autodiff().into_dispatch()))
}

/// `∂ Σᵢ CE(aᵢ, tᵢ) / ∂a`: the softmax of each row of `logits` `[N, K]` less its target row, which sums to 1.
///
/// It can be differentiated with respect to the logits; the targets are constants.
///
/// # Panics
/// Where the shapes differ.
pub fn logit_gradient(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    assert_eq!(logits.dims(), targets.dims(), "logit_gradient: logits and targets differ in shape");
    Tensor::from_dispatch(Dispatch::logit_gradient(logits.into_dispatch(), targets.into_dispatch()))
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait LogitGradient: Backend {
    /// See [`logit_gradient`].
    fn logit_gradient(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What needs no derivative through burn.
#[backend_extension(Cube, Flex)]
pub trait Softmax: Backend {
    /// See [`softmax`].
    fn softmax(logits: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `p ⊙ (v − ⟨p, v⟩)`, row by row, with `p` the softmax: the product of `v` with its Jacobian.
    fn softmax_vjp(logits: FloatTensor<Self>, v: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The derivative of [`logit_gradient`].
#[derive(Debug)]
struct Gradient;

impl<B: Softmax> Backward<B, 1> for Gradient {
    /// The logits.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::softmax_vjp(ops.state, cotangent));
        }
    }
}

impl<B: LogitGradient + Softmax, C: CheckpointStrategy> LogitGradient for Autodiff<B, C> {
    fn logit_gradient(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((logits, node), (targets, _)) = (logits.into_parts(), targets.into_parts());
        record::<B, C, _, _, _>(Gradient, [node], logits, Clone::clone, |logits| {
            B::logit_gradient(logits, targets)
        })
    }
}

impl LogitGradient for Flex {
    fn logit_gradient(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        in_precision!(logits, T => by_rows::<T>(&logits, &targets, |p, targets| {
            p.iter_mut().zip(targets).for_each(|(p, target)| *p -= *target);
        }))
    }
}

impl Softmax for Flex {
    fn softmax(logits: FloatTensor<Self>) -> FloatTensor<Self> {
        in_precision!(logits, T => by_rows::<T>(&logits, &logits, |_, _| ()))
    }

    fn softmax_vjp(logits: FloatTensor<Self>, v: FloatTensor<Self>) -> FloatTensor<Self> {
        in_precision!(logits, T => by_rows::<T>(&logits, &v, |p, v| {
            let along: T = p.iter().zip(v).map(|(p, v)| *p * *v).sum();
            p.iter_mut().zip(v).for_each(|(p, v)| *p *= *v - along);
        }))
    }
}

/// The softmax of each row, changed by `form` together with the row of `other`.
fn by_rows<T: Real>(logits: &FlexTensor, other: &FlexTensor, form: impl Fn(&mut [T], &[T])) -> FlexTensor {
    let shape = logits.shape();
    let (logits, other) = (logits.to_contiguous(), other.to_contiguous());
    let mut rows = logits.storage::<T>().to_vec();
    let classes = shape[1].max(1);
    for (row, other) in rows.chunks_exact_mut(classes).zip(other.storage::<T>().chunks_exact(classes)) {
        let [largest, log_sum] = log_sum(row);
        row.iter_mut().for_each(|value| *value = (*value - largest - log_sum).exp());
        form(row, other);
    }
    host_tensor(rows, shape)
}

impl LogitGradient for CubeBackend {
    fn logit_gradient(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        launch(logits, Some(targets), Form::LessTarget)
    }
}

impl Softmax for CubeBackend {
    fn softmax(logits: FloatTensor<Self>) -> FloatTensor<Self> {
        launch(logits, None, Form::Alone)
    }

    fn softmax_vjp(logits: FloatTensor<Self>, v: FloatTensor<Self>) -> FloatTensor<Self> {
        launch(logits, Some(v), Form::Vjp)
    }
}

/// What the kernel makes of the softmax.
#[derive(Clone, Copy)]
enum Form {
    Alone = 0,
    LessTarget = 1,
    Vjp = 2,
}

fn launch(logits: CubeTensor, other: Option<CubeTensor>, form: Form) -> CubeTensor {
    let logits = operand(logits);
    let other = other.map_or_else(|| unused(&logits, 0), |other| operand(other).handle);
    let [rows, classes] = logits.meta.shape().dims();
    let output = allocate::<f32>(&logits, [rows, classes]);
    let info = info(&logits, &[rows as u32, classes as u32, form as u32]);
    if classes > 0 {
        KERNEL.over(rows, &logits, &[&logits.handle, &other, &output.handle, &info]);
    }
    output
}
