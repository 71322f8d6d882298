//! The gradient tensors of each class: how their entries are distributed, and whether the classes differ at all.

mod histogram;
mod pane;

pub use pane::Gradients;
