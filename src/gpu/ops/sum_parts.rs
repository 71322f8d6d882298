//! The sum of a tensor's parts, where a kernel divides what it sums among workgroups that do not wait for each other.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, Slice};
use burn_wgpu::{CubeBackend, CubeTensor, SourceTemplate};

use crate::gpu::autodiff::{PartSums, Parts};
use crate::gpu::launch::{
    Hardware, MOST_WORKGROUPS, Shader, Storage, WORKGROUP, Wgsl, allocate, dispatch, info, shader, unroll,
    unused, within,
};

const SHADER: Shader = shader!("sum_parts.wgsl");
/// Parts that an invocation sums at the least before another one shares its element, and most that share one.
const LEAST_PARTS: u32 = 4;
const MOST_SHARING: u32 = 16;

impl PartSums for Flex {
    fn sum(parts: Parts<Self>, others: Option<Parts<Self>>) -> FloatTensor<Self> {
        assert!(
            parts.parts == 1 && others.iter().all(|others| others.parts == 1),
            "the host sums parts itself"
        );
        match others {
            Some(others) => Self::float_add(parts.values, others.values),
            None => parts.values,
        }
    }

    fn halves(sum: FloatTensor<Self>, entries: usize) -> [FloatTensor<Self>; 2] {
        let half = sum.shape().num_elements() / 2;
        [0, half].map(|start| Self::float_slice(sum.clone(), &[Slice::from(start..start + entries)]))
    }
}

impl PartSums for CubeBackend {
    fn sum(parts: Parts<Self>, others: Option<Parts<Self>>) -> FloatTensor<Self> {
        match &others {
            None if parts.parts == 1 => return parts.values,
            // What burn's own kernels computed.
            Some(others) if parts.values.dtype != DType::F32 => {
                return Self::float_add(parts.values, others.values.clone());
            }
            _ => {}
        }
        let entries = parts.values.meta.shape().num_elements() / parts.parts;
        let sums = allocate::<f32>(&parts.values, [entries]);
        let others = others.as_ref().map(|others| (&others.values, others.parts as u32));
        sum_parts((&parts.values, parts.parts as u32), others, &sums);
        sums
    }

    fn halves(sum: FloatTensor<Self>, entries: usize) -> [FloatTensor<Self>; 2] {
        let half = sum.meta.shape().num_elements() / 2;
        [0, half].map(|start| within(&sum, start, [entries].into()))
    }
}

/// Fills `sums` with the sum of the given number of parts of its size, `[parts, elements]` in `f32`, and of others, if any; always in
/// the same order on one adapter.
pub(in crate::gpu) fn sum_parts(
    parts: (&CubeTensor, u32),
    others: Option<(&CubeTensor, u32)>,
    sums: &CubeTensor,
) {
    let is_shared = !Hardware::of(sums).is_software();
    sum_parts_as(Kernel { written: Storage::of(sums), is_shared }, parts, others, sums);
}

fn sum_parts_as(
    kernel: Kernel,
    (partial_sums, parts): (&CubeTensor, u32),
    others: Option<(&CubeTensor, u32)>,
    sums: &CubeTensor,
) {
    let elements = sums.meta.shape().num_elements() as u32;
    let (others, other_parts) = match others {
        Some((others, parts)) => (others.handle.clone(), parts),
        None => (unused(partial_sums, 0), 0),
    };
    let sharing = if kernel.is_shared { sharing(parts + other_parts) } else { 1 };
    let groups = elements.div_ceil(WORKGROUP / sharing);
    let along = groups.clamp(1, MOST_WORKGROUPS);
    let info = info(partial_sums, &[parts, elements, sharing, other_parts]);
    let buffers = [&partial_sums.handle, &sums.handle, &info, &others];
    dispatch(partial_sums, kernel, WORKGROUP, [along, groups.div_ceil(along), 1], &buffers);
}

/// Invocations that share an element: a power of two.
fn sharing(parts: u32) -> u32 {
    let most = (parts / LEAST_PARTS).clamp(1, MOST_SHARING);
    1 << most.ilog2()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    written: Storage,
    /// Whether invocations can share an element, for which a workgroup waits.
    is_shared: bool,
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let text = unroll(SHADER.text, &[("shared", u32::from(self.is_shared))]);
        SourceTemplate::new(self.written.enabled(&text))
            .register("workgroup", WORKGROUP.to_string())
            .register("written", self.written.name())
    }

    fn label(&self) -> String {
        SHADER.words() + self.written.suffix()
    }
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let kernels = Storage::ALL
        .into_iter()
        .flat_map(|written| [false, true].map(|is_shared| Kernel { written, is_shared }));
    kernels.map(|kernel| kernel.complete()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Opened;
    use crate::gpu::launch::test_device::{self, test_device};

    /// Small integers, so that every sum is exact, whatever its order.
    fn whole(index: usize) -> f32 {
        (index * 37 % 11) as f32 - 5.0
    }

    fn tensor(gpu: &Opened, entries: usize) -> CubeTensor {
        let values: Vec<f32> = (0..entries).map(whole).collect();
        test_device::tensor(gpu, values, [entries])
    }

    #[test]
    fn shared_or_not_sums_are_the_hosts() {
        let Some(gpu) = test_device() else { return };
        for elements in [1, 3, 64, 257, 1000] {
            for (parts, others) in [(1, 0), (3, 5), (16, 0), (5, 70), (200, 1)] {
                let [mine, rest] = [parts, others].map(|parts: usize| tensor(&gpu, parts * elements));
                let sum = |element: usize| -> f32 {
                    let of =
                        |parts: usize| (0..parts).map(|part| whole(part * elements + element)).sum::<f32>();
                    of(parts) + of(others)
                };
                let expected: Vec<f32> = (0..elements).map(sum).collect();
                for is_shared in [false, true] {
                    let sums = allocate::<f32>(&mine, [elements]);
                    let others = (others > 0).then_some((&rest, others as u32));
                    let kernel = Kernel { written: Storage::F32, is_shared };
                    sum_parts_as(kernel, (&mine, parts as u32), others, &sums);
                    assert_eq!(
                        test_device::entries(sums),
                        expected,
                        "{parts} parts of {elements}, {kernel:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn few_parts_are_not_shared() {
        assert_eq!([1, 2, 7, 8, 15, 16, 63, 64, 1000].map(sharing), [1, 1, 1, 2, 2, 4, 8, 16, 16]);
    }
}
