//! What `run.json` says: setup, knobs, device, versions, how the run ended, and its last figures.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Deserializer, Serialize};
use web_time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    evaluation::EvaluationRecord,
    file::{self, RecordError, VERSION},
    saturation::SaturationRecord,
};
use crate::{
    config::{AttackKind, Config, DeviceInfo, TargetKind, knobs::validate},
    protocol::{
        Comparison, Figure, Histograms, Places, Readings, Report, Robustness, RunInfo, Saturation, Stopped,
        TaskFigures, Tasks, nullable,
    },
    runs::checkpoints::Kept,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It goes on, or was cut off without a chance to say so.
    Running,
    /// All steps are done.
    Finished,
    /// Early stopping ended it, at its best weights.
    Stopped,
    /// Somebody ended it.
    Interrupted,
    /// It failed.
    Failed,
}

/// What was measured last.
#[derive(Clone, Copy, Default)]
pub struct Latest<'a> {
    /// The last report.
    pub report: Option<&'a Report>,
    /// The last histograms.
    pub histograms: Option<&'a Histograms>,
    /// The last finished evaluation.
    pub evaluation: Option<&'a Robustness>,
    /// The last of several tasks.
    pub tasks: Option<&'a Tasks>,
    /// What was left of the gradients last.
    pub saturation: Option<&'a Saturation>,
    /// What a fresh auxiliary network read last.
    pub probe: Option<Readings>,
    /// How early stopping ended the run, where it did.
    pub stopped: Option<Stopped>,
}

/// A `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Number of the format.
    #[serde(default, skip_serializing_if = "is_first")]
    pub version: u32,
    /// How the run ended.
    pub outcome: Ended,
    /// What was run.
    pub config: Config,
    /// Where.
    pub device: DeviceInfo,
    /// On what.
    pub data: DataRecord,
    /// Where its data and its teacher were found.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    pub places: Places,
    /// Weights of the main network.
    pub main_weights: usize,
    /// Weights of the auxiliary network.
    pub auxiliary_weights: usize,
    /// Weights of the teacher, where there is one.
    pub teacher_weights: Option<usize>,
    /// What was measured last; none before the first report.
    #[serde(rename = "final")]
    pub last: Option<LastFigures>,
    /// How early stopping ended the run, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// What people were told on the way.
    pub notices: Vec<String>,
    /// The command, word by word.
    pub command_line: Vec<String>,
    /// Versions of this program and of what computes for it.
    pub versions: BTreeMap<String, String>,
    /// Operating system and processor.
    pub platform: String,
    /// When the run began, in seconds since 1970.
    pub started_unix_seconds: u64,
    /// How long it took until this was written.
    pub wall_seconds: f64,
    /// Where it was gone on with, the first first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
    /// The run that it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<Origin>,
    /// The checkpoints in its folder, that of the fewest steps first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Kept>,
}

/// That a run was gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// Steps done when it was.
    pub step: u64,
    /// When, in seconds since 1970.
    pub unix_seconds: u64,
    /// Knobs that were turned then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Turned>,
}

/// Where a forked run comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The folder or the checkpoint of the other run, as an absolute path.
    pub run: String,
    /// Steps done when it was forked.
    pub step: u64,
    /// Knobs that were turned then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Turned>,
}

/// A knob that was turned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// Which.
    pub knob: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// What the record of a run that was gone on with says of before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// When the run began.
    pub started_unix_seconds: Option<u64>,
    /// How long it took until then.
    pub wall_seconds: f64,
    /// Where it was gone on with.
    pub resumed: Vec<Resumption>,
    /// Where it was forked from.
    pub forked_from: Option<Origin>,
    /// What people were told until then.
    pub notices: Vec<String>,
    /// The last figures of then, as far as the checkpoint reaches.
    pub last: Option<LastFigures>,
}

/// The data of a run in its `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The data set's name.
    pub name: String,
    /// Class names.
    pub classes: Vec<String>,
    /// `[C, H, W]` of an image.
    pub image_shape: [usize; 3],
    /// Images that the main network is trained on.
    pub train_images: usize,
    /// Held-out images.
    pub test_images: usize,
}

/// The last figures of a run: losses and accuracies are averages over its last report. NaN stands where a file has null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastFigures {
    /// Steps done.
    pub step: u64,
    /// Passes over the training data done.
    #[serde(with = "nullable")]
    pub epoch: f64,
    /// Cross-entropy of the main network.
    #[serde(with = "nullable")]
    pub loss: f64,
    /// Share of the training batches that the main network gets right.
    #[serde(with = "nullable")]
    pub accuracy: f64,
    /// Cross-entropy of the auxiliary network.
    #[serde(with = "nullable")]
    pub auxiliary_loss: f64,
    /// Share of gradient tensors whose origin the auxiliary network reads.
    #[serde(with = "nullable")]
    pub auxiliary_accuracy: f64,
    /// What guessing would get of it.
    #[serde(with = "nullable")]
    pub chance: f64,
    /// Root mean square of the gradient tensors.
    #[serde(with = "nullable")]
    pub gradient_rms: f64,
    /// Gradient tensors by true origin (row) and what the auxiliary network said (column), row by row.
    pub confusion: Vec<u32>,
    /// Jensen-Shannon distance between the origins' histograms.
    pub histogram_distance: Option<f64>,
    /// The same after the origins were shuffled.
    pub histogram_floor: Option<f64>,
    /// Student and teacher, where there is a teacher.
    pub comparison: Option<Comparison>,
    /// Time spent training.
    #[serde(with = "nullable")]
    pub training_seconds: f64,
    /// Training steps a second, over the whole run.
    #[serde(with = "nullable")]
    pub steps_per_second: f64,
    /// The last finished evaluation.
    pub evaluation: Option<EvaluationRecord>,
    /// Task by task, where there are several.
    pub tasks: Option<Vec<TaskRecord>>,
    /// What is left of the gradients; none in files of before it was measured.
    pub saturation: Option<SaturationRecord>,
    /// What a fresh auxiliary network reads; none where there was none.
    pub probe: Option<Readings>,
}

/// A task in a `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its name.
    pub name: String,
    /// On all held-out images; the first is the test error.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// Of the gradient at the shared representation, before and behind the alignment layer.
    #[serde(deserialize_with = "nullable_pair")]
    pub gradient_norms: [f64; 2],
    /// Mean cosine with the other tasks' gradients, before and behind.
    #[serde(deserialize_with = "nullable_pair")]
    pub mean_cosines: [f64; 2],
}

impl RunRecord {
    /// Its file's name in a run folder.
    pub const FILE: &'static str = "run.json";

    /// The record of a run as it stands; `time` is when the run began and how long it took until now.
    pub fn new(
        outcome: Ended,
        info: &RunInfo,
        latest: Latest<'_>,
        notices: &[String],
        time: (SystemTime, Duration),
    ) -> Self {
        Self {
            version: VERSION,
            outcome: match latest.stopped {
                Some(_) if outcome == Ended::Finished => Ended::Stopped,
                _ => outcome,
            },
            config: info.config.clone(),
            device: info.device.clone(),
            data: DataRecord::of(info),
            places: info.places.clone(),
            main_weights: info.main_weights,
            auxiliary_weights: info.auxiliary_weights,
            teacher_weights: info.teacher_weights,
            last: LastFigures::of(latest, info.origins.len()),
            stopped: latest.stopped,
            notices: notices.to_vec(),
            command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            versions: versions(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            started_unix_seconds: time.0.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            wall_seconds: time.1.as_secs_f64(),
            resumed: Vec::new(),
            forked_from: None,
            checkpoints: Vec::new(),
        }
    }

    /// The same of a run that was gone on with.
    pub fn going_on(self, before: &Before) -> Self {
        let last = match (self.last, before.last.clone()) {
            (Some(now), Some(before)) => Some(now.or(before)),
            (now, before) => now.or(before),
        };
        Self {
            wall_seconds: self.wall_seconds + before.wall_seconds,
            resumed: before.resumed.clone(),
            notices: before.notices.iter().chain(&self.notices).cloned().collect(),
            forked_from: before.forked_from.clone(),
            last,
            ..self
        }
    }

    /// The record in a file, or in a run folder.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read(folder_or_file: &Path) -> Result<Self, RecordError> {
        const EXPECTED: &str = "the record of a run";
        let path = file::locate(folder_or_file, Self::FILE);
        let json = file::read(&path, EXPECTED)?;
        serde_json::from_value(json).map_err(|error| file::malformed(&path, EXPECTED, &error))
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        file::text(self)
    }

    /// Whether the run is complete: all steps done or stopped early, and evaluated.
    pub fn is_finished(&self) -> bool {
        matches!(self.outcome, Ended::Finished | Ended::Stopped) && self.evaluation().is_some()
    }

    /// The last finished evaluation.
    pub fn evaluation(&self) -> Option<&EvaluationRecord> {
        self.last.as_ref()?.evaluation.as_ref()
    }

    /// The tasks, where there are several.
    pub fn tasks(&self) -> Option<&[TaskRecord]> {
        self.last.as_ref()?.tasks.as_deref()
    }

    /// Share of held-out images classified correctly without attack.
    pub fn accuracy(&self) -> Option<f64> {
        known(self.evaluation()?.clean.value)
    }

    /// Share of held-out images that withstand an untargeted attack at the run's own ε.
    pub fn robust(&self, attack: AttackKind) -> Option<f64> {
        let evaluation = self.evaluation()?;
        let epsilon = self.config.hyper.in_pixels(evaluation.input_deviation).epsilon;
        evaluation.robust(attack, TargetKind::Untargeted, epsilon)
    }

    /// A figure of a task on the held-out images.
    pub fn figure(&self, task: &str, name: &str) -> Option<f64> {
        self.tasks()?.iter().find(|known| known.name == task)?.figure(name)
    }
}

impl TaskRecord {
    /// The figure of that name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        known(self.figures.iter().find(|figure| figure.name == name)?.value)
    }

    fn all(tasks: &TaskFigures) -> Vec<Self> {
        let record = |(index, name): (usize, &String)| Self {
            name: name.clone(),
            figures: tasks.figures[index].clone(),
            gradient_norms: [0, 1].map(|side| tasks.norms[side][index]),
            mean_cosines: [0, 1].map(|side| tasks.mean_cosine(side, index)),
        };
        tasks.tasks.iter().enumerate().map(record).collect()
    }
}

impl DataRecord {
    fn of(info: &RunInfo) -> Self {
        Self {
            name: info.data.clone(),
            classes: info.classes.clone(),
            image_shape: info.image_shape,
            train_images: info.train_images,
            test_images: info.test_images,
        }
    }
}

impl LastFigures {
    /// The same with what was measured `before` and not since.
    fn or(self, before: Self) -> Self {
        let is_same_step = self.step == before.step;
        Self {
            confusion: if is_same_step && self.confusion.is_empty() {
                before.confusion
            } else {
                self.confusion
            },
            histogram_distance: self.histogram_distance.or(before.histogram_distance),
            histogram_floor: self.histogram_floor.or(before.histogram_floor),
            comparison: self.comparison.or(before.comparison),
            evaluation: self.evaluation.or(before.evaluation),
            tasks: self.tasks.or(before.tasks),
            saturation: self.saturation.or(before.saturation),
            probe: self.probe.or(before.probe),
            ..self
        }
    }

    fn of(latest: Latest<'_>, origins: usize) -> Option<Self> {
        let report = latest.report?;
        Some(Self {
            step: report.step,
            epoch: report.epoch,
            loss: report.loss,
            accuracy: report.accuracy,
            auxiliary_loss: report.auxiliary_loss,
            auxiliary_accuracy: report.auxiliary_accuracy,
            chance: 1.0 / origins as f64,
            gradient_rms: report.gradient_rms,
            confusion: report.confusion.clone(),
            histogram_distance: latest.histograms.map(|histograms| histograms.distance),
            histogram_floor: latest.histograms.map(|histograms| histograms.floor),
            comparison: latest.histograms.and_then(|histograms| histograms.comparison),
            training_seconds: report.elapsed.as_secs_f64(),
            steps_per_second: report.step as f64 / report.elapsed.as_secs_f64(),
            evaluation: latest.evaluation.map(EvaluationRecord::of),
            tasks: latest.tasks.map(|tasks| TaskRecord::all(&tasks.found)),
            saturation: latest.saturation.map(SaturationRecord::of),
            probe: latest.probe,
        })
    }
}

/// The configuration in a `run.json`, or in a file that holds nothing else; of a run folder, in its `run.json`.
///
/// # Errors
/// [`RecordError`]; a knob out of range is one.
pub fn read_config(file_or_folder: &Path) -> Result<Config, RecordError> {
    read_run(file_or_folder).map(|(config, _)| config)
}

/// The same, with where the run found its data and its teacher, if it says so.
///
/// # Errors
/// As [`read_config`].
pub fn read_run(file_or_folder: &Path) -> Result<(Config, Places), RecordError> {
    const EXPECTED: &str = "the run.json of a run";
    let path = &file::locate(file_or_folder, RunRecord::FILE);
    let mut json = file::read(path, EXPECTED)?;
    let places = json.get("places").cloned().map(serde_json::from_value).transpose();
    let places = places.map_err(|error| file::malformed(path, EXPECTED, &error))?.unwrap_or_default();
    if let Some(inner) = json.get_mut("config") {
        json = inner.take();
    }
    if json.get("setup").is_none() && json.get("hyper").is_none() {
        let problem = "it has neither 'config' nor 'setup' and 'hyper'";
        return Err(file::malformed(path, EXPECTED, &problem));
    }
    let config: Config =
        serde_json::from_value(json).map_err(|error| file::malformed(path, EXPECTED, &error))?;
    validate(&config).map_err(|error| file::malformed(path, EXPECTED, &error))?;
    Ok((config, places))
}

/// A number that is one.
fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Whether a format is the one whose files do not name it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(version: &u32) -> bool {
    *version == 0
}

/// Two numbers, NaN where the file has null.
fn nullable_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    let pair: [Option<f64>; 2] = Deserialize::deserialize(deserializer)?;
    Ok(pair.map(|number| number.unwrap_or(f64::NAN)))
}

/// Versions of this program and of what computes for it, from the lock file it was built with.
fn versions() -> BTreeMap<String, String> {
    let lock = include_str!("../../../Cargo.lock");
    let version = |name: &str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        after.split('"').next()
    };
    ["great-lab", "burn", "cubecl", "wgpu"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), version(name)?.to_owned())))
        .collect()
}
