//! The undefended network of another seed on which transfer attacks make their examples: trained by the lab, for a moment.

use burn::tensor::Device;

use crate::{
    config::{Hyper, InputTransform, Mode, Players, ScenarioKind, Schedule, Setup, Stream},
    gpu::images::DeviceImages,
    nn::{Network, Weights, network::Statistics},
    scenario::{Defense, Scenario},
};

/// Training steps: enough for an undefended network to be good at its data.
const STEPS: u64 = 300;
/// Steps between two reads, so that the device's queue stays short.
const STEPS_A_READ: u64 = 20;

/// A surrogate in training.
pub struct Surrogate {
    scenario: Defense,
    step: u64,
}

impl Surrogate {
    /// A network like that of `setup`, which normalises with the same `statistics`, before its first step on the first
    /// of these images; the others are held out.
    pub fn new(
        setup: &Setup,
        (train, held_out): (&DeviceImages, &DeviceImages),
        statistics: &Statistics,
        device: &Device,
    ) -> Self {
        let setup = Setup {
            mode: Mode::Baseline,
            seed: Stream::Surrogate.of(setup.seed),
            input_transform: InputTransform::None,
            scenario: ScenarioKind::Defense,
            schedule: Schedule::Constant,
            steps: STEPS,
            ..setup.clone()
        };
        let images = (train.clone(), held_out.clone());
        Self { scenario: Defense::on(&setup, images, statistics, device), step: 0 }
    }

    /// Some training steps; the share of all that is done, 1 at the end.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self) -> Result<f64, String> {
        let end = (self.step + STEPS_A_READ).min(STEPS);
        for step in self.step..end {
            self.scenario.step(step, &Hyper::default(), Players::Main);
        }
        self.step = end;
        if let Some(measures) = self.scenario.take_measures() {
            measures.read().await?;
        }
        Ok(self.step as f64 / STEPS as f64)
    }

    /// What was trained.
    pub fn into_network(self) -> (Network, Weights) {
        let player = self.scenario.main();
        (player.network.clone(), player.weights.clone())
    }
}
