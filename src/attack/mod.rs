//! Adversarial examples, and how many of them a network withstands: algorithms, section 4.
//!
//! All in pixel space; every adversarial image is inside the ε-ball and inside [0, 1]. No attack needs automatic
//! differentiation: each chooses the logits' cotangent and reads `∇x` from the network's vector-Jacobian product.

pub mod audit;
mod auto_pgd;
mod autoattack;
mod ball;
mod batch_size;
mod boundary;
mod carlini_wagner;
mod deep_fool;
mod descent;
mod dice;
pub mod evaluation;
mod exact_bytes;
mod objective;
mod pace;
pub mod probe;
mod square;
mod survivors;
mod training;

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, rngs::StdRng};

pub use audit::Audit;
pub use dice::Dice;
pub use evaluation::Evaluation;
pub use exact_bytes::exact_bytes;
pub use pace::Pace;

use crate::{
    config::{AttackKind, TargetKind, Threat},
    gpu::{self, hits},
    nn::{Network, Weights},
};
use autoattack::Part;
use descent::Recipe;

/// A network under attack, outside every autodiff graph.
#[derive(Clone, Copy, Debug)]
pub struct Victim<'a> {
    /// Its layers.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// Over how many draws of the network's own noise gradients are averaged; 1 where it draws none.
    pub draws: usize,
}

/// What an attack wants: classes as one-hot rows `[N, K]`.
#[derive(Clone, Debug)]
pub enum Goal {
    /// Away from the labels.
    AwayFrom(Tensor<2>),
    /// Towards the targets.
    Towards(Tensor<2>),
}

impl Goal {
    /// One for each row of `logits` `[N, K]` that says what is wanted, else zero: `[N]`.
    pub fn reached(&self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::AwayFrom(labels) => hits(logits, labels.clone()).each * -1.0 + 1.0,
            Self::Towards(targets) => hits(logits, targets.clone()).each,
        }
    }

    /// The goal of the samples at `rows`.
    fn select(&self, rows: &Tensor<1, Int>) -> Self {
        match self {
            Self::AwayFrom(labels) => Self::AwayFrom(labels.clone().select(0, rows.clone())),
            Self::Towards(targets) => Self::Towards(targets.clone().select(0, rows.clone())),
        }
    }
}

/// Where an attack begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Where its authors begin, at random for some.
    #[default]
    Own,
    /// At the clean images: what a comparison with another tool needs.
    Clean,
}

/// An attack on a batch.
#[derive(Clone, Copy, Debug)]
pub struct Assault<'a> {
    /// On whom.
    pub victim: Victim<'a>,
    /// On whom a transfer attack makes its examples; no other attack looks at it.
    pub surrogate: Option<Victim<'a>>,
    /// `[N, C, H, W]`.
    pub clean: &'a Tensor<4>,
    /// What for.
    pub goal: &'a Goal,
    /// With what.
    pub threat: Threat,
    /// Where it begins.
    pub start: Start,
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

impl<'a> Victim<'a> {
    /// A network that draws nothing.
    pub const fn new(network: &'a Network, weights: &'a Weights) -> Self {
        Self { network, weights, draws: 1 }
    }

    /// The same, attacked in expectation over so many `draws` of its own noise (EOT: Athalye et al. 2018) by every attack
    /// that steps along a gradient: FGSM and its kin, PGD, Auto-PGD.
    pub const fn with_draws(self, draws: usize) -> Self {
        Self { draws, ..self }
    }

    /// The mean of what `one` draw comes to.
    fn mean<T: std::ops::Add<Output = T> + std::ops::Mul<f64, Output = T>>(&self, one: impl Fn() -> T) -> T {
        let sum = (1..self.draws).fold(one(), |sum, _| sum + one());
        // One draw stays as it is, bit for bit.
        if self.draws > 1 { sum * (1.0 / self.draws as f64) } else { sum }
    }

    /// `∇x Σᵢ CE(f(xᵢ), yᵢ)`, in expectation over the draws.
    fn gradient(&self, images: &Tensor<4>, one_hot: &Tensor<2>) -> Tensor<4> {
        self.mean(|| self.network.input_gradient(self.weights, images.clone(), one_hot.clone()).0)
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
    fn first_reaching(&self, kept: Tensor<4>, next: Tensor<4>, goal: &Goal) -> Tensor<4> {
        let n = kept.dims()[0];
        let logits = self.network.logits(self.weights, kept.clone());
        ball::pick(&goal.reached(logits).reshape([n, 1, 1, 1]), kept, next)
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

/// Row numbers on the device of `like`.
fn rows(numbers: &[usize], like: &Tensor<4>) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.iter().map(|number| *number as i32).collect();
    let count = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [count]), &like.device())
}
