//! The attacks that only adversarial training knows: one step from a random start, and away from a prediction.

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use super::{assault::Start, ball, dice::Dice, goal::Goal, methods::descent::Recipe, victim::Victim};
use crate::{
    config::{AttackKind, TargetKind, Threat},
    gpu::softmax,
};

/// Standard deviation of the start of TRADES' attack: at the clean image itself its gradient is zero.
const TRADES_START: f64 = 1e-3;

impl Victim<'_> {
    /// The examples of fast adversarial training (Wong, Rice & Kolter 2020): `clean` `[N, C, H, W]` moved to a uniform
    /// start in the L∞ ball of radius `epsilon`, then by one step of 1.25 ε, back into the ball and [0, 1].
    pub fn fast(&self, clean: &Tensor<4>, goal: &Goal, epsilon: f64, random: &mut StdRng) -> Tensor<4> {
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        Recipe::fast(epsilon).begin(clean, goal, &mut dice).finish(self)
    }

    /// The examples of TRADES (Zhang et al. 2019, algorithm 1): `steps` steps of 2.5 ε/k in the L∞ ball of radius
    /// `epsilon` up the divergence of the prediction from that on `clean`, whose logits are `logits` `[N, K]`.
    pub fn trades(
        &self,
        clean: &Tensor<4>,
        logits: Tensor<2>,
        epsilon: f64,
        steps: usize,
        random: &mut StdRng,
    ) -> Tensor<4> {
        let (attack, target) = (AttackKind::Pgd, TargetKind::Untargeted);
        let threat = Threat { attack, target, epsilon, steps, restarts: 1 };
        // The divergence and the cross-entropy to the prediction differ by the prediction's own entropy, a constant.
        let goal = Goal::AwayFrom(softmax(logits));
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        let start = ball::near(clean, TRADES_START, &mut dice);
        match Recipe::of(&threat, Start::Clean) {
            Some(recipe) => recipe.begin_at(start, clean, &goal).finish(self),
            None => start,
        }
    }
}
