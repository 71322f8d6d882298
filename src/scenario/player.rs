//! A network that learns: its weights, its optimiser, and how far each of its steps goes.

use burn::tensor::{Device, Tensor};

use super::controller::Controller;
use crate::{
    config::{Hyper, Players, Precision, ScenarioKind, Schedule, Setup, Stream},
    nn::{Drawn, Network, Optimizer, Weights, network::Interface, optimizer::Rates, weights::first_values},
};

/// A network with its weights and its optimiser.
#[derive(Clone, Debug)]
pub struct Player {
    /// Its layers.
    pub network: Network,
    /// The same in the precision that it is trained in.
    pub(super) training: Network,
    /// Its weights, outside every autodiff graph.
    pub weights: Weights,
    /// Its optimiser.
    pub optimizer: Optimizer,
}

impl Player {
    /// A player with first weights from `seed`.
    pub(super) fn new(network: Network, setup: &Setup, seed: u64, device: &Device) -> Self {
        let values = first_values(&network.specs, seed);
        Self::beginning_with(network, &values, setup, device)
    }

    /// A player with these first weights.
    pub(super) fn beginning_with(
        network: Network,
        values: &[Vec<f32>],
        setup: &Setup,
        device: &Device,
    ) -> Self {
        let optimizer = Optimizer::of(setup.optimizer, &network.specs, values, device);
        Self::resumed(network, optimizer)
    }

    /// A player whose optimiser stands there.
    pub(super) fn resumed(network: Network, optimizer: Optimizer) -> Self {
        Self { training: network.clone(), network, weights: optimizer.weights(), optimizer }
    }

    /// The same, trained in that precision.
    pub(super) fn in_precision(mut self, precision: Precision) -> Self {
        self.training = self.network.clone().in_precision(precision);
        self
    }

    /// What the network itself draws is the noise of training step `step` from here on.
    pub(super) fn begin_step(&self, seed: u64, step: u64) {
        let stream = Stream::NetworkNoise.of(seed) ^ step.rotate_left(32);
        // What attacks in training meet, and what is learned from.
        for (network, number) in [(&self.network, 0), (&self.training, 1)] {
            network.draws().into_iter().for_each(|draws| draws.restart(stream ^ number));
        }
    }

    /// Where what the network itself draws stands, as it is played with and as it is trained.
    pub(super) fn drawn(&self) -> impl Iterator<Item = Drawn> {
        [&self.network, &self.training].into_iter().filter_map(|network| Some(network.draws()?.drawn()))
    }

    /// Goes on drawing from where `drawn` says; what is left of it is of other networks.
    pub(super) fn go_on_drawing(&self, drawn: &mut impl Iterator<Item = Drawn>) {
        for draws in [&self.network, &self.training].into_iter().filter_map(Network::draws) {
            drawn.next().into_iter().for_each(|drawn| draws.go_on(drawn));
        }
    }

    /// What the optimiser of a network that learns the task itself is told, at `factor` of the learning rate.
    pub(super) fn rates(hyper: &Hyper, factor: f64) -> Rates {
        Rates {
            learning_rate: hyper.learning_rate * factor,
            weight_decay: hyper.weight_decay,
            momentum: hyper.momentum,
        }
    }

    /// One step of the optimiser down `objective`, a mean over `images` images, in the graph of the leaves `theta`.
    pub(super) fn descend(&mut self, theta: &Weights, objective: Tensor<1>, images: usize, rates: Rates) {
        self.descend_clipped(theta, objective, images, rates, 0.0);
    }

    /// The same along a gradient whose norm is at most `longest`; 0: as long as it is.
    pub(super) fn descend_clipped(
        &mut self,
        theta: &Weights,
        objective: Tensor<1>,
        images: usize,
        rates: Rates,
        longest: f64,
    ) {
        let scale = self.training.loss_scale(images);
        let scaled = if scale == 1.0 { objective } else { objective * scale };
        let gradients = theta.gradients(&mut scaled.backward()).of_learned(&self.network.specs);
        let gradients = if longest > 0.0 { gradients.clipped(longest * scale) } else { gradients };
        self.optimizer.step_scaled(&gradients, scale, rates);
        self.weights = self.optimizer.weights();
    }

    /// One step of the optimiser.
    pub(super) fn update(&mut self, gradients: Weights, rates: Rates) {
        self.optimizer.step(&gradients, rates);
        self.weights = self.optimizer.weights();
    }

    /// Goes on from where `optimizer` stands.
    pub(super) fn restore(&mut self, optimizer: Optimizer) {
        self.weights = optimizer.weights();
        self.optimizer = optimizer;
    }
}

/// The auxiliary network of a run on such images: an output for each class, or in a distillation one, which says how
/// much more a gradient tensor looks like the teacher's.
pub fn auxiliary_network(setup: &Setup, interface: Interface) -> Network {
    let classes = match setup.scenario {
        // The discriminator of tasks reads another thing: `multitask::discriminator`.
        ScenarioKind::Defense | ScenarioKind::Multitask => interface.classes,
        ScenarioKind::Distillation => 1,
    };
    Network::auxiliary(setup.auxiliary_network, setup.auxiliary_width, Interface { classes, ..interface })
}

/// Weight α with which the main network plays at `step`, as its controller turns it: 0 where the auxiliary one plays alone.
pub(super) fn played(
    setup: &Setup,
    hyper: &Hyper,
    (step, players): (u64, Players),
    control: &Controller,
) -> f64 {
    if players == Players::Auxiliary {
        return 0.0;
    }
    let (_, most) = setup.adversary(hyper, step);
    control.turned(setup.alpha_played(hyper, step), most)
}

/// Whether the controller takes note of such a step.
pub(super) fn is_watched(hyper: &Hyper, players: Players) -> bool {
    hyper.alpha_target > 0.0 && players == Players::Both
}

/// Factor on both learning rates at `step` of `steps`.
pub(super) fn schedule(kind: Schedule, step: u64, steps: u64) -> f64 {
    match kind {
        Schedule::Constant => 1.0,
        Schedule::Cosine => {
            let done = (step as f64 / steps as f64).min(1.0);
            0.5 * (1.0 + (std::f64::consts::PI * done).cos())
        }
    }
}

/// The steps of the auxiliary network within a training step, at `factor` of its learning rate: `turn` takes one of them
/// and says what the network answered before it. What it answered before the first; None where it takes none.
pub(super) fn auxiliary_turns(
    players: Players,
    hyper: &Hyper,
    factor: f64,
    mut turn: impl FnMut(Rates) -> Tensor<2>,
) -> Option<Tensor<2>> {
    if players == Players::Main {
        return None;
    }
    let learning_rate = hyper.auxiliary_learning_rate * factor;
    let rates = Rates { learning_rate, weight_decay: 0.0, momentum: hyper.momentum };
    let mut first = None;
    for _ in 0..hyper.auxiliary_steps {
        let logits = turn(rates);
        first.get_or_insert(logits);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_auxiliary_network_takes_its_turns_unless_the_main_one_plays_alone() {
        let hyper =
            Hyper { auxiliary_steps: 3, auxiliary_learning_rate: 0.5, momentum: 0.75, ..Hyper::default() };
        for (players, turns) in [(Players::Auxiliary, 3), (Players::Main, 0), (Players::Both, 3)] {
            let mut taken = Vec::new();
            let first = auxiliary_turns(players, &hyper, 0.5, |rates| {
                taken.push(rates);
                Tensor::zeros([taken.len(), 1], &Device::flex())
            });
            assert_eq!(first.map(|logits| logits.dims()[0]), (turns > 0).then_some(1), "what it said first");
            let rates = Rates { learning_rate: 0.25, weight_decay: 0.0, momentum: 0.75 };
            assert_eq!(taken, vec![rates; turns]);
        }
    }

    #[test]
    fn a_schedule_begins_at_the_whole_rate_and_a_cosine_ends_at_none() {
        assert_eq!([0, 7, 100].map(|step| schedule(Schedule::Constant, step, 10)), [1.0; 3]);
        let [begin, middle, end, after] = [0, 5, 10, 11].map(|step| schedule(Schedule::Cosine, step, 10));
        assert!(begin == 1.0 && (middle - 0.5).abs() < 1e-12 && end.abs() < 1e-12 && after.abs() < 1e-12);
    }
}
