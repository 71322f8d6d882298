//! A fresh auxiliary network in training on gradient tensors that no longer change.

use burn::tensor::{Device, Tensor};

use crate::{
    config::{OptimizerKind, Stream},
    data::BatchOrder,
    gpu::NoiseKey,
    nn::{Network, Optimizer, Weights, channel::Channel, optimizer::Rates, verdict, weights::first_values},
};

const LEARNING_RATE: f64 = 2e-3;

/// An auxiliary network that reads off gradient tensors where they come from.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its layers.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// What it reads of a gradient tensor.
    pub channel: Channel,
    /// Whether it was trained beside the main network; else only its layers and its channel are meant, for a fresh one.
    pub is_trained: bool,
}

/// Gradient tensors at the scale that a discriminator reads, before noise, in batches, with one-hot rows of their origins.
pub type Tensors = Vec<(Tensor<4>, Tensor<2>)>;

/// A discriminator in training.
pub struct Pupil {
    optimizer: Optimizer,
    order: BatchOrder,
    step: u64,
    /// Of the noise that it reads through.
    stream: u64,
}

impl Reader {
    /// What it says with `weights` of what it reads, a row for each verdict and a column for each origin: the one output of a network that tells two
    /// origins apart is the second's, and the first's is 0.
    pub fn logits(&self, weights: &Weights, read: Tensor<4>) -> Tensor<2> {
        let said = self.network.logits(weights, read);
        if said.dims()[1] == 1 { Tensor::cat(vec![said.zeros_like(), said], 1) } else { said }
    }

    /// What it says of gradient tensors `[N, C, H, W]` that are only looked at, as they are: `[N, K]`.
    pub fn says(&self, gradients: Tensor<4>) -> Tensor<2> {
        let n = gradients.dims()[0];
        verdict::of_tensors(self.logits(&self.weights, self.channel.looked_at(gradients)), n)
    }

    /// Whether the origin of each tensor is read with `weights`, `[N]`, by the mean over its places where there are verdicts
    /// of several: through the same noise each time. None of no tensors.
    pub fn right(&self, weights: &Weights, tensors: &Tensors) -> Option<Tensor<1>> {
        let each = tensors.iter().enumerate().map(|(batch, (gradients, origins))| {
            let said = self.verdicts(weights, batch, gradients);
            verdict::right(verdict::of_tensors(said, origins.dims()[0]), origins).0
        });
        joined(each.collect())
    }

    /// The same of each verdict, `[N · P]`: what the accuracy of the running network counts.
    pub fn right_verdicts(&self, weights: &Weights, tensors: &Tensors) -> Option<Tensor<1>> {
        let each = tensors.iter().enumerate().map(|(batch, (gradients, origins))| {
            verdict::right(self.verdicts(weights, batch, gradients), origins).0
        });
        joined(each.collect())
    }

    /// What it says of a batch of tensors, of that number, through its noise.
    fn verdicts(&self, weights: &Weights, batch: usize, gradients: &Tensor<4>) -> Tensor<2> {
        let key = NoiseKey { stream: Stream::Look.number(), pass: batch as u32 };
        self.logits(weights, self.channel.noisy(gradients.clone(), key))
    }
}

/// All of them, where there are any.
fn joined(each: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    (!each.is_empty()).then(|| Tensor::cat(each, 0))
}

impl Pupil {
    /// One like `reader`, with first weights of its own, that learns from so many batches.
    pub fn new(reader: &Reader, batches: usize, seed: u64, device: &Device) -> Self {
        let values = first_values(&reader.network.specs, seed);
        let optimizer = Optimizer::new(OptimizerKind::Adam, &values, device);
        Self { optimizer, order: BatchOrder::new(batches, 1, seed), step: 0, stream: seed }
    }

    /// Its weights as they stand.
    pub fn weights(&self) -> Weights {
        self.optimizer.weights()
    }

    /// Steps done.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// Steps on the batches that its order says.
    pub fn train(&mut self, reader: &Reader, tensors: &Tensors, steps: u64) {
        for _ in 0..steps {
            let batch = self.order.indices(self.step)[0] as usize;
            let (gradients, origins) = &tensors[batch];
            let phi = self.optimizer.weights().tracked();
            let key = NoiseKey { stream: self.stream, pass: self.step as u32 };
            let logits = reader.logits(&phi, reader.channel.noisy(gradients.clone(), key));
            let mut slopes = verdict::cross_entropy(logits, origins).backward();
            let rates = Rates { learning_rate: LEARNING_RATE, weight_decay: 0.0, momentum: 0.0 };
            self.optimizer.step(&phi.gradients(&mut slopes), rates);
            self.step += 1;
        }
    }
}
