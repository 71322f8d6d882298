//! What an adapter computes on, by its subgroups: a kernel that suits a GPU suits no driver in software.

use burn_wgpu::CubeTensor;

/// Fewest invocations that the largest subgroups of a GPU have. It says a range of sizes or another one; a browser's
/// adapter says none, and burn a range for it.
const GPU_SUBGROUP: u32 = 16;
/// Invocations of a subgroup of [`Hardware::Lanes`].
pub(in crate::gpu) const LANES: u32 = 8;

/// What computes a tensor's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gpu) enum Hardware {
    /// A GPU: many invocations at a time, to which workgroup memory and barriers cost little.
    Gpu,
    /// llvmpipe, a driver in software: an invocation is a lane of a vector, and those of a vector are a subgroup.
    Lanes,
    /// Another driver in software: SwiftShader, which has subgroups of four, and takes long to compile.
    Software,
}

impl Hardware {
    /// That of a tensor's adapter.
    pub fn of(tensor: &CubeTensor) -> Self {
        let hardware = &tensor.client.properties().hardware;
        match [hardware.plane_size_min, hardware.plane_size_max] {
            [_, most] if most >= GPU_SUBGROUP => Self::Gpu,
            [LANES, LANES] => Self::Lanes,
            _ => Self::Software,
        }
    }

    /// Whether it is none: there a barrier costs a coroutine for each subgroup, and loads follow one another.
    pub fn is_software(self) -> bool {
        self != Self::Gpu
    }
}
