//! A knob: name, symbol, range, unit, help and use of a value in a configuration, and the macro that declares them all.

use super::choices::ScenarioKind;
use super::device::DeviceInfo;
use super::world::drawing::{DRAWN_POINTS, Drawing, DrawingError};

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
    /// The points of a [`Drawing`], as its text; none where that is empty.
    Drawing,
}

/// The headings under which knobs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What the main network plays against.
    Adversary,
    /// What a student learns from its teacher.
    Teacher,
    /// What several tasks are learned by.
    Tasks,
    /// How both networks descend.
    Descent,
    /// The attacks in training, and what is added to the loss against them.
    Attack,
    /// What is measured, and how often.
    Measuring,
    /// What takes effect when the next run begins.
    NextRun,
}

impl Section {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Adversary,
        Self::Teacher,
        Self::Tasks,
        Self::Descent,
        Self::Attack,
        Self::Measuring,
        Self::NextRun,
    ];

    /// What stands above its knobs.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Adversary => "The adversary",
            Self::Teacher => "The teacher",
            Self::Tasks => "The tasks",
            Self::Descent => "Descent",
            Self::Attack => "Attack",
            Self::Measuring => "Measuring",
            Self::NextRun => "Next run",
        }
    }
}

/// Which runs use a knob, of the scenarios that it says something about.
pub enum Use<C> {
    /// All.
    Always,
    /// Those whose method names it.
    ByMethod,
    /// Those of which this gives no reason why not.
    When(fn(&C) -> Option<&'static str>),
    /// All, but on a device of which this gives a reason it could not be turned.
    OnDevice(fn(&C, &DeviceInfo) -> Option<String>),
}

/// A knob of a configuration `C`.
pub struct Knob<C> {
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
    /// Whether it may change during a run (`Hyper`) or not (`Setup`).
    pub live: bool,
    /// Under which heading it stands.
    pub section: Section,
    /// The scenarios that it says something about.
    pub scenarios: &'static [ScenarioKind],
    /// Which of those runs use it.
    pub used: Use<C>,
    pub(super) read: fn(&C) -> Value,
    pub(super) write: fn(&mut C, Value),
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
    /// The value is no drawing.
    #[error("{knob}: this is no drawing: {why}")]
    NoDrawing {
        /** Which knob. */
        knob: &'static str,
        /** Why not. */
        why: DrawingError,
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
            Self::Drawing => format!("a drawing of at most {DRAWN_POINTS} points, three characters each"),
        }
    }
}

impl<C> Knob<C> {
    /// Whether it says something about a run of that scenario.
    pub fn applies_to(&self, scenario: ScenarioKind) -> bool {
        self.scenarios.contains(&scenario)
    }

    /// The knob's value in `config`.
    pub fn read(&self, config: &C) -> Value {
        (self.read)(config)
    }

    /// Puts `value` into `config`, if it is of the right kind and in range.
    ///
    /// # Errors
    /// [`KnobError`], and `config` is as it was.
    pub fn write(&self, config: &mut C, value: Value) -> Result<(), KnobError> {
        let in_range = match (&self.kind, &value) {
            (Kind::Real { min, max, .. }, Value::Real(x)) => (*min..=*max).contains(x),
            (Kind::Count { min, max }, Value::Count(n)) => (*min..=*max).contains(n),
            (Kind::Choice(names), Value::Choice(i)) => *i < names.len(),
            (Kind::Text, Value::Text(text)) => !text.trim().is_empty(),
            (Kind::Drawing, Value::Text(text)) => text.parse::<Drawing>().is_ok(),
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
            Kind::Drawing => {
                let refused = |why: DrawingError| KnobError::NoDrawing { knob: self.name, why };
                Some(text.parse::<Drawing>().map(|_| Value::Text(text.into())).map_err(refused)?)
            }
        };
        value.ok_or_else(|| KnobError::Malformed {
            knob: self.name,
            value: text.into(),
            expected: self.kind.expected(),
        })
    }

    /// The value for people to read: that of [`Self::show`], where it is short.
    pub fn say(&self, value: &Value) -> String {
        match (self.kind, value) {
            (Kind::Drawing, Value::Text(text)) => {
                let points = text.parse().map_or(0, |drawing: Drawing| drawing.points().len());
                format!("{points} points")
            }
            _ => self.show(value),
        }
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

/// A finite number in decimal, or a fraction of two: `0.1`, `1e-3`, `8/255`; the minus may be that of typography (U+2212),
/// which figures on screen have.
pub fn parse_real(text: &str) -> Option<f64> {
    let text = text.trim().replace('\u{2212}', "-");
    let number = match text.split_once('/') {
        Some((numerator, denominator)) => {
            numerator.trim().parse::<f64>().ok()? / denominator.trim().parse::<f64>().ok()?
        }
        None => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// Declares the parts of a configuration `$config`, their defaults and the table of their knobs: a row a field.
///
/// `field: type = default => kind(range), label, unit, section, [scenarios], use, help;`, behind what else the field's
/// documentation should say.
macro_rules! knobs {
    (@scenarios [..]) => { ScenarioKind::ALL };
    (@scenarios [$($scenario:ident)+]) => { &[$(ScenarioKind::$scenario),+] };
    (@logarithmic) => { false };
    (@logarithmic log) => { true };
    (@kind $type:ident real($min:literal..=$max:literal $(, $log:ident)?)) => {
        Kind::Real { min: $min, max: $max, logarithmic: knobs!(@logarithmic $($log)?) }
    };
    (@kind $type:ident count($min:literal..=$max:expr)) => { Kind::Count { min: $min, max: $max } };
    (@kind $type:ident choice) => { Kind::Choice(<$type>::NAMES) };
    (@kind $type:ident text) => { Kind::Text };
    (@kind $type:ident drawing) => { Kind::Drawing };
    (@read $value:expr, $type:ident real) => { Value::Real($value) };
    (@read $value:expr, $type:ident count) => { Value::Count($value as u64) };
    (@read $value:expr, $type:ident choice) => {
        Value::Choice(<$type>::ALL.iter().position(|choice| *choice == $value).unwrap_or(0))
    };
    (@read $value:expr, $type:ident text) => { Value::Text($value.clone()) };
    (@read $value:expr, $type:ident drawing) => { Value::Text($value.to_string()) };
    (@write $place:expr, $value:ident, $type:ident real) => { if let Value::Real(x) = $value { $place = x } };
    (@write $place:expr, $value:ident, $type:ident count) => {
        if let Value::Count(n) = $value { $place = n as $type }
    };
    (@write $place:expr, $value:ident, $type:ident choice) => {
        if let Value::Choice(index) = $value { $place = <$type>::ALL[index] }
    };
    (@write $place:expr, $value:ident, $type:ident text) => { if let Value::Text(text) = $value { $place = text } };
    (@write $place:expr, $value:ident, $type:ident drawing) => {
        if let Value::Text(text) = $value && let Ok(drawing) = text.parse() { $place = drawing }
    };
    ($config:ident: $($(#[$meta:meta])* $part:ident $of:ident live $live:literal {
        $($(#[$note:meta])* $field:ident: $type:ident = $default:expr => $kind:ident $(($($range:tt)*))?, $label:literal, $unit:literal,
            $section:ident, $scenarios:tt, $used:expr, $help:literal;)+
    })+) => {
        $($(#[$meta])*
        pub struct $of { $(#[doc = concat!($label, ": ", $help, ".")] $(#[$note])* pub $field: $type),+ }

        impl Default for $of {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        })+

        /// Every knob, in the order in which it is shown.
        pub static KNOBS: &[Knob<$config>] = &[$($(Knob {
            name: stringify!($field), label: $label, unit: $unit, help: $help,
            kind: knobs!(@kind $type $kind $(($($range)*))?), live: $live, section: Section::$section,
            scenarios: knobs!(@scenarios $scenarios), used: $used,
            read: |config| knobs!(@read config.$part.$field, $type $kind),
            write: |config, value| knobs!(@write config.$part.$field, value, $type $kind),
        }),+),+];
    };
}
pub(super) use knobs;
