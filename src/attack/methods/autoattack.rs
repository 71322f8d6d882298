//! AutoAttack, standard version (Croce & Hein 2020): APGD-CE, APGD-T, FAB-T and Square in this order, each on the images
//! that the former ones left; and each of its parts alone.

use burn::tensor::Tensor;

use super::{
    auto_pgd::AutoPgd,
    boundary::Boundary,
    square::{Draws, Square},
};
use crate::{
    attack::{
        assault::{Assault, Start},
        ball,
        dice::Dice,
        goal::Goal,
        loss::{AttackLoss, at_rank, ranks},
        pace::Pace,
        survivors::Survivors,
    },
    config::{
        Threat,
        attack::{AUTO_ITERATIONS, SQUARE_QUERIES},
    },
};

/// Classes that the targeted parts aim at one after another: those with the largest logits besides the label's.
const TARGETS: usize = 9;
/// The parts of the standard version.
const STANDARD: [Part; 4] = [Part::ApgdCe, Part::ApgdT, Part::FabT, Part::Square];

/// A part of AutoAttack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::attack) enum Part {
    ApgdCe,
    ApgdDlr,
    ApgdT,
    FabT,
    Square,
}

impl Part {
    /// An upper bound on the passes of one start.
    pub fn passes(self, iterations: usize, classes: usize) -> usize {
        let targets = if self.is_targeted() { targets(classes) } else { 1 };
        let each = if self == Self::FabT { 2 } else { 1 };
        targets * each * (iterations + 1)
    }

    fn is_targeted(self) -> bool {
        matches!(self, Self::ApgdT | Self::FabT)
    }

    /// AutoAttack's own iterations.
    fn iterations(self) -> usize {
        if self == Self::Square { SQUARE_QUERIES } else { AUTO_ITERATIONS }
    }
}

/// An upper bound on the passes of the standard version.
pub(in crate::attack) fn passes(classes: usize) -> usize {
    STANDARD.iter().map(|part| part.passes(part.iterations(), classes)).sum()
}

fn targets(classes: usize) -> usize {
    classes.saturating_sub(1).min(TARGETS)
}

/// The adversarial images, else the clean ones, and how many are left before and after each part.
///
/// # Errors
/// Where the device failed, or the goal is a target.
pub(in crate::attack) async fn standard(
    assault: &Assault<'_>,
    dice: &mut Dice,
    pace: &Pace,
) -> Result<(Tensor<4>, Vec<usize>), String> {
    let mut survivors = Survivors::of(assault).await?;
    let mut left = vec![survivors.count()];
    for part in STANDARD {
        let run = Run { part, assault, iterations: part.iterations(), pace };
        run.once(&mut survivors, false, dice).await?;
        left.push(survivors.count());
    }
    Ok((survivors.into_adversarial(), left))
}

/// The adversarial images by one part with the threat's iterations and restarts, else the clean ones.
///
/// # Errors
/// Where the device failed, or the attack cannot aim at a target.
pub(in crate::attack) async fn alone(
    part: Part,
    assault: &Assault<'_>,
    dice: &mut Dice,
    pace: &Pace,
) -> Result<Tensor<4>, String> {
    let mut survivors = Survivors::of(assault).await?;
    let run = Run { part, assault, iterations: assault.threat.steps.max(1), pace };
    for restart in 0..assault.threat.restarts.max(1) {
        run.once(&mut survivors, restart > 0, dice).await?;
    }
    Ok(survivors.into_adversarial())
}

/// One part against what is left.
struct Run<'a> {
    part: Part,
    assault: &'a Assault<'a>,
    iterations: usize,
    pace: &'a Pace,
}

impl Run<'_> {
    /// One start, for each target if there are several.
    async fn once(&self, survivors: &mut Survivors<'_>, again: bool, dice: &mut Dice) -> Result<(), String> {
        let classes = self.assault.victim.network.interface.classes;
        let aims = if self.part.is_targeted() { targets(classes) } else { 1 };
        for rank in 1..=aims {
            let (start, shared) = (self.start(again, dice), dice.fork());
            if survivors.count() == 0 {
                continue;
            }
            let (clean, goal) = survivors.part();
            let start = survivors.select(start);
            let attempt = match self.part {
                Part::ApgdCe => self.climb(&clean, start, &AttackLoss::CrossEntropy(goal)).await,
                Part::ApgdDlr => self.climb(&clean, start, &AttackLoss::Dlr(labels(goal)?)).await,
                Part::ApgdT => {
                    let targets = self.targets(&clean, rank);
                    let loss = AttackLoss::TargetedDlr { labels: labels(goal)?, targets };
                    self.climb(&clean, start, &loss).await
                }
                Part::FabT => {
                    let targets = self.targets(&clean, rank);
                    self.cross(&clean, start, labels(goal)?, targets).await
                }
                Part::Square => self.squares(survivors, Draws { dice, shared }).await?,
            };
            survivors.record(attempt).await?;
        }
        Ok(())
    }

    /// Where the whole batch starts: drawn for all, so that an image's draw does not depend on who else is left.
    fn start(&self, again: bool, dice: &mut Dice) -> Tensor<4> {
        let Threat { attack, epsilon, .. } = self.assault.threat;
        let clean = self.assault.clean;
        if self.assault.start == Start::Clean {
            return clean.clone();
        }
        match self.part {
            Part::ApgdCe | Part::ApgdDlr | Part::ApgdT => {
                ball::start_at_edge(attack.norm(), clean, epsilon, dice)
            }
            Part::FabT if again => ball::start_at_edge(attack.norm(), clean, epsilon / 2.0, dice),
            Part::FabT | Part::Square => clean.clone(),
        }
    }

    async fn climb(&self, clean: &Tensor<4>, start: Tensor<4>, loss: &AttackLoss) -> Tensor<4> {
        let Threat { attack, epsilon, .. } = self.assault.threat;
        let climb = AutoPgd { norm: attack.norm(), epsilon, iterations: self.iterations };
        climb.run(&self.assault.victim, clean, start, loss, self.pace).await
    }

    async fn cross(
        &self,
        clean: &Tensor<4>,
        start: Tensor<4>,
        labels: Tensor<2>,
        targets: Tensor<2>,
    ) -> Tensor<4> {
        let norm = self.assault.threat.attack.norm();
        let boundary =
            Boundary { victim: &self.assault.victim, norm, labels, targets, iterations: self.iterations };
        let found = boundary.nearest(clean, start, self.pace).await;
        ball::or_clean(norm, found, clean, self.assault.threat.epsilon)
    }

    async fn squares(&self, survivors: &Survivors<'_>, draws: Draws<'_>) -> Result<Tensor<4>, String> {
        let Threat { attack, epsilon, .. } = self.assault.threat;
        let square = Square { norm: attack.norm(), epsilon, queries: self.iterations };
        square.run(&self.assault.victim, survivors, draws, self.pace).await
    }

    /// The class of the `rank`-th largest logit of each image, 0 for the largest.
    fn targets(&self, clean: &Tensor<4>, rank: usize) -> Tensor<2> {
        let victim = self.assault.victim;
        at_rank(&ranks(victim.says(clean)), rank)
    }
}

fn labels(goal: Goal) -> Result<Tensor<2>, String> {
    match goal {
        Goal::AwayFrom(labels) => Ok(labels),
        Goal::Towards { .. } => Err("this part of AutoAttack cannot aim at a target".into()),
    }
}
