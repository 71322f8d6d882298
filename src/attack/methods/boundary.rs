//! FAB, the fast adaptive boundary attack (Croce & Hein 2020), at one target: the smallest perturbation that crosses the
//! linearised boundary, again and again, drawn back towards the clean image.

use burn::tensor::Tensor;

use crate::{
    attack::{
        ball::{length, pick},
        loss::row_sum,
        pace::Pace,
        victim::Victim,
    },
    config::Norm,
    gpu::{Reach, boundary_step, hits},
};

/// Overshoot η of each projection.
const OVERSHOOT: f32 = 1.05;
/// Largest share of the projection of the clean image.
const MOST_BIAS: f32 = 0.1;
/// What is left of the perturbation after a step back from the far side.
const BACKWARD: f64 = 0.9;
/// Farther than any image.
const FARTHEST: f64 = 1e10;

/// The smallest perturbation found in `iterations` that makes the network say something else than `labels`; the clean
/// image where there is none. Classes are one-hot rows; the boundary is that to `targets`.
pub(in crate::attack) struct Boundary<'a> {
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
            let logits = self.victim.estimate(&images);
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
        let normal = self.victim.network.input_vjp(tapes, towards.clone());
        // How far the linearised difference of logits is above 0 at the images.
        let excess = row_sum(logits * towards).reshape([n]);
        let reach = Reach { norm: self.norm, overshoot: OVERSHOOT, most_bias: MOST_BIAS };
        boundary_step(images, clean.clone(), normal, excess, reach)
    }
}
