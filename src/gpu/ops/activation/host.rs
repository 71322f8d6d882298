//! Activations on the host, in tasks that threads share.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use rayon::prelude::*;

use super::ActivationDerivatives;
use super::curve::{Curve, WithCurve, with_curve};
use crate::config::Activation;
use crate::gpu::host::{Real, buffer, host_tensor, map, recycle};
use crate::gpu::launch::profile;

/// Entries of a task on the host.
const TASK: usize = 1 << 14;

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
