//! Which code makes the examples of an attack.

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
    },
    pace::Pace,
};
use crate::config::{AttackKind, Threat};

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
    /// With restarts, each example keeps the first result that reaches the goal. Where an attack that looks for the
    /// smallest perturbation, or a part of AutoAttack, finds none inside the ball, the image stays as it was.
    ///
    /// # Errors
    /// Where the device failed, or the attack cannot aim at a target.
    pub async fn examples_by(&self, dice: &mut Dice, pace: &Pace) -> Result<Tensor<4>, String> {
        let Self { victim, surrogate, clean, goal, threat, start } = self;
        if let Some(recipe) = Recipe::of(threat, *start) {
            let source = match (threat.attack, surrogate) {
                (AttackKind::Transfer, Some(surrogate)) => surrogate,
                (AttackKind::Transfer, None) => return Err("a transfer attack needs a surrogate".into()),
                _ => victim,
            };
            let mut kept = recipe.begin(clean, goal, dice).finish_at(source, pace).await;
            for _ in 1..recipe.starts(threat.restarts) {
                let next = recipe.begin(clean, goal, dice).finish_at(source, pace).await;
                kept = victim.first_reaching(kept, next, goal);
            }
            return Ok(kept);
        }
        let (norm, epsilon) = (threat.attack.norm(), threat.epsilon);
        match threat.attack {
            AttackKind::DeepFool | AttackKind::DeepFoolL2 => {
                let found = deep_fool::nearest(victim, norm, clean, goal, threat.steps, pace).await?;
                Ok(ball::or_clean(norm, found, clean, epsilon))
            }
            AttackKind::CarliniWagner => {
                let found = carlini_wagner::smallest(victim, clean, goal, threat.steps, pace).await;
                Ok(ball::or_clean(norm, found, clean, epsilon))
            }
            AttackKind::AutoAttack | AttackKind::AutoAttackL2 => {
                autoattack::standard(self, dice, pace).await.map(|(images, _)| images)
            }
            attack => match Part::of(attack) {
                Some(part) => autoattack::alone(part, self, dice, pace).await,
                None => Ok(ball::noise(clean, epsilon, dice)),
            },
        }
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

/// An upper bound on an attack's passes of a batch through a network of `classes`: a measure of its length.
pub(crate) fn passes(threat: &Threat, classes: usize) -> usize {
    if let Some(recipe) = Recipe::of(threat, Start::Own) {
        return recipe.starts(threat.restarts) * recipe.steps();
    }
    match threat.attack {
        AttackKind::DeepFool | AttackKind::DeepFoolL2 => deep_fool::passes(threat.steps, classes),
        AttackKind::CarliniWagner => carlini_wagner::passes(threat.steps),
        AttackKind::AutoAttack | AttackKind::AutoAttackL2 => autoattack::passes(classes),
        attack => {
            Part::of(attack).map_or(1, |part| part.passes(threat.steps, classes) * threat.restarts.max(1))
        }
    }
}
