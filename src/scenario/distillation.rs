//! Distillation: a student's gradient tensors must look like its teacher's. Algorithms, section 2.

#![deny(clippy::wildcard_enum_match_arm)]

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    augmentation,
    controller::Controller,
    images::upload,
    interface::{GradientTensors, Part, Scenario, State},
    measures::{PendingMeasures, Sums},
    player::{Player, auxiliary_network, auxiliary_turns, is_watched, played, schedule},
    teacher::{Preparation, Teacher},
};
use crate::{
    config::{Hyper, Players, Setup, Stream},
    data::{BatchOrder, Dataset, stratified_subset},
    gpu::{
        hits,
        images::{Batch, DeviceImages},
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

/// Where a gradient tensor comes from, in the order of the auxiliary network's confusion.
pub const ORIGINS: [&str; 2] = ["student", "teacher"];

/// The scenario. The main network is the student.
#[derive(Clone)]
pub struct Distillation {
    setup: Setup,
    /// The student's share.
    train: DeviceImages,
    held_out: DeviceImages,
    order: BatchOrder,
    student: Player,
    auxiliary: Player,
    teacher: Teacher,
    control: Controller,
    sums: Option<(Tensor<1>, u64)>,
}

/// A step's gradient tensors and what they came with, before any weight changed.
struct Forward {
    /// Leaves of this step's graph.
    theta: Weights,
    /// The student's logits, in that graph.
    logits: Tensor<2>,
    /// Of those logits.
    tapes: Vec<Tape>,
    /// The student's, in that graph where its loss needs the derivative.
    gradient: Tensor<4>,
    teacher_gradient: Tensor<4>,
    teacher_logits: Tensor<2>,
}

impl Distillation {
    /// Student and auxiliary network with first weights from the setup's seed, and the data on `device`.
    /// `trained` is a teacher that needs no training: its network and weights.
    pub fn new(
        setup: &Setup,
        data: &Dataset,
        statistics: &Statistics,
        trained: Option<(Network, Vec<Vec<f32>>)>,
        device: &Device,
    ) -> Self {
        let interface = Interface { image: data.shape, classes: data.classes.len() };
        let network =
            Network::main(setup.architecture(), interface.clone(), statistics).behind_input_of(setup);
        let auxiliary = auxiliary_network(setup, interface.clone());
        let share =
            stratified_subset(&data.train.labels, setup.fraction, Stream::StudentShare.of(setup.seed));
        let teacher = match trained {
            Some((network, weights)) => Teacher::trained(network, &weights, setup, device),
            None => {
                Teacher::untrained(setup, upload(&data.train, data, device), interface, statistics, device)
            }
        };
        Self {
            train: upload(&data.train.select(&share), data, device),
            held_out: upload(&data.test, data, device),
            order: BatchOrder::new(share.len(), setup.batch_size, setup.seed),
            student: Player::new(network, setup, setup.seed, device).in_precision(setup.precision),
            auxiliary: Player::new(auxiliary, setup, Stream::Auxiliary.of(setup.seed), device),
            teacher,
            setup: setup.clone(),
            control: Controller::default(),
            sums: None,
        }
    }

    /// The same with a student that somebody else trained, and these first weights of it.
    #[must_use]
    pub fn beginning_with(mut self, network: Network, values: &[Vec<f32>], device: &Device) -> Self {
        let network = network.behind_input_of(&self.setup);
        let player = Player::beginning_with(network, values, &self.setup, device);
        self.student = player.in_precision(self.setup.precision);
        self
    }

    /// `alpha` is the ramped weight, 0 where the method does not use it.
    fn forward(&self, batch: &Batch, alpha: f64, reading: &Reading) -> Forward {
        let network = &self.student.training;
        let theta = self.student.weights.tracked();
        let (logits, tapes) = network.forward(&theta, batch.images.clone());
        let gradient = if alpha > 0.0 {
            let cotangent = reading.channel.cotangent(logits.clone(), batch.one_hot.clone());
            network.input_vjp(tapes.clone(), cotangent)
        } else {
            let logits = logits.clone().without_autodiff();
            let cotangent = reading.channel.cotangent(logits, batch.one_hot.clone());
            let tapes = tapes.iter().cloned().map(Tape::untracked).collect();
            network.input_vjp(tapes, cotangent)
        };
        let teacher = (&self.teacher.player().network, self.teacher.weights());
        let (images, one_hot) = (batch.images.clone(), batch.one_hot.clone());
        let (teacher_gradient, teacher_logits) = reading.channel.gradient(teacher, images, one_hot);
        Forward { theta, logits, tapes, gradient, teacher_gradient, teacher_logits }
    }

    /// What the auxiliary network with weights `phi` says of normalised gradient tensors `[M, C, H, W]`: a column for
    /// each of [`ORIGINS`], the student's 0, so that their cross-entropy is the binary one of the network's output.
    fn read(&self, phi: &Weights, normalized: Tensor<4>) -> Tensor<2> {
        let said = self.auxiliary.network.logits(phi, normalized);
        Tensor::cat(vec![said.zeros_like(), said], 1)
    }

    /// One step of the auxiliary network on the gradient tensors of both networks; its logits before the step.
    fn auxiliary_step(&mut self, normalized: &Tensor<4>, origins: &Tensor<2>, rates: Rates) -> Tensor<2> {
        let phi = self.auxiliary.weights.tracked();
        let logits = self.read(&phi, normalized.clone());
        // Twice the mean over both networks' tensors is the sum of the two means.
        let objective = verdict::cross_entropy(logits.clone(), origins) * 2.0;
        self.auxiliary.descend(&phi, objective, origins.dims()[0], rates);
        logits.without_autodiff()
    }

    /// What the student is to minimise, but for the adversary's part.
    fn task(&self, forward: &Forward, batch: &Batch, hyper: &Hyper) -> Tensor<1> {
        let row = self.setup.method.row();
        let mut task = loss::cross_entropy(forward.logits.clone(), batch.one_hot.clone());
        if row.soft_targets {
            let teacher = forward.teacher_logits.clone();
            let soft = loss::soft_targets(forward.logits.clone(), teacher.autodiff(), hyper.temperature);
            task = task * hyper.cross_entropy_weight + soft * hyper.soft_target_weight;
        }
        if row.matches_jacobian {
            let label = batch.one_hot.clone();
            let (student, teacher) = (&self.student.training, &self.teacher.player().network);
            let own = student.input_vjp(forward.tapes.clone(), label.clone().autodiff());
            let (_, tapes) = teacher.forward(self.teacher.weights(), batch.images.clone());
            let wanted = teacher.input_vjp(tapes, label);
            task = task + loss::direction_distance(own, wanted.autodiff()) * hyper.jacobian_matching_weight;
        }
        task
    }

    /// One step of the student against the auxiliary network as it stands.
    fn student_step(
        &mut self,
        forward: Forward,
        batch: &Batch,
        (hyper, reading): (&Hyper, &Reading),
        alpha: f64,
        rates: Rates,
    ) {
        let mut objective = self.task(&forward, batch, hyper);
        if alpha > 0.0 {
            let read = reading.noisy(reading.scaled(forward.gradient));
            let said = self.read(&self.auxiliary.weights, read);
            let [n, _] = said.dims();
            let teachers = origins(0, n, &batch.images.device());
            objective = objective * (1.0 - alpha) + loss::cross_entropy(said, teachers) * alpha;
        }
        let images = batch.one_hot.dims()[0];
        self.student.descend_clipped(&forward.theta, objective, images, rates, hyper.gradient_clip);
    }

    /// Adds a step to the running sums, which stay on the device: those that [`PendingMeasures`] names.
    fn measure(
        &mut self,
        logits: Tensor<2>,
        batch: &Batch,
        gradient: Tensor<4>,
        said: (Tensor<2>, Tensor<2>),
    ) {
        let (auxiliary_logits, origins) = said;
        // Of each network.
        let n = auxiliary_logits.dims()[0] / 2;
        let right = hits(logits.clone(), batch.one_hot.clone()).count;
        let loss = loss::cross_entropy(logits, batch.one_hot.clone());
        let of_origin = verdict::right(auxiliary_logits.clone(), &origins).0.reshape([2, n]).sum_dim(1);
        let (students, teachers) =
            (of_origin.clone().narrow(0, 0, 1).reshape([1]), of_origin.narrow(0, 1, 1).reshape([1]));
        let wrong = |right: &Tensor<1>| -right.clone() + n as f64;
        let own = Tensor::cat(
            vec![
                loss,
                right,
                verdict::cross_entropy(auxiliary_logits, &origins),
                students.clone() + teachers.clone(),
                (gradient.clone() * gradient).mean(),
                students.clone(),
                wrong(&students),
                wrong(&teachers),
                teachers,
            ],
            0,
        );
        let (sums, steps) = self.sums.take().unzip();
        self.sums = Some((sums.map_or(own.clone(), |sums| sums + own), steps.unwrap_or(0) + 1));
    }
}

/// One-hot rows `[students + teachers, 2]`: the number of gradient tensors of each network.
fn origins(students: usize, teachers: usize, device: &Device) -> Tensor<2> {
    let rows = [[1f32, 0.0].repeat(students), [0f32, 1.0].repeat(teachers)].concat();
    Tensor::from_data(TensorData::new(rows, [students + teachers, 2]), &device.clone().without_autodiff())
}

impl Scenario for Distillation {
    fn preparation(&self) -> Option<Preparation> {
        self.teacher.preparation()
    }

    fn prepare(&mut self, hyper: &Hyper) {
        self.teacher.step(&self.setup, hyper);
    }

    fn step(&mut self, step: u64, hyper: &Hyper, players: Players) {
        let (augmentation, seed, steps) = (self.setup.augmented(), self.setup.seed, self.setup.steps);
        self.student.begin_step(seed, step);
        self.teacher.player().begin_step(Stream::Teacher.of(seed), step);
        let batch = self.train.take(&augmentation::draw(augmentation, self.order.indices(step), seed, step));
        self.control.begin_step(hyper);
        let alpha = played(&self.setup, hyper, (step, players), &self.control);
        let reading = Reading::of(hyper, &self.setup, step);
        let forward = self.forward(&batch, alpha, &reading);
        let factor = schedule(self.setup.schedule, step, steps);
        let n = batch.images.dims()[0];
        let gradient = forward.gradient.clone().without_autodiff();
        let both = Tensor::cat(vec![gradient.clone(), forward.teacher_gradient.clone()], 0);
        let scaled = reading.scaled(both);
        let origins = origins(n, n, &batch.images.device());

        let before = auxiliary_turns(players, hyper, factor, |rates| {
            self.auxiliary_step(&reading.noisy(scaled.clone()), &origins, rates)
        });
        let said = before.unwrap_or_else(|| self.read(&self.auxiliary.weights, reading.noisy(scaled)));
        if is_watched(hyper, players) {
            self.control.watch(verdict::right(said.clone(), &origins).1, said.dims()[0]);
        }
        self.measure(forward.logits.clone().without_autodiff(), &batch, gradient, (said, origins));
        if players != Players::Auxiliary {
            let rates = Player::rates(hyper, factor);
            self.student_step(forward, &batch, (hyper, &reading), alpha, rates);
        }
    }

    fn take_measures(&mut self) -> Option<PendingMeasures> {
        let Some((sums, steps)) = self.sums.take() else {
            return self.teacher.take_measures(ORIGINS.len());
        };
        let batch_size = self.order.batch_size();
        let gradient_tensors = ORIGINS.len() * batch_size * self.auxiliary.network.places();
        Some(PendingMeasures { sums, steps, batch_size, gradient_tensors })
    }

    fn gradient_tensors(&self, of: Part, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        let batch = self.images(of).gather(indices);
        let channel = Channel::of(hyper, self.setup.batch_size);
        let of = |player: &Player, channel: &Channel| {
            let player = (&player.network, &player.weights);
            channel.gradient(player, batch.images.clone(), batch.one_hot.clone())
        };
        let (gradient, logits) = of(&self.student, &channel);
        let loss_gradients = channel.of_loss().map(|channel| of(&self.student, &channel).0);
        let (teacher_gradient, teacher_logits) = of(self.teacher.player(), &channel);
        let gradients = Tensor::cat(vec![gradient, teacher_gradient], 0);
        let read = channel.looked_at(gradients.clone());
        GradientTensors {
            auxiliary_logits: verdict::of_tensors(
                self.read(&self.auxiliary.weights, read),
                2 * indices.len(),
            ),
            images: batch.images,
            one_hot: batch.one_hot,
            logits,
            teacher_logits: Some(teacher_logits),
            gradients,
            loss_gradients,
            before: None,
            origins: [vec![0; indices.len()], vec![1; indices.len()]].concat(),
        }
    }

    fn says_of(&self, scaled: Tensor<4>) -> Option<Tensor<2>> {
        let tensors = scaled.dims()[0];
        Some(verdict::of_tensors(self.read(&self.auxiliary.weights, scaled), tensors))
    }

    fn main(&self) -> &Player {
        &self.student
    }

    fn auxiliary(&self) -> &Player {
        &self.auxiliary
    }

    fn teacher(&self) -> Option<&Player> {
        Some(self.teacher.player())
    }

    fn origins(&self, _classes: &[String]) -> Vec<String> {
        ORIGINS.map(String::from).to_vec()
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
            teacher: Some(self.teacher.player().optimizer.clone()),
            control: self.control.clone(),
            // The student takes its first step when all of the teacher's have been told.
            sums: self.sums.clone().map(Sums::whole).or_else(|| self.teacher.sums()),
            draws: self.student.drawn().chain(self.teacher.player().drawn()).collect(),
            ..State::new(self.student.optimizer.clone(), self.auxiliary.optimizer.clone())
        }
    }

    fn restore(&mut self, state: State) {
        self.student.restore(state.main);
        self.auxiliary.restore(state.auxiliary);
        self.control = state.control;
        if let Some(teacher) = state.teacher {
            self.teacher.restore(teacher);
        }
        let of_teacher = self.teacher.preparation().is_some();
        let (own, teachers) = if of_teacher { (None, state.sums) } else { (state.sums, None) };
        self.sums = own.and_then(Sums::into_whole);
        self.teacher.restore_sums(teachers);
        let mut drawn = state.draws.into_iter();
        self.student.go_on_drawing(&mut drawn);
        self.teacher.player().go_on_drawing(&mut drawn);
    }

    fn copy(&self) -> Box<dyn Scenario> {
        Box::new(self.clone())
    }
}
