// The weight gradient of a convolution, in parts: an invocation sums the taps of one input channel and 4 · QUADS
// outputs in its registers, over its share of all patches of ROWS × COLUMNS output pixels.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// [batch, outputs, out height, out width]
@group(0) @binding(1) var<storage, read_write> gy: array<{{ stored }}>;
// [parts, outputs, channels, KERNEL, KERNEL]
@group(0) @binding(2) var<storage, read_write> partial_sums: array<f32>;
// Batch, channels, height, width, outputs, out height, out width, parts.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const QUADS = {{ quads }}u;
const TAPS = KERNEL * KERNEL;
const PAD = i32(KERNEL / 2u);
const NEAR_ROWS = (ROWS - 1u) * STRIDE + KERNEL;
const NEAR_COLUMNS = (COLUMNS - 1u) * STRIDE + KERNEL;

fn pixel(plane: u32, row: i32, column: i32) -> f32 {
    if row < 0 || row >= i32(info[2]) || column < 0 || column >= i32(info[3]) {
        return 0.0;
    }
    return f32(x[plane + u32(row) * info[3] + u32(column)]);
}

fn cotangent(sample: u32, output: u32, row: u32, column: u32) -> f32 {
    if output >= info[4] || row >= info[5] || column >= info[6] {
        return 0.0;
    }
    return f32(gy[((sample * info[4] + output) * info[5] + row) * info[6] + column]);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = info[1];
    let outputs = info[4];
    let parts = info[7];
    let across = (info[6] + COLUMNS - 1u) / COLUMNS;
    let down = (info[5] + ROWS - 1u) / ROWS;
    let blocks = (outputs + 4u * QUADS - 1u) / (4u * QUADS);
    let id = (workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let channel = id % channels;
    let first = id / channels % blocks * 4u * QUADS;
    let part = id / (channels * blocks);
    if part >= parts {
        return;
    }

    var sums: array<array<array<vec4<f32>, QUADS>, KERNEL>, KERNEL>;
    let patches = info[0] * down * across;
    for (var patch_index = part; patch_index < patches; patch_index += parts) {
        let sample = patch_index / (across * down);
        let row = patch_index / across % down * ROWS;
        let column = patch_index % across * COLUMNS;
        let top = i32(row * STRIDE) - PAD;
        let left = i32(column * STRIDE) - PAD;
        let plane = (sample * channels + channel) * info[2] * info[3];
        var near: array<array<f32, NEAR_COLUMNS>, NEAR_ROWS>;
        //# for i in near_rows
        //# for j in near_columns
        near[$i][$j] = pixel(plane, top + $i, left + $j);
        //# end
        //# end
        //# for i in rows
        //# for j in columns
        //# for q in quads
        {
            let output = first + 4 * $q;
            let above = vec4<f32>(
                cotangent(sample, output, row + $i, column + $j),
                cotangent(sample, output + 1u, row + $i, column + $j),
                cotangent(sample, output + 2u, row + $i, column + $j),
                cotangent(sample, output + 3u, row + $i, column + $j),
            );
            //# for a in kernel
            //# for b in kernel
            sums[$a][$b][$q] = fma(vec4<f32>(near[$i * STRIDE + $a][$j * STRIDE + $b]), above, sums[$a][$b][$q]);
            //# end
            //# end
        }
        //# end
        //# end
        //# end
    }
    //# for q in quads
    //# for k in four
    if first + 4 * $q + $k < outputs {
        let filter_index = (part * outputs + first + 4 * $q + $k) * channels + channel;
        //# for a in kernel
        //# for b in kernel
        partial_sums[filter_index * TAPS + $a * KERNEL + $b] = sums[$a][$b][$q][$k];
        //# end
        //# end
    }
    //# end
    //# end
}
