//! One step of an optimiser over several weight tensors in one buffer, as a kernel and as plain loops.
//!
//! Autodiff gives each gradient a buffer of its own. WebGPU lets a kernel bind eight at the least: beside old state, new
//! state and sizes there is room for five gradients a launch, and for all of a small network where an adapter takes more.

mod host;
mod kernel;
mod layout;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;
pub use layout::layout;

use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    ExtensionType, backend_extension,
};
use burn::tensor::Tensor;

use crate::gpu::launch::MOST_ELEMENTS;
use layout::ALIGNMENT;

/// The numbers of a step: with slope `s = gradient_factor · g + weight_decay · w`,
/// `first ← keep · first + take · s`, likewise `second` of `s²` where there is one, then
/// `w ← w − learning_rate · first / (√second / correction + epsilon)`, or `w − learning_rate · first` without `second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// Factor on the update.
    pub learning_rate: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// What is kept of the first moment, and what is taken of the slope.
    pub first: [f64; 2],
    /// What is kept of the second moment, and what is taken of the squared slope.
    pub second: Option<[f64; 2]>,
    /// Divides the root of the second moment.
    pub correction: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Factor on the gradient: 1, or what undoes the scale of the loss that it is of.
    pub gradient_factor: f64,
}

impl Coefficients {
    /// Weights and one or two moments.
    fn planes(&self) -> usize {
        if self.second.is_some() { 3 } else { 2 }
    }

    /// In the order in which the kernel reads them.
    fn in_order(&self) -> [f64; 9] {
        let [keep_second, take_second] = self.second.unwrap_or_default();
        let [keep_first, take_first] = self.first;
        [
            self.learning_rate,
            self.weight_decay,
            keep_first,
            take_first,
            keep_second,
            take_second,
            self.correction,
            self.epsilon,
            self.gradient_factor,
        ]
    }
}

/// The state after a step along the gradients of its parts; the old state stays as it is.
///
/// `state` is planes of equal length one after the other: the weights, the first moments, and the second ones where
/// [`Coefficients::second`] is there; in each the parts stand as [`layout()`] of the gradients' lengths says.
///
/// # Panics
/// Where the lengths do not fit each other.
pub fn optimizer_step(state: Tensor<1>, gradients: &[Tensor<1>], coefficients: Coefficients) -> Tensor<1> {
    let lengths: Vec<usize> = gradients.iter().map(|gradient| gradient.dims()[0]).collect();
    let (_, plane) = layout(&lengths);
    assert_eq!(state.dims()[0], coefficients.planes() * plane, "optimizer_step: {lengths:?}");
    assert!(state.dims()[0] <= MOST_ELEMENTS, "optimizer_step: {lengths:?}");
    let gradients = gradients.iter().map(|gradient| gradient.clone().without_autodiff().into_dispatch());
    let state = state.without_autodiff().into_dispatch();
    Tensor::from_dispatch(Dispatch::optimizer_step(state, Gradients(gradients.collect()), coefficients))
}

/// `length` entries of `state` from `start` on, a multiple of 64: on a GPU a view that costs no launch.
///
/// # Panics
/// Where the state has no such entries.
pub fn part(state: &Tensor<1>, start: usize, length: usize) -> Tensor<1> {
    assert!(start.is_multiple_of(ALIGNMENT) && start + length <= state.dims()[0], "part: {start}, {length}");
    Tensor::from_dispatch(Dispatch::state_part(state.clone().into_dispatch(), start, length))
}

/// The gradients of a step, however many and without autodiff: burn's macro takes structures to a backend, and no lists.
#[derive(Debug)]
pub struct Gradients<B: Backend>(Vec<FloatTensor<B>>);

impl<B: Backend> ExtensionType<B> for Gradients<B> {
    type Target = Gradients<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Self::Target
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let mapped = self.0.into_iter().map(|gradient| map_kind(BackendTensor::Float(gradient)));
        Gradients(mapped.map(|kind| DispatchTensor { kind, autodiff }).collect())
    }

    fn map_from_dispatch<F>(target: Self::Target, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        Self(target.0.into_iter().map(|gradient| unwrap_kind(gradient).float()).collect())
    }

    fn routing_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }
}

/// How burn routes the operations to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait OptimizerStep: Backend {
    /// See [`optimizer_step`]; all without autodiff.
    fn optimizer_step(
        state: FloatTensor<Self>,
        #[extension_type] gradients: Gradients<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self>;

    /// See [`part`].
    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self>;
}
