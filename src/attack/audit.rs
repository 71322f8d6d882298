//! The audit: whether the robustness that attacks report can be trusted (Athalye, Carlini & Wagner 2018; Carlini et al.
//! 2019). It runs attacks that must order themselves in a certain way, and says where they do not.

use burn::tensor::Tensor;

use super::evaluation::{Counts, Evaluation};
use super::probe::{Probe, Probed};
use crate::protocol::Light;
use crate::{
    config::{AttackKind, TargetKind, Threat},
    gpu::{images::DeviceImages, read},
    nn::{Network, Weights},
};

mod verdicts;

/// Queries of Square in an audit: enough to beat an attack that goes nowhere.
const SQUARE_QUERIES: usize = 300;
/// Fewest iterations of an attack without bounds.
const UNBOUNDED_STEPS: usize = 20;
/// Share of the work that the probe is counted as.
const PROBE_SHARE: f64 = 0.3;

/// The runs of an audit, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// PGD at radius 0.
    Nothing,
    Noise,
    Fgsm,
    Pgd,
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
    const ALL: [Self; 14] = [
        Self::Nothing,
        Self::Noise,
        Self::Fgsm,
        Self::Pgd,
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

    fn threat(self, epsilon: f64, steps: usize) -> Threat {
        let pgd =
            Threat { attack: AttackKind::Pgd, target: TargetKind::Untargeted, epsilon, steps, restarts: 1 };
        let unbounded = steps.max(UNBOUNDED_STEPS);
        match self {
            Self::Nothing => Threat { epsilon: 0.0, ..pgd },
            Self::Noise => Threat { attack: AttackKind::Noise, ..pgd },
            Self::Fgsm => Threat { attack: AttackKind::Fgsm, ..pgd },
            Self::Pgd => pgd,
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

/// Who is audited.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The main network.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// The auxiliary network that reads the classes of its gradient tensors, if one does.
    pub reader: Option<super::probe::Reader>,
    /// Another network on which transfer attacks make their examples, if there is one.
    pub surrogate: Option<(Network, Weights)>,
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
struct Inspection {
    images: u32,
    /// Images whose input gradient is zero in every pixel.
    zero_gradients: u32,
    /// Images of which the logits are others when they are shown again.
    changed: u32,
}

/// An audit under way.
pub struct Audit {
    subject: Subject,
    severity: Severity,
    indices: Vec<u32>,
    evaluation: Evaluation,
    /// Which threat of the evaluation each trial is.
    trials: Vec<Trial>,
    counts: Option<Counts>,
    inspection: Option<Inspection>,
    probe: Option<Probe>,
    probed: Option<Probed>,
}

impl Audit {
    /// Of `subject` on the held-out images at `indices`; the probe trains on images of `train`.
    pub fn new(
        subject: Subject,
        severity: Severity,
        indices: Vec<u32>,
        (train, held_out): (&DeviceImages, &DeviceImages),
    ) -> Self {
        let has_surrogate = subject.surrogate.is_some();
        let trials: Vec<Trial> =
            Trial::ALL.into_iter().filter(|trial| *trial != Trial::Transfer || has_surrogate).collect();
        let threats = trials.iter().map(|trial| trial.threat(severity.epsilon, severity.steps)).collect();
        let mut evaluation =
            Evaluation::new(&subject.weights, threats, &indices, held_out.classes(), severity.seed)
                .with_draws(severity.draws);
        if let Some((network, weights)) = &subject.surrogate {
            evaluation = evaluation.with_surrogate(network.clone(), weights);
        }
        let probe = subject.reader.as_ref().map(|reader| {
            Probe::new(
                (&subject.network, &subject.weights),
                reader,
                (train, held_out),
                &indices,
                severity.seed,
            )
        });
        Self {
            subject,
            severity,
            indices,
            evaluation,
            trials,
            counts: None,
            inspection: None,
            probe,
            probed: None,
        }
    }

    /// Goes on for a turn. Whether there is something new to say.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self, held_out: &DeviceImages) -> Result<bool, String> {
        if self.inspection.is_none() {
            self.inspection = Some(self.inspect(held_out).await?);
            return Ok(true);
        }
        if !self.evaluation.is_complete() {
            self.evaluation.advance(&self.subject.network, held_out).await?;
            if self.evaluation.at_batch_end() {
                self.counts = Some(self.evaluation.read().await?);
                return Ok(true);
            }
            return Ok(false);
        }
        let Some(probe) = &mut self.probe else { return Ok(true) };
        probe.advance().await?;
        if let Some(probed) = probe.result() {
            self.probed = Some(probed);
            self.probe = None;
        }
        Ok(self.probe.is_none())
    }

    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        self.inspection.is_some() && self.evaluation.is_complete() && self.probe.is_none()
    }

    /// Share of the work done, in [0, 1].
    pub fn progress(&self) -> f64 {
        if self.subject.reader.is_none() {
            return self.evaluation.progress();
        }
        let probed = self.probe.as_ref().map_or(1.0, Probe::progress);
        (1.0 - PROBE_SHARE) * self.evaluation.progress() + PROBE_SHARE * probed
    }

    /// The lights, as far as they are known.
    pub fn lights(&self) -> Vec<Light> {
        verdicts::lights(self)
    }

    /// Gradients and repeated predictions of the images.
    async fn inspect(&self, held_out: &DeviceImages) -> Result<Inspection, String> {
        let (network, weights) = (&self.subject.network, &self.subject.weights);
        let mut inspection = Inspection::default();
        for indices in self.indices.chunks(BATCH_SIZE) {
            let batch = held_out.gather(indices);
            let [n, c, h, w] = batch.images.dims();
            let (gradient, logits) = network.input_gradient(weights, batch.images.clone(), batch.one_hot);
            let largest: Tensor<2> = gradient.abs().reshape([n, c * h * w]).max_dim(1);
            let again = network.logits(weights, batch.images);
            let other: Tensor<2> = (logits - again).abs().max_dim(1);
            inspection.images += n as u32;
            // A gradient that is no number is none to follow either.
            inspection.zero_gradients += read(largest.reshape([n]))
                .await?
                .iter()
                .filter(|largest| largest.is_nan() || **largest == 0.0)
                .count() as u32;
            inspection.changed +=
                read(other.reshape([n])).await?.iter().filter(|other| **other != 0.0).count() as u32;
        }
        Ok(inspection)
    }

    /// Whether each image was right under a trial: none where it was not run.
    fn right(&self, trial: Trial) -> Option<Vec<bool>> {
        let position = self.trials.iter().position(|known| *known == trial)?;
        let images = &self.counts.as_ref()?.images;
        Some(images.iter().map(|right| right[position + 1]).collect())
    }

    /// Whether each image was right without attack.
    fn clean(&self) -> Option<Vec<bool>> {
        Some(self.counts.as_ref()?.images.iter().map(|right| right[0]).collect())
    }
}

/// Images inspected at once.
const BATCH_SIZE: usize = 128;

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
