// An activation's value, slope or curvature at x, times as many factors as it is derived, element by element.

//# for f in factors
@group(0) @binding($f) var<storage, read_write> factor_$f: array<{{ stored }}>;
//# end
@group(0) @binding({{ x }}) var<storage, read_write> x: array<{{ stored }}>;
@group(0) @binding({{ output }}) var<storage, read_write> output: array<{{ stored }}>;
// Number of elements of the arrays: entries, or vectors of four.
@group(0) @binding({{ info }}) var<storage, read_write> info: array<u32>;

const WORKGROUP = {{ workgroup }}u;

alias Entries = {{ entries }};
alias Bits = {{ bits }};

fn sigmoid(z: Entries) -> Entries {
    return 1.0 / (1.0 + exp(-z));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let entries = info[0];
    for (var i = invocation.x; i < entries; i += workgroups.x * WORKGROUP) {
        let z = Entries(x[i]);
        let product = {{ derivative }}
            //# for f in factors
            * Entries(factor_$f[i])
            //# end
            ;
        output[i] = {{ stored }}(product);
    }
}
