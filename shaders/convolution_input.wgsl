// The input vector-Jacobian product of a convolution of stride 2: an invocation sums ROWS × COLUMNS pixels, of which
// every second has a cotangent below it, in 4 · QUADS channels in its registers.

// [batch, outputs, out height, out width]
@group(0) @binding(0) var<storage, read_write> gy: array<{{ stored }}>;
// [outputs, channels, KERNEL, KERNEL]
@group(0) @binding(1) var<storage, read_write> kernel: array<f32>;
// [batch, channels, height, width]
@group(0) @binding(2) var<storage, read_write> gx: array<{{ stored }}>;
// Batch, channels, height, width, outputs, out height, out width.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const KERNEL = {{ kernel }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const QUADS = {{ quads }}u;
const TAPS = KERNEL * KERNEL;
const PAD = i32(KERNEL / 2u);
const NEAR_ROWS = {{ near_rows }}u;
const NEAR_COLUMNS = {{ near_columns }}u;
// Outputs whose weights are in workgroup memory at a time.
const CHUNK = 8u;
const TILE = CHUNK * TAPS * QUADS;

var<workgroup> tile: array<vec4<f32>, TILE>;
// What bounds a loop around barriers: browsers must see that it is the same for the whole workgroup.
var<workgroup> shared_outputs: u32;

fn weight(output: u32, channel: u32, tap: u32) -> f32 {
    if output >= info[4] || channel >= info[1] {
        return 0.0;
    }
    return kernel[(output * info[1] + channel) * TAPS + tap];
}

fn cotangent(plane: u32, row: u32, column: u32) -> f32 {
    if row >= info[5] || column >= info[6] {
        return 0.0;
    }
    return f32(gy[plane + row * info[6] + column]);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    if lane == 0u {
        shared_outputs = info[4];
    }
    let outputs = workgroupUniformLoad(&shared_outputs);
    let size = vec2<u32>(info[3], info[2]);
    let across = (size.x + COLUMNS - 1u) / COLUMNS;
    let down = (size.y + ROWS - 1u) / ROWS;
    let patch_index = (workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let sample = patch_index / (across * down);
    // Both even, so that which pixels meet which taps is known here.
    let row = patch_index / across % down * ROWS;
    let column = patch_index % across * COLUMNS;
    let first = workgroup.y * 4u * QUADS;
    let inside = sample < info[0];

    var sums: array<array<array<vec4<f32>, QUADS>, COLUMNS>, ROWS>;
    for (var chunk = 0u; chunk < outputs; chunk += CHUNK) {
        workgroupBarrier();
        for (var i = lane; i < TILE; i += WORKGROUP) {
            let channel = first + 4u * (i % QUADS);
            let tap = i / QUADS % TAPS;
            let output = chunk + i / (QUADS * TAPS);
            tile[i] = vec4<f32>(
                weight(output, channel, tap),
                weight(output, channel + 1u, tap),
                weight(output, channel + 2u, tap),
                weight(output, channel + 3u, tap),
            );
        }
        workgroupBarrier();
        // Not `continue`: every invocation of a workgroup must meet every barrier.
        let end = select(chunk, min(chunk + CHUNK, outputs), inside);
        for (var output = chunk; output < end; output += 1u) {
            let plane = (sample * outputs + output) * info[5] * info[6];
            let weights = (output - chunk) * TAPS * QUADS;
            var near: array<array<f32, NEAR_COLUMNS>, NEAR_ROWS>;
            //# for i in near_rows
            //# for j in near_columns
            near[$i][$j] = cotangent(plane, row / 2u + $i, column / 2u + $j);
            //# end
            //# end
            //# for a in kernel
            //# for b in kernel
            //# for q in quads
            {
                let weight = tile[weights + ($a * KERNEL + $b) * QUADS + $q];
                //# for i in rows
                //# for j in columns
                // Output row r has its tap a on input row 2r + a − PAD.
                if ($i + PAD - $a) % 2 == 0 && ($j + PAD - $b) % 2 == 0 {
                    let factor = near[($i + PAD - $a) / 2][($j + PAD - $b) / 2];
                    sums[$i][$j][$q] = fma(vec4<f32>(factor), weight, sums[$i][$j][$q]);
                }
                //# end
                //# end
            }
            //# end
            //# end
            //# end
        }
    }
    if inside {
        //# for q in quads
        //# for k in four
        if first + 4 * $q + $k < info[1] {
            let plane = (sample * info[1] + first + 4 * $q + $k) * size.y;
            //# for i in rows
            //# for j in columns
            if row + $i < size.y && column + $j < size.x {
                gx[(plane + row + $i) * size.x + column + $j] = {{ stored }}(sums[$i][$j][$q][$k]);
            }
            //# end
            //# end
        }
        //# end
        //# end
    }
}
