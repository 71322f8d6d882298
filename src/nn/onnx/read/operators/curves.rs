//! Functions of one number, and of two.

use crate::nn::graph::{Curve, Pair};
use crate::nn::onnx::read::windows::Attributes;

/// The function of each entry that an operator is, if it is one.
pub fn curve(kind: &str, attributes: Attributes<'_>) -> Option<Curve> {
    Some(match kind {
        "Relu" => Curve::Relu,
        "LeakyRelu" => Curve::LeakyRelu(attributes.float("alpha", 0.01)),
        "Elu" => Curve::Elu(attributes.float("alpha", 1.0)),
        "Selu" => Curve::Selu([attributes.float("alpha", 1.673_263_2), attributes.float("gamma", 1.050_701)]),
        "Sigmoid" => Curve::Sigmoid,
        "HardSigmoid" => Curve::HardSigmoid([attributes.float("alpha", 0.2), attributes.float("beta", 0.5)]),
        "Tanh" => Curve::Tanh,
        "Softplus" => Curve::Softplus,
        "Erf" => Curve::Erf,
        "Exp" => Curve::Exp,
        "Log" => Curve::Log,
        "Sqrt" => Curve::Sqrt,
        "Abs" => Curve::Abs,
        "Neg" => Curve::Neg,
        "Reciprocal" => Curve::Reciprocal,
        "Round" => Curve::Round,
        "Floor" => Curve::Floor,
        "Ceil" => Curve::Ceil,
        _ => return None,
    })
}

/// The operation on two tensors that an operator is, if it is one.
pub fn pair(kind: &str, attributes: Attributes<'_>) -> Option<Pair> {
    Some(match kind {
        "Add" => Pair::Add,
        "Sub" => Pair::Sub,
        "Mul" => Pair::Mul,
        "Div" => Pair::Div,
        "Mod" if attributes.int("fmod", 0) != 0 => Pair::DividendsRest,
        "Mod" => Pair::Rest,
        "Equal" => Pair::Equal,
        "Greater" => Pair::Greater,
        "GreaterOrEqual" => Pair::AtLeast,
        "Less" => Pair::Less,
        "LessOrEqual" => Pair::AtMost,
        "And" => Pair::And,
        "Or" => Pair::Or,
        _ => return None,
    })
}
