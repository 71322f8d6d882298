//! What sets methods of multi-task learning apart, as tensor operations: algorithms, section 3.
//!
//! Every method reads the same thing, the gradients of the tasks' losses with respect to the shared representation
//! `s` `[N, C', H', W']`, and ends in one gradient for `s` and, where it has them, new weights of the tasks.

mod alignment;
mod balance;
mod errors;
mod figures;
mod gain;
mod game;
mod gradnorm;
mod pcgrad;
mod targets;
mod task;
mod uncertainty;

use crate::config::{MultitaskMethod, Setup};
use crate::nn::{
    MultitaskNetwork, Network,
    multitask::MultitaskInterface,
    network::{Interface, Statistics},
};

pub use alignment::Alignment;
pub use errors::{Figure, Unit};
pub use figures::{PendingFigures, TaskFigures, TaskSample};
pub use gain::{Metric, gain_by_task, loss_over_metrics};
pub use game::{Multitask, TaskError};
pub use gradnorm::{GRADNORM_ALPHA, gradnorm};
pub use pcgrad::{Compass, compass, conflict_orders, pcgrad};
pub use task::Task;
pub use uncertainty::{FIRST_LOG_VARIANCE, Uncertainty, uncertainty};

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
    MultitaskNetwork::new(setup.network, setup.width, setup.activation, &interface, statistics)
}

/// The auxiliary network of such a run: it reads gradients at the shared representation, and says whose task's.
pub fn discriminator(setup: &Setup, network: &MultitaskNetwork) -> Network {
    let interface = Interface { image: network.representation, classes: network.decoders.len() };
    Network::auxiliary(setup.auxiliary_width, interface)
}

/// Names and shapes of what [`super::State::balance`] holds.
pub fn balance_specs(network: &MultitaskNetwork, tasks: &[(String, usize)]) -> Vec<(String, Vec<usize>)> {
    let layers = tasks.iter().map(|(task, _)| (format!("alignment.{task}"), network.representation.to_vec()));
    let vectors = ["log_variances", "task_weights", "first_losses"];
    layers.chain(vectors.map(|name| (name.to_owned(), vec![tasks.len()]))).collect()
}
