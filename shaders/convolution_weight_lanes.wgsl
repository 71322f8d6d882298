// As convolution_weight.wgsl, for adapters whose subgroups are 8 invocations and whose loads are dear: a subgroup sums
// the taps of CHANNELS input channels and OUTPUTS outputs over its share of all patches of ROWS × 4 output pixels.

// [batch, channels, height, width], a row in vectors of four where it has so many
@group(0) @binding(0) var<storage, read_write> x: array<{{ element }}>;
// [batch, outputs, out height, out width], likewise
@group(0) @binding(1) var<storage, read_write> gy: array<{{ element }}>;
// [parts, outputs, channels, KERNEL, KERNEL]
@group(0) @binding(2) var<storage, read_write> partial_sums: array<f32>;
// Batch, channels, height, width, outputs, out height, out width, parts, patches in a row: 1, 2, 4 or a multiple of 8;
// up to 8, an invocation's neighbours have the patches left and right.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LANES = {{ lanes }}u;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const CHANNELS = {{ channels }}u;
const OUTPUTS = {{ outputs }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
const NEAR_ROWS = {{ near_rows }}u;
// Columns under a patch, one more on either side.
const OWN = 4u * STRIDE;

// A function for each channel and output: a compiler of WGSL takes time by the square of a function's length.
//# for c in channels
//# for k in outputs
fn add_$c_$k(
    above: ptr<function, array<array<vec4<f32>, ROWS>, OUTPUTS>>,
    near: ptr<function, array<array<f32, OWN + 2u>, NEAR_ROWS>>,
    sums: ptr<function, array<array<f32, LANES>, TAPS>>,
) {
    //# for a in kernel
    //# for b in kernel
    //# for i in rows
    (*sums)[$a * KERNEL + $b][$c * OUTPUTS + $k] += dot(
        (*above)[$k][$i],
        vec4<f32>(
            (*near)[$i * STRIDE + $a][1 - PAD + $b],
            (*near)[$i * STRIDE + $a][1 - PAD + $b + STRIDE],
            (*near)[$i * STRIDE + $a][1 - PAD + $b + 2 * STRIDE],
            (*near)[$i * STRIDE + $a][1 - PAD + $b + 3 * STRIDE],
        ),
    );
    //# end
    //# end
    //# end
}
//# end
//# end

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let channels = info[1];
    let size = vec2<u32>(info[3], info[2]);
    let outputs = info[4];
    let out = vec2<u32>(info[6], info[5]);
    let parts = info[7];
    let across = info[8];
    let down = (out.y + ROWS - 1u) / ROWS;
    let channel_blocks = (channels + CHANNELS - 1u) / CHANNELS;
    let output_blocks = (outputs + OUTPUTS - 1u) / OUTPUTS;
    let subgroup = ((workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + invocation) / LANES;
    let first_channel = subgroup % channel_blocks * CHANNELS;
    let first_output = subgroup / channel_blocks % output_blocks * OUTPUTS;
    let part = subgroup / (channel_blocks * output_blocks);

    // By tap, then by channel and output: as many of these as a subgroup has lanes.
    var sums: array<array<f32, LANES>, TAPS>;
    let patches = select(0u, info[0] * down * across, part < parts);
    for (var first_patch = part * LANES; first_patch < patches; first_patch += parts * LANES) {
        let patch_index = first_patch + lane;
        let within = patch_index < patches;
        let sample = min(patch_index / (across * down), info[0] - 1u);
        let row = patch_index / across % down * ROWS;
        let patch_column = patch_index % across;
        let column = patch_column * OWN;
        let out_column = patch_column * 4u;
        let has_left = patch_column > 0u;
        let has_right = column + OWN < size.x;

        var above: array<array<vec4<f32>, ROWS>, OUTPUTS>;
        //# for k in outputs
        //# for i in rows
        {
            let output = min(first_output + $ku, outputs - 1u);
            let at = ((sample * outputs + output) * out.y + min(row + $iu, out.y - 1u)) * out.x;
            let inside = within && row + $iu < out.y;
            //# for v in whole
            above[$k][$i] = select(
                vec4<f32>(),
                vec4<f32>(gy[(at + min(out_column, out.x - 4u)) / 4u]),
                inside && out_column < out.x,
            );
            //# end
            //# for v in apart
            //# for j in four
            above[$k][$i][$j] = select(
                0.0,
                f32(gy[at + min(out_column + $ju, out.x - 1u)]),
                inside && out_column + $ju < out.x,
            );
            //# end
            //# end
        }
        //# end
        //# end
        //# for c in channels
        {
            let plane = (sample * channels + min(first_channel + $cu, channels - 1u)) * size.y;
            var near: array<array<f32, OWN + 2u>, NEAR_ROWS>;
            //# for r in near_rows
            {
                let near_row = row * STRIDE + $ru;
                let inside = within && near_row >= PAD && near_row < size.y + PAD;
                let at = (plane + min(max(near_row, PAD) - PAD, size.y - 1u)) * size.x;
                //# for v in vectors
                {
                    let at_vector = column + 4u * $vu;
                    let own = vec4<f32>(x[(at + min(at_vector, size.x - 4u)) / 4u]);
                    //# for k in four
                    near[$r][4 * $v + $k + 1] = select(0.0, own[$k], inside && at_vector < size.x);
                    //# end
                }
                //# end
                //# for j in singles
                near[$r][$j + 1] = select(
                    0.0,
                    f32(x[at + min(column + $ju, size.x - 1u)]),
                    inside && column + $ju < size.x,
                );
                //# end
                //# for h in halo
                near[$r][0] = select(0.0, subgroupShuffle(near[$r][OWN], (lane + 7u) % 8u), has_left);
                near[$r][OWN + 1u] = select(0.0, subgroupShuffle(near[$r][1], (lane + 1u) % 8u), has_right);
                //# end
                //# for v in far_vectors
                near[$r][0] = select(
                    0.0,
                    f32(x[(at + min(max(column, 4u) - 4u, size.x - 4u)) / 4u][3]),
                    inside && has_left,
                );
                near[$r][OWN + 1u] = select(
                    0.0,
                    f32(x[(at + min(column + OWN, size.x - 4u)) / 4u][0]),
                    inside && has_right,
                );
                //# end
                //# for v in far_singles
                near[$r][0] = select(
                    0.0,
                    f32(x[at + min(max(column, 1u) - 1u, size.x - 1u)]),
                    inside && has_left,
                );
                near[$r][OWN + 1u] = select(
                    0.0,
                    f32(x[at + min(column + OWN, size.x - 1u)]),
                    inside && has_right,
                );
                //# end
            }
            //# end
            //# for k in outputs
            add_$c_$k(&above, &near, &sums);
            //# end
        }
        //# end
    }
    // A lane stores what all of them summed for its channel and output: of the first tap alone, which the next one then
    // becomes. A driver takes long to compile what a subgroup does together, and stores.
    let own_channel = first_channel + lane / OUTPUTS;
    let own_output = first_output + lane % OUTPUTS;
    let filter_start = ((part * outputs + own_output) * channels + own_channel) * TAPS;
    for (var tap = 0u; tap < TAPS; tap += 1u) {
        var own = 0.0;
        //# for k in lanes
        own = select(own, subgroupAdd(sums[0][$k]), lane == $ku);
        //# end
        if part < parts && own_channel < channels && own_output < outputs {
            partial_sums[filter_start + tap] = own;
        }
        //# for t in tap_moves
        sums[$t] = sums[$t + 1];
        //# end
    }
}
