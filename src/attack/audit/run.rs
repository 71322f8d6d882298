//! An audit under way, turn by turn.

use burn::tensor::Tensor;

use super::{
    probe::Probe,
    pupil::Reader,
    trial::{Findings, Inspection, Severity, Trial},
    verdicts,
};
use crate::{
    attack::evaluation::{BatchSizes, Evaluation, Outcomes, Turn},
    gpu::{images::DeviceImages, read},
    nn::{Network, Weights},
    protocol::Light,
};

/// Share of the work that the probe is counted as.
const PROBE_SHARE: f64 = 0.3;
/// Images inspected at once.
const BATCH_SIZE: usize = 128;

/// Who is audited.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The main network.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// The auxiliary network that reads the classes of its gradient tensors, if one does, or what a fresh one is to be like.
    pub reader: Option<Reader>,
    /// Another network on which transfer attacks make their examples, if there is one.
    pub surrogate: Option<(Network, Weights)>,
}

/// An audit under way.
pub struct Audit {
    subject: Subject,
    indices: Vec<u32>,
    evaluation: Evaluation,
    /// What its attacks have found.
    outcomes: Outcomes,
    probe: Option<Probe>,
    found: Findings,
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
        let found = Findings {
            severity,
            classes: subject.network.interface.classes,
            has_reader: subject.reader.is_some(),
            has_adversary: subject.reader.as_ref().is_some_and(|reader| reader.is_trained),
            trials,
            counts: None,
            inspection: None,
            probed: None,
        };
        let outcomes = Outcomes { threats: evaluation.threats().len(), ..Outcomes::default() };
        Self { subject, indices, evaluation, outcomes, probe, found }
    }

    /// The same with what evaluations before it found out about batches: see [`Evaluation::with_batch_sizes`].
    pub fn with_batch_sizes(self, known: &BatchSizes) -> Self {
        Self { evaluation: self.evaluation.with_batch_sizes(known), ..self }
    }

    /// The same, its attacks gone on with, where these are they: see [`Evaluation::going_on`].
    pub fn going_on(self, known: Outcomes) -> Self {
        if known.threats != self.outcomes.threats || known.at_once == 0 {
            return self;
        }
        Self {
            evaluation: self.evaluation.going_on(known.all.clone(), known.at_once),
            outcomes: known,
            ..self
        }
    }

    /// What its attacks have found so far.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Whether an attack on a batch has begun and not ended.
    pub fn is_under_way(&self) -> bool {
        self.evaluation.is_under_way()
    }

    /// Goes on for a turn. Whether there is something new to say.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self, held_out: &DeviceImages) -> Result<bool, String> {
        if self.found.inspection.is_none() {
            self.found.inspection = Some(self.inspect(held_out).await?);
            return Ok(true);
        }
        if !self.evaluation.is_complete() {
            let network = &self.subject.network;
            self.outcomes.at_once = self.evaluation.divide(network, held_out).await?;
            if let Turn::Attacked(attacked) = self.evaluation.advance(network, held_out).await? {
                self.outcomes.all.push(attacked.outcome().await?);
            }
            if self.evaluation.at_batch_end() {
                self.found.counts = Some(self.evaluation.read().await?);
                return Ok(true);
            }
            return Ok(false);
        }
        let Some(probe) = &mut self.probe else { return Ok(true) };
        probe.advance().await?;
        if let Some(probed) = probe.result() {
            self.found.probed = Some(probed);
            self.probe = None;
        }
        Ok(self.probe.is_none())
    }

    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        self.found.inspection.is_some() && self.evaluation.is_complete() && self.probe.is_none()
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
        verdicts::lights(&self.found)
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
}
