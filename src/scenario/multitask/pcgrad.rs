//! Gradients of tasks freed of what they have against each other (`PCGrad`, Yu et al. 2020), and the angles between them.

use burn::tensor::Tensor;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::gpu::{Layout, matrix_product};

/// What a squared norm is at least, to be divided by.
const LEAST: f32 = 1e-30;

/// How the gradients of tasks lie to each other.
#[derive(Clone, Debug)]
pub struct Compass {
    /// Their norms, `[M]`.
    pub norms: Tensor<1>,
    /// The cosines of the angles between them, `[M, M]`; 0 where one of the two is 0.
    pub cosines: Tensor<2>,
}

/// The compass of `M` gradients of `D` numbers each, `[M, D]`.
pub fn compass(gradients: Tensor<2>) -> Compass {
    let tasks = gradients.dims()[0];
    // Divided first: the product of two small norms could be 0 in 32 bits.
    let norms = gradients.clone().powi_scalar(2).sum_dim(1).sqrt();
    let units = gradients / norms.clone().clamp_min(LEAST.sqrt());
    Compass { norms: norms.reshape([tasks]), cosines: matrix_product(units.clone(), units, Layout::Nt) }
}

/// For each task, in which order it gives way to the others: shuffled anew at every step.
pub fn conflict_orders(tasks: usize, seed: u64, step: u64) -> Vec<Vec<usize>> {
    let key = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(key ^ step);
    let order = |task: usize| {
        let mut others: Vec<usize> = (0..tasks).filter(|&other| other != task).collect();
        for last in (1..others.len()).rev() {
            // Lemire's multiplication: the bias is below 2^-32.
            let place = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
            others.swap(last, place as usize);
        }
        others
    };
    (0..tasks).map(order).collect()
}

/// The sum `[D]` of the `M` gradients `[M, D]`, each first freed of its part against each of the others, in the order
/// of `orders`: where `⟨gᵢ, gⱼ⟩ < 0`, `gᵢ ← gᵢ − ⟨gᵢ, gⱼ⟩ / ‖gⱼ‖² gⱼ`, with `gⱼ` as it was.
///
/// # Panics
/// Where there is not an order for every task, or one names a task that there is not.
pub fn pcgrad(gradients: Tensor<2>, orders: &[Vec<usize>]) -> Tensor<1> {
    let [tasks, entries] = gradients.dims();
    assert_eq!(orders.len(), tasks, "an order for every task");
    let row = |task: usize| gradients.clone().slice([task..task + 1, 0..entries]);
    let squares: Vec<Tensor<2>> =
        (0..tasks).map(|task| row(task).powi_scalar(2).sum_dim(1).clamp_min(LEAST)).collect();
    let freed = orders.iter().enumerate().map(|(task, others)| {
        others.iter().fold(row(task), |gradient, &other| {
            // No branch on what the device has computed: without a conflict the factor is 0.
            let conflict = (gradient.clone() * row(other)).sum_dim(1).clamp_max(0.0);
            gradient - row(other) * (conflict / squares[other].clone())
        })
    });
    Tensor::cat(freed.collect(), 0).sum_dim(0).reshape([entries])
}
