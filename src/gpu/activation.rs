//! Activations element by element: the value, its vector-Jacobian product, and the derivatives of both.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_wgpu::{CubeBackend, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;
use rayon::prelude::*;

use super::host::{Curve, WithCurve, map, with_curve};
use super::host_buffers::{buffer, recycle};
use super::info::info;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, dispatch};
use super::profile;
use super::real::{Real, host_tensor};
use super::storage::Storage;
use super::unroll::unroll;
use crate::config::Activation;

/// Invocations of a workgroup: few, so that small tensors still make many workgroups.
const LANES: u32 = WORKGROUP / 4;
/// Entries of a task on the host.
const TASK: usize = 1 << 14;

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

impl Activate for Flex {
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        Self::derivative(kind, x, vec![])
    }

    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        Self::derivative(kind, x, vec![gy])
    }
}

impl Activate for CubeBackend {
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        Self::derivative(kind, x, vec![])
    }

    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        Self::derivative(kind, x, vec![gy])
    }
}

impl<B: ActivationDerivatives, C: CheckpointStrategy> Activate for Autodiff<B, C> {
    fn activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        match Value.prepare::<C>([x_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x.clone(), kind), B::derivative(kind, x, vec![])),
            OpsKind::UnTracked(prepared) => prepared.finish(B::derivative(kind, x, vec![])),
        }
    }

    fn activate_vjp(x: FloatTensor<Self>, gy: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        // Where the slope is piecewise constant, the product does not depend on x.
        let x = if kind == Activation::Silu { x } else { FloatTensor::<Self>::new(x.into_primitive()) };
        let ((x, x_node), (gy, gy_node)) = (x.into_parts(), gy.into_parts());
        match Product.prepare::<C>([x_node, gy_node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let gx = B::derivative(kind, x.clone(), vec![gy.clone()]);
                prepared.finish((x, gy, kind), gx)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::derivative(kind, x, vec![gy])),
        }
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

impl ActivationDerivatives for Flex {
    fn derivative(
        kind: Activation,
        x: FloatTensor<Self>,
        factors: Vec<FloatTensor<Self>>,
    ) -> FloatTensor<Self> {
        let floats = (2 + factors.len()) * x.shape().num_elements();
        profile::moving_on_host("activation", floats, || match x.dtype() {
            DType::F32 => on_host::<f32>(kind, x, factors),
            DType::F64 => on_host::<f64>(kind, x, factors),
            other => panic!("activation: {other:?} is neither f32 nor f64"),
        })
    }
}

fn on_host<T: Real>(kind: Activation, x: FlexTensor, factors: Vec<FlexTensor>) -> FlexTensor {
    let shape = x.shape();
    let inputs: Vec<_> = [x].into_iter().chain(factors).map(|tensor| tensor.to_contiguous()).collect();
    let values: Vec<&[T]> = inputs.iter().map(FlexTensor::storage).collect();
    let mut output = buffer(shape.num_elements());
    output.par_chunks_mut(TASK).enumerate().for_each(|(task, output)| {
        let inputs = values.iter().map(|values| &values[task * TASK..][..output.len()]).collect();
        with_curve(Some(kind), Run { inputs, output });
    });
    recycle(inputs);
    host_tensor(output, shape)
}

/// One task of the host: `x` and its factors.
struct Run<'a, T> {
    inputs: Vec<&'a [T]>,
    output: &'a mut [T],
}

impl<T: Real> WithCurve for Run<'_, T> {
    #[inline(always)]
    fn with<A: Curve>(self, _: A) {
        let Self { inputs, output } = self;
        match inputs.as_slice() {
            [x] => map(
                [x],
                [output],
                #[inline(always)]
                |[x]| [A::value(x)],
            ),
            [x, a] => map(
                [x, a],
                [output],
                #[inline(always)]
                |[x, a]| [A::slope(x) * a],
            ),
            [x, a, b] => map(
                [x, a, b],
                [output],
                #[inline(always)]
                |[x, a, b]| [A::curvature(x) * a * b],
            ),
            _ => unreachable!("activations are derived at most twice"),
        }
    }
}

impl ActivationDerivatives for CubeBackend {
    fn derivative(
        kind: Activation,
        x: FloatTensor<Self>,
        factors: Vec<FloatTensor<Self>>,
    ) -> FloatTensor<Self> {
        let in_vectors = x.meta.shape().num_elements().is_multiple_of(4);
        let kernel = Kernel { kind, factors: factors.len(), storage: Storage::of(&x), in_vectors };
        let mut inputs: Vec<_> = factors.into_iter().chain([x]).map(into_contiguous).collect();
        for input in &inputs {
            assert_eq!(Storage::of(input), kernel.storage, "activation: factors as x");
        }
        let shape = inputs[0].meta.shape().clone();
        assert!(shape.num_elements() <= MOST_ELEMENTS, "activation: split a batch of 2³¹ entries");
        let output = kernel.storage.allocate(&inputs[0], shape.clone());
        inputs.push(output.clone());
        let elements = shape.num_elements() as u32 / if in_vectors { 4 } else { 1 };
        if elements > 0 {
            let info = info(&output, &[elements]);
            let buffers: Vec<_> = inputs.iter().map(|input| &input.handle).chain([&info]).collect();
            let workgroups = elements.div_ceil(LANES).min(MOST_WORKGROUPS);
            dispatch(&output, kernel, LANES, [workgroups, 1, 1], &buffers);
        }
        output
    }
}

/// The kernel, and all that its source depends on.
struct Kernel {
    kind: Activation,
    factors: usize,
    storage: Storage,
    /// Whether entries are loaded and stored four at a time.
    in_vectors: bool,
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let text = unroll(include_str!("../../shaders/activation.wgsl"), &[("factors", self.factors as u32)]);
        let stored = self.storage.name();
        SourceTemplate::new(self.storage.enabled(&text))
            .register("stored", if self.in_vectors { format!("vec4<{stored}>") } else { stored.into() })
            .register("entries", if self.in_vectors { "vec4<f32>" } else { "f32" })
            .register("bits", if self.in_vectors { "vec4<i32>" } else { "i32" })
            .register("x", self.factors.to_string())
            .register("output", (self.factors + 1).to_string())
            .register("info", (self.factors + 2).to_string())
            .register("workgroup", LANES.to_string())
            .register("derivative", formulas(Some(self.kind))[self.factors])
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.kind, self.factors, self.storage, self.in_vectors))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// An activation and its two derivatives at `z`, in WGSL that has `sigmoid`, all of the type `Entries`: one or a vector.
pub(super) fn formulas(kind: Option<Activation>) -> [&'static str; 3] {
    match kind {
        None => ["z", "Entries(1.0)", "Entries(0.0)"],
        // What is no number stays none. Drivers may assume that there is no such thing, and take a comparison of floats for
        // a maximum, which drops it: so bits are compared. Those up to minus infinity's are the negative numbers.
        Some(Activation::Relu) => [
            "select(z, Entries(0.0), bitcast<Bits>(z) <= Bits(-8388608))",
            "select(Entries(0.0), Entries(1.0), z > Entries(0.0))",
            "Entries(0.0)",
        ],
        Some(Activation::Silu) => [
            "z * sigmoid(z)",
            "sigmoid(z) * (1.0 + z * sigmoid(-z))",
            "sigmoid(z) * sigmoid(-z) * (2.0 + z * (1.0 - 2.0 * sigmoid(z)))",
        ],
    }
}

/// Every variant that is ever launched.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    let variants = [
        (Activation::Relu, 0),
        (Activation::Relu, 1),
        (Activation::Silu, 0),
        (Activation::Silu, 1),
        (Activation::Silu, 2),
    ];
    let mut shaders = Vec::new();
    for (kind, factors) in variants {
        for storage in Storage::ALL {
            for in_vectors in [false, true] {
                let kernel = Kernel { kind, factors, storage, in_vectors };
                shaders.push(("activation.wgsl", kernel.source().complete()));
            }
        }
    }
    shaders
}
