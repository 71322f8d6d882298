//! Why a run cannot be gone on with, each with what is to be done.

use std::path::PathBuf;

use crate::runs::writer::EarlierError;
use crate::train::checkpoint::{Checkpoint, CheckpointError};

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum GoingOnError {
    /// There is no such folder.
    #[error("there is no run at {}", .0.display())]
    Nowhere(PathBuf),
    /// The folder has no checkpoint.
    #[error(
        "{} has no {}, so there is nothing to go on from; a run leaves its first one after a second of training, or as --checkpoint-every says",
        .0.display(),
        Checkpoint::FILE
    )]
    NoCheckpoint(PathBuf),
    /// Its checkpoint cannot be used.
    #[error("{}: {source}", path.display())]
    Checkpoint {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// Its tables or its record cannot be used.
    #[error(transparent)]
    Earlier(#[from] EarlierError),
    /// It is trained by another command.
    #[error("the run at {} is of the scenario {scenario}: great-lab {command}", path.display())]
    OtherScenario {
        /// Which.
        path: PathBuf,
        /// What it is.
        scenario: &'static str,
        /// What to type.
        command: String,
    },
    /// A knob was set that is fixed.
    #[error(
        "{flag}: {knob} is {value} in this run and fixed from its start to its end; leave the flag out, or begin a new run"
    )]
    Fixed {
        /// The flag, as it was typed.
        flag: String,
        /// Which knob.
        knob: &'static str,
        /// Its value.
        value: String,
    },
    /// The run would end before it began, or sooner than it was meant to.
    #[error("{flag}: this run has {steps} steps, and may be given more, but not fewer")]
    Fewer {
        /// The flag, as it was typed.
        flag: String,
        /// What it has.
        steps: u64,
    },
    /// A fork would have no step to take.
    #[error("the run at {} has done all of its {steps} steps: give the fork more (--steps)", path.display())]
    NoSteps {
        /// Which.
        path: PathBuf,
        /// What it has.
        steps: u64,
    },
    /// The run has no checkpoint of that step.
    #[error(
        "the run at {} has no checkpoint of step {wanted}; fork it where there is one: --fork {}@{}",
        path.display(),
        path.display(),
        found.iter().map(u64::to_string).collect::<Vec<_>>().join(", @")
    )]
    OtherStep {
        /// Which.
        path: PathBuf,
        /// Of the checkpoints that are there.
        found: Vec<u64>,
        /// What was asked for.
        wanted: u64,
    },
}
