//! Gradient alignment layers (Sinha et al. 2018): nothing on the way forward, a weight for every place of the shared
//! representation on the way back.

use burn::tensor::{Device, Tensor};

/// The layers of all tasks. There is no forward: it is the identity, so the network without them is the network.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// `M` of `[C', H', W']`, none below 0, each of mean 1.
    weights: Vec<Tensor<3>>,
}

impl Alignment {
    /// The layers of so many tasks over a representation of `[C', H', W']`: all weights 1.
    pub fn new(tasks: usize, shape: [usize; 3], device: &Device) -> Self {
        Self { weights: (0..tasks).map(|_| Tensor::ones(shape, device)).collect() }
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

    /// What the weights make of the discriminator's error: `Σ_n g_n ⊙ e_n` `[C', H', W']`, for the gradient `g` of a task
    /// and the derivative `e` of the discriminator's loss with respect to `ĝ`, both `[N, C', H', W']`. `g` is a constant
    /// of this step, so no derivative of a gradient is taken.
    pub fn weight_gradient(gradient: Tensor<4>, error: Tensor<4>) -> Tensor<3> {
        (gradient * error).sum_dim(0).squeeze_dim(0)
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

    /// The encoder's gradient `Σ_k λ_k ĝ_k` for the gradients of all tasks, `[N, C', H', W']` each.
    ///
    /// # Panics
    /// Where there is no task, or not as many gradients and scales as tasks.
    pub fn combined(&self, gradients: &[Tensor<4>], scales: &[f32]) -> Tensor<4> {
        assert!(gradients.len() == self.weights.len() && scales.len() == self.weights.len(), "one a task");
        let parts = gradients.iter().zip(scales).enumerate();
        parts
            .map(|(task, (gradient, scale))| self.aligned(task, gradient.clone()) * *scale)
            .reduce(|sum, part| sum + part)
            .expect("the lengths agree with the weights', and without tasks there is no game")
    }
}
