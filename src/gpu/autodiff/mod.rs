//! Derivatives of operations that are linear, and of weights that several operations read.

mod affine;
mod bilinear;
mod shared;

pub(in crate::gpu) use affine::Affine;
pub(in crate::gpu) use bilinear::{Bilinear, ToRight};
pub use shared::{Contributions, Parts, Share, Shared, SharedWeights};
