// Each sample divided by its root mean square or by its largest magnitude, or the product of a cotangent with that
// one's Jacobian: a workgroup a sample.

// [samples, pixels]
@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
// [samples, pixels]; read on the way back alone.
@group(0) @binding(1) var<storage, read_write> cotangent: array<f32>;
// [samples, pixels]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
// Samples, pixels, 1 for the largest magnitude, 1 on the way back.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const EPSILON = 1e-12;

// Sums of squares, or largest magnitudes and where they are; sums of gradient times cotangent.
var<workgroup> sizes: array<f32, WORKGROUP>;
var<workgroup> places: array<u32, WORKGROUP>;
var<workgroup> products: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = workgroup.y * workgroups.x + workgroup.x;
    let pixels = select(0u, info[1], sample < info[0]);
    let by_largest = info[2] == 1u;
    let back = info[3] == 1u;
    let begin = sample * pixels;

    var size = 0.0;
    var place = 0u;
    var product = 0.0;
    for (var i = lane; i < pixels; i += WORKGROUP) {
        let g = gradient[begin + i];
        if !by_largest {
            size = fma(g, g, size);
        } else if abs(g) > size {
            size = abs(g);
            place = i;
        }
        if back {
            product = fma(g, cotangent[begin + i], product);
        }
    }
    sizes[lane] = size;
    places[lane] = place;
    products[lane] = product;
    workgroupBarrier();

    // Every invocation for itself: one barrier less, and the same bits in each.
    size = 0.0;
    place = 0u;
    product = 0.0;
    for (var i = 0u; i < WORKGROUP; i += 1u) {
        if !by_largest {
            size += sizes[i];
        } else if sizes[i] > size || (sizes[i] == size && places[i] < place) {
            size = sizes[i];
            place = places[i];
        }
        if back {
            product += products[i];
        }
    }
    // What the sample is multiplied by, and what the size's own derivative takes away.
    var scale = 1.0 / max(size, EPSILON);
    var along = 0.0;
    if !by_largest {
        scale = inverseSqrt(size / f32(pixels) + EPSILON);
        along = product * scale / f32(pixels);
    } else if size > EPSILON {
        along = product * scale;
    }
    for (var i = lane; i < pixels; i += WORKGROUP) {
        let normalized = gradient[begin + i] * scale;
        if !back {
            output[begin + i] = normalized;
        } else if !by_largest {
            output[begin + i] = (cotangent[begin + i] - normalized * along) * scale;
        } else {
            let own = select(0.0, sign(normalized) * along, i == place);
            output[begin + i] = (cotangent[begin + i] - own) * scale;
        }
    }
}
