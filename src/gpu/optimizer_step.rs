//! One step of an optimiser over several weight tensors in one buffer, as a kernel and as plain loops.
//!
//! Autodiff gives each gradient a buffer of its own. WebGPU lets a kernel bind eight at the least: beside old state, new
//! state and sizes there is room for five gradients a launch, and for all of a small network where an adapter takes more.

use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    ExtensionType, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{DType, Shape, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;

use super::host_optimizer::on_host;
use super::info::info_once;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, allocate, dispatch, unused, within};
use super::profile;
use super::unroll::unroll;

/// Buffers that a launch binds beside gradients, and those that WebGPU promises in all.
const OTHERS: u32 = 3;
const PROMISED: u32 = 8;
/// Most gradients of a launch, a power of two: an entry has its own among so many.
const MOST_PARTS: u32 = 16;
/// Each part begins at a multiple of so many floats: 256 bytes, where any adapter lets a binding begin.
pub(super) const ALIGNMENT: usize = 64;
/// Invocations of a workgroup.
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

/// The state after a step along the gradients of its parts; the old state stays as it is.
///
/// `state` is planes of equal length one after the other: the weights, the first moments, and the second ones where
/// [`Coefficients::second`] is there; in each the parts stand as [`layout`] of the gradients' lengths says.
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

impl OptimizerStep for CubeBackend {
    fn optimizer_step(
        state: FloatTensor<Self>,
        gradients: Gradients<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self> {
        let state = into_contiguous(state);
        let gradients: Vec<_> = gradients.0.into_iter().map(into_contiguous).collect();
        for tensor in gradients.iter().chain([&state]) {
            assert_eq!(tensor.dtype, DType::F32, "optimizer_step: the kernel takes f32");
        }
        Kernel::of(&state).step(&state, &gradients, coefficients)
    }

    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        within(&into_contiguous(state), start, Shape::new([length]))
    }
}

impl OptimizerStep for Flex {
    fn optimizer_step(
        state: FloatTensor<Self>,
        gradients: Gradients<Self>,
        coefficients: Coefficients,
    ) -> FloatTensor<Self> {
        let Gradients(gradients) = gradients;
        let read = gradients.iter().map(|gradient| gradient.shape().num_elements()).sum::<usize>();
        let floats = 2 * state.shape().num_elements() + read;
        profile::moving_on_host("optimizer step", floats, || match state.dtype() {
            DType::F32 => on_host(&state, &gradients, coefficients.in_order().map(|number| number as f32)),
            DType::F64 => on_host(&state, &gradients, coefficients.in_order()),
            other => panic!("optimizer_step: no loops for {other:?}"),
        })
    }

    fn state_part(state: FloatTensor<Self>, start: usize, length: usize) -> FloatTensor<Self> {
        state.narrow(0, start, length).to_contiguous()
    }
}

/// Where in a launch's numbers it stands where its parts begin: behind two sizes and the coefficients.
const BEGINS: usize = 11;

/// The kernel, for launches of so many gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    parts: u32,
}

impl Kernel {
    /// As many as the device lets a launch bind.
    fn of(beside: &CubeTensor) -> Self {
        // What cubecl keeps back is for buffers whose length a kernel asks for: none here.
        let bindings = beside.client.properties().hardware.max_bindings.saturating_add(1);
        Self { parts: bindings.saturating_sub(OTHERS).clamp(PROMISED - OTHERS, MOST_PARTS) }
    }

    /// The state after a step, in as few launches as its gradients fit into.
    fn step(self, state: &CubeTensor, gradients: &[CubeTensor], coefficients: Coefficients) -> CubeTensor {
        let lengths: Vec<usize> = gradients.iter().map(|gradient| gradient.meta.shape()[0]).collect();
        let (starts, plane) = layout(&lengths);
        let stepped = allocate::<f32>(state, state.meta.shape().clone());
        if plane == 0 {
            return stepped;
        }
        let most = self.parts as usize;
        // What all launches are told, one after the other: an upload makes the device begin with what it has.
        let size = (BEGINS + 1 + 2 * most).next_multiple_of(ALIGNMENT);
        let mut numbers = Vec::new();
        for first in (0..lengths.len()).step_by(most) {
            let begins = (first..=first + most).map(|part| starts.get(part).copied().unwrap_or(plane));
            let lengths = (first..first + most).map(|part| lengths.get(part).copied().unwrap_or(0));
            numbers.extend([plane as u32, coefficients.planes() as u32]);
            numbers.extend(coefficients.in_order().map(|number| (number as f32).to_bits()));
            numbers.extend(begins.chain(lengths).map(|size| size as u32));
            numbers.resize(numbers.len().next_multiple_of(size), 0);
        }
        let info = info_once(state, &numbers);
        for (launch, gradients) in gradients.chunks(most).enumerate() {
            let info = info
                .clone()
                .offset_start((4 * launch * size) as u64)
                .offset_end((4 * (numbers.len() - (launch + 1) * size)) as u64);
            let mut buffers = vec![state.handle.clone(), stepped.handle.clone(), info];
            buffers.extend((0..self.parts).map(|part| match gradients.get(part as usize) {
                Some(gradient) if gradient.meta.shape()[0] > 0 => gradient.handle.clone(),
                // Nothing cannot be bound: it would be whatever stands behind it, which another binding may be.
                _ => unused(state, part),
            }));
            let first = launch * most;
            let end = starts.get(first + most).copied().unwrap_or(plane);
            // Each invocation strides over as much as one dimension of workgroups leaves over.
            let groups = ((end - starts[first]) as u32).div_ceil(4 * LANES).min(MOST_WORKGROUPS);
            if groups > 0 {
                let buffers: Vec<_> = buffers.iter().collect();
                let read: usize = gradients.iter().map(|gradient| gradient.meta.shape()[0]).sum();
                profile::moves(4 * (2 * coefficients.planes() * (end - starts[first]) + read) as u64);
                dispatch(state, self, LANES, [groups, 1, 1], &buffers);
            }
        }
        stepped
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let counts = [("parts", self.parts), ("others", OTHERS)];
        SourceTemplate::new(unroll(include_str!("../../shaders/optimizer_step.wgsl"), &counts))
            .register("workgroup", LANES.to_string())
            .register("parts", self.parts.to_string())
            .register("most_parts", MOST_PARTS.to_string())
            .register("begins", BEGINS.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// For as many buffers as WebGPU promises, and for the most that are made use of.
pub(super) fn shaders() -> [(&'static str, String); 2] {
    [PROMISED - OTHERS, MOST_PARTS].map(|parts| ("optimizer_step.wgsl", Kernel { parts }.source().complete()))
}

#[cfg(test)]
mod tests {
    use burn::backend::ops::FloatTensorOps;
    use burn::tensor::TensorData;
    use burn_wgpu::WgpuDevice;
    use cubecl::wgpu::WgpuDeviceKind;

    use super::*;

    fn tensor(entries: usize, scale: f32) -> CubeTensor {
        let device = WgpuDevice::new(WgpuDeviceKind::Cpu).into();
        let values: Vec<f32> = (0..entries).map(|entry| (scale * entry as f32).sin()).collect();
        CubeBackend::float_from_data(TensorData::new(values, [entries]), &device)
    }

    #[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
    fn entries(tensor: CubeTensor) -> Vec<f32> {
        let data = pollster::block_on(CubeBackend::float_into_data(tensor)).expect("llvmpipe computes");
        data.try_into_vec().expect("they are floats")
    }

    /// However many buffers an adapter takes; more than one launch with each, and none of its own for nothing.
    #[test]
    fn few_and_many_launches_compute_the_same() {
        let lengths: Vec<usize> = (0..37).map(|part| 37 * part % 200).collect();
        let gradients: Vec<_> = lengths.iter().map(|length| tensor(*length, 0.7)).collect();
        let state = tensor(2 * layout(&lengths).1, 0.3);
        let coefficients = Coefficients {
            learning_rate: 0.1,
            weight_decay: 0.01,
            first: [0.9, 1.0],
            second: None,
            correction: 1.0,
            epsilon: 0.0,
            gradient_factor: 1.0,
        };
        let step = |parts| entries(Kernel { parts }.step(&state, &gradients, coefficients));
        let expected = step(MOST_PARTS);
        assert_ne!(expected, entries(state.clone()));
        for parts in [PROMISED - OTHERS, 7] {
            assert_eq!(step(parts), expected, "{parts} gradients a launch");
        }
    }
}
