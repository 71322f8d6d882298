//! The attacks that step along a gradient and project: FGSM, iFGSM, MI-FGSM and PGD differ in a [`Recipe`] alone.

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use crate::{
    attack::{assault::Start, ball, dice::Dice, goal::Goal, pace::Pace, victim::Victim},
    config::{AttackKind, Norm, Threat},
    gpu,
};

/// A step of an L∞ PGD or L2 PGD is this times ε/k (Madry et al. 2018).
const PGD_STEP_FACTOR: f64 = 2.5;
/// The one step of fast adversarial training is this times ε.
const FAST_STEP_FACTOR: f64 = 1.25;
/// Least mean magnitude that a gradient is divided by before it joins the momentum.
const LEAST_MAGNITUDE: f64 = 1e-30;

/// How an attack moves; FGSM is iFGSM with one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::attack) struct Recipe {
    norm: Norm,
    epsilon: f64,
    steps: usize,
    step_size: f64,
    random_start: bool,
    /// Share of the former direction that goes on; None moves along the gradient alone.
    momentum: Option<f64>,
}

impl Recipe {
    /// None where the attack does not move like this.
    pub fn of(threat: &Threat, start: Start) -> Option<Self> {
        let steps = threat.steps.max(1);
        let plain = Self {
            norm: threat.attack.norm(),
            epsilon: threat.epsilon,
            steps,
            step_size: threat.epsilon / steps as f64,
            random_start: false,
            momentum: None,
        };
        match threat.attack {
            AttackKind::Fgsm => Some(Self { steps: 1, step_size: threat.epsilon, ..plain }),
            AttackKind::Ifgsm => Some(plain),
            AttackKind::Pgd | AttackKind::PgdL2 | AttackKind::Transfer => Some(Self {
                step_size: PGD_STEP_FACTOR * plain.step_size,
                random_start: start == Start::Own,
                ..plain
            }),
            AttackKind::MiFgsm | AttackKind::MiFgsmL2 => Some(Self { momentum: Some(1.0), ..plain }),
            _ => None,
        }
    }

    /// One step of 1.25 ε from a uniform start in L∞ (Wong, Rice & Kolter 2020).
    pub fn fast(epsilon: f64) -> Self {
        let step_size = FAST_STEP_FACTOR * epsilon;
        Self { norm: Norm::Linf, epsilon, steps: 1, step_size, random_start: true, momentum: None }
    }

    /// Passes through the network of one start.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How often it is worth starting where `restarts` are asked for.
    pub fn starts(&self, restarts: usize) -> usize {
        if self.random_start { restarts.max(1) } else { 1 }
    }

    /// The walk from its start.
    pub fn begin<'a>(&self, clean: &'a Tensor<4>, goal: &'a Goal, dice: &mut Dice) -> Walk<'a> {
        let images = if self.random_start {
            ball::random_start(self.norm, clean, self.epsilon, dice)
        } else {
            clean.clone()
        };
        self.begin_at(images, clean, goal)
    }

    /// The walk from `images`, which lie in the ball around `clean`.
    pub fn begin_at<'a>(&self, images: Tensor<4>, clean: &'a Tensor<4>, goal: &'a Goal) -> Walk<'a> {
        Walk { recipe: *self, clean, goal, images, direction: None }
    }
}

/// Images on their way.
pub(in crate::attack) struct Walk<'a> {
    recipe: Recipe,
    clean: &'a Tensor<4>,
    goal: &'a Goal,
    images: Tensor<4>,
    direction: Option<Tensor<4>>,
}

impl Walk<'_> {
    /// All steps at once.
    pub fn finish(mut self, victim: &Victim<'_>) -> Tensor<4> {
        for _ in 0..self.recipe.steps {
            self = self.step(victim);
        }
        self.images
    }

    /// All steps, with pauses.
    pub async fn finish_at(mut self, victim: &Victim<'_>, pace: &Pace) -> Tensor<4> {
        for _ in 0..self.recipe.steps {
            self = self.step(victim);
            pace.pass().await;
        }
        self.images
    }

    fn step(mut self, victim: &Victim<'_>) -> Self {
        let Recipe { norm, epsilon, step_size, momentum, .. } = self.recipe;
        let (one_hot, step) = match self.goal {
            Goal::AwayFrom(labels) => (labels, step_size),
            Goal::Towards(targets) => (targets, -step_size),
        };
        let gradient = victim.gradient(&self.images, one_hot);
        let direction = match momentum {
            None => gradient,
            Some(share) => {
                let fresh = over_mean_magnitude(gradient);
                let direction = match self.direction.take() {
                    Some(former) => fresh + former * share,
                    None => fresh,
                };
                self.direction = Some(direction.clone());
                direction
            }
        };
        let take_step = match norm {
            Norm::Linf => gpu::attack_step,
            Norm::L2 => gpu::attack_step_l2,
        };
        self.images = take_step(self.images, direction, self.clean.clone(), step as f32, epsilon as f32);
        self
    }
}

impl Victim<'_> {
    /// The adversarial images of `clean` `[N, C, H, W]` by an attack that steps along a gradient, or by noise, at once.
    /// The random start, if any, is drawn from `random`.
    ///
    /// With restarts, each example keeps the first result that reaches the goal, or else the last one. Any other attack
    /// waits for the device between its parts: see [`Assault`]; here it leaves the images as they are.
    pub fn perturb(&self, clean: &Tensor<4>, goal: &Goal, threat: &Threat, random: &mut StdRng) -> Tensor<4> {
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        let Some(recipe) = Recipe::of(threat, Start::Own) else {
            let is_noise = threat.attack == AttackKind::Noise;
            return if is_noise { ball::noise(clean, threat.epsilon, &mut dice) } else { clean.clone() };
        };
        let mut kept = recipe.begin(clean, goal, &mut dice).finish(self);
        for _ in 1..recipe.starts(threat.restarts) {
            let next = recipe.begin(clean, goal, &mut dice).finish(self);
            kept = self.first_reaching(kept, next, goal);
        }
        kept
    }

    /// `kept` where it reaches the goal, else `next`.
    pub(in crate::attack) fn first_reaching(
        &self,
        kept: Tensor<4>,
        next: Tensor<4>,
        goal: &Goal,
    ) -> Tensor<4> {
        let n = kept.dims()[0];
        let logits = self.network.logits(self.weights, kept.clone());
        ball::pick(&goal.reached(logits).reshape([n, 1, 1, 1]), kept, next)
    }
}

/// Each sample's gradient divided by the mean magnitude of its entries.
fn over_mean_magnitude(gradient: Tensor<4>) -> Tensor<4> {
    let [_, c, h, w] = gradient.dims();
    let mean = ball::sum(gradient.clone().abs()) / (c * h * w) as f64;
    gradient / mean.clamp_min(LEAST_MAGNITUDE)
}
