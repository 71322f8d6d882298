//! Which code makes the examples of an attack: every family has one, or this does not compile.

#![deny(clippy::wildcard_enum_match_arm)]

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use super::{
    assault::{Assault, Start},
    ball,
    dice::Dice,
    methods::{
        autoattack::{self, Part},
        carlini_wagner, deep_fool,
        descent::Recipe,
        grid,
    },
    pace::Pace,
};
use crate::config::{Family, Threat};
use crate::gpu::Slope;

/// What makes the examples.
pub(super) enum Routine {
    /// Random signs.
    Noise,
    /// Steps along a gradient.
    Descent(Recipe, Source),
    /// Linear steps to the nearest boundary.
    DeepFool,
    /// A search for the smallest perturbation.
    CarliniWagner,
    /// A part of AutoAttack.
    Part(Part),
    /// All of AutoAttack's standard version.
    Standard,
    /// Every place of a grid.
    Grid,
}

/// Whose gradient is read.
pub(super) enum Source {
    /// That of the network under attack.
    Victim,
    /// That of the surrogate.
    Surrogate,
}

impl Routine {
    /// What runs that attack.
    pub fn of(threat: &Threat, start: Start) -> Self {
        let Threat { attack, epsilon, steps, .. } = *threat;
        let norm = attack.norm();
        let descent = |recipe: Recipe| Self::Descent(recipe.beginning(start), Source::Victim);
        match attack.row().family {
            Family::Noise => Self::Noise,
            Family::Fgsm => descent(Recipe::fgsm(epsilon)),
            Family::Ifgsm => descent(Recipe::ifgsm(norm, epsilon, steps)),
            Family::Pgd => descent(Recipe::pgd(norm, epsilon, steps)),
            Family::FgsmExact => descent(Recipe::fgsm(epsilon).along(Slope::Exact)),
            Family::IfgsmExact => descent(Recipe::ifgsm(norm, epsilon, steps).along(Slope::Exact)),
            Family::PgdExact => descent(Recipe::pgd(norm, epsilon, steps).along(Slope::Exact)),
            Family::PgdMargin => descent(Recipe::pgd(norm, epsilon, steps).along(Slope::Margin)),
            Family::PgdScaled => descent(Recipe::pgd(norm, epsilon, steps).along(Slope::Scaled)),
            Family::MiFgsm => descent(Recipe::mi_fgsm(norm, epsilon, steps)),
            Family::Transfer => {
                Self::Descent(Recipe::pgd(norm, epsilon, steps).beginning(start), Source::Surrogate)
            }
            Family::DeepFool => Self::DeepFool,
            Family::CarliniWagner => Self::CarliniWagner,
            Family::ApgdCe => Self::Part(Part::ApgdCe),
            Family::ApgdDlr => Self::Part(Part::ApgdDlr),
            Family::ApgdT => Self::Part(Part::ApgdT),
            Family::FabT => Self::Part(Part::FabT),
            Family::Square => Self::Part(Part::Square),
            Family::AutoAttack => Self::Standard,
            Family::Grid => Self::Grid,
        }
    }

    /// An upper bound on the passes of a batch through a network of `classes`: a measure of its length.
    pub fn passes(&self, threat: &Threat, classes: usize) -> usize {
        match self {
            Self::Noise => 1,
            Self::Descent(recipe, _) => recipe.starts(threat.restarts) * recipe.steps(),
            Self::DeepFool => deep_fool::passes(threat.steps, classes),
            Self::CarliniWagner => carlini_wagner::passes(threat.steps),
            Self::Part(part) => part.passes(threat.steps, classes) * threat.restarts.max(1),
            Self::Standard => autoattack::passes(classes),
            Self::Grid => threat.steps,
        }
    }

    /// The adversarial images: see [`Assault::examples_by`].
    async fn examples(&self, on: &Assault<'_>, dice: &mut Dice, pace: &Pace) -> Result<Tensor<4>, String> {
        let Assault { victim, surrogate, clean, goal, threat, .. } = on;
        let (norm, epsilon) = (threat.attack.norm(), threat.epsilon);
        match self {
            Self::Noise => Ok(ball::noise(clean, epsilon, dice)),
            Self::Descent(recipe, source) => {
                let source = match source {
                    Source::Victim => victim,
                    Source::Surrogate => surrogate.as_ref().ok_or("a transfer attack needs a surrogate")?,
                };
                let mut kept = recipe.begin(clean, goal, dice).finish_at(source, pace).await;
                for _ in 1..recipe.starts(threat.restarts) {
                    let next = recipe.begin(clean, goal, dice).finish_at(source, pace).await;
                    kept = victim.stronger(kept, next, goal);
                }
                Ok(kept)
            }
            Self::DeepFool => {
                let found = deep_fool::nearest(victim, norm, clean, goal, threat.steps, pace).await?;
                Ok(ball::or_clean(norm, found, clean, epsilon))
            }
            Self::CarliniWagner => {
                let found = carlini_wagner::smallest(victim, clean, goal, threat.steps, pace).await;
                Ok(ball::or_clean(norm, found, clean, epsilon))
            }
            Self::Part(part) => autoattack::alone(*part, on, dice, pace).await,
            Self::Standard => autoattack::standard(on, dice, pace).await.map(|(images, _)| images),
            Self::Grid => grid::search(on, pace).await,
        }
    }
}

impl Assault<'_> {
    /// The adversarial images, `[N, C, H, W]`; all that is drawn comes from `random`: see [`Self::examples_by`].
    ///
    /// # Errors
    /// As there.
    pub async fn examples(&self, random: &mut StdRng, pace: &Pace) -> Result<Tensor<4>, String> {
        self.examples_by(&mut Dice::of_batch(random, self.clean.dims()[0]), pace).await
    }

    /// The adversarial images, `[N, C, H, W]`; what is drawn for each comes from its own generator.
    ///
    /// With restarts, each example keeps the first result that reaches the goal, or else one that is at least wrong. Where an attack that looks for the
    /// smallest perturbation, or a part of AutoAttack, finds none inside the ball, the image stays as it was.
    ///
    /// # Errors
    /// Where the device failed, or the attack cannot aim at a target.
    pub async fn examples_by(&self, dice: &mut Dice, pace: &Pace) -> Result<Tensor<4>, String> {
        Routine::of(&self.threat, self.start).examples(self, dice, pace).await
    }

    /// How many images are left before AutoAttack and after each of its four parts, whatever the threat's attack.
    ///
    /// # Errors
    /// As [`Self::examples`].
    pub async fn autoattack_survivors(&self, random: &mut StdRng) -> Result<Vec<usize>, String> {
        let mut dice = Dice::of_batch(random, self.clean.dims()[0]);
        autoattack::standard(self, &mut dice, &Pace::default()).await.map(|(_, left)| left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ATTACKS, TargetKind};

    #[test]
    fn the_table_says_of_each_attack_what_its_routine_does() {
        for row in &ATTACKS {
            let threat = Threat {
                attack: row.kind,
                target: TargetKind::Untargeted,
                epsilon: 0.1,
                steps: 5,
                restarts: 2,
            };
            let routine = Routine::of(&threat, Start::Own);
            let (draws, needs_surrogate) = match &routine {
                Routine::Descent(recipe, source) => {
                    (recipe.starts(2) == 2, matches!(source, Source::Surrogate))
                }
                Routine::Noise | Routine::Part(_) | Routine::Standard => (true, false),
                Routine::DeepFool | Routine::CarliniWagner | Routine::Grid => (false, false),
            };
            assert_eq!((draws, needs_surrogate), (row.draws, row.needs_surrogate), "{}", row.kind);
            assert!(routine.passes(&threat, 10) > 0, "{}", row.kind);
            if let Routine::Descent(recipe, _) = Routine::of(&threat, Start::Clean) {
                assert_eq!(recipe.starts(2), 1, "{} from the clean image", row.kind);
            }
        }
    }
}
