//! Two networks on the same images: what is won and lost from one to the other, and how sure that is.

use super::{Robustness, Verdicts, WorstCase};
use crate::config::{Norm, Threat};

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Halvings of an interval that is searched: below, doubles do not tell its ends apart.
const HALVINGS: usize = 60;

/// On how many images only one of two networks is right: the discordant pairs of McNemar's test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// Images that both looked at.
    pub images: u32,
    /// Of these, right by the second alone (`b`).
    pub gained: u32,
    /// Right by the first alone (`c`).
    pub lost: u32,
}

impl Paired {
    /// Counts pairs: whether the first is right, and the second.
    pub fn count(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        pairs.into_iter().fold(Self::default(), |counted, (first, second)| Self {
            images: counted.images + 1,
            gained: counted.gained + u32::from(second && !first),
            lost: counted.lost + u32::from(first && !second),
        })
    }

    /// Accuracy of the second less that of the first; NaN of no images.
    pub fn difference(self) -> f64 {
        (f64::from(self.gained) - f64::from(self.lost)) / f64::from(self.images)
    }

    /// The 95 % score interval of the difference (Tango 1998), which is one also where no image or every image differs;
    /// `(-1, 1)` of no images.
    pub fn interval(self) -> (f64, f64) {
        if self.images == 0 {
            return (-1.0, 1.0);
        }
        (self.lower(), -self.swapped().lower())
    }

    /// The probability that chance alone, with either as good as the other, parts the pairs at least so unevenly: McNemar's
    /// exact test, two-sided.
    pub fn probability(self) -> f64 {
        (2.0 * sign_test(self.gained.max(self.lost), self.gained.min(self.lost))).min(1.0)
    }

    const fn swapped(self) -> Self {
        Self { images: self.images, gained: self.lost, lost: self.gained }
    }

    /// The smallest difference that the pairs do not contradict.
    fn lower(self) -> f64 {
        let [n, gained, lost] = [self.images, self.gained, self.lost].map(f64::from);
        // How far the pairs are above a difference, beyond what chance explains; it falls from above 0 to below.
        let excess = |difference: f64| {
            let spread = difference * (1.0 - difference);
            let b = (2.0 * n - gained + lost) * difference - gained - lost;
            // The likeliest share of pairs lost where the difference is this one.
            let share = ((b * b + 8.0 * n * lost * spread).max(0.0).sqrt() - b) / (4.0 * n);
            let variance = (n * (2.0 * share + spread)).max(0.0);
            gained - lost - n * difference - Z * variance.sqrt()
        };
        let (mut low, mut high) = (-1.0, self.difference());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if excess(middle) > 0.0 { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

/// The probability of at least `more` of `more + less` fair coins: McNemar's exact test, one-sided.
pub fn sign_test(more: u32, less: u32) -> f64 {
    let n = more + less;
    // ln C(n, i) − n ln 2, from i = 0 upwards.
    let mut term = -f64::from(n) * std::f64::consts::LN_2;
    let mut tail = if more == 0 { term.exp() } else { 0.0 };
    for i in 1..=n {
        term += (f64::from(n - i + 1) / f64::from(i)).ln();
        if i >= more {
            tail += term.exp();
        }
    }
    tail.min(1.0)
}

/// What was done to images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Met {
    /// Nothing.
    Nothing,
    /// One attack.
    Threat(Threat),
    /// Of the attacks in a norm, at a radius or below, whichever harms the image most.
    Worst(Norm, f64),
}

/// How two networks differ on images to which the same was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// What.
    pub met: Met,
    /// In what they differ.
    pub paired: Paired,
}

/// Why two evaluations cannot be held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpaired {
    /// One goes on.
    #[error("an evaluation is not complete")]
    Incomplete,
    /// One does not say which images were right.
    #[error("an evaluation does not say which images were right: an earlier version made it")]
    Unsaid,
    /// They looked at other images.
    #[error("one looked at {0} held-out images and the other at {1}: set evaluate_samples alike")]
    Images(u32, u32),
}

/// How the network of the second evaluation differs from that of the first: without attack, under each attack that both
/// met, and in the worst case where all attacks are the same.
///
/// # Errors
/// [`Unpaired`].
pub fn differences(first: &Robustness, second: &Robustness) -> Result<Vec<Difference>, Unpaired> {
    if !(first.complete && second.complete) {
        return Err(Unpaired::Incomplete);
    }
    let (one, other) = (&first.verdicts, &second.verdicts);
    if one.clean.is_empty() || other.clean.is_empty() {
        return Err(Unpaired::Unsaid);
    }
    if first.clean.total != second.clean.total || first.class_images != second.class_images {
        return Err(Unpaired::Images(first.clean.total, second.clean.total));
    }
    let clean = Paired::count(one.clean.iter().zip(other.clean.iter()));
    let mut found = vec![Difference { met: Met::Nothing, paired: clean }];
    for (threat, right) in &one.threats {
        if let Some((_, also)) = other.threats.iter().find(|(met, _)| met == threat) {
            let paired = Paired::count(right.iter().zip(also.iter()));
            found.push(Difference { met: Met::Threat(*threat), paired });
        }
    }
    if same_threats(one, other) {
        let cases = first.worst.iter().filter_map(|case| Some((case, second.worst_in(case.norm)?)));
        found.extend(cases.flat_map(|(one, other)| worst(one, other)));
    }
    Ok(found)
}

fn same_threats(one: &Verdicts, other: &Verdicts) -> bool {
    let threats =
        |verdicts: &Verdicts| verdicts.threats.iter().map(|(threat, _)| *threat).collect::<Vec<_>>();
    threats(one) == threats(other)
}

/// The worst case at each radius.
fn worst(one: &WorstCase, other: &WorstCase) -> Vec<Difference> {
    let at = |epsilon: f64| {
        let withstands = |smallest: &f64| *smallest > epsilon;
        let pairs = one.smallest.iter().zip(&other.smallest);
        let paired = Paired::count(pairs.map(|(one, other)| (withstands(one), withstands(other))));
        Difference { met: Met::Worst(one.norm, epsilon), paired }
    };
    one.points.iter().map(|point| at(point.epsilon)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn the_sign_test_counts_coins() {
        assert!((sign_test(0, 0) - 1.0).abs() < 1e-12);
        assert!((sign_test(5, 0) - 1.0 / 32.0).abs() < 1e-12);
        // P(X ≥ 8) of 10 fair coins: 56 / 1024.
        assert!((sign_test(8, 2) - 56.0 / 1024.0).abs() < 1e-12);
        assert!((sign_test(0, 10) - 1.0).abs() < 1e-12);
        assert!(sign_test(600, 400) < 1e-9 && sign_test(400, 600) > 0.999);
        let of = |gained, lost| Paired { images: 100, gained, lost }.probability();
        assert!((of(8, 2) - 112.0 / 1024.0).abs() < 1e-12 && (of(2, 8) - of(8, 2)).abs() < 1e-15);
        assert!((of(0, 0) - 1.0).abs() < 1e-12 && (of(5, 5) - 1.0).abs() < 1e-12, "no more than 1");
    }

    #[test]
    fn the_interval_is_tangos() {
        // By maximising the likelihood under each difference numerically, without the closed form of its share.
        for ((images, gained, lost), (low, high)) in [
            ((50, 12, 2), (0.06111241, 0.34470875)),
            ((256, 20, 12), (-0.01268093, 0.07717687)),
            ((256, 0, 0), (-0.01478386, 0.01478386)),
            ((256, 5, 0), (0.00445865, 0.04489813)),
            ((10, 10, 0), (0.44493440, 1.00000000)),
            ((44, 1, 0), (-0.05939323, 0.11807710)),
        ] {
            let paired = Paired { images, gained, lost };
            let found = paired.interval();
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{paired:?}: {found:?}");
            let swapped = paired.swapped().interval();
            assert!((swapped.0 + high).abs() < 1e-6 && (swapped.1 + low).abs() < 1e-6, "{swapped:?}");
        }
        assert_eq!(Paired::default().interval(), (-1.0, 1.0));
    }

    #[test]
    fn an_evaluation_does_not_differ_from_itself() {
        let found = made_up::robustness(1, 200, true);
        let same = differences(&found, &found).unwrap();
        assert!(same.iter().all(|found| found.paired == Paired { images: 256, gained: 0, lost: 0 }));
        let count = |is: fn(&Met) -> bool| same.iter().filter(|found| is(&found.met)).count();
        assert_eq!(count(|met| *met == Met::Nothing), 1);
        assert_eq!(count(|met| matches!(met, Met::Threat(_))), 30, "six attacks at five radii");
        assert_eq!(count(|met| matches!(met, Met::Worst(Norm::Linf, _))), 5);
    }

    #[test]
    fn what_differs_is_counted_image_by_image() {
        let (first, second) = (made_up::robustness(1, 200, true), made_up::robustness(2, 1200, true));
        for Difference { met, paired } in differences(&first, &second).unwrap() {
            let shares = |found: &Robustness| match met {
                Met::Nothing => found.clean,
                Met::Worst(norm, epsilon) => {
                    let points = &found.worst_in(norm).unwrap().points;
                    let smallest = &found.worst_in(norm).unwrap().smallest;
                    assert!(points.iter().any(|point| point.epsilon == epsilon));
                    let hits = smallest.iter().filter(|radius| **radius > epsilon).count() as u32;
                    crate::protocol::Share { hits, total: 256 }
                }
                Met::Threat(threat) => {
                    let is_curve = |curve: &&crate::protocol::Curve| {
                        (curve.attack, curve.target) == (threat.attack, threat.target)
                    };
                    let curve = found.curves.iter().find(is_curve).unwrap();
                    curve.points.iter().find(|point| point.epsilon == threat.epsilon).unwrap().robust
                }
            };
            let expected = shares(&second).value() - shares(&first).value();
            assert!((paired.difference() - expected).abs() < 1e-12, "{met:?}: {paired:?}, {expected}");
        }
    }

    #[test]
    fn other_images_and_other_attacks_are_not_held_against_each_other() {
        let first = made_up::robustness(1, 200, true);
        let paired = |change: fn(&mut Robustness)| {
            let mut second = first.clone();
            change(&mut second);
            differences(&first, &second)
        };
        assert_eq!(paired(|second| second.complete = false), Err(Unpaired::Incomplete));
        assert_eq!(paired(|second| second.verdicts = Verdicts::default()), Err(Unpaired::Unsaid));
        assert_eq!(paired(|second| second.clean.total = 128), Err(Unpaired::Images(256, 128)));
        let other = paired(|second| {
            second.verdicts.threats.iter_mut().for_each(|(threat, _)| threat.epsilon *= 3.0);
        });
        let met: Vec<Met> = other.unwrap().iter().map(|found| found.met).collect();
        // 0.075 is three times 0.025, and 0.15 three times 0.05.
        assert!(met[0] == Met::Nothing && met.len() <= 13, "{met:?}");
        assert!(!met.iter().any(|met| matches!(met, Met::Worst(..))), "attacks of other radii");
    }
}
