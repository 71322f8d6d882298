//! The runs that were kept: a list that is sorted, searched and changed, from which a run is opened.

mod columns;
mod list;
mod pane;
mod versus;

pub use pane::{NAME, RunsPane};
