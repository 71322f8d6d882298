//! A few images: what is done to them, what the networks say, the gradient tensors of several runs side by side, and a picture of
//! somebody's own.

mod maps;
mod own;
mod pane;
mod says;

pub use pane::SamplesPane;
