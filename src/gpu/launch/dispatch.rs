//! Launching a kernel on buffers, no two of which may share memory.

use burn_wgpu::{CubeTensor, SourceKernel};
use cubecl::prelude::{CubeCount, CubeDim};
use cubecl::server::{Handle, KernelArguments};

use super::info::info;
use super::profile;
use super::shader::{Launched, Wgsl};

/// Launches a kernel over x · y · z workgroups of `workgroup` invocations; the buffers are the bindings 0, 1, … of group 0.
///
/// # Panics
/// Where two bindings share memory: every binding may be written, so WebGPU refuses that, and other drivers do not say.
pub(in crate::gpu) fn dispatch(
    beside: &CubeTensor,
    kernel: impl Wgsl,
    workgroup: u32,
    [x, y, z]: [u32; 3],
    buffers: &[&Handle],
) {
    let pairs = || buffers.iter().enumerate().flat_map(|(i, a)| buffers[..i].iter().map(move |b| (*a, *b)));
    assert!(!pairs().any(|(a, b)| overlap(a, b)), "{}: two bindings share memory", kernel.label());
    profile::launches(|| kernel.label(), || buffers.iter().map(|buffer| buffer.size_in_used()).sum());
    beside.client.launch(
        Box::new(SourceKernel::new(Launched(kernel), CubeDim::new_1d(workgroup))),
        CubeCount::Static(x, y, z),
        KernelArguments::new().with_buffers(buffers.iter().map(|&buffer| buffer.clone().binding()).collect()),
    );
}

/// The tensor, or a copy of it where it shares memory with one of these: no two bindings of a launch may.
pub(in crate::gpu) fn apart(tensor: CubeTensor, others: &[&Handle]) -> CubeTensor {
    if others.iter().any(|other| overlap(&tensor.handle, other)) { tensor.copy() } else { tensor }
}

/// A buffer for a binding that a launch makes no use of: always the same one of a number, which no two bindings of a launch
/// may share.
pub(in crate::gpu) fn unused(beside: &CubeTensor, number: u32) -> Handle {
    // No sizes that a kernel reads begin so, and a vector of four is the longest entry that a binding has to hold.
    info(beside, &[u32::MAX, number, 0, 0])
}

/// Whether two buffers share a byte.
fn overlap(a: &Handle, b: &Handle) -> bool {
    let bytes = |handle: &Handle| {
        let start = handle.offset_start.unwrap_or(0);
        start..start + handle.size_in_used()
    };
    let (first, second) = (bytes(a), bytes(b));
    // Parts of a buffer are clones of its handle.
    std::ptr::eq(a.memory.descriptor(), b.memory.descriptor())
        && first.start < second.end
        && second.start < first.end
}

/// Whether two whole tensors are one.
pub(in crate::gpu) fn is_same_memory(a: &Handle, b: &Handle) -> bool {
    let [a, b] = [a, b].map(|handle| (handle.memory.clone().binding().id(), handle.offset_start));
    a == b
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::plain::Plain;
    use super::super::shader::Shader;
    use super::super::test_device::{tensor, test_device};
    use super::*;

    #[test]
    fn only_what_shares_a_byte_overlaps() {
        let Some(gpu) = test_device() else { return };
        let [a, b] = [(); 2].map(|()| tensor(&gpu, vec![0.0; 256], [256]));
        let part = |start: u64, end: u64| a.handle.clone().offset_start(start).offset_end(1024 - end);
        assert!(overlap(&a.handle, &a.handle) && overlap(&part(0, 512), &part(256, 768)));
        assert!(!overlap(&part(0, 256), &part(256, 512)) && !overlap(&a.handle, &b.handle));
    }

    #[test]
    fn a_launch_on_one_buffer_twice_is_refused() {
        let Some(gpu) = test_device() else { return };
        let [a, b] = [(); 2].map(|()| tensor(&gpu, vec![0.0; 256], [256]));
        // Never compiled.
        let nothing = Plain { shader: Shader { name: "nothing.wgsl", text: "" }, workgroup: 1 };
        let launch = || nothing.over(1, &a, &[&a.handle, &b.handle, &a.handle]);
        let refusal = catch_unwind(AssertUnwindSafe(launch)).expect_err("a launch that is refused");
        let said = refusal.downcast_ref::<String>().expect("it says why");
        assert_eq!(said, "nothing: two bindings share memory");
    }
}
