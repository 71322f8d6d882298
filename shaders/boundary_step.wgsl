// One step of FAB towards the linearised boundary, a workgroup a sample: the images and the clean ones are projected onto
// it, and the step goes to a point between the two projections.

// [samples, pixels]; not read where the attack stands at the clean images.
@group(0) @binding(0) var<storage, read_write> images: array<f32>;
// [samples, pixels]
@group(0) @binding(1) var<storage, read_write> clean: array<f32>;
// [samples, pixels]: the gradient of the difference of logits.
@group(0) @binding(2) var<storage, read_write> normal: array<f32>;
// [samples]: that difference at the images.
@group(0) @binding(3) var<storage, read_write> excess: array<f32>;
// [samples, pixels]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
// Samples, pixels, bits of the overshoot, bits of the most bias, 1 for L2, 1 where the attack stands at the clean images.
@group(0) @binding(5) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LEAST_LENGTH = 1e-8;
const LEAST_SLOPE = 1e-8;
const LEAST_WEIGHT = 1e-20;
const LEVEL_STEPS = 10;

var<workgroup> parts: array<vec4<f32>, WORKGROUP>;

// The sums of what every lane has. All lanes must come here together.
fn sums(lane: u32, own: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    parts[lane] = own;
    workgroupBarrier();
    var all = vec4<f32>();
    for (var i = 0u; i < WORKGROUP; i += 1u) {
        all += parts[i];
    }
    return all;
}

fn image(i: u32) -> f32 {
    if info[5] == 1u {
        return clean[i];
    }
    return images[i];
}

// How much a pixel at `value` fills per level, and up to which level: it moves by the level along the slope's sign, or by
// the level times the slope in L2, until it is black or white.
fn room(value: f32, slope: f32) -> vec2<f32> {
    let wall = select(1.0 - value, value, slope > 0.0);
    let steep = abs(slope);
    if info[4] == 0u {
        return vec2(steep, wall);
    }
    let weight = select(0.0, steep * steep, steep > LEAST_SLOPE);
    return vec2(weight, wall / max(steep, LEAST_SLOPE));
}

// How far it moves at that level.
fn offset(value: f32, slope: f32, level: f32) -> f32 {
    let way = f32(slope < 0.0) - f32(slope > 0.0);
    let capped = min(room(value, slope).y, level);
    if info[4] == 0u {
        return way * capped;
    }
    return select(0.0, way * capped * abs(slope), abs(slope) > LEAST_SLOPE);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = workgroup.y * workgroups.x + workgroup.x;
    let is_sample = sample < info[0];
    let pixels = select(0u, info[1], is_sample);
    let begin = sample * pixels;
    let end = begin + pixels;

    var own = vec4<f32>();
    for (var i = begin + lane; i < end; i += WORKGROUP) {
        own.x = fma(normal[i], clean[i] - image(i), own.x);
    }
    // At the images, and at the clean ones.
    let here = select(0.0, excess[min(sample, info[0] - 1u)], is_sample);
    let above = vec2(here, here + sums(lane, own).x);
    let side = select(vec2(-1.0), vec2(1.0), above >= vec2(0.0));
    let amount = abs(above);

    var level = vec2<f32>();
    for (var step = 0; step < LEVEL_STEPS; step += 1) {
        own = vec4<f32>();
        for (var i = begin + lane; i < end; i += WORKGROUP) {
            let at_image = room(image(i), side.x * normal[i]);
            let at_clean = room(clean[i], side.y * normal[i]);
            own.x = fma(at_image.x, min(at_image.y, level.x), own.x);
            own.y += select(0.0, at_image.x, at_image.y > level.x);
            own.z = fma(at_clean.x, min(at_clean.y, level.y), own.z);
            own.w += select(0.0, at_clean.x, at_clean.y > level.y);
        }
        let filled = sums(lane, own);
        level += max(amount - filled.xz, vec2(0.0)) / max(filled.yw, vec2(LEAST_WEIGHT));
    }

    own = vec4<f32>();
    for (var i = begin + lane; i < end; i += WORKGROUP) {
        let moved = vec2(
            offset(image(i), side.x * normal[i], level.x),
            offset(clean[i], side.y * normal[i], level.y),
        );
        // The largest in L∞ comes by way of the sum below.
        if info[4] == 1u {
            own = vec4(own.xy + moved * moved, own.zw);
        } else {
            own = vec4(max(own.xy, abs(moved)), own.zw);
        }
    }
    workgroupBarrier();
    parts[lane] = own;
    workgroupBarrier();
    var reach = vec2<f32>();
    for (var i = 0u; i < WORKGROUP; i += 1u) {
        reach = select(max(reach, parts[i].xy), reach + parts[i].xy, info[4] == 1u);
    }
    reach = max(select(reach, sqrt(reach), info[4] == 1u), vec2(LEAST_LENGTH));

    let overshoot = bitcast<f32>(info[2]);
    let bias = min(reach.x / (reach.x + reach.y), bitcast<f32>(info[3]));
    for (var i = begin + lane; i < end; i += WORKGROUP) {
        let from_image = image(i) + overshoot * offset(image(i), side.x * normal[i], level.x);
        let from_clean = clean[i] + overshoot * offset(clean[i], side.y * normal[i], level.y);
        output[i] = clamp(from_image * (1.0 - bias) + from_clean * bias, 0.0, 1.0);
    }
}
