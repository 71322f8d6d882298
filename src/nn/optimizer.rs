//! Adam and SGD with momentum, as PyTorch defines them, on the device.

use burn::tensor::Tensor;

use super::Weights;
use crate::config::OptimizerKind;

const ADAM_BETAS: (f64, f64) = (0.9, 0.999);
const ADAM_EPSILON: f64 = 1e-8;

/// What one step is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub learning_rate: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
}

/// An optimiser and what it remembers.
#[derive(Clone, Debug)]
pub struct Optimizer {
    /// Which one.
    pub kind: OptimizerKind,
    /// Steps taken.
    pub steps: u64,
    /// Adam's first moment, SGD's velocity.
    pub first: Weights,
    /// Adam's second moment; empty for SGD.
    pub second: Weights,
}

impl Optimizer {
    /// An optimiser of weights like these that has not taken a step.
    pub fn new(kind: OptimizerKind, weights: &Weights) -> Self {
        let second = match kind {
            OptimizerKind::Adam => weights.zeros_like(),
            OptimizerKind::Sgd => Weights(Vec::new()),
        };
        Self { kind, steps: 0, first: weights.zeros_like(), second }
    }

    /// The weights after a step along `gradients`.
    pub fn step(&mut self, weights: &Weights, gradients: Weights, rates: Rates) -> Weights {
        self.steps += 1;
        let updated = weights.0.iter().zip(gradients.0).enumerate().map(|(index, (weight, gradient))| {
            let gradient = if rates.weight_decay > 0.0 {
                gradient + weight.clone() * rates.weight_decay
            } else {
                gradient
            };
            let update = match self.kind {
                OptimizerKind::Adam => self.adam(index, gradient),
                OptimizerKind::Sgd => self.sgd(index, gradient, rates.momentum),
            };
            weight.clone() - update * rates.learning_rate
        });
        Weights(updated.collect())
    }

    fn adam(&mut self, index: usize, gradient: Tensor<1>) -> Tensor<1> {
        let (beta1, beta2) = ADAM_BETAS;
        let first = self.first.0[index].clone() * beta1 + gradient.clone() * (1.0 - beta1);
        let second = self.second.0[index].clone() * beta2 + gradient.clone() * gradient * (1.0 - beta2);
        self.first.0[index] = first.clone();
        self.second.0[index] = second.clone();
        let (correction1, correction2) =
            (1.0 - beta1.powf(self.steps as f64), 1.0 - beta2.powf(self.steps as f64));
        let deviation = second.sqrt() / correction2.sqrt() + ADAM_EPSILON;
        first / deviation / correction1
    }

    /// PyTorch's form: the first step's velocity is the gradient itself.
    fn sgd(&mut self, index: usize, gradient: Tensor<1>, momentum: f64) -> Tensor<1> {
        let velocity = self.first.0[index].clone() * momentum + gradient;
        self.first.0[index] = velocity.clone();
        velocity
    }
}
