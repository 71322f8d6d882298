//! What the trainer and its faces say to each other: commands one way, events the other, the newest [`Hyper`] beside.
//!
//! Window, page and command line hold a [`Remote`]; the trainer holds the other end and never waits for a window.

use tokio::sync::{mpsc, watch};
use web_time::{Duration, Instant};

pub use crate::attack::{Light, Verdict};
use crate::config::{AttackKind, Config, Hyper, Norm, Setup, TargetKind, Threat};
pub use crate::config::{DeviceInfo, Players};
pub use crate::scenario::multitask::{Figure, Metric, TaskFigures, TaskSample, Unit};

/// Number of a run, counted from 1 by the trainer at each start or reset; events of an older run are stale.
pub type RunId = u64;

/// Percentiles of a [`ClassHistogram`], as TensorBoard draws them: ±3, ±2, ±1, ±0.5 standard deviations of a normal.
pub const PERCENTILES: [f64; 7] = [7.0, 16.0, 31.0, 50.0, 69.0, 84.0, 93.0];

/// Time between looks at whether a trainer has ended.
const END_POLLED: Duration = Duration::from_millis(5);

/// What a face asks of the trainer. Obeyed in order.
#[derive(Clone, Debug)]
pub enum Command {
    /// Train until paused or finished.
    Run,
    /// Stop after the current step.
    Pause,
    /// Take so many steps, then pause.
    Step(Players, u32),
    /// Start anew with this setup (and the newest [`Hyper`]); paused.
    Reset(Box<Setup>),
    /// Attack so many held-out images with these threats, beside whatever else goes on.
    Evaluate {
        /// Attacks and radii.
        threats: Vec<Threat>,
        /// Held-out images; all of them where there are fewer.
        samples: usize,
    },
    /// Check on so many held-out images whether robustness figures can be trusted, beside whatever else goes on.
    Audit {
        /// Held-out images; all of them where there are fewer.
        samples: usize,
    },
    /// Keep the main network at hand for runs whose setup says [`KEPT_TEACHER`](crate::config::KEPT_TEACHER).
    Teach,
    /// Answer with [`Event::Saved`].
    Save,
    /// Take weights, optimiser state, step and config from the bytes of a checkpoint; paused.
    Load(Vec<u8>),
    /// End the trainer.
    Quit,
}

/// What the trainer tells its face.
#[derive(Clone, Debug)]
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
    /// What several tasks have come to.
    Tasks(Box<Tasks>),
    /// Robust accuracy so far; `complete` on the last of an evaluation.
    Robustness(Box<Robustness>),
    /// An audit so far; `complete` on its last.
    Audited(Box<Audited>),
    /// The bytes of a checkpoint (safetensors).
    Saved(Vec<u8>),
    /// Something people should know that stops nothing.
    Notice(String),
    /// Something failed; the trainer is paused and still answers.
    Failed(Failure),
}

/// What the trainer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunState {
    /// Which run.
    pub run: RunId,
    /// What it does.
    pub activity: Activity,
    /// Steps done.
    pub step: u64,
}

/// The facts of a run that do not change.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// Which run.
    pub run: RunId,
    /// Setup and the knobs it starts with.
    pub config: Config,
    /// Where it computes.
    pub device: DeviceInfo,
    /// The data set's name.
    pub data: String,
    /// Class names, `K` of them.
    pub classes: Vec<String>,
    /// Where gradient tensors come from, in the order of confusion and histograms: the classes, student and teacher, or
    /// the tasks.
    pub origins: Vec<String>,
    /// `[C, H, W]` of an image.
    pub image_shape: [usize; 3],
    /// Images that the main network is trained on.
    pub train_images: usize,
    /// Held-out images.
    pub test_images: usize,
    /// Weights of the main network.
    pub main_weights: usize,
    /// Weights of the auxiliary network.
    pub auxiliary_weights: usize,
    /// Weights of the teacher, where there is one.
    pub teacher_weights: Option<usize>,
}

/// How far the training of a teacher is; loss and accuracy are averages since the last one of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preparing {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub done: u64,
    /// Of how many.
    pub steps: u64,
    /// Its cross-entropy on the training images.
    pub loss: f64,
    /// Share of the training batches that it gets right.
    pub accuracy: f64,
}

/// What several tasks have come to, on held-out images.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// What they came to.
    pub found: TaskFigures,
}

/// Averages over the steps since the last report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Passes over the training data done.
    pub epoch: f64,
    /// Time spent training since the run began.
    pub elapsed: Duration,
    /// Training steps a second since the last report.
    pub steps_per_second: f64,
    /// The knobs of the last step.
    pub hyper: Hyper,
    /// α of the last step, ramp included.
    pub alpha: f64,
    /// Cross-entropy `J` of the main network on what it was trained on.
    pub loss: f64,
    /// Share of the training batch that the main network gets right.
    pub accuracy: f64,
    /// Cross-entropy of the auxiliary network on the gradient tensors, before its step.
    pub auxiliary_loss: f64,
    /// Share of gradient tensors whose origin the auxiliary network reads.
    pub auxiliary_accuracy: f64,
    /// Root mean square of the gradient tensors, over batch and pixels.
    pub gradient_rms: f64,
    /// Gradient tensors by true origin (row) and what the auxiliary network said (column), row by row.
    pub confusion: Vec<u32>,
}

/// Exact counts of gradient-tensor entries in log-magnitude bins with sign.
///
/// The bins run from most negative to most positive; `edges` has one more entry than each `counts`.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Edges of the bins, ascending.
    pub edges: Vec<f32>,
    /// One for each origin: class, network, or task.
    pub classes: Vec<ClassHistogram>,
    /// Jensen-Shannon distance between the origins' histograms: the root of the divergence over the logarithm of their
    /// number, in [0, 1].
    pub distance: f64,
    /// The same after the origins were shuffled: what no difference looks like at this sample size.
    pub floor: f64,
    /// Student and teacher on the same held-out images, where there is a teacher.
    pub comparison: Option<Comparison>,
    /// The same gradient tensors before the alignment layers, over the same bins, where a run has such layers.
    pub before: Option<Box<Self>>,
}

/// A student beside its teacher, on held-out images.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Images that the student gets right.
    pub student: Share,
    /// Images that the teacher gets right.
    pub teacher: Share,
    /// Images of which both say the same class.
    pub agreement: Share,
    /// Cosine between the two networks' gradient tensors, in [-1, 1], averaged over the images.
    pub cosine: f64,
}

/// The gradient tensors of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassHistogram {
    /// Entries in each bin.
    pub counts: Vec<u32>,
    /// Mean of the entries; 0 where there are none.
    pub mean: f64,
    /// Standard deviation of the entries.
    pub deviation: f64,
    /// Smallest, the [`PERCENTILES`], largest; linear inside a bin.
    pub percentiles: [f64; PERCENTILES.len() + 2],
}

/// A few held-out images: what is attacked, along what, and what comes of it.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// `[C, H, W]` of every picture below.
    pub shape: [usize; 3],
    /// ε of the attack (PGD, L∞).
    pub epsilon: f64,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// One of [`Samples`]; pictures are `C × H × W`, row by row.
#[derive(Clone, Debug)]
pub struct Sample {
    /// True class.
    pub label: usize,
    /// Pixels in [0, 1].
    pub image: Vec<f32>,
    /// Gradient tensor `∇x J`.
    pub gradient: Vec<f32>,
    /// The teacher's, where there is one.
    pub teacher_gradient: Option<Vec<f32>>,
    /// Adversarial image, in [0, 1].
    pub adversarial: Vec<f32>,
    /// Probabilities of the classes for the image.
    pub clean_probabilities: Vec<f32>,
    /// The same for the adversarial image.
    pub adversarial_probabilities: Vec<f32>,
    /// What the teacher says of the image, where there is one.
    pub teacher_probabilities: Option<Vec<f32>>,
    /// What the auxiliary network says of the gradient tensor: probabilities of the origins.
    pub auxiliary_probabilities: Vec<f32>,
}

/// Robust accuracy on held-out images, attack by attack.
#[derive(Clone, Debug)]
pub struct Robustness {
    /// Which run.
    pub run: RunId,
    /// Steps done when the evaluation began; the weights are of that step.
    pub step: u64,
    /// Whether this is the last of the evaluation.
    pub complete: bool,
    /// Share of the work done, in [0, 1].
    pub progress: f64,
    /// Accuracy without attack.
    pub clean: Share,
    /// Attack by attack, in the order asked for.
    pub curves: Vec<Curve>,
    /// What is left where each image meets the attack that harms it most, norm by norm: the headline.
    pub worst: Vec<WorstCase>,
    /// The smallest L∞ distance at which an attack had each image misclassified: 0 without attack, infinite where it never
    /// was. An upper bound of the smallest there is. Empty where there was no L∞ attack.
    pub smallest: Vec<f64>,
    /// What was taken for what, threat by threat, in the order asked for.
    pub mistakes: Vec<Mistakes>,
}

/// What one threat had classes taken for.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistakes {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Its radius.
    pub epsilon: f64,
    /// Images by true class (row) and what was said (column), `K × K`.
    pub confusion: Vec<u32>,
}

/// Whether robustness figures can be trusted.
#[derive(Clone, Debug)]
pub struct Audited {
    /// Which run.
    pub run: RunId,
    /// Steps done when the audit began; the weights are of that step.
    pub step: u64,
    /// Whether this is the last of the audit.
    pub complete: bool,
    /// Share of the work done, in [0, 1].
    pub progress: f64,
    /// Check by check, in the order in which they are shown.
    pub lights: Vec<Light>,
}

/// Accuracy against ε where each image counts as wrong if any attack of one norm, at ε or below, or none at all, makes it
/// so.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstCase {
    /// The geometry of ε.
    pub norm: Norm,
    /// Ascending in ε, and never rising.
    pub points: Vec<Point>,
    /// The median over the images of the smallest radius that fooled them, among those attacked with; 0 where they are
    /// wrong without attack, none where half of them never were fooled.
    pub median: Option<f64>,
}

/// Accuracy against ε for one attack and target.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Ascending in ε.
    pub points: Vec<Point>,
}

/// One radius of a [`Curve`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The radius.
    pub epsilon: f64,
    /// Images still classified correctly.
    pub robust: Share,
    /// Images predicted as the attack's target; none for untargeted attacks.
    pub fooled: Share,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// How many.
    pub hits: u32,
    /// Of how many.
    pub total: u32,
}

impl Share {
    /// The share, or NaN of none.
    pub fn value(self) -> f64 {
        f64::from(self.hits) / f64::from(self.total)
    }

    /// The 95 % Wilson score interval (Wilson 1927); `(0, 1)` of none.
    pub fn interval(self) -> (f64, f64) {
        if self.total == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z) = (f64::from(self.total), self.value(), 1.959_963_984_540_054);
        let centre = p + z * z / (2.0 * n);
        let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
    }
}

/// What failed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which run; 0 where none had begun.
    pub run: RunId,
    /// What happened, with numbers and names.
    pub what: String,
    /// What to do now.
    pub advice: String,
}

/// How events reach a face that is slower than the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Measurements that do not fit in the channel are dropped, everything else waits inside the trainer: for a window.
    Latest,
    /// The trainer waits until every event is taken: for a face that writes them all down.
    Complete,
}

/// Events in flight before [`Delivery`] decides.
const EVENTS_IN_FLIGHT: usize = 256;
/// Commands in flight before a face has to wait.
const COMMANDS_IN_FLIGHT: usize = 64;

/// A face's end.
pub struct Remote {
    /// The newest value wins: drags of a slider coalesce.
    pub hyper: watch::Sender<Hyper>,
    /// Each is obeyed, in order.
    pub commands: mpsc::Sender<Command>,
    /// Drained once a frame, or awaited.
    pub events: mpsc::Receiver<Event>,
}

/// The trainer's end.
pub struct Local {
    /// Read once a step.
    pub hyper: watch::Receiver<Hyper>,
    /// Obeyed between steps.
    pub commands: mpsc::Receiver<Command>,
    /// To the face.
    pub events: mpsc::Sender<Event>,
    /// What to do when the face is slow.
    pub delivery: Delivery,
}

/// A pair of ends.
pub fn connect(hyper: Hyper, delivery: Delivery) -> (Remote, Local) {
    let (hyper_sender, hyper_receiver) = watch::channel(hyper);
    let (command_sender, command_receiver) = mpsc::channel(COMMANDS_IN_FLIGHT);
    let (event_sender, event_receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
    (
        Remote { hyper: hyper_sender, commands: command_sender, events: event_receiver },
        Local { hyper: hyper_receiver, commands: command_receiver, events: event_sender, delivery },
    )
}

/// Ends the trainer at the other end of these commands and waits for it, up to `patience`: a driver must not be torn down
/// while it computes. Whether the trainer has ended. Not for a page, whose trainer shares the thread that would wait.
pub fn end(commands: &mpsc::Sender<Command>, patience: Duration) -> bool {
    let begin = Instant::now();
    while !commands.is_closed() && begin.elapsed() < patience {
        // A channel that is full has room once the trainer has obeyed.
        let _ = commands.try_send(Command::Quit);
        std::thread::park_timeout(END_POLLED);
    }
    commands.is_closed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trainer_is_waited_for_but_not_for_ever() {
        let (remote, local) = connect(Hyper::default(), Delivery::Latest);
        let patience = Duration::from_millis(20);
        assert!(!end(&remote.commands, patience), "nobody obeys");
        let trainer = std::thread::spawn(move || {
            let mut local = local;
            while local.commands.blocking_recv().is_some_and(|command| !matches!(command, Command::Quit)) {}
        });
        assert!(end(&remote.commands, Duration::from_secs(20)));
        trainer.join().unwrap();
    }

    #[test]
    fn the_interval_is_wilsons() {
        // 50 of 100: Wilson (1927), as computed by statsmodels' proportion_confint(method="wilson").
        let (low, high) = Share { hits: 50, total: 100 }.interval();
        assert!((low - 0.403_831_530_365_990_6).abs() < 1e-9, "{low}");
        assert!((high - 0.596_168_469_634_009_4).abs() < 1e-9, "{high}");
        assert_eq!(Share::default().interval(), (0.0, 1.0));
        assert!(Share { hits: 10, total: 10 }.interval().1 <= 1.0);
    }
}
