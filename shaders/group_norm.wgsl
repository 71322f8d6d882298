// Group normalisation with an activation; on the way back its vector-Jacobian product; on the way back from that one
// its own. Which of them is chosen as the text is written out; src/gpu/ops/group_norm/mod.rs has the formulas.
//
// A workgroup takes a group of channels of one sample. Its lanes stand in rows of `across`: a row walks over channels,
// a lane of it over pixels. Each lane sums up what is needed of each of its channels, then lanes add that up by
// channel, then by group; last, each lane writes its entries.

@group(0) @binding(0) var<storage, read_write> x: array<{{ loaded }}>;
// [batch, groups]: mean, inverse deviation; then [channels of all groups]: scale, shift.
@group(0) @binding(1) var<storage, read_write> tape: array<vec2<f32>>;
// Forward: y; on the way back the cotangent of x.
@group(0) @binding(2) var<storage, read_write> result: array<{{ stored }}>;
// Batch · groups, groups, channels of a group, pixels, lanes across, padded channels, whether there is an earlier
// cotangent.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;
//# for once in forward
// [channels of all groups]
@group(0) @binding(4) var<storage, read_write> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> shift: array<f32>;
//# end
//# for once in backward
@group(0) @binding(4) var<storage, read_write> gy: array<{{ loaded }}>;
// Of the cotangents of scale and shift: [batch, 2, padded channels].
@group(0) @binding(5) var<storage, read_write> parts: array<f32>;
//# end
//# for once in back
// Of x, to which this one is added.
@group(0) @binding(6) var<storage, read_write> earlier: array<{{ loaded }}>;
//# end
//# for once in again
// The cotangent of the product.
@group(0) @binding(6) var<storage, read_write> v: array<{{ loaded }}>;
@group(0) @binding(7) var<storage, read_write> to_gy: array<{{ stored }}>;
//# end

const LANES = {{ lanes }}u;
const SLOTS = {{ slots }}u;
const EPSILON = {{ epsilon }};
alias Sums = {{ sums }};
// What is loaded at a time: an entry, or four where channels have a multiple of that and a load takes several at once.
const PER = {{ per }}u;
alias Entries = {{ entries }};
alias Bits = {{ bits }};

//# for q in quads
var<workgroup> by_channel_$q: array<Sums, SLOTS>;
var<workgroup> by_lane_$q: array<Sums, LANES>;
//# end

fn sigmoid(z: Entries) -> Entries {
    return 1.0 / (1.0 + exp(-z));
}

fn value(z: Entries) -> Entries {
    return {{ value }};
}

fn slope(z: Entries) -> Entries {
    return {{ slope }};
}

fn curvature(z: Entries) -> Entries {
    return {{ curvature }};
}

fn total(entries: Entries) -> f32 {
    //# for once in single
    return entries;
    //# end
    //# for once in several
    return dot(entries, Entries(1.0));
    //# end
}

fn store(start: u32, entries: Entries) {
    //# for once in single
    result[start] = {{ stored }}(entries);
    //# end
    //# for e in quad
    result[start + $eu] = {{ stored }}(entries[$e]);
    //# end
}

//# for once in again
fn store_to_gy(start: u32, entries: Entries) {
    //# for once in single
    to_gy[start] = {{ stored }}(entries);
    //# end
    //# for e in quad
    to_gy[start + $eu] = {{ stored }}(entries[$e]);
    //# end
}
//# end

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the last group repeat it.
    let group = min(workgroup.z * workgroups.x + workgroup.x, info[0] - 1u);
    let sample = group / info[1];
    let channels = info[2];
    let pixels = info[3];
    let across = info[4];
    let row = lane / across;
    let column = lane % across;
    let rows = LANES / across;
    let start = group * channels * pixels;
    let first = group % info[1] * channels;
    let entries = f32(channels * pixels);
    //# for once in forward
    // Deviations from an entry: sums of their squares cannot lose more than the entries are many.
    //# end
    //# for once in forward_single
    let origin = f32(x[start]);
    //# end
    //# for once in forward_several
    let origin = f32(x[start / PER][0]);
    //# end
    //# for once in backward
    let mean = tape[group].x;
    let inverse = tape[group].y;
    //# end
    //# for once in back
    let is_added = info[6] != 0u;
    //# end

    for (var channel = row; channel < channels; channel += rows) {
        //# for q in quads
        var sums_$q = Sums();
        //# end
        //# for once in forward
        let gamma = scale[first + channel];
        let beta = shift[first + channel];
        //# end
        //# for once in backward
        let gamma = tape[info[0] + first + channel].x;
        let beta = tape[info[0] + first + channel].y;
        //# end
        let end = (start + (channel + 1u) * pixels) / PER;
        for (var i = (start + channel * pixels) / PER + column; i < end; i += across) {
            //# for once in forward
            let deviation = Entries(x[i]) - origin;
            sums_0 += Sums(total(deviation), total(deviation * deviation));
            //# end
            //# for once in backward
            let n = (Entries(x[i]) - mean) * inverse;
            let z = gamma * n + beta;
            let h = Entries(gy[i]) * slope(z);
            //# end
            //# for once in back
            sums_0 += Sums(total(h), total(h * n));
            //# end
            //# for once in again
            let along = Entries(v[i]);
            sums_0 += Sums(total(h), total(h * n), total(h * along), total(along));
            //# end
            //# for once in straight
            sums_1 += Sums(total(along * n), 0.0, 0.0, 0.0);
            //# end
            //# for once in curved
            let k = Entries(gy[i]) * curvature(z);
            sums_1 += Sums(total(along * n), total(k), total(k * along), total(k * n));
            sums_2 += Sums(total(k * along * n), total(k * n * n), 0.0, 0.0);
            //# end
        }
        //# for q in quads
        by_channel_$q[channel * across + column] = sums_$q;
        //# end
    }
    workgroupBarrier();

    //# for q in quads
    var lane_sums_$q = Sums();
    //# end
    for (var channel = lane; channel < channels; channel += LANES) {
        //# for q in quads
        var sums_$q = Sums();
        //# end
        for (var slot = channel * across; slot < (channel + 1u) * across; slot += 1u) {
            //# for q in quads
            sums_$q += by_channel_$q[slot];
            //# end
        }
        // This lane alone reads this again.
        //# for q in quads
        by_channel_$q[channel * across] = sums_$q;
        //# end
        //# for once in forward
        lane_sums_0 += sums_0;
        if group < info[1] {
            tape[info[0] + first + channel] = vec2<f32>(scale[first + channel], shift[first + channel]);
        }
        //# end
        //# for once in backward
        let gamma = tape[info[0] + first + channel].x;
        //# end
        //# for once in back
        lane_sums_0 += gamma * sums_0;
        //# end
        //# for once in again
        lane_sums_0 += sums_0 * vec4<f32>(gamma, gamma, gamma, 1.0);
        lane_sums_1 += sums_1 * vec4<f32>(1.0, vec3<f32>(gamma * gamma));
        //# end
        //# for once in curved
        lane_sums_2 += gamma * gamma * sums_2;
        //# end
    }
    //# for q in quads
    by_lane_$q[lane] = lane_sums_$q;
    //# end
    workgroupBarrier();

    //# for q in quads
    var means_$q = Sums();
    //# end
    for (var other = 0u; other < min(channels, LANES); other += 1u) {
        //# for q in quads
        means_$q += by_lane_$q[other];
        //# end
    }
    //# for q in quads
    means_$q /= entries;
    //# end
    //# for once in forward
    let mean = origin + means_0.x;
    let inverse = 1.0 / sqrt(max(means_0.y - means_0.x * means_0.x, 0.0) + EPSILON);
    if lane == 0u {
        tape[group] = vec2<f32>(mean, inverse);
    }
    //# end
    //# for once in again
    let q_mean = means_0.w;
    let q_along = means_1.x;
    let along_n = means_0.z - means_0.x * means_0.w - 3.0 * means_0.y * means_1.x;
    //# end
    //# for once in curved
    let k_mean = inverse * (means_1.z - q_mean * means_1.y - q_along * means_1.w);
    let k_along = inverse * (means_2.x - q_mean * means_1.w - q_along * means_2.y);
    //# end

    for (var channel = row; channel < channels; channel += rows) {
        //# for once in forward
        let gamma = scale[first + channel];
        let beta = shift[first + channel];
        //# end
        //# for once in backward
        let gamma = tape[info[0] + first + channel].x;
        let beta = tape[info[0] + first + channel].y;
        //# end
        let end = (start + (channel + 1u) * pixels) / PER;
        for (var i = (start + channel * pixels) / PER + column; i < end; i += across) {
            let n = (Entries(x[i]) - mean) * inverse;
            let z = gamma * n + beta;
            //# for once in forward
            store(PER * i, value(z));
            //# end
            //# for once in backward
            let steepness = slope(z);
            let u = gamma * Entries(gy[i]) * steepness;
            //# end
            //# for once in back
            var to_x = inverse * (u - means_0.x - n * means_0.y);
            if is_added {
                to_x += Entries(earlier[i]);
            }
            store(PER * i, to_x);
            //# end
            //# for once in again
            let along = Entries(v[i]) - q_mean;
            let q = inverse * (along - n * q_along);
            store_to_gy(PER * i, gamma * steepness * q);
            var to_x = -inverse * inverse
                * (q_along * (u - means_0.x) + means_0.y * along + n * along_n);
            //# end
            //# for once in curved
            let f = gamma * gamma * Entries(gy[i]) * curvature(z) * q;
            to_x += inverse * (f - k_mean - n * k_along);
            //# end
            //# for once in again
            store(PER * i, to_x);
            //# end
        }
    }
    //# for once in backward
    for (var channel = lane; channel < channels; channel += LANES) {
        let slot = channel * across;
        let sums = by_channel_0[slot];
        let part = 2u * sample * info[5] + first + channel;
        //# end
        //# for once in back
        parts[part] = sums.y;
        parts[part + info[5]] = sums.x;
        //# end
        //# for once in again
        var to_scale = inverse * (sums.z - q_mean * sums.x - q_along * sums.y);
        var to_shift = 0.0;
        //# end
        //# for once in curved
        let k = by_channel_1[slot];
        let k_squares = by_channel_2[slot];
        let gamma = tape[info[0] + first + channel].x;
        to_scale += gamma * inverse * (k_squares.x - q_mean * k.w - q_along * k_squares.y);
        to_shift = gamma * inverse * (k.z - q_mean * k.y - q_along * k.w);
        //# end
        //# for once in again
        parts[part] = to_scale;
        parts[part + info[5]] = to_shift;
        //# end
        //# for once in backward
    }
    //# end
}
