//! Activations on the GPU: a kernel for each activation, derivative and storage.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, SourceTemplate, into_contiguous};

use super::ActivationDerivatives;
use super::curve::formulas;
use crate::config::Activation;
use crate::gpu::launch::{
    MOST_ELEMENTS, MOST_WORKGROUPS, Shader, Storage, WORKGROUP, Wgsl, dispatch, info, shader, unroll,
};

const SHADER: Shader = shader!("activation.wgsl");
/// Invocations of a workgroup: few, so that small tensors still make many workgroups.
const LANES: u32 = WORKGROUP / 4;

impl ActivationDerivatives for CubeBackend {
    fn derivative(
        kind: Activation,
        x: FloatTensor<Self>,
        factors: Vec<FloatTensor<Self>>,
    ) -> FloatTensor<Self> {
        let in_vectors = x.meta.shape().num_elements().is_multiple_of(4);
        let kernel = Kernel { kind, factors: factors.len(), storage: Storage::of(&x), in_vectors };
        let mut inputs: Vec<_> = factors.into_iter().chain([x]).map(into_contiguous).collect();
        for input in &inputs {
            assert_eq!(Storage::of(input), kernel.storage, "activation: factors as x");
        }
        let shape = inputs[0].meta.shape().clone();
        assert!(shape.num_elements() <= MOST_ELEMENTS, "activation: split a batch of 2³¹ entries");
        let output = kernel.storage.allocate(&inputs[0], shape.clone());
        inputs.push(output.clone());
        let elements = shape.num_elements() as u32 / if in_vectors { 4 } else { 1 };
        if elements > 0 {
            let info = info(&output, &[elements]);
            let buffers: Vec<_> = inputs.iter().map(|input| &input.handle).chain([&info]).collect();
            let workgroups = elements.div_ceil(LANES).min(MOST_WORKGROUPS);
            dispatch(&output, kernel, LANES, [workgroups, 1, 1], &buffers);
        }
        output
    }
}

/// The kernel, and all that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    kind: Activation,
    factors: usize,
    storage: Storage,
    /// Whether entries are loaded and stored four at a time.
    in_vectors: bool,
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let text = unroll(SHADER.text, &[("factors", self.factors as u32)]);
        let stored = self.storage.name();
        SourceTemplate::new(self.storage.enabled(&text))
            .register("stored", if self.in_vectors { format!("vec4<{stored}>") } else { stored.into() })
            .register("entries", if self.in_vectors { "vec4<f32>" } else { "f32" })
            .register("bits", if self.in_vectors { "vec4<i32>" } else { "i32" })
            .register("x", self.factors.to_string())
            .register("output", (self.factors + 1).to_string())
            .register("info", (self.factors + 2).to_string())
            .register("workgroup", LANES.to_string())
            .register("derivative", formulas(Some(self.kind))[self.factors])
    }

    fn label(&self) -> String {
        let Self { kind, factors, storage, .. } = self;
        format!("{} {kind} {factors}{}", SHADER.words(), storage.suffix())
    }
}

/// Every variant that is ever launched.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let variants = [
        (Activation::Relu, 0),
        (Activation::Relu, 1),
        (Activation::Silu, 0),
        (Activation::Silu, 1),
        (Activation::Silu, 2),
    ];
    let mut shaders = Vec::new();
    for (kind, factors) in variants {
        for storage in Storage::ALL {
            for in_vectors in [false, true] {
                let kernel = Kernel { kind, factors, storage, in_vectors };
                shaders.push(kernel.complete());
            }
        }
    }
    shaders
}
