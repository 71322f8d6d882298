// A convolution without bias, and at stride 1 its input vector-Jacobian product, which is one with the kernel turned
// around: an invocation sums a patch of ROWS × COLUMNS pixels in 4 · QUADS output channels in its registers.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// Convolution: [outputs, channels, KERNEL, KERNEL]; vector-Jacobian product: [channels, outputs, KERNEL, KERNEL].
@group(0) @binding(1) var<storage, read_write> kernel: array<f32>;
// [batch, outputs, out height, out width]
@group(0) @binding(2) var<storage, read_write> y: array<{{ stored }}>;
// Batch, channels, height, width, outputs, out height, out width, 1 for the vector-Jacobian product.
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
// Input channels whose weights are in workgroup memory at a time.
const CHUNK = 8u;
const TILE = CHUNK * TAPS * QUADS;

var<workgroup> tile: array<vec4<f32>, TILE>;
// What bounds a loop around barriers: browsers must see that it is the same for the whole workgroup.
var<workgroup> shared_channels: u32;

fn weight(output: u32, channel: u32, tap: u32) -> f32 {
    if output >= info[4] || channel >= info[1] {
        return 0.0;
    }
    if info[7] == 1u {
        return kernel[(channel * info[4] + output) * TAPS + TAPS - 1u - tap];
    }
    return kernel[(output * info[1] + channel) * TAPS + tap];
}

fn pixel(plane: u32, row: i32, column: i32) -> f32 {
    if row < 0 || row >= i32(info[2]) || column < 0 || column >= i32(info[3]) {
        return 0.0;
    }
    return f32(x[plane + u32(row) * info[3] + u32(column)]);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    if lane == 0u {
        shared_channels = info[1];
    }
    let channels = workgroupUniformLoad(&shared_channels);
    let out = vec2<u32>(info[6], info[5]);
    let across = (out.x + COLUMNS - 1u) / COLUMNS;
    let down = (out.y + ROWS - 1u) / ROWS;
    let patch_index = (workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + lane;
    let sample = patch_index / (across * down);
    let row = patch_index / across % down * ROWS;
    let column = patch_index % across * COLUMNS;
    let top = i32(row * STRIDE) - PAD;
    let left = i32(column * STRIDE) - PAD;
    let first = workgroup.y * 4u * QUADS;
    let inside = sample < info[0];

    var sums: array<array<array<vec4<f32>, QUADS>, COLUMNS>, ROWS>;
    for (var chunk = 0u; chunk < channels; chunk += CHUNK) {
        workgroupBarrier();
        for (var i = lane; i < TILE; i += WORKGROUP) {
            let output = first + 4u * (i % QUADS);
            let tap = i / QUADS % TAPS;
            let channel = chunk + i / (QUADS * TAPS);
            tile[i] = vec4<f32>(
                weight(output, channel, tap),
                weight(output + 1u, channel, tap),
                weight(output + 2u, channel, tap),
                weight(output + 3u, channel, tap),
            );
        }
        workgroupBarrier();
        // Not `continue`: every invocation of a workgroup must meet every barrier.
        let end = select(chunk, min(chunk + CHUNK, channels), inside);
        for (var channel = chunk; channel < end; channel += 1u) {
            let plane = (sample * channels + channel) * info[2] * info[3];
            let weights = (channel - chunk) * TAPS * QUADS;
            var near: array<array<f32, NEAR_COLUMNS>, NEAR_ROWS>;
            //# for i in near_rows
            //# for j in near_columns
            near[$i][$j] = pixel(plane, top + $i, left + $j);
            //# end
            //# end
            //# for a in kernel
            //# for b in kernel
            //# for q in quads
            {
                let weight = tile[weights + ($a * KERNEL + $b) * QUADS + $q];
                //# for i in rows
                //# for j in columns
                sums[$i][$j][$q] = fma(vec4<f32>(near[$i * STRIDE + $a][$j * STRIDE + $b]), weight, sums[$i][$j][$q]);
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
        if first + 4 * $q + $k < info[4] {
            let plane = (sample * info[4] + first + 4 * $q + $k) * out.y;
            //# for i in rows
            //# for j in columns
            if row + $i < out.y && column + $j < out.x {
                y[(plane + row + $i) * out.x + column + $j] = {{ stored }}(sums[$i][$j][$q][$k]);
            }
            //# end
            //# end
        }
        //# end
        //# end
    }
}
