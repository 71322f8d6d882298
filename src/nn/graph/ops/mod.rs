//! What nodes compute, each with its product back to what it reads.

mod curve;
pub mod einsum;
pub mod fold;
pub mod moves;
pub mod moving;
pub mod pair;
pub mod resize;
pub mod sizes;
pub mod window;

pub use curve::Curve;
