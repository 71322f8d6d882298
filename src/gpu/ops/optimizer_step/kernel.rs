//! The step on the GPU, in as few launches as an adapter's bindings allow.

use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape};
use burn_wgpu::{CubeBackend, CubeTensor, SourceTemplate, into_contiguous};

use super::layout::{ALIGNMENT, layout};
use super::{Coefficients, Gradients, OptimizerStep};
use crate::gpu::launch::{
    MOST_WORKGROUPS, Shader, WORKGROUP, Wgsl, allocate, dispatch, info_once, profile, shader, unroll, unused,
    within,
};

const SHADER: Shader = shader!("optimizer_step.wgsl");
/// Buffers that a launch binds beside gradients, and those that WebGPU promises in all.
const OTHERS: u32 = 3;
const PROMISED: u32 = 8;
/// Most gradients of a launch, a power of two: by halving an entry finds its own among them.
const MOST_PARTS: u32 = 16;
/// Invocations of a workgroup.
const LANES: u32 = WORKGROUP / 4;

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

/// Where in a launch's numbers it stands where its parts begin: behind two sizes and the coefficients.
const BEGINS: usize = 11;

/// The kernel, for launches of at most `parts` gradients.
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

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let counts = [("parts", self.parts), ("others", OTHERS)];
        SourceTemplate::new(unroll(SHADER.text, &counts))
            .register("workgroup", LANES.to_string())
            .register("parts", self.parts.to_string())
            .register("most_parts", MOST_PARTS.to_string())
            .register("begins", BEGINS.to_string())
    }
}

/// For as many buffers as WebGPU promises, and for the most that are made use of.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    [PROMISED - OTHERS, MOST_PARTS].map(|parts| Kernel { parts }.complete()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Opened;
    use crate::gpu::launch::test_device::{self, entries, test_device};

    fn tensor(gpu: &Opened, entries: usize, scale: f32) -> CubeTensor {
        let values: Vec<f32> = (0..entries).map(|entry| (scale * entry as f32).sin()).collect();
        test_device::tensor(gpu, values, [entries])
    }

    /// However many buffers an adapter takes; more than one launch with each, and none of its own for nothing.
    #[test]
    fn few_and_many_launches_compute_the_same() {
        let Some(gpu) = test_device() else { return };
        let lengths: Vec<usize> = (0..37).map(|part| 37 * part % 200).collect();
        let gradients: Vec<_> = lengths.iter().map(|length| tensor(&gpu, *length, 0.7)).collect();
        let state = tensor(&gpu, 2 * layout(&lengths).1, 0.3);
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
