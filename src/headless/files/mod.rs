//! What a command leaves behind: the run folder, and the tables and charts in it.

pub mod charts;
mod fonts;
mod legend;
mod paint;
pub mod planes;
pub mod sheet;
