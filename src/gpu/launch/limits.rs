//! What WebGPU promises of any adapter, as far as launches are made to fit into it.

/// Invocations of a workgroup, where a kernel has no reason for fewer: the most that WebGPU's default limits allow.
pub(in crate::gpu) const WORKGROUP: u32 = 256;
/// Most workgroups along one dimension of a dispatch, by WebGPU's default limits.
pub(in crate::gpu) const MOST_WORKGROUPS: u32 = 65535;
/// Most elements of a tensor that a kernel can take, so that indices and counts fit 32 bits with a sign.
pub(in crate::gpu) const MOST_ELEMENTS: usize = i32::MAX as usize;

/// Workgroups for the given number of invocations in each of `blocks`.
pub(in crate::gpu) fn workgroups(invocations: u32, blocks: u32, workgroup: u32) -> [u32; 3] {
    let groups = invocations.div_ceil(workgroup);
    let along = groups.clamp(1, MOST_WORKGROUPS);
    [along, blocks, groups.div_ceil(along)]
}
