//! The losses, and what the auxiliary network reads: algorithms, section 1. Labels come as one-hot rows `[N, K]`.

use burn::tensor::Tensor;

use crate::{
    config::Normalization,
    gpu::{gradient_normalization::Scale, normalize_gradient},
};

pub use crate::gpu::objective::{Terms, cross_entropy, great_objective};

/// `mean_i ‖gᵢ‖²`, `[1]`: the penalty of Ross & Doshi-Velez (2018) on per-sample gradients.
pub fn squared_norm(gradient: Tensor<4>) -> Tensor<1> {
    let n = gradient.dims()[0] as f64;
    (gradient.clone() * gradient).sum() / n
}

/// `n(g)` of `g` `[N, C, H, W]`, sample by sample.
pub fn normalize(kind: Normalization, gradient: Tensor<4>) -> Tensor<4> {
    match kind {
        Normalization::None => gradient,
        Normalization::Rms => normalize_gradient(gradient, Scale::RootMeanSquare),
        Normalization::Max => normalize_gradient(gradient, Scale::Largest),
    }
}
