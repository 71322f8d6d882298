// Exact counts of gradient entries by class in log-magnitude bins with sign, and the moments of each chunk.
//
// A workgroup takes one chunk of one sample, so all that it counts is of one class: it counts in its own memory and
// adds to the class's counts once. Workgroup x is the chunk; y and z together are the sample.

// Bits of f32, [samples, pixels]: bins come from bits, so that every adapter and the reference agree exactly.
@group(0) @binding(0) var<storage, read_write> gradient: array<u32>;
// [samples]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>;
// [classes, COLUMNS], zero at first; the last column counts what is not finite.
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
// [samples, chunks, 4]: sum, sum of squares, smallest, largest of the finite entries.
@group(0) @binding(3) var<storage, read_write> partial_moments: array<vec4<f32>>;
// Samples, pixels, classes.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const CHUNK = {{ chunk }}u;
const COLUMNS = {{ columns }}u;
// Magnitude bins on either side of the middle one.
const SIDE = {{ side }}u;
// Bits of the least magnitude outside the middle bin.
const LEAST = {{ least }}u;
const INFINITY = 0x7f800000u;
const LARGEST = 3.4028234e38;

var<workgroup> tally: array<atomic<u32>, COLUMNS>;
var<workgroup> moments: array<vec4<f32>, WORKGROUP>;

// Quarter octaves: the exponent, and which of four equal ratios the mantissa is in.
fn magnitude_bin(magnitude: u32) -> u32 {
    let mantissa = magnitude & 0x7fffffu;
    let quarter = u32(mantissa >= {{ quarter_1 }}u) + u32(mantissa >= {{ quarter_2 }}u) + u32(mantissa >= {{ quarter_3 }}u);
    return min(4u * ((magnitude >> 23u) - (LEAST >> 23u)) + quarter, SIDE - 1u);
}

fn bin_of(bits: u32) -> u32 {
    let magnitude = bits & 0x7fffffffu;
    if magnitude >= INFINITY {
        return COLUMNS - 1u;
    }
    if magnitude < LEAST {
        return SIDE;
    }
    let bin = magnitude_bin(magnitude);
    return select(SIDE + 1u + bin, SIDE - 1u - bin, bits > 0x7fffffffu);
}

fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(a.xy + b.xy, min(a.z, b.z), max(a.w, b.w));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    for (var column = lane; column < COLUMNS; column += WORKGROUP) {
        atomicStore(&tally[column], 0u);
    }
    workgroupBarrier();

    let sample = workgroup.z * workgroups.y + workgroup.y;
    let inside = sample < info[0];
    let pixels = info[1];
    var mine = vec4<f32>(0.0, 0.0, LARGEST, -LARGEST);
    if inside {
        let end = min((workgroup.x + 1u) * CHUNK, pixels);
        for (var pixel = workgroup.x * CHUNK + lane; pixel < end; pixel += WORKGROUP) {
            let bits = gradient[sample * pixels + pixel];
            let bin = bin_of(bits);
            atomicAdd(&tally[bin], 1u);
            if bin != COLUMNS - 1u {
                let value = bitcast<f32>(bits);
                mine = merge(mine, vec4<f32>(value, value * value, value, value));
            }
        }
    }
    moments[lane] = mine;
    workgroupBarrier();

    for (var stride = WORKGROUP / 2u; stride > 0u; stride /= 2u) {
        if lane < stride {
            moments[lane] = merge(moments[lane], moments[lane + stride]);
        }
        workgroupBarrier();
    }
    if inside {
        if lane == 0u {
            partial_moments[sample * workgroups.x + workgroup.x] = moments[0];
        }
        // A label that is none counts nowhere; as u32, a negative one is too large as well.
        let label = u32(labels[sample]);
        if label < info[2] {
            for (var column = lane; column < COLUMNS; column += WORKGROUP) {
                let count = atomicLoad(&tally[column]);
                if count > 0u {
                    atomicAdd(&counts[label * COLUMNS + column], count);
                }
            }
        }
    }
}
