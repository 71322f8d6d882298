//! The weight gradient's kernel beside those of [`lanes`](super::lanes), for the same adapters.
//!
//! What counts are loads. A lane has an output and loads its cotangents; a pixel of the image is loaded by one lane and
//! passed to the others. One input channel is written out, and those of a subgroup take turns in it: a driver compiles that
//! in a fraction of the time.

use burn_wgpu::{CubeTensor, SourceTemplate};

use super::lanes::WORKGROUP;
use crate::gpu::launch::{
    LANES, Shader, Storage, Wgsl, allocate, dispatch, info, shader, unroll, workgroups,
};
use crate::gpu::ops::convolution::geometry::Sizes;

const SHADER: Shader = shader!("convolution/weight_lanes.wgsl");
/// Rows and columns of the output, or its cotangent, in a patch.
const PATCH: [u32; 2] = [2, 8];
/// Input channels whose taps a subgroup sums.
const CHANNELS: u32 = 8;
/// Subgroups beyond which a weight gradient is not divided further: some for each of a processor's cores.
const ENOUGH_SUBGROUPS: u32 = 128;
/// Most parts into which the sums are divided: they are added up one after the other.
const MOST_PARTS: u32 = 128;

/// Parts of a weight gradient, one after the other, and how many.
pub(super) fn sum_taps(stride: usize, sizes: Sizes, [x, gy]: [&CubeTensor; 2]) -> (CubeTensor, u32) {
    let kernel =
        Kernel { kernel: sizes.geometry.kernel as u32, stride: stride as u32, storage: Storage::of(x) };
    let [batch, channels, _, _, outputs, out_height, out_width] = sizes.values();
    let patches = batch * out_height.div_ceil(PATCH[0]) * out_width.div_ceil(PATCH[1]);
    let blocks = channels.div_ceil(CHANNELS) * outputs.div_ceil(LANES);
    let parts = (ENOUGH_SUBGROUPS / blocks.max(1)).min(MOST_PARTS).min(patches).max(1);
    let values = allocate::<f32>(x, [parts as usize * sizes.weights()]);
    let info = info(x, &[&sizes.values()[..], &[parts]].concat());
    let groups = workgroups(blocks * parts * LANES, 1, WORKGROUP);
    dispatch(x, kernel, WORKGROUP, groups, &[&x.handle, &gy.handle, &values.handle, &info]);
    (values, parts)
}

/// All that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    kernel: u32,
    stride: u32,
    storage: Storage,
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let [rows, columns] = PATCH;
        let [near_rows, near_columns] = PATCH.map(|size| (size - 1) * self.stride + self.kernel);
        let near = near_rows * near_columns;
        let counts = [
            ("kernel", self.kernel),
            ("taps", self.kernel.pow(2)),
            ("rows", rows),
            ("columns", columns),
            ("channels", CHANNELS),
            ("moves", CHANNELS - 1),
            ("lanes", LANES),
            ("near", near),
            ("near_columns", near_columns),
            ("loads", near.div_ceil(LANES)),
        ];
        let text = unroll(SHADER.text, &counts);
        let source = SourceTemplate::new(self.storage.enabled(&text))
            .register("stored", self.storage.name())
            .register("workgroup", WORKGROUP.to_string())
            .register("stride", self.stride.to_string());
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn label(&self) -> String {
        let Self { stride, kernel, storage } = self;
        format!("{} stride {stride} kernel {kernel}{}", SHADER.words(), storage.suffix())
    }
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2)] {
        for storage in Storage::ALL {
            let kernel = Kernel { kernel, stride, storage };
            shaders.push(kernel.complete());
        }
    }
    shaders
}
