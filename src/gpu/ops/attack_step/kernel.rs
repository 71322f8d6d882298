//! Both steps on the GPU: a kernel each.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::server::Handle;

use super::AttackStep;
use crate::gpu::launch::{
    Plain, WORKGROUP, Wgsl, allocate, apart, info, is_same_memory, operand, shader, unused,
};

/// In the L∞ ball; its source depends on constants alone.
pub(super) const LINF: Plain = Plain { shader: shader!("attack_step/linf.wgsl"), workgroup: WORKGROUP };

/// In the L2 ball; its source depends on constants alone.
pub(super) const L2: Plain = Plain { shader: shader!("attack_step/l2.wgsl"), workgroup: 64 };

impl AttackStep for CubeBackend {
    fn attack_step(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let entries = x_adv.meta.shape().num_elements();
        launch(
            [x_adv, gradient, clean],
            &[entries as u32, step.to_bits(), epsilon.to_bits()],
            |beside, buffers| LINF.over(entries, beside, buffers),
        )
    }

    fn attack_step_l2(
        x_adv: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        step: f32,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let shape = x_adv.meta.shape();
        let (samples, pixels) = (shape[0], shape.iter().skip(1).product::<usize>());
        launch(
            [x_adv, gradient, clean],
            &[samples as u32, pixels as u32, step.to_bits(), epsilon.to_bits()],
            |beside, buffers| L2.for_each(if pixels > 0 { samples } else { 0 }, beside, buffers),
        )
    }
}

/// Launches with the buffers that both kernels have, and with what `constants` begin, in the info buffer.
fn launch(
    tensors: [CubeTensor; 3],
    constants: &[u32],
    run: impl FnOnce(&CubeTensor, &[&Handle]),
) -> CubeTensor {
    let [x_adv, gradient, clean] = tensors.map(operand);
    let output = allocate::<f32>(&clean, clean.meta.shape().clone());
    // WebGPU refuses to bind one tensor twice where a kernel may write to it.
    let at_clean = is_same_memory(&x_adv.handle, &clean.handle);
    let gradient = apart(gradient, &[&x_adv.handle, &clean.handle]);
    let x_adv = if at_clean { x_adv } else { apart(x_adv, &[&clean.handle]) };
    let adversarial = if at_clean { unused(&clean, 0) } else { x_adv.handle.clone() };
    let info = info(&clean, &[constants, &[u32::from(at_clean)]].concat());
    run(&clean, &[&adversarial, &gradient.handle, &clean.handle, &output.handle, &info]);
    output
}

/// Both kernels.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![LINF.complete(), L2.complete()]
}
