//! Tensors whose number of axes is known when they are there and not when the lab is compiled.

use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Slice, Tensor, TensorData};

/// Most axes that a tensor may have.
pub const MOST_AXES: usize = 8;

/// Entries, row by row, and their sizes along each axis.
#[derive(Clone, Debug)]
pub struct Dense {
    data: Tensor<1>,
    shape: Vec<usize>,
}

impl Dense {
    /// Entries in a shape of as many.
    ///
    /// # Panics
    /// Where there are more or fewer.
    pub fn new(data: Tensor<1>, shape: Vec<usize>) -> Self {
        assert_eq!(data.dims()[0], shape.iter().product::<usize>(), "the entries do not fill {shape:?}");
        Self { data, shape }
    }

    /// A tensor as it is.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let count: usize = shape.iter().product();
        Self { data: tensor.reshape([count]), shape }
    }

    /// Entries from the host.
    pub fn upload(values: Vec<f32>, shape: Vec<usize>, device: &Device) -> Self {
        let count = values.len();
        Self::new(Tensor::from_data(TensorData::new(values, [count]), device), shape)
    }

    /// The same number everywhere.
    pub fn full(shape: Vec<usize>, value: f64, device: &Device) -> Self {
        let count: usize = shape.iter().product();
        Self { data: Tensor::full([count], value, device), shape }
    }

    /// Sizes along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn axes(&self) -> usize {
        self.shape.len()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.data.device()
    }

    /// All entries, row by row.
    pub fn flat(&self) -> Tensor<1> {
        self.data.clone()
    }

    /// The entries in a shape of a fixed number of axes.
    ///
    /// # Panics
    /// Where it has another number of entries.
    pub fn as_shape<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        self.data.clone().reshape(shape)
    }

    /// The same entries in another shape.
    ///
    /// # Panics
    /// Where it has another number of entries.
    pub fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self::new(self.data.clone(), shape)
    }

    /// The same entries outside every autodiff graph.
    pub fn untracked(self) -> Self {
        Self { data: self.data.without_autodiff(), ..self }
    }

    /// Element by element.
    pub fn map(&self, of: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        Self { data: of(self.data.clone()), shape: self.shape.clone() }
    }

    /// Element by element with another tensor, each spread over the axes along which it has one entry, as NumPy does.
    pub fn zip(&self, other: &Self, of: impl FnOnce(Tensor<4>, Tensor<4>) -> Tensor<4>) -> Self {
        let shape = broadcast(&self.shape, &other.shape);
        if self.shape == other.shape {
            let whole = [1, 1, 1, self.len()];
            return Self::of(of(self.as_shape(whole), other.as_shape(whole))).reshaped(shape);
        }
        match merged(&self.shape, &other.shape) {
            Some([a, b]) => Self::of(of(self.as_shape(a), other.as_shape(b))).reshaped(shape),
            // Too many changes from spread to not spread: they are spread first.
            None => self.spread(&shape).zip(&other.spread(&shape), of),
        }
    }

    /// The same entries repeated along the axes where `shape` has more.
    pub fn spread(&self, shape: &[usize]) -> Self {
        let missing = shape.len() - self.axes();
        let own = [vec![1; missing], self.shape.clone()].concat();
        let mut whole = self.reshaped(own);
        for (axis, size) in shape.iter().enumerate().filter(|(_, size)| **size != 1) {
            if whole.shape[axis] == 1 {
                let [outer, _, inner] = whole.around(axis..axis + 1);
                let spread = whole.as_shape([outer, 1, inner]).expand([outer, *size, inner]);
                let mut sizes = whole.shape.clone();
                sizes[axis] = *size;
                whole = Self::of(spread).reshaped(sizes);
            }
        }
        whole
    }

    /// Summed over the axes that were spread to come from `shape`: the derivative of [`Self::spread`].
    pub fn gathered(&self, shape: &[usize]) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let missing = self.axes() - shape.len();
        let was_spread =
            |axis: &usize| *axis < missing || (shape[*axis - missing] == 1 && self.shape[*axis] != 1);
        let axes: Vec<usize> = (0..self.axes()).filter(was_spread).collect();
        self.summed(&axes).reshaped(shape.to_vec())
    }

    /// Sums along these axes, in ascending order, each of which has one entry then.
    pub fn summed(&self, axes: &[usize]) -> Self {
        self.folded(axes, |tensor| tensor.sum_dim(1))
    }

    /// The largest entries along these axes, in ascending order.
    pub fn largest(&self, axes: &[usize]) -> Self {
        self.folded(axes, |tensor| tensor.max_dim(1))
    }

    /// Neighbouring axes are folded at once.
    fn folded(&self, axes: &[usize], of: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        let mut whole = self.clone();
        let mut rest = axes;
        while let [first, ..] = rest {
            let run = rest.iter().zip(*first..).take_while(|(axis, next)| **axis == *next).count();
            let [outer, middle, inner] = whole.around(*first..first + run);
            let mut shape = whole.shape.clone();
            shape[*first..first + run].fill(1);
            whole = Self::of(of(whole.as_shape([outer, middle, inner]))).reshaped(shape);
            rest = &rest[run..];
        }
        whole
    }

    /// How many entries stand before these axes, along them, and behind them.
    pub fn around(&self, axes: std::ops::Range<usize>) -> [usize; 3] {
        let count = |sizes: &[usize]| sizes.iter().product::<usize>();
        [count(&self.shape[..axes.start]), count(&self.shape[axes.clone()]), count(&self.shape[axes.end..])]
    }

    /// As three axes, the middle one being `axis`; what comes of it has `size` entries there.
    fn along(&self, axis: usize, size: usize, of: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Self {
        let around = self.around(axis..axis + 1);
        let mut shape = self.shape.clone();
        shape[axis] = size;
        Self::of(of(self.as_shape(around))).reshaped(shape)
    }

    /// The entries along an axis from `start` on, every `step`-th, so many.
    pub fn sliced(&self, axis: usize, (start, step, count): (usize, usize, usize)) -> Self {
        if (start, step, count) == (0, 1, self.shape[axis]) {
            return self.clone();
        }
        self.along(axis, count, |tensor| tensor.slice(taken(start, step, count)))
    }

    /// The derivative of [`Self::sliced`]: zeros along an axis of `size`, and these entries where they were taken from.
    pub fn unsliced(&self, axis: usize, (start, step, size): (usize, usize, usize)) -> Self {
        let count = self.shape[axis];
        if (start, step, size) == (0, 1, count) {
            return self.clone();
        }
        self.along(axis, size, |tensor| {
            let [outer, _, inner] = tensor.dims();
            let zeros = Tensor::zeros([outer, size, inner], &tensor.device());
            zeros.slice_assign(taken(start, step, count), tensor)
        })
    }

    /// `before` and `behind` so many entries of `value` along an axis.
    pub fn padded(&self, axis: usize, [before, behind]: [usize; 2], value: f64) -> Self {
        let count = self.shape[axis];
        if before + behind == 0 {
            return self.clone();
        }
        self.along(axis, count + before + behind, |tensor| {
            let [outer, _, inner] = tensor.dims();
            let fill = |size| Tensor::full([outer, size, inner], value, &tensor.device());
            let parts = [
                (before > 0).then(|| fill(before)),
                Some(tensor.clone()),
                (behind > 0).then(|| fill(behind)),
            ];
            Tensor::cat(parts.into_iter().flatten().collect(), 1)
        })
    }

    /// The entries at `indices` along an axis, which takes the `shape` of the indices.
    pub fn selected(&self, axis: usize, indices: &[usize], shape: &[usize]) -> Self {
        let found = self.along(axis, indices.len(), |tensor| {
            let indices = integers(indices, &tensor.device());
            tensor.select(1, indices)
        });
        let sizes = [&self.shape[..axis], shape, &self.shape[axis + 1..]].concat();
        found.reshaped(sizes)
    }

    /// The derivative of [`Self::selected`] from a tensor of that shape.
    pub fn unselected(&self, axis: usize, indices: &[usize], shape: &[usize]) -> Self {
        let count = |sizes: &[usize]| sizes.iter().product::<usize>();
        let (outer, inner) = (count(&shape[..axis]), count(&shape[axis + 1..]));
        let values: Tensor<3> = self.as_shape([outer, indices.len(), inner]);
        let device = values.device();
        let zeros = Tensor::zeros([outer, shape[axis], inner], &device);
        let sum = zeros.select_assign(1, integers(indices, &device), values, IndexingUpdateOp::Add);
        Self::of(sum).reshaped(shape.to_vec())
    }

    /// Tensors one behind the other along an axis.
    pub fn joined(parts: &[Self], axis: usize) -> Self {
        let mut shape = parts[0].shape.clone();
        shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        let parts: Vec<Tensor<3>> =
            parts.iter().map(|part| part.as_shape(part.around(axis..axis + 1))).collect();
        Self::of(Tensor::cat(parts, 1)).reshaped(shape)
    }

    /// With the axes in another order: what stands first is the old number of the first.
    pub fn transposed(&self, order: &[usize]) -> Self {
        let shape: Vec<usize> = order.iter().map(|axis| self.shape[*axis]).collect();
        // Axes that stay neighbours go together, so that six are enough.
        let (sizes, order) = neighbours(&self.shape, order);
        let moved = match sizes.len() {
            0 | 1 => return self.reshaped(shape),
            2 => self.permuted::<2>(&sizes, &order),
            3 => self.permuted::<3>(&sizes, &order),
            4 => self.permuted::<4>(&sizes, &order),
            5 => self.permuted::<5>(&sizes, &order),
            6 => self.permuted::<6>(&sizes, &order),
            7 => self.permuted::<7>(&sizes, &order),
            _ => self.permuted::<MOST_AXES>(&sizes, &order),
        };
        moved.reshaped(shape)
    }

    fn permuted<const D: usize>(&self, sizes: &[usize], order: &[usize]) -> Self {
        let sizes: [usize; D] = std::array::from_fn(|axis| sizes[axis]);
        let order: [isize; D] = std::array::from_fn(|axis| order[axis] as isize);
        Self::of(self.as_shape(sizes).permute(order))
    }

    /// These entries where `mask` is true, of `other` elsewhere; all of one shape.
    pub fn chosen(&self, mask: Tensor<1, Bool>, other: &Self) -> Self {
        Self { data: other.flat().mask_where(mask, self.flat()), shape: self.shape.clone() }
    }
}

/// The integers as a tensor.
pub fn integers(numbers: &[usize], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.iter().map(|number| *number as i32).collect();
    let count = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [count]), device)
}

fn taken(start: usize, step: usize, count: usize) -> [Slice; 3] {
    let end = if count == 0 { start } else { start + (count - 1) * step + 1 };
    let whole = Slice::new(0, None, 1);
    [whole, Slice::new(start as isize, Some(end as isize), step as isize), whole]
}

/// The shape of two that are spread over each other; of a size that fits none the larger, which whoever computes refuses.
pub fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let axes = a.len().max(b.len());
    let size =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(axes).map_or(1, |own| shape[own]);
    (0..axes)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (1, other) | (other, 1) => other,
            (one, other) => one.max(other),
        })
        .collect()
}

/// Both shapes with neighbouring axes merged that are spread alike, as four axes; none where more are needed.
fn merged(a: &[usize], b: &[usize]) -> Option<[[usize; 4]; 2]> {
    let axes = a.len().max(b.len());
    let size =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(axes).map_or(1, |own| shape[own]);
    let mut groups: Vec<[usize; 2]> = Vec::new();
    let is_spread = |[a, b]: [usize; 2]| (a == 1 && b != 1, b == 1 && a != 1);
    for sizes in (0..axes).map(|axis| [size(a, axis), size(b, axis)]).filter(|sizes| *sizes != [1, 1]) {
        match groups.last_mut() {
            Some(last) if is_spread(*last) == is_spread(sizes) => {
                *last = [last[0] * sizes[0], last[1] * sizes[1]]
            }
            _ => groups.push(sizes),
        }
    }
    let missing = 4usize.checked_sub(groups.len())?;
    let of = |which: usize| {
        std::array::from_fn(|axis| axis.checked_sub(missing).map_or(1, |group| groups[group][which]))
    };
    Some([of(0), of(1)])
}

/// A transposition with axes merged that stay neighbours in the same order: the sizes, and the order of what is left.
fn neighbours(shape: &[usize], order: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for axis in order {
        match runs.last_mut() {
            Some(run) if run.end == *axis => run.end += 1,
            _ => runs.push(*axis..axis + 1),
        }
    }
    let mut sorted: Vec<_> = runs.clone();
    sorted.sort_by_key(|run| run.start);
    let sizes = sorted.iter().map(|run| shape[run.clone()].iter().product()).collect();
    let place = |run: &std::ops::Range<usize>| sorted.iter().position(|other| other == run).unwrap_or(0);
    (sizes, runs.iter().map(place).collect())
}
