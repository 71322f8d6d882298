//! The linear layer `x Wᵀ + b` and the gradients of its weight and bias, each in one launch.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::CubeBackend;

use super::kernel::{Vector, launch};
use super::{Layout, MatrixProduct};
use crate::gpu::autodiff::record;
use crate::gpu::host::{Real, host_tensor, in_precision};
use crate::gpu::launch::{allocate, operand, upload};

/// `x Wᵀ + b`: `[N, F]` by `[O, F]` and `[O]` to `[N, O]`.
///
/// # Panics
/// Where the sizes do not fit.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let ([_, features], [outputs, expected]) = (x.dims(), weight.dims());
    assert_eq!(features, expected, "linear: x and weight do not fit");
    assert_eq!([outputs], bias.dims(), "linear: weight and bias do not fit");
    Tensor::from_dispatch(Dispatch::linear_layer(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// How burn routes the operation to the kernel and to burn's product.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait Linear: Backend {
    /// See [`linear`].
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The backward pass to the parameters.
pub trait LinearGradients: Linear + MatrixProduct {
    /// The gradients `gyᵀ x` `[O, F]` of the weight and `Σ gy` `[O]` of the bias.
    fn parameter_gradients(
        gy: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The derivatives of [`linear`].
#[derive(Debug)]
struct Gradient;

impl<B: LinearGradients> Backward<B, 3> for Gradient {
    /// `x` where a parameter is tracked, the weight where `x` is.
    type State = (Option<FloatTensor<B>>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let cotangent = grads.consume::<B>(&ops.node);
        let [x_node, weight_node, bias_node] = ops.parents;
        let (x, weight) = ops.state;
        if let (Some(node), Some(weight)) = (x_node, weight) {
            grads.register::<B>(node.id, B::matrix_product(cotangent.clone(), weight, Layout::Nn));
        }
        if let Some(x) = x {
            let (to_weight, to_bias) = B::parameter_gradients(cotangent, x);
            for (node, gradient) in [(weight_node, to_weight), (bias_node, to_bias)] {
                if let Some(node) = node {
                    grads.register::<B>(node.id, gradient);
                }
            }
        }
    }
}

impl<B: LinearGradients, C: CheckpointStrategy> Linear for Autodiff<B, C> {
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let x_tracked = x.is_tracked();
        let parameters_tracked = weight.is_tracked() || bias.is_tracked();
        let [(x, x_node), (weight, weight_node), (bias, bias_node)] =
            [x, weight, bias].map(|operand| operand.into_parts());
        record::<B, C, _, _, _>(
            Gradient,
            [x_node, weight_node, bias_node],
            (x, weight),
            |(x, weight)| (parameters_tracked.then(|| x.clone()), x_tracked.then(|| weight.clone())),
            |(x, weight)| B::linear_layer(x, weight, bias),
        )
    }
}

impl Linear for Flex {
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let product = Self::matrix_product(x, weight, Layout::Nt);
        let shape = product.shape();
        in_precision!(product, T => {
            let mut product = product.to_contiguous();
            let bias = bias.to_contiguous();
            let bias = bias.storage::<T>();
            for row in product.storage_mut::<T>().chunks_exact_mut(bias.len().max(1)) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += *bias);
            }
            product.reshape(shape)
        })
    }
}

impl LinearGradients for Flex {
    fn parameter_gradients(
        gy: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let outputs = gy.shape()[1];
        let sums = in_precision!(gy, T => {
            let gy = gy.to_contiguous();
            host_tensor(column_sums::<T>(gy.storage(), outputs), [outputs])
        });
        (Self::matrix_product(gy, x, Layout::Tn), sums)
    }
}

fn column_sums<T: Real>(rows: &[T], columns: usize) -> Vec<T> {
    let mut sums = vec![T::ZERO; columns];
    for row in rows.chunks_exact(columns.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += *value);
    }
    sums
}

impl Linear for CubeBackend {
    fn linear_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let bias = operand(bias);
        launch(x, weight, Layout::Nt, Vector::Bias, &bias.handle)
    }
}

impl LinearGradients for CubeBackend {
    fn parameter_gradients(
        gy: FloatTensor<Self>,
        x: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let outputs = gy.meta.shape()[1];
        // Without samples or features no kernel runs, and without samples the sums are zero.
        let sums = if x.meta.shape().num_elements() == 0 {
            upload(&gy, [outputs], &vec![0f32; outputs])
        } else {
            allocate::<f32>(&gy, [outputs])
        };
        (launch(gy, x, Layout::Tn, Vector::Sums, &sums.handle), sums)
    }
}
