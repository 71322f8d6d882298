//! What a run is in the midst of when a checkpoint of it is taken, beside what its networks are: what it has summed since
//! the last report, the measurements that training began and that are not told yet, and how far early stopping has come.

use serde::{Deserialize, Serialize};

use super::error::CheckpointError;
use crate::{
    config::{Config, Hyper, link},
    nn::Drawn,
    protocol::Share,
    scenario::{Control, State, Sums},
};

/// What the names of the sums' tensors begin with.
const SUMS: &str = "sums";
/// What the names of a probe's tensors begin with.
pub(super) const PROBE: &str = "probe";
/// What the names of the attacked network's tensors begin with.
pub(super) const ATTACKS: &str = "attacks";
/// What the names of the tensors of the best evaluation begin with.
pub(super) const BEST: &str = "best";
/// Networks of a run that may draw noise, at most: two, as they are played with and as they are trained.
const MOST_DRAWING: usize = 4;

/// A measurement that training began, and what it measures.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Steps done when it began.
    pub step: u64,
    /// The knobs of then.
    pub hyper: Hyper,
    /// The run of then.
    pub state: State,
}

/// What training began and is not told yet.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    /// Steps that must be done before another fresh auxiliary network may begin.
    pub next_probe: u64,
    /// The fresh auxiliary network in training.
    pub probe: Option<Begun>,
    /// The attacks on held-out images.
    pub attacks: Option<Begun>,
    /// How far early stopping has come.
    pub rule: Rule,
}

/// How far early stopping has come.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Steps after which the evaluation is that training waits for.
    pub awaited: Option<u64>,
    /// Evaluations since the best.
    pub since: u64,
    /// The best evaluation.
    pub best: Option<Best>,
}

/// The best evaluation of a run so far.
#[derive(Clone, Debug)]
pub struct Best {
    /// Steps done.
    pub step: u64,
    /// Held-out images that withstood every attack.
    pub worst_case: Share,
    /// The run of then.
    pub state: State,
}

/// The same without tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// What has been summed since the last report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sums: Option<Summed>,
    /// Where the noise of networks that draw it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<Drawn>,
    pub next_probe: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Beginning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attacks: Option<Beginning>,
    /// How far early stopping has come, where it has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleSoFar>,
}

/// How far early stopping has come, without tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RuleSoFar {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<u64>,
    pub since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestSoFar>,
}

/// The best evaluation, without tensors: those of its networks are named `best.main.conv1.weight`, ...
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BestSoFar {
    pub step: u64,
    pub worst_case: Share,
    pub main_steps: u64,
    pub auxiliary_steps: u64,
    #[serde(default, skip_serializing_if = "Control::is_neutral")]
    pub control: Control,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Summed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<Drawn>,
}

impl BestSoFar {
    /// But for what the controller has on the device.
    fn of(best: &Best) -> Self {
        let Best { step, worst_case, state } = best;
        Self {
            step: *step,
            worst_case: *worst_case,
            main_steps: state.main.steps,
            auxiliary_steps: state.auxiliary.steps,
            control: state.control.control(),
            sums: state.sums.as_ref().map(Summed::of),
            draws: state.draws.clone(),
        }
    }

    /// Names and shapes of its sums.
    pub fn sums(&self) -> Vec<(String, Vec<usize>)> {
        self.sums.iter().flat_map(|sums| sums.named(&format!("{BEST}.{SUMS}"))).collect()
    }

    /// Whether it can be of a run after `step` steps whose sums have one of these `forms`.
    fn is_sound(&self, step: u64, forms: &[Vec<usize>]) -> bool {
        self.step <= step
            && self.worst_case.hits <= self.worst_case.total
            && self.control.is_sound()
            && self.sums.as_ref().is_none_or(|sums| sums.is_sound(forms))
            && self.draws.len() <= MOST_DRAWING
    }
}

/// What has been summed, in tensors `sums.0`, `sums.1`, ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summed {
    /// Steps summed over.
    pub steps: u64,
    /// Entries of each tensor.
    pub lengths: Vec<usize>,
}

impl Summed {
    fn of(sums: &Sums) -> Self {
        Self { steps: sums.steps, lengths: sums.parts.iter().map(|part| part.dims()[0]).collect() }
    }

    /// Names and shapes of the tensors.
    fn named(&self, prefix: &str) -> Vec<(String, Vec<usize>)> {
        let lengths = self.lengths.iter().enumerate();
        lengths.map(|(part, length)| (format!("{prefix}.{part}"), vec![*length])).collect()
    }

    fn is_sound(&self, forms: &[Vec<usize>]) -> bool {
        self.steps > 0 && forms.contains(&self.lengths)
    }
}

/// When a measurement began, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beginning {
    /// Steps done.
    pub step: u64,
    /// The knobs of then, as a link has them: to the last bit, which JSON does not carry.
    pub knobs: String,
    /// Where the noise of networks that draw it stood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<Drawn>,
}

impl Beginning {
    fn of(begun: &Begun) -> Self {
        let config = Config { hyper: begun.hyper, ..Config::default() };
        Self { step: begun.step, knobs: link::write(&config), draws: begun.state.draws.clone() }
    }

    /// The knobs of then.
    pub fn hyper(&self) -> Hyper {
        link::read(&self.knobs).config.hyper
    }

    fn is_sound(&self, step: u64) -> bool {
        self.step <= step && self.draws.len() <= MOST_DRAWING && link::read(&self.knobs).refused.is_empty()
    }
}

impl Rule {
    /// Whether there is something to go on with.
    pub const fn has_begun(&self) -> bool {
        self.awaited.is_some() || self.best.is_some()
    }
}

impl Progress {
    /// Of a run that stands there.
    pub fn of(state: &State, under_way: &UnderWay) -> Self {
        Self {
            sums: state.sums.as_ref().map(Summed::of),
            draws: state.draws.clone(),
            next_probe: under_way.next_probe,
            probe: under_way.probe.as_ref().map(Beginning::of),
            attacks: under_way.attacks.as_ref().map(Beginning::of),
            rule: under_way.rule.has_begun().then(|| RuleSoFar {
                awaited: under_way.rule.awaited,
                since: under_way.rule.since,
                best: under_way.rule.best.as_ref().map(BestSoFar::of),
            }),
        }
    }

    /// The best evaluation, where there was one.
    pub fn best(&self) -> Option<&BestSoFar> {
        self.rule.as_ref()?.best.as_ref()
    }

    /// Names and shapes of the sums.
    pub fn sums(&self) -> Vec<(String, Vec<usize>)> {
        self.sums.iter().flat_map(|sums| sums.named(SUMS)).collect()
    }

    /// Checks that it can be of a run after `step` steps whose sums have one of these `forms`.
    ///
    /// # Errors
    /// [`CheckpointError::Metadata`].
    pub fn check(&self, step: u64, forms: &[Vec<usize>]) -> Result<(), CheckpointError> {
        let sums = self.sums.as_ref().is_none_or(|sums| sums.is_sound(forms));
        let rule = self.rule.as_ref().is_none_or(|rule| {
            rule.awaited.is_none_or(|awaited| awaited <= step)
                && rule.best.as_ref().is_none_or(|best| best.is_sound(step, forms))
        });
        let begun = [&self.probe, &self.attacks].into_iter().flatten().all(|begun| begun.is_sound(step));
        if sums && rule && begun && self.draws.len() <= MOST_DRAWING {
            return Ok(());
        }
        Err(CheckpointError::Metadata("what it says is under way does not fit its run".into()))
    }
}
