//! ONNX files as networks of the lab's own, which can be differentiated twice.

mod builder;
mod constants;
mod error;
mod file;
#[cfg(test)]
mod node_tests;
mod operators;
mod whole;
mod windows;

pub use builder::Origin;
pub use constants::Siblings;
pub use error::ReadError;
pub use file::{Imported, has_channels_first, read, read_again, sizes};
pub use operators::BATCH_NORM_EPSILON;
pub use whole::whole;
