//! What an attack climbs: a loss for each sample, with its gradient with respect to the logits written out.

use std::ops::{Add, Mul};

use burn::tensor::{
    Tensor, TensorData,
    activation::{log_softmax, softmax},
};

use super::{goal::Goal, victim::Victim};

/// Keeps the difference of logits ratio finite; as in AutoAttack.
const LEAST_SPREAD: f64 = 1e-12;
/// What a logit is lowered by to stand behind all others.
const FAR_BEHIND: f64 = 1e30;

/// A loss for each sample; classes are one-hot rows `[N, K]`.
#[derive(Clone, Debug)]
pub(super) enum AttackLoss {
    /// Cross-entropy: of the labels, to be raised; or of the targets, to be lowered.
    CrossEntropy(Goal),
    /// Difference of logits ratio of the labels (Croce & Hein 2020): `−(z_y − max_{j≠y} z_j) / (z_(1) − z_(3))`.
    Dlr(Tensor<2>),
    /// The same at one target: `−(z_y − z_t) / (z_(1) − (z_(3) + z_(4)) / 2)`.
    TargetedDlr {
        /// `y`.
        labels: Tensor<2>,
        /// `t`.
        targets: Tensor<2>,
    },
}

/// A loss at some images.
pub(super) struct View {
    /// `[N, 1, 1, 1]`.
    pub loss: Tensor<4>,
    /// With respect to the images, `[N, C, H, W]`.
    pub gradient: Tensor<4>,
    /// One where the goal is reached, `[N, 1, 1, 1]`.
    pub reached: Tensor<4>,
}

/// What one forward and backward pass says.
struct Pass {
    loss: Tensor<4>,
    gradient: Tensor<4>,
    logits: Tensor<2>,
}

impl Add for Pass {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            gradient: self.gradient + other.gradient,
            logits: self.logits + other.logits,
        }
    }
}

impl Mul<f64> for Pass {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self { loss: self.loss * factor, gradient: self.gradient * factor, logits: self.logits * factor }
    }
}

impl AttackLoss {
    /// The loss, its gradient and the success at `images`, by one forward and backward pass for each of the victim's
    /// draws: the goal is reached where their mean logits reach it.
    pub fn view(&self, victim: &Victim<'_>, images: Tensor<4>) -> View {
        let n = images.dims()[0];
        let is_ratio = !matches!(self, Self::CrossEntropy(_));
        if is_ratio && victim.draws > 1 && victim.network.draws().is_some() {
            return self.view_of_mean(victim, &images);
        }
        let Pass { loss, gradient, logits } = victim.mean(|| self.pass(victim, images.clone()));
        View { loss, gradient, reached: self.goal().reached(logits).reshape([n, 1, 1, 1]) }
    }

    /// The same of the mean logits over the victim's draws, whose class is what the network says: a ratio of logits is far
    /// from its mean where a draw's denominator is near 0. Each draw is passed through twice.
    fn view_of_mean(&self, victim: &Victim<'_>, images: &Tensor<4>) -> View {
        let n = images.dims()[0];
        let again = Victim { network: &victim.network.clone(), ..*victim };
        let logits = victim.mean(|| victim.network.logits(victim.weights, images.clone()));
        let (loss, cotangent) = self.evaluate(logits.clone());
        let gradient = again.mean(|| {
            let (_, tapes) = again.network.forward(again.weights, images.clone());
            again.network.input_vjp(tapes, cotangent.clone())
        });
        let reached = self.goal().reached(logits).reshape([n, 1, 1, 1]);
        View { loss: loss.reshape([n, 1, 1, 1]), gradient, reached }
    }

    fn pass(&self, victim: &Victim<'_>, images: Tensor<4>) -> Pass {
        let n = images.dims()[0];
        let (logits, tapes) = victim.network.forward(victim.weights, images);
        let (loss, cotangent) = self.evaluate(logits.clone());
        let gradient = victim.network.input_vjp(tapes, cotangent);
        Pass { loss: loss.reshape([n, 1, 1, 1]), gradient, logits }
    }

    /// What it is climbed for.
    pub fn goal(&self) -> Goal {
        match self {
            Self::CrossEntropy(goal) => goal.clone(),
            Self::Dlr(labels) | Self::TargetedDlr { labels, .. } => Goal::AwayFrom(labels.clone()),
        }
    }

    /// The loss `[N, 1]`, and its gradient with respect to `logits` `[N, K]`.
    pub fn evaluate(&self, logits: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::CrossEntropy(Goal::AwayFrom(labels)) => {
                let log_probability = row_sum(log_softmax(logits.clone(), 1) * labels.clone());
                (-log_probability, softmax(logits, 1) - labels.clone())
            }
            Self::CrossEntropy(Goal::Towards { targets, .. }) => {
                let log_probability = row_sum(log_softmax(logits.clone(), 1) * targets.clone());
                (log_probability, targets.clone() - softmax(logits, 1))
            }
            Self::Dlr(labels) => {
                let ranks = ranks(logits.clone());
                let (first, second) = (at_rank(&ranks, 0), at_rank(&ranks, 1));
                let on_top = row_sum(first.clone() * labels.clone()); // [N, 1]
                let rival = second * on_top.clone() + first.clone() * (on_top * -1.0 + 1.0);
                let spread = first - at_rank(&ranks, 2);
                ratio(&logits, labels.clone() - rival, spread)
            }
            Self::TargetedDlr { labels, targets } => {
                let ranks = ranks(logits.clone());
                let spread = at_rank(&ranks, 0) - (at_rank(&ranks, 2) + at_rank(&ranks, 3)) * 0.5;
                ratio(&logits, labels.clone() - targets.clone(), spread)
            }
        }
    }
}

/// `−⟨margin, z⟩ / ⟨spread, z⟩` and its gradient, both of them rows of coefficients `[N, K]`.
///
/// Of two classes there is no third: the ratio would be constant, so it is the margin alone.
fn ratio(logits: &Tensor<2>, margin: Tensor<2>, spread: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let numerator = row_sum(margin.clone() * logits.clone());
    if logits.dims()[1] < 3 {
        return (-numerator, -margin);
    }
    let denominator = row_sum(spread.clone() * logits.clone()) + LEAST_SPREAD;
    let loss = -numerator / denominator.clone();
    let gradient = -(margin + spread * loss.clone()) / denominator;
    (loss, gradient)
}

/// The rank of each logit in its row, 0 for the largest; of equal ones the first leads. `[N, K]`
pub(super) fn ranks(logits: Tensor<2>) -> Tensor<2> {
    let [n, k] = logits.dims();
    let earlier: Vec<f32> = (0..k * k).map(|index| f32::from(u8::from(index % k < index / k))).collect();
    let earlier = Tensor::<3>::from_data(TensorData::new(earlier, [1, k, k]), &logits.device());
    let own = logits.clone().reshape([n, k, 1]).expand([n, k, k]);
    let other = logits.reshape([n, 1, k]).expand([n, k, k]);
    let ahead = other.clone().greater(own.clone()).float() + other.equal(own).float() * earlier;
    ahead.sum_dim(2).reshape([n, k])
}

/// One-hot rows of the class at `rank`, or of the last where there are fewer.
pub(super) fn at_rank(ranks: &Tensor<2>, rank: usize) -> Tensor<2> {
    let last = ranks.dims()[1] - 1;
    ranks.clone().equal_elem(rank.min(last) as f32).float()
}

/// `z_y − max_{j≠y} z_j` `[N, 1]`, and one-hot rows of that other class.
pub(super) fn margin(logits: &Tensor<2>, labels: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let others = logits.clone() - labels.clone() * FAR_BEHIND;
    let rival = at_rank(&ranks(others), 0);
    let margin = row_sum((labels.clone() - rival.clone()) * logits.clone());
    (margin, rival)
}

/// `[N, K]` to `[N, 1]`.
pub(super) fn row_sum(rows: Tensor<2>) -> Tensor<2> {
    rows.sum_dim(1)
}
