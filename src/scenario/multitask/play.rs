//! Multi-task learning as the trainer plays it.

use burn::tensor::Tensor;

use super::{figures::PendingFigures, game::Multitask};
use crate::{
    config::{Hyper, Players},
    gpu::images::DeviceImages,
    nn::{channel::Channel, layer::forward, verdict},
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

    fn says_of(&self, scaled: Tensor<4>) -> Option<Tensor<2>> {
        self.is_world().then(|| self.auxiliary.network.logits(&self.auxiliary.weights, scaled))
    }

    fn shared(&self, indices: &[u32], hyper: &Hyper) -> Option<Tensor<4>> {
        self.is_world().then(|| self.held_out_shared(indices, hyper))
    }

    fn says_of_shared(&self, shared: Tensor<4>) -> Option<Tensor<2>> {
        let said = || forward(&self.network.decoders[0], &self.main.weights, shared).0;
        self.is_world().then(|| said().flatten(1, 3))
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

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::{
        config::{ScenarioKind, Setup},
        data,
        nn::network::Statistics,
        scenario::multitask::{targets::targets, task::Target},
    };

    /// On a world of three classes, a few steps after its beginning.
    fn begun(setup: Setup) -> Multitask {
        let setup = Setup { scenario: ScenarioKind::Multitask, data: "rings".into(), ..setup };
        let data = data::load(&setup).expect("a world comes with the lab");
        let (mean, deviation) = data.channel_statistics();
        let statistics = Statistics { mean, deviation };
        let device = Device::flex().autodiff();
        let mut scenario =
            Multitask::new(&setup, &data, None, &statistics, &device).expect("points have tasks");
        for step in 0..20 {
            scenario.step(step, &Hyper::default(), Players::Both);
        }
        scenario
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec().expect("32 bits")
    }

    #[test]
    fn the_tasks_of_points_are_theirs() {
        let scenario = begun(Setup::default());
        let expected = [("class", 3), ("place", 2), ("distance", 1)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(scenario.task_outputs(), expected);
        let batch = scenario.held_out.gather(&[0, 1, 2]);
        let wanted = targets(&scenario.tasks, &batch, &[0, 1, 2], None);
        let [class, place, distance] = &wanted[..] else { panic!("three tasks") };
        let points = values(batch.images.clone());
        assert_eq!(values(place.wanted.clone()), points);
        assert_eq!(values(class.wanted.clone()), values(batch.one_hot));
        for (point, distance) in points.as_chunks::<2>().0.iter().zip(values(distance.wanted.clone())) {
            assert!(((point[0] - 0.5).hypot(point[1] - 0.5) - distance).abs() < 1e-6);
        }
    }

    #[test]
    fn the_gradients_of_tasks_are_those_of_their_losses_at_the_representation() {
        let scenario = begun(Setup::default());
        let (indices, hyper) = ([3, 40, 77, 500], Hyper::default());
        let shared = scenario.shared(&indices, &hyper).expect("two numbers");
        let [before, behind] = scenario.task_gradients(Part::HeldOut, &indices, &hyper);
        let batch = scenario.held_out.gather(&indices);
        let wanted: Vec<Target> = targets(&scenario.tasks, &batch, &indices, None);
        let device = shared.device();
        // Single precision: neither too near nor too far.
        let near = 1e-2;
        for (sample, axis) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
            let losses = |by: f32| {
                let mut off = vec![0.0; 2 * indices.len()];
                off[2 * sample + axis] = by;
                let off = Tensor::from_data(TensorData::new(off, [indices.len(), 2, 1, 1]), &device);
                let moved = vec![shared.clone() + off; 3];
                scenario.decode(&scenario.main.weights, &moved, &wanted).losses
            };
            for (task, (up, down)) in losses(near).into_iter().zip(losses(-near)).enumerate() {
                let [up, down] = [up, down].map(|loss| f64::from(values(loss)[0]));
                let slope = (up - down) / (2.0 * f64::from(near));
                let found = f64::from(values(before[task].clone())[2 * sample + axis]);
                assert!((slope - found).abs() < 2e-3 + 0.02 * found.abs(), "{task}: {slope}, {found}");
                let weight = values(scenario.alignment().weights()[task].clone())[axis];
                let aligned = values(behind[task].clone())[2 * sample + axis];
                assert!((f64::from(weight) * found - f64::from(aligned)).abs() < 1e-6);
            }
        }
        let weights: Vec<_> = scenario.alignment().weights().iter().cloned().flat_map(values).collect();
        assert!(
            weights.iter().any(|weight| (weight - 1.0).abs() > 1e-3),
            "the layers have moved: {weights:?}"
        );
    }

    #[test]
    fn the_decoder_of_the_class_says_of_a_representation_what_the_network_says_of_its_point() {
        let scenario = begun(Setup::default());
        let (indices, hyper) = ([0, 9, 300], Hyper::default());
        let shared = scenario.shared(&indices, &hyper).expect("two numbers");
        let said = values(scenario.says_of_shared(shared).expect("a world"));
        let images = scenario.held_out.gather(&indices).images;
        let expected = values(scenario.main.network.logits(&scenario.main.weights, images));
        assert!(said.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{said:?} {expected:?}");
        let tensors = scenario.gradient_tensors(Part::HeldOut, &indices, &hyper);
        assert_eq!(
            (tensors.gradients.dims(), tensors.origins),
            ([9, 2, 1, 1], vec![0, 0, 0, 1, 1, 1, 2, 2, 2])
        );
    }
}
