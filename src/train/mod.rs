//! The loop (nothing else loops), and checkpoints.

pub mod assessment;
mod assessments;
pub mod benchmark;
pub mod checkpoint;
mod measure;
pub mod places;
mod probe;
mod readings;
pub mod saturation;
mod session;
mod surrogate;
mod teacher;
mod trainer;

pub use surrogate::Surrogate;

use crate::{
    config::Config,
    gpu::Opened,
    platform,
    protocol::{Delivery, Remote, connect},
};

use trainer::Trainer;

/// Starts a trainer of `config` on an opened device, on a thread of its own, and gives the end to talk to it.
///
/// It answers with `Started` and `State(Paused)` when the run is set up, or with `Failed`; it ends with
/// `Command::Quit` or when the remote end is dropped.
///
/// # Errors
/// Where the operating system gives no thread.
pub fn spawn(config: Config, opened: &Opened, delivery: Delivery) -> std::io::Result<Remote> {
    let (remote, local) = connect(config.hyper, delivery);
    let (device, info) = (opened.device.clone(), opened.info.clone());
    platform::spawn("trainer", move || Trainer::new(local, device, info).run(config))?;
    Ok(remote)
}
