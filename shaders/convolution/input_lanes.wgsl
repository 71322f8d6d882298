// As tiles.wgsl, for adapters whose subgroups are 8 invocations and whose loads are dear: a subgroup shares
// each weight and each cotangent beside its patches. An invocation sums 2 · ROWS × 8 pixels in 8 channels.

// [batch, outputs, out height, out width]
@group(0) @binding(0) var<storage, read_write> gy: array<{{ stored }}>;
// [outputs, channels, KERNEL, KERNEL]
@group(0) @binding(1) var<storage, read_write> kernel: array<f32>;
// [batch, channels, height, width]
@group(0) @binding(2) var<storage, read_write> gx: array<{{ stored }}>;
// Batch, channels, height, width, outputs, out height, out width, 0, patches in a row: 1, 2, 4 or a multiple of 8; up
// to 8, an invocation's neighbours have the patches left and right.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const LANES = {{ lanes }}u;
const KERNEL = {{ kernel }}u;
// Rows of the cotangent above a patch; one more below where the kernel has more than one.
const ROWS = {{ rows }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
const NEAR_ROWS = {{ near_rows }}u;

// A function for each channel: a compiler of WGSL takes time by the square of a function's length.
//# for k in lanes
fn add_$k(
    taps: ptr<function, array<f32, TAPS>>,
    near: ptr<function, array<array<f32, 5>, NEAR_ROWS>>,
    sums: ptr<function, array<array<array<vec4<f32>, 2>, 2u * ROWS>, LANES>>,
) {
    //# for a in kernel
    //# for b in kernel
    {
        let weight = vec4<f32>(subgroupBroadcast((*taps)[$a * KERNEL + $b], $ku));
        //# for i in rows
        {
            // Row r of the cotangent has its tap a on pixel row 2r + a − PAD.
            let pixels = vec4<f32>(
                (*near)[$i + (PAD + 1 - $a) / 2][(PAD + 1 - $b) / 2],
                (*near)[$i + (PAD + 1 - $a) / 2][(PAD + 1 - $b) / 2 + 1],
                (*near)[$i + (PAD + 1 - $a) / 2][(PAD + 1 - $b) / 2 + 2],
                (*near)[$i + (PAD + 1 - $a) / 2][(PAD + 1 - $b) / 2 + 3],
            );
            (*sums)[$k][2 * $i + (PAD + $a) % 2][(PAD + $b) % 2] = fma(
                weight,
                pixels,
                (*sums)[$k][2 * $i + (PAD + $a) % 2][(PAD + $b) % 2],
            );
        }
        //# end
    }
    //# end
    //# end
}
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
    let across = info[8];
    let down = (out.y + ROWS - 1u) / ROWS;
    let patch_index = (workgroup.z * workgroups.x + workgroup.x) * WORKGROUP + invocation;
    // No invocation leaves before the last subgroup operation.
    let sample = min(patch_index / (across * down), info[0] - 1u);
    let row = patch_index / across % down * ROWS;
    let patch_column = patch_index % across;
    let column = 4u * patch_column;
    let has_right = column + 4u < out.x;
    //# for j in four
    let inside_column_$j = column + $ju < out.x;
    let at_column_$j = min(column + $ju, out.x - 1u);
    //# end
    let first = workgroup.y * LANES;
    // The invocation's own weight.
    let weights = min(first + lane, channels - 1u) * TAPS;

    // Of each channel and row the even pixels, then the odd ones.
    var sums: array<array<array<vec4<f32>, 2>, 2u * ROWS>, LANES>;
    for (var output = 0u; output < outputs; output += 1u) {
        let plane = (sample * outputs + output) * out.y;
        var taps: array<f32, TAPS>;
        //# for t in taps
        taps[$t] = kernel[weights + output * channels * TAPS + $tu];
        //# end
        var near: array<array<f32, 5>, NEAR_ROWS>;
        //# for r in near_rows
        {
            let inside = row + $ru < out.y;
            let at = (plane + min(row + $ru, out.y - 1u)) * out.x;
            //# for j in four
            near[$r][$j] = select(0.0, f32(gy[at + at_column_$j]), inside && inside_column_$j);
            //# end
            //# for h in halo
            near[$r][4] = select(0.0, subgroupShuffle(near[$r][0], (lane + 1u) % 8u), has_right);
            //# end
            //# for f in far
            near[$r][4] = select(0.0, f32(gy[at + min(column + 4u, out.x - 1u)]), inside && has_right);
            //# end
        }
        //# end
        //# for k in lanes
        add_$k(&taps, &near, &sums);
        //# end
    }
    if patch_index / (across * down) >= info[0] {
        return;
    }
    // Stores of the first channel's sums alone, which the next one's then become: a driver takes long to compile stores.
    for (var channel = first; channel < min(first + LANES, channels); channel += 1u) {
        let plane = (sample * channels + channel) * size.y;
        //# for i in rows
        //# for r in two
        if 2u * (row + $iu) + $ru < size.y {
            let at = (plane + 2u * (row + $iu) + $ru) * size.x + 2u * column;
            let even = sums[0][2 * $i + $r][0];
            let odd = sums[0][2 * $i + $r][1];
            //# for j in four
            if 2u * (column + $ju) < size.x {
                gx[at + 2u * $ju] = {{ stored }}(even[$j]);
            }
            if 2u * (column + $ju) + 1u < size.x {
                gx[at + 2u * $ju + 1u] = {{ stored }}(odd[$j]);
            }
            //# end
        }
        //# end
        //# end
        //# for k in moves
        sums[$k] = sums[$k + 1];
        //# end
    }
}
