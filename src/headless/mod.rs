//! The commands: what people type, and what comes back as an exit status and one line.

pub mod charts;
pub mod error;
mod figure;
#[cfg(test)]
mod fixtures;
pub mod interrupt;
pub mod options;
pub mod progress;
pub mod record;
pub mod run_folder;
pub mod tables;
pub mod train;
