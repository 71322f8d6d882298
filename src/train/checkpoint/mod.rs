//! Checkpoints: a run's weights, optimiser state, step and config as one safetensors file.

mod error;
mod file;
mod header;

pub use error::{CheckpointError, Unfit};
pub use file::{Checkpoint, write};
pub use header::{Header, TeacherHeader};
