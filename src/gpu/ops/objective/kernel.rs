//! The main network's objective and its gradients on the GPU: a launch each.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::server::Handle;

use super::terms::{NO_TERMS, Terms};
use super::{Objective, ObjectiveGradients, slope, softmax};
use crate::gpu::launch::{Plain, Wgsl, allocate, info, operand, shader, unused, upload};

/// The value or both gradients; its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("objective/great.wgsl"), workgroup: 64 };

impl Objective for CubeBackend {
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        Pass::new(logits, None, targets, NO_TERMS).value()
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        Pass::new(logits, Some(auxiliary_logits), one_hot, terms).value()
    }
}

impl ObjectiveGradients for CubeBackend {
    fn cross_entropy_vjp(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let pass = Pass::new(logits, None, targets, NO_TERMS);
        let gradient = pass.shaped_like_logits();
        pass.gradients(cotangent, &gradient, &unused(&gradient, 0));
        gradient
    }

    fn great_objective_vjp(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        terms: Terms,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let pass = Pass::new(logits, Some(auxiliary_logits), one_hot, terms);
        let [gradient, auxiliary_gradient] = [pass.shaped_like_logits(), pass.shaped_like_logits()];
        pass.gradients(cotangent, &gradient, &auxiliary_gradient.handle);
        (gradient, auxiliary_gradient)
    }
}

/// A launch of the kernel.
struct Pass {
    logits: CubeTensor,
    auxiliary_logits: Option<CubeTensor>,
    targets: CubeTensor,
    terms: Terms,
}

impl Pass {
    fn new(
        logits: CubeTensor,
        auxiliary_logits: Option<CubeTensor>,
        targets: CubeTensor,
        terms: Terms,
    ) -> Self {
        let auxiliary_logits = auxiliary_logits.map(operand);
        Self { logits: operand(logits), auxiliary_logits, targets: operand(targets), terms }
    }

    fn shaped_like_logits(&self) -> CubeTensor {
        allocate::<f32>(&self.logits, self.logits.meta.shape().clone())
    }

    fn value(self) -> CubeTensor {
        if self.logits.meta.shape().num_elements() == 0 {
            return upload(&self.logits, [1], &[f32::NAN]);
        }
        let objective = allocate::<f32>(&self.logits, [1]);
        // One workgroup, as it is one sum.
        self.launch(1, None, &objective.handle, &unused(&objective, 0));
        objective
    }

    fn gradients(self, cotangent: CubeTensor, gradient: &CubeTensor, auxiliary_gradient: &Handle) {
        let rows = self.logits.meta.shape()[0];
        self.launch(rows, Some(&operand(cotangent).handle), &gradient.handle, auxiliary_gradient);
    }

    fn launch(
        &self,
        invocations: usize,
        cotangent: Option<&Handle>,
        output: &Handle,
        auxiliary_output: &Handle,
    ) {
        let Self { logits, auxiliary_logits, targets, terms } = self;
        let [rows, classes] = logits.meta.shape().dims().map(|size: usize| size as u32);
        let (weight, uniform) = terms.adversary();
        let flags = [cotangent.is_some(), auxiliary_logits.is_some()].map(u32::from);
        let [beta, weight, smoothing] =
            [terms.beta, weight, terms.smoothing].map(|factor| (factor as f32).to_bits());
        let push = terms.push as u32;
        let numbers = [rows, classes, flags[0], flags[1], beta, weight, u32::from(uniform), push, smoothing];
        let info = info(logits, &numbers);
        let unread = unused(logits, 1);
        let cotangent = cotangent.unwrap_or(&unread);
        let auxiliary =
            auxiliary_logits.as_ref().map_or_else(|| unused(logits, 2), |tensor| tensor.handle.clone());
        let buffers =
            [&logits.handle, &auxiliary, &targets.handle, cotangent, output, auxiliary_output, &info];
        KERNEL.over(invocations, logits, &buffers);
    }
}

/// This kernel, and those of [`softmax`](mod@softmax) and [`slope`].
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete(), softmax::KERNEL.complete(), slope::KERNEL.complete()]
}
