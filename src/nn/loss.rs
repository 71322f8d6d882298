//! The losses: algorithms, section 1. Labels come as one-hot rows `[N, K]`.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::gpu::{gradient_normalization::Scale, normalize_gradient};

pub use crate::gpu::objective::{NO_TERMS, Terms, cross_entropy, great_objective};

/// `mean_i ‖gᵢ‖²`, `[1]`: the penalty of Ross & Doshi-Velez (2018) on per-sample gradients.
pub fn squared_norm(gradient: Tensor<4>) -> Tensor<1> {
    let n = gradient.dims()[0] as f64;
    (gradient.clone() * gradient).sum() / n
}

/// `mean_i ‖gᵢ‖₁`, `[1]`: the penalty of Rodríguez-Muñoz, Wang & Torralba (2024) on per-sample gradients.
pub fn absolute_norm(gradient: Tensor<4>) -> Tensor<1> {
    let n = gradient.dims()[0] as f64;
    gradient.abs().sum() / n
}

/// One-hot rows `[N, K]`, of which the share `smoothing` is spread over all classes (Szegedy et al. 2016).
pub fn smoothed(one_hot: Tensor<2>, smoothing: f64) -> Tensor<2> {
    if smoothing == 0.0 {
        return one_hot;
    }
    let classes = one_hot.dims()[1] as f64;
    one_hot * (1.0 - smoothing) + smoothing / classes
}

/// `mean_i KL(softmax(fromᵢ) ‖ softmax(toᵢ))`, `[1]`, of logits `[N, K]`; both can be differentiated.
pub fn kullback_leibler(from: Tensor<2>, to: Tensor<2>) -> Tensor<1> {
    let n = from.dims()[0] as f64;
    let (from, to) = (log_softmax(from, 1), log_softmax(to, 1));
    (from.clone().exp() * (from - to)).sum() / n
}

/// `τ² · mean_i KL(softmax(teacherᵢ/τ) ‖ softmax(studentᵢ/τ))`, `[1]`, of logits `[N, K]` (Hinton, Vinyals & Dean 2015).
pub fn soft_targets(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let softened = |logits: Tensor<2>| logits / temperature;
    kullback_leibler(softened(teacher), softened(student)) * temperature.powi(2)
}

/// `mean_i ‖gᵢ/‖gᵢ‖ − tᵢ/‖tᵢ‖‖²`, `[1]`: how far two per-sample gradients differ in direction (Srinivas & Fleuret 2018,
/// section 3). In [0, 4].
pub fn direction_distance(gradient: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
    let pixels: usize = gradient.dims()[1..].iter().product();
    // Divided by its root mean square, a gradient has the length √pixels.
    let unit = |gradient| normalize_gradient(gradient, Scale::RootMeanSquare);
    squared_norm(unit(gradient) - unit(teacher)) / pixels as f64
}

/// An estimate of `mean_i ‖∂zᵢ/∂xᵢ‖²`, `[1]`, from one projection a sample: `projected` `[N, C, H, W]` is `∂⟨vᵢ, zᵢ⟩/∂xᵢ`
/// with `v` uniform on the unit sphere of the `classes` logits (Hoffman, Roberts & Yaida 2019, section 2.3).
pub fn jacobian_norm(projected: Tensor<4>, classes: usize) -> Tensor<1> {
    squared_norm(projected) * classes as f64
}
