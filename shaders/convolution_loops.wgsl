// A convolution without bias, its input vector-Jacobian product or its weight gradient: an invocation an entry, all
// sizes read, nothing unrolled. For drivers that take minutes to compile the others.

// Convolution: x, [batch, channels, height, width]; else gy, [batch, outputs, out height, out width].
@group(0) @binding(0) var<storage, read_write> first: array<f32>;
// Weight gradient: x; else weights, [outputs, channels, kernel, kernel].
@group(0) @binding(1) var<storage, read_write> second: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
// Batch, channels, height, width, outputs, out height, out width, kernel, stride, entries of the result, and what it
// is: 0 the convolution, 1 its input vector-Jacobian product, 2 its weight gradient.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

fn output(index: u32) -> f32 {
    let column = index % info[6];
    let row = index / info[6] % info[5];
    let channel_out = index / (info[6] * info[5]) % info[4];
    let sample = index / (info[6] * info[5] * info[4]);
    let kernel = info[7];
    var sum = 0.0;
    for (var channel = 0u; channel < info[1]; channel += 1u) {
        let plane = (sample * info[1] + channel) * info[2] * info[3];
        let taps = (channel_out * info[1] + channel) * kernel * kernel;
        for (var a = 0u; a < kernel; a += 1u) {
            // Left and above of the image wraps around to beyond it.
            let y = row * info[8] + a - kernel / 2u;
            for (var b = 0u; b < kernel && y < info[2]; b += 1u) {
                let x = column * info[8] + b - kernel / 2u;
                if x < info[3] {
                    sum += first[plane + y * info[3] + x] * second[taps + a * kernel + b];
                }
            }
        }
    }
    return sum;
}

fn input_vjp(index: u32) -> f32 {
    let column = index % info[3];
    let row = index / info[3] % info[2];
    let channel = index / (info[3] * info[2]) % info[1];
    let sample = index / (info[3] * info[2] * info[1]);
    let kernel = info[7];
    let stride = info[8];
    var sum = 0.0;
    for (var channel_out = 0u; channel_out < info[4]; channel_out += 1u) {
        let plane = (sample * info[4] + channel_out) * info[5] * info[6];
        let taps = (channel_out * info[1] + channel) * kernel * kernel;
        for (var a = 0u; a < kernel; a += 1u) {
            let above = row + kernel / 2u - a;
            let y = above / stride;
            for (var b = 0u; b < kernel && above % stride == 0u && y < info[5]; b += 1u) {
                let beside = column + kernel / 2u - b;
                let x = beside / stride;
                if beside % stride == 0u && x < info[6] {
                    sum += first[plane + y * info[6] + x] * second[taps + a * kernel + b];
                }
            }
        }
    }
    return sum;
}

fn weight_vjp(index: u32) -> f32 {
    let kernel = info[7];
    let b = index % kernel;
    let a = index / kernel % kernel;
    let channel = index / (kernel * kernel) % info[1];
    let channel_out = index / (kernel * kernel * info[1]);
    var sum = 0.0;
    for (var sample = 0u; sample < info[0]; sample += 1u) {
        let above = (sample * info[4] + channel_out) * info[5] * info[6];
        let plane = (sample * info[1] + channel) * info[2] * info[3];
        // What one image gives is added up first, so that long sums lose less.
        var part = 0.0;
        for (var row = 0u; row < info[5]; row += 1u) {
            let y = row * info[8] + a - kernel / 2u;
            for (var column = 0u; column < info[6] && y < info[2]; column += 1u) {
                let x = column * info[8] + b - kernel / 2u;
                if x < info[3] {
                    part += first[above + row * info[6] + column] * second[plane + y * info[3] + x];
                }
            }
        }
        sum += part;
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = invocation.x; i < info[9]; i += workgroups.x * WORKGROUP) {
        if info[10] == 0u {
            result[i] = output(i);
        } else if info[10] == 1u {
            result[i] = input_vjp(i);
        } else {
            result[i] = weight_vjp(i);
        }
    }
}
