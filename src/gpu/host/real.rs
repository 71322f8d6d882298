//! Single and double precision on the host, for loops that are the same in both, and an exponential that these become
//! vectors with.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::sync::Mutex;

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, Shape, TensorData};

use super::free::Free;

/// `f32` or `f64`.
pub(in crate::gpu) trait Real:
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
    /// `eˣ` without a branch, for loops over many: see [`single`].
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

real!(f32, single);

real!(f64, double);

/// eˣ within a few units in the last place; x beyond ±87 counts as that.
#[inline(always)]
fn single(x: f32) -> f32 {
    // Added to a number, this leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = within(x, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let twos = shifted - ROUND;
    // ln 2 in two numbers; the first has so few digits that its multiples are exact.
    let rest = x - twos * 0.693_359_4 + twos * 2.121_944_4e-4;
    taylor::<f32, 7>(rest) * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// As [`single`], in double precision; x beyond ±700 counts as that.
#[inline(always)]
fn double(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    // ln 2, but for its last 32 bits.
    const LN_2: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    let x = within(x, 700.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let twos = shifted - ROUND;
    let rest = x - twos * LN_2 - twos * 1.908_214_929_270_587_7e-10;
    taylor::<f64, 13>(rest) * f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52))
}

/// The nearest number between −limit and limit; what is no number stays none.
#[inline(always)]
fn within<T: Real>(x: T, limit: T) -> T {
    if x > limit {
        limit
    } else if x < -limit {
        -limit
    } else {
        x
    }
}

/// The exponential's Taylor polynomial about 0.
#[inline(always)]
fn taylor<T: Real, const DEGREE: usize>(x: T) -> T {
    let mut sum = T::ONE;
    for degree in (1..DEGREE + 1).rev() {
        sum = T::ONE + x * T::of(1.0 / degree as f64) * sum;
    }
    sum
}

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

pub(in crate::gpu) use in_precision;

/// A tensor of these values.
pub(in crate::gpu) fn host_tensor<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in -8700..=8700 {
            let x = f64::from(step) / 100.0 + 1e-3 * f64::from(step % 7);
            let error = (x.exponential() / x.exp() - 1.0).abs();
            assert!(error < 1e-15 * 4.0, "{x}: {error}");
            let x = (x as f32).clamp(-87.0, 87.0);
            let error = (f64::from(x.exponential()) / f64::from(x).exp() - 1.0).abs();
            assert!(error < 3e-7, "{x}: {error}");
        }
        assert!(f32::NAN.exponential().is_nan() && f64::NAN.exponential().is_nan());
        assert!(f32::INFINITY.exponential().is_finite() && (-200f32).exponential() > 0.0);
    }
}
