//! Multi-task learning as the trainer plays it.

use burn::tensor::Tensor;

use super::{figures::PendingFigures, game::Multitask};
use crate::{
    config::{Hyper, Players},
    gpu::images::DeviceImages,
    nn::{channel::Channel, verdict},
    scenario::{
        controller::Controller,
        interface::{GradientTensors, Part, Scenario, State},
        measures::{PendingMeasures, Sums},
        player::Player,
    },
};

impl Scenario for Multitask {
    fn step(&mut self, step: u64, hyper: &Hyper, players: Players) {
        self.take_step(step, hyper, players);
    }

    fn take_measures(&mut self) -> Option<PendingMeasures> {
        let (main, auxiliary, steps) = self.sums.take()?;
        let rest = auxiliary.dims()[0] - 2;
        let sums = Tensor::cat(vec![main, auxiliary.narrow(0, 2, rest)], 0);
        let batch_size = self.order.batch_size();
        let gradient_tensors = self.tasks.len() * batch_size * self.auxiliary.network.places();
        Some(PendingMeasures { sums, steps, batch_size, gradient_tensors })
    }

    fn gradient_tensors(&self, of: Part, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        let [before, aligned] = self.task_gradients(of, indices, hyper);
        let batch = self.images(of).gather(indices);
        let gradients = Self::stacked(&aligned);
        let read = Channel::of(hyper, self.setup.batch_size).looked_at(gradients.clone());
        let said = self.auxiliary.network.logits(&self.auxiliary.weights, read);
        GradientTensors {
            auxiliary_logits: verdict::of_tensors(said, self.tasks.len() * indices.len()),
            logits: self.main.network.logits(&self.main.weights, batch.images.clone()),
            images: batch.images,
            one_hot: batch.one_hot,
            teacher_logits: None,
            before: self.setup.multitask_method.row().aligns.then(|| Self::stacked(&before)),
            gradients,
            loss_gradients: None,
            origins: (0..self.tasks.len()).flat_map(|task| vec![task as u8; indices.len()]).collect(),
        }
    }

    fn sample_tensors(&self, indices: &[u32], hyper: &Hyper) -> GradientTensors {
        let batch = self.held_out.gather(indices);
        let images = batch.images.clone();
        let Player { network, weights, .. } = &self.main;
        let (gradients, logits) = network.input_gradient(weights, images, batch.one_hot.clone());
        // What the auxiliary network says of the class's own gradient tensor, the first of each image's.
        let tensors = self.gradient_tensors(Part::HeldOut, indices, hyper);
        let auxiliary_logits = tensors.auxiliary_logits.narrow(0, 0, indices.len());
        let origins = vec![0; indices.len()];
        GradientTensors { gradients, before: None, logits, auxiliary_logits, origins, ..tensors }
    }

    fn task_figures(&self, hyper: &Hyper) -> Option<PendingFigures> {
        Some(self.figures(hyper))
    }

    fn task_outputs(&self) -> Vec<(String, usize)> {
        self.outputs.clone()
    }

    fn main(&self) -> &Player {
        &self.main
    }

    fn auxiliary(&self) -> &Player {
        &self.auxiliary
    }

    fn origins(&self, _classes: &[String]) -> Vec<String> {
        self.tasks.iter().map(|task| task.name().into()).collect()
    }

    fn controller(&mut self) -> &mut Controller {
        &mut self.control
    }

    fn train(&self) -> &DeviceImages {
        &self.train
    }

    fn held_out(&self) -> &DeviceImages {
        &self.held_out
    }

    fn state(&self) -> State {
        State {
            balance: Some(self.balance.state()),
            control: self.control.clone(),
            sums: self
                .sums
                .clone()
                .map(|(main, auxiliary, steps)| Sums { parts: vec![main, auxiliary], steps }),
            ..State::new(self.main.optimizer.clone(), self.auxiliary.optimizer.clone())
        }
    }

    fn restore(&mut self, state: State) {
        self.main.restore(state.main);
        self.auxiliary.restore(state.auxiliary);
        self.control = state.control;
        if let Some(balance) = state.balance {
            self.balance.restore(&balance);
        }
        self.sums = state.sums.and_then(|sums| {
            let mut parts = sums.parts.into_iter();
            Some((parts.next()?, parts.next()?, sums.steps))
        });
    }

    fn copy(&self) -> Box<dyn Scenario> {
        Box::new(self.clone())
    }
}
