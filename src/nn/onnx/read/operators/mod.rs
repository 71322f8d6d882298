//! ONNX's operators as nodes of a graph.

mod curves;
mod folded;
mod given;
mod learned;
mod moved;
mod smooth;
mod table;

pub use given::Given;
pub use learned::{BATCH_NORM_EPSILON, learned_inputs};
pub use table::{KNOWN, add};
