//! The networks of a multi-task run, and what its method keeps beside them.

use crate::config::{MultitaskMethod, Setup};
use crate::nn::{
    MultitaskNetwork, Network,
    multitask::MultitaskInterface,
    network::{Interface, Statistics},
};

/// The network of a run of `setup` on such images, for tasks of these names and outputs.
pub fn network(
    setup: &Setup,
    interface: &Interface,
    statistics: &Statistics,
    tasks: &[(String, usize)],
) -> MultitaskNetwork {
    let interface = MultitaskInterface {
        image: interface.image,
        tasks: tasks.to_vec(),
        apart: setup.multitask_method == MultitaskMethod::SingleTask,
    };
    MultitaskNetwork::new(setup.architecture(), &interface, statistics)
}

/// The auxiliary network of such a run: it reads gradients at the shared representation, and says whose task's.
pub fn discriminator(setup: &Setup, network: &MultitaskNetwork) -> Network {
    let interface = Interface { image: network.representation, classes: network.decoders.len() };
    Network::auxiliary(setup.auxiliary_network, setup.auxiliary_width, interface)
}

/// Names and shapes of what [`State::balance`](crate::scenario::State::balance) holds.
pub fn balance_specs(network: &MultitaskNetwork, tasks: &[(String, usize)]) -> Vec<(String, Vec<usize>)> {
    let layers = tasks.iter().map(|(task, _)| (format!("alignment.{task}"), network.representation.to_vec()));
    let vectors = ["log_variances", "task_weights", "first_losses"];
    layers.chain(vectors.map(|name| (name.to_owned(), vec![tasks.len()]))).collect()
}
