//! What a face asks of the trainer, and what the trainer tells its face.

pub mod pace;

use serde::{Deserialize, Serialize};
use web_time::Duration;

use super::audit::Audited;
use super::gradients::plane::{Plane, Traced};
use super::gradients::predicted::{OwnPicture, Predicted};
use super::gradients::{Histograms, Samples};
use super::probe::Probed;
use super::robustness::{Robustness, Stopped};
use super::run::{Preparing, Report, RunId, RunInfo};
use super::saturation::{Pictures, Saturation};
use super::tasks::Tasks;
use crate::config::{Hyper, Players, Setup, Threat};

/// What a face asks of the trainer. Obeyed in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Train until paused or finished.
    Run,
    /// Stop after the current step.
    Pause,
    /// Take this many steps, then pause.
    Step(Players, u32),
    /// Start anew with this setup (and the newest [`Hyper`]); paused.
    Reset(Box<Setup>),
    /// Attack held-out images with these threats, beside whatever else goes on.
    Evaluate {
        /// Attacks and radii.
        threats: Vec<Threat>,
        /// Held-out images; all of them where there are fewer.
        samples: usize,
    },
    /// Check on held-out images whether robustness figures can be trusted, beside whatever else goes on.
    Audit {
        /// Held-out images; all of them where there are fewer.
        samples: usize,
    },
    /// See what a fresh auxiliary network reads, beside whatever else goes on; a probe under way goes on.
    Probe,
    /// Answer with the held-out images of these numbers, as [`Event::Pictures`]; numbers that there are not are left out.
    Show(Vec<u32>),
    /// Answer with the ways of attacks from the held-out point of that number, as [`Event::Traced`]; with nothing where the
    /// run is on no world, or has no such point.
    Trace(u32),
    /// From now on tell what the network says of this picture, now and with each look at gradient tensors, as
    /// [`Event::Predicted`]; of none, no more. A picture that cannot be read is a notice.
    Predict(Option<Box<OwnPicture>>),
    /// Keep the main network at hand for runs whose setup says [`KEPT_TEACHER`](crate::config::KEPT_TEACHER).
    Teach,
    /// Answer with [`Event::Saved`].
    Save,
    /// Take weights, optimiser state, step and config from the bytes of a checkpoint; paused.
    Load(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Go on, in place of the run at hand, with a copy of one that was kept. The run at hand leaves an
    /// [`Event::Checkpoint`]; where the other cannot be gone on with, it stays.
    GoOn(Box<GoOn>),
    /// Go on with a copy of the run at hand as well, with these knobs and from the very step where it stands, in turn and on
    /// the same batches: the copy is another run, which [`Event::Started`] announces. The newest knobs stay
    /// those of the run that was there before. `Run`, `Pause`, `Step` and `Evaluate` are obeyed by both; all else is for the
    /// run that was there before, until [`Command::Attend`] says otherwise.
    Fork(Box<Hyper>),
    /// From its next step on, the knobs of a fork are these.
    Turn(RunId, Box<Hyper>),
    /// What is asked from now on is asked of that one of two runs.
    Attend(RunId),
    /// Go on with the other of two runs alone: [`Event::Checkpoint`] and [`Event::GivenUp`] are the last of this one. The
    /// newest knobs are those of the run that is left.
    GiveUp(RunId),
    /// From now on tell a checkpoint of the run under way as often as that, as [`Event::Checkpoint`].
    Checkpoints(Cadence),
    /// End the trainer.
    Quit,
}

/// A run that was kept, to be gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoOn {
    /// The bytes of its checkpoint.
    #[serde(with = "serde_bytes")]
    pub checkpoint: Vec<u8>,
    /// Its folder, beside which its data may lie.
    pub folder: String,
    /// How long it had been trained after so many steps, ascending.
    pub trained: Vec<(u64, Duration)>,
}

impl GoOn {
    /// How long it had been trained after so many steps, as far as that is known.
    pub fn trained_until(&self, step: u64) -> Duration {
        let known = self.trained.iter().take_while(|(of, _)| *of <= step).last();
        known.map_or(Duration::ZERO, |(_, trained)| *trained)
    }
}

/// How often a run under way tells a checkpoint of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cadence {
    /// Never.
    #[default]
    Never,
    /// After every so many training steps, of the teacher's too while it is trained.
    Steps(u64),
    /// After so much training, sooner while the run is young, and as seldom as the [`pace`] asks of what the last one cost.
    Time {
        /// Training between two, at most but for their cost.
        every: Duration,
        /// What it costs to write one down.
        writing: Duration,
    },
}

impl Cadence {
    /// By the clock, as long as nobody says otherwise.
    pub const BY_CLOCK: Self = Self::Time { every: Duration::from_secs(30), writing: Duration::ZERO };

    /// Whether one is due in a run of so many `steps` that has been `trained` so long, `since` the last one, which has taken
    /// `cost` to make.
    pub fn is_due(self, steps: u64, (trained, since): (Duration, Duration), cost: Duration) -> bool {
        match self {
            Self::Never => false,
            Self::Steps(every) => steps.is_multiple_of(every.max(1)),
            Self::Time { every, writing } => since >= pace::while_young(every, trained, cost + writing),
        }
    }
}

/// A checkpoint of a run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpointed {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Its bytes (safetensors).
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What the trainer tells its face.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A run is set up and about to begin, paused.
    Started(Box<RunInfo>),
    /// The trainer changed what it does.
    State(RunState),
    /// What comes before the first step is under way.
    Preparing(Preparing),
    /// Losses and accuracies, averaged over the steps since the last report.
    Report(Box<Report>),
    /// Gradient tensors by origin.
    Histograms(Box<Histograms>),
    /// A few images with their gradient tensors and adversarial examples.
    Samples(Box<Samples>),
    /// A world seen whole.
    Plane(Box<Plane>),
    /// What is left of the gradients of held-out images.
    Saturation(Box<Saturation>),
    /// What a fresh auxiliary network reads.
    Probed(Probed),
    /// Held-out images that were asked for.
    Pictures(Box<Pictures>),
    /// The ways of attacks that were asked for.
    Traced(Box<Traced>),
    /// What the network says of a picture of somebody's own.
    Predicted(Box<Predicted>),
    /// The figures of several tasks.
    Tasks(Box<Tasks>),
    /// Robust accuracy so far; `complete` on the last of an evaluation.
    Robustness(Box<Robustness>),
    /// An audit so far; `complete` on its last.
    Audited(Box<Audited>),
    /// The bytes of a checkpoint (safetensors).
    Saved(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A checkpoint that was due; all that was measured before it has been told, but for what it says is under way.
    Checkpoint(Checkpointed),
    /// Early stopping ended a run, which is back at its best weights.
    Stopped(RunId, Stopped),
    /// One of two runs was given up: nothing more comes of it.
    GivenUp(RunId),
    /// Something people should know that stops nothing; nothing, where what was said last is over.
    Notice(String),
    /// Something failed; the trainer is paused and still answers.
    Failed(Failure),
}

impl Event {
    /// The run that it is of; none where it is of none, or does not say.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Saved(_) | Self::Notice(_) => None,
            Self::Started(info) => Some(info.run),
            Self::State(state) => Some(state.run),
            Self::Checkpoint(found) => Some(found.run),
            Self::Stopped(run, _) | Self::GivenUp(run) => Some(*run),
            Self::Preparing(found) => Some(found.run),
            Self::Report(found) => Some(found.run),
            Self::Histograms(found) => Some(found.run),
            Self::Samples(found) => Some(found.run),
            Self::Plane(found) => Some(found.run),
            Self::Saturation(found) => Some(found.run),
            Self::Probed(found) => Some(found.run),
            Self::Pictures(found) => Some(found.run),
            Self::Traced(found) => Some(found.run),
            Self::Predicted(found) => Some(found.run),
            Self::Tasks(found) => Some(found.run),
            Self::Robustness(found) => Some(found.run),
            Self::Audited(found) => Some(found.run),
            Self::Failed(found) => Some(found.run),
        }
    }

    /// The step that a measurement is of.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Report(found) => Some(found.step),
            Self::Histograms(found) => Some(found.step),
            Self::Samples(found) => Some(found.step),
            Self::Plane(found) => Some(found.step),
            Self::Predicted(found) => Some(found.step),
            Self::Saturation(found) => Some(found.step),
            Self::Probed(found) => Some(found.readings.step),
            Self::Tasks(found) => Some(found.step),
            Self::Robustness(found) => Some(found.step),
            Self::Audited(found) => Some(found.step),
            Self::Started(_)
            | Self::State(_)
            | Self::Preparing(_)
            | Self::Pictures(_)
            | Self::Traced(_)
            | Self::Saved(_)
            | Self::Checkpoint(_)
            | Self::Stopped(..)
            | Self::GivenUp(_)
            | Self::Notice(_)
            | Self::Failed(_) => None,
        }
    }

    /// The same of another run, if it is of one.
    #[must_use]
    pub fn of_run(mut self, run: RunId) -> Self {
        match &mut self {
            Self::Saved(_) | Self::Notice(_) => {}
            Self::Started(info) => info.run = run,
            Self::State(state) => state.run = run,
            Self::Stopped(of, _) | Self::GivenUp(of) => *of = run,
            Self::Checkpoint(found) => found.run = run,
            Self::Preparing(found) => found.run = run,
            Self::Report(found) => found.run = run,
            Self::Histograms(found) => {
                found.run = run;
                found.before.iter_mut().for_each(|before| before.run = run);
            }
            Self::Samples(found) => found.run = run,
            Self::Plane(found) => found.run = run,
            Self::Saturation(found) => found.run = run,
            Self::Probed(found) => found.run = run,
            Self::Pictures(found) => found.run = run,
            Self::Traced(found) => found.run = run,
            Self::Predicted(found) => found.run = run,
            Self::Tasks(found) => found.run = run,
            Self::Robustness(found) => found.run = run,
            Self::Audited(found) => found.run = run,
            Self::Failed(found) => found.run = run,
        }
        self
    }
}

impl From<RunInfo> for Event {
    fn from(info: RunInfo) -> Self {
        Self::Started(Box::new(info))
    }
}

impl From<Report> for Event {
    fn from(report: Report) -> Self {
        Self::Report(Box::new(report))
    }
}

impl From<Histograms> for Event {
    fn from(histograms: Histograms) -> Self {
        Self::Histograms(Box::new(histograms))
    }
}

impl From<Samples> for Event {
    fn from(samples: Samples) -> Self {
        Self::Samples(Box::new(samples))
    }
}

impl From<Plane> for Event {
    fn from(plane: Plane) -> Self {
        Self::Plane(Box::new(plane))
    }
}

impl From<Saturation> for Event {
    fn from(saturation: Saturation) -> Self {
        Self::Saturation(Box::new(saturation))
    }
}

impl From<Tasks> for Event {
    fn from(tasks: Tasks) -> Self {
        Self::Tasks(Box::new(tasks))
    }
}

impl From<Robustness> for Event {
    fn from(robustness: Robustness) -> Self {
        Self::Robustness(Box::new(robustness))
    }
}

impl From<Audited> for Event {
    fn from(audited: Audited) -> Self {
        Self::Audited(Box::new(audited))
    }
}

/// What the trainer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Reading data, making networks, compiling.
    Preparing,
    /// Waiting for a command.
    Paused,
    /// Training.
    Running,
    /// All steps are done.
    Finished,
}

/// What the trainer is doing, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Which run.
    pub run: RunId,
    /// What it does.
    pub activity: Activity,
    /// Steps done.
    pub step: u64,
}

/// What failed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which run; 0 where none had begun.
    pub run: RunId,
    /// What happened, with numbers and names.
    pub what: String,
    /// What to do now.
    pub advice: String,
}
