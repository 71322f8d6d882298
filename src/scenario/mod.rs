//! What one training step does, scenario by scenario.

mod augmentation;
pub mod defense;
pub mod multitask;

use burn::tensor::{Device, Int, Tensor};

pub use defense::Defense;

use crate::{
    config::{Hyper, Players, Setup},
    gpu::{images::DeviceImages, measures::SCALARS, read},
    nn::{Network, Optimizer, Weights, optimizer::Rates, weights::first_values},
};

/// A game of two networks that the trainer can play step by step. Nothing here waits for the device.
pub trait Scenario {
    /// Takes training step number `step` (from 0) with these knobs.
    fn step(&mut self, step: u64, hyper: &Hyper, players: Players);

    /// What the steps since the last call amounted to, still on the device; None where there were none.
    fn take_measures(&mut self) -> Option<PendingMeasures>;

    /// The gradient tensors of the held-out images at `indices`.
    fn gradient_tensors(&self, indices: &[u32], hyper: &Hyper) -> GradientTensors;

    /// The main network.
    fn main(&self) -> &Player;

    /// The auxiliary network.
    fn auxiliary(&self) -> &Player;

    /// The images that neither network is trained on.
    fn held_out(&self) -> &DeviceImages;

    /// Both networks as they stand; cheap, for nothing is copied.
    fn state(&self) -> State;

    /// Puts both networks back to `state`.
    fn restore(&mut self, state: State);
}

/// A network with its weights and its optimiser.
#[derive(Clone, Debug)]
pub struct Player {
    /// Its layers.
    pub network: Network,
    /// Its weights, outside every autodiff graph.
    pub weights: Weights,
    /// Its optimiser.
    pub optimizer: Optimizer,
}

impl Player {
    /// A player with first weights from `seed`.
    fn new(network: Network, setup: &Setup, seed: u64, device: &Device) -> Self {
        let values = first_values(&network.specs, seed);
        let optimizer = Optimizer::new(setup.optimizer, &values, device);
        Self { network, weights: optimizer.weights(), optimizer }
    }

    /// One step of the optimiser.
    fn update(&mut self, gradients: Weights, rates: Rates) {
        self.optimizer.step(&gradients, rates);
        self.weights = self.optimizer.weights();
    }

    /// Goes on from where `optimizer` stands.
    fn restore(&mut self, optimizer: Optimizer) {
        self.weights = optimizer.weights();
        self.optimizer = optimizer;
    }
}

/// What changes in a scenario as it is trained.
#[derive(Clone, Debug)]
pub struct State {
    /// Weights and optimiser of the main network.
    pub main: Optimizer,
    /// Weights and optimiser of the auxiliary network.
    pub auxiliary: Optimizer,
}

/// Gradient tensors of some images, and what the networks say.
#[derive(Clone, Debug)]
pub struct GradientTensors {
    /// The images, `[N, C, H, W]`.
    pub images: Tensor<4>,
    /// `∇x J`, `[N, C, H, W]`.
    pub gradients: Tensor<4>,
    /// Where each came from: its class, `[N]`.
    pub origins: Tensor<1, Int>,
    /// The same, `[N, K]`.
    pub one_hot: Tensor<2>,
    /// Main logits, `[N, K]`.
    pub logits: Tensor<2>,
    /// Auxiliary logits of `n(g)`, `[N, K]`.
    pub auxiliary_logits: Tensor<2>,
}

/// Averages over some steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Cross-entropy `J` on what the main network was trained on.
    pub loss: f64,
    /// Share of the batches that it got right.
    pub accuracy: f64,
    /// Cross-entropy of the auxiliary network before its step.
    pub auxiliary_loss: f64,
    /// Share of gradient tensors whose origin it read.
    pub auxiliary_accuracy: f64,
    /// Root mean square of the gradient tensors.
    pub gradient_rms: f64,
    /// `K × K`: origin (row) against what the auxiliary network said (column).
    pub confusion: Vec<u32>,
}

/// [`Measures`] that are still on the device.
#[derive(Debug)]
pub struct PendingMeasures {
    /// Sums over the steps: loss, right, auxiliary loss, auxiliary right, mean square; then the confusion, `[5 + K²]`.
    pub sums: Tensor<1>,
    /// Steps summed over.
    pub steps: u64,
    /// Images in each step's batch.
    pub batch_size: usize,
}

impl PendingMeasures {
    /// The one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(self) -> impl Future<Output = Result<Measures, String>> {
        let reading = read(self.sums.clone());
        async move { Ok(self.averages(&reading.await?)) }
    }

    fn averages(&self, sums: &[f32]) -> Measures {
        let steps = self.steps as f64;
        let samples = steps * self.batch_size as f64;
        let sum = |index: usize| f64::from(sums[index]);
        Measures {
            loss: sum(0) / steps,
            accuracy: sum(1) / samples,
            auxiliary_loss: sum(2) / steps,
            auxiliary_accuracy: sum(3) / samples,
            gradient_rms: (sum(4) / steps).sqrt(),
            confusion: sums[SCALARS..].iter().map(|count| *count as u32).collect(),
        }
    }
}
