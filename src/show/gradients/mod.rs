//! What a run's gradient tensors look like: how their entries are distributed, and what is left of them.

mod entries;
pub mod probe;
pub mod saturation;

pub use entries::gradients;
