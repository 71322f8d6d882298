// A convolution without bias or its input vector-Jacobian product: an invocation sums a patch of ROWS × COLUMNS pixels in
// 4 · QUADS output channels in its registers. A workgroup has PATCHES patches in BLOCKS such blocks of channels, and
// shares what it loads for them, CHUNK input channels at a time, the next ones while it computes with these.
//
// At stride 1 the vector-Jacobian product is a convolution with the kernel turned around. At stride 2 every second of its
// pixels has a cotangent below it; which of both is computed is chosen as the text is written out.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// Convolution: [outputs, channels, KERNEL, KERNEL]; vector-Jacobian product: [channels, outputs, KERNEL, KERNEL].
@group(0) @binding(1) var<storage, read_write> kernel: array<f32>;
// [parts, batch, outputs, out height, out width]
@group(0) @binding(2) var<storage, read_write> y: array<{{ written }}>;
// Batch, channels, height, width, outputs, out height, out width, 1 for the vector-Jacobian product, parts, and the
// input channels that a part sums.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const PATCHES = {{ patches }}u;
const BLOCKS = {{ blocks }}u;
const WORKGROUP = PATCHES * BLOCKS;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const QUADS = {{ quads }}u;
const CHUNK = {{ chunk }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
// What a patch meets of a channel.
const NEAR_ROWS = {{ near_rows }}u;
const NEAR_COLUMNS = {{ near_columns }}u;
const NEAR = NEAR_ROWS * NEAR_COLUMNS;
const OUTPUTS = 4u * QUADS * BLOCKS;
// Weights of a chunk.
const WEIGHTS = OUTPUTS * CHUNK * TAPS;
// Vectors from one tap's weights to the next one's: one more than there are, so that fewer meet in a bank of memory.
const PITCH = {{ pitch }}u;
const OUTSIDE = 0xffffffffu;

var<workgroup> pixels: array<f32, CHUNK * NEAR * PATCHES>;
var<workgroup> weights: array<vec4<f32>, CHUNK * TAPS * PITCH>;
// What bounds a loop around barriers: browsers must see that it is the same for the whole workgroup.
var<workgroup> shared_range: vec2<u32>;

// The output, and the tap within a chunk, of a weight of one: in the order of memory, so that neighbours are loaded
// together.
fn place(weight: u32, is_turned: bool) -> vec2<u32> {
    if !is_turned {
        return vec2<u32>(weight / (CHUNK * TAPS), weight % (CHUNK * TAPS));
    }
    return vec2<u32>(weight / TAPS % OUTPUTS, weight / (TAPS * OUTPUTS) * TAPS + weight % TAPS);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = workgroup.z % info[8];
    if lane == 0u {
        shared_range = min(vec2<u32>(part, part + 1u) * info[9], vec2<u32>(info[1]));
    }
    let range = workgroupUniformLoad(&shared_range);
    let channels = info[1];
    let plane = info[2] * info[3];
    let outputs = info[4];
    let out = vec2<u32>(info[6], info[5]);
    let is_turned = info[7] == 1u;
    let across = (out.x + COLUMNS - 1u) / COLUMNS;
    let down = (out.y + ROWS - 1u) / ROWS;
    let patch_lane = lane % PATCHES;
    let block = lane / PATCHES;
    let patch_index = (workgroup.z / info[8] * workgroups.x + workgroup.x) * PATCHES + patch_lane;
    let sample = patch_index / (across * down);
    let row = patch_index / across % down * ROWS;
    let column = patch_index % across * COLUMNS;
    let first = workgroup.y * OUTPUTS;
    let inside = sample < info[0];

    // Where in the first channel those pixels and weights are that this invocation loads of each.
    //# for s in loads
    var source_$s = OUTSIDE;
    {
        let near = block + $su * BLOCKS;
        //# for once in dense
        // Left and above of the image wraps around to beyond it.
        let y = row * STRIDE + near / NEAR_COLUMNS - PAD;
        let x = column * STRIDE + near % NEAR_COLUMNS - PAD;
        //# end
        //# for once in spread
        let y = row / 2u + near / NEAR_COLUMNS;
        let x = column / 2u + near % NEAR_COLUMNS;
        //# end
        if inside && near < NEAR && y < info[2] && x < info[3] {
            source_$s = sample * channels * plane + y * info[3] + x;
        }
    }
    //# end
    //# for s in weight_loads
    var weight_source_$s = OUTSIDE;
    // And where to.
    var weight_target_$s: u32;
    {
        let at = place(lane + $su * WORKGROUP, is_turned);
        let output = first + at.x;
        let tap = select(at.y, at.y / TAPS * TAPS + TAPS - 1u - at.y % TAPS, is_turned);
        weight_target_$s = 4u * tap * PITCH + at.x;
        if lane + $su * WORKGROUP < WEIGHTS && output < outputs {
            weight_source_$s = select(
                output * channels * TAPS + at.y,
                (at.y / TAPS * outputs + output) * TAPS + at.y % TAPS,
                is_turned,
            );
        }
    }
    //# end
    let weights_of_channel = select(TAPS, outputs * TAPS, is_turned);

    // What is loaded ahead; beyond the last channel whatever was there.
    //# for s in loads
    //# for c in chunk
    var next_pixel_$c_$s: f32;
    //# end
    //# end
    //# for s in weight_loads
    var next_weight_$s: f32;
    //# end
    //# for i in rows
    //# for j in columns
    //# for q in quads
    var sum_$i_$j_$q: vec4<f32>;
    //# end
    //# end
    //# end
    for (var chunk = range.x; chunk < range.y + CHUNK; chunk += CHUNK) {
        // The chunk before this one, whose loads have been waited for.
        let count = select(0u, min(CHUNK, range.y - (chunk - CHUNK)), chunk > range.x);
        workgroupBarrier();
        if count > 0u {
            //# for s in loads
            if $[($s + 1) * blocks]u <= NEAR || block + $[$s * blocks]u < NEAR {
                //# for c in chunk
                pixels[$[($c * near + $s * blocks) * patches]u + lane] = next_pixel_$c_$s;
                //# end
            }
            //# end
            //# for s in weight_loads
            if $[$s + 1]u * WORKGROUP <= WEIGHTS || lane + $su * WORKGROUP < WEIGHTS {
                weights[weight_target_$s / 4u][weight_target_$s % 4u] = next_weight_$s;
            }
            //# end
        }
        workgroupBarrier();
        //# for c in chunk
        if chunk + $cu < range.y {
            let channel = (chunk + $cu) * plane;
            //# for s in loads
            if source_$s != OUTSIDE {
                next_pixel_$c_$s = f32(x[source_$s + channel]);
            }
            //# end
        }
        //# end
        if chunk < range.y {
            //# for s in weight_loads
            // Those beyond the last channel, if any, are loaded from within the buffer and not used.
            if weight_source_$s != OUTSIDE {
                next_weight_$s = kernel[min(weight_source_$s + chunk * weights_of_channel, channels * outputs * TAPS - 1u)];
            }
            //# end
        }
        for (var c = 0u; c < count; c += 1u) {
            let pixels_at = c * NEAR * PATCHES + patch_lane;
            //# for i in near_rows
            //# for j in near_columns
            let near_$i_$j = pixels[pixels_at + $[($i * near_columns + $j) * patches]u];
            //# end
            //# end
            let weights_at = c * TAPS * PITCH + block * QUADS;
            //# for a in kernel
            //# for b in kernel
            //# for q in quads
            {
                //# for once in dense
                let weight = weights[weights_at + $[($a * kernel + $b) * pitch + $q]u];
                //# for i in rows
                //# for j in columns
                sum_$i_$j_$q = fma(vec4<f32>(near_$[$i * stride + $a]_$[$j * stride + $b]), weight, sum_$i_$j_$q);
                //# end
                //# end
                //# end
                //# for once in spread
                // Turned around as it was stored.
                let weight = weights[weights_at + $[(taps - 1 - $a * kernel - $b) * pitch + $q]u];
                // Row r of the cotangents has its tap a on row 2r + a − PAD.
                //# for i in rows
                //# for row_is_there in 1 - ($i + kernel / 2 + $a) % 2
                //# for j in columns
                //# for is_there in 1 - ($j + kernel / 2 + $b) % 2
                sum_$i_$j_$q = fma(
                    vec4<f32>(near_$[($i + kernel / 2 - $a) / 2]_$[($j + kernel / 2 - $b) / 2]),
                    weight,
                    sum_$i_$j_$q,
                );
                //# end
                //# end
                //# end
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
        if first + (block * QUADS + $q) * 4 + $k < outputs {
            let plane = ((part * info[0] + sample) * outputs + first + (block * QUADS + $q) * 4 + $k) * out.y;
            //# for i in rows
            //# for j in columns
            if row + $i < out.y && column + $j < out.x {
                y[(plane + row + $i) * out.x + column + $j] = {{ written }}(sum_$i_$j_$q[$k]);
            }
            //# end
            //# end
        }
        //# end
        //# end
    }
}
