//! ONNX files as networks of the lab's own, which can be differentiated twice.

mod builder;
mod constants;
mod error;
mod file;
#[cfg(test)]
mod node_tests;
mod operators;
mod windows;

pub use constants::Siblings;
pub use error::ReadError;
pub use file::{Imported, read};
