//! What moves a window over pictures: convolutions and pooling, and their products back to the input.

use burn::tensor::{
    IndexingUpdateOp, Int, Tensor,
    module::{conv_transpose2d, conv2d as general, max_pool2d_with_indices},
    ops::{ConvOptions, ConvTransposeOptions, MaxPoolOptions},
};

use crate::gpu::{Shared, conv2d, conv2d_input_vjp};
use crate::nn::graph::dense::Dense;
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;

/// How a window moves over rows and columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its size; of a convolution that of its weight.
    pub kernel: [usize; 2],
    /// By how much it moves.
    pub stride: [usize; 2],
    /// What is added around the picture.
    pub padding: Padding,
    /// How far its entries lie apart.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are divided.
    pub groups: usize,
    /// Whether it may lie partly beyond what is added, at the end.
    pub is_ceil: bool,
}

/// What is added around a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Before and behind rows, before and behind columns.
    Explicit([[usize; 2]; 2]),
    /// So much that each side of the result is the picture's by the stride, rounded up; the odd one behind, or before.
    Same {
        /// Whether the odd one comes behind.
        behind: bool,
    },
}

impl Window {
    /// How far it reaches along each side.
    fn reach(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.dilation[axis] * (self.kernel[axis] - 1) + 1)
    }

    fn pads(&self, sizes: [usize; 2]) -> [[usize; 2]; 2] {
        match self.padding {
            Padding::Explicit(pads) => pads,
            Padding::Same { behind } => [0, 1].map(|axis| {
                let (size, stride) = (sizes[axis], self.stride[axis]);
                let needed = (size.div_ceil(stride) - 1) * stride + self.reach()[axis];
                let missing = needed.saturating_sub(size);
                let (less, more) = (missing / 2, missing - missing / 2);
                if behind { [less, more] } else { [more, less] }
            }),
        }
    }

    /// Rows and columns of a picture; that the window lies in it at least once.
    fn sizes(&self, x: &Dense) -> Result<[usize; 4], Problem> {
        let sizes = <[usize; 4]>::try_from(x.shape());
        let [n, c, h, w] = sizes
            .map_err(|_| Problem::new(format!("it takes maps [N, C, H, W], and {:?} comes in", x.shape())))?;
        let pads = self.pads([h, w]);
        let whole = [h + pads[0][0] + pads[0][1], w + pads[1][0] + pads[1][1]];
        check(whole.iter().zip(self.reach()).all(|(size, reach)| *size >= reach), || {
            format!("maps of {h} × {w} are smaller than its window")
        })?;
        Ok([n, c, h, w])
    }

    /// Rows and columns of the result.
    fn result(&self, sizes: [usize; 2]) -> [usize; 2] {
        let pads = self.pads(sizes);
        [0, 1].map(|axis| {
            let whole = sizes[axis] + pads[axis][0] + pads[axis][1];
            whole.saturating_sub(self.reach()[axis]) / self.stride[axis] + 1
        })
    }

    /// Whether our own kernels do it.
    fn is_ours(&self, sizes: [usize; 2]) -> bool {
        let [kernel, other] = self.kernel;
        let half = kernel / 2;
        kernel == other
            && matches!(kernel, 1 | 3)
            && matches!(self.stride, [1, 1] | [2, 2])
            && self.dilation == [1, 1]
            && self.groups == 1
            && self.pads(sizes) == [[half; 2]; 2]
    }

    /// The maps with what is added around them, where that is more on one side than on the other; and what is still to be
    /// added on both.
    fn evened(&self, x: &Dense, value: f64) -> (Dense, [usize; 2]) {
        let pads = self.pads([x.shape()[2], x.shape()[3]]);
        let less = pads.map(|[before, behind]| before.min(behind));
        let rest = |axis: usize| pads[axis].map(|pad| pad - less[axis]);
        (x.padded(2, rest(0), value).padded(3, rest(1), value), less)
    }

    /// Maps `[N, C, H, W]` convolved with a weight `[out, C / groups, k, k]`.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn convolve(&self, x: &Dense, weight: &Dense, room: &Room) -> Result<Dense, Problem> {
        let [n, c, h, w] = self.sizes(x)?;
        let shape = weight_shape(weight)?;
        check(shape[2..] == self.kernel, || {
            format!("a weight {shape:?} is not of its window, {:?}", self.kernel)
        })?;
        let [rows, columns] = self.result([h, w]);
        room.takes(&[n, shape[0].max(c), rows.max(h), columns.max(w)])?;
        check(shape[1].checked_mul(self.groups) == Some(c) && shape[0].is_multiple_of(self.groups), || {
            format!("a weight {shape:?} in {} groups does not fit {c} channels", self.groups)
        })?;
        if self.is_ours([h, w]) {
            let stride = self.stride[0];
            return Ok(Dense::of(conv2d(four(x), Shared::new(weight.flat(), shape), stride)));
        }
        let (x, padding) = self.evened(x, 0.0);
        let options = ConvOptions::new(self.stride, padding, self.dilation, self.groups);
        Ok(Dense::of(general(four(&x), weight.as_shape(shape), None, options)))
    }

    /// The cotangent of the maps from that of [`Self::convolve`].
    ///
    /// # Errors
    /// As there.
    pub fn convolve_vjp(&self, x: &Dense, weight: &Dense, gy: &Dense) -> Result<Dense, Problem> {
        let [.., h, w] = self.sizes(x)?;
        let shape = weight_shape(weight)?;
        if self.is_ours([h, w]) {
            let kernel = Shared::new(weight.flat(), shape);
            return Ok(Dense::of(conv2d_input_vjp(four(gy), kernel, self.stride[0], [h, w])));
        }
        Ok(self.back(gy, weight.as_shape(shape), [h, w], self.groups))
    }

    /// What a convolution's cotangent brings to maps of `[h, w]`.
    fn back(&self, gy: &Dense, weight: Tensor<4>, sizes: [usize; 2], groups: usize) -> Dense {
        let pads = self.pads(sizes);
        let less = pads.map(|[before, behind]| before.min(behind));
        let rest = |axis: usize| pads[axis].map(|pad| pad - less[axis]);
        let padded = [0, 1].map(|axis| sizes[axis] + rest(axis)[0] + rest(axis)[1]);
        let [_, _, rows, columns] = four(gy).dims();
        // What lies behind the last window.
        let missing = [0, 1].map(|axis| {
            let covered = ([rows, columns][axis] - 1) * self.stride[axis] + self.reach()[axis];
            padded[axis] + 2 * less[axis] - covered
        });
        let options = ConvTransposeOptions::new(self.stride, less, missing, self.dilation, groups);
        let whole = Dense::of(conv_transpose2d(four(gy), weight, None, options));
        (0..2).fold(whole, |whole, axis| whole.sliced(2 + axis, (rest(axis)[0], 1, sizes[axis])))
    }

    /// The largest entry of each window.
    ///
    /// # Errors
    /// Where no window lies in the maps.
    pub fn largest(&self, x: &Dense) -> Result<Dense, Problem> {
        let [n, c, h, w] = self.sizes(x)?;
        let within = |(pads, reach): (&[usize; 2], usize)| pads.iter().all(|pad| *pad < reach);
        check(self.pads([h, w]).iter().zip(self.reach()).all(within), || {
            "its window may lie wholly beyond the maps".into()
        })?;
        let places = self.places(x);
        let [_, _, rows, columns] = places.dims();
        let flat: Tensor<2> = x.as_shape([n * c, h * w]);
        let found = flat.gather(1, places.reshape([n * c, rows * columns]));
        Ok(Dense::of(found).reshaped(vec![n, c, rows, columns]))
    }

    /// The cotangent of the maps from that of [`Self::largest`]: it goes where the largest entry was.
    ///
    /// # Errors
    /// As there.
    pub fn largest_vjp(&self, x: &Dense, gy: &Dense) -> Result<Dense, Problem> {
        let [n, c, h, w] = self.sizes(x)?;
        let places = self.places(x);
        let count = places.dims()[2] * places.dims()[3];
        let zeros: Tensor<2> = Tensor::zeros([n * c, h * w], &gy.device());
        let gy = gy.as_shape([n * c, count]);
        let sum = zeros.scatter(1, places.reshape([n * c, count]), gy, IndexingUpdateOp::Add);
        Ok(Dense::of(sum).reshaped(vec![n, c, h, w]))
    }

    /// Where in each map the largest entries are.
    fn places(&self, x: &Dense) -> Tensor<4, Int> {
        let [h, w] = [x.shape()[2], x.shape()[3]];
        let pads = self.pads([h, w]).map(|[before, behind]| (before, behind));
        let mut options = MaxPoolOptions::new(self.kernel).with_stride(self.stride).with_padding_pairs(pads);
        (options.dilation, options.ceil_mode) = (self.dilation, self.is_ceil);
        max_pool2d_with_indices(four(x).detach(), options).1
    }

    /// The mean of each window; `counts_padding` says whether over its whole size or over what lies in the maps.
    ///
    /// # Errors
    /// Where no window lies in the maps, or it may lie partly beyond them.
    pub fn mean(&self, x: &Dense, counts_padding: bool) -> Result<Dense, Problem> {
        let [n, c, h, w] = self.sizes(x)?;
        check(!self.is_ceil, || {
            "a mean over windows that lie partly beyond the maps (ceil_mode) is not supported".into()
        })?;
        let (padded, padding) = self.evened(&x.reshaped(vec![n * c, 1, h, w]), 0.0);
        let options = ConvOptions::new(self.stride, padding, self.dilation, 1);
        let sum = general(four(&padded), self.ones(x), None, options);
        let [_, _, rows, columns] = sum.dims();
        let sum = Dense::of(sum).reshaped(vec![n, c, rows, columns]);
        Ok(sum.zip(&self.shares([h, w], [rows, columns], counts_padding, x), |sum, share| sum * share))
    }

    /// The cotangent of the maps from that of [`Self::mean`].
    ///
    /// # Errors
    /// As there.
    pub fn mean_vjp(&self, x: &Dense, gy: &Dense, counts_padding: bool) -> Result<Dense, Problem> {
        let [n, c, h, w] = self.sizes(x)?;
        let [_, _, rows, columns] = four(gy).dims();
        let shares = self.shares([h, w], [rows, columns], counts_padding, x);
        let each = gy.zip(&shares, |gy, share| gy * share).reshaped(vec![n * c, 1, rows, columns]);
        Ok(self.back(&each, self.ones(x), [h, w], 1).reshaped(vec![n, c, h, w]))
    }

    fn ones(&self, like: &Dense) -> Tensor<4> {
        let [rows, columns] = self.kernel;
        Tensor::ones([1, 1, rows, columns], &like.device())
    }

    /// By what the sum of each window becomes its mean, `[1, 1, rows, columns]`.
    fn shares(&self, sizes: [usize; 2], [rows, columns]: [usize; 2], whole: bool, like: &Dense) -> Dense {
        let pads = self.pads(sizes);
        let inside = |axis: usize, place: usize| {
            let at = |entry: usize| place * self.stride[axis] + entry * self.dilation[axis];
            let is_inside = |at: &usize| (pads[axis][0]..pads[axis][0] + sizes[axis]).contains(at);
            let count = (0..self.kernel[axis]).map(at).filter(|at| whole || is_inside(at)).count();
            count.max(1) as f32
        };
        let share = |place: usize| 1.0 / (inside(0, place / columns) * inside(1, place % columns));
        let shares = (0..rows * columns).map(share).collect();
        Dense::upload(shares, vec![1, 1, rows, columns], &like.device())
    }
}

fn four(x: &Dense) -> Tensor<4> {
    x.as_shape(std::array::from_fn(|axis| x.shape()[axis]))
}

fn weight_shape(weight: &Dense) -> Result<[usize; 4], Problem> {
    let shape = <[usize; 4]>::try_from(weight.shape());
    shape.map_err(|_| {
        Problem::new(format!("its weight is {:?}, not [out, in, rows, columns]", weight.shape()))
    })
}
