//! Checkpoints: all that a run needs to go on, as one safetensors file.

mod error;
mod file;
mod header;
mod progress;
mod write;

pub use error::{CheckpointError, Unfit};
pub use file::Checkpoint;
pub use header::{Header, TeacherHeader, TeacherInput};
pub use progress::{Begun, Best, Rule, UnderWay};
pub use write::{is_finite, with_tables, write};
