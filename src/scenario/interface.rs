//! What a scenario must be able to do for the trainer, and what it gives.

use burn::tensor::Tensor;

use super::{
    controller::Controller,
    measures::{PendingMeasures, Sums},
    multitask::PendingFigures,
    player::Player,
    teacher::Preparation,
};
use crate::{
    config::{Hyper, Players},
    gpu::images::DeviceImages,
    nn::{Drawn, Optimizer, Weights},
};

/// A game of two networks that the trainer can play step by step. Nothing here waits for the device.
pub trait Scenario {
    /// What must be trained before the first step, and how far that is; none where all is ready.
    fn preparation(&self) -> Option<Preparation> {
        None
    }

    /// Takes a step of the preparation, where there is one to take.
    fn prepare(&mut self, _hyper: &Hyper) {}

    /// Takes training step number `step` (from 0) with these knobs.
    fn step(&mut self, step: u64, hyper: &Hyper, players: Players);

    /// Averages over the steps since the last call, still on the device; None where there were none.
    fn take_measures(&mut self) -> Option<PendingMeasures>;

    /// The gradient tensors of the images at `indices`.
    fn gradient_tensors(&self, of: Part, indices: &[u32], hyper: &Hyper) -> GradientTensors;

    /// The same of held-out images that are shown, with gradients shaped like the images.
    fn sample_tensors(&self, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        self.gradient_tensors(Part::HeldOut, indices, hyper)
    }

    /// What the auxiliary network says of gradient tensors `[M, C, H, W]` at the scale that it reads, a column for each
    /// origin; none where those are no world's.
    fn says_of(&self, _scaled: Tensor<4>) -> Option<Tensor<2>> {
        None
    }

    /// Of several tasks over one place of two numbers: the representation of held-out images by the first encoder,
    /// `[N, 2, 1, 1]`.
    fn shared(&self, _indices: &[u32], _hyper: &Hyper) -> Option<Tensor<4>> {
        None
    }

    /// Of the same: what the class's decoder says of representations `[M, 2, 1, 1]`, `[M, K]`.
    fn says_of_shared(&self, _shared: Tensor<4>) -> Option<Tensor<2>> {
        None
    }

    /// The figures of the tasks as they stand, where there are several.
    fn task_figures(&self, _hyper: &Hyper) -> Option<PendingFigures> {
        None
    }

    /// Name and outputs of each task, where there are several.
    fn task_outputs(&self) -> Vec<(String, usize)> {
        Vec::new()
    }

    /// The main network.
    fn main(&self) -> &Player;

    /// The auxiliary network.
    fn auxiliary(&self) -> &Player;

    /// The network whose gradient tensors are imitated, where there is one.
    fn teacher(&self) -> Option<&Player> {
        None
    }

    /// Where gradient tensors come from: in the order of the confusion.
    fn origins(&self, classes: &[String]) -> Vec<String> {
        classes.to_vec()
    }

    /// What turns the adversary's weight.
    fn controller(&mut self) -> &mut Controller;

    /// The images that the main network is trained on.
    fn train(&self) -> &DeviceImages;

    /// The images that no network is trained on.
    fn held_out(&self) -> &DeviceImages;

    /// The one or the other.
    fn images(&self, of: Part) -> &DeviceImages {
        match of {
            Part::Training => self.train(),
            Part::HeldOut => self.held_out(),
        }
    }

    /// All that training changes, as it stands; cheap, for nothing is copied.
    fn state(&self) -> State;

    /// Puts all that training changes back to `state`.
    fn restore(&mut self, state: State);

    /// Another game at this very step; data and weights on the device are shared for as long as they are the same.
    fn copy(&self) -> Box<dyn Scenario>;
}

/// Which images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those that the main network is trained on.
    Training,
    /// Those that no network is trained on.
    HeldOut,
}

/// What changes in a scenario as it is trained.
#[derive(Clone, Debug)]
pub struct State {
    /// Weights and optimiser of the main network.
    pub main: Optimizer,
    /// Weights and optimiser of the auxiliary network.
    pub auxiliary: Optimizer,
    /// Weights and optimiser of the teacher, where there is one.
    pub teacher: Option<Optimizer>,
    /// What a method has learned of several tasks, where there are such: [`balance_specs`](super::multitask::balance_specs).
    pub balance: Option<Weights>,
    /// What turns the adversary's weight.
    pub control: Controller,
    /// What has been summed since the last averages were taken.
    pub sums: Option<Sums>,
    /// Where the noise of networks that draw it stands, in the order in which the scenario has them.
    pub draws: Vec<Drawn>,
}

impl State {
    /// Of two networks that are all that changes.
    pub fn new(main: Optimizer, auxiliary: Optimizer) -> Self {
        Self {
            main,
            auxiliary,
            teacher: None,
            balance: None,
            control: Controller::default(),
            sums: None,
            draws: Vec::new(),
        }
    }
}

/// Gradient tensors of `N` images, and what the networks say. The first `N` of the `M` tensors are the main network's,
/// image by image; where a teacher's are among them, they follow in the same order.
#[derive(Clone, Debug)]
pub struct GradientTensors {
    /// The images, `[N, C, H, W]`.
    pub images: Tensor<4>,
    /// The images' labels, `[N, K]`.
    pub one_hot: Tensor<2>,
    /// Main logits, `[N, K]`.
    pub logits: Tensor<2>,
    /// The teacher's logits, `[N, K]`, where there is one.
    pub teacher_logits: Option<Tensor<2>>,
    /// What the auxiliary network reads, as it is: `∇x J`, or what `auxiliary_reads` says, `[M, C, H, W]`.
    pub gradients: Tensor<4>,
    /// `∇x J` of the main network, `[N, C, H, W]`, where the tensors are of something else.
    pub loss_gradients: Option<Tensor<4>>,
    /// The same before the alignment layers, where a method of several tasks has such.
    pub before: Option<Tensor<4>>,
    /// Where each came from, `M` of them: its class, which network, or which task.
    pub origins: Vec<u8>,
    /// Auxiliary logits of `n(g)`, a column for each origin: `[M, origins]`.
    pub auxiliary_logits: Tensor<2>,
}
