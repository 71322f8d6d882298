//! Ready-made runs: the rows of the paper's tables, what they are held against, and what there is to see first.
//!
//! The settings of the paper's rows stand here and nowhere else. What the paper leaves open (Sinha et al. 2018, Algorithm 1:
//! which push, what the auxiliary network is, at which scale it reads) is as it was where the paper's pattern came out: a
//! push that sums to nothing, read by a plain auxiliary network off the gradient as it is, and logits that may grow large,
//! for which they need a flat head. docs/results.md, "Defence", has the figures.

use crate::config::choices::{
    AuxiliaryKind, AuxiliaryLabels, HeadKind, Normalization, PenaltyNorm, Push, ScenarioKind,
};
use crate::config::method::Mode;
use crate::config::table::{Config, KNOBS};

/// The live knobs that are not part of how a run is trained: an example leaves them.
const KEPT: [&str; 13] = [
    "learning_rate",
    "auxiliary_learning_rate",
    "weight_decay",
    "momentum",
    "epsilon",
    "epsilon_scale",
    "attack_steps",
    "report_every_steps",
    "histogram_every_steps",
    "evaluate_every_steps",
    "evaluate_samples",
    "stop_after",
    "probe_every_steps",
];

/// A ready-made run.
#[derive(Debug)]
pub struct Example {
    /// What people type.
    pub name: &'static str,
    /// What stands in the menu and in tables.
    pub title: &'static str,
    /// One sentence: what there is to see.
    pub about: &'static str,
    /// Whether it is a row of the paper's tables.
    pub of_paper: bool,
    /// The head of the network on which there is something to see of it.
    pub head: HeadKind,
    apply: fn(&mut Config),
}

impl Example {
    /// The example of that name.
    ///
    /// # Errors
    /// A sentence with all names.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let names = || EXAMPLES.iter().map(|example| example.name).collect::<Vec<_>>().join(", ");
        EXAMPLES
            .iter()
            .find(|example| example.name == name)
            .ok_or_else(|| format!("'{name}' is not one of: {}", names()))
    }

    /// The run on the network with its head, with everything else as it is by default.
    pub fn config(&self) -> Config {
        let mut config = Config::default();
        config.setup.head = self.head;
        self.apply(&mut config);
        config
    }

    /// Puts what makes this run what it is into another config: how it is trained, and nothing of data, network, seed or
    /// measuring; nor of its length, but that one of them is a third as long.
    pub fn apply(&self, config: &mut Config) {
        config.setup.scenario = ScenarioKind::Defense;
        for knob in KNOBS.iter().filter(|knob| knob.live && !KEPT.contains(&knob.name)) {
            knob.copy(&Config::default(), config);
        }
        config.setup.auxiliary_network = AuxiliaryKind::GroupNorm;
        (self.apply)(config);
    }
}

/// A network that reads the gradient as it is, so that what it says fades as the gradient does.
fn read_raw(config: &mut Config) {
    config.setup.auxiliary_network = AuxiliaryKind::Plain;
    config.hyper.normalization = Normalization::None;
    config.hyper.gradient_clip = 10.0;
}

fn push(config: &mut Config) {
    config.hyper.beta = 1.0;
    config.hyper.greace_push = Push::Centred;
}

/// The run that the lab begins with.
fn channel(config: &mut Config) {
    let start = Config::start(ScenarioKind::Defense);
    for knob in KNOBS.iter().filter(|knob| knob.read(&start) != knob.default_value()) {
        knob.copy(&start, config);
    }
}

/// All of them, in the order in which they are offered.
pub static EXAMPLES: [Example; 11] = [
    Example {
        name: "channel",
        title: "GREAT, noisy channel",
        about: "The discriminator reads three quarters of the gradients, until the adversary sets in and it loses them.",
        of_paper: false,
        head: HeadKind::Pooled,
        apply: channel,
    },
    Example {
        name: "one-scale",
        title: "GREAT + GREACE, one scale",
        about: "What the lab began with before: a discriminator that reads every gradient at the same size is not to be blinded.",
        of_paper: false,
        head: HeadKind::Pooled,
        apply: |config| config.setup.mode = Mode::GreatGreace,
    },
    Example {
        name: "baseline",
        title: "Baseline",
        about: "Plain training: what all others are held against.",
        of_paper: true,
        head: HeadKind::Flat,
        apply: |config| config.setup.mode = Mode::Baseline,
    },
    Example {
        name: "adversarial",
        title: "Adversarial",
        about: "The paper's adversarial training: on FGSM examples.",
        of_paper: true,
        head: HeadKind::Flat,
        apply: |config| config.setup.mode = Mode::FgsmAt,
    },
    Example {
        name: "greace",
        title: "GREACE",
        about: "Pushes down the classes that the gradient is mistaken for. Where logits grow large f32 rounds gradients away: look at Saturation.",
        of_paper: true,
        head: HeadKind::Flat,
        apply: |config| {
            config.setup.mode = Mode::Greace;
            read_raw(config);
            push(config);
        },
    },
    Example {
        name: "great",
        title: "GREAT",
        about: "Gradient reversal alone, on the gradient as it is.",
        of_paper: true,
        head: HeadKind::Flat,
        apply: |config| {
            config.setup.mode = Mode::Great;
            config.hyper.alpha = 1.0;
            read_raw(config);
        },
    },
    Example {
        name: "great+greace",
        title: "GRE(AT+CE)",
        about: "Both at once.",
        of_paper: true,
        head: HeadKind::Flat,
        apply: |config| {
            config.setup.mode = Mode::GreatGreace;
            config.hyper.alpha = 1.0;
            read_raw(config);
            push(config);
        },
    },
    Example {
        name: "shuffled",
        title: "GREAT, noisy channel, shuffled labels",
        about: "A control: the auxiliary network learns labels that say nothing. What this run gains does not come from the classes.",
        of_paper: false,
        head: HeadKind::Pooled,
        apply: |config| {
            channel(config);
            config.hyper.auxiliary_labels = AuxiliaryLabels::Shuffled;
        },
    },
    Example {
        name: "pgd-at",
        title: "PGD-AT",
        about: "Adversarial training on PGD examples (Madry et al. 2018).",
        of_paper: false,
        head: HeadKind::Flat,
        apply: |config| config.setup.mode = Mode::PgdAt,
    },
    Example {
        name: "penalty",
        title: "Input-gradient penalty",
        about: "A small penalty on the squared input gradient (Ross & Doshi-Velez 2018): the one to beat.",
        of_paper: false,
        head: HeadKind::Flat,
        apply: |config| {
            config.setup.mode = Mode::InputGradient;
            config.hyper.input_gradient_weight = 0.03;
            config.hyper.input_gradient_norm = PenaltyNorm::L2;
        },
    },
    Example {
        name: "early",
        title: "Baseline, stopped early",
        about: "Plain training for a third of the steps: what a method must beat at equal clean accuracy.",
        of_paper: false,
        head: HeadKind::Flat,
        apply: |config| {
            config.setup.mode = Mode::Baseline;
            config.setup.steps = (config.setup.steps / 3).max(1);
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::config::knobs::{Knob, validate};

    #[test]
    fn every_example_is_in_range_named_once_and_leaves_the_rest() {
        assert!(KEPT.iter().all(|name| Knob::find(name).is_ok_and(|knob| knob.live)));
        for (index, example) in EXAMPLES.iter().enumerate() {
            assert_eq!(validate(&example.config()), Ok(()), "{}", example.name);
            assert!(EXAMPLES[..index].iter().all(|other| other.name != example.name), "{}", example.name);
            let mut config = Config::default();
            config.setup.seed = 9;
            config.setup.data = "digits".into();
            config.hyper.evaluate_samples = 3;
            config.hyper.learning_rate = 0.5;
            example.apply(&mut config);
            let kept = (config.setup.seed, &*config.setup.data, config.hyper.evaluate_samples);
            assert_eq!(kept, (9, "digits", 3), "{}", example.name);
            assert_eq!(config.hyper.learning_rate, 0.5, "{}", example.name);
            // Whatever was tried before it.
            let mut other = EXAMPLES[(index + 1) % EXAMPLES.len()].config();
            other.setup.steps = Config::default().setup.steps;
            other.hyper.epsilon = Hyper::default().epsilon;
            other.hyper.epsilon_scale = Hyper::default().epsilon_scale;
            other.setup.head = example.head;
            example.apply(&mut other);
            assert_eq!(other, example.config(), "{}", example.name);
        }
    }

    #[test]
    fn the_first_is_what_a_new_run_begins_with() {
        assert_eq!(EXAMPLES[0].config(), Config::start(ScenarioKind::Defense));
        assert_eq!(EXAMPLES[1].config(), Config::default());
        assert!(Example::find("nonsense").is_err_and(|why| why.contains("channel, one-scale")));
    }
}
