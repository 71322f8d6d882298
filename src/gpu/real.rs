//! Single and double precision on the host, for loops that are the same in both.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::sync::Mutex;

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, Shape, TensorData};

use super::exponential;
use super::host_buffers::Free;

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
    + SubAssign
    + MulAssign
    + DivAssign
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// Rounded.
    fn of(value: f64) -> Self;
    /// Vectors that are in no use.
    fn free() -> &'static Mutex<Free<Self>>;
    /// `eˣ`.
    fn exp(self) -> Self;
    /// `eˣ` without a branch, for loops over many: see [`exponential`].
    fn exponential(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
}

macro_rules! real {
    ($real:ty, $exponential:path) => {
        impl Real for $real {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            fn free() -> &'static Mutex<Free<Self>> {
                static FREE: Mutex<Free<$real>> = Mutex::new(Free::new());
                &FREE
            }

            #[inline(always)]
            fn exp(self) -> Self {
                self.exp()
            }

            #[inline(always)]
            fn exponential(self) -> Self {
                $exponential(self)
            }

            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
        }
    };
}

real!(f32, exponential::single);
real!(f64, exponential::double);

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
