//! What the auxiliary network reads: its accuracy over the run, and what it takes for what.

mod confusion;
mod pane;

pub use pane::Discriminator;
