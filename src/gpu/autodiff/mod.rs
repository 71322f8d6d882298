//! Derivatives of operations that are linear, and of weights that several operations read.

mod affine;
mod bilinear;
mod record;
mod shared;

pub(in crate::gpu) use affine::Affine;
pub(in crate::gpu) use bilinear::{Bilinear, ToRight};
pub(in crate::gpu) use record::record;
pub use shared::{Contributions, PartSums, Parts, Shared, SharedWeights};
