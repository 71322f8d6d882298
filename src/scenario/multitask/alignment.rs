//! Gradient alignment layers (Sinha et al. 2018): nothing on the way forward, a weight for every place of the shared
//! representation on the way back.

use burn::tensor::{Device, Tensor};

/// What the size of a slope is at least, to be divided by.
const LEAST: f32 = 1e-18;

/// The layers of all tasks. There is no forward: it is the identity, so the network without them is the network.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// `M` of `[C', H', W']`, none below 0, each of mean 1.
    weights: Vec<Tensor<3>>,
}

impl Alignment {
    /// The layers of `tasks` tasks over a representation of `[C', H', W']`: all weights 1.
    pub fn new(tasks: usize, shape: [usize; 3], device: &Device) -> Self {
        Self { weights: (0..tasks).map(|_| Tensor::ones(shape, device)).collect() }
    }

    /// Layers with weights that layers have had.
    pub fn resumed(weights: Vec<Tensor<3>>) -> Self {
        Self { weights }
    }

    /// The weights of each task, `[C', H', W']`.
    pub fn weights(&self) -> &[Tensor<3>] {
        &self.weights
    }

    /// `ĝ = w ⊙ g` of a gradient `[N, C', H', W']` of task `task`.
    ///
    /// # Panics
    /// Where there is no such task, or the shapes differ.
    pub fn aligned(&self, task: usize, gradient: Tensor<4>) -> Tensor<4> {
        gradient * self.weights[task].clone().unsqueeze()
    }

    /// The gradient of the discriminator's loss with respect to a task's weights: `Σ_n g_n ⊙ e_n` `[C', H', W']`, for the
    /// gradient `g` of the task and the derivative `e` of that loss with respect to `ĝ`, both `[N, C', H', W']`. `g` is a
    /// constant of this step, so no derivative of a gradient is taken.
    pub fn weight_gradient(gradient: Tensor<4>, error: Tensor<4>) -> Tensor<3> {
        (gradient * error).sum_dim(0).squeeze_dim(0)
    }

    /// One step of gradient ascent along `slopes`, the discriminator's for each task, `[C', H', W']`: so far that the
    /// root mean square of the change is `rate`, whatever the size of the gradients.
    pub fn ascend(&self, slopes: Vec<Tensor<3>>, rate: f64) -> Self {
        let moved = self.weights.iter().zip(slopes).map(|(weights, slope)| {
            let size: Tensor<3> = (slope.clone() * slope.clone()).mean().sqrt().clamp_min(LEAST).unsqueeze();
            weights.clone() + slope / size * rate
        });
        Self::settled(moved.collect())
    }

    /// Takes weights that an optimiser has moved: below 0 they become 0, and each layer is scaled to mean 1, for
    /// otherwise all of them could shrink together and the tasks look alike by vanishing. A layer with nothing left
    /// above 0 begins again at 1.
    pub fn settled(moved: Vec<Tensor<3>>) -> Self {
        let settle = |weights: Tensor<3>| {
            let weights = weights.clamp_min(0.0);
            let mean: Tensor<3> = weights.clone().mean().unsqueeze();
            let nothing = mean.clone().equal_elem(0.0).float();
            (weights + nothing.clone()) / (mean + nothing)
        };
        Self { weights: moved.into_iter().map(settle).collect() }
    }
}
