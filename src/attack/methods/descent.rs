//! The attacks that step along a gradient and project: FGSM, iFGSM, MI-FGSM and PGD, and what they climb, differ in a
//! [`Recipe`] alone.

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use crate::{
    attack::{assault::Start, ball, dice::Dice, goal::Goal, pace::Pace, victim::Victim},
    config::Norm,
    gpu::{self, Slope},
};

/// A step of an L∞ PGD or L2 PGD is this times ε/k (Madry et al. 2018).
const PGD_STEP_FACTOR: f64 = 2.5;
/// The one step of fast adversarial training is this times ε.
const FAST_STEP_FACTOR: f64 = 1.25;
/// Least mean magnitude that a gradient is divided by before it joins the momentum.
const LEAST_MAGNITUDE: f64 = 1e-30;

/// How an attack moves; FGSM is iFGSM with one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    norm: Norm,
    epsilon: f64,
    steps: usize,
    step_size: f64,
    random_start: bool,
    /// Share of the former direction that goes on; None moves along the gradient alone.
    momentum: Option<f64>,
    /// Along what it climbs at the logits.
    slope: Slope,
}

impl Recipe {
    /// One step of size ε from the clean image, L∞ (Goodfellow et al. 2015).
    pub fn fgsm(epsilon: f64) -> Self {
        Self::ifgsm(Norm::Linf, epsilon, 1)
    }

    /// One step of 1.25 ε from a uniform start, L∞ (Wong, Rice & Kolter 2020).
    pub fn fast(epsilon: f64) -> Self {
        Self { step_size: FAST_STEP_FACTOR * epsilon, random_start: true, ..Self::fgsm(epsilon) }
    }

    /// `steps` steps of 2.5 ε/k from a random start (Madry et al. 2018).
    pub fn pgd(norm: Norm, epsilon: f64, steps: usize) -> Self {
        let plain = Self::ifgsm(norm, epsilon, steps);
        Self { step_size: PGD_STEP_FACTOR * plain.step_size, random_start: true, ..plain }
    }

    /// `steps` steps of ε/k from the clean image (Kurakin et al. 2017).
    pub(in crate::attack) fn ifgsm(norm: Norm, epsilon: f64, steps: usize) -> Self {
        let steps = steps.max(1);
        let (step_size, slope) = (epsilon / steps as f64, Slope::CrossEntropy);
        Self { norm, epsilon, steps, step_size, random_start: false, momentum: None, slope }
    }

    /// The same along a momentum of 1.0 (Dong et al. 2018).
    pub(in crate::attack) fn mi_fgsm(norm: Norm, epsilon: f64, steps: usize) -> Self {
        Self { momentum: Some(1.0), ..Self::ifgsm(norm, epsilon, steps) }
    }

    /// The same along another slope than the cross-entropy's.
    pub fn along(self, slope: Slope) -> Self {
        Self { slope, ..self }
    }

    /// The same from the clean image where `start` says so.
    pub(in crate::attack) fn beginning(self, start: Start) -> Self {
        Self { random_start: self.random_start && start == Start::Own, ..self }
    }

    /// Passes through the network of one start.
    pub(in crate::attack) fn steps(&self) -> usize {
        self.steps
    }

    /// How often it is worth starting where `restarts` are asked for.
    pub(in crate::attack) fn starts(&self, restarts: usize) -> usize {
        if self.random_start { restarts.max(1) } else { 1 }
    }

    /// The walk from its start.
    pub(in crate::attack) fn begin<'a>(
        &self,
        clean: &'a Tensor<4>,
        goal: &'a Goal,
        dice: &mut Dice,
    ) -> Walk<'a> {
        let images = if self.random_start {
            ball::random_start(self.norm, clean, self.epsilon, dice)
        } else {
            clean.clone()
        };
        self.begin_at(images, clean, goal)
    }

    /// The walk from `images`, which lie in the ball around `clean`.
    pub(in crate::attack) fn begin_at<'a>(
        &self,
        images: Tensor<4>,
        clean: &'a Tensor<4>,
        goal: &'a Goal,
    ) -> Walk<'a> {
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

    /// The images after each step, those that it begins with first.
    fn places(mut self, victim: &Victim<'_>) -> Vec<Tensor<4>> {
        let mut places = vec![self.images.clone()];
        for _ in 0..self.recipe.steps {
            self = self.step(victim);
            places.push(self.images.clone());
        }
        places
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
        let Recipe { norm, epsilon, step_size, momentum, slope, .. } = self.recipe;
        let (one_hot, step) = match self.goal {
            Goal::AwayFrom(labels) => (labels, step_size),
            Goal::Towards { targets, .. } => (targets, -step_size),
        };
        let gradient = victim.gradient(&self.images, one_hot, slope);
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
    /// The adversarial images of `clean` `[N, C, H, W]` by the steps of `recipe`, from one start, at once; what is drawn
    /// comes from `random`.
    pub fn perturb(&self, clean: &Tensor<4>, goal: &Goal, recipe: &Recipe, random: &mut StdRng) -> Tensor<4> {
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        recipe.begin(clean, goal, &mut dice).finish(self)
    }

    /// The way to the images of [`Self::perturb`]: where it begins, and the images after each step.
    pub fn path(
        &self,
        clean: &Tensor<4>,
        goal: &Goal,
        recipe: &Recipe,
        random: &mut StdRng,
    ) -> Vec<Tensor<4>> {
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        recipe.begin(clean, goal, &mut dice).places(self)
    }

    /// Of each two images the one that comes nearer to the goal; `kept` where they come as near.
    pub(in crate::attack) fn stronger(&self, kept: Tensor<4>, next: Tensor<4>, goal: &Goal) -> Tensor<4> {
        let n = kept.dims()[0];
        let [before, after] = [&kept, &next].map(|images| goal.degree(self.says(images)));
        ball::pick(&after.greater(before).float().reshape([n, 1, 1, 1]), next, kept)
    }
}

/// Each sample's gradient divided by the mean magnitude of its entries.
fn over_mean_magnitude(gradient: Tensor<4>) -> Tensor<4> {
    let [_, c, h, w] = gradient.dims();
    let mean = ball::sum(gradient.clone().abs()) / (c * h * w) as f64;
    gradient / mean.clamp_min(LEAST_MAGNITUDE)
}
