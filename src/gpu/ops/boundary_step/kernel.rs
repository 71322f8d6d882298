//! The step on the GPU: a workgroup for each sample.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::CubeBackend;

use super::{BoundaryStep, Reach};
use crate::config::Norm;
use crate::gpu::launch::{Plain, Wgsl, allocate, info, is_same_memory, operand, shader, unused};

/// Its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("boundary_step.wgsl"), workgroup: 64 };

impl BoundaryStep for CubeBackend {
    fn boundary_step(
        images: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        normal: FloatTensor<Self>,
        excess: FloatTensor<Self>,
        reach: Reach,
    ) -> FloatTensor<Self> {
        let [images, clean, normal, excess] = [images, clean, normal, excess].map(operand);
        let shape = clean.meta.shape().clone();
        let (samples, pixels) = (shape[0], shape.iter().skip(1).product::<usize>());
        let output = allocate::<f32>(&clean, shape);
        // WebGPU refuses to bind one tensor twice where a kernel may write to it.
        let at_clean = is_same_memory(&images.handle, &clean.handle);
        let start = if at_clean { unused(&clean, 0) } else { images.handle.clone() };
        let constants = [
            samples as u32,
            pixels as u32,
            reach.overshoot.to_bits(),
            reach.most_bias.to_bits(),
            u32::from(reach.norm == Norm::L2),
            u32::from(at_clean),
        ];
        let info = info(&clean, &constants);
        let buffers = [&start, &clean.handle, &normal.handle, &excess.handle, &output.handle, &info];
        KERNEL.for_each(if pixels > 0 { samples } else { 0 }, &clean, &buffers);
        output
    }
}

/// The one kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete()]
}
