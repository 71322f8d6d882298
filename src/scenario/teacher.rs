//! A teacher: trained by cross-entropy on all the training images before the student's first step, then frozen.

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    augmentation,
    measures::{PendingMeasures, Sums},
    player::{Player, schedule},
};
use crate::{
    config::{Hyper, Setup, Stream},
    data::BatchOrder,
    gpu::{hits, images::DeviceImages, measures::SCALARS},
    nn::{Network, Optimizer, Weights, loss, network::Interface, network::Statistics},
};

/// How far the preparation of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// Steps done.
    pub done: u64,
    /// Of how many.
    pub steps: u64,
}

/// A network that is imitated.
#[derive(Clone)]
pub struct Teacher {
    player: Player,
    /// How it is trained; none where it came trained.
    course: Option<Course>,
}

/// The training of a teacher.
#[derive(Clone)]
struct Course {
    images: DeviceImages,
    order: BatchOrder,
    steps: u64,
    /// Sums as [`PendingMeasures`] has them, and steps summed over.
    sums: Option<(Tensor<1>, u64)>,
}

impl Teacher {
    /// One that is to be trained on `images` as `setup` says, and reads pixels with these statistics.
    pub fn untrained(
        setup: &Setup,
        images: DeviceImages,
        interface: Interface,
        statistics: &Statistics,
        device: &Device,
    ) -> Self {
        let network = Network::main(setup.teacher_architecture(), interface, statistics);
        let seed = Stream::Teacher.of(setup.seed);
        let order = BatchOrder::new(images.len(), setup.batch_size, seed);
        let course = Course { images, order, steps: setup.teacher_steps, sums: None };
        Self { player: Player::new(network, setup, seed, device), course: Some(course) }
    }

    /// One that was trained elsewhere; `weights` as the network's specification has them.
    pub fn trained(network: Network, weights: &[Vec<f32>], setup: &Setup, device: &Device) -> Self {
        let optimizer = Optimizer::of(setup.optimizer, &network.specs, weights, device);
        Self { player: Player::resumed(network, optimizer), course: None }
    }

    /// Its network, weights and optimiser.
    pub fn player(&self) -> &Player {
        &self.player
    }

    /// Its weights, outside every autodiff graph.
    pub fn weights(&self) -> &Weights {
        &self.player.weights
    }

    /// How far its training is; none where it is done.
    pub fn preparation(&self) -> Option<Preparation> {
        let steps = self.course.as_ref()?.steps;
        let done = self.player.optimizer.steps;
        (done < steps).then_some(Preparation { done, steps })
    }

    /// One step of its training; nothing where that is done.
    pub fn step(&mut self, setup: &Setup, hyper: &Hyper) {
        let Some(Preparation { done, steps }) = self.preparation() else { return };
        let Some(course) = &mut self.course else { return };
        let indices = course.order.indices(done);
        let batch = course.images.take(&augmentation::draw(
            setup.augmented(),
            indices,
            Stream::Teacher.of(setup.seed),
            done,
        ));
        let theta = self.player.weights.tracked();
        let logits = self.player.network.logits(&theta, batch.images);
        let objective = loss::cross_entropy(logits.clone(), batch.one_hot.clone());
        let right = hits(logits, batch.one_hot).count;
        let own = Tensor::cat(vec![objective.clone().without_autodiff(), right], 0);
        let (sums, summed) = course.sums.take().unzip();
        course.sums = Some((sums.map_or(own.clone(), |sums| sums + own), summed.unwrap_or(0) + 1));
        let rates = Player::rates(hyper, schedule(setup.schedule, done, steps));
        self.player.descend(&theta, objective, course.order.batch_size(), rates);
    }

    /// Averages over its steps since the last call; there are no gradient tensors, so these figures are 0.
    pub fn take_measures(&mut self, origins: usize) -> Option<PendingMeasures> {
        let course = self.course.as_mut()?;
        let (sums, steps) = course.sums.take()?;
        let rest = vec![0f32; SCALARS - 2 + origins * origins];
        let rest = Tensor::from_data(TensorData::new(rest.clone(), [rest.len()]), &sums.device());
        let batch_size = course.order.batch_size();
        Some(PendingMeasures {
            sums: Tensor::cat(vec![sums, rest], 0),
            steps,
            batch_size,
            gradient_tensors: batch_size,
        })
    }

    /// What has been summed since the last call of [`Self::take_measures`].
    pub fn sums(&self) -> Option<Sums> {
        self.course.as_ref()?.sums.clone().map(Sums::whole)
    }

    /// Goes on from where `optimizer` stands.
    pub fn restore(&mut self, optimizer: Optimizer) {
        self.player.restore(optimizer);
    }

    /// Goes on with these sums.
    pub fn restore_sums(&mut self, sums: Option<Sums>) {
        if let Some(course) = &mut self.course {
            course.sums = sums.and_then(Sums::into_whole);
        }
    }
}
