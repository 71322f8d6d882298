//! `great-lab runs`: the library in which the window keeps its runs, without the window.

mod deeds;
mod done;
mod list;

pub use deeds::{RunsOptions, library, runs};
