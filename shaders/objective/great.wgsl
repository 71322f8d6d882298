// The main network's objective, mean_i CE(aᵢ, sᵢ) + β Σ_j q_ij (1 − t_ij) b_ij + w CE(a'ᵢ, uᵢ) with s the smoothed t,
// q = softmax(a') held fixed, b either a, or a less its mean over the classes, or log softmax(a), and u either t or uniform;
// or its gradients with respect to a and a'. An invocation a row; for the value one workgroup.

// [rows, classes]: a
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// [rows, classes]: a'; not read without the auxiliary network.
@group(0) @binding(1) var<storage, read_write> auxiliary_logits: array<f32>;
// [rows, classes]: t
@group(0) @binding(2) var<storage, read_write> targets: array<f32>;
// [1]: of the objective; read for the gradients alone.
@group(0) @binding(3) var<storage, read_write> cotangent: array<f32>;
// [1]: the objective; or [rows, classes]: its gradient with respect to a.
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
// [rows, classes]: its gradient with respect to a'; written with the auxiliary network alone.
@group(0) @binding(5) var<storage, read_write> auxiliary_output: array<f32>;
// Rows, classes, 1 for the gradients, 1 with the auxiliary network, bits of β and of w, 1 where u is uniform, which b,
// bits of the share by which t is smoothed.
@group(0) @binding(6) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
const CENTRED = 1u;
const LOG_SOFTMAX = 2u;

var<workgroup> losses: array<f32, WORKGROUP>;

fn logit(auxiliary: bool, i: u32) -> f32 {
    if auxiliary {
        return auxiliary_logits[i];
    }
    return logits[i];
}

// Of a row: the largest logit, and the logarithm of the sum of exponentials of the logits less the largest.
fn log_sum(auxiliary: bool, begin: u32, end: u32) -> vec2<f32> {
    var largest = logit(auxiliary, begin);
    for (var i = begin + 1u; i < end; i += 1u) {
        largest = max(largest, logit(auxiliary, i));
    }
    var sum = 0.0;
    for (var i = begin; i < end; i += 1u) {
        sum += exp(logit(auxiliary, i) - largest);
    }
    return vec2<f32>(largest, log(sum));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let gradients = info[2] == 1u;
    let with_auxiliary = info[3] == 1u;
    let beta = bitcast<f32>(info[4]);
    let weight = bitcast<f32>(info[5]);
    let uniform_target = info[6] == 1u;
    let push = info[7];
    let smoothing = bitcast<f32>(info[8]);
    let share = 1.0 / f32(info[1]);
    var factor = 1.0 / f32(info[0]);
    if gradients {
        factor *= cotangent[0];
    }
    var loss = 0.0;
    for (var row = invocation.x; row < info[0]; row += workgroups.x * WORKGROUP) {
        let begin = row * info[1];
        let end = begin + info[1];
        let main_sum = log_sum(false, begin, end);
        var auxiliary_sum = vec2<f32>(0.0, 0.0);
        // Of the row: what presses in all, and the mean logit.
        var total = 0.0;
        var mean = 0.0;
        if with_auxiliary {
            auxiliary_sum = log_sum(true, begin, end);
            for (var i = begin; i < end; i += 1u) {
                let log_q = auxiliary_logits[i] - auxiliary_sum.x - auxiliary_sum.y;
                total += beta * exp(log_q) * (1.0 - targets[i]);
                mean += share * logits[i];
            }
        }
        for (var i = begin; i < end; i += 1u) {
            let a = logits[i];
            let t = targets[i];
            let log_p = a - main_sum.x - main_sum.y;
            let label = t * (1.0 - smoothing) + smoothing * share;
            var value = -label * log_p;
            var gradient = exp(log_p) - label;
            if with_auxiliary {
                let log_q = auxiliary_logits[i] - auxiliary_sum.x - auxiliary_sum.y;
                let u = select(t, share, uniform_target);
                let pressure = beta * exp(log_q) * (1.0 - t);
                var pushed = a;
                var back = 0.0;
                if push == CENTRED {
                    pushed = a - mean;
                    back = total * share;
                } else if push == LOG_SOFTMAX {
                    pushed = log_p;
                    back = total * exp(log_p);
                }
                value += pressure * pushed - weight * u * log_q;
                gradient += pressure - back;
                if gradients {
                    auxiliary_output[i] = factor * weight * (exp(log_q) - u);
                }
            }
            if gradients {
                output[i] = factor * gradient;
            }
            loss += value;
        }
    }
    losses[lane] = loss;
    workgroupBarrier();
    if lane == 0u && !gradients {
        var sum = 0.0;
        for (var i = 0u; i < WORKGROUP; i += 1u) {
            sum += losses[i];
        }
        output[0] = factor * sum;
    }
}
