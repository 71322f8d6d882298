//! How many images withstand attacks, with what confidence, and where each falls.

mod paired;
mod verdicts;

pub use paired::{Difference, Met, Paired, Unpaired, differences, sign_test};
use serde::{Deserialize, Serialize};
pub use verdicts::{Bits, Verdicts};

use super::exact;
use super::run::RunId;
use crate::config::{AttackKind, Norm, TargetKind};

/// A count of images or the like among a total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Those that count.
    pub hits: u32,
    /// All that were looked at.
    pub total: u32,
}

impl Share {
    /// The share, or NaN of none.
    pub fn value(self) -> f64 {
        f64::from(self.hits) / f64::from(self.total)
    }

    /// The 95 % Wilson score interval (Wilson 1927); `(0, 1)` of none.
    pub fn interval(self) -> (f64, f64) {
        if self.total == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z) = (f64::from(self.total), self.value(), 1.959_963_984_540_054);
        let centre = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
    }
}

/// How early stopping ended a run: at the weights of an earlier evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Steps that were done.
    pub at: u64,
    /// Steps after which the weights were that are kept.
    pub best: u64,
    /// Held-out images that withstood every attack of the evaluation of those.
    pub worst_case: Share,
}

/// Robust accuracy on held-out images, attack by attack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Robustness {
    /// Which run.
    pub run: RunId,
    /// Steps done when the evaluation began; the weights are of that step.
    pub step: u64,
    /// Whether this is the last of the evaluation.
    pub complete: bool,
    /// Share of the work done, in [0, 1].
    #[serde(with = "exact")]
    pub progress: f64,
    /// Accuracy without attack.
    pub clean: Share,
    /// The same balanced over the classes; see [`balanced`].
    #[serde(with = "exact")]
    pub clean_balanced: f64,
    /// Images attacked of each class.
    pub class_images: Vec<u32>,
    /// The standard deviation of the network's inputs, pixels in [0, 1], the mean over their channels: what turns an ε into
    /// that of standardised inputs. None where it is not known, or nothing varies.
    #[serde(with = "exact")]
    pub input_deviation: Option<f64>,
    /// Attack by attack, in the order asked for.
    pub curves: Vec<Curve>,
    /// What is left where each image meets the attack that harms it most, norm by norm: the headline.
    pub worst: Vec<WorstCase>,
    /// What was taken for what, threat by threat, in the order asked for.
    pub mistakes: Vec<Mistakes>,
    /// Which images were right.
    #[serde(default)]
    pub verdicts: Verdicts,
}

/// Bars beyond which falls are put together.
const MOST_BARS: usize = 12;

impl Robustness {
    /// The norms that were attacked in.
    pub fn norms(&self) -> impl Iterator<Item = Norm> {
        self.worst.iter().map(|case| case.norm)
    }

    /// The worst case in a norm, if it was attacked in.
    pub fn worst_in(&self, norm: Norm) -> Option<&WorstCase> {
        self.worst.iter().find(|case| case.norm == norm)
    }

    /// The attacks in a norm.
    pub fn curves_in(&self, norm: Norm) -> impl Iterator<Item = &Curve> {
        self.curves.iter().filter(move |curve| curve.attack.norm() == norm)
    }

    /// Whether there are more images of one class than of another, by more than one: then accuracy and balanced accuracy
    /// say different things.
    pub fn has_unequal_classes(&self) -> bool {
        let [least, most] = [self.class_images.iter().min(), self.class_images.iter().max()];
        most.zip(least).is_some_and(|(most, least)| most - least > 1)
    }
}

/// Balanced accuracy: the mean over the classes of the share of each that is right, so that all count the same however many
/// images they have. Of `(right, all)` by class; classes without images do not count, and NaN is that of none.
pub fn balanced(classes: impl IntoIterator<Item = (u32, u32)>) -> f64 {
    let shares = classes.into_iter().filter(|(_, all)| *all > 0);
    let (sum, count) = shares.fold((0.0, 0.0), |(sum, count), (right, all)| {
        (sum + f64::from(right) / f64::from(all), count + 1.0)
    });
    sum / count
}

impl WorstCase {
    /// How many images fall where, ascending: at 0 those that are wrong without attack; between, up to each ε; at infinity
    /// those that never fell.
    pub fn falls(&self) -> Vec<(f64, usize)> {
        let mut sorted = self.smallest.clone();
        sorted.sort_by(f64::total_cmp);
        let mut distinct = sorted.clone();
        distinct.dedup();
        if distinct.len() > MOST_BARS {
            let largest = sorted.iter().copied().filter(|radius| radius.is_finite()).fold(0.0, f64::max);
            let width = largest / MOST_BARS as f64;
            let up = |radius: f64| {
                if radius.is_finite() {
                    (radius / width).ceil().min(MOST_BARS as f64) * width
                } else {
                    radius
                }
            };
            sorted.iter_mut().for_each(|radius| *radius = up(*radius));
        }
        let mut bars: Vec<(f64, usize)> = Vec::new();
        for radius in sorted {
            match bars.last_mut() {
                Some((last, images)) if *last == radius => *images += 1,
                _ => bars.push((radius, 1)),
            }
        }
        bars
    }
}

/// What one threat had classes taken for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistakes {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Its radius.
    #[serde(with = "exact")]
    pub epsilon: f64,
    /// Images by true class (row) and what was said (column), `K × K`.
    pub confusion: Vec<u32>,
}

/// Accuracy against ε where each image counts as wrong if any attack of one norm, at ε or below, or none at all, makes it
/// so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorstCase {
    /// The geometry of ε.
    pub norm: Norm,
    /// Ascending in ε, and never rising.
    pub points: Vec<Point>,
    /// The median over the images of the smallest radius that fooled them, among those attacked with; 0 where they are
    /// wrong without attack, none where half of them never were fooled.
    #[serde(with = "exact")]
    pub median: Option<f64>,
    /// The smallest distance at which an attack of that norm had each image misclassified: 0 without attack, infinite where
    /// it never was. An upper bound of the smallest there is.
    #[serde(with = "exact")]
    pub smallest: Vec<f64>,
}

/// Accuracy against ε for one attack and target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Ascending in ε.
    pub points: Vec<Point>,
}

/// One radius of a [`Curve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The radius.
    #[serde(with = "exact")]
    pub epsilon: f64,
    /// Images still classified correctly.
    pub robust: Share,
    /// The same balanced over the classes; see [`balanced`].
    #[serde(with = "exact")]
    pub balanced: f64,
    /// Images predicted as the attack's target; none for untargeted attacks.
    pub fooled: Share,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // 50 of 100: Wilson (1927), as computed by statsmodels' proportion_confint(method="wilson").
        let (low, high) = Share { hits: 50, total: 100 }.interval();
        assert!((low - 0.403_831_530_365_990_6).abs() < 1e-9, "{low}");
        assert!((high - 0.596_168_469_634_009_4).abs() < 1e-9, "{high}");
        assert_eq!(Share::default().interval(), (0.0, 1.0));
        assert!(Share { hits: 10, total: 10 }.interval().1 <= 1.0);
    }

    #[test]
    fn classes_count_the_same_in_balanced_accuracy() {
        assert_eq!(balanced([(90, 90), (0, 10)]), 0.5, "what knows one class of two");
        assert_eq!(balanced([(45, 90), (10, 10), (0, 0)]), 0.75, "a class without images does not count");
        assert!(balanced([(0, 0)]).is_nan());
    }

    #[test]
    fn every_image_falls_once_and_many_radii_share_bars() {
        let falls = |smallest: Vec<f64>| {
            WorstCase { norm: Norm::Linf, points: vec![], median: None, smallest }.falls()
        };
        let few = falls(vec![0.1, f64::INFINITY, 0.0, 0.1, 0.05]);
        assert_eq!(few, [(0.0, 1), (0.05, 1), (0.1, 2), (f64::INFINITY, 1)]);
        assert!(falls(vec![]).is_empty());
        let many: Vec<f64> = (0..100).map(|image| f64::from(image) / 500.0).chain([f64::INFINITY]).collect();
        let bars = falls(many.clone());
        assert!(bars.len() <= MOST_BARS + 2 && bars.windows(2).all(|pair| pair[0].0 < pair[1].0), "{bars:?}");
        assert_eq!((bars[0], bars.last()), ((0.0, 1), Some(&(f64::INFINITY, 1))));
        let mut below = 0;
        for (edge, images) in bars {
            below += images;
            // To within rounding no image stands above the end of its bar.
            assert!(many.iter().filter(|radius| **radius <= edge + 1e-9).count() >= below, "{edge}");
        }
        assert_eq!(below, many.len());
    }
}
