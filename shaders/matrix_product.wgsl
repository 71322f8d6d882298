// A matrix product, each operand as it is or transposed, and what a layer's bias needs: an invocation an entry, or where
// entries are few and sums long a workgroup; where loads are dear an invocation a tile of 4 × 4 entries.

@group(0) @binding(0) var<storage, read_write> left: array<f32>;
@group(0) @binding(1) var<storage, read_write> right: array<f32>;
// [rows, columns]
@group(0) @binding(2) var<storage, read_write> product: array<f32>;
// With BIAS [columns], added to each row; with SUMS [rows], the sums over the left operand's inner index.
@group(0) @binding(3) var<storage, read_write> vector: array<f32>;
// Rows, columns, inner size, then steps in memory: of left along a row index and the inner one, of right along the
// inner index and a column's; last what the vector is.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const BIAS = 1u;
const SUMS = 2u;

//# for once in together
var<workgroup> sums_of_lanes: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup.x;
    let row = i / info[1];
    let column = i - row * info[1];
    let terms = info[2];
    let begin = vec2<u32>(row * info[3], column * info[6]);
    let pace = vec2<u32>(info[4], info[5]);
    var sum = 0.0;
    for (var inner = lane; inner < terms; inner += WORKGROUP) {
        let at = begin + inner * pace;
        sum = fma(left[at.x], right[at.y], sum);
    }
    sums_of_lanes[lane] = sum;
    workgroupBarrier();
    if lane == 0u {
        for (var other = 1u; other < WORKGROUP; other += 1u) {
            sum += sums_of_lanes[other];
        }
        if info[7] == BIAS {
            sum += vector[column];
        }
        product[i] = sum;
    }
}
//# end
//# for once in apart
@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let stride = workgroups.x * WORKGROUP;
    let size = vec2<u32>(info[0], info[1]);
    let terms = info[2];
    let pace = vec2<u32>(info[4], info[5]);
    for (var i = invocation.x; i < size.x * size.y; i += stride) {
        let row = i / size.y;
        let column = i - row * size.y;
        let at = vec2<u32>(row * info[3], column * info[6]);
        // Four terms at a time, none waiting for another.
        var four = vec4<f32>();
        var l = at.x + vec4<u32>(0u, 1u, 2u, 3u) * pace.x;
        var r = at.y + vec4<u32>(0u, 1u, 2u, 3u) * pace.y;
        var inner = 0u;
        for (; inner + 4u <= terms; inner += 4u) {
            let factors = vec4<f32>(left[l.x], left[l.y], left[l.z], left[l.w]);
            four = fma(factors, vec4<f32>(right[r.x], right[r.y], right[r.z], right[r.w]), four);
            l += 4u * pace.x;
            r += 4u * pace.y;
        }
        var sum = (four.x + four.y) + (four.z + four.w);
        for (; inner < terms; inner += 1u) {
            sum = fma(left[at.x + inner * pace.x], right[at.y + inner * pace.y], sum);
        }
        if info[7] == BIAS {
            sum += vector[column];
        }
        product[i] = sum;
    }
    sum_rows(invocation.x, stride);
}
//# end
//# for once in tiled
@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let stride = workgroups.x * WORKGROUP;
    let size = vec2<u32>(info[0], info[1]);
    let terms = info[2];
    let pace = vec2<u32>(info[4], info[5]);
    let has_bias = info[7] == BIAS;
    let across = (size.y + 3u) / 4u;
    for (var tile = invocation.x; tile < (size.x + 3u) / 4u * across; tile += stride) {
        let rows = tile / across * 4u + vec4<u32>(0u, 1u, 2u, 3u);
        let columns = tile % across * 4u + vec4<u32>(0u, 1u, 2u, 3u);
        var l = min(rows, vec4<u32>(size.x - 1u)) * info[3];
        var r = min(columns, vec4<u32>(size.y - 1u)) * info[6];
        var sums: array<vec4<f32>, 4>;
        for (var inner = 0u; inner < terms; inner += 1u) {
            let factors = vec4<f32>(left[l.x], left[l.y], left[l.z], left[l.w]);
            let others = vec4<f32>(right[r.x], right[r.y], right[r.z], right[r.w]);
            //# for i in four
            sums[$i] = fma(vec4<f32>(factors[$i]), others, sums[$i]);
            //# end
            l += pace.x;
            r += pace.y;
        }
        // Stores of the first row alone, which the next one then becomes: a driver takes long to compile stores.
        for (var row = rows.x; row < min(rows.x + 4u, size.x); row += 1u) {
            //# for j in four
            if columns[$j] < size.y {
                var sum = sums[0][$j];
                if has_bias {
                    sum += vector[columns[$j]];
                }
                product[row * size.y + columns[$j]] = sum;
            }
            //# end
            //# for i in three
            sums[$i] = sums[$i + 1];
            //# end
        }
    }
    sum_rows(invocation.x, stride);
}
//# end
//# for once in summing

fn sum_rows(first: u32, stride: u32) {
    let sums = select(0u, info[0], info[7] == SUMS);
    let terms = info[2];
    let pace = info[4];
    for (var row = first; row < sums; row += stride) {
        var sum = 0.0;
        var at = row * info[3];
        for (var inner = 0u; inner < terms; inner += 1u) {
            sum += left[at];
            at += pace;
        }
        vector[row] = sum;
    }
}
//# end
