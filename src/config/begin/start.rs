//! What a new run begins with, and what moves where another scenario is chosen.
//!
//! Not the same as [`Config::default`]: that is what files and links mean of which they say nothing, and it never changes.

use crate::config::choices::{Normalization, ScenarioKind};
use crate::config::knob::Value;
use crate::config::knobs::Knob;
use crate::config::method::Mode;
use crate::config::table::{Config, Hyper, KNOBS, Setup};

impl Config {
    /// What a new run of that scenario begins with where nobody says otherwise.
    ///
    /// A defence begins with GREAT through a noisy channel, in which it is seen to do something: the discriminator of
    /// `cnn-small` reads three quarters of the gradient tensors until the adversary sets in, and then loses them
    /// (docs/results.md).
    pub fn start(scenario: ScenarioKind) -> Self {
        let neutral = Self::default();
        let setup = Setup { scenario, ..neutral.setup };
        match scenario {
            ScenarioKind::Defense => Self {
                setup: Setup { mode: Mode::Great, ..setup },
                hyper: Hyper {
                    alpha: 0.1,
                    adversary_start: 0.2,
                    ramp: 0.1,
                    normalization: Normalization::Constant,
                    gradient_scale: 30.0,
                    gradient_noise: 1.0,
                    epsilon: 8.0 / 255.0,
                    ..neutral.hyper
                },
            },
            // Their gradients are read at one scale: what a channel brings them is still to be shown.
            ScenarioKind::Distillation | ScenarioKind::Multitask => Self { setup, hyper: neutral.hyper },
        }
    }

    /// Moves what a new run of scenario `from` begins with, and nobody touched, to what one of the present scenario does.
    pub fn enter_from(&mut self, from: ScenarioKind) {
        let (former, new) = (Self::start(from), Self::start(self.setup.scenario));
        for knob in KNOBS.iter().filter(|knob| knob.name != "scenario") {
            if knob.read(self) == knob.read(&former) {
                knob.copy(&new, self);
            }
        }
    }
}

impl Knob {
    /// Gives `to` the value that `from` has.
    pub(super) fn copy(&self, from: &Config, to: &mut Config) {
        // It is in range, as those of all beginnings are: a test says so.
        let _ = self.write(to, self.read(from));
    }

    /// The value that it has in a new run of that scenario, where nobody touched it.
    pub fn start_value(&self, scenario: ScenarioKind) -> Value {
        self.read(&Config::start(scenario))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::knobs::validate;

    #[test]
    fn every_scenario_begins_in_range_and_through_its_own_reading() {
        for scenario in ScenarioKind::ALL {
            let config = Config::start(*scenario);
            assert_eq!(validate(&config), Ok(()));
            assert_eq!(config.setup.scenario, *scenario);
            // A scale of one gradient tensor means nothing to another kind of it.
            let channel = (config.hyper.normalization, config.hyper.gradient_noise);
            let is_defense = *scenario == ScenarioKind::Defense;
            assert_eq!(channel == (Normalization::Rms, 0.0), !is_defense, "{scenario}");
        }
    }

    #[test]
    fn another_scenario_brings_its_own_beginning_and_keeps_what_was_chosen() {
        let mut config = Config::start(ScenarioKind::Defense);
        config.hyper.learning_rate = 0.5;
        config.hyper.gradient_scale = 7.0;
        config.setup.seed = 9;
        config.setup.scenario = ScenarioKind::Multitask;
        config.enter_from(ScenarioKind::Defense);
        let start = Config::start(ScenarioKind::Multitask);
        assert_eq!(config.hyper.normalization, start.hyper.normalization);
        assert_eq!(config.hyper.gradient_noise, 0.0);
        assert_eq!((config.hyper.learning_rate, config.hyper.gradient_scale), (0.5, 7.0));
        assert_eq!((config.setup.scenario, config.setup.seed), (ScenarioKind::Multitask, 9));
        config.setup.scenario = ScenarioKind::Defense;
        config.enter_from(ScenarioKind::Multitask);
        assert_eq!(config.hyper.gradient_noise, 1.0, "and back");
    }
}
