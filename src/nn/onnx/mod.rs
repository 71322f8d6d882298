//! Networks as ONNX files, which other tools read: opset 17.

mod proto;
mod write;

pub use write::{About, OnnxError, write};
