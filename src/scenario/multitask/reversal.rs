//! Reversal into the decoders (Sinha et al. 2018, figure 1d): beside the alignment layers, which weigh a task's gradient on
//! its way back, each decoder itself learns to give the gradient that the auxiliary network does not tell apart.

use burn::tensor::Tensor;

use super::{
    game::Multitask,
    task::{Target, Task},
};
use crate::nn::{
    Weights,
    channel::Reading,
    layer::{forward, input_vjp},
    verdict,
};

impl Multitask {
    /// The gradient of `−α · CE(h(n(w_k ⊙ g_k)), k)` with respect to the decoders' weights, on which the tasks' gradients
    /// `g_k` depend; zeros for the encoders', whose outputs `shared` are constants here, as is `w`.
    pub(super) fn reversed(
        &self,
        shared: &[Tensor<4>],
        targets: &[Target],
        (origins, reading): (&Tensor<2>, &Reading),
        alpha: f64,
    ) -> Weights {
        let theta = self.main.weights.tracked();
        let gradient = |((index, task), target): ((usize, &Task), &Target)| {
            let shared = shared[self.network.encoder_of(index)].clone().without_autodiff().autodiff();
            let layers = &self.network.decoders[index];
            let (said, tapes) = forward(layers, &theta, shared);
            input_vjp(layers, tapes, task.slope(said, target.clone().autodiff()))
        };
        let of_tasks = self.tasks.iter().enumerate().zip(targets).map(gradient);
        let aligned = self.aligned(&of_tasks.collect::<Vec<_>>());
        let read = reading.noisy(reading.scaled(Tensor::cat(aligned, 0)));
        let said = self.auxiliary.network.logits(&self.auxiliary.weights, read);
        let mut found = (verdict::cross_entropy(said, origins) * -alpha).backward();
        theta.gradients(&mut found)
    }
}
