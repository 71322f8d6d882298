// One pass of an iterative L2 attack: x' = x + step · g / ‖g‖, back into the ball of radius ε around clean, then into
// [0, 1]: a workgroup a sample.

// [samples, pixels]; not read where the attack stands at the clean images.
@group(0) @binding(0) var<storage, read_write> adversarial: array<f32>;
// [samples, pixels]
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
// [samples, pixels]
@group(0) @binding(2) var<storage, read_write> clean: array<f32>;
// [samples, pixels]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
// Samples, pixels, bits of step, bits of ε, 1 where the attack stands at the clean images.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LEAST_NORM = 1e-12;

var<workgroup> squares: array<f32, WORKGROUP>;
var<workgroup> moved_squares: array<f32, WORKGROUP>;

// How far the attack stands from the clean image.
fn offset(i: u32) -> f32 {
    if info[4] == 1u {
        return 0.0;
    }
    return adversarial[i] - clean[i];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = workgroup.y * workgroups.x + workgroup.x;
    let pixels = select(0u, info[1], sample < info[0]);
    let begin = sample * pixels;
    let step = bitcast<f32>(info[2]);
    let epsilon = bitcast<f32>(info[3]);

    var square = 0.0;
    for (var i = begin + lane; i < begin + pixels; i += WORKGROUP) {
        square = fma(gradient[i], gradient[i], square);
    }
    squares[lane] = square;
    workgroupBarrier();
    square = 0.0;
    for (var i = 0u; i < WORKGROUP; i += 1u) {
        square += squares[i];
    }
    let pace = step / max(sqrt(square), LEAST_NORM);

    square = 0.0;
    for (var i = begin + lane; i < begin + pixels; i += WORKGROUP) {
        let moved = offset(i) + pace * gradient[i];
        square = fma(moved, moved, square);
    }
    moved_squares[lane] = square;
    workgroupBarrier();
    square = 0.0;
    for (var i = 0u; i < WORKGROUP; i += 1u) {
        square += moved_squares[i];
    }
    let factor = min(1.0, epsilon / max(sqrt(square), LEAST_NORM));

    for (var i = begin + lane; i < begin + pixels; i += WORKGROUP) {
        let moved = offset(i) + pace * gradient[i];
        output[i] = clamp(clean[i] + factor * moved, 0.0, 1.0);
    }
}
