//! What is read of a run that somebody passed on.

#[path = "../../src/runs/bundle.rs"]
pub mod bundle;

#[path = "../../src/runs/recording/mod.rs"]
pub mod recording;

#[path = "../../src/runs/spacing.rs"]
mod spacing;
