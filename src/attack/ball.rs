//! The ε-ball: lengths, projections and random starts in L∞ and L2. Draws are made on the host, so that a seed means the
//! same on every device.

use burn::tensor::{Tensor, TensorData};
use rand::{RngExt, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal, Uniform};

use super::dice::Dice;
use crate::config::Norm;

/// Least length that anything is divided by.
const LEAST_LENGTH: f64 = 1e-12;

/// The length of each sample, `[N, 1, 1, 1]`.
pub(super) fn length(norm: Norm, images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let flat = images.reshape([n, c * h * w]);
    let lengths: Tensor<2> = match norm {
        Norm::Linf => flat.abs().max_dim(1),
        Norm::L2 => (flat.clone() * flat).sum_dim(1).sqrt(),
    };
    lengths.reshape([n, 1, 1, 1])
}

/// The sum over each sample, `[N, 1, 1, 1]`.
pub(super) fn sum(images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    images.reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1])
}

/// Each sample divided by its length.
pub(super) fn unit(norm: Norm, images: Tensor<4>) -> Tensor<4> {
    let lengths = length(norm, images.clone()).clamp_min(LEAST_LENGTH);
    images / lengths
}

/// `yes` where `mask` is one, `no` where it is zero; the mask has one entry a sample, or one a pixel.
pub(super) fn pick(mask: &Tensor<4>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    yes * mask.clone() + no * (mask.clone() * -1.0 + 1.0)
}

/// −1, 0 or 1.
pub(super) fn sign(gradient: &Tensor<4>) -> Tensor<4> {
    // Not `sign()`: what that makes of NaN differs from backend to backend.
    gradient.clone().greater_elem(0.0).float() - gradient.clone().lower_elem(0.0).float()
}

/// Back into the L∞ ball around `clean`, then into [0, 1].
pub(super) fn into_box(images: Tensor<4>, clean: &Tensor<4>, epsilon: f64) -> Tensor<4> {
    images.max_pair(clean.clone() - epsilon).min_pair(clean.clone() + epsilon).clamp(0.0, 1.0)
}

/// `images` where they are in the ball around `clean`, else `clean` itself.
pub(super) fn or_clean(norm: Norm, images: Tensor<4>, clean: &Tensor<4>, epsilon: f64) -> Tensor<4> {
    let inside = length(norm, images.clone() - clean.clone()).lower_equal_elem(epsilon).float();
    pick(&inside, images, clean.clone())
}

/// `x + ε · sign(N(0, 1))` inside [0, 1].
pub(super) fn noise(clean: &Tensor<4>, epsilon: f64, dice: &mut Dice) -> Tensor<4> {
    let sign = |random: &mut StdRng| if random.random::<bool>() { 1.0 } else { -1.0 };
    (clean.clone() + draw(clean, dice, sign) * epsilon).clamp(0.0, 1.0)
}

/// Uniform in the L∞ ball; in the L2 ball a random direction times a uniform radius; inside [0, 1].
pub(super) fn random_start(norm: Norm, clean: &Tensor<4>, epsilon: f64, dice: &mut Dice) -> Tensor<4> {
    let offset = match norm {
        Norm::Linf => uniform(clean, dice) * epsilon,
        Norm::L2 => {
            let n = clean.dims()[0];
            let direction = normal(clean, dice);
            let radii: Vec<f32> = (0..n).map(|row| dice.row(row).random::<f32>() * epsilon as f32).collect();
            let radii = Tensor::<4>::from_data(TensorData::new(radii, [n, 1, 1, 1]), &clean.device());
            unit(norm, direction) * radii
        }
    };
    (clean.clone() + offset).clamp(0.0, 1.0)
}

/// Normal around `clean` with a standard deviation of `deviation`, inside [0, 1].
pub(super) fn near(clean: &Tensor<4>, deviation: f64, dice: &mut Dice) -> Tensor<4> {
    (clean.clone() + normal(clean, dice) * deviation).clamp(0.0, 1.0)
}

/// A random direction of length `reach`, inside [0, 1]: in L∞ the largest of uniform entries is at the edge.
pub(super) fn start_at_edge(norm: Norm, clean: &Tensor<4>, reach: f64, dice: &mut Dice) -> Tensor<4> {
    let direction = match norm {
        Norm::Linf => uniform(clean, dice),
        Norm::L2 => normal(clean, dice),
    };
    (clean.clone() + unit(norm, direction) * reach).clamp(0.0, 1.0)
}

/// Uniform in [−1, 1], shaped like `like`.
fn uniform(like: &Tensor<4>, dice: &mut Dice) -> Tensor<4> {
    let uniform = Uniform::new_inclusive(-1.0f32, 1.0).expect("-1 is less than 1");
    draw(like, dice, |random| uniform.sample(random))
}

/// Standard normal, shaped like `like`.
fn normal(like: &Tensor<4>, dice: &mut Dice) -> Tensor<4> {
    draw(like, dice, |random| StandardNormal.sample(random))
}

/// Values drawn on the host, shaped like `like`.
fn draw(like: &Tensor<4>, dice: &mut Dice, next: impl Fn(&mut StdRng) -> f32) -> Tensor<4> {
    let shape = like.dims();
    let each = shape.iter().skip(1).product();
    let mut values = Vec::with_capacity(shape[0] * each);
    for row in 0..shape[0] {
        let random = dice.row(row);
        values.extend((0..each).map(|_| next(random)));
    }
    Tensor::from_data(TensorData::new(values, shape), &like.device())
}
