// One step of Adam, or of SGD with momentum, over PARTS of the weight tensors that live in one buffer.
//
// The new values go into a buffer of their own: whoever holds the old ones keeps them.

// [planes, entries / 4]: the weights; Adam's first moment or SGD's velocity; Adam's second moment. A vector has entries of
// one part alone.
@group(0) @binding(0) var<storage, read_write> state: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> stepped: array<vec4<f32>>;
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

// An entry of a part's gradient.
fn gradient_of(part: u32, index: u32) -> f32 {
    switch part {
        //# for part in parts
        case $partu: {
            return gradient_$part[index];
        }
        //# end
        default: {
            return 0.0;
        }
    }
}

// Four of them from one on; 0 where it has no more. A loop: drivers compile as many loads as there are parts, not four
// times as many.
fn gradients_of(part: u32, first: u32) -> vec4<f32> {
    let rest = max(info[BEGINS + PARTS + 1u + part], first) - first;
    var gradients: vec4<f32>;
    for (var k = 0u; k < min(rest, 4u); k += 1u) {
        gradients[k] = gradient_of(part, first + k);
    }
    return gradients;
}

// The last part that begins at an entry or before.
fn part_of(entry: u32) -> u32 {
    var part = 0u;
    for (var width = MOST_PARTS / 2u; width > 0u; width /= 2u) {
        if part + width < PARTS && entry >= info[BEGINS + part + width] {
            part += width;
        }
    }
    return part;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    // Vectors of a plane, and where these parts' end.
    let plane = info[0] / 4u;
    let end = info[BEGINS + PARTS] / 4u;
    let two_moments = info[1] == 3u;
    let learning_rate = coefficient(0u);
    let weight_decay = coefficient(1u);
    let first_moment = vec2<f32>(coefficient(2u), coefficient(3u));
    let second_moment = vec2<f32>(coefficient(4u), coefficient(5u));
    let correction = coefficient(6u);
    let epsilon = coefficient(7u);
    let gradient_factor = coefficient(8u);
    for (var at = info[BEGINS] / 4u + invocation.x; at < end; at += workgroups.x * WORKGROUP) {
        let part = part_of(4u * at);
        let weight = state[at];
        let slope = gradient_factor * gradients_of(part, 4u * at - info[BEGINS + part]) + weight_decay * weight;
        let first = first_moment.x * state[plane + at] + first_moment.y * slope;
        stepped[plane + at] = first;
        var update = first;
        if two_moments {
            let second = second_moment.x * state[2u * plane + at] + second_moment.y * slope * slope;
            stepped[2u * plane + at] = second;
            update /= sqrt(second) / correction + epsilon;
        }
        stepped[at] = weight - learning_rate * update;
    }
}
