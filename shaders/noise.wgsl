// Standard normal noise: entry i is a function of the key and of i alone, by a hash (pcg4d: Jarzynski & Olano 2020) and the
// transformation of Box & Muller.

@group(0) @binding(0) var<storage, read_write> output: array<f32>;
// Number of entries, then the key: its low half, its high half, the pass.
@group(0) @binding(1) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const TURN = 6.283185307179586;

fn hash(entry: u32) -> vec4<u32> {
    var v = vec4<u32>(entry, info[1], info[2], info[3]) * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4<u32>(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        let random = hash(i);
        // Above 0 and below 1, so that the logarithm is finite; an angle within a half turn of 0, where cosines are exact.
        let share = (f32(random.x >> 8u) + 0.5) * 5.9604645e-8;
        let angle = (f32(random.y >> 8u) * 5.9604645e-8 - 0.5) * TURN;
        output[i] = sqrt(-2.0 * log(share)) * cos(angle);
    }
}
