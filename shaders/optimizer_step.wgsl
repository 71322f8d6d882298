// One step of Adam, or of SGD with momentum, over PARTS weight tensors that live in one buffer.
//
// The new values go into a buffer of their own: whoever holds the old ones keeps them.

// [planes, entries]: the weights; Adam's first moment or SGD's velocity; Adam's second moment.
@group(0) @binding(0) var<storage, read_write> state: array<f32>;
@group(0) @binding(1) var<storage, read_write> stepped: array<f32>;
// Entries of a plane; planes; bits of the coefficients; where each part ends; how many entries of it are no padding.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;
@group(0) @binding(3) var<storage, read_write> gradient_0: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient_1: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient_2: array<f32>;
@group(0) @binding(6) var<storage, read_write> gradient_3: array<f32>;
@group(0) @binding(7) var<storage, read_write> gradient_4: array<f32>;

const WORKGROUP = {{ workgroup }}u;
const PARTS = {{ parts }}u;
const ENDS = 11u;

fn coefficient(index: u32) -> f32 {
    return bitcast<f32>(info[2u + index]);
}

fn gradient(entry: u32) -> f32 {
    var start = 0u;
    //# for part in parts
    if entry < info[ENDS + $partu] {
        if entry - start < info[ENDS + PARTS + $partu] {
            return gradient_$part[entry - start];
        }
        return 0.0;
    }
    start = info[ENDS + $partu];
    //# end
    return 0.0;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    let two_moments = info[1] == 3u;
    let learning_rate = coefficient(0u);
    let weight_decay = coefficient(1u);
    let first_moment = vec2<f32>(coefficient(2u), coefficient(3u));
    let second_moment = vec2<f32>(coefficient(4u), coefficient(5u));
    let correction = coefficient(6u);
    let epsilon = coefficient(7u);
    let gradient_factor = coefficient(8u);
    for (var entry = invocation.x; entry < entries; entry += workgroups.x * WORKGROUP) {
        let weight = state[entry];
        let slope = gradient_factor * gradient(entry) + weight_decay * weight;
        let first = first_moment.x * state[entries + entry] + first_moment.y * slope;
        stepped[entries + entry] = first;
        var update = first;
        if two_moments {
            let second = second_moment.x * state[2u * entries + entry] + second_moment.y * slope * slope;
            stepped[2u * entries + entry] = second;
            update /= sqrt(second) / correction + epsilon;
        }
        stepped[entry] = weight - learning_rate * update;
    }
}
