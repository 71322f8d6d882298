//! What is computed on the host: sizes, and what follows from them.

use super::moves;
use crate::nn::graph::host::Host;
use crate::nn::graph::inputs::{Inputs, get, needed};
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;
use crate::nn::graph::value::Value;

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats.
    Float,
    /// Whole numbers: what is behind the point is left out.
    Whole,
    /// 1 for what is not 0, else 0.
    Truth,
}

/// An operation whose result says nothing of the entries of a tensor, or that is for sizes alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    /// The sizes of `x`, from this axis to before that one.
    Of([Option<i64>; 2]),
    /// The same numbers as others.
    Convert(Kind),
    /// A shape full of a number.
    Filled(Host),
    /// From a number to before another by steps.
    Range,
}

impl Size {
    /// What comes of the inputs.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub fn value(&self, inputs: &Inputs<'_>, room: &Room) -> Result<Value, Problem> {
        let x = get(inputs, 0)?;
        Ok(match self {
            Self::Of([start, end]) => {
                let own: Vec<i64> = x.shape().iter().map(|size| *size as i64).collect();
                let count = own.len() as i64;
                let within =
                    |place: i64| (if place < 0 { place + count } else { place }).clamp(0, count) as usize;
                let (start, end) = (within(start.unwrap_or(0)), within(end.unwrap_or(count)));
                Host::integers(own.get(start..end).unwrap_or_default().iter().copied()).into()
            }
            Self::Convert(kind) => convert(x, *kind)?,
            Self::Filled(number) => {
                let shape = moves::asked_shape(&needed(inputs, 0)?, &[], true)?;
                let single = Host { shape: vec![1; shape.len()], ..number.clone() };
                let sizes: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
                moves::spread(&single.into(), &sizes, room)?
            }
            Self::Range => {
                let single = |value: &Value| {
                    value.host()?.single().ok_or_else(|| Problem::new("it takes three numbers"))
                };
                let (start, limit, step) = (single(x)?, single(get(inputs, 1)?)?, single(get(inputs, 2)?)?);
                let count = ((limit - start) / step).ceil().max(0.0);
                check(count.is_finite() && count < 1e6, || {
                    format!("{start} to {limit} by {step} is no range")
                })?;
                let values: Vec<f64> = (0..count as usize).map(|at| start + at as f64 * step).collect();
                let shape = vec![values.len()];
                Host::new(values, shape, x.host()?.is_float)?.into()
            }
        })
    }
}

fn convert(x: &Value, kind: Kind) -> Result<Value, Problem> {
    let truth = |is: bool| f64::from(u8::from(is));
    Ok(match (x, kind) {
        (Value::Host(host), _) => {
            let each = |value: &f64| match kind {
                Kind::Float => *value,
                Kind::Whole => value.trunc(),
                Kind::Truth => truth(*value != 0.0),
            };
            let values = host.values.iter().map(each).collect();
            Host { values, shape: host.shape.clone(), is_float: kind == Kind::Float }.into()
        }
        (Value::Dense(dense), Kind::Float) => dense.as_ref().clone().into(),
        (Value::Dense(dense), Kind::Truth) => dense.map(|x| x.detach().not_equal_elem(0.0).float()).into(),
        (Value::Dense(_), Kind::Whole) => {
            return Err(Problem::new("it makes whole numbers of what follows from the image"));
        }
    })
}
