//! Auto-PGD (Croce & Hein 2020): PGD with momentum, whose step is halved where the loss no longer rises, and which then
//! goes on from the best point so far.

use burn::tensor::Tensor;

use crate::{
    attack::{
        ball::{self, length, pick, unit},
        loss::{AttackLoss, View},
        pace::Pace,
        victim::Victim,
    },
    config::Norm,
};

/// Share of steps that must have raised the loss since the last checkpoint, or the step is halved.
const RHO: f64 = 0.75;
/// Share of the new step; the rest is the former one.
const FRESH: f64 = 0.75;
/// The first step, in ε.
const FIRST_STEP: f64 = 2.0;

/// Where it moves, and for how long.
#[derive(Clone, Copy, Debug)]
pub(in crate::attack) struct AutoPgd {
    /// The ball's geometry.
    pub norm: Norm,
    /// Its radius.
    pub epsilon: f64,
    /// Iterations.
    pub iterations: usize,
}

/// Images on their way; all that is of one number a sample is `[N, 1, 1, 1]`.
struct Climb<'a> {
    clean: &'a Tensor<4>,
    images: Tensor<4>,
    /// Where the last iteration began.
    former: Tensor<4>,
    gradient: Tensor<4>,
    loss: Tensor<4>,
    step: Tensor<4>,
    best: Best,
    /// How often the loss rose since the last checkpoint.
    rises: Tensor<4>,
    /// At the last checkpoint: the best loss, and one where the step was halved.
    last_best: Tensor<4>,
    halved: Tensor<4>,
    /// The newest image that reached the goal, else the clean one.
    adversarial: Tensor<4>,
}

/// The point of the largest loss.
struct Best {
    images: Tensor<4>,
    gradient: Tensor<4>,
    loss: Tensor<4>,
}

impl AutoPgd {
    /// Climbs `loss` from `start`: the newest image that reached the goal, or else `clean`; of a network that draws noise
    /// the image of the largest loss, or where only the newest reaches the goal, that one.
    pub async fn run(
        &self,
        victim: &Victim<'_>,
        clean: &Tensor<4>,
        start: Tensor<4>,
        loss: &AttackLoss,
        pace: &Pace,
    ) -> Tensor<4> {
        let view = loss.view(victim, start.clone());
        pace.pass().await;
        let mut climb = Climb::begin(clean, start, view, FIRST_STEP * self.epsilon);
        let mut checkpoints = Checkpoints::of(self.iterations);
        for iteration in 0..self.iterations {
            let moved = climb.moved(self.norm, self.epsilon, iteration == 0);
            let view = loss.view(victim, moved.clone());
            pace.pass().await;
            climb.arrive(moved, view);
            if let Some(steps) = checkpoints.reached() {
                climb.check(steps);
            }
        }
        if victim.network.draws().is_none() {
            return climb.adversarial;
        }
        // A success may have been a lucky draw: the point of the largest mean loss is the surer one.
        victim.stronger(climb.best.images, climb.adversarial, &loss.goal())
    }
}

impl<'a> Climb<'a> {
    fn begin(clean: &'a Tensor<4>, start: Tensor<4>, view: View, step: f64) -> Self {
        let zeros = view.loss.zeros_like();
        Self {
            clean,
            former: start.clone(),
            adversarial: pick(&view.reached, start.clone(), clean.clone()),
            best: Best { images: start.clone(), gradient: view.gradient.clone(), loss: view.loss.clone() },
            images: start,
            gradient: view.gradient,
            step: zeros.clone() + step,
            rises: zeros.clone(),
            halved: zeros.clone() + 1.0,
            last_best: view.loss,
            // The authors' code compares the first step's loss with 0, and so does this.
            loss: zeros,
        }
    }

    /// The next point: a step along the gradient, inside the ball, and some of the former step.
    fn moved(&self, norm: Norm, epsilon: f64, is_first: bool) -> Tensor<4> {
        let inside = |images: Tensor<4>| match norm {
            Norm::Linf => ball::into_box(images, self.clean, epsilon),
            Norm::L2 => {
                let offset = images - self.clean.clone();
                let reach = length(norm, offset.clone()).clamp_max(epsilon);
                (self.clean.clone() + unit(norm, offset) * reach).clamp(0.0, 1.0)
            }
        };
        let direction = match norm {
            Norm::Linf => ball::sign(&self.gradient),
            Norm::L2 => unit(norm, self.gradient.clone()),
        };
        let target = inside(self.images.clone() + direction * self.step.clone());
        let fresh = if is_first { 1.0 } else { FRESH };
        let inertia = (self.images.clone() - self.former.clone()) * (1.0 - fresh);
        inside(self.images.clone() + (target - self.images.clone()) * fresh + inertia)
    }

    fn arrive(&mut self, images: Tensor<4>, view: View) {
        self.former = std::mem::replace(&mut self.images, images);
        self.adversarial = pick(&view.reached, self.images.clone(), self.adversarial.clone());
        self.rises = self.rises.clone() + view.loss.clone().greater(self.loss.clone()).float();
        let better = view.loss.clone().greater(self.best.loss.clone()).float();
        let best = &mut self.best;
        best.images = pick(&better, self.images.clone(), best.images.clone());
        best.gradient = pick(&better, view.gradient.clone(), best.gradient.clone());
        best.loss = pick(&better, view.loss.clone(), best.loss.clone());
        self.loss = view.loss;
        self.gradient = view.gradient;
    }

    /// After `steps` since the last checkpoint: halves the step where they were in vain, and goes back to the best point.
    fn check(&mut self, steps: usize) {
        let few_rises = self.rises.clone().lower_equal_elem(RHO * steps as f64).float();
        let no_gain = self.last_best.clone().greater_equal(self.best.loss.clone()).float();
        let stuck = no_gain * (self.halved.clone() * -1.0 + 1.0);
        let halve = few_rises.max_pair(stuck);
        self.step = self.step.clone() * (halve.clone() * -0.5 + 1.0);
        self.images = pick(&halve, self.best.images.clone(), self.images.clone());
        self.gradient = pick(&halve, self.best.gradient.clone(), self.gradient.clone());
        self.halved = halve;
        self.last_best = self.best.loss.clone();
        self.rises = self.rises.zeros_like();
    }
}

/// When the step's size is looked at: after 22 % of the iterations, then ever sooner, down to 6 %.
struct Checkpoints {
    since: usize,
    window: usize,
    least: usize,
    decrement: usize,
}

impl Checkpoints {
    fn of(iterations: usize) -> Self {
        let share = |percent: usize| (iterations * percent / 100).max(1);
        Self { since: 0, window: share(22), least: share(6), decrement: share(3) }
    }

    /// Counts an iteration; at a checkpoint, how many there were since the last.
    fn reached(&mut self) -> Option<usize> {
        self.since += 1;
        if self.since < self.window {
            return None;
        }
        let steps = std::mem::take(&mut self.since);
        self.window = self.window.saturating_sub(self.decrement).max(self.least);
        Some(steps)
    }
}
