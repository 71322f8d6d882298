// The moments of each class from those of the chunks: one workgroup a class.

// [samples, chunks, 4]: sum, sum of squares, smallest, largest of the finite entries.
@group(0) @binding(0) var<storage, read_write> partial_moments: array<vec4<f32>>;
// [samples]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>;
// [classes, 4], in the order of the partial ones.
@group(0) @binding(2) var<storage, read_write> class_moments: array<vec4<f32>>;
// Samples, chunks a sample, classes.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LARGEST = 3.4028234e38;

var<workgroup> moments: array<vec4<f32>, WORKGROUP>;

fn merge(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(a.xy + b.xy, min(a.z, b.z), max(a.w, b.w));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let label = workgroup.y * workgroups.x + workgroup.x;
    let chunks = info[1];
    var mine = vec4<f32>(0.0, 0.0, LARGEST, -LARGEST);
    for (var sample = lane; sample < info[0]; sample += WORKGROUP) {
        if u32(labels[sample]) == label {
            for (var chunk = 0u; chunk < chunks; chunk += 1u) {
                mine = merge(mine, partial_moments[sample * chunks + chunk]);
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
    if lane == 0u && label < info[2] {
        class_moments[label] = moments[0];
    }
}
