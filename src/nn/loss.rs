//! The losses, and what the auxiliary network reads: algorithms, section 1. Labels come as one-hot rows `[N, K]`.

use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
};

use crate::config::{Adversary, Normalization};

/// Offset inside the root of [`Normalization::Rms`], and the least magnitude of [`Normalization::Max`].
const NORMALIZATION_EPSILON: f64 = 1e-12;

/// Mean cross-entropy `[1]` of `logits` `[N, K]`.
pub fn cross_entropy(logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<1> {
    let n = logits.dims()[0] as f64;
    (log_softmax(logits, 1) * one_hot).sum() / -n
}

/// What is minimised beside `J` to make gradient tensors unreadable, before the factor α: `[1]`.
pub fn adversary(kind: Adversary, auxiliary_logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<1> {
    match kind {
        Adversary::Reversal => -cross_entropy(auxiliary_logits, one_hot),
        // Cross-entropy from the uniform distribution: the mean over classes of −log softmax.
        Adversary::Confusion => -log_softmax(auxiliary_logits, 1).mean(),
    }
}

/// GREACE's addition to the loss, before the factor β: `mean_i Σ_{j≠yᵢ} sg(softmax(a'ᵢ)_j) · a_ij`, `[1]`.
pub fn greace(logits: Tensor<2>, auxiliary_logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<1> {
    let n = logits.dims()[0] as f64;
    let weight = softmax(auxiliary_logits.without_autodiff(), 1) * (one_hot * -1.0 + 1.0);
    (weight * logits).sum() / n
}

/// `mean_i ‖gᵢ‖²`, `[1]`: the penalty of Ross & Doshi-Velez (2018) on per-sample gradients.
pub fn squared_norm(gradient: Tensor<4>) -> Tensor<1> {
    let n = gradient.dims()[0] as f64;
    (gradient.clone() * gradient).sum() / n
}

/// `n(g)` of `g` `[N, C, H, W]`, sample by sample.
pub fn normalize(kind: Normalization, gradient: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = gradient.dims();
    let flat = gradient.reshape([n, c * h * w]);
    let normalized = match kind {
        Normalization::None => flat,
        Normalization::Rms => {
            let mean_square = (flat.clone() * flat.clone()).mean_dim(1); // [n, 1]
            flat / (mean_square + NORMALIZATION_EPSILON).sqrt()
        }
        Normalization::Max => flat.clone() / flat.abs().max_dim(1).clamp_min(NORMALIZATION_EPSILON),
    };
    normalized.reshape([n, c, h, w])
}
