//! The attacks of an audit, and what each found.

use super::probe::Probed;
use crate::{
    attack::evaluation::Counts,
    config::{AttackKind, TargetKind, Threat},
};

/// Queries of Square in an audit: enough to beat an attack that goes nowhere.
const SQUARE_QUERIES: usize = 300;
/// Fewest iterations of an attack without bounds.
const UNBOUNDED_STEPS: usize = 20;

/// The runs of an audit, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// PGD at radius 0.
    Nothing,
    Noise,
    Fgsm,
    /// FGSM and PGD along the cross-entropy's exact direction, PGD on the margin.
    FgsmExact,
    Pgd,
    PgdExact,
    PgdMargin,
    HalfRadius,
    TwiceRadius,
    TwiceSteps,
    FourTimesSteps,
    Restarts,
    Targeted,
    /// PGD at radius 0.5.
    Half,
    /// PGD at radius 1.
    Unbounded,
    Square,
    Transfer,
}

impl Trial {
    pub const ALL: [Self; 17] = [
        Self::Nothing,
        Self::Noise,
        Self::Fgsm,
        Self::FgsmExact,
        Self::Pgd,
        Self::PgdExact,
        Self::PgdMargin,
        Self::HalfRadius,
        Self::TwiceRadius,
        Self::TwiceSteps,
        Self::FourTimesSteps,
        Self::Restarts,
        Self::Targeted,
        Self::Half,
        Self::Unbounded,
        Self::Square,
        Self::Transfer,
    ];

    /// What the trial attacks with.
    pub fn threat(self, epsilon: f64, steps: usize) -> Threat {
        let pgd =
            Threat { attack: AttackKind::Pgd, target: TargetKind::Untargeted, epsilon, steps, restarts: 1 };
        let unbounded = steps.max(UNBOUNDED_STEPS);
        match self {
            Self::Nothing => Threat { epsilon: 0.0, ..pgd },
            Self::Noise => Threat { attack: AttackKind::Noise, ..pgd },
            Self::Fgsm => Threat { attack: AttackKind::Fgsm, ..pgd },
            Self::FgsmExact => Threat { attack: AttackKind::FgsmExact, ..pgd },
            Self::Pgd => pgd,
            Self::PgdExact => Threat { attack: AttackKind::PgdExact, ..pgd },
            Self::PgdMargin => Threat { attack: AttackKind::PgdMargin, ..pgd },
            Self::HalfRadius => Threat { epsilon: 0.5 * epsilon, ..pgd },
            Self::TwiceRadius => Threat { epsilon: (2.0 * epsilon).min(1.0), ..pgd },
            Self::TwiceSteps => Threat { steps: 2 * steps, ..pgd },
            Self::FourTimesSteps => Threat { steps: 4 * steps, ..pgd },
            Self::Restarts => Threat { restarts: 3, ..pgd },
            Self::Targeted => Threat { target: TargetKind::Random, ..pgd },
            Self::Half => Threat { epsilon: 0.5, steps: unbounded, ..pgd },
            Self::Unbounded => Threat { epsilon: 1.0, steps: unbounded, ..pgd },
            Self::Square => Threat { attack: AttackKind::Square, steps: SQUARE_QUERIES, ..pgd },
            Self::Transfer => Threat { attack: AttackKind::Transfer, ..pgd },
        }
    }
}

/// How hard the audit attacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Severity {
    /// The L∞ radius ε that robustness is claimed for, above 0.
    pub epsilon: f64,
    /// Iterations k of the PGD that it is claimed against.
    pub steps: usize,
    /// Over how many draws of the network's own noise attacks average their gradients; 1 where it draws none.
    pub draws: usize,
    /// Of restarts, targets and the probe.
    pub seed: u64,
}

/// What is measured beside the attacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inspection {
    pub images: u32,
    /// Images whose input gradient is zero in every pixel.
    pub zero_gradients: u32,
    /// Images of which the logits are others when they are shown again.
    pub changed: u32,
}

/// What an audit has found so far: all that its lights follow from.
#[derive(Debug)]
pub(super) struct Findings {
    pub severity: Severity,
    /// Classes `K`.
    pub classes: usize,
    /// Whether a fresh auxiliary network is to read the classes of gradient tensors.
    pub has_reader: bool,
    /// Whether one was trained beside the main network.
    pub has_adversary: bool,
    /// Which threat of the evaluation each trial is.
    pub trials: Vec<Trial>,
    pub counts: Option<Counts>,
    pub inspection: Option<Inspection>,
    pub probed: Option<Probed>,
}

impl Findings {
    /// Whether each image was right under a trial: none where it was not run.
    pub fn right(&self, trial: Trial) -> Option<Vec<bool>> {
        let position = self.trials.iter().position(|known| *known == trial)?;
        let images = &self.counts.as_ref()?.images;
        Some(images.iter().map(|right| right[position + 1]).collect())
    }

    /// Whether each image was right without attack.
    pub fn clean(&self) -> Option<Vec<bool>> {
        Some(self.counts.as_ref()?.images.iter().map(|right| right[0]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_is_made_once_and_stays_in_range() {
        for epsilon in [0.01, 0.3, 0.8, 1.0] {
            for trial in Trial::ALL {
                let threat = trial.threat(epsilon, 10);
                assert!((0.0..=1.0).contains(&threat.epsilon) && threat.steps > 0, "{trial:?}: {threat:?}");
            }
        }
        let threats: Vec<_> = Trial::ALL.iter().map(|trial| trial.threat(0.1, 10)).collect();
        for (index, threat) in threats.iter().enumerate() {
            assert!(!threats[..index].contains(threat), "{threat:?} twice");
        }
    }
}
