//! A few images: what is done to them, what the networks say, and the gradient tensors of several runs side by side.

mod maps;
mod pane;

pub use pane::SamplesPane;
