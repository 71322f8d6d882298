// Along what attacks climb at the logits, away from a class: the cross-entropy's gradient and three slopes that f32 does
// not round away; see src/gpu/ops/objective/slope.rs. An invocation a row.

// [rows, classes]
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// [rows, classes]: one-hot rows.
@group(0) @binding(1) var<storage, read_write> given: array<f32>;
// [rows, classes]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
// Rows, classes, form.
@group(0) @binding(3) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;
// Forms; 0 is the cross-entropy.
const EXACT = 1u;
const MARGIN = 2u;
const SCALED = 3u;
// Least margin that logits are divided by.
const LEAST_MARGIN = 1e-12;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let form = info[2];
    for (var row = invocation.x; row < info[0]; row += workgroups.x * WORKGROUP) {
        let begin = row * info[1];
        let end = begin + info[1];
        // The class given, and the largest of the others; of equal ones the first. `end` where there is none.
        var own = end;
        var rival = end;
        for (var i = begin; i < end; i += 1u) {
            if given[i] > 0.5 {
                own = i;
            } else if rival == end {
                rival = i;
            } else if logits[i] > logits[rival] {
                rival = i;
            }
        }
        if own == end || rival == end {
            for (var i = begin; i < end; i += 1u) {
                output[i] = 0.0;
            }
            continue;
        }
        // Of which classes a softmax is taken, seen from which logit, and divided by what.
        let without_own = form == EXACT;
        var top = logits[rival];
        if !without_own {
            top = max(top, logits[own]);
        }
        var scale = 1.0;
        if form == SCALED {
            scale = max(abs(logits[own] - logits[rival]), LEAST_MARGIN);
        }
        var sum = 0.0;
        for (var i = begin; i < end; i += 1u) {
            if i != own || !without_own {
                sum += exp((logits[i] - top) / scale);
            }
        }
        for (var i = begin; i < end; i += 1u) {
            var value = 0.0;
            if form == MARGIN {
                value = select(0.0, 1.0, i == rival);
            } else if i != own || !without_own {
                value = exp((logits[i] - top) / scale) / sum;
            }
            output[i] = select(value, value - 1.0, i == own);
        }
    }
}
