// What a step's measures need of each sample: a workgroup a sample.

// [samples, classes]
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// [samples, classes]
@group(0) @binding(1) var<storage, read_write> auxiliary_logits: array<f32>;
// [samples, classes], one-hot
@group(0) @binding(2) var<storage, read_write> targets: array<f32>;
// [samples, pixels]
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
// [samples, 8]: cross-entropy and 1 for right, of the main network and of the auxiliary one; mean square of the
// gradient; the class that the auxiliary network says; the right one; nothing.
@group(0) @binding(4) var<storage, read_write> rows: array<f32>;
// Samples, classes, pixels.
@group(0) @binding(5) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

var<workgroup> squares: array<f32, WORKGROUP>;

fn logit(auxiliary: bool, i: u32) -> f32 {
    if auxiliary {
        return auxiliary_logits[i];
    }
    return logits[i];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sample = workgroup.y * workgroups.x + workgroup.x;
    let is_sample = sample < info[0];
    let classes = info[1];
    let pixels = select(0u, info[2], is_sample);

    var square = 0.0;
    for (var i = lane; i < pixels; i += WORKGROUP) {
        let g = gradient[sample * pixels + i];
        square = fma(g, g, square);
    }
    squares[lane] = square;
    workgroupBarrier();

    let row = sample * 8u;
    if is_sample && lane == 0u {
        square = 0.0;
        for (var i = 0u; i < WORKGROUP; i += 1u) {
            square += squares[i];
        }
        rows[row + 4u] = square / f32(pixels);
        rows[row + 7u] = 0.0;
    }
    // The first invocation takes the main network's logits, the second the auxiliary one's.
    if is_sample && lane < 2u {
        let auxiliary = lane == 1u;
        let begin = sample * classes;
        var said = 0u;
        var origin = 0u;
        var largest = logit(auxiliary, begin);
        for (var class_index = 1u; class_index < classes; class_index += 1u) {
            let value = logit(auxiliary, begin + class_index);
            if value > largest {
                largest = value;
                said = class_index;
            }
            if targets[begin + class_index] > targets[begin + origin] {
                origin = class_index;
            }
        }
        var sum = 0.0;
        for (var class_index = 0u; class_index < classes; class_index += 1u) {
            sum += exp(logit(auxiliary, begin + class_index) - largest);
        }
        rows[row + 2u * lane] = log(sum) + (largest - logit(auxiliary, begin + origin));
        rows[row + 2u * lane + 1u] = select(0.0, 1.0, said == origin);
        if auxiliary {
            rows[row + 5u] = f32(said);
            rows[row + 6u] = f32(origin);
        }
    }
}
