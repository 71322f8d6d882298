//! What a run is in the midst of when a checkpoint of it is taken, beside what its networks are: what it has summed since
//! the last report, and the measurements that training began and that are not told yet.

use serde::{Deserialize, Serialize};

use super::error::CheckpointError;
use crate::{
    config::{Config, Hyper, link},
    nn::Drawn,
    scenario::State,
};

/// What the names of the sums' tensors begin with.
const SUMS: &str = "sums";
/// What the names of a probe's tensors begin with.
pub(super) const PROBE: &str = "probe";
/// What the names of the attacked network's tensors begin with.
pub(super) const ATTACKS: &str = "attacks";
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
}

/// The same without tensors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// What has been summed, in tensors `sums.0`, `sums.1`, ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summed {
    /// Steps summed over.
    pub steps: u64,
    /// Entries of each tensor.
    pub lengths: Vec<usize>,
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

impl Progress {
    /// Of a run that stands there.
    pub fn of(state: &State, under_way: &UnderWay) -> Self {
        let summed = |sums: &crate::scenario::Sums| Summed {
            steps: sums.steps,
            lengths: sums.parts.iter().map(|part| part.dims()[0]).collect(),
        };
        Self {
            sums: state.sums.as_ref().map(summed),
            draws: state.draws.clone(),
            next_probe: under_way.next_probe,
            probe: under_way.probe.as_ref().map(Beginning::of),
            attacks: under_way.attacks.as_ref().map(Beginning::of),
        }
    }

    /// Names and shapes of the sums.
    pub fn sums(&self) -> impl Iterator<Item = (String, Vec<usize>)> {
        let lengths = self.sums.iter().flat_map(|sums| &sums.lengths);
        lengths.enumerate().map(|(part, length)| (format!("{SUMS}.{part}"), vec![*length]))
    }

    /// Checks that it can be of a run after `step` steps whose sums have one of these `forms`.
    ///
    /// # Errors
    /// [`CheckpointError::Metadata`].
    pub fn check(&self, step: u64, forms: &[Vec<usize>]) -> Result<(), CheckpointError> {
        let sums = self.sums.as_ref().is_none_or(|sums| sums.steps > 0 && forms.contains(&sums.lengths));
        let begun = [&self.probe, &self.attacks].into_iter().flatten().all(|begun| begun.is_sound(step));
        if sums && begun && self.draws.len() <= MOST_DRAWING {
            return Ok(());
        }
        Err(CheckpointError::Metadata("what it says is under way does not fit its run".into()))
    }
}
