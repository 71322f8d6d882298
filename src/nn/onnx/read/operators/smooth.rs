//! Functions of tensors that are made of simpler ones.

use super::given::Given;
use crate::nn::graph::{Curve, Pair, Problem, Slot};
use crate::nn::onnx::read::builder::Builder;

/// `1 / √2`
const HALF_ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Where what such an operator makes is, if it is one.
///
/// # Errors
/// What is wrong with it.
pub fn smooth(builder: &mut Builder, given: Given<'_>, kind: &str) -> Result<Option<Slot>, Problem> {
    let attributes = given.attributes();
    let known = [
        "Gelu",
        "HardSwish",
        "Mish",
        "Swish",
        "Softsign",
        "PRelu",
        "Clip",
        "Pow",
        "Not",
        "Max",
        "Min",
        "Sum",
        "Mean",
    ];
    if !known.contains(&kind) {
        return Ok(None);
    }
    let x = given.slot(builder, 0)?;
    Ok(Some(match kind {
        "Gelu" => gelu(builder, x, attributes.text("approximate", "none") == "tanh"),
        "HardSwish" => {
            let gate = builder.curve(Curve::HardSigmoid([1.0 / 6.0, 0.5]), x);
            builder.pair(Pair::Mul, x, gate)
        }
        "Swish" => {
            let scaled = builder.with_number(Pair::Mul, x, attributes.float("alpha", 1.0));
            let gate = builder.curve(Curve::Sigmoid, scaled);
            builder.pair(Pair::Mul, x, gate)
        }
        "Mish" => {
            let soft = builder.curve(Curve::Softplus, x);
            let gate = builder.curve(Curve::Tanh, soft);
            builder.pair(Pair::Mul, x, gate)
        }
        "Softsign" => {
            let size = builder.curve(Curve::Abs, x);
            let more = builder.with_number(Pair::Add, size, 1.0);
            builder.pair(Pair::Div, x, more)
        }
        "PRelu" => prelu(builder, given, x)?,
        "Clip" => clip(builder, given, x)?,
        "Pow" => {
            let exponent = given.slot(builder, 1)?;
            match exponent {
                Slot::Array(at) if builder.arrays[at].single().is_some() => {
                    let exponent = builder.arrays[at].single().unwrap_or(1.0);
                    builder.curve(Curve::Power(exponent), x)
                }
                _ => builder.pair(Pair::Power, x, exponent),
            }
        }
        "Not" => builder.with_number(Pair::Equal, x, 0.0),
        _ => several(builder, given, (kind, x))?,
    }))
}

/// Of any number of tensors.
fn several(builder: &mut Builder, given: Given<'_>, (kind, x): (&str, Slot)) -> Result<Slot, Problem> {
    let by = match kind {
        "Max" => Pair::Max,
        "Min" => Pair::Min,
        _ => Pair::Add,
    };
    let count = given.node.input.len();
    let rest: Vec<Slot> = (1..count).map(|at| given.slot(builder, at)).collect::<Result<_, _>>()?;
    let all = rest.into_iter().fold(x, |all, next| builder.pair(by, all, next));
    Ok(if kind == "Mean" { builder.with_number(Pair::Div, all, count as f64) } else { all })
}

/// Written so that its slope at 0 is that below it, as in PyTorch.
fn prelu(builder: &mut Builder, given: Given<'_>, x: Slot) -> Result<Slot, Problem> {
    let slope = given.slot(builder, 1)?;
    let above = builder.curve(Curve::Relu, x);
    let below = builder.pair(Pair::Sub, x, above);
    let below = builder.pair(Pair::Mul, below, slope);
    Ok(builder.pair(Pair::Add, above, below))
}

fn gelu(builder: &mut Builder, x: Slot, is_tanh: bool) -> Slot {
    let gate = if is_tanh {
        // √(2/π) (x + 0.044715 x³)
        let cube = builder.curve(Curve::Power(3.0), x);
        let small = builder.with_number(Pair::Mul, cube, 0.044_715);
        let sum = builder.pair(Pair::Add, x, small);
        let scaled = builder.with_number(Pair::Mul, sum, std::f64::consts::FRAC_2_SQRT_PI * HALF_ROOT);
        builder.curve(Curve::Tanh, scaled)
    } else {
        let scaled = builder.with_number(Pair::Mul, x, HALF_ROOT);
        builder.curve(Curve::Erf, scaled)
    };
    let more = builder.with_number(Pair::Add, gate, 1.0);
    let product = builder.pair(Pair::Mul, x, more);
    builder.with_number(Pair::Mul, product, 0.5)
}

fn clip(builder: &mut Builder, given: Given<'_>, x: Slot) -> Result<Slot, Problem> {
    let attributes = given.attributes();
    let mut end = |at: usize, name: &str, otherwise: f64| match given.input(at) {
        None => Ok(Some(attributes.float(name, otherwise))),
        Some(name) => match builder.host_slot(name)? {
            Slot::Array(at) => Ok(builder.arrays[at].single()),
            Slot::Image | Slot::Weight(_) | Slot::Made(_) => Ok(None),
        },
    };
    let both = [end(1, "min", f64::NEG_INFINITY)?, end(2, "max", f64::INFINITY)?];
    if let [Some(low), Some(high)] = both {
        // The largest f32 stands for no end.
        let wide = |value: f64| value.clamp(f64::from(f32::MIN), f64::from(f32::MAX));
        return Ok(builder.curve(Curve::Clip([wide(low), wide(high)]), x));
    }
    let low = given.slot(builder, 1)?;
    let above = builder.pair(Pair::Max, x, low);
    let high = given.slot(builder, 2)?;
    Ok(builder.pair(Pair::Min, above, high))
}
