// The mean over the pixels of each plane, or its transpose: a value spread evenly over a plane. An invocation an entry.

@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
// Entries of the output, pixels of a plane, 1 to spread.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    let plane = info[1];
    let spreads = info[2] == 1u;
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        var sum = 0.0;
        if spreads {
            sum = input[i / plane];
        } else {
            for (var pixel = 0u; pixel < plane; pixel += 1u) {
                sum += input[i * plane + pixel];
            }
        }
        output[i] = sum / f32(plane);
    }
}
