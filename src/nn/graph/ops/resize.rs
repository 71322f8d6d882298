//! Pictures made larger or smaller, as ONNX defines `Resize`: along each axis a product with a matrix that follows from both
//! sizes.

use burn::tensor::{Tensor, TensorData};

use crate::nn::graph::dense::Dense;

/// How entries between others come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// The nearest one, of two equally near ones as `nearest` says.
    Nearest(Nearest),
    /// On the line between both neighbours.
    Linear,
}

/// Which of two neighbours is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearest {
    /// Half-way the first.
    PreferFloor,
    /// Half-way the second.
    PreferCeil,
    /// Always the first.
    Floor,
    /// Always the second.
    Ceil,
}

/// Where an entry of the result lies in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Middles lie on middles.
    HalfPixel,
    /// The same, but a result of a single entry lies at the first.
    PytorchHalfPixel,
    /// First entries lie on each other.
    Asymmetric,
    /// First and last entries lie on each other.
    AlignCorners,
}

/// How a picture is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resize {
    /// See [`Between`].
    pub between: Between,
    /// See [`Place`].
    pub place: Place,
}

impl Resize {
    /// Of the entries along an axis, `size` of them by so many times as many.
    pub fn along(self, x: &Dense, axis: usize, (size, scale): (usize, f32)) -> Dense {
        self.multiplied(x, axis, (x.shape()[axis], size, scale), false)
    }

    /// The cotangent of the entries along an axis, of which there were `own`.
    pub fn back(self, gy: &Dense, axis: usize, (own, scale): (usize, f32)) -> Dense {
        self.multiplied(gy, axis, (own, gy.shape()[axis], scale), true)
    }

    fn multiplied(
        self,
        x: &Dense,
        axis: usize,
        (own, size, scale): (usize, usize, f32),
        is_back: bool,
    ) -> Dense {
        let around = x.around(axis..axis + 1);
        let matrix = TensorData::new(self.matrix(own, size, scale), [1, size, own]);
        let matrix: Tensor<3> = Tensor::from_data(matrix, &x.device());
        let matrix = if is_back { matrix.swap_dims(1, 2) } else { matrix };
        let rows = if is_back { own } else { size };
        let matrix = matrix.expand([around[0], rows, around[1]]);
        let found = matrix.matmul(x.as_shape::<3>(around));
        let mut shape = x.shape().to_vec();
        shape[axis] = rows;
        Dense::of(found).reshaped(shape)
    }

    /// What each of `size` entries is of the `own` ones, row by row.
    fn matrix(self, own: usize, size: usize, scale: f32) -> Vec<f32> {
        let mut matrix = vec![0.0f32; own * size];
        let last = own as f32 - 1.0;
        for row in 0..size {
            let at = match self.place {
                Place::PytorchHalfPixel if size == 1 => 0.0,
                Place::HalfPixel | Place::PytorchHalfPixel => (row as f32 + 0.5) / scale - 0.5,
                Place::Asymmetric => row as f32 / scale,
                // By the scale, which need not make a whole number of entries.
                Place::AlignCorners if scale * own as f32 - 1.0 < 1e-6 => 0.0,
                Place::AlignCorners => row as f32 * last / (scale * own as f32 - 1.0),
            };
            let entries = &mut matrix[row * own..(row + 1) * own];
            match self.between {
                Between::Nearest(nearest) => {
                    let chosen = match nearest {
                        Nearest::PreferFloor => (at - 0.5).ceil(),
                        Nearest::PreferCeil => (at + 0.5).floor(),
                        Nearest::Floor => at.floor(),
                        Nearest::Ceil => at.ceil(),
                    };
                    entries[chosen.clamp(0.0, last) as usize] = 1.0;
                }
                Between::Linear => {
                    let at = at.clamp(0.0, last);
                    let (first, share) = (at.floor() as usize, at - at.floor());
                    entries[first] += 1.0 - share;
                    if share > 0.0 {
                        entries[first + 1] += share;
                    }
                }
            }
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_from_where_onnx_says() {
        let linear = Resize { between: Between::Linear, place: Place::HalfPixel };
        // The example of the operator's documentation: two entries become four.
        assert_eq!(linear.matrix(2, 4, 2.0), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
        let corners = Resize { place: Place::AlignCorners, ..linear };
        assert_eq!(corners.matrix(2, 3, 1.5), [1.0, 0.0, 0.5, 0.5, 0.0, 1.0]);
        let nearest = |nearest| {
            Resize { between: Between::Nearest(nearest), place: Place::Asymmetric }.matrix(3, 2, 2.0 / 3.0)
        };
        // The second entry lies at 1.5.
        assert_eq!(nearest(Nearest::PreferFloor)[3..], [0.0, 1.0, 0.0]);
        assert_eq!(nearest(Nearest::PreferCeil)[3..], [0.0, 0.0, 1.0]);
        assert_eq!(nearest(Nearest::Floor)[3..], [0.0, 1.0, 0.0]);
        assert_eq!(nearest(Nearest::Ceil)[3..], [0.0, 0.0, 1.0]);
    }
}
