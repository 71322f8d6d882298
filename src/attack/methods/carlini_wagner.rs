//! The attack of Carlini & Wagner (2017) in L2: Adam on `‖x' − x‖² + c · max(z_y − max z_j, 0)`, in a space that maps into
//! [0, 1], with a binary search for the smallest c that succeeds.

use burn::tensor::Tensor;

use crate::{
    attack::{
        ball::{length, pick},
        goal::Goal,
        loss::margin,
        pace::Pace,
        victim::Victim,
    },
    config::Norm,
};

/// Values of c that are tried one after another.
const SEARCH_STEPS: usize = 9;
/// The first c.
const FIRST_C: f64 = 1e-3;
/// By how much c grows until it succeeds once.
const GROWTH: f64 = 10.0;
/// Stands for a c that nobody has succeeded with.
const UNBOUNDED: f64 = 1e10;
/// Pixels are drawn this much to the middle, so that 0 and 1 have a finite inverse.
const SHRINK: f64 = 0.999_999;
/// Adam's step size and moments.
const STEP: f64 = 0.01;
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const ADAM_EPSILON: f64 = 1e-8;

/// The passes of `iterations` for each value of c.
pub(in crate::attack) fn passes(iterations: usize) -> usize {
    SEARCH_STEPS * iterations
}

/// The images of the smallest perturbations found that reach the goal; the clean ones where there is none.
pub(in crate::attack) async fn smallest(
    victim: &Victim<'_>,
    clean: &Tensor<4>,
    goal: &Goal,
    iterations: usize,
    pace: &Pace,
) -> Tensor<4> {
    let centred = (clean.clone() * 2.0 - 1.0) * SHRINK;
    // atanh(u) = ½ ln((1 + u) / (1 − u))
    let origin = ((centred.clone() + 1.0) / (centred * -1.0 + 1.0)).log() * 0.5;
    let zeros: Tensor<4> = Tensor::zeros([clean.dims()[0], 1, 1, 1], &clean.device());
    let mut best = Best { images: clean.clone(), distance: zeros.clone() + UNBOUNDED, clean };
    let mut search =
        Search { c: zeros.clone() + FIRST_C, below: zeros.clone(), above: zeros.clone() + UNBOUNDED };
    for _ in 0..SEARCH_STEPS {
        let mut adam = Adam::new(&origin);
        let mut found = zeros.clone();
        for _ in 0..iterations {
            let point = origin.clone() + adam.offset.clone();
            let (images, gradient, reached) = look(victim, &origin, point, goal, &search.c);
            pace.pass().await;
            adam.descend(gradient);
            best.offer(images, &reached);
            found = found.max_pair(reached);
        }
        search.narrow(&found);
    }
    best.images
}

/// The images at `point`, the gradient of what is minimised there, and one where they reach the goal.
fn look(
    victim: &Victim<'_>,
    origin: &Tensor<4>,
    point: Tensor<4>,
    goal: &Goal,
    c: &Tensor<4>,
) -> (Tensor<4>, Tensor<4>, Tensor<4>) {
    let n = origin.dims()[0];
    let tanh = point.tanh();
    let images = tanh.clone() * 0.5 + 0.5;
    let (logits, tapes) = victim.network.forward(victim.weights, images.clone());
    let says = if victim.network.draws().is_some() { victim.estimate(&images) } else { logits.clone() };
    let reached = goal.reached(says).reshape([n, 1, 1, 1]);
    let (classes, aim) = match goal {
        Goal::AwayFrom(labels) => (labels, 1.0),
        Goal::Towards { targets, .. } => (targets, -1.0),
    };
    let (gap, rival) = margin(&logits, classes);
    let counts = (gap * aim).greater_elem(0.0).float(); // [n, 1]
    let weight: Tensor<2> = c.clone().reshape([n, 1]);
    let cotangent = (classes.clone() - rival) * aim * counts * weight;
    let from_logits = victim.network.input_vjp(tapes, cotangent);
    let from_distance = (images.clone() - (origin.clone().tanh() * 0.5 + 0.5)) * 2.0;
    let slope = (tanh.clone() * tanh * -1.0 + 1.0) * 0.5;
    (images, (from_logits + from_distance) * slope, reached)
}

/// The nearest success so far.
struct Best<'a> {
    images: Tensor<4>,
    /// `[N, 1, 1, 1]`.
    distance: Tensor<4>,
    clean: &'a Tensor<4>,
}

impl Best<'_> {
    fn offer(&mut self, images: Tensor<4>, reached: &Tensor<4>) {
        let distance = length(Norm::L2, images.clone() - self.clean.clone());
        let nearer = reached.clone() * distance.clone().lower(self.distance.clone()).float();
        self.images = pick(&nearer, images, self.images.clone());
        self.distance = pick(&nearer, distance, self.distance.clone());
    }
}

/// The c of each sample, between one that failed and one that succeeded; all `[N, 1, 1, 1]`.
struct Search {
    c: Tensor<4>,
    below: Tensor<4>,
    above: Tensor<4>,
}

impl Search {
    fn narrow(&mut self, found: &Tensor<4>) {
        self.above = pick(found, self.c.clone().min_pair(self.above.clone()), self.above.clone());
        self.below = pick(found, self.below.clone(), self.c.clone());
        let bounded = self.above.clone().lower_elem(UNBOUNDED / 2.0).float();
        let middle = (self.below.clone() + self.above.clone()) * 0.5;
        self.c = pick(&bounded, middle, self.c.clone() * GROWTH);
    }
}

/// Adam (Kingma & Ba 2015) from 0.
struct Adam {
    offset: Tensor<4>,
    first: Tensor<4>,
    second: Tensor<4>,
    steps: i32,
}

impl Adam {
    fn new(like: &Tensor<4>) -> Self {
        let zeros = like.zeros_like();
        Self { offset: zeros.clone(), first: zeros.clone(), second: zeros, steps: 0 }
    }

    fn descend(&mut self, gradient: Tensor<4>) {
        self.steps += 1;
        self.first = self.first.clone() * BETA_1 + gradient.clone() * (1.0 - BETA_1);
        self.second = self.second.clone() * BETA_2 + gradient.clone() * gradient * (1.0 - BETA_2);
        let first = self.first.clone() / (1.0 - BETA_1.powi(self.steps));
        let second = self.second.clone() / (1.0 - BETA_2.powi(self.steps));
        self.offset = self.offset.clone() - first / (second.sqrt() + ADAM_EPSILON) * STEP;
    }
}
