//! What `robustness.json` says, and the `run.json` of a run that was evaluated: figures under attack, image by image and
//! class by class where they are asked for in full.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{self, RecordError};
use crate::{
    config::{AttackKind, Norm, TargetKind},
    protocol::{Light, Robustness, Share, nullable},
};

/// What an evaluation lacks that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// Images that were attacked with all that was asked for.
    pub images: u32,
    /// Images that were to be.
    pub of: u32,
    /// Whether an audit was asked for and not finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit: bool,
}

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { images, of, audit } = self;
        write!(f, "incomplete: {images} of {of} images were attacked with all that was asked for")?;
        if *audit { write!(f, ", and the audit was not finished") } else { Ok(()) }
    }
}

/// An evaluation, finished or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// What it lacks, where it was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
    /// Steps done when it began.
    pub step: u64,
    /// Without attack.
    pub clean: ShareRecord,
    /// The same balanced over the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_balanced: Option<f64>,
    /// Images attacked of each class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_images: Vec<u32>,
    /// The standard deviation of the network's inputs, pixels in [0, 1], the mean over their channels: an ε divided by it
    /// is that of standardised inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_deviation: Option<f64>,
    /// Each image under the attack that harms it most: the headline.
    #[serde(default)]
    pub worst_case: Vec<WorstRecord>,
    /// Draws of the network's own noise over which attacks averaged their gradients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eot: Option<usize>,
    /// Draws of the network's own noise whose mean logits decided what it said; none where it draws none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_draws: Option<usize>,
    /// Attack by attack, radius by radius.
    pub attacks: Vec<AttackRecord>,
    /// The smallest L∞ distance at which each image was fooled: 0 without attack, null where it never was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smallest_epsilon: Vec<Option<f64>>,
    /// The same in L2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smallest_epsilon_l2: Vec<Option<f64>>,
    /// What was taken for what, threat by threat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<ConfusionRecord>,
    /// Whether these figures can be trusted, where that was checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<Light>,
}

/// How a network's own noise was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Draws over which attacks averaged their gradients; 1 where the network draws none.
    pub draws: usize,
    /// Draws whose mean logits decided what the network said; none where it draws none.
    pub verdict: Option<usize>,
}

/// The worst case in one norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorstRecord {
    /// The geometry of ε.
    pub norm: Norm,
    /// The median over the images of the smallest radius that fooled them; none where half of them never were fooled.
    pub median_smallest_epsilon: Option<f64>,
    /// Radius by radius.
    pub points: Vec<WorstPoint>,
}

/// What the worst case leaves at one radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorstPoint {
    /// The radius.
    pub epsilon: f64,
    /// Images still classified correctly.
    pub robust: ShareRecord,
    /// The same balanced over the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced: Option<f64>,
}

/// One attack at one radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackRecord {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Its radius.
    pub epsilon: f64,
    /// Images still classified correctly.
    pub robust: ShareRecord,
    /// The same balanced over the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced: Option<f64>,
    /// Images predicted as the attack's target, where it has one.
    pub success: Option<ShareRecord>,
}

/// What one threat had classes taken for: `K × K` images by true class (row) and what was said (column).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfusionRecord {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Its radius.
    pub epsilon: f64,
    /// Row by row.
    pub counts: Vec<u32>,
}

/// A share with its 95 % Wilson interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareRecord {
    /// Those that count.
    pub hits: u32,
    /// All that were looked at.
    pub n: u32,
    /// The share, or NaN of none.
    #[serde(with = "nullable")]
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl ShareRecord {
    fn of(share: Share) -> Self {
        let (low, high) = share.interval();
        Self { hits: share.hits, n: share.total, value: share.value(), low, high }
    }
}

impl EvaluationRecord {
    /// Its file's name in a folder.
    pub const FILE: &'static str = "robustness.json";

    /// The record in a file, or in a folder.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read(folder_or_file: &Path) -> Result<Self, RecordError> {
        const EXPECTED: &str = "the record of an evaluation";
        let path = file::locate(folder_or_file, Self::FILE);
        let json = file::read(&path, EXPECTED)?;
        serde_json::from_value(json).map_err(|error| file::malformed(&path, EXPECTED, &error))
    }

    /// Share of the images that withstand that attack at that radius, where it was tried there.
    pub fn robust(&self, attack: AttackKind, target: TargetKind, epsilon: f64) -> Option<f64> {
        // Radii are shares of a run's ε, the next one a quarter away: the tolerance is for rounding alone.
        let is_there = |radius: f64| (radius - epsilon).abs() <= 0.01 * epsilon;
        let is_it = |found: &&AttackRecord| {
            found.attack == attack && found.target == target && is_there(found.epsilon)
        };
        known(self.attacks.iter().find(is_it)?.robust.value)
    }

    /// Whether all that was asked for was attacked.
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_none()
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        file::text(self)
    }

    /// The record of `evaluation`.
    pub fn of(evaluation: &Robustness) -> Self {
        let attacks = evaluation.curves.iter().flat_map(|curve| {
            curve.points.iter().map(|point| AttackRecord {
                attack: curve.attack,
                target: curve.target,
                epsilon: point.epsilon,
                robust: ShareRecord::of(point.robust),
                balanced: known(point.balanced),
                success: (point.fooled.total > 0).then(|| ShareRecord::of(point.fooled)),
            })
        });
        let worst_case = evaluation.worst.iter().map(|case| WorstRecord {
            norm: case.norm,
            median_smallest_epsilon: case.median,
            points: case
                .points
                .iter()
                .map(|point| WorstPoint {
                    epsilon: point.epsilon,
                    robust: ShareRecord::of(point.robust),
                    balanced: known(point.balanced),
                })
                .collect(),
        });
        Self {
            incomplete: None,
            step: evaluation.step,
            clean: ShareRecord::of(evaluation.clean),
            clean_balanced: known(evaluation.clean_balanced),
            class_images: evaluation.class_images.clone(),
            input_deviation: evaluation.input_deviation,
            worst_case: worst_case.collect(),
            eot: None,
            verdict_draws: None,
            attacks: attacks.collect(),
            smallest_epsilon: Vec::new(),
            smallest_epsilon_l2: Vec::new(),
            confusion: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// The same image by image and class by class, and with what an audit found.
    pub fn in_full(evaluation: &Robustness, audit: Vec<Light>, noise: Expectation) -> Self {
        let smallest = |norm: Norm| {
            let of_images = evaluation.worst_in(norm).map_or(&[][..], |case| &case.smallest);
            of_images.iter().copied().map(known).collect()
        };
        let confusion = evaluation.mistakes.iter().map(|mistakes| ConfusionRecord {
            attack: mistakes.attack,
            target: mistakes.target,
            epsilon: mistakes.epsilon,
            counts: mistakes.confusion.clone(),
        });
        Self {
            eot: Some(noise.draws),
            verdict_draws: noise.verdict,
            smallest_epsilon: smallest(Norm::Linf),
            smallest_epsilon_l2: smallest(Norm::L2),
            confusion: confusion.collect(),
            audit,
            ..Self::of(evaluation)
        }
    }
}

/// A number that is one.
fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
