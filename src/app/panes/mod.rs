//! The panes.

pub mod audit;
pub mod compass;
pub mod curves;
pub mod discriminator;
pub mod fooled;
pub mod game;
pub mod gradients;
pub mod knobs;
pub mod robustness;
pub mod samples;
pub mod tasks;
