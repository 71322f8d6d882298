//! Counts and moments on the GPU: one launch counts, and a second merges the moments of its chunks.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, CubeTensor, SourceTemplate, into_contiguous};

use super::bins::{COLUMNS, LEAST, QUARTERS, SIDE};
use super::{Histogram, MOMENTS, NO_MOMENTS};
use crate::gpu::launch::{
    MOST_WORKGROUPS, Shader, WORKGROUP, Wgsl, allocate, dispatch, info, shader, upload,
};

const COUNTS: Shader = shader!("histogram/counts.wgsl");
const MOMENTS_OF_CLASSES: Shader = shader!("histogram/moments.wgsl");
/// Entries of a sample that one workgroup counts.
const CHUNK: u32 = 64 * WORKGROUP;

impl Histogram for CubeBackend {
    fn histogram(
        gradient: FloatTensor<Self>,
        labels: IntTensor<Self>,
        classes: usize,
    ) -> (IntTensor<Self>, FloatTensor<Self>) {
        let (gradient, labels) = (into_contiguous(gradient), into_contiguous(labels));
        let [samples, pixels] = [0, 1].map(|dimension| gradient.meta.shape()[dimension] as u32);
        let counts = upload(&gradient, [classes, COLUMNS], &vec![0i32; classes * COLUMNS]);
        if samples == 0 || pixels == 0 {
            let moments = NO_MOMENTS.repeat(classes);
            return (counts, upload(&gradient, [classes, MOMENTS], &moments));
        }
        let moments = launch(&gradient, &labels, &counts, [samples, pixels, classes as u32]);
        (counts, moments)
    }
}

/// Adds to `counts`, which are zero, and gives the moments; none of the sizes is 0.
fn launch(
    gradient: &CubeTensor,
    labels: &CubeTensor,
    counts: &CubeTensor,
    [samples, pixels, classes]: [u32; 3],
) -> CubeTensor {
    let chunks = pixels.div_ceil(CHUNK);
    let rows = samples.min(MOST_WORKGROUPS);
    let partial = allocate::<f32>(gradient, [samples as usize, chunks as usize, MOMENTS]);
    let moments = allocate::<f32>(gradient, [classes as usize, MOMENTS]);

    let sizes = info(gradient, &[samples, pixels, classes]);
    let buffers = [&gradient.handle, &labels.handle, &counts.handle, &partial.handle, &sizes];
    dispatch(gradient, Counting, WORKGROUP, [chunks, rows, samples.div_ceil(rows)], &buffers);

    let sizes = info(gradient, &[samples, chunks, classes]);
    let buffers = [&partial.handle, &labels.handle, &moments.handle, &sizes];
    dispatch(gradient, Merging, WORKGROUP, [classes, 1, 1], &buffers);
    moments
}

/// The kernel that counts, and takes the moments of each chunk; its source depends on constants alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Counting;

impl Wgsl for Counting {
    fn shader(&self) -> Shader {
        COUNTS
    }

    fn source(&self) -> SourceTemplate {
        let [_, quarter_1, quarter_2, quarter_3] = QUARTERS.map(|edge| edge.to_string());
        SourceTemplate::new(COUNTS.text)
            .register("workgroup", WORKGROUP.to_string())
            .register("chunk", CHUNK.to_string())
            .register("columns", COLUMNS.to_string())
            .register("side", SIDE.to_string())
            .register("least", LEAST.to_string())
            .register("quarter_1", quarter_1)
            .register("quarter_2", quarter_2)
            .register("quarter_3", quarter_3)
    }
}

/// The kernel that merges the moments of the chunks; its source depends on constants alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Merging;

impl Wgsl for Merging {
    fn shader(&self) -> Shader {
        MOMENTS_OF_CLASSES
    }

    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(MOMENTS_OF_CLASSES.text).register("workgroup", WORKGROUP.to_string())
    }
}

/// Both kernels.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![Counting.complete(), Merging.complete()]
}
