// A matrix product, each operand as it is or transposed: an invocation an entry.

@group(0) @binding(0) var<storage, read_write> left: array<f32>;
@group(0) @binding(1) var<storage, read_write> right: array<f32>;
// [rows, columns]
@group(0) @binding(2) var<storage, read_write> product: array<f32>;
// Rows, columns, inner size, then steps in memory: of left along a row index and the inner one, of right along the
// inner index and a column's.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0] * info[1];
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        var at_left = i / info[1] * info[3];
        var at_right = i % info[1] * info[6];
        var sum = 0.0;
        for (var inner = 0u; inner < info[2]; inner += 1u) {
            sum = fma(left[at_left], right[at_right], sum);
            at_left += info[4];
            at_right += info[5];
        }
        product[i] = sum;
    }
}
