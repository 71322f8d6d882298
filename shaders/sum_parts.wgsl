// Sums the parts of a tensor, always in the same order.

// [parts, elements]
@group(0) @binding(0) var<storage, read_write> partial_sums: array<f32>;
// [elements]
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
// Parts, elements.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = invocation.x; i < info[1]; i += workgroups.x * WORKGROUP) {
        var sum = 0.0;
        for (var part = 0u; part < info[0]; part += 1u) {
            sum += partial_sums[part * info[1] + i];
        }
        sums[i] = sum;
    }
}
