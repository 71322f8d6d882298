// As weight_tiles.wgsl where there is one input channel: the invocations of a workgroup share it and 4 · QUADS
// outputs, each sums over patches of its own, and all is added up in workgroup memory.

// [batch, 1, height, width]
@group(0) @binding(0) var<storage, read_write> x: array<{{ stored }}>;
// [batch, outputs, out height, out width]
@group(0) @binding(1) var<storage, read_write> gy: array<{{ stored }}>;
// [parts, outputs, 1, KERNEL, KERNEL]
@group(0) @binding(2) var<storage, read_write> partial_sums: array<f32>;
// Batch, 1, height, width, outputs, out height, out width, and the patches of a part.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const KERNEL = {{ kernel }}u;
const STRIDE = {{ stride }}u;
const ROWS = {{ rows }}u;
const COLUMNS = {{ columns }}u;
const QUADS = {{ quads }}u;
const TAPS = KERNEL * KERNEL;
const PAD = KERNEL / 2u;
const NEAR_ROWS = {{ near_rows }}u;
const NEAR_COLUMNS = {{ near_columns }}u;
// From one invocation's sums to the next one's: odd, so that none meet in a bank of memory.
const PITCH = 4u * TAPS + 1u;

var<workgroup> sums_of_lanes: array<f32, WORKGROUP * PITCH>;

fn pixel(plane: u32, row: u32, column: u32) -> f32 {
    // Left and above of the image wraps around to beyond it.
    if row >= info[2] || column >= info[3] {
        return 0.0;
    }
    return f32(x[plane + row * info[3] + column]);
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
    @builtin(local_invocation_index) lane: u32,
) {
    let outputs = info[4];
    let across = (info[6] + COLUMNS - 1u) / COLUMNS;
    let down = (info[5] + ROWS - 1u) / ROWS;
    let part = workgroup.x;
    let first = workgroup.z * 4u * QUADS;

    var sums: array<array<array<vec4<f32>, KERNEL>, KERNEL>, QUADS>;
    let end = min((part + 1u) * info[7], info[0] * down * across);
    for (var patch_index = part * info[7] + lane; patch_index < end; patch_index += WORKGROUP) {
        let sample = patch_index / (across * down);
        let row = patch_index / across % down * ROWS;
        let column = patch_index % across * COLUMNS;
        let top = row * STRIDE - PAD;
        let left = column * STRIDE - PAD;
        let plane = sample * info[2] * info[3];
        var near: array<array<f32, NEAR_COLUMNS>, NEAR_ROWS>;
        //# for i in near_rows
        //# for j in near_columns
        near[$i][$j] = pixel(plane, top + $iu, left + $ju);
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
            sums[$q][$a][$b] = fma(vec4<f32>(near[$i * STRIDE + $a][$j * STRIDE + $b]), above, sums[$q][$a][$b]);
            //# end
            //# end
        }
        //# end
        //# end
        //# end
    }
    //# for q in quads
    workgroupBarrier();
    //# for a in kernel
    //# for b in kernel
    //# for k in four
    sums_of_lanes[lane * PITCH + ($a * KERNEL + $b) * 4 + $k] = sums[$q][$a][$b][$k];
    //# end
    //# end
    //# end
    workgroupBarrier();
    if lane < 4u * TAPS {
        var sum = 0.0;
        for (var other = 0u; other < WORKGROUP; other += 1u) {
            sum += sums_of_lanes[other * PITCH + lane];
        }
        let output = first + 4 * $q + lane % 4u;
        if output < outputs {
            partial_sums[(part * outputs + output) * TAPS + lane / 4u] = sum;
        }
    }
    //# end
}
