// One pass of an iterative L∞ attack: x' = clamp(clamp(x + step · sign(g), clean − ε, clean + ε), 0, 1).

// Not read where the attack stands at the clean images.
@group(0) @binding(0) var<storage, read_write> adversarial: array<f32>;
// Bits of f32: the sign of a denormal must not depend on whether the adapter flushes denormals.
@group(0) @binding(1) var<storage, read_write> gradient: array<u32>;
@group(0) @binding(2) var<storage, read_write> clean: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
// Number of elements, bits of step, bits of ε, 1 where the attack stands at the clean images.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

// −1, 0 or 1; 0 for −0 and NaN.
fn sign_of(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffffffu;
    if magnitude == 0u || magnitude > 0x7f800000u {
        return 0.0;
    }
    return select(1.0, -1.0, bits > 0x7fffffffu);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let step = bitcast<f32>(info[1]);
    let epsilon = bitcast<f32>(info[2]);
    let entries = info[0];
    let is_clean = info[3] == 1u;
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        let center = clean[i];
        var moved = center;
        if !is_clean {
            moved = adversarial[i];
        }
        moved += step * sign_of(gradient[i]);
        let near = min(max(moved, center - epsilon), center + epsilon);
        output[i] = min(max(near, 0.0), 1.0);
    }
}
