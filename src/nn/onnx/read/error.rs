//! Why a file is no network that the lab can run.

use crate::nn::graph::{GraphError, Problem};

/// Why an ONNX file cannot be opened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// It is damaged, cut, or something else.
    #[error(
        "it is no whole ONNX file: {0}; write it with torch.onnx.export or another exporter, or copy it again"
    )]
    Format(String),
    /// Operators of a version that is not read.
    #[error(
        "its operators are of opset {opset}, and {first} to {last} are read: write it with opset_version=17"
    )]
    Opset {
        /// Which it has.
        opset: i64,
        /// The first that is read.
        first: i64,
        /// And the last.
        last: i64,
    },
    /// Operators that the lab does not know.
    #[error(
        "the lab does not know {}; write the network without it (docs/own-networks.md lists what is read)",
        .0.join(", ")
    )]
    Operators(Vec<String>),
    /// A node with which something is wrong.
    #[error("node {node}: {problem}")]
    Node {
        /// Its name and operator.
        node: String,
        /// What.
        problem: Problem,
    },
    /// A constant with which something is wrong.
    #[error("the constant {name}: {problem}")]
    Constant {
        /// Its name.
        name: String,
        /// What.
        problem: Problem,
    },
    /// What goes in or comes out is not what a classifier of images has.
    #[error("{0}")]
    Interface(String),
    /// It takes no other number of images than it was written for.
    #[error(
        "it takes batches of {images} images only ({problem}); write it with a batch of any size: in PyTorch \
         torch.onnx.export(…, dynamic_axes={{\"input\": {{0: \"N\"}}}}), or dynamic_shapes with dynamo=True"
    )]
    Batch {
        /// How many.
        images: usize,
        /// What goes wrong with more.
        problem: String,
    },
    /// What it says of an image depends on those beside it.
    #[error(
        "what it says of an image depends on the others in its batch: write it in its evaluation mode (model.eval())"
    )]
    Together,
    /// Its gradient is no number.
    #[error(
        "its gradient is {said} at some pixel: a root or a logarithm of 0 is in it, which no attack can follow"
    )]
    NoGradient {
        /// NaN or an infinity.
        said: f32,
    },
    /// What it says is no number.
    #[error("it says {said} of an image: some of its weights are no numbers, or too large")]
    NoNumber {
        /// NaN or an infinity.
        said: f32,
    },
}

impl From<GraphError> for ReadError {
    fn from(GraphError { node, problem }: GraphError) -> Self {
        Self::Node { node, problem }
    }
}
