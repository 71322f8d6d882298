//! A network under attack.

use std::ops::{Add, Mul};

use burn::tensor::Tensor;

use crate::nn::{Network, Weights};

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

    /// The same, attacked in expectation over `draws` of its own noise (EOT: Athalye et al. 2018) by every attack
    /// that steps along a gradient: FGSM and its kin, PGD, Auto-PGD.
    pub const fn with_draws(self, draws: usize) -> Self {
        Self { draws, ..self }
    }

    /// The mean of `one` over the draws.
    pub(super) fn mean<T: Add<Output = T> + Mul<f64, Output = T>>(&self, one: impl Fn() -> T) -> T {
        let sum = (1..self.draws).fold(one(), |sum, _| sum + one());
        // One draw stays as it is, bit for bit.
        if self.draws > 1 { sum * (1.0 / self.draws as f64) } else { sum }
    }

    /// `∇x Σᵢ CE(f(xᵢ), yᵢ)`, in expectation over the draws.
    pub(super) fn gradient(&self, images: &Tensor<4>, one_hot: &Tensor<2>) -> Tensor<4> {
        self.mean(|| self.network.input_gradient(self.weights, images.clone(), one_hot.clone()).0)
    }
}
