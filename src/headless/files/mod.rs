//! What a command leaves behind: the run folder, and the tables and charts in it.

pub mod charts;
mod fonts;
mod legend;
mod paint;
pub mod rescue;
pub mod run_folder;
pub mod sheet;
pub mod tables;
pub mod write;
