//! Activations element by element: the value, its vector-Jacobian product, and the derivatives of both.

pub(in crate::gpu) mod curve;
mod host;
mod kernel;

pub(in crate::gpu) use kernel::shaders;

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::config::Activation;
use crate::gpu::autodiff::record;

/// `act(x)`, element by element.
///
/// # Panics
/// Where `x` is on a GPU and neither of `f32` nor of `f16` or has 2³¹ entries, or elsewhere and neither of `f32` nor of `f64`.
pub fn activate(x: Tensor<4>, kind: Activation) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::activate(x.into_dispatch(), kind))
}

/// `gy · act'(x)`: the vector-Jacobian product of [`activate`]; it can be differentiated once.
///
/// # Panics
/// As [`activate`], or where the shapes differ.
pub fn activate_vjp(x: Tensor<4>, gy: Tensor<4>, kind: Activation) -> Tensor<4> {
    assert_eq!(x.dims(), gy.dims(), "activate_vjp: x and gy differ in shape");
    Tensor::from_dispatch(Dispatch::activate_vjp(x.into_dispatch(), gy.into_dispatch(), kind))
}

/// How burn routes the operations.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait Activate: Backend {
    /// See [`activate`].
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;

    /// See [`activate_vjp`].
    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;
}

/// Derivatives, as each backend computes them without autodiff.
pub trait ActivationDerivatives: Backend {
    /// The activation, its first or its second derivative at `x`, times one factor for each time that it is derived.
    fn derivative(
        kind: Activation,
        x: FloatTensor<Self>,
        factors: Vec<FloatTensor<Self>>,
    ) -> FloatTensor<Self>;
}

/// Without autodiff they are their derivatives of no and of first order.
impl<B: ActivationDerivatives> Activate for B {
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        B::derivative(kind, x, vec![])
    }

    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        B::derivative(kind, x, vec![gy])
    }
}

impl<B: ActivationDerivatives, C: CheckpointStrategy> Activate for Autodiff<B, C> {
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        record::<B, C, _, _, _>(Value, [x_node], x, |x| (x.clone(), kind), |x| B::derivative(kind, x, vec![]))
    }

    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        // Where the slope is piecewise constant, the product does not depend on x.
        let x = if kind == Activation::Silu { x } else { FloatTensor::<Self>::new(x.into_primitive()) };
        let ((x, x_node), (gy, gy_node)) = (x.into_parts(), gy.into_parts());
        record::<B, C, _, _, _>(
            Product,
            [x_node, gy_node],
            (x, gy),
            |(x, gy)| (x.clone(), gy.clone(), kind),
            |(x, gy)| B::derivative(kind, x, vec![gy]),
        )
    }
}

/// The derivative of [`activate`].
#[derive(Debug)]
struct Value;

impl<B: ActivationDerivatives> Backward<B, 1> for Value {
    type State = (FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gy = grads.consume::<B>(&ops.node);
        let (x, kind) = ops.state;
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::derivative(kind, x, vec![gy]));
        }
    }
}

/// The derivative of [`activate_vjp`].
#[derive(Debug)]
struct Product;

impl<B: ActivationDerivatives> Backward<B, 2> for Product {
    type State = (FloatTensor<B>, FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let v = grads.consume::<B>(&ops.node);
        let (x, gy, kind) = ops.state;
        let [x_node, gy_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<B>(node.id, B::derivative(kind, x.clone(), vec![gy, v.clone()]));
        }
        if let Some(node) = gy_node {
            grads.register::<B>(node.id, B::derivative(kind, x, vec![v]));
        }
    }
}
