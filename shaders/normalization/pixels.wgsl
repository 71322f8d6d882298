// (x − mean) / deviation, channel by channel: an invocation a pixel.

@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
// Entries, pixels of a plane, channels; then bits of f32: each channel's mean, each channel's deviation.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    let plane = info[1];
    let channels = info[2];
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        let mean = 3u + i / plane % channels;
        output[i] = (input[i] - bitcast<f32>(info[mean])) / bitcast<f32>(info[mean + channels]);
    }
}
