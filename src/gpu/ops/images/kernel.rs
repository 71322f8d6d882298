//! Batches on the GPU: one launch for images, labels and one-hot rows.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, SourceTemplate, into_contiguous};

use super::batch::{Packing, Take};
use super::gather::Gather;
use crate::gpu::launch::{MOST_WORKGROUPS, Shader, WORKGROUP, Wgsl, allocate, dispatch, info_once, shader};

const SHADER: Shader = shader!("images/gather.wgsl");
/// Invocations of a workgroup.
const LANES: u32 = WORKGROUP / 4;

impl Gather for CubeBackend {
    fn gather_images(
        a: IntTensor<Self>,
        b: IntTensor<Self>,
        c: IntTensor<Self>,
        d: IntTensor<Self>,
        packing: Packing,
        takes: Vec<Take>,
    ) -> (FloatTensor<Self>, IntTensor<Self>, FloatTensor<Self>) {
        let [a, b, c, d] = [a, b, c, d].map(into_contiguous);
        let ([channels, height, width], samples) = (packing.shape, takes.len());
        let images = allocate::<f32>(&a, [samples, channels, height, width]);
        let labels = allocate::<i32>(&a, [samples]);
        let one_hot = allocate::<f32>(&a, [samples, packing.classes]);
        if samples == 0 {
            return (images, labels, one_hot);
        }
        let sizes = [samples, channels, height, width, packing.classes, packing.words(), packing.records];
        let takes = takes.iter().flat_map(|take| {
            [take.index, take.right.cast_unsigned(), take.down.cast_unsigned(), u32::from(take.mirrored)]
        });
        let numbers: Vec<u32> = sizes.map(|size| size as u32).into_iter().chain(takes).collect();
        let info = info_once(&a, &numbers);
        let entries = samples * (packing.pixels() + packing.classes);
        // Each invocation strides over as much as one dimension of workgroups leaves over.
        let workgroups = [(entries as u32).div_ceil(LANES).min(MOST_WORKGROUPS), 1, 1];
        let buffers = [&a, &b, &c, &d].map(|block| &block.handle);
        let buffers = [&buffers[..], &[&info, &images.handle, &labels.handle, &one_hot.handle]].concat();
        dispatch(&a, Kernel, LANES, workgroups, &buffers);
        (images, labels, one_hot)
    }
}

/// The kernel; its source depends on constants alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kernel;

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(SHADER.text).register("workgroup", LANES.to_string())
    }
}

/// The one that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![Kernel.complete()]
}
