// The weight gradient of a convolution, in parts: an invocation sums the taps of one input channel and 4 · QUADS
// outputs in its registers, over its part's patches of ROWS × COLUMNS output pixels. A workgroup has CHANNELS channels
// in BLOCKS such blocks of outputs, and shares what it loads for them, CHUNK patches at a time, the next ones while it
// computes with these.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// [batch, outputs, out height, out width]
@group(0) @binding(1) var<storage, read_write> gy: array<{{ stored }}>;
// [parts, outputs, channels, KERNEL, KERNEL]
@group(0) @binding(2) var<storage, read_write> partial_sums: array<f32>;
// Batch, channels, height, width, outputs, out height, out width, and the patches of a part.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const CHANNELS = {{ channels }}u;
const BLOCKS = {{ blocks }}u;
const WORKGROUP = CHANNELS * BLOCKS;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const QUADS = {{ quads }}u;
const CHUNK = {{ chunk }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
// What a patch meets of a channel, and of an output.
const NEAR_ROWS = {{ near_rows }}u;
const NEAR_COLUMNS = {{ near_columns }}u;
const NEAR = NEAR_ROWS * NEAR_COLUMNS;
const PATCH = ROWS * COLUMNS;
const OUTPUTS = 4u * QUADS * BLOCKS;
// From one pixel to the next one's: one more than there are, so that fewer meet in a bank of memory.
const CHANNEL_PITCH = CHANNELS + 1u;
const PITCH = {{ pitch }}u;

var<workgroup> pixels: array<f32, CHUNK * NEAR * CHANNEL_PITCH>;
var<workgroup> cotangents: array<vec4<f32>, CHUNK * PATCH * PITCH>;
// What bounds a loop around barriers: browsers must see that it is the same for the whole workgroup.
var<workgroup> shared_range: vec2<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let channels = info[1];
    let size = vec2<u32>(info[3], info[2]);
    let outputs = info[4];
    let out = vec2<u32>(info[6], info[5]);
    let across = (out.x + COLUMNS - 1u) / COLUMNS;
    let down = (out.y + ROWS - 1u) / ROWS;
    let part = workgroup.x;
    if lane == 0u {
        shared_range = min(vec2<u32>(part, part + 1u) * info[7], vec2<u32>(info[0] * down * across));
    }
    let range = workgroupUniformLoad(&shared_range);
    let first_channel = workgroup.y * CHANNELS;
    let first_output = workgroup.z * OUTPUTS;
    let channel = lane % CHANNELS;
    let block = lane / CHANNELS;

    // What is loaded ahead, and of which patch.
    //# for p in chunk
    //# for s in loads
    var next_pixel_$p_$s: f32;
    //# end
    //# for s in cotangent_loads
    var next_cotangent_$p_$s: f32;
    //# end
    //# end
    var sample = range.x / (across * down);
    var row = range.x / across % down * ROWS;
    var column = range.x % across * COLUMNS;
    //# for a in kernel
    //# for b in kernel
    //# for q in quads
    var sum_$a_$b_$q: vec4<f32>;
    //# end
    //# end
    //# end
    for (var chunk = range.x; chunk < range.y + CHUNK; chunk += CHUNK) {
        workgroupBarrier();
        if chunk > range.x {
            //# for s in loads
            if $[$s + 1]u * WORKGROUP <= CHANNELS * NEAR || lane + $su * WORKGROUP < CHANNELS * NEAR {
                let i = lane + $su * WORKGROUP;
                let at = i % NEAR * CHANNEL_PITCH + i / NEAR;
                //# for p in chunk
                pixels[at + $pu * NEAR * CHANNEL_PITCH] = next_pixel_$p_$s;
                //# end
            }
            //# end
            //# for s in cotangent_loads
            if $[$s + 1]u * WORKGROUP <= OUTPUTS * PATCH || lane + $su * WORKGROUP < OUTPUTS * PATCH {
                let i = lane + $su * WORKGROUP;
                let output = i / PATCH;
                let at = i % PATCH * PITCH + output / 4u;
                //# for p in chunk
                cotangents[at + $pu * PATCH * PITCH][output % 4u] = next_cotangent_$p_$s;
                //# end
            }
            //# end
        }
        workgroupBarrier();
        if chunk < range.y {
            //# for p in chunk
            {
                let is_there = chunk + $pu < range.y;
                let pixels_at = (sample * channels + first_channel) * size.y;
                //# for s in loads
                {
                    let i = lane + $su * WORKGROUP;
                    // Left and above of the image wraps around to beyond it.
                    let y = row * STRIDE + i % NEAR / NEAR_COLUMNS - PAD;
                    let x_at = column * STRIDE + i % NEAR_COLUMNS - PAD;
                    next_pixel_$p_$s = 0.0;
                    if is_there && i / NEAR < channels - first_channel && y < size.y && x_at < size.x {
                        next_pixel_$p_$s = f32(x[(pixels_at + i / NEAR * size.y + y) * size.x + x_at]);
                    }
                }
                //# end
                let cotangents_at = (sample * outputs + first_output) * out.y;
                //# for s in cotangent_loads
                {
                    let i = lane + $su * WORKGROUP;
                    let y = row + i % PATCH / COLUMNS;
                    let x_at = column + i % COLUMNS;
                    next_cotangent_$p_$s = 0.0;
                    if is_there && i / PATCH < outputs - first_output && y < out.y && x_at < out.x {
                        next_cotangent_$p_$s = f32(gy[(cotangents_at + i / PATCH * out.y + y) * out.x + x_at]);
                    }
                }
                //# end
                column += COLUMNS;
                if column >= out.x {
                    column = 0u;
                    row += ROWS;
                }
                if row >= out.y {
                    row = 0u;
                    sample += 1u;
                }
            }
            //# end
        }
        if chunk > range.x {
            // Patches beyond the last one were stored as zeros.
            for (var p = 0u; p < CHUNK; p += 1u) {
                let pixels_at = p * NEAR * CHANNEL_PITCH + channel;
                //# for i in near_rows
                //# for j in near_columns
                let near_$i_$j = pixels[pixels_at + $[($i * near_columns + $j) * (channels + 1)]u];
                //# end
                //# end
                let cotangents_at = p * PATCH * PITCH + block * QUADS;
                //# for i in rows
                //# for j in columns
                //# for q in quads
                {
                    let above = cotangents[cotangents_at + $[($i * columns + $j) * pitch + $q]u];
                    //# for a in kernel
                    //# for b in kernel
                    sum_$a_$b_$q = fma(vec4<f32>(near_$[$i * stride + $a]_$[$j * stride + $b]), above, sum_$a_$b_$q);
                    //# end
                    //# end
                }
                //# end
                //# end
                //# end
            }
        }
    }
    if first_channel + channel >= channels {
        return;
    }
    //# for q in quads
    //# for k in four
    if first_output + (block * QUADS + $q) * 4 + $k < outputs {
        let output = part * outputs + first_output + (block * QUADS + $q) * 4 + $k;
        let filter_index = output * channels + first_channel + channel;
        //# for a in kernel
        //# for b in kernel
        partial_sums[filter_index * TAPS + $[$a * kernel + $b]u] = sum_$a_$b_$q[$k];
        //# end
        //# end
    }
    //# end
    //# end
}
