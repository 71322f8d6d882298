//! The sum of a tensor's parts, where a kernel divides what it sums among workgroups that do not wait for each other.

use burn_wgpu::{CubeTensor, KernelSource, SourceTemplate};
use cubecl::prelude::KernelId;

use super::info::info;
use super::kernel::{MOST_WORKGROUPS, WORKGROUP, dispatch, unused};
use super::storage::Storage;

/// Parts that an invocation sums at the least before another one shares its element, and most that share one.
const LEAST_PARTS: u32 = 4;
const MOST_SHARING: u32 = 16;

/// Fills `sums` with the sum of so many parts of its size, `[parts, elements]` in `f32`, and of others, if any; always in
/// the same order.
pub(super) fn sum_parts(
    (partial_sums, parts): (&CubeTensor, u32),
    others: Option<(&CubeTensor, u32)>,
    sums: &CubeTensor,
) {
    let elements = sums.meta.shape().num_elements() as u32;
    let (others, other_parts) = match others {
        Some((others, parts)) => (others.handle.clone(), parts),
        None => (unused(partial_sums, 0), 0),
    };
    let sharing = sharing(parts + other_parts);
    let groups = elements.div_ceil(WORKGROUP / sharing);
    let along = groups.clamp(1, MOST_WORKGROUPS);
    let info = info(partial_sums, &[parts, elements, sharing, other_parts]);
    let buffers = [&partial_sums.handle, &sums.handle, &info, &others];
    let kernel = Kernel { written: Storage::of(sums) };
    dispatch(partial_sums, kernel, WORKGROUP, [along, groups.div_ceil(along), 1], &buffers);
}

/// Invocations that share an element: a power of two.
fn sharing(parts: u32) -> u32 {
    let most = (parts / LEAST_PARTS).clamp(1, MOST_SHARING);
    1 << most.ilog2()
}

#[derive(Clone, Copy)]
struct Kernel {
    written: Storage,
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.written.enabled(include_str!("../../shaders/sum_parts.wgsl")))
            .register("workgroup", WORKGROUP.to_string())
            .register("written", self.written.name())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(("sum_parts.wgsl", self.written))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every variant that there is.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    Storage::ALL.map(|written| ("sum_parts.wgsl", Kernel { written }.source().complete())).into()
}

#[cfg(test)]
mod tests {
    use super::sharing;

    #[test]
    fn few_parts_are_not_shared() {
        assert_eq!([1, 2, 7, 8, 15, 16, 63, 64, 1000].map(sharing), [1, 1, 1, 2, 2, 4, 8, 16, 16]);
    }
}
