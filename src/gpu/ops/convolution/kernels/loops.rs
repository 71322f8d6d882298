//! The convolution's kernel for drivers that compile slowly: one for all three operations and all sizes.
//!
//! SwiftShader, which computes WebGPU on the processor in Chromium, takes 16 s for the smallest of the others, minutes
//! for the rest, and gigabytes for all.

use burn_wgpu::{CubeTensor, SourceTemplate};

use crate::gpu::launch::{MOST_WORKGROUPS, Shader, Storage, Wgsl, dispatch, info, shader};
use crate::gpu::ops::convolution::geometry::Sizes;

const SHADER: Shader = shader!("convolution/loops.wgsl");
/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

/// Which of the three operations.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Output = 0,
    InputVjp = 1,
    WeightVjp = 2,
}

/// Computes `result` from the two contiguous operands that the shader names.
pub(super) fn compute(operation: Operation, sizes: Sizes, operands: [&CubeTensor; 2], result: &CubeTensor) {
    let [first, second] = operands;
    let kernel = Kernel { stored: [first, second, result].map(Storage::of) };
    let entries = result.meta.shape().num_elements() as u32;
    let Sizes { geometry, .. } = sizes;
    let more = [geometry.kernel as u32, geometry.stride as u32, entries, operation as u32];
    let info = info(first, &[sizes.values().as_slice(), &more].concat());
    // Each invocation strides over as much as one dimension of workgroups leaves over.
    let groups = entries.div_ceil(WORKGROUP).min(MOST_WORKGROUPS);
    if groups > 0 {
        let buffers = [&first.handle, &second.handle, &result.handle, &info];
        dispatch(first, kernel, WORKGROUP, [groups, 1, 1], &buffers);
    }
}

/// All that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    /// How both operands and the result are stored: images as they are, weights and their gradient in `f32`.
    stored: [Storage; 3],
}

impl Kernel {
    /// One for all operations where images are in `f32`; else one for those on weights, and one for their gradient.
    const ALL: [Self; 3] = [
        Self { stored: [Storage::F32, Storage::F32, Storage::F32] },
        Self { stored: [Storage::F16, Storage::F32, Storage::F16] },
        Self { stored: [Storage::F16, Storage::F16, Storage::F32] },
    ];
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let [first, second, result] = self.stored;
        // Images are the first operand, so that a kernel of any 16 bits has them there.
        SourceTemplate::new(first.enabled(SHADER.text))
            .register("workgroup", WORKGROUP.to_string())
            .register("first", first.name())
            .register("second", second.name())
            .register("result", result.name())
    }

    fn label(&self) -> String {
        SHADER.words() + self.stored[0].suffix()
    }
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    Kernel::ALL.map(|kernel| kernel.complete()).into()
}
