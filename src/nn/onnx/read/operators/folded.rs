//! What looks at many entries at once.

use super::given::Given;
use crate::nn::graph::{Curve, Fold, Op, Problem, Slot, check};
use crate::nn::onnx::read::builder::Builder;
use crate::nn::onnx::read::windows::window;

/// Where what such an operator makes is, if it is one.
///
/// # Errors
/// What is wrong with it.
pub fn folded(builder: &mut Builder, given: Given<'_>, kind: &str) -> Result<Option<Slot>, Problem> {
    let attributes = given.attributes();
    let spatial = |builder: &mut Builder, by: Fold| {
        let x = given.slot(builder, 0)?;
        let axes = builder.integers(&[2, 3]);
        Ok(Some(builder.op(Op::Fold { by, keeps: true }, [x, axes])))
    };
    let fold = match kind {
        "MaxPool" | "AveragePool" => {
            let x = given.slot(builder, 0)?;
            let window = window(attributes, attributes.ints("kernel_shape").unwrap_or(&[]))?;
            let counts_padding = attributes.int("count_include_pad", 0) != 0;
            let op =
                if kind == "MaxPool" { Op::MaxPool(window) } else { Op::MeanPool { window, counts_padding } };
            return Ok(Some(builder.op(op, [x])));
        }
        "GlobalAveragePool" => return spatial(builder, Fold::Mean),
        "GlobalMaxPool" => return spatial(builder, Fold::Max),
        "Softmax" | "LogSoftmax" => {
            check(given.opset >= 13, || "before opset 13 it is another function".into())?;
            let x = given.slot(builder, 0)?;
            let axis = attributes.int("axis", -1);
            return Ok(Some(builder.op(Op::Softmax { axis, is_log: kind == "LogSoftmax" }, [x])));
        }
        "ReduceSum" | "ReduceSumSquare" => Fold::Sum,
        "ReduceL2" => Fold::Norm,
        "ReduceMean" => Fold::Mean,
        "ReduceMax" => Fold::Max,
        "ReduceMin" => Fold::Min,
        "ReduceProd" => Fold::Product,
        _ => return Ok(None),
    };
    let mut x = given.slot(builder, 0)?;
    let axes = given.sizes(builder, 1, "axes")?;
    let is_empty = match axes {
        Some(Slot::Array(at)) => builder.arrays[at].values.is_empty(),
        Some(Slot::Image | Slot::Weight(_) | Slot::Made(_)) => false,
        None => true,
    };
    if kind == "ReduceSumSquare" {
        x = builder.curve(Curve::Power(2.0), x);
    }
    if is_empty && attributes.int("noop_with_empty_axes", 0) != 0 {
        return Ok(Some(if kind == "ReduceL2" { builder.curve(Curve::Abs, x) } else { x }));
    }
    let keeps = attributes.int("keepdims", 1) != 0;
    Ok(Some(builder.op_with(Op::Fold { by: fold, keeps }, vec![Some(x), axes])))
}
