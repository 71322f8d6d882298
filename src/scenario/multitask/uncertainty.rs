//! Weights of tasks from how uncertain each is (Kendall et al. 2018), in the form of `LibMTL`.

use burn::tensor::Tensor;

/// What the logarithms of the variances begin with.
pub const FIRST_LOG_VARIANCE: f64 = -0.5;

/// The parts of `Σ_k L_k / (2 e^{s_k}) + s_k / 2`.
#[derive(Clone, Debug)]
pub struct Uncertainty {
    /// The sum itself, `[1]`.
    pub loss: Tensor<1>,
    /// `λ_k = 1 / (2 e^{s_k})`, by which the gradient of each task counts, `[M]`.
    pub scales: Tensor<1>,
    /// Its derivative with respect to `s`, `[M]`.
    pub gradient: Tensor<1>,
}

/// For the losses and the logarithms `s` of the variances of all tasks, `[M]` each.
pub fn uncertainty(losses: Tensor<1>, log_variances: Tensor<1>) -> Uncertainty {
    let scales = log_variances.clone().neg().exp() * 0.5;
    let weighted = losses * scales.clone();
    Uncertainty {
        loss: (weighted.clone() + log_variances * 0.5).sum(),
        scales,
        gradient: weighted.neg() + 0.5,
    }
}
