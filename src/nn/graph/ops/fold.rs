//! Operations that look at many entries at once: sums and largest ones along axes, softmax, products of matrices.

use burn::tensor::{Tensor, activation};

use super::moves::axis;
use crate::gpu::{Layout, matrix_product};
use crate::nn::graph::dense::{Dense, broadcast};
use crate::nn::graph::host::{Host, fitting};
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;
use crate::nn::graph::value::Value;

/// What a sum of squares counts as, at least.
const LEAST_SQUARE: f64 = 1e-36;

/// What is made of the entries along axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The root of the sum of their squares.
    Norm,
    /// Their product; of sizes alone.
    Product,
}

impl Fold {
    /// Along these axes, in ascending order, which have one entry then.
    ///
    /// # Errors
    /// A product of a tensor.
    pub fn value(self, x: &Value, axes: &[usize]) -> Result<Value, Problem> {
        let dense = match x {
            Value::Dense(dense) => dense,
            Value::Host(host) => return Ok(self.of_host(host, axes)?.into()),
        };
        Ok(match self {
            Self::Sum => dense.summed(axes),
            Self::Mean => {
                let count: usize = axes.iter().map(|axis| dense.shape()[*axis]).product();
                dense.summed(axes).map(|sum| sum / count as f64)
            }
            // So that its slope is a number where all are 0.
            Self::Norm => {
                dense.map(|x| x.clone() * x).summed(axes).map(|sum| sum.clamp_min(LEAST_SQUARE).sqrt())
            }
            Self::Max => dense.largest(axes),
            Self::Min => dense.map(|x| x * -1.0).largest(axes).map(|x| x * -1.0),
            Self::Product => return Err(Problem::new("the product of a tensor's entries is not supported")),
        }
        .into())
    }

    /// All entries of a row.
    fn of_host(self, host: &Host, axes: &[usize]) -> Result<Host, Problem> {
        check(axes.len() == host.shape.len(), || "sizes are folded along some axes only".into())?;
        let values = host.values.iter().copied();
        let found = match self {
            Self::Sum => values.sum(),
            Self::Mean => values.sum::<f64>() / host.values.len().max(1) as f64,
            Self::Max => values.fold(f64::NEG_INFINITY, f64::max),
            Self::Min => values.fold(f64::INFINITY, f64::min),
            Self::Norm => values.map(|value| value * value).sum::<f64>().sqrt(),
            Self::Product => values.product(),
        };
        Host::new(vec![found], vec![1; host.shape.len()], host.is_float)
    }

    /// The cotangent of a tensor from that of what was made of it, `y`, both with one entry along the axes.
    pub fn vjp(self, x: &Dense, y: &Dense, gy: &Dense, axes: &[usize]) -> Dense {
        let whole = gy.spread(x.shape());
        match self {
            Self::Sum | Self::Product => whole,
            Self::Mean => {
                let count: usize = axes.iter().map(|axis| x.shape()[*axis]).product();
                whole.map(|gy| gy / count as f64)
            }
            Self::Norm => {
                let share = x.zip(y, |x, y| x / y);
                whole.zip(&share, |gy, share| gy * share)
            }
            // Equal ones share it.
            Self::Max | Self::Min => {
                let found = x.zip(y, |x, y| x.detach().equal(y.detach()).float());
                let share = found.zip(&found.summed(axes), |found, count| found / count);
                whole.zip(&share, |gy, share| gy * share)
            }
        }
    }
}

/// Softmax along an axis, or its logarithm.
///
/// # Errors
/// Where there is no such axis.
pub fn softmax(x: &Dense, number: i64, is_log: bool) -> Result<Dense, Problem> {
    let axis = axis(number, x.axes())?;
    let three = x.as_shape(x.around(axis..axis + 1));
    let y = if is_log { activation::log_softmax(three, 1) } else { activation::softmax(three, 1) };
    Ok(Dense::of(y).reshaped(x.shape().to_vec()))
}

/// The cotangent of what [`softmax`] made `y` of.
///
/// # Errors
/// As there.
pub fn softmax_vjp(y: &Dense, gy: &Dense, number: i64, is_log: bool) -> Result<Dense, Problem> {
    let axis = axis(number, y.axes())?;
    let around = y.around(axis..axis + 1);
    let (value, gy): (Tensor<3>, Tensor<3>) = (y.as_shape(around), gy.as_shape(around));
    let gx = if is_log {
        gy.clone() - value.exp() * gy.sum_dim(1)
    } else {
        let product = value.clone() * gy.clone();
        value * (gy - product.sum_dim(1))
    };
    Ok(Dense::of(gx).reshaped(y.shape().to_vec()))
}

/// The product of matrices, each `[…, rows, inner]` by `[…, inner, columns]`; those before are spread over each other. A row
/// of one axis counts as a matrix of one row or column, which is left out of the result.
///
/// # Errors
/// Where the sizes do not fit.
pub fn product(a: &Dense, b: &Dense, room: &Room) -> Result<Dense, Problem> {
    check(a.axes() > 0 && b.axes() > 0, || "a number has no product of matrices".into())?;
    let (whole_a, whole_b) = (matrices(a, 0), matrices(b, 1));
    let [rows, inner] = last_two(whole_a.shape());
    let [expected, columns] = last_two(whole_b.shape());
    check(inner == expected, || format!("{:?} by {:?} do not fit", a.shape(), b.shape()))?;
    let before = |shape: &[usize]| shape[..shape.len() - 2].to_vec();
    let outer = fitting(&before(whole_a.shape()), &before(whole_b.shape()))?;
    for sizes in [[rows, columns], [rows, inner], [inner, columns]] {
        room.takes(&[&outer[..], &sizes].concat())?;
    }
    let found = if before(whole_b.shape()).iter().all(|size| *size == 1) {
        // One matrix for all rows: a single product.
        let all = whole_a.len() / inner.max(1);
        let b: Tensor<2> = whole_b.as_shape([inner, columns]);
        Dense::of(matrix_product(whole_a.as_shape([all, inner]), b, Layout::Nn))
    } else {
        batched(&whole_a, &whole_b, &outer, [rows, inner, columns])
    };
    let mut shape = outer;
    shape.extend((a.axes() > 1).then_some(rows));
    shape.extend((b.axes() > 1).then_some(columns));
    Ok(found.reshaped(shape))
}

/// The cotangent of the first or the second factor of [`product`].
pub fn product_vjp(which: usize, [a, b]: [&Dense; 2], gy: &Dense) -> Dense {
    let (whole_a, whole_b) = (matrices(a, 0), matrices(b, 1));
    let ([rows, inner], [_, columns]) = (last_two(whole_a.shape()), last_two(whole_b.shape()));
    let before = |shape: &[usize]| shape[..shape.len() - 2].to_vec();
    let outer = broadcast(&before(whole_a.shape()), &before(whole_b.shape()));
    let gy = gy.reshaped([outer.clone(), vec![rows, columns]].concat());
    let turned = |dense: &Dense| {
        let axes = dense.axes();
        let order: Vec<usize> = (0..axes - 2).chain([axes - 1, axes - 2]).collect();
        dense.transposed(&order)
    };
    if which == 0 {
        if before(whole_b.shape()).iter().all(|size| *size == 1) {
            let all = gy.len() / columns.max(1);
            let b: Tensor<2> = whole_b.as_shape([inner, columns]);
            let found = matrix_product(gy.as_shape([all, columns]), b, Layout::Nt);
            let whole = Dense::of(found).reshaped([outer, vec![rows, inner]].concat());
            return whole.gathered(whole_a.shape()).reshaped(a.shape().to_vec());
        }
        let found = batched(&gy, &turned(&whole_b), &outer, [rows, columns, inner]);
        let whole = found.reshaped([outer, vec![rows, inner]].concat());
        whole.gathered(whole_a.shape()).reshaped(a.shape().to_vec())
    } else {
        let found = batched(&turned(&whole_a), &gy, &outer, [inner, rows, columns]);
        let whole = found.reshaped([outer, vec![inner, columns]].concat());
        whole.gathered(whole_b.shape()).reshaped(b.shape().to_vec())
    }
}

fn batched(a: &Dense, b: &Dense, outer: &[usize], [rows, inner, columns]: [usize; 3]) -> Dense {
    let count: usize = outer.iter().product();
    let [a, b] = [(a, [rows, inner]), (b, [inner, columns])].map(|(dense, [rows, columns])| {
        let whole = dense.spread(&[outer, &[rows, columns]].concat());
        whole.as_shape::<3>([count, rows, columns])
    });
    Dense::of(a.matmul(b))
}

/// With an axis more where it has a single one: before it, or behind.
fn matrices(dense: &Dense, place: usize) -> Dense {
    match dense.shape() {
        [size] => dense.reshaped(if place == 0 { vec![1, *size] } else { vec![*size, 1] }),
        _ => dense.clone(),
    }
}

fn last_two(shape: &[usize]) -> [usize; 2] {
    [shape[shape.len() - 2], shape[shape.len() - 1]]
}
