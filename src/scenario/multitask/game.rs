//! Multi-task learning: gradient tensors of different tasks must look alike. Algorithms, section 3.

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    alignment::Alignment,
    balance::Balance,
    network::{discriminator, network},
    targets::{BELL, SceneTargets, noise, targets},
    task::{Source, Target, Task, tasks},
};
use crate::{
    config::{Augmentation, Hyper, NetworkKind, POINT_SHAPE, Players, Setup, Stream},
    data::{BatchOrder, Dataset, scenes::Scenes},
    gpu::{
        hits,
        images::{Batch, DeviceImages},
        measures::Measured,
    },
    nn::{
        MultitaskNetwork, Optimizer, Weights,
        channel::Reading,
        layer::forward,
        network::{Interface, Statistics},
        optimizer::Rates,
        verdict,
    },
    scenario::{
        augmentation,
        controller::Controller,
        images::upload,
        measures::add_step,
        player::{Player, auxiliary_turns, is_watched, schedule},
    },
};

/// Why tasks cannot be learned of some images.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Images would move and what is known of them would not.
    #[error(
        "augmentation {0} moves images, but not the depths of scenes: set augmentation=none or tasks=pictures"
    )]
    Augmented(Augmentation),
    /// There are no maps of which decoders could make others.
    #[error(
        "the network mlp makes no maps, which tasks other than the class are decoded from: set network=cnn-small"
    )]
    NoMaps,
}

/// The scenario. The main network is the encoder and the decoder of the first task, which says the class.
#[derive(Clone)]
pub struct Multitask {
    pub(super) setup: Setup,
    pub(super) tasks: Vec<Task>,
    /// Name and outputs of each.
    pub(super) outputs: Vec<(String, usize)>,
    pub(super) network: MultitaskNetwork,
    pub(super) train: DeviceImages,
    pub(super) held_out: DeviceImages,
    /// What is known of both, where the tasks need it.
    pub(super) scenes: Option<[SceneTargets; 2]>,
    pub(super) order: BatchOrder,
    pub(super) main: Player,
    pub(super) auxiliary: Player,
    pub(super) balance: Balance,
    pub(super) control: Controller,
    /// Total loss and images whose class is right; what is summed of the auxiliary network; steps.
    pub(super) sums: Option<(Tensor<1>, Tensor<1>, u64)>,
}

/// The decoders' outputs for a representation, and their losses.
pub(super) struct Decoded {
    /// The mean loss of each task, `[1]`.
    pub losses: Vec<Tensor<1>>,
    /// What each decoder says.
    pub said: Vec<Tensor<4>>,
}

/// The gradients of one batch, before any weight changed.
pub(super) struct Tapped {
    /// Of the mean losses at the encoder's output, one a task.
    pub gradients: Vec<Tensor<4>>,
    /// Of the decoders' weights; zeros for the encoders'.
    weights: Option<Weights>,
    decoded: Decoded,
}

impl Multitask {
    /// Networks with first weights from the setup's seed, and the data on `device`; `scenes` are what is known of the
    /// images of `data`, in their order.
    ///
    /// # Errors
    /// Where the setup asks for what does not go together.
    pub fn new(
        setup: &Setup,
        data: &Dataset,
        scenes: Option<[Scenes; 2]>,
        statistics: &Statistics,
        device: &Device,
    ) -> Result<Self, TaskError> {
        if setup.network == NetworkKind::Mlp && setup.world().is_none() {
            return Err(TaskError::NoMaps);
        }
        if scenes.is_some() && setup.augmented() != Augmentation::None {
            return Err(TaskError::Augmented(setup.augmentation));
        }
        let scenes = scenes.map(SceneTargets::new);
        let key_points = scenes.as_ref().map_or(0, |[train, _]| train.key_points());
        let source = Source { channels: data.shape[0], classes: data.classes.len(), key_points };
        let tasks = tasks(setup.learned(), source);
        let names: Vec<(String, usize)> =
            tasks.iter().map(|(task, outputs)| (task.name().into(), *outputs)).collect();
        let interface = Interface { image: data.shape, classes: data.classes.len() };
        let network = network(setup, &interface, statistics, &names);
        let auxiliary = discriminator(setup, &network);
        let optimizer = Optimizer::new(setup.optimizer, &network.first_values(setup.seed), device);
        let main = Player::resumed(network.main(), optimizer);
        let plain = device.clone().without_autodiff();
        Ok(Self {
            train: upload(&data.train, data, device),
            held_out: upload(&data.test, data, device),
            scenes,
            order: BatchOrder::new(data.train.len(), setup.batch_size, setup.seed),
            main,
            auxiliary: Player::new(auxiliary, setup, Stream::Auxiliary.of(setup.seed), device),
            balance: Balance::new(tasks.len(), network.representation, &plain),
            tasks: tasks.into_iter().map(|(task, _)| task).collect(),
            outputs: names,
            network,
            setup: setup.clone(),
            control: Controller::default(),
            sums: None,
        })
    }

    /// The gradient alignment layers.
    pub fn alignment(&self) -> &Alignment {
        &self.balance.alignment
    }

    /// Whether it is of points of a world, which are represented by two numbers.
    pub(super) fn is_world(&self) -> bool {
        self.network.representation == POINT_SHAPE
    }

    /// The tasks, in the order of origins and decoders.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Mean and standard deviation by which depths are scaled, in metres; standard deviation of a heat map's bell, in
    /// pixels.
    pub(super) fn scales(&self) -> ([f32; 2], f32) {
        let [_, height, _] = self.held_out.shape();
        (self.scenes.as_ref().map_or([0.0, 1.0], |[train, _]| train.depth), BELL * height as f32)
    }

    /// Images with noise from these seeds; points as they are, for a world has its own.
    pub(super) fn noisy(&self, images: Tensor<4>, seeds: &[u64], hyper: &Hyper) -> Tensor<4> {
        if self.is_world() {
            return images;
        }
        let [.., height, width] = images.dims();
        let device = images.device();
        images + noise(seeds, [height, width], &device) * hyper.input_noise
    }

    /// The representation of each encoder for `input`.
    pub(super) fn encode(&self, weights: &Weights, input: &Tensor<4>) -> Vec<Tensor<4>> {
        self.network.encoders.iter().map(|layers| forward(layers, weights, input.clone()).0).collect()
    }

    /// The output of each decoder for its task's representation, and its loss.
    pub(super) fn decode(&self, weights: &Weights, shared: &[Tensor<4>], targets: &[Target]) -> Decoded {
        let said: Vec<Tensor<4>> = self
            .network
            .decoders
            .iter()
            .zip(shared)
            .map(|(layers, shared)| forward(layers, weights, shared.clone()).0)
            .collect();
        let losses = self
            .tasks
            .iter()
            .zip(&said)
            .zip(targets)
            .map(|((task, said), target)| task.loss(said.clone(), target.clone()))
            .collect();
        Decoded { losses, said }
    }

    /// The gradients of all tasks at the encoders' outputs `shared`: a leaf for each task, so that one way back tells
    /// them apart. Those of the decoders' weights too, where `theta` are leaves.
    pub(super) fn tap(
        &self,
        theta: &Weights,
        shared: &[Tensor<4>],
        targets: &[Target],
        is_tracked: bool,
    ) -> Tapped {
        let leaf = |task: usize| {
            let shared = shared[self.network.encoder_of(task)].clone();
            shared.without_autodiff().autodiff().require_grad()
        };
        let leaves: Vec<Tensor<4>> = (0..self.tasks.len()).map(leaf).collect();
        let targets: Vec<Target> = targets.iter().cloned().map(Target::autodiff).collect();
        let decoded = self.decode(theta, &leaves, &targets);
        let total = decoded.losses.iter().cloned().reduce(|sum, loss| sum + loss);
        let mut found = total.expect("the class is a task of every set").backward();
        let gradients = leaves
            .iter()
            .map(|leaf| {
                leaf.grad_remove(&mut found).unwrap_or_else(|| leaf.clone().without_autodiff().zeros_like())
            })
            .collect();
        let Decoded { losses, said } = decoded;
        let decoded = Decoded {
            losses: losses.into_iter().map(Tensor::without_autodiff).collect(),
            said: said.into_iter().map(Tensor::without_autodiff).collect(),
        };
        Tapped { gradients, weights: is_tracked.then(|| theta.gradients(&mut found)), decoded }
    }

    /// What leaves the alignment layers: `ĝ_k`, or `g_k` where the method has none.
    pub(super) fn aligned(&self, gradients: &[Tensor<4>]) -> Vec<Tensor<4>> {
        let pass = |(task, gradient): (usize, &Tensor<4>)| {
            if self.setup.multitask_method.row().aligns {
                self.balance.alignment.aligned(task, gradient.clone())
            } else {
                gradient.clone()
            }
        };
        gradients.iter().enumerate().map(pass).collect()
    }

    /// Per-sample gradient tensors of all tasks `[M · N, C', H', W']`, task by task: those of sums over the batch, where
    /// `gradients` are of means.
    pub(super) fn stacked(gradients: &[Tensor<4>]) -> Tensor<4> {
        let n = gradients[0].dims()[0] as f64;
        Tensor::cat(gradients.to_vec(), 0) * n
    }

    /// One step of the auxiliary network on normalised gradient tensors; its logits before the step.
    fn auxiliary_step(&mut self, normalized: &Tensor<4>, origins: &Tensor<2>, rates: Rates) -> Tensor<2> {
        let phi = self.auxiliary.weights.tracked();
        let logits = self.auxiliary.network.logits(&phi, normalized.clone());
        let mut gradients = verdict::cross_entropy(logits.clone(), origins).backward();
        self.auxiliary.update(phi.gradients(&mut gradients), rates);
        logits.without_autodiff()
    }

    /// One step of the alignment layers against the auxiliary network as it stands: uphill along its loss, at that rate.
    fn align(&mut self, gradients: &[Tensor<4>], origins: &Tensor<2>, rate: f64, reading: &Reading) {
        let read = Self::stacked(&self.aligned(gradients)).autodiff().require_grad();
        let noisy = reading.noisy(reading.scaled(read.clone()));
        let logits = self.auxiliary.network.logits(&self.auxiliary.weights, noisy);
        let mut found = verdict::cross_entropy(logits, origins).backward();
        let Some(errors) = read.grad_remove(&mut found) else { return };
        let n = gradients[0].dims()[0];
        let slope = |(task, gradient): (usize, &Tensor<4>)| {
            Alignment::weight_gradient(gradient.clone(), errors.clone().narrow(0, task * n, n))
        };
        let slopes = gradients.iter().enumerate().map(slope).collect();
        self.balance.alignment = self.balance.alignment.ascend(slopes, rate);
    }

    /// One step of the encoders and decoders; `reversed` is added to the gradients of their weights.
    fn main_step(
        &mut self,
        step: u64,
        (theta, shared): (&Weights, Vec<Tensor<4>>),
        tapped: &Tapped,
        reversed: Option<Weights>,
        hyper: &Hyper,
    ) {
        let combine = self.setup.multitask_method.row().combine;
        let aligned = self.aligned(&tapped.gradients);
        let losses = Tensor::cat(tapped.decoded.losses.clone(), 0);
        let balanced = self.balance.step(combine, &aligned, losses, hyper, (self.setup.seed, step));
        // Its gradient with respect to the encoder's output is what the method has made of the tasks' gradients.
        let surrogate = shared
            .into_iter()
            .zip(balanced.encoders)
            .map(|(shared, gradient)| (shared * gradient.autodiff()).sum())
            .reduce(|sum, part| sum + part);
        let mut found = surrogate.expect("there is an encoder").backward();
        let Weights(encoders) = theta.gradients(&mut found);
        let decoders = tapped.weights.as_ref().map_or(&[][..], |weights| weights.0.as_slice());
        let gradients = encoders.into_iter().zip(decoders).enumerate().map(|(index, (encoder, decoder))| {
            match (self.network.task_of(index), &balanced.scales) {
                (None, _) => encoder,
                (Some(_), None) => decoder.clone(),
                (Some(task), Some(scales)) => decoder.clone() * scales.clone().narrow(0, task, 1),
            }
        });
        let gradients = match reversed {
            None => gradients.collect(),
            Some(Weights(reversed)) => gradients.zip(reversed).map(|(own, more)| own + more).collect(),
        };
        let factor = schedule(self.setup.schedule, step, self.setup.steps);
        self.main.update(Weights(gradients), Player::rates(hyper, factor));
    }

    /// Training step number `step`.
    pub(super) fn take_step(&mut self, step: u64, hyper: &Hyper, players: Players) {
        let Setup { seed, steps, .. } = self.setup;
        let takes = augmentation::draw(self.setup.augmented(), self.order.indices(step), seed, step);
        let indices: Vec<u32> = takes.iter().map(|take| take.index).collect();
        let batch = self.train.take(&takes);
        let scenes = self.scenes.as_ref().map(|[train, _]| train);
        let targets = targets(&self.tasks, &batch, &indices, scenes);
        let key = Stream::TaskNoise.of(seed) ^ step.rotate_left(32);
        let seeds: Vec<u64> = (0..indices.len() as u64).map(|place| key ^ place.rotate_left(16)).collect();
        let input = self.noisy(batch.images.clone(), &seeds, hyper);

        let theta = self.main.weights.tracked();
        let shared = self.encode(&theta, &input);
        let tapped = self.tap(&theta, &shared, &targets, true);
        let stacked = Self::stacked(&self.aligned(&tapped.gradients));
        let reading = Reading::of(hyper, &self.setup, step);
        let scaled = reading.scaled(stacked.clone());
        let origins = origins(self.tasks.len(), indices.len(), &batch.images.device());

        let factor = schedule(self.setup.schedule, step, steps);
        let before = auxiliary_turns(players, hyper, factor, |rates| {
            self.auxiliary_step(&reading.noisy(scaled.clone()), &origins, rates)
        });
        let said = before
            .unwrap_or_else(|| self.auxiliary.network.logits(&self.auxiliary.weights, reading.noisy(scaled)));
        self.control.begin_step(hyper);
        if is_watched(hyper, players) {
            self.control.watch(verdict::right(said.clone(), &origins).1, said.dims()[0]);
        }
        self.measure(&tapped.decoded, &batch, (stacked, said, origins.clone()));
        if players != Players::Auxiliary {
            if self.setup.multitask_method.row().aligns {
                let (rate, most) = self.setup.adversary(hyper, step);
                let rate = self.control.turned(rate, most);
                self.align(&tapped.gradients, &origins, rate, &reading);
            }
            let alpha = self.setup.decoder_alpha(hyper);
            let reversed =
                (alpha > 0.0).then(|| self.reversed(&shared, &targets, (&origins, &reading), alpha));
            self.main_step(step, (&theta, shared), &tapped, reversed, hyper);
        }
    }

    /// Adds a step to the running sums, which stay on the device.
    fn measure(&mut self, decoded: &Decoded, batch: &Batch, read: (Tensor<4>, Tensor<2>, Tensor<2>)) {
        let (gradient, auxiliary_logits, one_hot) = read;
        let (main, auxiliary, steps) = match self.sums.take() {
            Some((main, auxiliary, steps)) => (Some(main), Some(auxiliary), steps),
            None => (None, None, 0),
        };
        let right = hits(decoded.said[0].clone().reshape(batch.one_hot.dims()), batch.one_hot.clone()).count;
        let total = Tensor::cat(decoded.losses.clone(), 0).sum();
        let own = Tensor::cat(vec![total, right], 0);
        let logits = verdict::of_tensors(auxiliary_logits.clone(), one_hot.dims()[0]);
        let auxiliary = add_step(auxiliary, Measured { logits, auxiliary_logits, one_hot, gradient });
        self.sums = Some((main.map_or(own.clone(), |main| main + own), auxiliary, steps + 1));
    }
}

/// One-hot rows `[M · N, M]`: `n` of each task.
fn origins(tasks: usize, n: usize, device: &Device) -> Tensor<2> {
    let mut rows = vec![0f32; tasks * n * tasks];
    for (row, entries) in rows.chunks_exact_mut(tasks).enumerate() {
        entries[row / n] = 1.0;
    }
    Tensor::from_data(TensorData::new(rows, [tasks * n, tasks]), &device.clone().without_autodiff())
}
