//! Robust accuracy on held-out images, one batch under one attack at a time, so that others can go on between.

use burn::tensor::Tensor;
use rand::{SeedableRng, rngs::StdRng};

use super::{Goal, Victim, goal, random_targets};
use crate::{
    config::{TargetKind, Threat},
    gpu::{hits, images::DeviceImages, read},
    nn::{Network, Weights},
};

/// Images attacked at once.
const BATCH_SIZE: usize = 128;

/// What was counted for one threat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Images still classified correctly.
    pub robust: u32,
    /// Images predicted as the target; 0 for untargeted attacks.
    pub fooled: u32,
}

/// What was counted so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Images counted.
    pub total: u32,
    /// Of these, classified correctly without attack.
    pub clean: u32,
    /// One for each threat, in the order asked for.
    pub threats: Vec<Tally>,
}

/// One batch under one threat.
#[derive(Clone, Debug)]
pub struct Attacked {
    /// Position in the list of threats.
    pub threat: usize,
    /// Which held-out images.
    pub indices: Vec<u32>,
    /// What the attack made of them, `[N, C, H, W]`.
    pub adversarial: Tensor<4>,
}

/// An evaluation under way. The weights are those it began with, whatever training does meanwhile.
#[derive(Debug)]
pub struct Evaluation {
    weights: Weights,
    threats: Vec<Threat>,
    batches: Vec<Vec<u32>>,
    seed: u64,
    next_batch: usize,
    next_threat: usize,
    batch: Option<Prepared>,
    /// `[1 + 2 · threats]`: clean, then robust and fooled of each threat; of the finished batches.
    counts: Option<Tensor<1>>,
    counted: u32,
}

/// The batch at hand.
#[derive(Debug)]
struct Prepared {
    images: Tensor<4>,
    labels: Tensor<2>,
    random_targets: Tensor<2>,
    clean_logits: Tensor<2>,
    /// Counts of this batch, each `[1]`.
    counts: Vec<Tensor<1>>,
}

impl Evaluation {
    /// Attacks the images at `indices` with every one of `threats`.
    pub fn new(weights: &Weights, threats: Vec<Threat>, indices: &[u32], seed: u64) -> Self {
        Self {
            weights: weights.untracked(),
            threats,
            batches: indices.chunks(BATCH_SIZE).map(<[u32]>::to_vec).collect(),
            seed,
            next_batch: 0,
            next_threat: 0,
            batch: None,
            counts: None,
            counted: 0,
        }
    }

    /// The threats, in the order asked for.
    pub fn threats(&self) -> &[Threat] {
        &self.threats
    }

    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        self.next_batch == self.batches.len()
    }

    /// Share of the work done, in [0, 1].
    pub fn progress(&self) -> f64 {
        let turns = self.threats.len().max(1);
        let done = self.next_batch * turns + self.next_threat;
        done as f64 / (self.batches.len() * turns).max(1) as f64
    }

    /// Whether a batch has just been finished, so that [`Self::read`] has something new to say.
    pub fn at_batch_end(&self) -> bool {
        self.batch.is_none() && self.counted > 0
    }

    /// Puts the next batch under the next threat on the device's queue; None where all is done.
    pub fn advance(&mut self, network: &Network, held_out: &DeviceImages) -> Option<Attacked> {
        let indices = self.batches.get(self.next_batch)?.clone();
        let weights = self.weights.clone();
        let victim = Victim { network, weights: &weights };
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.prepare(&victim, held_out, &indices),
        };
        let attacked = self.threats.get(self.next_threat).map(|threat| {
            let adversarial = self.attack(&victim, &mut batch, threat);
            Attacked { threat: self.next_threat, indices: indices.clone(), adversarial }
        });
        self.next_threat += 1;
        if self.next_threat < self.threats.len() {
            self.batch = Some(batch);
        } else {
            let counts = Tensor::cat(batch.counts, 0);
            self.counts = Some(match self.counts.take() {
                Some(sum) => sum + counts,
                None => counts,
            });
            self.counted += indices.len() as u32;
            (self.next_batch, self.next_threat) = (self.next_batch + 1, 0);
        }
        attacked
    }

    /// What was counted in the finished batches: the evaluation's one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&self) -> impl Future<Output = Result<Counts, String>> + use<> {
        let (counts, total, threats) = (self.counts.clone(), self.counted, self.threats.len());
        async move {
            let numbers = match counts {
                Some(counts) => read(counts).await?,
                None => vec![0.0; 1 + 2 * threats],
            };
            let mut numbers = numbers.into_iter().map(|count| count as u32);
            let clean = numbers.next().unwrap_or(0);
            let mut tallies = Vec::with_capacity(threats);
            while let (Some(robust), Some(fooled)) = (numbers.next(), numbers.next()) {
                tallies.push(Tally { robust, fooled });
            }
            Ok(Counts { total, clean, threats: tallies })
        }
    }

    fn prepare(&self, victim: &Victim, held_out: &DeviceImages, indices: &[u32]) -> Prepared {
        let batch = held_out.gather(indices);
        let labels: Vec<usize> =
            indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])).collect();
        // One draw a batch: every attack of the batch aims at the same targets.
        let mut random = self.random(u64::MAX);
        let targets = random_targets(&labels, held_out.classes(), &mut random);
        let clean_logits = victim.network.logits(victim.weights, batch.images.clone());
        let clean = hits(clean_logits.clone(), batch.one_hot.clone()).count;
        Prepared {
            images: batch.images,
            labels: batch.one_hot,
            random_targets: held_out.one_hot(&targets),
            clean_logits,
            counts: vec![clean],
        }
    }

    fn attack(&self, victim: &Victim, batch: &mut Prepared, threat: &Threat) -> Tensor<4> {
        let target = if threat.attack.is_targetable() { threat.target } else { TargetKind::Untargeted };
        let goal =
            goal(target, batch.labels.clone(), batch.random_targets.clone(), batch.clean_logits.clone());
        let mut random = self.random(self.next_threat as u64);
        let adversarial = victim.perturb(&batch.images, &goal, threat, &mut random);
        let logits = victim.network.logits(victim.weights, adversarial.clone());
        let robust = hits(logits.clone(), batch.labels.clone()).count;
        let fooled = match goal {
            Goal::AwayFrom(_) => robust.zeros_like(),
            Goal::Towards(targets) => hits(logits, targets).count,
        };
        batch.counts.extend([robust, fooled]);
        adversarial
    }

    /// A generator of its own for each batch and threat, so that neither order nor number of others matters.
    fn random(&self, threat: u64) -> StdRng {
        let mut seed = [0; 32];
        for (part, number) in seed.chunks_exact_mut(8).zip([self.seed, self.next_batch as u64, threat, 0]) {
            part.copy_from_slice(&number.to_le_bytes());
        }
        StdRng::from_seed(seed)
    }
}
