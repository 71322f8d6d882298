//! The attack that only adversarial training knows: away from a prediction.

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use super::{ball, dice::Dice, goal::Goal, methods::descent::Recipe, victim::Victim};
use crate::{config::Norm, gpu::softmax};

/// Standard deviation of the start of TRADES' attack: at the clean image itself its gradient is zero.
const TRADES_START: f64 = 1e-3;

impl Victim<'_> {
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
        // The divergence and the cross-entropy to the prediction differ by the prediction's own entropy, a constant.
        let goal = Goal::AwayFrom(softmax(logits));
        let mut dice = Dice::of_batch(random, clean.dims()[0]);
        let start = ball::near(clean, TRADES_START, &mut dice);
        Recipe::pgd(Norm::Linf, epsilon, steps).begin_at(start, clean, &goal).finish(self)
    }
}
