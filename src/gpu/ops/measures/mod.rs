//! What a network's answers amount to: of one batch, and of a training step.

mod hits;
mod step;
#[cfg(test)]
mod tests;

pub use hits::{Hits, HitsOfRows, hits};
pub use step::{Measured, Measures, SCALARS, add_measures};

/// Every kernel's.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    [hits::shaders(), step::shaders()].concat()
}
