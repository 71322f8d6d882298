//! Which operators are known: opsets 11 to 23, where the sizes and axes of older ones stand among the attributes.

use super::curves::{curve, pair};
use super::folded::folded;
use super::given::Given;
use super::learned::learned;
use super::moved::moved;
use super::smooth::smooth;
use crate::nn::graph::{Problem, Slot};
use crate::nn::onnx::read::builder::Builder;

/// Names of all operators that [`add`] knows, in the alphabet's order.
pub const KNOWN: [&str; 86] = [
    "Abs",
    "Add",
    "And",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "RMSNormalization",
    "Range",
    "Reciprocal",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "Round",
    "Selu",
    "Shape",
    "Sigmoid",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Adds what a node computes; where its outputs are.
///
/// # Errors
/// What is wrong with it. An operator that is none of [`KNOWN`] is.
pub fn add(builder: &mut Builder, given: Given<'_>) -> Result<Vec<Slot>, Problem> {
    let kind = given.node.op_type.as_deref().unwrap_or_default();
    let attributes = given.attributes();
    if let Some(curve) = curve(kind, attributes) {
        let x = given.slot(builder, 0)?;
        return Ok(vec![builder.curve(curve, x)]);
    }
    if let Some(pair) = pair(kind, attributes) {
        let (a, b) = (given.slot(builder, 0)?, given.slot(builder, 1)?);
        return Ok(vec![builder.pair(pair, a, b)]);
    }
    if let Some(made) = smooth(builder, given, kind)? {
        return Ok(vec![made]);
    }
    if let Some(made) = learned(builder, given, kind)? {
        return Ok(vec![made]);
    }
    if let Some(made) = moved(builder, given, kind)? {
        return Ok(made);
    }
    if let Some(made) = folded(builder, given, kind)? {
        return Ok(vec![made]);
    }
    Err(Problem::new(format!("the lab does not know the operator {kind}")))
}
