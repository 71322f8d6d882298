//! The pane of a fork: how it differs from its parent on the same held-out images.

mod band;
mod pane;
mod rows;

pub use pane::{ForkPane, NAME};
