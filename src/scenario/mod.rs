//! What one training step does, scenario by scenario.

mod augmentation;
pub mod defense;
pub mod distillation;
pub mod multitask;
pub mod teacher;

use burn::tensor::{Device, Tensor};

pub use defense::Defense;
pub use distillation::Distillation;
pub use multitask::Multitask;
pub use teacher::{Preparation, Teacher};

use crate::{
    config::{Hyper, Players, Precision, ScenarioKind, Schedule, Setup},
    gpu::{images::DeviceImages, measures::SCALARS, read},
    nn::{Network, Optimizer, Weights, network::Interface, optimizer::Rates, weights::first_values},
};

/// A game of two networks that the trainer can play step by step. Nothing here waits for the device.
pub trait Scenario {
    /// What must be trained before the first step, and how far that is; none where all is ready.
    fn preparation(&self) -> Option<Preparation> {
        None
    }

    /// Takes a step of the preparation, where there is one to take.
    fn prepare(&mut self, _hyper: &Hyper) {}

    /// Takes training step number `step` (from 0) with these knobs.
    fn step(&mut self, step: u64, hyper: &Hyper, players: Players);

    /// What the steps since the last call amounted to, still on the device; None where there were none.
    fn take_measures(&mut self) -> Option<PendingMeasures>;

    /// The gradient tensors of the held-out images at `indices`.
    fn gradient_tensors(&self, indices: &[u32], hyper: &Hyper) -> GradientTensors;

    /// The same of images that are shown, with gradients shaped like the images.
    fn sample_tensors(&self, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        self.gradient_tensors(indices, hyper)
    }

    /// What the tasks have come to, where there are several.
    fn task_figures(&self, _hyper: &Hyper) -> Option<multitask::PendingFigures> {
        None
    }

    /// Name and outputs of each task, where there are several.
    fn task_outputs(&self) -> Vec<(String, usize)> {
        Vec::new()
    }

    /// The main network.
    fn main(&self) -> &Player;

    /// The auxiliary network.
    fn auxiliary(&self) -> &Player;

    /// The network whose gradient tensors are imitated, where there is one.
    fn teacher(&self) -> Option<&Player> {
        None
    }

    /// Where gradient tensors come from: in the order of the confusion.
    fn origins(&self, classes: &[String]) -> Vec<String> {
        classes.to_vec()
    }

    /// The images that the main network is trained on.
    fn train(&self) -> &DeviceImages;

    /// The images that no network is trained on.
    fn held_out(&self) -> &DeviceImages;

    /// All networks as they stand; cheap, for nothing is copied.
    fn state(&self) -> State;

    /// Puts all networks back to `state`.
    fn restore(&mut self, state: State);
}

/// The auxiliary network of a run on such images: an output for each class, or in a distillation one, which says how
/// much more a gradient tensor looks like the teacher's.
pub fn auxiliary_network(setup: &Setup, interface: Interface) -> Network {
    let classes = match setup.scenario {
        // The discriminator of tasks reads another thing: `multitask::discriminator`.
        ScenarioKind::Defense | ScenarioKind::Multitask => interface.classes,
        ScenarioKind::Distillation => 1,
    };
    Network::auxiliary(setup.auxiliary_width, Interface { classes, ..interface })
}

/// A network with its weights and its optimiser.
#[derive(Clone, Debug)]
pub struct Player {
    /// Its layers.
    pub network: Network,
    /// The same in the precision that it is trained in.
    training: Network,
    /// Its weights, outside every autodiff graph.
    pub weights: Weights,
    /// Its optimiser.
    pub optimizer: Optimizer,
}

impl Player {
    /// A player with first weights from `seed`.
    fn new(network: Network, setup: &Setup, seed: u64, device: &Device) -> Self {
        let values = first_values(&network.specs, seed);
        Self::resumed(network, Optimizer::new(setup.optimizer, &values, device))
    }

    /// A player whose optimiser stands there.
    fn resumed(network: Network, optimizer: Optimizer) -> Self {
        Self { training: network.clone(), network, weights: optimizer.weights(), optimizer }
    }

    /// The same, trained in that precision.
    fn in_precision(mut self, precision: Precision) -> Self {
        self.training = self.network.clone().in_precision(precision);
        self
    }

    /// One step of the optimiser down `objective`, a mean over so many images, in the graph of the leaves `theta`.
    fn descend(&mut self, theta: &Weights, objective: Tensor<1>, images: usize, rates: Rates) {
        let scale = self.training.loss_scale(images);
        let scaled = if scale == 1.0 { objective } else { objective * scale };
        let gradients = theta.gradients(&mut scaled.backward());
        self.optimizer.step_scaled(&gradients, scale, rates);
        self.weights = self.optimizer.weights();
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
    /// Weights and optimiser of the teacher, where there is one.
    pub teacher: Option<Optimizer>,
    /// What a method has learned of several tasks, where there are such: [`multitask::balance_specs`].
    pub balance: Option<Weights>,
}

/// Gradient tensors of `N` images, and what the networks say. The first `N` of the `M` tensors are the main network's,
/// image by image; where a teacher's are among them, they follow in the same order.
#[derive(Clone, Debug)]
pub struct GradientTensors {
    /// The images, `[N, C, H, W]`.
    pub images: Tensor<4>,
    /// The images' labels, `[N, K]`.
    pub one_hot: Tensor<2>,
    /// Main logits, `[N, K]`.
    pub logits: Tensor<2>,
    /// The teacher's logits, `[N, K]`, where there is one.
    pub teacher_logits: Option<Tensor<2>>,
    /// `∇x J`, `[M, C, H, W]`.
    pub gradients: Tensor<4>,
    /// The same before the alignment layers, where a method of several tasks has such.
    pub before: Option<Tensor<4>>,
    /// Where each came from, `M` of them: its class, which network, or which task.
    pub origins: Vec<u8>,
    /// Auxiliary logits of `n(g)`, a column for each origin: `[M, origins]`.
    pub auxiliary_logits: Tensor<2>,
}

/// Factor on both learning rates at `step` of `steps`.
fn schedule(kind: Schedule, step: u64, steps: u64) -> f64 {
    match kind {
        Schedule::Constant => 1.0,
        Schedule::Cosine => {
            let done = (step as f64 / steps as f64).min(1.0);
            0.5 * (1.0 + (std::f64::consts::PI * done).cos())
        }
    }
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
    /// `origins × origins`: origin (row) against what the auxiliary network said (column).
    pub confusion: Vec<u32>,
}

/// [`Measures`] that are still on the device.
#[derive(Debug)]
pub struct PendingMeasures {
    /// Sums over the steps: loss, right, auxiliary loss, auxiliary right, mean square; then the confusion,
    /// `[5 + origins²]`.
    pub sums: Tensor<1>,
    /// Steps summed over.
    pub steps: u64,
    /// Images in each step's batch.
    pub batch_size: usize,
    /// Gradient tensors that the auxiliary network reads in each step.
    pub gradient_tensors: usize,
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
        let [images, gradient_tensors] =
            [self.batch_size, self.gradient_tensors].map(|samples| steps * samples as f64);
        let sum = |index: usize| f64::from(sums[index]);
        Measures {
            loss: sum(0) / steps,
            accuracy: sum(1) / images,
            auxiliary_loss: sum(2) / steps,
            auxiliary_accuracy: sum(3) / gradient_tensors,
            gradient_rms: (sum(4) / steps).sqrt(),
            confusion: sums[SCALARS..].iter().map(|count| *count as u32).collect(),
        }
    }
}
