//! Networks as ONNX files: written for other tools (opset 17), and read from them (opsets 11 to 23).

mod proto;
mod read;
mod rewrite;
mod write;

pub use read::{Imported, ReadError, Siblings, read, read_again, whole};
pub use rewrite::rewrite;
pub use write::{About, CLASSES, OnnxError, write};
