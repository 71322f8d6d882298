//! What follows from a run's setup and knobs: its method, the weight of its adversary, which devices refuse it.

use serde::{Deserialize, Serialize};

use super::attack::EOT_DRAWS;
use super::choices::{
    Activation, AlphaSchedule, Augmentation, EpsilonScale, HeadKind, InputTransform, NO_PRETRAINED,
    NetworkKind, Precision, ScenarioKind, TaskSet,
};
use super::device::DeviceInfo;
use super::method::Method;
use super::table::{Hyper, Setup};

/// Which of the two networks takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Players {
    /// The auxiliary network alone.
    Auxiliary,
    /// The main network alone.
    Main,
    /// The auxiliary network, then the main one: an ordinary training step.
    Both,
}

/// Training steps in an epoch, a pass over `images` images: whole batches, and at least one. What is left over at the end
/// of an epoch is left out of it, and a batch is never larger than the data.
pub const fn steps_per_epoch(images: usize, batch_size: usize) -> u64 {
    if images <= batch_size || batch_size == 0 { 1 } else { (images / batch_size) as u64 }
}

impl Hyper {
    /// The same with ε in pixels, at most 1, of inputs whose standard deviation is this, pixels in [0, 1]. Where it is not
    /// known, or the inputs do not vary, ε stays as it is.
    pub fn in_pixels(&self, deviation: Option<f64>) -> Self {
        let unit = match self.epsilon_scale {
            EpsilonScale::Pixel => 1.0,
            EpsilonScale::Standardised => deviation.unwrap_or(1.0),
        };
        Self { epsilon: (self.epsilon * unit).min(1.0), epsilon_scale: EpsilonScale::Pixel, ..*self }
    }

    /// ε as it is given: `0.1`, `0.1 σ`.
    pub fn epsilon_in_words(&self) -> String {
        match self.epsilon_scale {
            EpsilonScale::Pixel => self.epsilon.to_string(),
            EpsilonScale::Standardised => format!("{} σ", self.epsilon),
        }
    }
}

/// What a main network is but for its weights and what it reads and says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Its layers.
    pub network: NetworkKind,
    /// Factor on its channels.
    pub width: f64,
    /// Its activation.
    pub activation: Activation,
    /// What makes logits of its last channels; files of before it could be chosen say nothing of it.
    #[serde(default = "pooled")]
    pub head: HeadKind,
    /// Hidden layers of a network of linear layers; files of before there was such a one say nothing of it.
    #[serde(default = "two")]
    pub depth: usize,
}

const fn pooled() -> HeadKind {
    HeadKind::Pooled
}

const fn two() -> usize {
    2
}

impl Setup {
    /// The main network's.
    pub fn architecture(&self) -> Architecture {
        let Self { width, activation, head, depth, .. } = *self;
        Architecture { network: self.network_kind(), width, activation, head, depth }
    }

    /// That of a teacher that the lab trains.
    pub fn teacher_architecture(&self) -> Architecture {
        let Self { teacher_width: width, activation, head, depth, .. } = *self;
        let network = if self.world().is_some() { NetworkKind::Mlp } else { self.teacher_network };
        Architecture { network, width, activation, head, depth }
    }

    /// What the main network is: a world has one network, whatever else was chosen.
    pub fn network_kind(&self) -> NetworkKind {
        if self.world().is_some() { NetworkKind::Mlp } else { self.network }
    }

    /// The file of the network that somebody else trained and that the main network begins as; none where it begins anew.
    pub fn pretrained(&self) -> Option<&str> {
        let can_be = self.scenario != ScenarioKind::Multitask && self.world().is_none();
        (can_be && self.pretrained != NO_PRETRAINED).then_some(&*self.pretrained)
    }

    /// What people call the main network: its architecture, or the name of its file.
    pub fn network_name(&self) -> &str {
        match self.pretrained() {
            Some(path) => path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path),
            None => self.network_kind().name(),
        }
    }

    /// The same with the factor on its channels: `cnn-small × 0.5`.
    pub fn network_in_words(&self) -> String {
        let name = self.network_name();
        if self.pretrained().is_some() { name.into() } else { format!("{name} × {}", self.width) }
    }

    /// How training images are changed each time they come: points are no pictures, whatever was chosen.
    pub fn augmented(&self) -> Augmentation {
        if self.world().is_some() { Augmentation::None } else { self.augmentation }
    }

    /// Which tasks several are learned of; none of a world, whose points have tasks of their own.
    pub fn learned(&self) -> Option<TaskSet> {
        self.world().is_none().then_some(self.tasks)
    }

    /// How the main network is trained: the mode of a defence, the method of the others.
    pub const fn method(&self) -> Method {
        match self.scenario {
            ScenarioKind::Defense => Method::Defense(self.mode),
            ScenarioKind::Distillation => Method::Distillation(self.method),
            ScenarioKind::Multitask => Method::Multitask(self.multitask_method),
        }
    }

    /// Has the main network trained by `method`, and so in its scenario.
    pub const fn train_by(&mut self, method: Method) {
        match method {
            Method::Defense(mode) => {
                self.scenario = ScenarioKind::Defense;
                self.mode = mode;
            }
            Method::Distillation(method) => {
                self.scenario = ScenarioKind::Distillation;
                self.method = method;
            }
            Method::Multitask(method) => {
                self.scenario = ScenarioKind::Multitask;
                self.multitask_method = method;
            }
        }
    }

    /// Over how many draws of the main network's own noise attacks average their gradients (expectation over
    /// transformation, Athalye et al. 2018): 1 where it draws none.
    pub const fn eot(&self) -> usize {
        match self.input_transform {
            InputTransform::Noise => EOT_DRAWS,
            InputTransform::None | InputTransform::Quantize => 1,
        }
    }

    /// Why such a run cannot be trained on a device; none where it can.
    pub fn refusal(&self, device: &DeviceInfo) -> Option<String> {
        match (self.precision, self.scenario) {
            (Precision::Single, _) => None,
            (Precision::Mixed, ScenarioKind::Multitask) => {
                Some("several tasks are trained in f32 only, not in mixed precision".into())
            }
            (Precision::Mixed, _) if self.pretrained().is_some() => {
                Some("a network from a file is trained in f32 only, not in mixed precision".into())
            }
            (Precision::Mixed, _) if !device.has_f16 => {
                Some(format!("mixed precision needs a GPU with 16-bit floats, and {} has none", device.name))
            }
            (Precision::Mixed, _) => None,
        }
    }

    /// Weight α with which the main network plays at `step`: that of [`Self::alpha`] in one step of `adversary_every`, and 0
    /// in the others.
    pub fn alpha_played(&self, hyper: &Hyper, step: u64) -> f64 {
        if step.is_multiple_of(hyper.adversary_every.max(1)) { self.alpha(hyper, step) } else { 0.0 }
    }

    /// Weight α of the adversary at `step`: ramped, 0 where the run does not use it; in a distillation at most 1,
    /// because the student's own loss weighs 1 − α.
    pub fn alpha(&self, hyper: &Hyper, step: u64) -> f64 {
        let ramped = if self.method().alpha() { hyper.ramped_alpha(step, self.steps) } else { 0.0 };
        match self.scenario {
            ScenarioKind::Defense | ScenarioKind::Multitask => ramped,
            ScenarioKind::Distillation => ramped.min(1.0),
        }
    }

    /// Weight with which the decoders of several tasks play against the auxiliary network, beside alignment layers; 0 where
    /// there are none.
    pub fn decoder_alpha(&self, hyper: &Hyper) -> f64 {
        if self.method().aligns() { hyper.decoder_alpha } else { 0.0 }
    }
}

/// The most that α may be: what its knob takes.
const MOST_ALPHA: f64 = 10.0;
/// The most that a student's α and the rate of alignment layers may be.
const MOST_SHARE: f64 = 1.0;

impl Setup {
    /// What `alpha_target` turns, as it is at `step` before it is turned, and the most that it may become: α, or of tasks
    /// behind alignment layers the rate of these; 0 where no adversary plays.
    pub fn adversary(&self, hyper: &Hyper, step: u64) -> (f64, f64) {
        match self.scenario {
            ScenarioKind::Defense => (self.alpha(hyper, step), MOST_ALPHA),
            ScenarioKind::Distillation => (self.alpha(hyper, step), MOST_SHARE),
            ScenarioKind::Multitask => {
                let rate = if self.method().aligns() { hyper.alignment_rate } else { 0.0 };
                (rate, MOST_SHARE)
            }
        }
    }
}

impl Hyper {
    /// α at `step` of `steps`: 0 before the adversary's start, then rises as its schedule says (algorithms, section 1).
    pub fn ramped_alpha(&self, step: u64, steps: u64) -> f64 {
        let begin = self.adversary_start * steps as f64;
        let since = step as f64 - begin;
        if since < 0.0 {
            return 0.0;
        }
        let share = |of: f64| if of < 1.0 { 1.0 } else { (since / of).min(1.0) };
        match self.alpha_schedule {
            AlphaSchedule::Linear => self.alpha * share(self.ramp * steps as f64),
            AlphaSchedule::Sigmoid => {
                self.alpha * (2.0 / (1.0 + (-10.0 * share(steps as f64 - begin)).exp()) - 1.0)
            }
        }
    }

    /// The same knobs with the adversary at its height in every step.
    pub const fn at_full_alpha(&self) -> Self {
        Self {
            adversary_start: 0.0,
            ramp: 0.0,
            alpha_schedule: AlphaSchedule::Linear,
            adversary_every: 1,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adversary_sets_in_where_it_is_told_to() {
        let hyper = Hyper { alpha: 2.0, ramp: 0.2, adversary_start: 0.5, ..Hyper::default() };
        let alphas = [0, 49, 50, 60, 70, 100].map(|step| hyper.ramped_alpha(step, 100));
        assert_eq!(alphas, [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
        let at_once = Hyper { ramp: 0.0, ..hyper };
        assert_eq!([49, 50].map(|step| at_once.ramped_alpha(step, 100)), [0.0, 2.0]);
        let from_the_first = Hyper { adversary_start: 0.0, ..hyper };
        assert_eq!([0, 10, 20].map(|step| from_the_first.ramped_alpha(step, 100)), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn a_sigmoid_is_ganins_over_what_is_left_of_the_run() {
        let hyper = Hyper {
            alpha: 2.0,
            ramp: 0.9,
            adversary_start: 0.5,
            alpha_schedule: AlphaSchedule::Sigmoid,
            ..Hyper::default()
        };
        // 2/(1+e^(−10t))−1 at t = 0, 0.1, 1.
        for (step, expected) in
            [(49, 0.0), (50, 0.0), (55, 0.462_117_157_260_009_74), (100, 0.999_909_204_262_595_1)]
        {
            let alpha = hyper.ramped_alpha(step, 100);
            assert!((alpha - 2.0 * expected).abs() < 1e-12, "{step}: {alpha}");
        }
        assert_eq!(hyper.at_full_alpha().ramped_alpha(0, 100), 2.0);
    }

    #[test]
    fn the_adversary_is_met_in_one_step_of_so_many() {
        let hyper = Hyper { alpha: 0.5, ramp: 0.0, adversary_every: 3, ..Hyper::default() };
        let setup = Setup::default();
        let played: Vec<f64> = (0..6).map(|step| setup.alpha_played(&hyper, step)).collect();
        assert_eq!(played, [0.5, 0.0, 0.0, 0.5, 0.0, 0.0]);
        assert_eq!(setup.alpha(&hyper, 1), 0.5, "what is told of it does not flicker");
    }

    #[test]
    fn a_radius_in_standard_deviations_becomes_pixels_once() {
        let given = Hyper { epsilon: 0.2, epsilon_scale: EpsilonScale::Standardised, ..Hyper::default() };
        let pixels = given.in_pixels(Some(0.35));
        assert!((pixels.epsilon - 0.07).abs() < 1e-12 && pixels.epsilon_scale == EpsilonScale::Pixel);
        assert_eq!(pixels.in_pixels(Some(0.35)), pixels);
        assert_eq!(given.in_pixels(None).epsilon, 0.2, "nothing to divide by");
        assert_eq!(given.in_pixels(Some(6.0)).epsilon, 1.0, "all of the pixels' range");
        let default = Hyper::default();
        assert_eq!(default.in_pixels(Some(0.35)), default);
        assert_eq!((given.epsilon_in_words(), default.epsilon_in_words()), ("0.2 σ".into(), "0.1".into()));
    }

    #[test]
    fn a_setup_is_trained_by_the_method_that_was_chosen() {
        for scenario in ScenarioKind::ALL {
            for method in Method::all(*scenario) {
                let mut setup = Setup::default();
                setup.train_by(method);
                assert_eq!((setup.scenario, setup.method()), (*scenario, method));
            }
        }
    }
}
