//! Single and double precision on the host, for loops that are the same in both.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, Neg, Sub};

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, Shape, TensorData};

/// `f32` or `f64`.
pub(super) trait Real:
    Element
    + bytemuck::Pod
    + PartialOrd
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + DivAssign
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// Rounded.
    fn of(value: f64) -> Self;
    /// `eˣ`.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
}

macro_rules! real {
    ($real:ty) => {
        impl Real for $real {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn of(value: f64) -> Self {
                value as Self
            }

            fn exp(self) -> Self {
                self.exp()
            }

            fn ln(self) -> Self {
                self.ln()
            }

            fn sqrt(self) -> Self {
                self.sqrt()
            }

            fn abs(self) -> Self {
                self.abs()
            }
        }
    };
}

real!(f32);
real!(f64);

/// An expression with `$real` standing for the precision of a tensor.
macro_rules! in_precision {
    ($tensor:expr, $real:ident => $body:expr) => {
        match $tensor.dtype() {
            burn::tensor::DType::F32 => {
                type $real = f32;
                $body
            }
            burn::tensor::DType::F64 => {
                type $real = f64;
                $body
            }
            other => panic!("the host computes in f32 or f64, not in {other:?}"),
        }
    };
}
pub(super) use in_precision;

/// A tensor of these values.
pub(super) fn host_tensor<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Sums kept side by side, so that the compiler may add several at once in an order that is always the same.
const LANES: usize = 16;

/// `Σ term(x, y)` over two rows of one length.
pub(super) fn sum_of_two<T: Real>(x: &[T], y: &[T], term: impl Fn(T, T) -> T) -> T {
    let mut sums = [T::ZERO; LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let (x_rest, y_rest) = (x_chunks.remainder(), y_chunks.remainder());
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    let rest: T = x_rest.iter().zip(y_rest).map(|(x, y)| term(*x, *y)).sum();
    sums.into_iter().sum::<T>() + rest
}

/// `Σ x`.
pub(super) fn sum<T: Real>(x: &[T]) -> T {
    sum_of_two(x, x, |x, _| x)
}
