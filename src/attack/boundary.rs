//! FAB, the fast adaptive boundary attack (Croce & Hein 2020), at one target: the smallest perturbation that crosses the
//! linearised boundary, again and again, drawn back towards the clean image.

use burn::tensor::Tensor;

use super::{
    Pace, Victim,
    ball::{length, pick, sign, sum},
    objective::row_sum,
};
use crate::{config::Norm, gpu::hits};

/// Overshoot η of each projection.
const OVERSHOOT: f64 = 1.05;
/// Largest share of the projection of the clean image.
const MOST_BIAS: f64 = 0.1;
/// What is left of the perturbation after a step back from the far side.
const BACKWARD: f64 = 0.9;
/// Least length of a projection where the two are weighed against each other.
const LEAST_LENGTH: f64 = 1e-8;
/// Farther than any image.
const FARTHEST: f64 = 1e10;
/// Entries of an L2 normal below this do not move.
const LEAST_SLOPE: f64 = 1e-8;
/// Newton's steps for the level of a projection. Each lands exactly or passes a pixel's bound, and soon none is left.
const LEVEL_STEPS: usize = 10;

/// The smallest perturbation found in `iterations` that makes the network say something else than `labels`; the clean
/// image where there is none. Classes are one-hot rows; the boundary is that to `targets`.
pub(super) struct Boundary<'a> {
    /// The network.
    pub victim: &'a Victim<'a>,
    /// In which distance is small.
    pub norm: Norm,
    /// `[N, K]`.
    pub labels: Tensor<2>,
    /// `[N, K]`.
    pub targets: Tensor<2>,
    /// Two passes each.
    pub iterations: usize,
}

impl Boundary<'_> {
    /// Runs from `start`, which may be `clean` itself.
    pub async fn nearest(&self, clean: &Tensor<4>, start: Tensor<4>, pace: &Pace) -> Tensor<4> {
        let n = clean.dims()[0];
        let (mut images, mut nearest) = (start, clean.clone());
        let mut distance = Tensor::<4>::zeros([n, 1, 1, 1], &clean.device()) + FARTHEST;
        for _ in 0..self.iterations {
            images = self.step(clean, images);
            pace.pass().await;
            let logits = self.victim.network.logits(self.victim.weights, images.clone());
            pace.pass().await;
            let crossed = (hits(logits, self.labels.clone()).each * -1.0 + 1.0).reshape([n, 1, 1, 1]);
            let offset = images.clone() - clean.clone();
            let reach = length(self.norm, offset.clone());
            let nearer = crossed.clone() * reach.clone().lower(distance.clone()).float();
            nearest = pick(&nearer, images.clone(), nearest);
            distance = pick(&nearer, reach, distance);
            images = pick(&crossed, clean.clone() + offset * BACKWARD, images);
        }
        nearest
    }

    /// Projects the images and the clean ones onto the linearised boundary, and goes to a point between.
    fn step(&self, clean: &Tensor<4>, images: Tensor<4>) -> Tensor<4> {
        let n = clean.dims()[0];
        let (logits, tapes) = self.victim.network.forward(self.victim.weights, images.clone());
        let towards = self.targets.clone() - self.labels.clone();
        let normal = self.victim.network.input_vjp(self.victim.weights, tapes, towards.clone());
        // How far the linearised difference of logits is above 0 at the images, and at the clean ones.
        let here: Tensor<4> = row_sum(logits * towards).reshape([n, 1, 1, 1]);
        let there = here.clone() + sum(normal.clone() * (clean.clone() - images.clone()));
        let own = project(self.norm, &images, &normal, here);
        let biased = project(self.norm, clean, &normal, there);
        let own_length = length(self.norm, own.clone()).clamp_min(LEAST_LENGTH);
        let biased_length = length(self.norm, biased.clone()).clamp_min(LEAST_LENGTH);
        let bias = (own_length.clone() / (own_length + biased_length)).clamp_max(MOST_BIAS);
        let from_images = images + own * OVERSHOOT;
        let from_clean = clean.clone() + biased * OVERSHOOT;
        (from_images * (bias.clone() * -1.0 + 1.0) + from_clean * bias).clamp(0.0, 1.0)
    }
}

/// The smallest offset `d` in `norm` with `⟨normal, d⟩ = −excess` that keeps `images + d` in [0, 1]; where that is out of
/// reach, as far as it goes.
///
/// Every pixel moves against its slope by the same level, L∞, or by the level times its slope, L2, up to its wall.
fn project(norm: Norm, images: &Tensor<4>, normal: &Tensor<4>, excess: Tensor<4>) -> Tensor<4> {
    let side = excess.clone().greater_equal_elem(0.0).float() * 2.0 - 1.0;
    let normal = normal.clone() * side.clone();
    let direction = sign(&normal);
    let falls = normal.clone().greater_elem(0.0).float();
    let wall = pick(&falls, images.clone(), images.clone() * -1.0 + 1.0);
    let slope = normal.abs();
    let excess = excess * side;
    match norm {
        Norm::Linf => {
            let level = level(&slope, &wall, excess);
            direction * wall.min_pair(level) * -1.0
        }
        Norm::L2 => {
            let moves = slope.clone().greater_elem(LEAST_SLOPE).float();
            let slope = slope * moves;
            let cap = wall / slope.clone().clamp_min(LEAST_SLOPE);
            let level = level(&(slope.clone() * slope.clone()), &cap, excess);
            direction * slope * cap.min_pair(level) * -1.0
        }
    }
}

/// The level λ `[N, 1, 1, 1]` with `Σ weight · min(λ, cap) = amount`, all of them at least 0; beyond the largest reach,
/// some λ above every cap that counts.
///
/// The sum is concave in λ, so Newton's method comes from below, never overshoots, and ends exactly: no sorting.
fn level(weight: &Tensor<4>, cap: &Tensor<4>, amount: Tensor<4>) -> Tensor<4> {
    let mut level = amount.zeros_like();
    for _ in 0..LEVEL_STEPS {
        let below = cap.clone().greater(level.clone().expand(cap.dims())).float();
        let filled = sum(weight.clone() * cap.clone().min_pair(level.clone().expand(cap.dims())));
        let slope = sum(weight.clone() * below);
        // Where nothing more can move, the level is as high as any.
        level = level + (amount.clone() - filled).clamp_min(0.0) / slope.clamp_min(1e-20);
    }
    level
}
