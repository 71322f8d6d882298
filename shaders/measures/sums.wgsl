// Adds a step's measures to the running sums: an invocation a sum, always in the same order.

// [samples, 8], as samples.wgsl leaves them
@group(0) @binding(0) var<storage, read_write> rows: array<f32>;
// [5 + classes²]: means of rows' first five columns, but for columns 1 and 3, which are counts; then how often the
// auxiliary network said each class (column) of each (row).
@group(0) @binding(1) var<storage, read_write> before: array<f32>;
@group(0) @binding(2) var<storage, read_write> after: array<f32>;
// Samples, classes.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const SCALARS = 5u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let classes = info[1];
    for (var i = invocation.x; i < SCALARS + classes * classes; i += workgroups.x * WORKGROUP) {
        var sum = 0.0;
        if i < SCALARS {
            for (var sample = 0u; sample < info[0]; sample += 1u) {
                sum += rows[sample * 8u + i];
            }
            if i % 2u == 0u {
                sum /= f32(info[0]);
            }
        } else {
            let said = f32((i - SCALARS) % classes);
            let origin = f32((i - SCALARS) / classes);
            for (var sample = 0u; sample < info[0]; sample += 1u) {
                if rows[sample * 8u + 5u] == said && rows[sample * 8u + 6u] == origin {
                    sum += 1.0;
                }
            }
        }
        after[i] = before[i] + sum;
    }
}
