//! Weights of tasks: from how uncertain each is (Kendall et al. 2018, in the form of `LibMTL`), and from how fast each learns
//! (`GradNorm`, Chen et al. 2018).

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

/// How strongly slow tasks are favoured: the paper's choice for NYU Depth v2.
pub const GRADNORM_ALPHA: f64 = 1.5;
/// What a loss and a mean are at least, to be divided by.
const LEAST: f64 = 1e-12;

/// The weights `[M]` of all tasks after one step of gradient descent, at least 0 and again of sum `M`.
///
/// `norms` are the norms of the tasks' unweighted gradients at the shared representation, `losses` what the losses are
/// and `first_losses` what they were at the start, `[M]` each. The step descends
/// `Σ_k |w_k n_k − mean(w n) · r_k^α|` with `r_k = (L_k / L_k⁰) / mean(L / L⁰)`, the targets held constant.
pub fn gradnorm(
    weights: Tensor<1>,
    norms: Tensor<1>,
    losses: Tensor<1>,
    first_losses: Tensor<1>,
    alpha: f64,
    learning_rate: f64,
) -> Tensor<1> {
    let tasks = weights.dims()[0] as f64;
    let left = losses / first_losses.clamp_min(LEAST);
    let rates = left.clone() / left.mean().clamp_min(LEAST);
    let weighted = weights.clone() * norms.clone();
    let targets = weighted.clone().mean() * rates.powf_scalar(alpha);
    let gradient = norms * (weighted - targets).sign();
    let moved = (weights - gradient * learning_rate).clamp_min(0.0);
    // All at 0 cannot be scaled: then every task counts alike again.
    let sum = moved.clone().sum();
    let nothing = sum.clone().equal_elem(0.0).float();
    (moved + nothing.clone()) * tasks / (sum + nothing * tasks)
}
