//! Functions of one number, each with its slope as an expression that can be differentiated once more.

use burn::tensor::{Tensor, activation};

use crate::config::Activation;
use crate::gpu::{activate, activate_vjp};

/// A function that is computed entry by entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// `max(x, 0)`
    Relu,
    /// `x` above 0, so many times `x` below.
    LeakyRelu(f64),
    /// `x` above 0, `α (eˣ − 1)` below.
    Elu(f64),
    /// `γ x` above 0, `γ α (eˣ − 1)` below: `[α, γ]`.
    Selu([f64; 2]),
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `α x + β`, within 0 and 1: `[α, β]`.
    HardSigmoid([f64; 2]),
    /// The hyperbolic tangent.
    Tanh,
    /// `log(1 + eˣ)`
    Softplus,
    /// The error function.
    Erf,
    /// `eˣ`
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// `|x|`
    Abs,
    /// `−x`
    Neg,
    /// `1 / x`
    Reciprocal,
    /// `x` within both ends.
    Clip([f64; 2]),
    /// `x` to this power.
    Power(f64),
    /// The nearest whole number; its slope is 0, as that of a staircase is.
    Round,
    /// The next whole number below; its slope is 0.
    Floor,
    /// The next whole number above; its slope is 0.
    Ceil,
}

impl Curve {
    /// Its values.
    pub fn value(self, x: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Relu => {
                let count = x.dims()[0];
                activate(x.reshape([1, 1, 1, count]), Activation::Relu).reshape([count])
            }
            Self::LeakyRelu(below) => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * below,
            Self::Elu(alpha) => x.clone().clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0) * alpha,
            Self::Selu([alpha, gamma]) => Self::Elu(alpha).value(x) * gamma,
            Self::Sigmoid => activation::sigmoid(x),
            Self::HardSigmoid([alpha, beta]) => (x * alpha + beta).clamp(0.0, 1.0),
            Self::Tanh => x.tanh(),
            // It neither overflows for large x nor rounds to 0 too soon for small.
            Self::Softplus => x.clone().clamp_min(0.0) + ((x.abs() * -1.0).exp() + 1.0).log(),
            Self::Erf => x.erf(),
            Self::Exp => x.exp(),
            Self::Log => x.log(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Neg => x * -1.0,
            Self::Reciprocal => x.recip(),
            // Where they cross, the upper end holds.
            Self::Clip([low, high]) => x.clamp_min(low).clamp_max(high),
            Self::Power(2.0) => x.clone() * x,
            Self::Power(exponent) => x.powf_scalar(exponent),
            Self::Round => x.round(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
        }
    }

    /// Whether its slope is 0 wherever it has one.
    pub fn is_flat(self) -> bool {
        matches!(self, Self::Round | Self::Floor | Self::Ceil)
    }

    /// The cotangent of `x` from that of what was made of it.
    pub fn vjp(self, x: Tensor<1>, gy: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Relu => {
                let count = x.dims()[0];
                let [x, gy] = [x, gy].map(|entries| entries.reshape([1, 1, 1, count]));
                activate_vjp(x, gy, Activation::Relu).reshape([count])
            }
            Self::Neg => gy * -1.0,
            Self::Round | Self::Floor | Self::Ceil => gy.zeros_like(),
            _ => gy * self.slope(x),
        }
    }

    fn slope(self, x: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Relu => above(x, 0.0),
            Self::LeakyRelu(below) => above(x, 0.0) * (1.0 - below) + below,
            Self::Elu(alpha) => {
                let is_above = above(x.clone(), 0.0);
                (is_above.clone() * -1.0 + 1.0) * (x.clamp_max(0.0).exp() * alpha) + is_above
            }
            Self::Selu([alpha, gamma]) => Self::Elu(alpha).slope(x) * gamma,
            Self::Sigmoid => {
                let y = activation::sigmoid(x);
                y.clone() * (y * -1.0 + 1.0)
            }
            Self::HardSigmoid([alpha, beta]) => {
                let line = x * alpha + beta;
                above(line.clone(), 0.0) * (above(line, 1.0) * -1.0 + 1.0) * alpha
            }
            Self::Tanh => {
                let y = x.tanh();
                y.clone() * y * -1.0 + 1.0
            }
            Self::Softplus => activation::sigmoid(x),
            Self::Erf => (x.clone() * x * -1.0).exp() * std::f64::consts::FRAC_2_SQRT_PI,
            Self::Exp => x.exp(),
            Self::Log => x.recip(),
            Self::Sqrt => x.sqrt().recip() * 0.5,
            Self::Abs => x.detach().sign(),
            Self::Neg => x.ones_like() * -1.0,
            Self::Reciprocal => {
                let y = x.recip();
                y.clone() * y * -1.0
            }
            // Neither end belongs to it, as in PyTorch 2.15.
            Self::Clip([low, high]) => {
                let x = x.detach();
                x.clone().greater_elem(low).float() * x.lower_elem(high).float()
            }
            Self::Power(2.0) => x * 2.0,
            Self::Power(exponent) => x.powf_scalar(exponent - 1.0) * exponent,
            Self::Round | Self::Floor | Self::Ceil => x.zeros_like(),
        }
    }

    /// Its value of a single number.
    pub fn of_number(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(below) => x.max(0.0) + below * x.min(0.0),
            Self::Elu(alpha) => x.max(0.0) + alpha * x.min(0.0).exp_m1(),
            Self::Selu([alpha, gamma]) => gamma * Self::Elu(alpha).of_number(x),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid([alpha, beta]) => (alpha * x + beta).clamp(0.0, 1.0),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            // Sizes have none.
            Self::Erf => f64::NAN,
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Neg => -x,
            Self::Reciprocal => 1.0 / x,
            Self::Clip([low, high]) => x.max(low).min(high),
            Self::Power(exponent) => x.powf(exponent),
            Self::Round => x.round_ties_even(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
        }
    }
}

/// 1 where `x` is above a number, else 0: a constant.
fn above(x: Tensor<1>, number: f64) -> Tensor<1> {
    x.detach().greater_elem(number).float()
}
