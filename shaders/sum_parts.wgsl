// Sums the parts of a tensor, always in the same order. Where there are many, invocations share an element: each sums
// every so many-th part, and one adds that up.

// [parts, elements]
@group(0) @binding(0) var<storage, read_write> partial_sums: array<f32>;
// [elements]
@group(0) @binding(1) var<storage, read_write> sums: array<{{ written }}>;
// Parts, elements, the invocations that share an element: a power of two up to the workgroup's, and other parts.
@group(0) @binding(2) var<storage, read_write> info: array<u32>;
// [other parts, elements]
@group(0) @binding(3) var<storage, read_write> others: array<f32>;

const WORKGROUP = {{ workgroup }}u;

//# for once in shared
var<workgroup> sums_of_lanes: array<f32, WORKGROUP>;
//# end

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let parts = info[0];
    let elements = info[1];
    let sharing = info[2];
    let together = WORKGROUP / sharing;
    let element = (workgroup.y * workgroups.x + workgroup.x) * together + lane % together;
    var sum = 0.0;
    if element < elements {
        for (var part = lane / together; part < parts; part += sharing) {
            sum += partial_sums[part * elements + element];
        }
        let other_parts = info[3];
        for (var part = lane / together; part < other_parts; part += sharing) {
            sum += others[part * elements + element];
        }
    }
    //# for once in shared
    sums_of_lanes[lane] = sum;
    workgroupBarrier();
    if lane < together {
        for (var other = lane + together; other < WORKGROUP; other += together) {
            sum += sums_of_lanes[other];
        }
    }
    //# end
    if lane < together && element < elements {
        sums[element] = {{ written }}(sum);
    }
}
