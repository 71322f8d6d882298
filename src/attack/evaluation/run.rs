//! Robust accuracy on held-out images, one batch under one attack at a time; long attacks pause, so that others can go on
//! between.

use std::{collections::VecDeque, pin::Pin, rc::Rc};

use burn::tensor::Tensor;

use super::{
    batch_size::BatchSizes,
    counts::{Counts, Tally},
    outcome::{Found, Outcome},
};
use crate::{
    attack::{
        assault::{Assault, Start},
        dice::Dice,
        goal::{Goal, goal, random_targets},
        pace::Pace,
        routine::Routine,
        victim::Victim,
    },
    config::{Stream, TargetKind, Threat, VERDICT_DRAWS, number_of_name},
    gpu::{hits, images::DeviceImages, read},
    nn::{Network, Weights},
};

/// Passes of a batch through the network after which an attack pauses.
const PASSES_A_TURN: u64 = 20;

/// An attack under way.
type Work = Pin<Box<dyn Future<Output = Result<Tensor<4>, String>>>>;

/// One batch under one threat.
#[derive(Clone, Debug)]
pub struct Attacked {
    /// Position in the list of threats.
    pub threat: usize,
    /// Which held-out images.
    pub indices: Vec<u32>,
    /// Their adversarial images, `[N, C, H, W]`.
    pub adversarial: Tensor<4>,
    found: Found,
}

impl Attacked {
    /// What the threat did to each image: a read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn outcome(&self) -> impl Future<Output = Result<Outcome, String>> + use<> {
        Outcome::read(self.found.numbers())
    }
}

/// How a turn ended.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
pub enum Turn {
    /// The attack goes on.
    Paused,
    /// A batch under an attack.
    Attacked(Attacked),
    /// All is done.
    Complete,
}

/// An evaluation under way. The weights are those it began with, whatever training does meanwhile.
///
/// Images are attacked in batches of what the device is fastest at; how large they are changes no result, because each
/// image has its own random numbers and nothing is computed across images. Which these are depends on the seed, the attack
/// and the image alone; what a network that draws noise draws, on the seed and the attack.
pub struct Evaluation {
    weights: Weights,
    threats: Vec<Threat>,
    indices: Vec<u32>,
    /// Images attacked at once, where that is given.
    batch_size: Option<usize>,
    /// Images attacked at once, where it was found out before.
    batch_sizes: BatchSizes,
    batches: Vec<Vec<u32>>,
    seed: u64,
    next_batch: usize,
    next_threat: usize,
    batch: Option<Prepared>,
    pace: Rc<Pace>,
    /// Over how many draws of the network's noise gradients are averaged.
    draws: usize,
    work: Option<Work>,
    /// What was found before, in the order in which it is looked for.
    known: VecDeque<Outcome>,
    /// On whom transfer attacks make their examples.
    surrogate: Option<(Network, Weights)>,
    /// Upper bounds on the passes of each threat.
    passes: Vec<usize>,
    /// `[1 + 2 · threats]`: clean, then robust and fooled of each threat; of the finished batches.
    counts: Option<Tensor<1>>,
    /// Of each finished batch: one where an image was classified correctly, else zero; without attack, then under each
    /// threat; then the class it was taken for under each threat, and how far it was moved: `[(1 + 3 · threats) · N]`.
    right: Vec<Tensor<1>>,
    /// The classes of the images of the finished batches.
    labels: Vec<u8>,
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
    /// Which images were classified correctly, each `[N]`.
    right: Vec<Tensor<1>>,
    /// As which class they were, each `[N]`.
    said: Vec<Tensor<1>>,
    /// How far they were moved, each `[N]`.
    distances: Vec<Tensor<1>>,
    /// Their true classes.
    classes: Vec<u8>,
}

impl Evaluation {
    /// Attacks the images at `indices`, of `classes` classes, with every one of `threats`.
    pub fn new(weights: &Weights, threats: Vec<Threat>, indices: &[u32], classes: usize, seed: u64) -> Self {
        Self {
            passes: threats
                .iter()
                .map(|threat| Routine::of(threat, Start::Own).passes(threat, classes))
                .collect(),
            pace: Rc::new(Pace::of(PASSES_A_TURN)),
            draws: 1,
            work: None,
            known: VecDeque::new(),
            surrogate: None,
            weights: weights.untracked(),
            threats,
            indices: indices.to_vec(),
            batch_size: None,
            batch_sizes: BatchSizes::default(),
            batches: Vec::new(),
            seed,
            next_batch: 0,
            next_threat: 0,
            batch: None,
            counts: None,
            right: Vec::new(),
            labels: Vec::new(),
            counted: 0,
        }
    }

    /// The same with a network on which transfer attacks make their examples; without one they fail.
    pub fn with_surrogate(self, network: Network, weights: &Weights) -> Self {
        Self { surrogate: Some((network, weights.untracked())), ..self }
    }

    /// The same, attacking in expectation over `draws` of the network's own noise: see [`Victim::with_draws`].
    pub fn with_draws(self, draws: usize) -> Self {
        let draws = draws.max(1);
        // A step is a pass for each draw.
        let pace = Rc::new(Pace::of((PASSES_A_TURN / draws as u64).max(1)));
        Self { draws, pace, ..self }
    }

    /// The same with `images` at once, whatever the device is fastest at.
    pub fn with_batch_size(self, images: usize) -> Self {
        Self { batch_size: Some(images.max(1)), ..self }
    }

    /// The same with what evaluations before it found out about batches, which it adds to.
    pub fn with_batch_sizes(self, known: &BatchSizes) -> Self {
        Self { batch_sizes: known.clone(), ..self }
    }

    /// The same, gone on with: `known` is what an earlier one with these threats and images, in batches of this `size`,
    /// found of its first batch under its first threats, and so on, batch by batch. It is counted, not attacked again.
    pub fn going_on(self, known: Vec<Outcome>, size: usize) -> Self {
        Self { known: known.into(), ..self.with_batch_size(size) }
    }

    /// The threats, in the order asked for.
    pub fn threats(&self) -> &[Threat] {
        &self.threats
    }

    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        self.counted as usize == self.indices.len()
    }

    /// Share of the work done, in [0, 1], as if every attack were as long as it can be.
    pub fn progress(&self) -> f64 {
        let each = self.passes.iter().sum::<usize>().max(1);
        let before: usize = self.passes.iter().take(self.next_threat).sum();
        let longest = self.passes.get(self.next_threat).copied().unwrap_or(0);
        let now = if self.work.is_some() { (self.pace.passes() as usize).min(longest) } else { 0 };
        (self.next_batch * each + before + now) as f64 / (self.batches.len().max(1) * each) as f64
    }

    /// Whether an attack on a batch has begun and not ended.
    pub fn is_under_way(&self) -> bool {
        self.work.is_some()
    }

    /// Whether a batch has just been finished, so that [`Self::read`] has something new to say.
    pub fn at_batch_end(&self) -> bool {
        self.batch.is_none() && self.counted > 0
    }

    /// Goes on with the next batch under the next threat, to its end or the next pause.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self, network: &Network, held_out: &DeviceImages) -> Result<Turn, String> {
        self.divide(network, held_out).await?;
        let Some(indices) = self.batches.get(self.next_batch).cloned() else { return Ok(Turn::Complete) };
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.prepare(network, held_out, &indices),
        };
        let batch = self.batch.insert(batch);
        let Some(threat) = self.threats.get(self.next_threat).copied() else {
            self.finish_threat(indices.len());
            return Ok(Turn::Paused);
        };
        if let Some(known) = self.known.pop_front() {
            if known.right.len() != indices.len() {
                return Err("what was found before is of other batches".into());
            }
            batch.take(Found::known(&known, held_out.device()));
            self.finish_threat(indices.len());
            return Ok(Turn::Paused);
        }
        let (goal, images) = (batch.goal(&threat), batch.images.clone());
        let mut work = match self.work.take() {
            Some(work) => work,
            None => {
                let dice = Dice::of_images(self.seed, number_of_name(threat.attack.name()), &indices);
                self.begin(network, images, goal.clone(), threat, dice)
            }
        };
        let Some(adversarial) = self.pace.turn(&mut work).await else {
            self.work = Some(work);
            return Ok(Turn::Paused);
        };
        let adversarial = adversarial?;
        let found = self.count(network, &threat, &goal, &adversarial)?;
        let attacked = Attacked { threat: self.next_threat, indices, adversarial, found };
        self.finish_threat(attacked.indices.len());
        Ok(Turn::Attacked(attacked))
    }

    /// Divides the images into batches, if that was not done: how many are attacked at once. The first turn does it
    /// too; what has to be tried for it takes time of its own.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn divide(&mut self, network: &Network, held_out: &DeviceImages) -> Result<usize, String> {
        if let Some(first) = self.batches.first() {
            return Ok(first.len());
        }
        let images = self.indices.len();
        let size = match self.batch_size {
            Some(size) => size,
            None => self.batch_sizes.fastest(network, &self.weights, held_out.device(), images).await?,
        };
        self.batches = self.indices.chunks(size).map(<[u32]>::to_vec).collect();
        Ok(size)
    }

    /// An attack that has all it needs, and need not be given more.
    fn begin(
        &self,
        network: &Network,
        images: Tensor<4>,
        goal: Goal,
        threat: Threat,
        mut dice: Dice,
    ) -> Work {
        let (network, weights, pace) = (network.clone(), self.weights.clone(), Rc::clone(&self.pace));
        if let Some(draws) = network.draws() {
            let attack = number_of_name(threat.attack.name());
            draws.restart_shared(Stream::AttackedNoise.of(self.seed) ^ attack);
        }
        let (surrogate, draws) = (self.surrogate.clone(), self.draws);
        pace.restart();
        Box::pin(async move {
            let victim = Victim::new(&network, &weights).with_draws(draws);
            let surrogate = surrogate.as_ref().map(|(network, weights)| Victim::new(network, weights));
            let (clean, start) = (&images, Start::Own);
            let assault = Assault { victim, surrogate, clean, goal: &goal, threat, start };
            assault.examples_by(&mut dice, &pace).await
        })
    }

    fn count(
        &mut self,
        network: &Network,
        threat: &Threat,
        goal: &Goal,
        adversarial: &Tensor<4>,
    ) -> Result<Found, String> {
        let batch = self.batch.as_mut().ok_or("there is no batch to count")?;
        let (victim, images) = ((network, &self.weights), (&batch.images, adversarial));
        let found = Found::look(victim, threat.attack.norm(), goal, &batch.labels, images);
        batch.take(found.clone());
        Ok(found)
    }

    fn finish_threat(&mut self, images: usize) {
        self.next_threat += 1;
        if self.next_threat < self.threats.len() {
            return;
        }
        if let Some(batch) = self.batch.take() {
            self.right.push(Tensor::cat([batch.right, batch.said, batch.distances].concat(), 0));
            self.labels.extend(batch.classes);
            let counts = Tensor::cat(batch.counts, 0);
            self.counts = Some(match self.counts.take() {
                Some(sum) => sum + counts,
                None => counts,
            });
        }
        self.counted += images as u32;
        (self.next_batch, self.next_threat) = (self.next_batch + 1, 0);
    }

    /// What was counted in the finished batches: the evaluation's one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&self) -> impl Future<Output = Result<Counts, String>> + use<> {
        let (total, threats) = (self.counted, self.threats.len());
        let parts: Vec<Tensor<1>> = self.counts.iter().chain(&self.right).cloned().collect();
        let batches: Vec<usize> = self.batches[..self.right.len()].iter().map(Vec::len).collect();
        let labels = self.labels.clone();
        async move {
            let numbers = if parts.is_empty() {
                vec![0.0; 1 + 2 * threats]
            } else {
                read(Tensor::cat(parts, 0)).await?
            };
            let (counts, mut right) = numbers.split_at(1 + 2 * threats);
            let tallies = counts[1..].chunks_exact(2);
            let tallies = tallies.map(|pair| Tally { robust: pair[0] as u32, fooled: pair[1] as u32 });
            let (mut images, mut said) = (Vec::with_capacity(total as usize), Vec::new());
            let mut distances = Vec::with_capacity(total as usize);
            for n in batches {
                let (batch, rest) = right.split_at((1 + 3 * threats) * n);
                let (hits, found) = batch.split_at((1 + threats) * n);
                let (classes, moved) = found.split_at(threats * n);
                let of = |values: &[f32], image: usize| {
                    values.iter().skip(image).step_by(n).copied().collect::<Vec<f32>>()
                };
                images.extend((0..n).map(|image| of(hits, image).iter().map(|one| *one > 0.5).collect()));
                said.extend(
                    (0..n).map(|image| of(classes, image).iter().map(|class| *class as u8).collect()),
                );
                distances.extend((0..n).map(|image| of(moved, image)));
                right = rest;
            }
            let (clean, threats) = (counts[0] as u32, tallies.collect());
            Ok(Counts { total, clean, threats, images, labels, said, distances })
        }
    }

    fn prepare(&self, network: &Network, held_out: &DeviceImages, indices: &[u32]) -> Prepared {
        let batch = held_out.gather(indices);
        let labels: Vec<usize> =
            indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])).collect();
        // One draw an image: every attack aims at the same target.
        let mut dice = Dice::of_images(self.seed, u64::MAX, indices);
        let target = |(row, label)| random_targets(&[label], held_out.classes(), dice.row(row));
        let targets: Vec<usize> = labels.iter().copied().enumerate().flat_map(target).collect();
        let clean_logits = network.expected_logits(&self.weights, &batch.images, VERDICT_DRAWS);
        let clean = hits(clean_logits.clone(), batch.one_hot.clone());
        Prepared {
            images: batch.images,
            labels: batch.one_hot,
            random_targets: held_out.one_hot(&targets),
            clean_logits,
            counts: vec![clean.count],
            right: vec![clean.each],
            said: Vec::new(),
            distances: Vec::new(),
            classes: labels.iter().map(|label| *label as u8).collect(),
        }
    }
}

impl Prepared {
    fn take(&mut self, found: Found) {
        self.counts.extend([found.right.count, found.fooled.count]);
        self.right.push(found.right.each);
        self.said.push(found.said);
        self.distances.push(found.distances);
    }

    fn goal(&self, threat: &Threat) -> Goal {
        let target = if threat.attack.is_targetable() { threat.target } else { TargetKind::Untargeted };
        goal(target, self.labels.clone(), self.random_targets.clone(), self.clean_logits.clone())
    }
}
