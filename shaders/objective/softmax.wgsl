// The softmax of rows of logits, alone, less its target, or as what a cotangent of it is pulled back by: an invocation
// a row.

// [rows, classes]
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// [rows, classes]: targets or a cotangent; not read for ALONE.
@group(0) @binding(1) var<storage, read_write> other: array<f32>;
// [rows, classes]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
// Rows, classes, form.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const ALONE = 0u;
const LESS_TARGET = 1u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let form = info[2];
    for (var row = invocation.x; row < info[0]; row += workgroups.x * WORKGROUP) {
        let begin = row * info[1];
        let end = begin + info[1];
        var largest = logits[begin];
        for (var i = begin + 1u; i < end; i += 1u) {
            largest = max(largest, logits[i]);
        }
        var sum = 0.0;
        for (var i = begin; i < end; i += 1u) {
            sum += exp(logits[i] - largest);
        }
        // ⟨p, other⟩
        var along = 0.0;
        if form != ALONE {
            for (var i = begin; i < end; i += 1u) {
                along += exp(logits[i] - largest) / sum * other[i];
            }
        }
        for (var i = begin; i < end; i += 1u) {
            var value = exp(logits[i] - largest) / sum;
            if form == LESS_TARGET {
                value -= other[i];
            } else if form != ALONE {
                value *= other[i] - along;
            }
            output[i] = value;
        }
    }
}
