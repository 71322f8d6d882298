//! How the tasks' gradients are put together for the encoder, method by method, and what a method learns of them.

#![deny(clippy::wildcard_enum_match_arm)]

use burn::tensor::{Device, Tensor};

use super::{
    alignment::Alignment,
    pcgrad::{compass, conflict_orders, pcgrad},
    weighing::{FIRST_LOG_VARIANCE, GRADNORM_ALPHA, gradnorm, uncertainty},
};
use crate::config::{Hyper, method::Combine};
use crate::nn::Weights;

/// What a method has learned of the tasks so far.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The gradient alignment layers; all 1 where the method has none.
    pub alignment: Alignment,
    /// Of the tasks' variances, `[M]`.
    log_variances: Tensor<1>,
    /// Of the tasks, `[M]`.
    task_weights: Tensor<1>,
    /// Of the first step, `[M]`; 0 before it.
    first_losses: Tensor<1>,
}

/// The combination of a step's gradients.
pub struct Balanced {
    /// The gradient at each encoder's output.
    pub encoders: Vec<Tensor<4>>,
    /// How much each task's loss counts, `[M]`; none where all count alike.
    pub scales: Option<Tensor<1>>,
}

impl Balance {
    /// Nothing is known yet of `tasks` tasks over a representation `[C', H', W']`.
    pub fn new(tasks: usize, representation: [usize; 3], device: &Device) -> Self {
        Self {
            alignment: Alignment::new(tasks, representation, device),
            log_variances: Tensor::full([tasks], FIRST_LOG_VARIANCE, device),
            task_weights: Tensor::ones([tasks], device),
            first_losses: Tensor::zeros([tasks], device),
        }
    }

    /// The gradients of the encoders from the tasks' gradients `[N, C', H', W']` behind the alignment layers, and their
    /// losses `[M]`; `seed` and `step` say in which order tasks give way to each other.
    pub fn step(
        &mut self,
        combine: Combine,
        aligned: &[Tensor<4>],
        losses: Tensor<1>,
        hyper: &Hyper,
        (seed, step): (u64, u64),
    ) -> Balanced {
        let plain = |encoders| Balanced { encoders, scales: None };
        match combine {
            Combine::Apart => plain(aligned.to_vec()),
            Combine::Sum => plain(vec![sum(aligned, None)]),
            Combine::PcGrad => {
                let orders = conflict_orders(aligned.len(), seed, step);
                plain(vec![pcgrad(rows(aligned), &orders).reshape(aligned[0].dims())])
            }
            Combine::Uncertainty => {
                let found = uncertainty(losses, self.log_variances.clone());
                self.log_variances = self.log_variances.clone() - found.gradient * hyper.learning_rate;
                Balanced { encoders: vec![sum(aligned, Some(&found.scales))], scales: Some(found.scales) }
            }
            Combine::GradNorm => {
                let unset = self.first_losses.clone().equal_elem(0.0).float();
                self.first_losses = self.first_losses.clone() + losses.clone() * unset;
                let scales = self.task_weights.clone();
                self.task_weights = gradnorm(
                    scales.clone(),
                    compass(rows(aligned)).norms,
                    losses,
                    self.first_losses.clone(),
                    GRADNORM_ALPHA,
                    hyper.gradnorm_rate,
                );
                Balanced { encoders: vec![sum(aligned, Some(&scales))], scales: Some(scales) }
            }
        }
    }

    /// All of it, as flat tensors: the alignment layers, then what is `[M]`.
    pub fn state(&self) -> Weights {
        let flat = |layer: &Tensor<3>| layer.clone().flatten(0, 2);
        let rest = [&self.log_variances, &self.task_weights, &self.first_losses];
        Weights(self.alignment.weights().iter().map(flat).chain(rest.into_iter().cloned()).collect())
    }

    /// What [`Self::state`] gave.
    pub fn restore(&mut self, state: &Weights) {
        let tasks = self.alignment.weights().len();
        let (layers, rest) = state.0.split_at(tasks);
        let shape = self.alignment.weights()[0].dims();
        self.alignment =
            Alignment::resumed(layers.iter().map(|layer| layer.clone().reshape(shape)).collect());
        if let [log_variances, task_weights, first_losses] = rest {
            self.log_variances = log_variances.clone();
            self.task_weights = task_weights.clone();
            self.first_losses = first_losses.clone();
        }
    }
}

/// Each gradient as a row, `[M, D]`.
pub fn rows(gradients: &[Tensor<4>]) -> Tensor<2> {
    let entries = gradients[0].dims().iter().product::<usize>();
    Tensor::cat(gradients.iter().map(|gradient| gradient.clone().reshape([1, entries])).collect(), 0)
}

/// `Σ_k λ_k ĝ_k`; every `λ` is 1 where there are none.
fn sum(aligned: &[Tensor<4>], scales: Option<&Tensor<1>>) -> Tensor<4> {
    let parts = aligned.iter().enumerate().map(|(task, gradient)| match scales {
        None => gradient.clone(),
        Some(scales) => gradient.clone() * scales.clone().narrow(0, task, 1).reshape([1, 1, 1, 1]),
    });
    parts.reduce(|sum, part| sum + part).expect("the class is a task of every set")
}
