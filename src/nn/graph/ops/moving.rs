//! What moves entries and changes none, as nodes ask for it: shapes, axes, parts and places come as inputs.

use super::moves;
use super::resize::Resize;
use crate::nn::graph::dense::Dense;
use crate::nn::graph::host::Host;
use crate::nn::graph::inputs::{Inputs, dense, get, needed, numbers};
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;
use crate::nn::graph::value::Value;

/// How entries are moved.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// `x` in a shape, with −1 and 0 as ONNX has them.
    Reshape {
        /// Whether a size of 0 is one.
        keeps_zero: bool,
    },
    /// `x` without these axes.
    Squeeze,
    /// `x` with these axes more.
    Unsqueeze,
    /// As a matrix: the axes before this one, and the rest.
    Flatten(i64),
    /// Axes in another order; none: the other way round.
    Transpose(Option<Vec<usize>>),
    /// Of `x`, begins, ends, axes, steps.
    Slice,
    /// All inputs along an axis.
    Join(i64),
    /// Of `x` and indices, along an axis.
    Select(i64),
    /// Of `x` to a shape.
    Spread,
    /// Of `x`, sizes, a number, axes: so many entries of that number around it.
    Pad,
    /// Of `x`, nothing, scales, sizes, as `Resize` has them.
    Resize(Resize),
}

/// An axis that changes: its number, its size then, and by what it is scaled.
type Scaled = (usize, (usize, f32));

impl Move {
    /// What comes of the inputs.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub fn value(&self, inputs: &Inputs<'_>, room: &Room) -> Result<Value, Problem> {
        let x = get(inputs, 0)?;
        Ok(match self {
            Self::Reshape { keeps_zero } => {
                let shape = moves::asked_shape(&needed(inputs, 1)?, x.shape(), *keeps_zero)?;
                moves::reshape(x, shape)?
            }
            Self::Squeeze => moves::squeeze(x, numbers(inputs, 1)?.as_deref())?,
            Self::Unsqueeze => moves::unsqueeze(x, &needed(inputs, 1)?)?,
            Self::Flatten(axis) => {
                let own = x.shape();
                let axis = if *axis == own.len() as i64 { own.len() } else { moves::axis(*axis, own.len())? };
                moves::reshape(x, vec![own[..axis].iter().product(), own[axis..].iter().product()])?
            }
            Self::Transpose(order) => moves::transpose(x, order.as_deref())?,
            Self::Slice => moves::slice(x, &sliced(inputs)?)?,
            Self::Join(axis) => {
                let all = (0..inputs.len()).map(|at| get(inputs, at)).collect::<Result<Vec<_>, _>>()?;
                moves::join(&all, *axis)?
            }
            Self::Select(axis) => moves::select(x, get(inputs, 1)?.host()?, *axis, room)?,
            Self::Spread => moves::spread(x, &needed(inputs, 1)?, room)?,
            Self::Pad => {
                let value = inputs.get(2).copied().flatten().map(Value::host).transpose()?;
                let value = value.and_then(Host::single).unwrap_or(0.0);
                let x = dense(inputs, 0)?;
                let margins = margins(inputs, x)?;
                let mut shape = x.shape().to_vec();
                for (axis, [before, behind]) in &margins {
                    shape[*axis] = shape[*axis].saturating_add(*before).saturating_add(*behind);
                }
                room.takes(&shape)?;
                margins.iter().fold(x.clone(), |x, (axis, margin)| x.padded(*axis, *margin, value)).into()
            }
            Self::Resize(resize) => {
                let x = dense(inputs, 0)?;
                let along = resized(inputs)?;
                let mut shape = x.shape().to_vec();
                along.iter().for_each(|(axis, (size, _))| shape[*axis] = *size);
                room.takes(&shape)?;
                along.into_iter().fold(x.clone(), |x, (axis, to)| resize.along(&x, axis, to)).into()
            }
        })
    }

    /// The cotangent of the input `which`, `own`, from that of the output.
    ///
    /// # Errors
    /// Of an input that is no tensor.
    pub fn vjp(&self, which: usize, own: &Dense, inputs: &Inputs<'_>, gy: &Dense) -> Result<Dense, Problem> {
        if let Self::Join(axis) = self {
            let all: Vec<&Value> = inputs.iter().copied().flatten().collect();
            return moves::join_vjp(which, &all, gy, *axis);
        }
        check(which == 0, || format!("its input {which} follows from the image, which is not supported"))?;
        Ok(match self {
            Self::Reshape { .. } | Self::Squeeze | Self::Unsqueeze | Self::Flatten(_) | Self::Join(_) => {
                gy.reshaped(own.shape().to_vec())
            }
            Self::Transpose(order) => gy.transposed(&moves::inverse(order.as_deref(), own.axes())),
            Self::Slice => moves::slice_vjp(gy, &sliced(inputs)?, own.shape()),
            Self::Select(axis) => {
                let axis = moves::axis(*axis, own.axes())?;
                let places = moves::places(get(inputs, 1)?.host()?, own.shape()[axis])?;
                gy.unselected(axis, &places, own.shape())
            }
            Self::Spread => gy.gathered(own.shape()),
            Self::Pad => margins(inputs, own)?.iter().fold(gy.clone(), |gy, (axis, [before, _])| {
                gy.sliced(*axis, (*before, 1, own.shape()[*axis]))
            }),
            Self::Resize(resize) => {
                resized(inputs)?.into_iter().rev().fold(gy.clone(), |gy, (axis, (_, scale))| {
                    resize.back(&gy, axis, (own.shape()[axis], scale))
                })
            }
        })
    }
}

fn sliced(inputs: &Inputs<'_>) -> Result<Vec<moves::Part>, Problem> {
    let (starts, ends) = (needed(inputs, 1)?, needed(inputs, 2)?);
    let (axes, steps) = (numbers(inputs, 3)?, numbers(inputs, 4)?);
    moves::parts(get(inputs, 0)?.shape(), [&starts, &ends], axes.as_deref(), steps.as_deref())
}

fn margins(inputs: &Inputs<'_>, x: &Dense) -> Result<Vec<(usize, [usize; 2])>, Problem> {
    moves::margins(&needed(inputs, 1)?, numbers(inputs, 3)?.as_deref(), x.axes())
}

/// The axes that change.
fn resized(inputs: &Inputs<'_>) -> Result<Vec<Scaled>, Problem> {
    let own = get(inputs, 0)?.shape();
    let host = |at: usize| inputs.get(at).copied().flatten().map(Value::host).transpose();
    let filled =
        |host: Option<&Host>| host.filter(|host| !host.values.is_empty()).map(|host| host.values.clone());
    let (scales, sizes) = (filled(host(2)?), filled(host(3)?));
    // In f32, as ONNX Runtime and PyTorch count: 10 times 0.7 makes 7.
    let of = |axis: usize| -> Option<(usize, f32)> {
        let size = own[axis] as f32;
        match (&sizes, &scales) {
            (Some(sizes), _) => Some((sizes.get(axis).copied()? as usize, *sizes.get(axis)? as f32 / size)),
            (None, Some(scales)) => {
                let scale = *scales.get(axis)? as f32;
                Some(((size * scale).floor() as usize, scale))
            }
            (None, None) => None,
        }
    };
    let found: Option<Vec<(usize, f32)>> = (0..own.len()).map(of).collect();
    let found = found.ok_or_else(|| Problem::new("neither scales nor sizes are there for all axes"))?;
    check(
        found.iter().all(|(size, scale)| (1..=1 << 16).contains(size) && scale.is_finite() && *scale > 0.0),
        || format!("{own:?} cannot be resized to {found:?}"),
    )?;
    Ok(found
        .into_iter()
        .enumerate()
        .filter(|(axis, (size, scale))| *size != own[*axis] || (scale - 1.0).abs() > 0.0)
        .collect())
}
