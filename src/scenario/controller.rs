//! The controller of the adversary: it turns what that weighs until the auxiliary network reads as much as it shall.
//! Algorithms, section 1.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{config::Hyper, gpu::read};

/// Steps between two turns. What is read in between is averaged on the device, and read from there at that very step, so
/// that no clock has a say.
pub const CONTROL_EVERY: u64 = 10;
/// How far a turn goes: by the factor `e^(κ · (accuracy − target))`.
const KAPPA: f64 = 0.5;
/// Weight of the past in the smoothed accuracy, from turn to turn.
const MEMORY: f64 = 0.8;
/// Between these the factor on α stays.
const FACTORS: [f64; 2] = [0.01, 100.0];
/// Turns in a row at a bound after which the target is given up.
const PATIENCE: u32 = 10;
/// Nearer to the target than this is at it.
const NEAR: f64 = 0.02;

/// Where a controller stands, as a checkpoint has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// The factor on α, in [0.01, 100].
    pub factor: f32,
    /// The accuracy of the auxiliary network, a sum in which each turn weighs 0.8 of the one after it.
    pub accuracy: f32,
    /// The sum of those weights.
    pub weight: f32,
    /// Gradient tensors whose origin was read since the last turn.
    pub right: f32,
    /// Gradient tensors that were looked at since.
    pub tensors: f32,
}

/// Nothing turned, nothing known.
const NEUTRAL: Control = Control { factor: 1.0, accuracy: 0.0, weight: 0.0, right: 0.0, tensors: 0.0 };

impl Default for Control {
    fn default() -> Self {
        NEUTRAL
    }
}

impl Control {
    /// Whether it is as it was before the first step.
    pub fn is_neutral(&self) -> bool {
        *self == NEUTRAL
    }

    /// Whether it can be that of a controller.
    pub fn is_sound(&self) -> bool {
        let factor = f64::from(self.factor);
        let all = [self.factor, self.accuracy, self.weight, self.right, self.tensors];
        (FACTORS[0]..=FACTORS[1]).contains(&factor) && all.iter().all(|x| x.is_finite() && *x >= 0.0)
    }
}

/// A controller. It does nothing while there is no target.
#[derive(Clone, Debug, Default)]
pub struct Controller {
    /// But for `right`, which is on the device.
    control: Control,
    /// `[1]`; none before anything was looked at.
    right: Option<Tensor<1>>,
    /// Turns in a row at a bound.
    stuck: u32,
}

/// A target that is out of reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutOfReach {
    /// The smoothed accuracy of the auxiliary network.
    pub accuracy: f64,
    /// The bound that what is turned is at.
    pub bound: f64,
}

impl Controller {
    /// The controller that stood there.
    pub fn resumed(control: Control, device: &Device) -> Self {
        let right = (control.tensors > 0.0)
            .then(|| Tensor::from_data([control.right], &device.clone().without_autodiff()));
        Self { control: Control { right: 0.0, ..control }, right, stuck: 0 }
    }

    /// Where it stands, but for what is on the device: [`Self::right`].
    pub fn control(&self) -> Control {
        self.control
    }

    /// Gradient tensors read since the last turn, `[1]`, if any were looked at.
    pub fn right(&self) -> Option<Tensor<1>> {
        self.right.clone()
    }

    /// Begins a step: without a target it forgets all.
    pub fn begin_step(&mut self, hyper: &Hyper) {
        if hyper.alpha_target == 0.0 {
            *self = Self::default();
        }
    }

    /// What comes of `weight`, which may become `most`.
    pub fn turned(&self, weight: f64, most: f64) -> f64 {
        (weight * f64::from(self.control.factor)).min(most)
    }

    /// Takes note of a step in which the origins of `right` `[1]` of `tensors` gradient tensors were read.
    pub fn watch(&mut self, right: Tensor<1>, tensors: usize) {
        self.control.tensors += tensors as f32;
        self.right = Some(match self.right.take() {
            Some(before) => before + right,
            None => right,
        });
    }

    /// Share of the gradient tensors since the last turn whose origin was read; none where none were looked at.
    pub fn take(&mut self) -> Option<impl Future<Output = Result<f64, String>> + use<>> {
        let tensors = std::mem::take(&mut self.control.tensors);
        let reading = read(self.right.take()?);
        Some(async move { Ok(f64::from(reading.await?.first().copied().unwrap_or(0.0) / tensors)) })
    }

    /// Turns the factor by the `share` that was read, so that it may come to the target; `weight` is what is turned, as it
    /// is without a factor, and may become `most`. Where it has stood at a bound for a while, and the target on its other
    /// side, that is the answer.
    pub fn turn(&mut self, share: f64, target: f64, (weight, most): (f64, f64)) -> Option<OutOfReach> {
        let average = |sum: f32, entry: f64| (MEMORY * f64::from(sum) + entry) as f32;
        self.control.accuracy = average(self.control.accuracy, share);
        self.control.weight = average(self.control.weight, 1.0);
        // Before the adversary has set in there is nothing to turn.
        if weight <= 0.0 {
            return None;
        }
        let accuracy = f64::from(self.control.accuracy) / f64::from(self.control.weight);
        let largest = FACTORS[1].min(most / weight).max(FACTORS[0]);
        let wanted = f64::from(self.control.factor) * (KAPPA * (accuracy - target)).exp();
        self.control.factor = wanted.clamp(FACTORS[0], largest) as f32;
        let is_stuck = match accuracy - target {
            above if above > NEAR => wanted >= largest,
            below if below < -NEAR => wanted <= FACTORS[0],
            _ => false,
        };
        self.stuck = if is_stuck { self.stuck + 1 } else { 0 };
        (self.stuck >= PATIENCE).then(|| OutOfReach { accuracy, bound: self.turned(weight, most) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A discriminator that reads less the more the adversary weighs, and takes a while to.
    fn play(mut controller: Controller, target: f64, turns: usize) -> (f64, f64, Option<OutOfReach>) {
        let (weight, most) = (0.1, 10.0);
        let (mut reads, mut said) = (0.8, None);
        for _ in 0..turns {
            let alpha = controller.turned(weight, most);
            let settled = 0.8 - 0.13 * (alpha / 0.02).ln().clamp(0.0, 4.0);
            reads += 0.3 * (settled - reads);
            said = said.or(controller.turn(reads, target, (weight, most)));
        }
        (reads, controller.turned(weight, most), said)
    }

    #[test]
    fn the_accuracy_goes_to_the_target_and_stays() {
        for target in [0.35, 0.5, 0.7] {
            for turns in [150, 170, 200] {
                let (reads, alpha, said) = play(Controller::default(), target, turns);
                assert!((reads - target).abs() < 0.02, "{reads} for {target}, α {alpha}");
                assert_eq!(said, None);
            }
        }
    }

    #[test]
    fn what_cannot_be_reached_is_said_with_the_bound() {
        let (reads, alpha, said) = play(Controller::default(), 0.1, 300);
        let said = said.expect("nothing brings it there");
        assert_eq!((alpha, said.bound), (10.0, 10.0));
        assert!(reads > 0.2 && said.accuracy > 0.2);
        let (_, alpha, said) = play(Controller::default(), 0.95, 300);
        assert!(
            said.is_some_and(|said| said.accuracy < 0.85 && (said.bound - 0.001).abs() < 1e-9),
            "{said:?}"
        );
        assert!((alpha - 0.001).abs() < 1e-9);
    }

    #[test]
    fn it_waits_for_the_adversary_and_its_bound_follows_the_knob() {
        let mut controller = Controller::default();
        for _ in 0..50 {
            assert_eq!(controller.turn(1.0, 0.2, (0.0, 10.0)), None);
        }
        assert_eq!(controller.control().factor, 1.0, "nothing was turned before it set in");
        for _ in 0..50 {
            let _ = controller.turn(1.0, 0.2, (0.5, 1.0));
        }
        assert_eq!((controller.control().factor, controller.turned(0.5, 1.0)), (2.0, 1.0));
        controller.begin_step(&Hyper::default());
        assert!(controller.control().is_neutral(), "without a target it is as set");
    }

    #[test]
    fn it_goes_on_from_what_a_checkpoint_has() {
        let device = Device::flex();
        let mut controller = Controller::default();
        let _ = controller.turn(0.9, 0.2, (0.1, 10.0));
        controller.watch(Tensor::from_data([3.0f32], &device), 8);
        #[expect(clippy::disallowed_methods, reason = "a test waits for what it checks")]
        let right = controller.right().expect("it watched").into_scalar::<f32>();
        let control = Control { right, ..controller.control() };
        let text = serde_json::to_string(&control).expect("plain data");
        let read: Control = serde_json::from_str(&text).expect("as it was written");
        assert_eq!(read, control);
        assert!(read.is_sound() && !read.is_neutral());
        let mut resumed = Controller::resumed(read, &device);
        #[expect(clippy::disallowed_methods, reason = "a test waits for what it checks")]
        let shares =
            [&mut controller, &mut resumed].map(|one| pollster::block_on(one.take().expect("a window")));
        assert_eq!(shares, [Ok(0.375), Ok(0.375)]);
        assert!(resumed.take().is_none() && resumed.control() == controller.control());
    }
}
