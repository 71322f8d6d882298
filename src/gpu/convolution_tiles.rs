//! The kernels of [`convolution_kernels`](super::convolution_kernels) for GPUs.
//!
//! A workgroup shares its weights in workgroup memory, and what an invocation loads of the pixels stays in its registers.

use burn_wgpu::{KernelSource, SourceTemplate};
use cubecl::prelude::KernelId;

use super::convolution_kernels::{Kind, Sizes};
use super::storage::Storage;
use super::unroll::unroll;

/// Invocations of a workgroup: few, so that small images still make many workgroups.
pub(super) const WORKGROUP: u32 = 64;
/// Vectors of four channels that an invocation sums.
const QUADS: u32 = 2;
/// Channels that an invocation sums.
pub(super) const BLOCK: u32 = 4 * QUADS;
/// Most parts into which the sums of a weight gradient are divided: they are added up one after the other.
const MOST_PARTS: u32 = 128;
/// Invocations beyond which a weight gradient is not divided further.
const ENOUGH_INVOCATIONS: u32 = 1 << 14;

/// A kernel that sums patches in registers, and all that its source depends on.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    pub kind: Kind,
    pub kernel: usize,
    pub storage: Storage,
}

impl Kernel {
    /// Rows and columns of a patch.
    pub(super) fn patch(self) -> [u32; 2] {
        match self.kind {
            Kind::Output { .. } | Kind::Weight { .. } => [2, 4],
            // Even, as the shader wants them.
            Kind::Input => [4, 4],
        }
    }

    /// Parts of a weight gradient, and invocations for all of them.
    pub(super) fn parts(self, sizes: Sizes) -> [u32; 2] {
        let [rows, columns] = self.patch();
        let [out_height, out_width] = sizes.geometry.output().map(|size| size as u32);
        let patches = sizes.batch * out_height.div_ceil(rows) * out_width.div_ceil(columns);
        let filters = sizes.channels * sizes.outputs.div_ceil(BLOCK);
        let parts = (ENOUGH_INVOCATIONS / filters).min(MOST_PARTS).min(patches).max(1);
        [parts, filters * parts]
    }

    /// Rows and columns of the input, or for [`Kind::Input`] of the output's cotangent, that a patch meets.
    fn near(self) -> [u32; 2] {
        let kernel = self.kernel as u32;
        match self.kind {
            Kind::Output { stride } | Kind::Weight { stride } => {
                self.patch().map(|size| (size - 1) * stride as u32 + kernel)
            }
            Kind::Input => self.patch().map(|size| size / 2 + kernel / 2),
        }
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let (text, stride) = match self.kind {
            Kind::Output { stride } => (include_str!("../../shaders/convolution.wgsl"), stride),
            Kind::Input => (include_str!("../../shaders/convolution_input.wgsl"), 2),
            Kind::Weight { stride } => (include_str!("../../shaders/convolution_weight.wgsl"), stride),
        };
        let ([rows, columns], [near_rows, near_columns]) = (self.patch(), self.near());
        let counts = [
            ("kernel", self.kernel as u32),
            ("rows", rows),
            ("columns", columns),
            ("near_rows", near_rows),
            ("near_columns", near_columns),
            ("quads", QUADS),
            ("four", 4),
        ];
        let source = SourceTemplate::new(self.storage.enabled(&unroll(text, &counts)))
            .register("workgroup", WORKGROUP.to_string())
            .register("stored", self.storage.name())
            .register("stride", stride.to_string());
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.kind, self.kernel, self.storage))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every variant that there is.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for (kernel, storage) in
        [1, 3].into_iter().flat_map(|kernel| Storage::ALL.map(|storage| (kernel, storage)))
    {
        let mut add = |name, kind| shaders.push((name, Kernel { kind, kernel, storage }.source().complete()));
        add("convolution_input.wgsl", Kind::Input);
        for stride in [1, 2] {
            add("convolution.wgsl", Kind::Output { stride });
            add("convolution_weight.wgsl", Kind::Weight { stride });
        }
    }
    shaders
}
