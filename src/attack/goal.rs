//! What an attack wants of each image: that it is not its class any more, or that it is another one.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, rngs::StdRng};

use crate::{
    config::TargetKind,
    gpu::{self, hits},
};

/// What a logit is raised by to stand before all others.
const FAR_AHEAD: f64 = 1e30;

/// What an attack wants: classes as one-hot rows `[N, K]`.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
pub enum Goal {
    /// Away from the labels.
    AwayFrom(Tensor<2>),
    /// Towards the targets.
    Towards {
        /// What the images are to be taken for.
        targets: Tensor<2>,
        /// What they are: where the target is out of reach, another wrong class is better than this one.
        labels: Tensor<2>,
    },
}

impl Goal {
    /// One for each row of `logits` `[N, K]` that says what is wanted, else zero: `[N]`.
    pub fn reached(&self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::AwayFrom(labels) => hits(logits, labels.clone()).each * -1.0 + 1.0,
            Self::Towards { targets, .. } => hits(logits, targets.clone()).each,
        }
    }

    /// How much of what is wanted each row of `logits` `[N, K]` says, `[N]`: 2 for the goal, 1 where it is only no longer
    /// the label, else 0.
    pub(super) fn degree(&self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::AwayFrom(_) => self.reached(logits) * 2.0,
            Self::Towards { labels, .. } => {
                let wrong = hits(logits.clone(), labels.clone()).each * -1.0 + 1.0;
                (self.reached(logits) * 2.0).max_pair(wrong)
            }
        }
    }

    /// The goal of the samples at `rows`.
    pub(super) fn select(&self, rows: &Tensor<1, Int>) -> Self {
        match self {
            Self::AwayFrom(labels) => Self::AwayFrom(labels.clone().select(0, rows.clone())),
            Self::Towards { targets, labels } => {
                let [targets, labels] = [targets, labels].map(|of| of.clone().select(0, rows.clone()));
                Self::Towards { targets, labels }
            }
        }
    }
}

/// The class that each of `labels` is to be mistaken for: another one, drawn from `random`.
pub fn random_targets(labels: &[usize], classes: usize, random: &mut StdRng) -> Vec<usize> {
    labels.iter().map(|label| (label + random.random_range(1..classes.max(2))) % classes).collect()
}

/// The goal of `target` for a batch; `clean_logits` `[N, K]` and `random_one_hot` are used where it needs them.
pub fn goal(
    target: TargetKind,
    labels: Tensor<2>,
    random_one_hot: Tensor<2>,
    clean_logits: Tensor<2>,
) -> Goal {
    let [n, k] = labels.dims();
    match target {
        TargetKind::Untargeted => Goal::AwayFrom(labels),
        TargetKind::Random => Goal::Towards { targets: random_one_hot, labels },
        TargetKind::LeastLikely => {
            // Of the wrong classes: where the label itself is least likely, there is nothing to attack.
            let wrong = clean_logits + labels.clone() * FAR_AHEAD;
            let targets = gpu::images::one_hot(wrong.argmin(1).reshape([n]), k);
            Goal::Towards { targets, labels }
        }
    }
}

/// Row numbers on the device of `like`.
pub(super) fn rows(numbers: &[usize], like: &Tensor<4>) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.iter().map(|number| *number as i32).collect();
    let count = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [count]), &like.device())
}
