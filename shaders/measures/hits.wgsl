// Which rows have their largest logit where their target is, and how many do: one workgroup.

// [rows, classes]
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
// [rows, classes], one-hot
@group(0) @binding(1) var<storage, read_write> targets: array<f32>;
// [rows]: 1 or 0
@group(0) @binding(2) var<storage, read_write> each: array<f32>;
// [1]
@group(0) @binding(3) var<storage, read_write> count: array<f32>;
// Rows, classes.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

var<workgroup> counts: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    var hits = 0.0;
    for (var row = lane; row < info[0]; row += WORKGROUP) {
        let begin = row * info[1];
        var said = begin;
        for (var i = begin + 1u; i < begin + info[1]; i += 1u) {
            if logits[i] > logits[said] {
                said = i;
            }
        }
        each[row] = targets[said];
        hits += targets[said];
    }
    counts[lane] = hits;
    workgroupBarrier();
    if lane == 0u {
        hits = 0.0;
        for (var i = 0u; i < WORKGROUP; i += 1u) {
            hits += counts[i];
        }
        count[0] = hits;
    }
}
