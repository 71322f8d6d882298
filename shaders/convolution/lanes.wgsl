// As tiles.wgsl, for adapters whose subgroups are 8 invocations and whose loads are dear: a subgroup shares each
// weight and each pixel beside its patches. An invocation sums ROWS × 4 pixels in BLOCKS times 8 output channels, one
// block after the other where it loads pixels for both.

// [batch, channels, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// Convolution: [outputs, channels, KERNEL, KERNEL]; vector-Jacobian product: [channels, outputs, KERNEL, KERNEL].
@group(0) @binding(1) var<storage, read_write> kernel: array<f32>;
// [batch, outputs, out height, out width]
@group(0) @binding(2) var<storage, read_write> y: array<{{ stored }}>;
// Batch, channels, height, width, outputs, out height, out width, 1 for the vector-Jacobian product, patches in a row:
// 1, 2, 4 or a multiple of 8; up to 8, an invocation's neighbours have the patches left and right.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LANES = {{ lanes }}u;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const BLOCKS = {{ blocks }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
const NEAR_ROWS = {{ near_rows }}u;
// Columns under a patch, one more on either side.
const OWN = 4u * STRIDE;

// A function for each output channel: a compiler of WGSL takes time by the square of a function's length.
//# for k in lanes
fn add_$k(
    taps: ptr<function, array<f32, TAPS>>,
    near: ptr<function, array<array<f32, OWN + 2u>, NEAR_ROWS>>,
    sums: ptr<function, array<array<vec4<f32>, ROWS>, BLOCKS * LANES>>,
) {
    //# for a in kernel
    //# for b in kernel
    {
        let weight = vec4<f32>(subgroupBroadcast((*taps)[$a * KERNEL + $b], $ku));
        //# for i in rows
        (*sums)[$k][$i] = fma(
            weight,
            vec4<f32>(
                (*near)[$i * STRIDE + $a][1 - PAD + $b],
                (*near)[$i * STRIDE + $a][1 - PAD + $b + STRIDE],
                (*near)[$i * STRIDE + $a][1 - PAD + $b + 2 * STRIDE],
                (*near)[$i * STRIDE + $a][1 - PAD + $b + 3 * STRIDE],
            ),
            (*sums)[$k][$i],
        );
        //# end
    }
    //# end
    //# end
}
//# end

// The sums of the other block, if there is one, become the first.
fn turn(sums: ptr<function, array<array<vec4<f32>, ROWS>, BLOCKS * LANES>>) {
    //# for k in turns
    {
        let first = (*sums)[$k];
        (*sums)[$k] = (*sums)[$k + LANES];
        (*sums)[$k + LANES] = first;
    }
    //# end
}

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
    let across = info[8];
    let down = (out.y + ROWS - 1u) / ROWS;
    let patch_index = (workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + invocation;
    // No invocation leaves before the last subgroup operation.
    let sample = min(patch_index / (across * down), info[0] - 1u);
    let row = patch_index / across % down * ROWS;
    let patch_column = patch_index % across;
    let first = workgroup.y * BLOCKS * LANES;
    let last = min(first + BLOCKS * LANES, outputs);
    let turned = info[7] == 1u;
    let filter_steps = select(vec2<u32>(channels, 1u), vec2<u32>(1u, outputs), turned) * TAPS;

    //# for r in near_rows
    let row_$r = row * STRIDE + $ru;
    let inside_$r = row_$r >= PAD && row_$r < size.y + PAD;
    let at_$r = min(max(row_$r, PAD) - PAD, size.y - 1u);
    //# end
    let column = patch_column * OWN;
    //# for j in own
    let inside_column_$j = column + $ju < size.x;
    let at_column_$j = min(column + $ju, size.x - 1u);
    //# end
    let has_left = patch_column > 0u;
    let has_right = column + OWN < size.x;

    var sums: array<array<vec4<f32>, ROWS>, BLOCKS * LANES>;
    for (var channel = 0u; channel < channels; channel += 1u) {
        let plane = (sample * channels + channel) * size.y;
        var near: array<array<f32, OWN + 2u>, NEAR_ROWS>;
        //# for r in near_rows
        let start_$r = (plane + at_$r) * size.x;
        //# for j in own
        near[$r][$j + 1] = select(0.0, f32(x[start_$r + at_column_$j]), inside_$r && inside_column_$j);
        //# end
        //# for h in halo
        near[$r][0] = select(0.0, subgroupShuffle(near[$r][OWN], (lane + 7u) % 8u), has_left);
        near[$r][OWN + 1u] = select(0.0, subgroupShuffle(near[$r][1], (lane + 1u) % 8u), has_right);
        //# end
        //# for f in far
        near[$r][0] = select(0.0, f32(x[start_$r + min(max(column, 1u) - 1u, size.x - 1u)]), inside_$r && has_left);
        near[$r][OWN + 1u] = select(0.0, f32(x[start_$r + min(column + OWN, size.x - 1u)]), inside_$r && has_right);
        //# end
        //# end
        var block = first;
        //# for b in several
        for (; block < last; block += LANES) {
        //# end
            // The invocation's own weight.
            let filter_start = min(block + lane, outputs - 1u) * filter_steps.x + channel * filter_steps.y;
            var taps: array<f32, TAPS>;
            //# for t in taps
            taps[$t] = kernel[filter_start + select($tu, TAPS - 1u - $tu, turned)];
            //# end
            //# for k in lanes
            add_$k(&taps, &near, &sums);
            //# end
        //# for b in several
            turn(&sums);
        }
        for (; block < first + BLOCKS * LANES; block += LANES) {
            turn(&sums);
        }
        //# end
    }
    if patch_index / (across * down) >= info[0] {
        return;
    }
    let out_column = 4u * patch_column;
    // Stores of the first channel's sums alone, which the next one's then become: a driver takes long to compile stores.
    for (var output = first; output < last; output += 1u) {
        let plane = (sample * outputs + output) * out.y;
        //# for i in rows
        if row + $iu < out.y {
            let at = (plane + row + $iu) * out.x + out_column;
            //# for j in four
            if out_column + $ju < out.x {
                y[at + $ju] = {{ stored }}(sums[0][$i][$j]);
            }
            //# end
        }
        //# end
        //# for k in moves
        sums[$k] = sums[$k + 1];
        //# end
    }
}
