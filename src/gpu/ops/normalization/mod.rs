//! What networks read, at one scale: pixels channel by channel, and gradient tensors sample by sample.

pub mod gradients;
mod pixels;
#[cfg(test)]
mod tests;

pub use gradients::normalize_gradient;
pub use pixels::{normalize_pixels, normalize_pixels_vjp};

/// Every kernel's.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    [gradients::shaders(), pixels::shaders()].concat()
}
