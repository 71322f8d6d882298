//! What one threat did to the images of one batch: on the device where it is counted, and read from it, to be kept.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{
    attack::{ball, goal::Goal},
    config::{Norm, VERDICT_DRAWS},
    gpu::{Hits, hits, read},
    nn::{Network, Weights},
};

/// Numbers that an [`Outcome`] has for each image.
const NUMBERS: usize = 4;

/// What one threat did to each image of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether it is still classified correctly.
    pub right: Vec<bool>,
    /// Whether it is taken for the target; never under untargeted attacks.
    pub fooled: Vec<bool>,
    /// The class that it is taken for.
    pub said: Vec<u8>,
    /// How far it was moved, in the threat's norm.
    pub distances: Vec<f32>,
}

/// What attacks found in batches of one size: of the first batch under each threat, then of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Images in a batch.
    pub at_once: usize,
    /// How many threats there are.
    pub threats: usize,
    /// Batch by batch, threat by threat.
    pub all: Vec<Outcome>,
}

/// An [`Outcome`] on the device, with the sums that are counted.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub right: Hits,
    pub fooled: Hits,
    /// `[N]`, as are the distances.
    pub said: Tensor<1>,
    pub distances: Tensor<1>,
}

impl Found {
    /// What the network makes of adversarial images.
    pub fn look(
        (network, weights): (&Network, &Weights),
        norm: Norm,
        goal: &Goal,
        labels: &Tensor<2>,
        (clean, adversarial): (&Tensor<4>, &Tensor<4>),
    ) -> Self {
        let logits = network.expected_logits(weights, adversarial, VERDICT_DRAWS);
        let right = hits(logits.clone(), labels.clone());
        let rows = logits.dims()[0];
        let fooled = match goal {
            Goal::AwayFrom(_) => Hits { each: right.each.zeros_like(), count: right.count.zeros_like() },
            Goal::Towards { targets, .. } => hits(logits.clone(), targets.clone()),
        };
        Self {
            right,
            fooled,
            said: logits.argmax(1).float().reshape([rows]),
            distances: ball::length(norm, adversarial.clone() - clean.clone()).reshape([rows]),
        }
    }

    /// What was read before, back on a device.
    pub fn known(outcome: &Outcome, device: &Device) -> Self {
        let upload = |values: Vec<f32>| {
            let rows = [values.len()];
            Tensor::<1>::from_data(TensorData::new(values, rows), device)
        };
        let flags = |flags: &[bool]| {
            let each = upload(flags.iter().map(|flag| f32::from(u8::from(*flag))).collect());
            Hits { count: each.clone().sum(), each }
        };
        Self {
            right: flags(&outcome.right),
            fooled: flags(&outcome.fooled),
            said: upload(outcome.said.iter().map(|class| f32::from(*class)).collect()),
            distances: upload(outcome.distances.clone()),
        }
    }

    /// What there is to read: `[4 N]`.
    pub fn numbers(&self) -> Tensor<1> {
        let Self { right, fooled, said, distances } = self.clone();
        Tensor::cat(vec![right.each, fooled.each, said, distances], 0)
    }
}

impl Outcome {
    /// Reads what [`Found::numbers`] gave.
    pub(super) async fn read(numbers: Tensor<1>) -> Result<Self, String> {
        let numbers = read(numbers).await?;
        let images = numbers.len() / NUMBERS;
        let part = |index: usize| &numbers[index * images..(index + 1) * images];
        let flags = |index: usize| part(index).iter().map(|flag| *flag > 0.5).collect();
        Ok(Self {
            right: flags(0),
            fooled: flags(1),
            said: part(2).iter().map(|class| *class as u8).collect(),
            distances: part(3).to_vec(),
        })
    }
}
