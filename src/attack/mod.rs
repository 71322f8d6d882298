//! Adversarial examples, and how many of them a network withstands: algorithms, section 4.
//!
//! All in pixel space; every adversarial image is inside the ε-ball and inside [0, 1].

pub mod evaluation;

use burn::tensor::{Tensor, TensorData};
use rand::{RngExt, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal, Uniform};

pub use evaluation::Evaluation;

use crate::{
    config::{AttackKind, TargetKind, Threat},
    gpu::{self, hits},
    nn::{Network, Weights},
};

/// A step of an L∞ PGD or L2 PGD is this times ε/k (Madry et al. 2018).
const PGD_STEP_FACTOR: f64 = 2.5;
/// Least L2 norm that a gradient is divided by.
const LEAST_NORM: f64 = 1e-12;

/// A network under attack, outside every autodiff graph.
#[derive(Clone, Copy, Debug)]
pub struct Victim<'a> {
    /// Its layers.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
}

/// What an attack wants: classes as one-hot rows `[N, K]`.
#[derive(Clone, Debug)]
pub enum Goal {
    /// Away from the labels.
    AwayFrom(Tensor<2>),
    /// Towards the targets.
    Towards(Tensor<2>),
}

/// The geometry of an attack's ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Norm {
    Linf,
    L2,
}

/// How an attack moves; FGSM is iFGSM with one step.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Recipe {
    norm: Norm,
    steps: usize,
    step_size: f64,
    random_start: bool,
}

impl Recipe {
    /// None where the attack reads no gradient.
    fn of(threat: &Threat) -> Option<Self> {
        let k = threat.steps.max(1);
        let share = threat.epsilon / k as f64;
        match threat.attack {
            AttackKind::Noise => None,
            AttackKind::Fgsm => {
                Some(Self { norm: Norm::Linf, steps: 1, step_size: threat.epsilon, random_start: false })
            }
            AttackKind::Ifgsm => {
                Some(Self { norm: Norm::Linf, steps: k, step_size: share, random_start: false })
            }
            AttackKind::Pgd => Some(Self {
                norm: Norm::Linf,
                steps: k,
                step_size: PGD_STEP_FACTOR * share,
                random_start: true,
            }),
            AttackKind::PgdL2 => Some(Self {
                norm: Norm::L2,
                steps: k,
                step_size: PGD_STEP_FACTOR * share,
                random_start: true,
            }),
        }
    }
}

impl Victim<'_> {
    /// The adversarial images of `clean` `[N, C, H, W]`. The random start, if any, is drawn from `random`.
    ///
    /// With restarts, each example keeps the first result that reaches the goal, or else the last one.
    pub fn perturb(&self, clean: &Tensor<4>, goal: &Goal, threat: &Threat, random: &mut StdRng) -> Tensor<4> {
        let Some(recipe) = Recipe::of(threat) else {
            return noise(clean, threat.epsilon, random);
        };
        let restarts = if recipe.random_start { threat.restarts.max(1) } else { 1 };
        let mut kept = self.walk(clean, goal, recipe, threat.epsilon, random);
        for _ in 1..restarts {
            let reached = self.reached(&kept, goal); // [N, 1, 1, 1]
            let next = self.walk(clean, goal, recipe, threat.epsilon, random);
            kept = kept.clone() * reached.clone() + next * (reached * -1.0 + 1.0);
        }
        kept
    }

    /// The steps of `recipe` from its start, without choosing one of several.
    fn walk(
        &self,
        clean: &Tensor<4>,
        goal: &Goal,
        recipe: Recipe,
        epsilon: f64,
        random: &mut StdRng,
    ) -> Tensor<4> {
        let start = if recipe.random_start {
            random_start(clean, recipe.norm, epsilon, random)
        } else {
            clean.clone()
        };
        self.descend(clean, start, goal, recipe, epsilon)
    }

    fn descend(
        &self,
        clean: &Tensor<4>,
        start: Tensor<4>,
        goal: &Goal,
        recipe: Recipe,
        epsilon: f64,
    ) -> Tensor<4> {
        let (one_hot, step) = match goal {
            Goal::AwayFrom(labels) => (labels, recipe.step_size),
            Goal::Towards(targets) => (targets, -recipe.step_size),
        };
        (0..recipe.steps).fold(start, |images, _| {
            let (gradient, _) = self.network.input_gradient(self.weights, images.clone(), one_hot.clone());
            let take_step = match recipe.norm {
                Norm::Linf => gpu::attack_step,
                Norm::L2 => gpu::attack_step_l2,
            };
            take_step(images, gradient, clean.clone(), step as f32, epsilon as f32)
        })
    }

    /// One where the network says what the goal wants, `[N, 1, 1, 1]`.
    fn reached(&self, images: &Tensor<4>, goal: &Goal) -> Tensor<4> {
        let n = images.dims()[0];
        let hit = |one_hot: &Tensor<2>| {
            hits(self.network.logits(self.weights, images.clone()), one_hot.clone()).each
        };
        let reached = match goal {
            Goal::AwayFrom(labels) => hit(labels) * -1.0 + 1.0,
            Goal::Towards(targets) => hit(targets),
        };
        reached.reshape([n, 1, 1, 1])
    }

    /// Starts at `clean` itself, whatever the attack's own start: what a comparison with another tool needs.
    pub fn perturb_from_clean(&self, clean: &Tensor<4>, goal: &Goal, threat: &Threat) -> Option<Tensor<4>> {
        let recipe = Recipe::of(threat)?;
        Some(self.descend(clean, clean.clone(), goal, recipe, threat.epsilon))
    }
}

/// The class that each of `labels` is to be mistaken for: another one, drawn from `random`.
pub fn random_targets(labels: &[usize], classes: usize, random: &mut StdRng) -> Vec<usize> {
    labels.iter().map(|label| (label + random.random_range(1..classes.max(2))) % classes).collect()
}

/// The goal of `target` for a batch; `clean_logits` `[N, K]` and `random_one_hot` are used where it needs them.
pub fn goal(
    target: TargetKind,
    labels: Tensor<2>,
    random_one_hot: Tensor<2>,
    clean_logits: Tensor<2>,
) -> Goal {
    let [n, k] = labels.dims();
    match target {
        TargetKind::Untargeted => Goal::AwayFrom(labels),
        TargetKind::Random => Goal::Towards(random_one_hot),
        TargetKind::LeastLikely => {
            Goal::Towards(gpu::images::one_hot(clean_logits.argmin(1).reshape([n]), k))
        }
    }
}

/// `x + ε · sign(N(0, 1))` inside [0, 1].
fn noise(clean: &Tensor<4>, epsilon: f64, random: &mut StdRng) -> Tensor<4> {
    let sign = || if random.random::<bool>() { 1.0 } else { -1.0 };
    (clean.clone() + draw(clean, sign) * epsilon).clamp(0.0, 1.0)
}

/// Uniform in the L∞ ball; in the L2 ball a random direction times a uniform radius; inside [0, 1].
fn random_start(clean: &Tensor<4>, norm_kind: Norm, epsilon: f64, random: &mut StdRng) -> Tensor<4> {
    let offset = match norm_kind {
        Norm::Linf => {
            let uniform = Uniform::new_inclusive(-1.0f32, 1.0).expect("-1 is less than 1");
            draw(clean, || uniform.sample(random)) * epsilon
        }
        Norm::L2 => {
            let n = clean.dims()[0];
            let direction = draw(clean, || StandardNormal.sample(random));
            let radii: Vec<f32> = (0..n).map(|_| random.random::<f32>() * epsilon as f32).collect();
            let radii = Tensor::<4>::from_data(TensorData::new(radii, [n, 1, 1, 1]), &clean.device());
            direction.clone() / norm(direction) * radii
        }
    };
    (clean.clone() + offset).clamp(0.0, 1.0)
}

/// Values drawn on the host, so that a seed means the same on every device; shaped like `like`.
fn draw(like: &Tensor<4>, mut next: impl FnMut() -> f32) -> Tensor<4> {
    let shape = like.dims();
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}

/// L2 norm of each sample, `[N, 1, 1, 1]`.
fn norm(images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let flat = images.reshape([n, c * h * w]);
    (flat.clone() * flat).sum_dim(1).sqrt().clamp_min(LEAST_NORM).reshape([n, 1, 1, 1])
}
