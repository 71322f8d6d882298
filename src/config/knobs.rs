//! The one table of knobs: name, symbol, range, unit and help of every value in a [`Config`].
//!
//! Slider, `--set KNOB=VALUE`, link and validation all come from here; the default is [`Config::default`]'s.

use super::choices::{
    Activation, Adversary, Augmentation, InputTransform, NetworkKind, Normalization, OptimizerKind,
    Precision, ScenarioKind, Schedule, TaskSet,
};
use super::method::{DistillationMethod, Mode, MultitaskMethod};
use super::table::Config;

/// A knob's value, whatever its kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A real number.
    Real(f64),
    /// A whole number.
    Count(u64),
    /// The position of a name in [`Kind::Choice`].
    Choice(usize),
    /// Free text.
    Text(String),
}

/// What values a knob takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A real number in `[min, max]`; `logarithmic` says how a slider should run.
    Real {
        /** Smallest. */
        min: f64,
        /** Largest. */
        max: f64,
        /** Slider scale. */
        logarithmic: bool,
    },
    /// A whole number in `[min, max]`.
    Count {
        /** Smallest. */
        min: u64,
        /** Largest. */
        max: u64,
    },
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Any text that is not empty.
    Text,
}

/// One knob.
pub struct Knob {
    /// The name in flags, links and files.
    pub name: &'static str,
    /// The name on screen.
    pub label: &'static str,
    /// The unit, or "" for a bare number.
    pub unit: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it may change during a run ([`super::Hyper`]) or not ([`super::Setup`]).
    pub live: bool,
    /// The scenarios that it says something about.
    pub scenarios: &'static [ScenarioKind],
    read: fn(&Config) -> Value,
    write: fn(&mut Config, Value),
}

/// Why a knob refused a value.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum KnobError {
    /// There is no knob of that name.
    #[error("there is no knob '{name}'; the knobs are: {known}")]
    Unknown {
        /** As given. */
        name: String,
        /** All names. */
        known: String,
    },
    /// The value is not of the knob's kind.
    #[error("{knob}: '{value}' is not {expected}")]
    Malformed {
        /** Which knob. */
        knob: &'static str,
        /** As given. */
        value: String,
        /** What it takes. */
        expected: String,
    },
    /// The value is out of range.
    #[error("{knob}: {value} is out of range; it takes {expected}")]
    OutOfRange {
        /** Which knob. */
        knob: &'static str,
        /** As given. */
        value: String,
        /** What it takes. */
        expected: String,
    },
    /// Not of the form `KNOB=VALUE`.
    #[error("'{text}' is not of the form KNOB=VALUE")]
    NotAnAssignment {
        /** As given. */
        text: String,
    },
}

impl Kind {
    /// What the knob takes, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Real { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Choice(names) => format!("one of: {}", names.join(", ")),
            Self::Text => "a text that is not empty".into(),
        }
    }
}

impl Knob {
    /// The same knob, of one scenario alone.
    const fn of(mut self, scenario: ScenarioKind) -> Self {
        self.scenarios = match scenario {
            ScenarioKind::Defense => &[ScenarioKind::Defense],
            ScenarioKind::Distillation => &[ScenarioKind::Distillation],
            ScenarioKind::Multitask => &[ScenarioKind::Multitask],
        };
        self
    }

    /// The same knob, of the two scenarios whose main networks descend against the auxiliary one's loss.
    const fn of_great(mut self) -> Self {
        self.scenarios = &[ScenarioKind::Defense, ScenarioKind::Distillation];
        self
    }

    /// Whether it says something about a run of that scenario.
    pub fn applies_to(&self, scenario: ScenarioKind) -> bool {
        self.scenarios.contains(&scenario)
    }

    /// The knob of that name.
    ///
    /// # Errors
    /// [`KnobError::Unknown`], naming all knobs.
    pub fn find(name: &str) -> Result<&'static Self, KnobError> {
        KNOBS.iter().find(|knob| knob.name == name).ok_or_else(|| KnobError::Unknown {
            name: name.into(),
            known: KNOBS.iter().map(|knob| knob.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The knob's value in `config`.
    pub fn read(&self, config: &Config) -> Value {
        (self.read)(config)
    }

    /// The value it has where nobody touched it.
    pub fn default_value(&self) -> Value {
        (self.read)(&Config::default())
    }

    /// Puts `value` into `config`, if it is of the right kind and in range.
    ///
    /// # Errors
    /// [`KnobError`], and `config` is as it was.
    pub fn write(&self, config: &mut Config, value: Value) -> Result<(), KnobError> {
        let in_range = match (&self.kind, &value) {
            (Kind::Real { min, max, .. }, Value::Real(x)) => (*min..=*max).contains(x),
            (Kind::Count { min, max }, Value::Count(n)) => (*min..=*max).contains(n),
            (Kind::Choice(names), Value::Choice(i)) => *i < names.len(),
            (Kind::Text, Value::Text(text)) => !text.trim().is_empty(),
            _ => false,
        };
        if !in_range {
            return Err(KnobError::OutOfRange {
                knob: self.name,
                value: self.show(&value),
                expected: self.kind.expected(),
            });
        }
        (self.write)(config, value);
        Ok(())
    }

    /// A value of this knob's kind from text: numbers in decimal or as a fraction (`8/255`), choices by name.
    ///
    /// # Errors
    /// [`KnobError::Malformed`].
    pub fn parse(&self, text: &str) -> Result<Value, KnobError> {
        let text = text.trim();
        let value = match self.kind {
            Kind::Real { .. } => parse_real(text).map(Value::Real),
            Kind::Count { .. } => text.parse().ok().map(Value::Count),
            Kind::Choice(names) => names.iter().position(|name| *name == text).map(Value::Choice),
            Kind::Text => Some(Value::Text(text.into())),
        };
        value.ok_or_else(|| KnobError::Malformed {
            knob: self.name,
            value: text.into(),
            expected: self.kind.expected(),
        })
    }

    /// The text that [`Self::parse`] reads back.
    pub fn show(&self, value: &Value) -> String {
        match (value, self.kind) {
            (Value::Real(x), _) => x.to_string(),
            (Value::Count(n), _) => n.to_string(),
            (Value::Choice(i), Kind::Choice(names)) => names.get(*i).unwrap_or(&"?").to_string(),
            (Value::Choice(i), _) => i.to_string(),
            (Value::Text(text), _) => text.clone(),
        }
    }
}

/// Applies `KNOB=VALUE` to `config`.
///
/// # Errors
/// [`KnobError`], and `config` is as it was.
pub fn assign(config: &mut Config, assignment: &str) -> Result<&'static Knob, KnobError> {
    let (name, text) =
        assignment.split_once('=').ok_or_else(|| KnobError::NotAnAssignment { text: assignment.into() })?;
    let knob = Knob::find(name.trim())?;
    let value = knob.parse(text)?;
    knob.write(config, value)?;
    Ok(knob)
}

/// Checks every value of a config that came from outside (a file, a link) against the table.
///
/// # Errors
/// The first knob that is out of range.
pub fn validate(config: &Config) -> Result<(), KnobError> {
    KNOBS.iter().try_for_each(|knob| knob.write(&mut config.clone(), knob.read(config)))
}

/// A finite number in decimal, or a fraction of two: `0.1`, `1e-3`, `8/255`.
pub fn parse_real(text: &str) -> Option<f64> {
    let number = match text.split_once('/') {
        Some((numerator, denominator)) => {
            numerator.trim().parse::<f64>().ok()? / denominator.trim().parse::<f64>().ok()?
        }
        None => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// A row of the table: the field's path stands once and gives both reader and writer.
macro_rules! knob {
    (@live hyper) => { true };
    (@live setup) => { false };
    (real $part:ident.$field:ident, $label:literal, $unit:literal, $min:literal..$max:literal $($log:ident)?, $help:literal) => {
        Knob {
            name: stringify!($field), label: $label, unit: $unit, help: $help,
            kind: Kind::Real { min: $min, max: $max, logarithmic: knob!(@log $($log)?) },
            live: knob!(@live $part),
            scenarios: ScenarioKind::ALL,
            read: |config| Value::Real(config.$part.$field),
            write: |config, value| if let Value::Real(x) = value { config.$part.$field = x },
        }
    };
    (@log) => { false };
    (@log log) => { true };
    (count $part:ident.$field:ident: $type:ty, $label:literal, $unit:literal, $min:literal..$max:expr, $help:literal) => {
        Knob {
            name: stringify!($field), label: $label, unit: $unit, help: $help,
            kind: Kind::Count { min: $min, max: $max },
            live: knob!(@live $part),
            scenarios: ScenarioKind::ALL,
            read: |config| Value::Count(config.$part.$field as u64),
            write: |config, value| if let Value::Count(n) = value { config.$part.$field = n as $type },
        }
    };
    (text $part:ident.$field:ident, $label:literal, $help:literal) => {
        Knob {
            name: stringify!($field), label: $label, unit: "", help: $help,
            kind: Kind::Text,
            live: knob!(@live $part),
            scenarios: ScenarioKind::ALL,
            read: |config| Value::Text(config.$part.$field.clone()),
            write: |config, value| if let Value::Text(text) = value { config.$part.$field = text },
        }
    };
    (choice $part:ident.$field:ident: $type:ty, $label:literal, $help:literal) => {
        Knob {
            name: stringify!($field), label: $label, unit: "", help: $help,
            kind: Kind::Choice(<$type>::NAMES),
            live: knob!(@live $part),
            scenarios: ScenarioKind::ALL,
            read: |config| Value::Choice(<$type>::ALL.iter().position(|c| *c == config.$part.$field).unwrap_or(0)),
            write: |config, value| if let Value::Choice(i) = value { config.$part.$field = <$type>::ALL[i] },
        }
    };
}

/// Every knob, in the order in which it is shown.
pub static KNOBS: &[Knob] = &[
    knob!(real hyper.alpha, "α adversary", "", 0.0..10.0, "weight of the adversary in the main loss (GREAT); 0 turns it off; in a distillation at most 1").of_great(),
    knob!(real hyper.beta, "β GREACE", "", 0.0..10.0, "how hard wrong classes that the gradient is mistaken for are pushed down").of(ScenarioKind::Defense),
    knob!(real hyper.ramp, "ramp", "of the run", 0.0..1.0, "share of all steps over which α rises from 0").of_great(),
    knob!(choice hyper.adversary: Adversary, "adversary", "reversal: −CE, unbounded; confusion: towards the uniform distribution, bounded").of(ScenarioKind::Defense),
    knob!(choice hyper.normalization: Normalization, "gradient normalisation", "what the auxiliary network reads of a gradient tensor, sample by sample"),
    knob!(real hyper.learning_rate, "learning rate", "", 1e-6..10.0 log, "of the main network"),
    knob!(real hyper.auxiliary_learning_rate, "auxiliary learning rate", "", 1e-6..10.0 log, "of the auxiliary network"),
    knob!(count hyper.auxiliary_steps: usize, "auxiliary steps", "per main step", 0..20, "0 freezes the auxiliary network"),
    knob!(real hyper.weight_decay, "weight decay", "", 0.0..1.0, "L2, added to the main network's gradient"),
    knob!(real hyper.momentum, "momentum", "", 0.0..0.999, "of SGD; Adam has its own"),
    knob!(real hyper.input_gradient_weight, "input-gradient weight", "", 0.0..1000.0, "weight of the squared input-gradient norm in input-gradient-regularization").of(ScenarioKind::Defense),
    knob!(real hyper.trades_weight, "TRADES weight", "", 0.0..1000.0, "weight of the divergence between the predictions on clean and adversarial images in trades").of(ScenarioKind::Defense),
    knob!(real hyper.jacobian_weight, "Jacobian weight", "", 0.0..1000.0, "weight of half the squared norm of the logits' Jacobian in jacobian-regularization").of(ScenarioKind::Defense),
    knob!(real hyper.temperature, "τ temperature", "", 0.1..100.0 log, "softens both predictions for the soft targets").of(ScenarioKind::Distillation),
    knob!(real hyper.cross_entropy_weight, "cross-entropy weight", "", 0.0..100.0, "of the labels beside the soft targets").of(ScenarioKind::Distillation),
    knob!(real hyper.soft_target_weight, "soft-target weight", "", 0.0..100.0, "of τ² times the divergence from the teacher's softened predictions").of(ScenarioKind::Distillation),
    knob!(real hyper.jacobian_matching_weight, "Jacobian-matching weight", "", 0.0..1000.0, "of the squared distance between the unit gradients of the label's logit in jacobian-matching").of(ScenarioKind::Distillation),
    knob!(real hyper.input_noise, "input noise", "pixels in [0, 1]", 0.0..1.0, "standard deviation of the noise on what the encoder reads").of(ScenarioKind::Multitask),
    knob!(real hyper.alignment_rate, "alignment rate", "a step", 0.0..1.0 log, "root mean square of what a step changes in each alignment layer, of mean 1").of(ScenarioKind::Multitask),
    knob!(real hyper.gradnorm_rate, "GradNorm rate", "", 0.0..1.0 log, "learning rate of the tasks' weights in gradnorm").of(ScenarioKind::Multitask),
    knob!(real hyper.epsilon, "ε radius", "pixels in [0, 1]", 0.0..1.0, "L∞ radius of the attacks in training, and the mark on the robustness chart"),
    knob!(count hyper.attack_steps: usize, "attack steps", "iterations", 1..1000, "k of the iterative attacks"),
    knob!(count hyper.report_every_steps: u64, "report every", "steps", 1..1_000_000, "losses and accuracies are averages over this interval"),
    knob!(count hyper.histogram_every_steps: u64, "histograms every", "steps", 0..1_000_000, "0 turns them off"),
    knob!(count hyper.evaluate_every_steps: u64, "robustness every", "steps", 0..1_000_000, "0 turns it off"),
    knob!(count hyper.evaluate_samples: usize, "robustness samples", "images", 1..1_000_000, "held-out images attacked each time"),
    knob!(choice setup.scenario: ScenarioKind, "scenario", "which gradient tensors must look alike: those of the classes, a student's and its teacher's, or those of tasks"),
    knob!(choice setup.mode: Mode, "mode", "how the main network is trained").of(ScenarioKind::Defense),
    knob!(choice setup.method: DistillationMethod, "method", "how the student is trained").of(ScenarioKind::Distillation),
    knob!(text setup.teacher, "teacher", "train: by the lab, first; kept: the network that was made one in the window; or the path of a checkpoint").of(ScenarioKind::Distillation),
    knob!(choice setup.teacher_network: NetworkKind, "teacher network", "architecture of a teacher that the lab trains").of(ScenarioKind::Distillation),
    knob!(real setup.teacher_width, "teacher width", "times", 0.25..4.0, "factor on that teacher's channels").of(ScenarioKind::Distillation),
    knob!(count setup.teacher_steps: u64, "teacher steps", "steps", 1..100_000_000, "for which that teacher is trained, on all training images").of(ScenarioKind::Distillation),
    knob!(real setup.fraction, "fraction", "of the data", 0.01..1.0, "share of the training images that the student is given, class by class").of(ScenarioKind::Distillation),
    knob!(choice setup.multitask_method: MultitaskMethod, "method", "how tasks that share an encoder are trained").of(ScenarioKind::Multitask),
    knob!(choice setup.tasks: TaskSet, "tasks", "pictures: class, colours, edges, denoising; scenes: class, depth, normals, key points").of(ScenarioKind::Multitask),
    knob!(text setup.data, "data", "a built-in data set's name, or a folder"),
    knob!(choice setup.network: NetworkKind, "network", "architecture of the main network"),
    knob!(real setup.width, "width", "times", 0.25..4.0, "factor on the main network's channels"),
    knob!(choice setup.activation: Activation, "activation", "of the main network"),
    knob!(choice setup.input_transform: InputTransform, "input transform", "what the main network does to an image first: quantize and noise look robust without being so, and turn an audit red"),
    knob!(count setup.input_levels: usize, "input levels", "levels", 2..256, "that quantize rounds a pixel to"),
    knob!(real setup.transform_noise, "transform noise", "pixels in [0, 1]", 0.0..1.0, "standard deviation of what noise adds in every pass"),
    knob!(real setup.auxiliary_width, "auxiliary width", "times", 0.25..4.0, "factor on the auxiliary network's channels"),
    knob!(choice setup.precision: Precision, "precision", "of the main network in training; mixed stores what images become in it in 16 bits, and needs a GPU that has them").of_great(),
    knob!(choice setup.optimizer: OptimizerKind, "optimiser", "of both networks"),
    knob!(choice setup.schedule: Schedule, "schedule", "of both learning rates over the run"),
    knob!(choice setup.augmentation: Augmentation, "augmentation", "of training images: moved by up to 4 pixels with zeros coming in, mirrored every other time"),
    knob!(count setup.batch_size: usize, "batch size", "images", 1..8192, "images in a training batch"),
    knob!(count setup.steps: u64, "steps", "steps", 1..100_000_000, "length of the run; ramp and schedule are fractions of it"),
    knob!(count setup.seed: u64, "seed", "", 0..u64::MAX, "of weights, data order, augmentation, random starts and random targets"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_in_range_and_reads_back() {
        for knob in KNOBS {
            let mut config = Config::default();
            let default = knob.default_value();
            let parsed = knob.parse(&knob.show(&default)).expect(knob.name);
            assert_eq!(parsed, default, "{}", knob.name);
            knob.write(&mut config, parsed).expect(knob.name);
            assert_eq!(config, Config::default(), "{}", knob.name);
        }
    }

    #[test]
    fn every_field_of_a_config_has_a_knob() {
        let json = serde_json::to_value(Config::default()).expect("a config is plain data");
        for part in ["setup", "hyper"] {
            for field in json[part].as_object().expect("an object").keys() {
                assert!(Knob::find(field).is_ok(), "{field} has no knob");
            }
        }
    }

    #[test]
    fn files_from_before_a_knob_was_there_mean_its_default() {
        let mut json = serde_json::to_value(Config::default()).expect("a config is plain data");
        json["setup"].as_object_mut().expect("an object").remove("augmentation").expect("a knob of now");
        assert_eq!(serde_json::from_value::<Config>(json).expect("the rest is there"), Config::default());
    }

    #[test]
    fn bad_assignments_say_what_is_wrong_and_change_nothing() {
        let mut config = Config::default();
        for (text, expected) in [
            ("alpha", "form KNOB=VALUE"),
            ("alhpa=1", "no knob 'alhpa'"),
            ("alpha=", "not a number from 0 to 10"),
            ("alpha=-1", "out of range"),
            ("alpha=NaN", "not a number"),
            ("alpha=1/0", "not a number"),
            ("steps=0", "out of range"),
            ("steps=1.5", "not a whole number"),
            ("mode=grate", "one of: baseline"),
            ("data=", "out of range"),
            ("seed=18446744073709551616", "not a whole number"),
        ] {
            let error = assign(&mut config, text).map(|_| ()).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!(config, Config::default());
        assign(&mut config, "epsilon=8/255").expect("a fraction");
        assert!((config.hyper.epsilon - 8.0 / 255.0).abs() < 1e-12);
    }
}
