//! Small arrays that are computed with on the host: sizes, axes, indices and single numbers, of which graphs are full.

use super::dense::{Dense, broadcast};
use super::problem::{Problem, check};
use burn::tensor::Device;

/// Most entries of such an array: what is larger is no size and no list of axes.
const MOST_ENTRIES: usize = 1 << 20;

/// Numbers, row by row, and their sizes along each axis. Whole numbers are exact up to 2⁵³.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The entries.
    pub values: Vec<f64>,
    /// Sizes along each axis; none of a single number.
    pub shape: Vec<usize>,
    /// Whether they are floats; else they are whole numbers, or 0 and 1 for false and true.
    pub is_float: bool,
}

impl Host {
    /// Entries in a shape of as many.
    ///
    /// # Errors
    /// Where there are more or fewer, or very many.
    pub fn new(values: Vec<f64>, shape: Vec<usize>, is_float: bool) -> Result<Self, Problem> {
        let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
        check(count == Some(values.len()), || format!("{} entries do not fill {shape:?}", values.len()))?;
        check(values.len() <= MOST_ENTRIES, || format!("{} entries are no sizes", values.len()))?;
        Ok(Self { values, shape, is_float })
    }

    /// Whole numbers in a row.
    pub fn integers(numbers: impl IntoIterator<Item = i64>) -> Self {
        let values: Vec<f64> = numbers.into_iter().map(|number| number as f64).collect();
        Self { shape: vec![values.len()], values, is_float: false }
    }

    /// A single float.
    pub fn number(value: f64) -> Self {
        Self { values: vec![value], shape: Vec::new(), is_float: true }
    }

    /// The only entry, where there is one.
    pub fn single(&self) -> Option<f64> {
        <[f64; 1]>::try_from(&self.values[..]).ok().map(|[value]| value)
    }

    /// The entries as whole numbers; what does not fit is the nearest that does.
    pub fn whole(&self) -> Vec<i64> {
        self.values.iter().map(|value| *value as i64).collect()
    }

    /// On a device.
    pub fn upload(&self, device: &Device) -> Dense {
        Dense::upload(self.values.iter().map(|value| *value as f32).collect(), self.shape.clone(), device)
    }

    /// Entry by entry with another array, each spread over the axes along which it has one entry.
    ///
    /// # Errors
    /// Where the sizes do not fit each other.
    pub fn zip(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Result<Self, Problem> {
        let shape = fitting(&self.shape, &other.shape)?;
        let [a, b] = [self, other].map(|one| one.spread(&shape));
        let (a, b) = (a?, b?);
        let values = a.values.iter().zip(&b.values).map(|(a, b)| of(*a, *b)).collect();
        Self::new(values, shape, self.is_float || other.is_float)
    }

    /// Repeated along the axes where `shape` has more.
    ///
    /// # Errors
    /// Where the sizes do not fit.
    pub fn spread(&self, shape: &[usize]) -> Result<Self, Problem> {
        let missing = shape.len().checked_sub(self.shape.len());
        let missing =
            missing.ok_or_else(|| Problem::new(format!("{:?} has more axes than {shape:?}", self.shape)))?;
        let own = [vec![1; missing], self.shape.clone()].concat();
        check(own.iter().zip(shape).all(|(own, size)| own == size || *own == 1), || {
            format!("{:?} cannot be spread to {shape:?}", self.shape)
        })?;
        self.rearranged(&own, shape, |place, axis| if own[axis] == 1 { 0 } else { place })
    }

    /// With these entries in each place of `shape`: `of` says from which place along each axis of `own` it comes.
    fn rearranged(
        &self,
        own: &[usize],
        shape: &[usize],
        of: impl Fn(usize, usize) -> usize,
    ) -> Result<Self, Problem> {
        let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
        let count = count.filter(|count| *count <= MOST_ENTRIES);
        let count = count.ok_or_else(|| Problem::new(format!("{shape:?} is too large for sizes")))?;
        let source = |index: usize| {
            let (mut rest, mut at, mut stride) = (index, 0, 1);
            for axis in (0..shape.len()).rev() {
                at += of(rest % shape[axis], axis) * stride;
                rest /= shape[axis];
                stride *= own[axis];
            }
            at
        };
        let values = (0..count).map(|index| self.values[source(index)]).collect();
        Self::new(values, shape.to_vec(), self.is_float)
    }

    /// The entries at `indices` along an axis, which takes the `shape` of the indices.
    ///
    /// # Errors
    /// Where the result is too large.
    pub fn selected(&self, axis: usize, indices: &[usize], shape: &[usize]) -> Result<Self, Problem> {
        let mut flat = self.shape.clone();
        flat[axis] = indices.len();
        let found =
            self.rearranged(&self.shape, &flat, |place, of| if of == axis { indices[place] } else { place })?;
        let sizes = [&self.shape[..axis], shape, &self.shape[axis + 1..]].concat();
        Self::new(found.values, sizes, self.is_float)
    }

    /// With the axes in another order: what stands first is the old number of the first.
    ///
    /// # Errors
    /// None that a caller who has checked the order can meet.
    pub fn transposed(&self, order: &[usize]) -> Result<Self, Problem> {
        let shape: Vec<usize> = order.iter().map(|axis| self.shape[*axis]).collect();
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let strides: Vec<usize> = order.iter().map(|axis| stride(*axis)).collect();
        let source = |index: usize| {
            let (mut rest, mut at) = (index, 0);
            for axis in (0..shape.len()).rev() {
                at += rest % shape[axis] * strides[axis];
                rest /= shape[axis];
            }
            at
        };
        let values = (0..self.values.len()).map(|index| self.values[source(index)]).collect();
        Self::new(values, shape, self.is_float)
    }

    /// Arrays one behind the other along their first axis.
    ///
    /// # Errors
    /// Where they have other axes than one: sizes have one.
    pub fn joined(parts: &[&Self]) -> Result<Self, Problem> {
        check(parts.iter().all(|part| part.shape.len() == 1), || "sizes are joined that are no rows".into())?;
        let values: Vec<f64> = parts.iter().flat_map(|part| part.values.iter().copied()).collect();
        let shape = vec![values.len()];
        Self::new(values, shape, parts.iter().any(|part| part.is_float))
    }
}

/// The shape of two that are spread over each other.
///
/// # Errors
/// Where they do not fit.
pub fn fitting(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Problem> {
    let shape = broadcast(a, b);
    let fits =
        |own: &[usize]| own.iter().rev().zip(shape.iter().rev()).all(|(own, size)| own == size || *own == 1);
    check(fits(a) && fits(b), || format!("shapes {a:?} and {b:?} do not fit each other"))?;
    Ok(shape)
}
