//! The robustness report: one self-contained HTML file with the figures, the curves, what is mistaken for what, pictures
//! and the audit. No scripts, no links to anything else; light and dark, on screen and on paper.

mod draw;
mod html;
mod svg;

use crate::attack::Victim;
use crate::config::threat::headline_radius;
use crate::config::{Norm, Threat, VERDICT_DRAWS};
use crate::gpu::images::DeviceImages;
use crate::gpu::read;
use crate::protocol::{Light, Robustness, Saturation, likeliest};
use crate::runs::record::Incomplete;
use crate::show::matrix::right;

pub use html::html;

/// Images shown as pictures.
const PICTURES: usize = 8;

/// What was attacked, in words.
#[derive(Clone, Debug)]
pub struct Description {
    /// Architecture and how it was trained.
    pub title: String,
    /// Data, seed, steps.
    pub lines: Vec<String>,
    /// Names of the `K` classes.
    pub classes: Vec<String>,
    /// `[C, H, W]` of an image.
    pub shape: [usize; 3],
}

/// Everything that a report says.
pub struct Contents<'a> {
    /// Who was attacked.
    pub subject: &'a Description,
    /// The figures.
    pub evaluation: &'a Robustness,
    /// Predictions and pictures at the headlines' radii.
    pub gallery: &'a Gallery,
    /// The audit; empty where none was made.
    pub lights: &'a [Light],
    /// What is lacking of it, where it was interrupted.
    pub incomplete: Option<Incomplete>,
}

/// What one threat led to.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Predicted class of each image.
    predictions: Vec<usize>,
    /// The first [`PICTURES`] adversarial images.
    pictures: Vec<Vec<f32>>,
}

/// Predictions and pictures under every threat at one radius of each norm.
#[derive(Clone, Debug, Default)]
pub struct Gallery {
    /// The radius of each norm that was attacked in.
    radii: Vec<(Norm, f64)>,
    classes: usize,
    /// True classes, in the order in which images were attacked.
    labels: Vec<usize>,
    clean: Seen,
    threats: Vec<(usize, Threat, Seen)>,
    /// Mean `softmax(a')_j` by true class: what GREACE weighs wrong classes with; `K × K`, empty where there is none.
    pairs: Vec<f64>,
    /// What is left of the gradients; none where the attacks were interrupted.
    pub saturation: Option<Saturation>,
}

impl Gallery {
    /// One for those of `threats` whose radius is the one nearest to that at which robustness in their norm is told of a
    /// run with this `epsilon`.
    pub fn new(threats: &[Threat], epsilon: f64, classes: usize) -> Self {
        let nearest = |norm: Norm| {
            let off = |radius: &f64| (radius - headline_radius(norm, epsilon)).abs();
            let is_one = |threat: &&Threat| threat.attack.norm() == norm && threat.epsilon > 0.0;
            let radii = threats.iter().filter(is_one).map(|threat| threat.epsilon);
            Some((norm, radii.min_by(|a, b| off(a).total_cmp(&off(b)))?))
        };
        let radii: Vec<(Norm, f64)> = Norm::ALL.into_iter().filter_map(nearest).collect();
        let at = |(_, threat): &(usize, &Threat)| radii.contains(&(threat.attack.norm(), threat.epsilon));
        let threats = threats.iter().enumerate().filter(at);
        let threats = threats.map(|(number, threat)| (number, *threat, Seen::default())).collect();
        Self { radii, classes, threats, ..Self::default() }
    }

    /// The radius in a norm, if anything was attacked in it.
    fn radius(&self, norm: Norm) -> Option<f64> {
        self.radii.iter().find(|(known, _)| *known == norm).map(|(_, radius)| *radius)
    }

    /// How many of the next pictures that threat number `number` makes are wanted.
    pub fn wants(&self, number: usize) -> usize {
        let of = self.threats.iter().find(|(known, ..)| *known == number);
        of.map_or(0, |(.., seen)| PICTURES.saturating_sub(seen.pictures.len()))
    }

    /// Takes note of what threat number `number` had the held-out images at `indices` taken for, and of the adversarial
    /// `pixels` of the first of them.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn add(
        &mut self,
        victim: &Victim<'_>,
        held_out: &DeviceImages,
        (number, indices): (usize, &[u32]),
        (said, pixels): (&[u8], &[f32]),
    ) -> Result<(), String> {
        let classes = self.classes;
        let Some(position) = self.threats.iter().position(|(known, ..)| *known == number) else {
            return Ok(());
        };
        let size = victim.network.interface.image.iter().product();
        if position == 0 {
            self.labels.extend(indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])));
            let images = held_out.gather(indices).images;
            let logits = victim.network.expected_logits(victim.weights, &images, VERDICT_DRAWS);
            let logits = read(logits).await?;
            self.clean.predictions.extend(logits.chunks_exact(classes).map(likeliest));
            let missing = PICTURES.saturating_sub(self.clean.pictures.len()).min(indices.len());
            if missing > 0 {
                self.clean.see(&read(images.narrow(0, 0, missing)).await?, size);
            }
        }
        let seen = &mut self.threats[position].2;
        seen.predictions.extend(said.iter().map(|class| usize::from(*class)));
        seen.see(pixels, size);
        Ok(())
    }

    /// Takes note of what the auxiliary network says of gradient tensors: `probabilities` `[N, K]` of images with these
    /// labels.
    pub fn weigh(&mut self, probabilities: &[f32], labels: &[usize]) {
        let k = self.classes;
        let mut sums = vec![0.0; k * k];
        let mut counts = vec![0usize; k];
        for (row, label) in probabilities.chunks_exact(k).zip(labels) {
            counts[*label] += 1;
            let sums = &mut sums[label * k..][..k];
            sums.iter_mut().zip(row).for_each(|(sum, probability)| *sum += f64::from(*probability));
        }
        let mean = |(entry, sum): (usize, f64)| sum / counts[entry / k].max(1) as f64;
        self.pairs = sums.into_iter().enumerate().map(mean).collect();
    }

    /// The threat in a norm that left the fewest images right.
    fn strongest(&self, norm: Norm) -> Option<&(usize, Threat, Seen)> {
        let in_norm = self.threats.iter().filter(|(_, threat, _)| threat.attack.norm() == norm);
        let seen = in_norm.filter(|_| !self.labels.is_empty());
        seen.min_by_key(|(.., seen)| right(&self.confusion(seen)))
    }

    /// How often each class (row) was taken for each (column): `K × K`.
    fn confusion(&self, seen: &Seen) -> Vec<u32> {
        let mut counts = vec![0; self.classes * self.classes];
        for (label, said) in self.labels.iter().zip(&seen.predictions) {
            counts[label * self.classes + said] += 1;
        }
        counts
    }
}

impl Seen {
    /// Keeps those of the pictures of this `size` that are still wanted.
    fn see(&mut self, pixels: &[f32], size: usize) {
        let missing = PICTURES.saturating_sub(self.pictures.len());
        self.pictures.extend(pixels.chunks_exact(size).take(missing).map(<[f32]>::to_vec));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AttackKind, TargetKind};

    fn threats(attacks: &[(AttackKind, f64)]) -> Vec<Threat> {
        let target = TargetKind::Untargeted;
        attacks
            .iter()
            .map(|(attack, epsilon)| Threat {
                attack: *attack,
                target,
                epsilon: *epsilon,
                steps: 1,
                restarts: 1,
            })
            .collect()
    }

    #[test]
    fn every_norm_has_its_radius_and_its_strongest_attack() {
        use AttackKind::{Fgsm, Pgd, PgdL2};
        let all = threats(&[(Fgsm, 0.05), (Pgd, 0.1), (PgdL2, 0.25), (PgdL2, 2.0), (Pgd, 0.0)]);
        let mut gallery = Gallery::new(&all, 0.09, 2);
        assert_eq!(Norm::ALL.map(|norm| gallery.radius(norm)), [Some(0.1), Some(0.25)]);
        let numbers =
            |gallery: &Gallery| gallery.threats.iter().map(|(number, ..)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&gallery), [1, 2]);
        let strongest = |gallery: &Gallery| {
            Norm::ALL.map(|norm| gallery.strongest(norm).map(|(_, threat, _)| threat.attack))
        };
        assert_eq!(strongest(&gallery), [None, None], "where nothing was attacked, nothing is strongest");
        gallery.labels = vec![1];
        gallery.threats.iter_mut().for_each(|(.., seen)| seen.predictions = vec![0]);
        assert_eq!(strongest(&gallery), [Some(Pgd), Some(PgdL2)]);
        let alone = Gallery::new(&threats(&[(PgdL2, 1.0)]), 0.1, 2);
        assert_eq!(Norm::ALL.map(|norm| alone.radius(norm)), [None, Some(1.0)]);
        assert_eq!(numbers(&alone), [0]);
    }
}
