//! A network under attack.

use std::ops::{Add, Mul};

use burn::tensor::Tensor;

use crate::{
    config::VERDICT_DRAWS,
    gpu::{Slope, logit_slope},
    nn::{Network, Weights},
};

/// A network under attack, outside every autodiff graph.
#[derive(Clone, Copy, Debug)]
pub struct Victim<'a> {
    /// Its layers.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// Over how many draws of the network's own noise gradients are averaged; 1 where it draws none.
    pub draws: usize,
}

impl<'a> Victim<'a> {
    /// A network that draws nothing.
    pub const fn new(network: &'a Network, weights: &'a Weights) -> Self {
        Self { network, weights, draws: 1 }
    }

    /// The same, attacked in expectation over `draws` of its own noise (EOT: Athalye et al. 2018): every attack that steps
    /// along a gradient (FGSM and its kin, PGD, Auto-PGD) follows its mean, and every attack that keeps the best of several
    /// images looks at the mean of their logits.
    pub const fn with_draws(self, draws: usize) -> Self {
        Self { draws, ..self }
    }

    /// What the network says of images `[N, C, H, W]`, where an attack's success is decided: logits `[N, K]`.
    pub fn says(&self, images: &Tensor<4>) -> Tensor<2> {
        self.network.expected_logits(self.weights, images, VERDICT_DRAWS)
    }

    /// The same on an attack's way, over as many draws as its gradients are averaged over: the same ones each time, so that
    /// no image is kept for a lucky draw.
    pub(super) fn estimate(&self, images: &Tensor<4>) -> Tensor<2> {
        self.network.expected_logits(self.weights, images, self.draws)
    }

    /// The mean of `one` over the draws.
    pub(super) fn mean<T: Add<Output = T> + Mul<f64, Output = T>>(&self, one: impl Fn() -> T) -> T {
        let sum = (1..self.draws).fold(one(), |sum, _| sum + one());
        // One draw stays as it is, bit for bit.
        if self.draws > 1 { sum * (1.0 / self.draws as f64) } else { sum }
    }

    /// What the images' logits climb along `slope`, away from the classes in `one_hot` `[N, K]`, makes of the images
    /// `[N, C, H, W]`: of the cross-entropy `∇x Σᵢ CE(f(xᵢ), yᵢ)`. In expectation over the draws it is their mean, so that of
    /// the exact direction each draw counts alike, however sure the network is in it.
    pub fn gradient(&self, images: &Tensor<4>, one_hot: &Tensor<2>, slope: Slope) -> Tensor<4> {
        self.mean(|| {
            let (logits, tapes) = self.network.forward(self.weights, images.clone());
            self.network.input_vjp(tapes, logit_slope(logits, one_hot.clone(), slope))
        })
    }
}
