//! Adversarial defence: gradient tensors of different classes must look alike. Algorithms, section 1.

#![deny(clippy::wildcard_enum_match_arm)]

use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use rand_distr::{Distribution, StandardNormal};

use super::{
    augmentation,
    controller::Controller,
    images::upload,
    interface::{GradientTensors, Part, Scenario, State},
    measures::{PendingMeasures, Sums, add_step},
    player::{Player, auxiliary_network, auxiliary_turns, is_watched, played, schedule},
};
use crate::{
    attack::{Goal, Recipe, Victim, uniform_noise},
    config::{
        Adversary, AuxiliaryLabels, AuxiliaryReads, Hyper, Norm, PenaltyNorm, Players, Setup, Stream,
        method::{ModeRow, Penalty, TrainOn},
    },
    data::{BatchOrder, Dataset},
    gpu::{
        images::{Batch, DeviceImages},
        logit_gradient,
        measures::Measured,
    },
    nn::{
        Network, Tape, Weights,
        channel::{Channel, Reading},
        loss,
        network::{Interface, Statistics},
        optimizer::Rates,
        verdict,
    },
};

/// The scenario.
#[derive(Clone)]
pub struct Defense {
    setup: Setup,
    train: DeviceImages,
    held_out: DeviceImages,
    order: BatchOrder,
    main: Player,
    auxiliary: Player,
    control: Controller,
    sums: Option<(Tensor<1>, u64)>,
}

/// A step's gradient tensors and what they came with, before any weight changed.
struct Forward {
    /// Leaves of this step's graph.
    theta: Weights,
    /// Main logits on the training images, in the graph of `theta`.
    logits: Tensor<2>,
    /// `∇x J` on the clean images; in the graph of `theta` where the main loss needs its derivative.
    gradient: Tensor<4>,
    /// The same at the scale that the auxiliary network reads.
    scaled: Tensor<4>,
    /// What the mode adds to the cross-entropy, in the graph of `theta`, if anything; GREAT's part is not in it.
    penalty: Option<Tensor<1>>,
}

impl Defense {
    /// Networks with first weights from the setup's seed, and the data on `device`.
    pub fn new(setup: &Setup, data: &Dataset, statistics: &Statistics, device: &Device) -> Self {
        let images = (upload(&data.train, data, device), upload(&data.test, data, device));
        Self::on(setup, images, statistics, device)
    }

    /// The same of data that are on `device` already: images to train on, images that are held out.
    pub fn on(
        setup: &Setup,
        (train, held_out): (DeviceImages, DeviceImages),
        statistics: &Statistics,
        device: &Device,
    ) -> Self {
        let interface = Interface { image: train.shape(), classes: train.classes() };
        let network =
            Network::main(setup.architecture(), interface.clone(), statistics).behind_input_of(setup);
        let auxiliary = auxiliary_network(setup, interface);
        Self {
            order: BatchOrder::new(train.len(), setup.batch_size, setup.seed),
            train,
            held_out,
            main: Player::new(network, setup, setup.seed, device).in_precision(setup.precision),
            auxiliary: Player::new(auxiliary, setup, Stream::Auxiliary.of(setup.seed), device),
            setup: setup.clone(),
            control: Controller::default(),
            sums: None,
        }
    }

    /// The same with a main network that somebody else trained, and these first weights of it.
    #[must_use]
    pub fn beginning_with(mut self, network: Network, values: &[Vec<f32>], device: &Device) -> Self {
        let network = network.behind_input_of(&self.setup);
        let player = Player::beginning_with(network, values, &self.setup, device);
        self.main = player.in_precision(self.setup.precision);
        self
    }

    /// What the main network is trained on: the batch itself, or adversarial examples of it.
    fn training_images(&self, batch: &Batch, step: u64, hyper: &Hyper) -> Tensor<4> {
        let recipe = match self.setup.mode.row().train_on {
            TrainOn::Clean => return batch.images.clone(),
            TrainOn::Fgsm => Recipe::fgsm(hyper.epsilon),
            TrainOn::Fast => Recipe::fast(hyper.epsilon),
            TrainOn::Pgd => Recipe::pgd(Norm::Linf, hyper.epsilon, hyper.attack_steps),
        };
        let victim = Victim::new(&self.main.network, &self.main.weights);
        let goal = Goal::AwayFrom(batch.one_hot.clone());
        victim.perturb(&batch.images, &goal, &recipe, &mut self.random(step))
    }

    /// The batch with uniform noise on its images, where that is asked for.
    fn noisy(&self, batch: Batch, step: u64, hyper: &Hyper) -> Batch {
        if hyper.uniform_noise == 0.0 {
            return batch;
        }
        let mut random = self.generator(Stream::UniformNoise, step);
        Batch { images: uniform_noise(&batch.images, hyper.uniform_noise, &mut random), ..batch }
    }

    /// What the auxiliary network is told that the batch's gradient tensors are of, as one-hot rows.
    fn told(&self, batch: &Batch, step: u64, hyper: &Hyper) -> Tensor<2> {
        match hyper.auxiliary_labels {
            AuxiliaryLabels::True => batch.one_hot.clone(),
            AuxiliaryLabels::Shuffled => {
                let count = batch.one_hot.dims()[0];
                let mut rows: Vec<i32> = (0..count as i32).collect();
                rows.shuffle(&mut self.generator(Stream::Shuffle, step));
                let rows = Tensor::from_data(TensorData::new(rows, [count]), &batch.one_hot.device());
                batch.one_hot.clone().select(0, rows)
            }
        }
    }

    /// Of what a stream draws in training step `step`.
    fn generator(&self, stream: Stream, step: u64) -> StdRng {
        StdRng::seed_from_u64(stream.of(self.setup.seed) ^ step.rotate_left(32))
    }

    /// What attacks and projections of training step `step` are drawn from.
    fn random(&self, step: u64) -> StdRng {
        self.generator(Stream::TrainingAttacks, step)
    }

    /// What `trades` adds: the divergence between the predictions on the batch and on adversarial examples of it.
    fn divergence(
        &self,
        theta: &Weights,
        batch: &Batch,
        logits: &Tensor<2>,
        step: u64,
        hyper: &Hyper,
    ) -> Tensor<1> {
        let victim = Victim::new(&self.main.network, &self.main.weights);
        let clean = logits.clone().without_autodiff();
        let steps = hyper.attack_steps;
        let adversarial = victim.trades(&batch.images, clean, hyper.epsilon, steps, &mut self.random(step));
        let adversarial_logits = self.main.training.logits(theta, adversarial);
        loss::kullback_leibler(logits.clone(), adversarial_logits) * hyper.trades_weight
    }

    /// `alpha` is the ramped weight, 0 where the mode does not use it.
    fn forward(&self, batch: &Batch, step: u64, hyper: &Hyper, alpha: f64) -> Forward {
        let network = &self.main.training;
        let theta = self.main.weights.tracked();
        let images = self.training_images(batch, step, hyper);
        let (logits, tapes) = network.forward(&theta, images);
        let ModeRow { penalty: kind, .. } = self.setup.mode.row();
        let mut penalty = match kind {
            Penalty::Divergence => Some(self.divergence(&theta, batch, &logits, step, hyper)),
            Penalty::Jacobian => {
                let directions =
                    random_directions(logits.dims(), &mut self.random(step), &batch.images.device());
                let projected = network.input_vjp(tapes.clone(), directions);
                let norm = loss::jacobian_norm(projected, logits.dims()[1]);
                Some(norm * (0.5 * hyper.jacobian_weight))
            }
            // That of the gradient tensor follows below.
            Penalty::None | Penalty::InputGradient => None,
        };
        let penalised = (*kind == Penalty::InputGradient)
            .then(|| network.input_vjp(tapes.clone(), logit_gradient(logits.clone(), batch.one_hot.clone())));
        if let Some(gradient) = penalised.clone() {
            let norm = match hyper.input_gradient_norm {
                PenaltyNorm::L2 => loss::squared_norm(gradient),
                PenaltyNorm::L1 => loss::absolute_norm(gradient),
            };
            penalty = Some(norm * hyper.input_gradient_weight);
        }
        let channel = Channel::of(hyper, self.setup.batch_size);
        let gradient = match (penalised, channel.reads) {
            (Some(gradient), AuxiliaryReads::Gradient) => gradient,
            (Some(_), AuxiliaryReads::Masked) | (None, _) => {
                self.gradient_tensor(batch, (logits.clone(), tapes), alpha > 0.0, &channel)
            }
        };
        let scaled = channel.scaled(gradient.clone());
        Forward { theta, logits, gradient, scaled, penalty }
    }

    /// What the auxiliary network reads of the batch, as it is; `logits` with their tapes are those that are trained on. In
    /// their graph where it `is_tracked`.
    fn gradient_tensor(
        &self,
        batch: &Batch,
        (logits, tapes): (Tensor<2>, Vec<Tape>),
        is_tracked: bool,
        channel: &Channel,
    ) -> Tensor<4> {
        let network = &self.main.training;
        let one_hot = batch.one_hot.clone();
        if is_tracked {
            network.input_vjp(tapes, channel.cotangent(logits, one_hot))
        } else if self.setup.mode.row().train_on != TrainOn::Clean {
            // The gradient tensor is that of the clean image, in every mode.
            channel.gradient((network, &self.main.weights), batch.images.clone(), one_hot).0
        } else {
            let tapes = tapes.into_iter().map(Tape::untracked).collect();
            network.input_vjp(tapes, channel.cotangent(logits.without_autodiff(), one_hot))
        }
    }

    /// One step of the auxiliary network on gradient tensors as it reads them; its logits before the step.
    fn auxiliary_step(&mut self, normalized: &Tensor<4>, origins: &Tensor<2>, rates: Rates) -> Tensor<2> {
        let phi = self.auxiliary.weights.tracked();
        let logits = self.auxiliary.network.logits(&phi, normalized.clone());
        let objective = verdict::cross_entropy(logits.clone(), origins);
        self.auxiliary.descend(&phi, objective, origins.dims()[0], rates);
        logits.without_autodiff()
    }

    /// One step of the main network against the auxiliary network as it stands.
    fn main_step(
        &mut self,
        forward: Forward,
        (batch, told): (&Batch, &Tensor<2>),
        (hyper, reading): (&Hyper, &Reading),
        alpha: f64,
        rates: Rates,
    ) {
        let Forward { theta, logits, scaled, penalty, .. } = forward;
        let beta = if self.setup.mode.row().beta { hyper.beta } else { 0.0 };
        let smoothing = hyper.label_smoothing;
        let mut objective = if alpha > 0.0 || beta > 0.0 {
            let read = reading.noisy(scaled);
            let auxiliary_logits = self.auxiliary.network.logits(&self.auxiliary.weights, read);
            let terms =
                loss::Terms { beta, push: hyper.greace_push, alpha, adversary: hyper.adversary, smoothing };
            self.game(logits, auxiliary_logits, (batch, told), terms, hyper.auxiliary_labels)
        } else {
            loss::cross_entropy(logits, loss::smoothed(batch.one_hot.clone(), smoothing))
        };
        if let Some(penalty) = penalty {
            objective = objective + penalty;
        }
        self.main.descend_clipped(&theta, objective, batch.one_hot.dims()[0], rates, hyper.gradient_clip);
    }

    /// The main network's objective but for penalties; `told` is what the auxiliary network is told.
    fn game(
        &self,
        logits: Tensor<2>,
        auxiliary_logits: Tensor<2>,
        (batch, told): (&Batch, &Tensor<2>),
        terms: loss::Terms,
        labels: AuxiliaryLabels,
    ) -> Tensor<1> {
        let one_hot = batch.one_hot.clone();
        let [rows, classes] = auxiliary_logits.dims();
        let (others, has_places) = (loss::Terms { alpha: 0.0, ..terms }, rows != one_hot.dims()[0]);
        // What is pushed down is what the tensors as wholes are taken for.
        let said = verdict::of_tensors(auxiliary_logits.clone(), one_hot.dims()[0]);
        if terms.alpha == 0.0 {
            return loss::great_objective(logits, said, one_hot, others);
        }
        let against = match (labels, terms.adversary) {
            // The reversed cross-entropy is to what the auxiliary network was told; all else is about the classes.
            (AuxiliaryLabels::Shuffled, Adversary::Reversal) => {
                verdict::cross_entropy(auxiliary_logits.clone(), told) * -terms.alpha
            }
            (AuxiliaryLabels::True, Adversary::Reversal) if has_places => {
                verdict::cross_entropy(auxiliary_logits.clone(), &one_hot) * -terms.alpha
            }
            (_, Adversary::Confusion) if has_places => {
                let uniform = Tensor::full([rows, classes], 1.0 / classes as f64, &one_hot.device());
                loss::cross_entropy(auxiliary_logits.clone(), uniform) * terms.alpha
            }
            (AuxiliaryLabels::True, _) | (AuxiliaryLabels::Shuffled, Adversary::Confusion) => {
                return loss::great_objective(logits, auxiliary_logits, one_hot, terms);
            }
        };
        loss::great_objective(logits, said, one_hot, others) + against
    }

    /// Adds this step to the running sums; everything stays on the device.
    fn measure(&mut self, measured: Measured) {
        let (sums, steps) = self.sums.take().unzip();
        self.sums = Some((add_step(sums, measured), steps.unwrap_or(0) + 1));
    }
}

/// Directions uniform on the unit sphere, one a row, drawn on the host.
fn random_directions([n, k]: [usize; 2], random: &mut StdRng, device: &Device) -> Tensor<2> {
    let mut rows = Vec::with_capacity(n * k);
    for _ in 0..n {
        let row: Vec<f32> = (0..k).map(|_| StandardNormal.sample(random)).collect();
        let length = row.iter().map(|entry| entry * entry).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        rows.extend(row.iter().map(|entry| entry / length));
    }
    Tensor::from_data(TensorData::new(rows, [n, k]), device)
}

impl Scenario for Defense {
    fn step(&mut self, step: u64, hyper: &Hyper, players: Players) {
        let (augmentation, seed) = (self.setup.augmented(), self.setup.seed);
        self.main.begin_step(seed, step);
        let batch = self.train.take(&augmentation::draw(augmentation, self.order.indices(step), seed, step));
        let batch = self.noisy(batch, step, hyper);
        let told = self.told(&batch, step, hyper);
        self.control.begin_step(hyper);
        let alpha = played(&self.setup, hyper, (step, players), &self.control);
        let forward = self.forward(&batch, step, hyper, alpha);
        let factor = schedule(self.setup.schedule, step, self.setup.steps);
        let reading = Reading::of(hyper, &self.setup, step);
        let scaled = forward.scaled.clone().without_autodiff();

        let before = auxiliary_turns(players, hyper, factor, |rates| {
            self.auxiliary_step(&reading.noisy(scaled.clone()), &told, rates)
        });
        let auxiliary_logits = before
            .unwrap_or_else(|| self.auxiliary.network.logits(&self.auxiliary.weights, reading.noisy(scaled)));
        if is_watched(hyper, players) {
            let (_, right) = verdict::right(auxiliary_logits.clone(), &batch.one_hot);
            self.control.watch(right, auxiliary_logits.dims()[0]);
        }
        self.measure(Measured {
            logits: forward.logits.clone().without_autodiff(),
            auxiliary_logits,
            one_hot: batch.one_hot.clone(),
            gradient: forward.gradient.clone().without_autodiff(),
        });
        if players != Players::Auxiliary {
            let rates = Player::rates(hyper, factor);
            self.main_step(forward, (&batch, &told), (hyper, &reading), alpha, rates);
        }
    }

    fn take_measures(&mut self) -> Option<PendingMeasures> {
        let (sums, steps) = self.sums.take()?;
        let batch_size = self.setup.batch_size.min(self.train.len());
        let gradient_tensors = batch_size * self.auxiliary.network.places();
        Some(PendingMeasures { sums, steps, batch_size, gradient_tensors })
    }

    fn gradient_tensors(&self, of: Part, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        let images = self.images(of);
        let batch = images.gather(indices);
        let channel = Channel::of(hyper, self.setup.batch_size);
        let (network, weights) = (&self.main.network, &self.main.weights);
        let of = |channel: &Channel| {
            channel.gradient((network, weights), batch.images.clone(), batch.one_hot.clone())
        };
        let (gradients, logits) = of(&channel);
        let loss_gradients = channel.of_loss().map(|channel| of(&channel).0);
        let read = channel.looked_at(gradients.clone());
        let said = self.auxiliary.network.logits(&self.auxiliary.weights, read);
        let auxiliary_logits = verdict::of_tensors(said, indices.len());
        GradientTensors {
            images: batch.images,
            one_hot: batch.one_hot,
            logits,
            teacher_logits: None,
            before: None,
            gradients,
            loss_gradients,
            origins: indices.iter().map(|index| images.labels()[*index as usize]).collect(),
            auxiliary_logits,
        }
    }

    fn says_of(&self, scaled: Tensor<4>) -> Option<Tensor<2>> {
        let tensors = scaled.dims()[0];
        let said = self.auxiliary.network.logits(&self.auxiliary.weights, scaled);
        Some(verdict::of_tensors(said, tensors))
    }

    fn main(&self) -> &Player {
        &self.main
    }

    fn auxiliary(&self) -> &Player {
        &self.auxiliary
    }

    fn controller(&mut self) -> &mut Controller {
        &mut self.control
    }

    fn train(&self) -> &DeviceImages {
        &self.train
    }

    fn held_out(&self) -> &DeviceImages {
        &self.held_out
    }

    fn state(&self) -> State {
        State {
            sums: self.sums.clone().map(Sums::whole),
            draws: self.main.drawn().collect(),
            control: self.control.clone(),
            ..State::new(self.main.optimizer.clone(), self.auxiliary.optimizer.clone())
        }
    }

    fn restore(&mut self, state: State) {
        self.main.restore(state.main);
        self.auxiliary.restore(state.auxiliary);
        self.control = state.control;
        self.sums = state.sums.and_then(Sums::into_whole);
        self.main.go_on_drawing(&mut state.draws.into_iter());
    }

    fn copy(&self) -> Box<dyn Scenario> {
        Box::new(self.clone())
    }
}
