//! Gradient tensors as a run shows them: their histograms by origin, a few images with theirs, and all of a world's.

pub mod plane;
pub mod predicted;

use serde::{Deserialize, Serialize};

use super::exact;
use super::nullable;
use super::robustness::Share;
use super::run::RunId;

/// Percentiles of a [`ClassHistogram`], as TensorBoard draws them: ±3, ±2, ±1, ±0.5 standard deviations of a normal.
pub const PERCENTILES: [f64; 7] = [7.0, 16.0, 31.0, 50.0, 69.0, 84.0, 93.0];

/// Exact counts of gradient-tensor entries in log-magnitude bins with sign.
///
/// The bins run from most negative to most positive; `edges` has one more entry than each `counts`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Histograms {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Edges of the bins, ascending.
    #[serde(with = "exact")]
    pub edges: Vec<f32>,
    /// One for each origin: class, network, or task.
    pub classes: Vec<ClassHistogram>,
    /// Jensen-Shannon distance between the origins' histograms: the root of the divergence over the logarithm of their
    /// number, in [0, 1].
    #[serde(with = "exact")]
    pub distance: f64,
    /// The same after the origins were shuffled: what no difference looks like at this sample size.
    #[serde(with = "exact")]
    pub floor: f64,
    /// Student and teacher on the same held-out images, where there is a teacher.
    pub comparison: Option<Comparison>,
    /// The same gradient tensors before the alignment layers, over the same bins, where a run has such layers.
    pub before: Option<Box<Self>>,
}

/// A student beside its teacher, on held-out images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Images that the student gets right.
    pub student: Share,
    /// Images that the teacher gets right.
    pub teacher: Share,
    /// Images of which both say the same class.
    pub agreement: Share,
    /// Cosine between the two networks' gradient tensors, in [-1, 1], averaged over the images.
    #[serde(with = "nullable")]
    pub cosine: f64,
}

/// The gradient tensors of one class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassHistogram {
    /// Entries in each bin.
    pub counts: Vec<u32>,
    /// Mean of the entries; 0 where there are none.
    #[serde(with = "exact")]
    pub mean: f64,
    /// Standard deviation of the entries.
    #[serde(with = "exact")]
    pub deviation: f64,
    /// Smallest, the [`PERCENTILES`], largest; linear inside a bin.
    #[serde(with = "exact")]
    pub percentiles: [f64; PERCENTILES.len() + 2],
}

/// A few held-out images: what is attacked, along which gradient, and the adversarial example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Samples {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// `[C, H, W]` of every picture below.
    pub shape: [usize; 3],
    /// ε of the attack (PGD, L∞).
    #[serde(with = "exact")]
    pub epsilon: f64,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// One of [`Samples`]; pictures are `C × H × W`, row by row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// True class.
    pub label: usize,
    /// Pixels in [0, 1].
    #[serde(with = "exact")]
    pub image: Vec<f32>,
    /// Gradient tensor `∇x J`.
    #[serde(with = "exact")]
    pub gradient: Vec<f32>,
    /// The teacher's, where there is one.
    #[serde(with = "exact")]
    pub teacher_gradient: Option<Vec<f32>>,
    /// Adversarial image, in [0, 1].
    #[serde(with = "exact")]
    pub adversarial: Vec<f32>,
    /// Probabilities of the classes for the image.
    #[serde(with = "exact")]
    pub clean_probabilities: Vec<f32>,
    /// The same for the adversarial image.
    #[serde(with = "exact")]
    pub adversarial_probabilities: Vec<f32>,
    /// What the teacher says of the image, where there is one.
    #[serde(with = "exact")]
    pub teacher_probabilities: Option<Vec<f32>>,
    /// What the auxiliary network says of the gradient tensor: probabilities of the origins.
    #[serde(with = "exact")]
    pub auxiliary_probabilities: Vec<f32>,
}

/// The place of the largest of some logits or probabilities, the first of several: the class that is said. 0 of none.
pub fn likeliest(values: &[f32]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_that_are_as_likely_the_first_is_said() {
        let said = [&[0.2, 0.4, 0.4][..], &[0.5, 0.5], &[-3.0], &[]].map(likeliest);
        assert_eq!(said, [1, 0, 0, 0]);
    }
}
