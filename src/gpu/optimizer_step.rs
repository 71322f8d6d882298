//! One step of an optimiser over several weight tensors in one buffer, as a kernel and as plain loops.
//!
//! WebGPU lets a kernel bind eight buffers, and autodiff gives each gradient one of its own: beside old state, new state
//! and sizes there is room for [`PARTS`] gradients a launch.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;

use super::host_optimizer::on_host;
use super::info::info_once;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, allocate, dispatch};
use super::profile;
use super::unroll::unroll;

/// Weight tensors that one launch moves.
pub const PARTS: usize = 5;
/// Each part begins at a multiple of so many floats: 256 bytes, where any adapter lets a binding begin.
pub(super) const ALIGNMENT: usize = 64;
/// Invocations of a workgroup; a part is whole workgroups, so that all of one read the same gradient.
const LANES: u32 = WORKGROUP / 4;

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

/// Where the parts of these lengths begin in a plane, and how long a plane is.
pub fn layout(lengths: &[usize]) -> (Vec<usize>, usize) {
    let mut end = 0;
    let starts = lengths.iter().map(|length| {
        let start = end;
        end += length.next_multiple_of(ALIGNMENT);
        start
    });
    (starts.collect(), end)
}

/// The state after a step along the gradients of its parts, at most [`PARTS`] of them; the old state stays as it is.
///
/// `state` is planes of equal length one after the other: the weights, the first moments, and the second ones where
/// [`Coefficients::second`] is there; in each the parts stand as [`layout`] of the gradients' lengths says.
///
/// # Panics
/// Where the lengths do not fit each other, or there are more gradients than that.
pub fn optimizer_step(state: Tensor<1>, gradients: &[Tensor<1>], coefficients: Coefficients) -> Tensor<1> {
    let lengths: Vec<usize> = gradients.iter().map(|gradient| gradient.dims()[0]).collect();
    let (_, plane) = layout(&lengths);
    assert_eq!(state.dims()[0], coefficients.planes() * plane, "optimizer_step: {lengths:?}");
    assert!(lengths.len() <= PARTS && state.dims()[0] <= MOST_ELEMENTS, "optimizer_step: {lengths:?}");
    let device = state.device();
    let absent = || Tensor::<1>::empty([0], (&device, state.dtype()));
    let [a, b, c, d, e] = std::array::from_fn(|part| {
        gradients.get(part).cloned().unwrap_or_else(absent).without_autodiff().into_dispatch()
    });
    let state = state.without_autodiff().into_dispatch();
    Tensor::from_dispatch(Dispatch::optimizer_step(state, a, b, c, d, e, coefficients))
}

/// `length` entries of `state` from `start` on, a multiple of 64: on a GPU a view that costs no launch.
///
/// # Panics
/// Where the state has no such entries.
pub fn part(state: &Tensor<1>, start: usize, length: usize) -> Tensor<1> {
    assert!(start.is_multiple_of(ALIGNMENT) && start + length <= state.dims()[0], "part: {start}, {length}");
    Tensor::from_dispatch(Dispatch::state_part(state.clone().into_dispatch(), start, length))
}

/// How burn routes the operations to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait OptimizerStep: Backend {
    /// See [`optimizer_step`]; absent gradients are empty; all without autodiff.
    fn optimizer_step(
        state: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self>;

    /// See [`part`].
    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self>;
}

impl OptimizerStep for CubeBackend {
    fn optimizer_step(
        state: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self> {
        let (state, gradients) = (into_contiguous(state), [a, b, c, d, e].map(into_contiguous));
        for tensor in gradients.iter().chain([&state]) {
            assert_eq!(tensor.dtype, DType::F32, "optimizer_step: the kernel takes f32");
        }
        let lengths = gradients.each_ref().map(|gradient| gradient.meta.shape()[0]);
        // Nothing cannot be bound: it would be whatever stands behind it, which another binding may be.
        let gradients =
            gradients.map(|some| if some.meta.shape()[0] == 0 { allocate::<f32>(&state, [1]) } else { some });
        let (starts, plane) = layout(&lengths);
        let stepped = allocate::<f32>(&state, state.meta.shape().clone());
        if plane == 0 {
            return stepped;
        }
        let ends = starts[1..].iter().copied().chain([plane]);
        let numbers: Vec<u32> = [plane as u32, coefficients.planes() as u32]
            .into_iter()
            .chain(coefficients.in_order().map(|number| (number as f32).to_bits()))
            .chain(ends.chain(lengths).map(|size| size as u32))
            .collect();
        let info = info_once(&state, &numbers);
        let mut buffers = vec![&state.handle, &stepped.handle, &info];
        buffers.extend(gradients.iter().map(|gradient| &gradient.handle));
        // Each invocation strides over as much as one dimension of workgroups leaves over.
        let workgroups = [(plane as u32).div_ceil(LANES).min(MOST_WORKGROUPS), 1, 1];
        dispatch(&state, Kernel, LANES, workgroups, &buffers);
        stepped
    }

    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        let state = into_contiguous(state);
        let bytes = |entries: usize| (entries * state.dtype.size()) as u64;
        let after = state.meta.shape()[0] - start - length;
        let handle = state.handle.clone().offset_start(bytes(start)).offset_end(bytes(after));
        CubeTensor::new_contiguous(state.client, state.device, Shape::new([length]), handle, state.dtype)
    }
}

impl OptimizerStep for Flex {
    fn optimizer_step(
        state: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self> {
        let gradients = [a, b, c, d, e];
        let read = gradients.iter().map(|gradient| gradient.shape().num_elements()).sum::<usize>();
        let floats = 2 * state.shape().num_elements() + read;
        profile::moving_on_host("optimizer step", floats, || match state.dtype() {
            DType::F32 => on_host(&state, gradients, coefficients.in_order().map(|number| number as f32)),
            DType::F64 => on_host(&state, gradients, coefficients.in_order()),
            other => panic!("optimizer_step: no loops for {other:?}"),
        })
    }

    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        state.narrow(0, start, length).to_contiguous()
    }
}

/// The kernel; its source depends on constants alone.
pub(super) struct Kernel;

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let parts = PARTS as u32;
        SourceTemplate::new(unroll(include_str!("../../shaders/optimizer_step.wgsl"), &[("parts", parts)]))
            .register("workgroup", LANES.to_string())
            .register("parts", parts.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
