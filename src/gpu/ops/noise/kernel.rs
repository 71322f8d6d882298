//! The noise on the GPU.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::CubeBackend;

use super::{Noise, NoiseKey};
use crate::gpu::launch::{Plain, WORKGROUP, Wgsl, allocate, info_once, operand, shader};

/// Its source depends on constants alone.
const NOISE: Plain = Plain { shader: shader!("noise.wgsl"), workgroup: WORKGROUP };

impl Noise for CubeBackend {
    fn noise(like: FloatTensor<Self>, entries: usize, key: NoiseKey) -> FloatTensor<Self> {
        let like = operand(like);
        let output = allocate::<f32>(&like, [entries]);
        let halves = [key.stream as u32, (key.stream >> 32) as u32];
        // Another key each time.
        let info = info_once(&like, &[entries as u32, halves[0], halves[1], key.pass]);
        NOISE.over(entries, &like, &[&output.handle, &info]);
        output
    }
}

/// The kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![NOISE.complete()]
}
