//! What `run.json` says: setup, knobs, device, versions, how the run ended, and its last figures.

use serde::Serialize;
use web_time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::protocol::Light;
use crate::protocol::{
    Comparison, DeviceInfo, Figure, Histograms, Report, Robustness, RunInfo, Share, TaskFigures, Tasks,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes on, or was cut off without a chance to say so.
    Running,
    /// All steps are done.
    Finished,
    /// Somebody ended it.
    Interrupted,
    /// It failed.
    Failed,
}

/// What was measured last.
pub struct Figures<'a> {
    /// The last report.
    pub report: Option<&'a Report>,
    /// The last histograms.
    pub histograms: Option<&'a Histograms>,
    /// The last finished evaluation.
    pub evaluation: Option<&'a Robustness>,
    /// The last of several tasks.
    pub tasks: Option<&'a Tasks>,
}

/// The text of a `run.json`; `time` is when the run began and how long it took until now.
pub fn summary(
    outcome: Outcome,
    info: &RunInfo,
    figures: &Figures,
    notices: &[String],
    time: (SystemTime, Duration),
) -> String {
    let summary = Summary {
        outcome,
        config: &info.config,
        device: &info.device,
        data: Data::of(info),
        main_weights: info.main_weights,
        auxiliary_weights: info.auxiliary_weights,
        teacher_weights: info.teacher_weights,
        r#final: Final::of(figures, info.origins.len()),
        notices,
        command_line: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        versions: versions(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        started_unix_seconds: time.0.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        wall_seconds: time.1.as_secs_f64(),
    };
    serde_json::to_string_pretty(&summary).expect("plain data whose keys are text always becomes JSON")
}

/// A `run.json`.
#[derive(Serialize)]
struct Summary<'a> {
    outcome: Outcome,
    config: &'a Config,
    device: &'a DeviceInfo,
    data: Data<'a>,
    main_weights: usize,
    auxiliary_weights: usize,
    teacher_weights: Option<usize>,
    r#final: Option<Final<'a>>,
    notices: &'a [String],
    command_line: Vec<String>,
    versions: serde_json::Map<String, serde_json::Value>,
    platform: String,
    started_unix_seconds: u64,
    wall_seconds: f64,
}

/// The data of a run in its `run.json`.
#[derive(Serialize)]
struct Data<'a> {
    name: &'a str,
    classes: &'a [String],
    image_shape: [usize; 3],
    train_images: usize,
    test_images: usize,
}

impl<'a> Data<'a> {
    fn of(info: &'a RunInfo) -> Self {
        Self {
            name: &info.data,
            classes: &info.classes,
            image_shape: info.image_shape,
            train_images: info.train_images,
            test_images: info.test_images,
        }
    }
}

/// The last figures of a run: losses and accuracies are averages over its last report.
#[derive(Serialize)]
struct Final<'a> {
    step: u64,
    epoch: f64,
    loss: f64,
    accuracy: f64,
    auxiliary_loss: f64,
    auxiliary_accuracy: f64,
    chance: f64,
    gradient_rms: f64,
    confusion: &'a [u32],
    histogram_distance: Option<f64>,
    histogram_floor: Option<f64>,
    comparison: Option<Comparison>,
    training_seconds: f64,
    steps_per_second: f64,
    evaluation: Option<EvaluationRecord>,
    tasks: Option<Vec<TaskRecord<'a>>>,
}

/// A task in a `run.json`.
#[derive(Serialize)]
struct TaskRecord<'a> {
    name: &'a str,
    /// On all held-out images; the first is the test error.
    figures: &'a [Figure],
    /// Of the gradient at the shared representation, before and behind the alignment layer.
    gradient_norms: [f64; 2],
    /// Mean cosine with the other tasks' gradients, before and behind.
    mean_cosines: [f64; 2],
}

impl<'a> TaskRecord<'a> {
    fn all(tasks: &'a TaskFigures) -> Vec<Self> {
        let record = |(index, name): (usize, &'a String)| Self {
            name,
            figures: &tasks.figures[index],
            gradient_norms: [0, 1].map(|side| tasks.norms[side][index]),
            mean_cosines: [0, 1].map(|side| tasks.mean_cosine(side, index)),
        };
        tasks.tasks.iter().enumerate().map(record).collect()
    }
}

impl<'a> Final<'a> {
    fn of(figures: &Figures<'a>, origins: usize) -> Option<Self> {
        let report = figures.report?;
        Some(Self {
            step: report.step,
            epoch: report.epoch,
            loss: report.loss,
            accuracy: report.accuracy,
            auxiliary_loss: report.auxiliary_loss,
            auxiliary_accuracy: report.auxiliary_accuracy,
            chance: 1.0 / origins as f64,
            gradient_rms: report.gradient_rms,
            confusion: &report.confusion,
            histogram_distance: figures.histograms.map(|histograms| histograms.distance),
            histogram_floor: figures.histograms.map(|histograms| histograms.floor),
            comparison: figures.histograms.and_then(|histograms| histograms.comparison),
            training_seconds: report.elapsed.as_secs_f64(),
            steps_per_second: report.step as f64 / report.elapsed.as_secs_f64(),
            evaluation: figures.evaluation.map(EvaluationRecord::of),
            tasks: figures.tasks.map(|tasks| TaskRecord::all(&tasks.found)),
        })
    }
}

/// A finished evaluation in a `run.json` or `robustness.json`.
#[derive(Serialize)]
pub struct EvaluationRecord {
    /// Steps done when it began.
    pub step: u64,
    /// Without attack.
    pub clean: ShareRecord,
    /// Each image under the attack that harms it most: the headline.
    pub worst_case: Vec<WorstRecord>,
    /// Draws of the network's own noise over which attacks averaged their gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eot: Option<usize>,
    /// Attack by attack, radius by radius.
    pub attacks: Vec<AttackRecord>,
    /// The smallest L∞ distance at which each image was fooled: 0 without attack, null where it never was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub smallest_epsilon: Vec<Option<f64>>,
    /// What was taken for what, threat by threat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<ConfusionRecord>,
    /// Whether these figures can be trusted, where that was checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<Light>,
}

/// The worst case in one norm.
#[derive(Serialize)]
pub struct WorstRecord {
    norm: &'static str,
    median_smallest_epsilon: Option<f64>,
    points: Vec<WorstPoint>,
}

/// What the worst case leaves at one radius.
#[derive(Serialize)]
pub struct WorstPoint {
    epsilon: f64,
    robust: ShareRecord,
}

/// One attack at one radius.
#[derive(Serialize)]
pub struct AttackRecord {
    attack: &'static str,
    target: &'static str,
    epsilon: f64,
    robust: ShareRecord,
    success: Option<ShareRecord>,
}

/// What one threat had classes taken for: `K × K` images by true class (row) and what was said (column).
#[derive(Serialize)]
pub struct ConfusionRecord {
    attack: &'static str,
    target: &'static str,
    epsilon: f64,
    counts: Vec<u32>,
}

/// A share with its 95 % Wilson interval.
#[derive(Serialize)]
pub struct ShareRecord {
    hits: u32,
    n: u32,
    value: f64,
    low: f64,
    high: f64,
}

impl ShareRecord {
    fn of(share: Share) -> Self {
        let (low, high) = share.interval();
        Self { hits: share.hits, n: share.total, value: share.value(), low, high }
    }
}

impl EvaluationRecord {
    /// The record of `evaluation`.
    pub fn of(evaluation: &Robustness) -> Self {
        let attacks = evaluation.curves.iter().flat_map(|curve| {
            curve.points.iter().map(|point| AttackRecord {
                attack: curve.attack.name(),
                target: curve.target.name(),
                epsilon: point.epsilon,
                robust: ShareRecord::of(point.robust),
                success: (point.fooled.total > 0).then(|| ShareRecord::of(point.fooled)),
            })
        });
        let worst_case = evaluation.worst.iter().map(|case| WorstRecord {
            norm: case.norm.name(),
            median_smallest_epsilon: case.median,
            points: case
                .points
                .iter()
                .map(|point| WorstPoint { epsilon: point.epsilon, robust: ShareRecord::of(point.robust) })
                .collect(),
        });
        Self {
            step: evaluation.step,
            clean: ShareRecord::of(evaluation.clean),
            worst_case: worst_case.collect(),
            eot: None,
            attacks: attacks.collect(),
            smallest_epsilon: Vec::new(),
            confusion: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// The same image by image and class by class, and with what an audit found.
    pub fn in_full(evaluation: &Robustness, audit: Vec<Light>, draws: usize) -> Self {
        let known = |radius: &f64| radius.is_finite().then_some(*radius);
        let confusion = evaluation.mistakes.iter().map(|mistakes| ConfusionRecord {
            attack: mistakes.attack.name(),
            target: mistakes.target.name(),
            epsilon: mistakes.epsilon,
            counts: mistakes.confusion.clone(),
        });
        Self {
            eot: Some(draws),
            smallest_epsilon: evaluation.smallest.iter().map(known).collect(),
            confusion: confusion.collect(),
            audit,
            ..Self::of(evaluation)
        }
    }
}

/// Versions of this program and of what computes for it, from the lock file it was built with.
fn versions() -> serde_json::Map<String, serde_json::Value> {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        after.split('"').next()
    };
    ["great-lab", "burn", "cubecl", "wgpu"]
        .into_iter()
        .filter_map(|name| Some((name.to_string(), version(name)?.into())))
        .collect()
}
