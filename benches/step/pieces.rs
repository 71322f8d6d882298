//! What a step is made of: images, two networks, their optimisers, put together from the lab's public parts.

use burn::tensor::Device;
use great_lab::{
    config::{Activation, Hyper, OptimizerKind, Setup},
    data::{BatchOrder, Dataset, Images},
    gpu::images::{Batch, DeviceImages},
    nn::{
        Network, Optimizer, Weights, loss,
        network::{Interface, Statistics},
        optimizer::Rates,
        weights::first_values,
    },
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::measure::Job;

/// Enough that batches differ, few enough that shuffling them costs nothing.
const IMAGES: usize = 1024;
const CLASSES: usize = 10;
const SEED: u64 = 1;

/// The knobs of the full step: α at its full value from the first step on.
pub fn hyper() -> Hyper {
    Hyper { ramp: 0.0, ..Hyper::default() }
}

/// The setup that a measurement is of.
pub fn setup(job: &Job) -> Setup {
    Setup { network: job.network, batch_size: job.batch, seed: SEED, ..Setup::default() }
}

/// Images of noise: no step's time depends on what it sees.
pub fn dataset(image: [usize; 3]) -> Dataset {
    let mut pixels = vec![0; IMAGES * image.iter().product::<usize>()];
    StdRng::seed_from_u64(SEED).fill_bytes(&mut pixels);
    let labels = (0..IMAGES).map(|index| (index % CLASSES) as u8).collect();
    let images = Images { pixels, labels };
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    Dataset { name: "noise".into(), classes, shape: image, train: images.clone(), test: images }
}

/// Mean and deviation of [`dataset`]'s channels.
pub fn statistics(channels: usize) -> Statistics {
    Statistics { mean: vec![0.5; channels], deviation: vec![0.29; channels] }
}

/// A network in training.
pub struct Learner {
    /// Its layers.
    pub network: Network,
    /// Its weights, outside every autodiff graph.
    pub weights: Weights,
    optimizer: Optimizer,
    rates: Rates,
}

impl Learner {
    fn new(network: Network, learning_rate: f64, device: &Device) -> Self {
        let values = first_values(&network.specs, SEED);
        let optimizer = Optimizer::new(OptimizerKind::Adam, &values, device);
        Self {
            network,
            weights: optimizer.weights(),
            optimizer,
            rates: Rates { learning_rate, weight_decay: 0.0, momentum: 0.0 },
        }
    }

    /// One step of Adam.
    pub fn update(&mut self, gradients: Weights) {
        self.optimizer.step(&gradients, self.rates);
        self.weights = self.optimizer.weights();
    }
}

/// Images on the device and both networks.
pub struct Pieces {
    images: DeviceImages,
    order: BatchOrder,
    /// `f`.
    pub main: Learner,
    /// `h`.
    pub auxiliary: Learner,
}

impl Pieces {
    /// On `device`, for steps like the job's.
    pub fn new(job: &Job, device: &Device) -> Self {
        let data = dataset(job.image);
        let interface = Interface { image: job.image, classes: CLASSES };
        let statistics = statistics(job.image[0]);
        let main = Network::main(job.network, 1.0, Activation::Relu, interface.clone(), &statistics);
        let Images { pixels, labels } = &data.train;
        Self {
            images: DeviceImages::upload(pixels, labels, data.shape, CLASSES, device),
            order: BatchOrder::new(IMAGES, job.batch, SEED),
            main: Learner::new(main, hyper().learning_rate, device),
            auxiliary: Learner::new(
                Network::auxiliary(1.0, interface),
                hyper().auxiliary_learning_rate,
                device,
            ),
        }
    }

    /// The batch of a step.
    pub fn batch(&mut self, step: u64) -> Batch {
        self.images.gather(self.order.indices(step))
    }

    /// Cross-entropy and Adam, nothing else.
    pub fn plain_step(&mut self, step: u64) {
        let batch = self.batch(step);
        let theta = self.main.weights.tracked();
        let logits = self.main.network.logits(&theta, batch.images);
        let gradients = theta.gradients(&mut loss::cross_entropy(logits, batch.one_hot).backward());
        self.main.update(gradients);
    }
}
