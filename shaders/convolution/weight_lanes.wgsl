// As weight_tiles.wgsl, for adapters whose subgroups are 8 invocations and whose loads are dear: a subgroup sums
// the taps of CHANNELS input channels and as many outputs as it has lanes, over its share of all patches of
// ROWS × COLUMNS output pixels. A lane has an output: it loads the cotangent of its patch, and a share of the image under
// it, which the subgroup passes round. One channel is written out; those of a subgroup take turns.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// [batch, outputs, out height, out width]
@group(0) @binding(1) var<storage, read_write> gy: array<{{ stored }}>;
// [parts, outputs, channels, KERNEL, KERNEL]
@group(0) @binding(2) var<storage, read_write> partial_sums: array<f32>;
// Batch, channels, height, width, outputs, out height, out width, parts.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LANES = {{ lanes }}u;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const CHANNELS = {{ channels }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
// Pixels of the image under a patch, and how many of them a lane loads.
const NEAR_COLUMNS = {{ near_columns }}u;
const NEAR = {{ near }}u;
const LOADS = {{ loads }}u;

// A function for each row of the patch: a compiler of WGSL takes time by the square of a function's length.
//# for i in rows
fn add_$i(
    above: ptr<function, array<f32, ROWS * COLUMNS>>,
    near: ptr<function, array<f32, NEAR>>,
    sums: ptr<function, array<array<f32, TAPS>, CHANNELS>>,
) {
    //# for j in columns
    //# for a in kernel
    //# for b in kernel
    (*sums)[0][$a * KERNEL + $b] = fma(
        (*above)[$i * COLUMNS + $j],
        (*near)[($i * STRIDE + $a) * NEAR_COLUMNS + $j * STRIDE + $b],
        (*sums)[0][$a * KERNEL + $b],
    );
    //# end
    //# end
    //# end
}
//# end

// The next channel's sums become the first.
fn turn(sums: ptr<function, array<array<f32, TAPS>, CHANNELS>>) {
    let first = (*sums)[0];
    //# for c in moves
    (*sums)[$c] = (*sums)[$c + 1];
    //# end
    (*sums)[CHANNELS - 1u] = first;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let batch = info[0];
    let channels = info[1];
    let size = vec2<u32>(info[3], info[2]);
    let outputs = info[4];
    let out = vec2<u32>(info[6], info[5]);
    let parts = info[7];
    let across = (out.x + COLUMNS - 1u) / COLUMNS;
    let down = (out.y + ROWS - 1u) / ROWS;
    let channel_blocks = (channels + CHANNELS - 1u) / CHANNELS;
    let output_blocks = (outputs + LANES - 1u) / LANES;
    let subgroup = ((workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + invocation) / LANES;
    let first_channel = subgroup % channel_blocks * CHANNELS;
    let last_channel = min(first_channel + CHANNELS, channels);
    let own_output = subgroup / channel_blocks % output_blocks * LANES + lane;
    let output = min(own_output, outputs - 1u);
    let part = subgroup / (channel_blocks * output_blocks);

    // Where under a patch the pixels are that a lane loads.
    //# for l in loads
    let near_row_$l = (lane + $lu * LANES) / NEAR_COLUMNS;
    let near_column_$l = (lane + $lu * LANES) % NEAR_COLUMNS;
    //# end

    var sums: array<array<f32, TAPS>, CHANNELS>;
    // Every `parts` patches, counted up without a division.
    var sample = select(batch, part / (across * down), part < parts);
    var row = part / across % down;
    var column = part % across;
    while sample < batch {
        var above: array<f32, ROWS * COLUMNS>;
        //# for i in rows
        {
            let line = row * ROWS + $iu;
            let at = ((sample * outputs + output) * out.y + min(line, out.y - 1u)) * out.x;
            //# for j in columns
            {
                let place = column * COLUMNS + $ju;
                above[$i * COLUMNS + $j] =
                    select(0.0, f32(gy[at + min(place, out.x - 1u)]), line < out.y && place < out.x);
            }
            //# end
        }
        //# end
        var inside: array<bool, LOADS>;
        var at: array<u32, LOADS>;
        //# for l in loads
        {
            // Before the first line or column they wrap around, to beyond the last.
            let line = row * ROWS * STRIDE + near_row_$l - PAD;
            let place = column * COLUMNS * STRIDE + near_column_$l - PAD;
            inside[$l] = line < size.y && place < size.x;
            at[$l] = select(0u, line * size.x + place, inside[$l]);
        }
        //# end
        var channel = first_channel;
        for (; channel < last_channel; channel += 1u) {
            let plane = (sample * channels + channel) * size.y * size.x;
            var own: array<f32, LOADS>;
            //# for l in loads
            own[$l] = select(0.0, f32(x[plane + at[$l]]), inside[$l]);
            //# end
            var near: array<f32, NEAR>;
            //# for v in near
            near[$v] = subgroupBroadcast(own[$vu / LANES], $vu % LANES);
            //# end
            //# for i in rows
            add_$i(&above, &near, &sums);
            //# end
            turn(&sums);
        }
        for (; channel < first_channel + CHANNELS; channel += 1u) {
            turn(&sums);
        }

        column += parts % across;
        row += parts / across % down;
        sample += parts / (across * down);
        if column >= across {
            column -= across;
            row += 1u;
        }
        if row >= down {
            row -= down;
            sample += 1u;
        }
    }
    for (var channel = first_channel; channel < last_channel; channel += 1u) {
        if part < parts && own_output < outputs {
            let start = ((part * outputs + own_output) * channels + channel) * TAPS;
            //# for t in taps
            partial_sums[start + $tu] = sums[0][$t];
            //# end
        }
        turn(&sums);
    }
}
