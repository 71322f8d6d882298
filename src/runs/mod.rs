//! What is kept of runs: what a run consists of (its folder, its record, its tables, the recording of its events, its
//! checkpoints), what writes it, and the library in which the runs of the window lie.

pub mod bundle;
pub mod checkpoints;
pub mod comparison;
pub mod keeper;
mod label;
pub mod librarian;
pub mod library;
pub mod lock;
pub mod record;
pub mod recording;
pub mod rescue;
pub mod run_folder;
mod spacing;
mod summary;
pub mod tables;
pub mod write;
pub mod writer;

pub use label::{Label, LabelError};
pub use library::Library;
pub use summary::{Difference, Summary};
