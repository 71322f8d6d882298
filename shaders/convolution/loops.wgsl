// A convolution without bias, its input vector-Jacobian product or its weight gradient: an invocation an entry, all
// sizes read, nothing unrolled. For drivers that take minutes to compile the others.

// Convolution: x, [batch, channels, height, width]; else gy, [batch, outputs, out height, out width].
@group(0) @binding(0) var<storage, read_write> first: array<{{ first }}>;
// Weight gradient: x; else weights, [outputs, channels, kernel, kernel].
@group(0) @binding(1) var<storage, read_write> second: array<{{ second }}>;
@group(0) @binding(2) var<storage, read_write> result: array<{{ result }}>;
// Batch, channels, height, width, outputs, out height, out width, kernel, stride, entries of the result, and what it
// is: 0 the convolution, 1 its input vector-Jacobian product, 2 its weight gradient.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

fn output(index: u32) -> f32 {
    let channels = info[1];
    let height = info[2];
    let width = info[3];
    let outputs = info[4];
    let out_height = info[5];
    let out_width = info[6];
    let kernel = info[7];
    let stride = info[8];
    let column = index % out_width;
    let row = index / out_width % out_height;
    let channel_out = index / (out_width * out_height) % outputs;
    let sample = index / (out_width * out_height * outputs);
    var sum = 0.0;
    for (var channel = 0u; channel < channels; channel += 1u) {
        let plane = (sample * channels + channel) * height * width;
        let taps = (channel_out * channels + channel) * kernel * kernel;
        for (var a = 0u; a < kernel; a += 1u) {
            // Left and above of the image wraps around to beyond it.
            let y = row * stride + a - kernel / 2u;
            for (var b = 0u; b < kernel && y < height; b += 1u) {
                let x = column * stride + b - kernel / 2u;
                if x < width {
                    sum += f32(first[plane + y * width + x]) * f32(second[taps + a * kernel + b]);
                }
            }
        }
    }
    return sum;
}

fn input_vjp(index: u32) -> f32 {
    let channels = info[1];
    let height = info[2];
    let width = info[3];
    let outputs = info[4];
    let out_height = info[5];
    let out_width = info[6];
    let kernel = info[7];
    let stride = info[8];
    let column = index % width;
    let row = index / width % height;
    let channel = index / (width * height) % channels;
    let sample = index / (width * height * channels);
    var sum = 0.0;
    for (var channel_out = 0u; channel_out < outputs; channel_out += 1u) {
        let plane = (sample * outputs + channel_out) * out_height * out_width;
        let taps = (channel_out * channels + channel) * kernel * kernel;
        for (var a = 0u; a < kernel; a += 1u) {
            let above = row + kernel / 2u - a;
            let y = above / stride;
            for (var b = 0u; b < kernel && above % stride == 0u && y < out_height; b += 1u) {
                let beside = column + kernel / 2u - b;
                let x = beside / stride;
                if beside % stride == 0u && x < out_width {
                    sum += f32(first[plane + y * out_width + x]) * f32(second[taps + a * kernel + b]);
                }
            }
        }
    }
    return sum;
}

fn weight_vjp(index: u32) -> f32 {
    let batch = info[0];
    let channels = info[1];
    let height = info[2];
    let width = info[3];
    let outputs = info[4];
    let out_height = info[5];
    let out_width = info[6];
    let kernel = info[7];
    let stride = info[8];
    let b = index % kernel;
    let a = index / kernel % kernel;
    let channel = index / (kernel * kernel) % channels;
    let channel_out = index / (kernel * kernel * channels);
    var sum = 0.0;
    for (var sample = 0u; sample < batch; sample += 1u) {
        let above = (sample * outputs + channel_out) * out_height * out_width;
        let plane = (sample * channels + channel) * height * width;
        // What one image gives is added up first, so that long sums lose less.
        var part = 0.0;
        for (var row = 0u; row < out_height; row += 1u) {
            let y = row * stride + a - kernel / 2u;
            for (var column = 0u; column < out_width && y < height; column += 1u) {
                let x = column * stride + b - kernel / 2u;
                if x < width {
                    part += f32(first[above + row * out_width + column]) * f32(second[plane + y * width + x]);
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
            result[i] = {{ result }}(output(i));
        } else if info[10] == 1u {
            result[i] = {{ result }}(input_vjp(i));
        } else {
            result[i] = {{ result }}(weight_vjp(i));
        }
    }
}
