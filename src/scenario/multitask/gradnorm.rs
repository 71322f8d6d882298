//! Weights of tasks from how fast each learns (`GradNorm`, Chen et al. 2018).

use burn::tensor::Tensor;

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
