//! The plain step that others are held against: cross-entropy and Adam, nothing else.

use burn::tensor::{Device, Tensor};

use crate::{
    config::{Hyper, Setup},
    data::{BatchOrder, Dataset},
    gpu::images::DeviceImages,
    nn::{
        Network, Optimizer, Weights, loss,
        network::{Interface, Statistics},
        optimizer::Rates,
        weights::first_values,
    },
};

/// A main network in training by itself.
pub(super) struct Plain {
    images: DeviceImages,
    order: BatchOrder,
    network: Network,
    weights: Weights,
    optimizer: Optimizer,
}

impl Plain {
    pub fn new(setup: &Setup, data: &Dataset, statistics: &Statistics, device: &Device) -> Self {
        let interface = Interface { image: data.shape, classes: data.classes.len() };
        let network =
            Network::main(setup.architecture(), interface, statistics).in_precision(setup.precision);
        let values = first_values(&network.specs, setup.seed);
        let optimizer = Optimizer::new(setup.optimizer, &values, device);
        let (pixels, labels) = (&data.train.pixels, &data.train.labels);
        Self {
            images: DeviceImages::upload(pixels, labels, data.shape, data.classes.len(), device),
            order: BatchOrder::new(data.train.len(), setup.batch_size, setup.seed),
            network,
            weights: optimizer.weights(),
            optimizer,
        }
    }

    pub fn step(&mut self, step: u64) {
        let batch = self.images.gather(self.order.indices(step));
        let theta = self.weights.tracked();
        let logits = self.network.logits(&theta, batch.images);
        let scale = self.network.loss_scale(self.order.batch_size());
        let objective = loss::cross_entropy(logits, batch.one_hot);
        let scaled = if scale == 1.0 { objective } else { objective * scale };
        let gradients = theta.gradients(&mut scaled.backward());
        let rates = Rates {
            learning_rate: Hyper::default().learning_rate,
            weight_decay: 0.0,
            momentum: Hyper::default().momentum,
        };
        self.optimizer.step_scaled(&gradients, scale, rates);
        self.weights = self.optimizer.weights();
    }

    /// The last weight, which is there when the last step is done.
    pub fn last_weight(&self) -> Tensor<1> {
        self.weights.0[self.weights.0.len() - 1].clone()
    }
}
