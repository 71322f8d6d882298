// One step of Adam, or of SGD with momentum, over PARTS of the weight tensors that live in one buffer.
//
// The new values go into a buffer of their own: whoever holds the old ones keeps them.

// [planes, entries]: the weights; Adam's first moment or SGD's velocity; Adam's second moment.
@group(0) @binding(0) var<storage, read_write> state: array<f32>;
@group(0) @binding(1) var<storage, read_write> stepped: array<f32>;
// Entries of a plane; planes; bits of the coefficients; where each part begins and where the last one ends; how many entries
// of each are no padding.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;
//# for part in parts
@group(0) @binding($[others + $part]) var<storage, read_write> gradient_$part: array<f32>;
//# end

const WORKGROUP = {{ workgroup }}u;
const PARTS = {{ parts }}u;
// A power of two.
const MOST_PARTS = {{ most_parts }}u;
const BEGINS = {{ begins }}u;

fn coefficient(index: u32) -> f32 {
    return bitcast<f32>(info[2u + index]);
}

fn gradient_of(part: u32, entry: u32) -> f32 {
    switch part {
        //# for part in parts
        case $partu: {
            return gradient_$part[entry];
        }
        //# end
        default: {
            return 0.0;
        }
    }
}

fn gradient(entry: u32) -> f32 {
    // The last part that begins there or before.
    var part = 0u;
    for (var width = MOST_PARTS / 2u; width > 0u; width /= 2u) {
        if part + width < PARTS && entry >= info[BEGINS + part + width] {
            part += width;
        }
    }
    let entry_of_part = entry - info[BEGINS + part];
    if entry_of_part < info[BEGINS + PARTS + 1u + part] {
        return gradient_of(part, entry_of_part);
    }
    return 0.0;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    let end = info[BEGINS + PARTS];
    let two_moments = info[1] == 3u;
    let learning_rate = coefficient(0u);
    let weight_decay = coefficient(1u);
    let first_moment = vec2<f32>(coefficient(2u), coefficient(3u));
    let second_moment = vec2<f32>(coefficient(4u), coefficient(5u));
    let correction = coefficient(6u);
    let epsilon = coefficient(7u);
    let gradient_factor = coefficient(8u);
    for (var entry = info[BEGINS] + invocation.x; entry < end; entry += workgroups.x * WORKGROUP) {
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
