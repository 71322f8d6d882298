//! Kernels whose source depends on the size of their workgroups alone.

use burn_wgpu::{CubeTensor, SourceTemplate};
use cubecl::server::Handle;

use super::dispatch::dispatch;
use super::limits::MOST_WORKGROUPS;
use super::shader::{Shader, Wgsl};

/// A kernel whose source depends on the size of its workgroups alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gpu) struct Plain {
    /// Its file in `shaders/`.
    pub shader: Shader,
    /// Invocations of a workgroup.
    pub workgroup: u32,
}

impl Plain {
    /// Runs with an invocation for each of the entries, or as many as one dimension of workgroups allows, each
    /// then taking several.
    pub fn over(self, entries: usize, beside: &CubeTensor, buffers: &[&Handle]) {
        let groups = (entries as u32).div_ceil(self.workgroup).min(MOST_WORKGROUPS);
        if groups > 0 {
            dispatch(beside, self, self.workgroup, [groups, 1, 1], buffers);
        }
    }

    /// Runs with a workgroup for each of the samples, or a few more: number `y · groups.x + x`.
    pub fn for_each(self, samples: usize, beside: &CubeTensor, buffers: &[&Handle]) {
        let along = (samples as u32).min(MOST_WORKGROUPS);
        if along > 0 {
            dispatch(beside, self, self.workgroup, [along, (samples as u32).div_ceil(along), 1], buffers);
        }
    }
}

impl Wgsl for Plain {
    fn shader(&self) -> Shader {
        self.shader
    }

    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.shader.text).register("workgroup", self.workgroup.to_string())
    }
}
