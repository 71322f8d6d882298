//! What only training knows: the attack away from a prediction, and noise.

use burn::tensor::Tensor;
use rand::rngs::StdRng;

use super::{ball, dice::Dice, goal::Goal, methods::descent::Recipe, victim::Victim};
use crate::{config::Norm, gpu::softmax};

/// Standard deviation of the start of TRADES' attack: at the clean image itself its gradient is zero.
const TRADES_START: f64 = 1e-3;

/// `images` `[N, C, H, W]` with uniform noise of at most `largest` a pixel, inside [0, 1]; it comes from `random`.
pub fn uniform_noise(images: &Tensor<4>, largest: f64, random: &mut StdRng) -> Tensor<4> {
    let mut dice = Dice::of_batch(random, images.dims()[0]);
    ball::random_start(Norm::Linf, images, largest, &mut dice)
}

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
