//! Operations on two tensors, entry by entry, each spread over the other.

use burn::tensor::Tensor;

use crate::nn::graph::dense::Dense;
use crate::nn::graph::host::fitting;
use crate::nn::graph::problem::Problem;
use crate::nn::graph::room::Room;
use crate::nn::graph::value::Value;

/// An operation on two numbers; what compares is 1 for true and 0 for false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// `a + b`
    Add,
    /// `a − b`
    Sub,
    /// `a b`
    Mul,
    /// `a / b`; of whole numbers without the rest, towards 0.
    Div,
    /// `a` to the power of `b`.
    Power,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
    /// The rest of a division, with the divisor's sign.
    Rest,
    /// The same with the dividend's sign.
    DividendsRest,
    /// `a = b`
    Equal,
    /// `a > b`
    Greater,
    /// `a ≥ b`
    AtLeast,
    /// `a < b`
    Less,
    /// `a ≤ b`
    AtMost,
    /// Both.
    And,
    /// One of both, or both.
    Or,
}

impl Pair {
    /// Whether it is 1 or 0: its derivative is 0 wherever it has one.
    pub fn compares(self) -> bool {
        use Pair::{
            Add, And, AtLeast, AtMost, Div, DividendsRest, Equal, Greater, Less, Max, Min, Mul, Or, Power,
            Rest, Sub,
        };
        match self {
            Equal | Greater | AtLeast | Less | AtMost | And | Or => true,
            Add | Sub | Mul | Div | Power | Max | Min | Rest | DividendsRest => false,
        }
    }

    /// What comes of both.
    ///
    /// # Errors
    /// Where their sizes do not fit, or what comes of them is too large.
    pub fn value(self, a: &Value, b: &Value, room: &Room) -> Result<Value, Problem> {
        room.takes(&fitting(a.shape(), b.shape())?)?;
        Ok(match (a, b) {
            (Value::Host(a), Value::Host(b)) => {
                let is_whole = !(a.is_float || b.is_float);
                let mut found = a.zip(b, |a, b| self.of_numbers(a, b, is_whole))?;
                found.is_float &= !self.compares();
                found.into()
            }
            (Value::Dense(a), b) => match number(b, a.axes()) {
                Some(b) => a.map(|a| self.with_number(a, b)).into(),
                None => a.zip(&b.dense(&a.device()), |a, b| self.of_tensors(a, b)).into(),
            },
            (Value::Host(_), Value::Dense(b)) => {
                a.dense(&b.device()).zip(b, |a, b| self.of_tensors(a, b)).into()
            }
        })
    }

    /// The cotangent of the first or the second from that of what came of both.
    pub fn vjp(self, which: usize, [a, b]: [&Value; 2], gy: &Dense) -> Dense {
        let device = gy.device();
        let own = if which == 0 { a } else { b };
        let (a, b) = (a.dense(&device), b.dense(&device));
        let times = |gy: &Dense, other: &Dense| gy.zip(other, |gy, other| gy * other);
        let whole = match (self, which) {
            (Self::Add, _) | (Self::Sub, 0) => gy.clone(),
            (Self::Sub, _) => gy.map(|gy| gy * -1.0),
            (Self::Mul, 0) => times(gy, &b),
            (Self::Mul, _) => times(gy, &a),
            (Self::Div, 0) => gy.zip(&b, |gy, b| gy / b),
            (Self::Div, _) => {
                let share = a.zip(&b, |a, b| a * -1.0 / (b.clone() * b));
                times(gy, &share)
            }
            (Self::Power, 0) => {
                let slope = a.zip(&b, |a, b| b.clone() * a.powf(b - 1.0));
                times(gy, &slope)
            }
            (Self::Power, _) => {
                // The logarithm of 0 is none, and its power 0.
                let slope =
                    a.zip(&b, |a, b| a.clone().powf(b) * a.clamp_min(f64::from(f32::MIN_POSITIVE)).log());
                times(gy, &slope)
            }
            // Equal ones share it, as in PyTorch.
            (Self::Max | Self::Min, _) => {
                let share = a.zip(&b, |a, b| {
                    let (a, b) = (a.detach(), b.detach());
                    let equal = a.clone().equal(b.clone()).float() * 0.5;
                    let is_own = match (self, which) {
                        (Self::Max, 0) | (Self::Min, 1) => a.greater(b),
                        _ => a.lower(b),
                    };
                    is_own.float() + equal
                });
                times(gy, &share)
            }
            (Self::Rest | Self::DividendsRest, 0) => gy.clone(),
            (Self::Rest, _) => times(gy, &a.zip(&b, |a, b| (a / b).floor() * -1.0)),
            (Self::DividendsRest, _) => {
                let times_of = a.zip(&b, |a, b| {
                    let share = a / b;
                    share.clone().abs().floor() * share.sign() * -1.0
                });
                times(gy, &times_of)
            }
            (
                Self::Equal
                | Self::Greater
                | Self::AtLeast
                | Self::Less
                | Self::AtMost
                | Self::And
                | Self::Or,
                _,
            ) => gy.map(|gy| gy.zeros_like()),
        };
        whole.gathered(own.shape())
    }

    fn of_tensors(self, a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Power => a.powf(b),
            Self::Max => a.max_pair(b),
            Self::Min => a.min_pair(b),
            Self::Rest => a.clone() - (a / b.clone()).floor() * b,
            Self::DividendsRest => {
                let times = (a.clone() / b.clone()).abs().floor();
                a.clone() - times * b.abs() * a.sign()
            }
            Self::Equal => a.equal(b).float(),
            Self::Greater => a.greater(b).float(),
            Self::AtLeast => a.greater_equal(b).float(),
            Self::Less => a.lower(b).float(),
            Self::AtMost => a.lower_equal(b).float(),
            Self::And => a * b,
            Self::Or => a.max_pair(b),
        }
    }

    fn with_number(self, a: Tensor<1>, b: f64) -> Tensor<1> {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Power => a.powf_scalar(b),
            Self::Max => a.clamp_min(b),
            Self::Min => a.clamp_max(b),
            Self::Rest => a.clone() - (a / b).floor() * b,
            Self::DividendsRest => a.clone() - (a.clone() / b).abs().floor() * b.abs() * a.sign(),
            Self::Equal => a.equal_elem(b).float(),
            Self::Greater => a.greater_elem(b).float(),
            Self::AtLeast => a.greater_equal_elem(b).float(),
            Self::Less => a.lower_elem(b).float(),
            Self::AtMost => a.lower_equal_elem(b).float(),
            Self::And => a * b,
            Self::Or => a.clamp_min(b),
        }
    }

    fn of_numbers(self, a: f64, b: f64, is_whole: bool) -> f64 {
        let said = |holds: bool| f64::from(u8::from(holds));
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div if is_whole => (a / b).trunc(),
            Self::Div => a / b,
            Self::Power => a.powf(b),
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::Rest => a - (a / b).floor() * b,
            Self::DividendsRest => a % b,
            Self::Equal => said(a == b),
            Self::Greater => said(a > b),
            Self::AtLeast => said(a >= b),
            Self::Less => said(a < b),
            Self::AtMost => said(a <= b),
            Self::And => said(a != 0.0 && b != 0.0),
            Self::Or => said(a != 0.0 || b != 0.0),
        }
    }
}

/// The one number that an array on the host is, where it adds no axis to a tensor of so many.
fn number(value: &Value, axes: usize) -> Option<f64> {
    match value {
        Value::Host(host) if host.shape.len() <= axes => host.single(),
        Value::Host(_) | Value::Dense(_) => None,
    }
}

/// `one` where `condition` is not 0, `other` elsewhere, each spread over the others.
///
/// # Errors
/// Where their sizes do not fit.
pub fn choose([condition, one, other]: [&Value; 3], room: &Room) -> Result<Value, Problem> {
    let shape = fitting(&fitting(condition.shape(), one.shape())?, other.shape())?;
    if let (Value::Host(condition), Value::Host(one), Value::Host(other)) = (condition, one, other) {
        let [condition, one, other] = [condition, one, other].map(|host| host.spread(&shape));
        let (condition, one, mut other) = (condition?, one?, other?);
        for (index, value) in other.values.iter_mut().enumerate() {
            if condition.values[index] != 0.0 {
                *value = one.values[index];
            }
        }
        return Ok(other.into());
    }
    room.takes(&shape)?;
    let [condition, one, other] =
        [condition, one, other].map(|value| value.dense(&room.device).spread(&shape));
    let mask = condition.flat().detach().not_equal_elem(0.0);
    Ok(one.chosen(mask, &other).into())
}

/// The cotangent of the second (1) or the third (2) of [`choose`].
pub fn choose_vjp(which: usize, [condition, own]: [&Value; 2], gy: &Dense) -> Dense {
    let device = gy.device();
    let condition = condition.dense(&device).spread(gy.shape());
    let mask = condition.flat().detach().not_equal_elem(0.0).float();
    let share = if which == 1 { mask } else { mask * -1.0 + 1.0 };
    gy.map(|gy| gy * share).gathered(own.shape())
}
