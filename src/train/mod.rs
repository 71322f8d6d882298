//! The loop (nothing else loops), and checkpoints.

pub mod assessment;
mod assessments;
pub mod benchmark;
pub mod checkpoint;
mod measure;
mod probe;
mod readings;
pub mod saturation;
mod session;
mod sources;
mod surrogate;
mod trainer;

pub use session::predicting::predict;
pub use sources::{part, places, proposal};
pub use surrogate::Surrogate;

use web_time::Duration;

use crate::{
    config::{Config, Hyper},
    gpu::Opened,
    platform,
    protocol::{Delivery, GoOn, Remote, RunId, connect},
};

use checkpoint::Checkpoint;
use trainer::{Beginning, Trainer};

/// Starts a trainer of `config` on an opened device, on a thread of its own, and gives the end to talk to it.
///
/// It answers with `Started` and `State(Paused)` when the run is set up, or with `Failed`; it ends with
/// `Command::Quit` or when the remote end is dropped.
///
/// # Errors
/// Where the operating system gives no thread.
pub fn spawn(config: Config, opened: &Opened, delivery: Delivery) -> std::io::Result<Remote> {
    start(config.hyper, Beginning::New(Box::new(config)), opened, delivery)
}

/// The same for a trainer that takes the place of one that is gone: `runs` numbers of runs are taken; with a kept run it goes
/// on with a copy of that one instead.
///
/// # Errors
/// As [`spawn`].
pub fn stand_in(
    config: Config,
    (runs, go_on): (RunId, Option<GoOn>),
    opened: &Opened,
    delivery: Delivery,
) -> std::io::Result<Remote> {
    let hyper = config.hyper;
    let beginning = match go_on {
        Some(kept) => Beginning::Kept(Box::new(kept), runs),
        None => Beginning::Later(Box::new(config), runs),
    };
    start(hyper, beginning, opened, delivery)
}

/// The same for the run of a checkpoint, which has been trained for that long: it goes on with the knobs and the steps that
/// stand in the checkpoint's header, as if it had never ended.
///
/// # Errors
/// As [`spawn`].
pub fn go_on(
    checkpoint: Checkpoint,
    trained: Duration,
    opened: &Opened,
    delivery: Delivery,
) -> std::io::Result<Remote> {
    let hyper = checkpoint.header.config.hyper;
    start(hyper, Beginning::Resumed(Box::new(checkpoint), trained), opened, delivery)
}

fn start(hyper: Hyper, beginning: Beginning, opened: &Opened, delivery: Delivery) -> std::io::Result<Remote> {
    let (remote, local) = connect(hyper, delivery);
    let (device, info) = (opened.device.clone(), opened.info.clone());
    platform::spawn("trainer", move || Trainer::new(local, device, info).run(beginning))?;
    Ok(remote)
}
