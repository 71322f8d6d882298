//! What a node computes, and its product back to each of its inputs. Both are made of differentiable tensor operations alone.

use super::dense::Dense;
use super::host::Host;
use super::inputs::{Inputs, dense, get, numbers};
use super::ops::Curve;
use super::ops::einsum::Einsum;
use super::ops::fold::{self, Fold};
use super::ops::moves;
use super::ops::moving::Move;
use super::ops::pair::{Pair, choose, choose_vjp};
use super::ops::sizes::{Kind, Size};
use super::ops::window::Window;
use super::problem::{Problem, check};
use super::room::Room;
use super::value::Value;

/// An operation. What is not part of it comes as an input, sizes and axes too.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A function of each entry.
    Curve(Curve),
    /// Two tensors, entry by entry.
    Pair(Pair),
    /// Of three: the second where the first is not 0, else the third.
    Choose,
    /// Maps by a weight.
    Convolution(Window),
    /// The largest entry of each window.
    MaxPool(Window),
    /// The mean of each window.
    MeanPool {
        /// How it moves.
        window: Window,
        /// Whether what is added around the maps counts.
        counts_padding: bool,
    },
    /// The product of matrices.
    Product,
    /// Sums of products over named axes.
    Einsum(Einsum),
    /// What is made of the entries along axes: of `x`, and the axes, all of them where there are none.
    Fold {
        /// What.
        by: Fold,
        /// Whether the axes stay, with one entry.
        keeps: bool,
    },
    /// Softmax along an axis.
    Softmax {
        /// Which.
        axis: i64,
        /// Whether it is its logarithm.
        is_log: bool,
    },
    /// Entries are moved.
    Move(Move),
    /// Sizes, and what follows from them.
    Size(Size),
}

impl Op {
    /// What comes of the inputs.
    ///
    /// # Errors
    /// Where they do not fit it.
    pub fn value(&self, inputs: &Inputs<'_>, room: &Room) -> Result<Value, Problem> {
        let x = || dense(inputs, 0);
        Ok(match self {
            Self::Curve(curve) => match get(inputs, 0)? {
                Value::Dense(x) => x.map(|x| curve.value(x)).into(),
                Value::Host(x) => {
                    Host { values: x.values.iter().map(|x| curve.of_number(*x)).collect(), ..x.clone() }
                        .into()
                }
            },
            Self::Pair(pair) => pair.value(get(inputs, 0)?, get(inputs, 1)?, room)?,
            Self::Choose => choose([get(inputs, 0)?, get(inputs, 1)?, get(inputs, 2)?], room)?,
            Self::Convolution(window) => window.convolve(x()?, dense(inputs, 1)?, room)?.into(),
            Self::MaxPool(window) => window.largest(x()?)?.into(),
            Self::MeanPool { window, counts_padding } => window.mean(x()?, *counts_padding)?.into(),
            Self::Product => fold::product(x()?, dense(inputs, 1)?, room)?.into(),
            Self::Einsum(einsum) => einsum.value(&all(inputs)?, room)?.into(),
            Self::Fold { by, keeps } => {
                let axes = folded(inputs)?;
                let whole = by.value(get(inputs, 0)?, &axes)?;
                if *keeps { whole } else { without(&whole, &axes)? }
            }
            Self::Softmax { axis, is_log } => fold::softmax(x()?, *axis, *is_log)?.into(),
            Self::Move(by) => by.value(inputs, room)?,
            Self::Size(size) => size.value(inputs, room)?,
        })
    }

    /// The cotangent of the input `which`, a tensor, from that of the output `y`.
    ///
    /// # Errors
    /// Where it has none, because what follows from it must not follow from the image.
    pub fn vjp(&self, which: usize, inputs: &Inputs<'_>, y: &Value, gy: &Dense) -> Result<Dense, Problem> {
        let own = dense(inputs, which)?;
        let only_first = || {
            check(which == 0, || format!("its input {which} follows from the image, which is not supported"))
        };
        Ok(match self {
            Self::Curve(curve) => Dense::new(curve.vjp(own.flat(), gy.flat()), own.shape().to_vec()),
            Self::Pair(pair) => pair.vjp(which, [get(inputs, 0)?, get(inputs, 1)?], gy),
            Self::Choose => {
                check(which > 0, || {
                    "it chooses by what follows from the image, which is not supported".into()
                })?;
                choose_vjp(which, [get(inputs, 0)?, get(inputs, which)?], gy)
            }
            Self::Convolution(window) => {
                only_first()?;
                window.convolve_vjp(own, dense(inputs, 1)?, gy)?
            }
            Self::MaxPool(window) => window.largest_vjp(own, gy)?,
            Self::MeanPool { window, counts_padding } => window.mean_vjp(own, gy, *counts_padding)?,
            Self::Product => fold::product_vjp(which, [dense(inputs, 0)?, dense(inputs, 1)?], gy),
            Self::Einsum(einsum) => einsum.vjp(which, &all(inputs)?, gy)?,
            Self::Fold { by, .. } => {
                let axes = folded(inputs)?;
                let mut kept = own.shape().to_vec();
                axes.iter().for_each(|axis| kept[*axis] = 1);
                let y = y.dense(&gy.device()).reshaped(kept.clone());
                by.vjp(own, &y, &gy.reshaped(kept), &axes)
            }
            Self::Softmax { axis, is_log } => fold::softmax_vjp(&y.dense(&gy.device()), gy, *axis, *is_log)?,
            Self::Move(by) => by.vjp(which, own, inputs, gy)?,
            Self::Size(Size::Convert(Kind::Float)) => gy.clone(),
            Self::Size(_) => {
                return Err(Problem::new(
                    "it makes sizes of what follows from the image, which is not supported",
                ));
            }
        })
    }

    /// Whether its derivative is 0 wherever it has one: sizes, comparisons, stairs.
    pub fn is_flat(&self) -> bool {
        match self {
            Self::Curve(curve) => curve.is_flat(),
            Self::Pair(pair) => pair.compares(),
            Self::Size(Size::Of(_) | Size::Convert(Kind::Truth)) => true,
            _ => false,
        }
    }
}

/// All inputs on the device.
fn all<'a>(inputs: &Inputs<'a>) -> Result<Vec<&'a Dense>, Problem> {
    (0..inputs.len()).map(|at| dense(inputs, at)).collect()
}

/// The axes that a fold goes along.
fn folded(inputs: &Inputs<'_>) -> Result<Vec<usize>, Problem> {
    let count = get(inputs, 0)?.shape().len();
    match numbers(inputs, 1)? {
        Some(axes) if !axes.is_empty() => moves::several(&axes, count),
        Some(_) | None => Ok((0..count).collect()),
    }
}

fn without(whole: &Value, axes: &[usize]) -> Result<Value, Problem> {
    let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
    moves::squeeze(whole, Some(&axes))
}
