//! The facts of a run, how its preparation goes, and what its steps report.

use serde::{Deserialize, Serialize};
use web_time::Duration;

use super::exact;
use crate::config::{Config, DeviceInfo, Hyper};

/// Number of a run, counted from 1 by the trainer at each start or reset; events of an older run are stale.
pub type RunId = u64;

/// Where a run found what its setup names by a path: absolute paths, for whoever asks for it from another folder. None of
/// what comes with the lab, is trained by it, or was given to a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    /// Of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Of the teacher's checkpoint or run folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Of the file of the network that the main one begins as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<String>,
}

impl Places {
    /// Whether it names none.
    pub const fn is_empty(&self) -> bool {
        self.data.is_none() && self.teacher.is_none() && self.pretrained.is_none()
    }
}

/// Where a run comes from that is a copy of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The other run; 0 where that was kept and is not under way.
    pub run: RunId,
    /// Steps done when it was copied.
    pub step: u64,
}

/// The facts of a run that do not change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunInfo {
    /// Which run.
    pub run: RunId,
    /// Setup and the knobs it starts with.
    pub config: Config,
    /// Where it computes.
    pub device: DeviceInfo,
    /// The data set's name.
    pub data: String,
    /// Where its data and its teacher were found.
    pub places: Places,
    /// Class names, `K` of them.
    pub classes: Vec<String>,
    /// Where gradient tensors come from, in the order of confusion and histograms: the classes, student and teacher, or
    /// the tasks.
    pub origins: Vec<String>,
    /// `[C, H, W]` of an image.
    pub image_shape: [usize; 3],
    /// The standard deviation of the main network's inputs, pixels in [0, 1], the mean over the channels; none where they
    /// do not vary.
    #[serde(with = "exact")]
    pub input_deviation: Option<f64>,
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
    /// Where it comes from, if it is a copy of another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
}

/// How far the training of a teacher is; loss and accuracy are averages since the last one of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparing {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub done: u64,
    /// Of how many.
    pub steps: u64,
    /// Its cross-entropy on the training images.
    #[serde(with = "exact")]
    pub loss: f64,
    /// Share of the training batches that it gets right.
    #[serde(with = "exact")]
    pub accuracy: f64,
}

/// Averages over the steps since the last report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Passes over the training data done.
    #[serde(with = "exact")]
    pub epoch: f64,
    /// Time spent training since the run began.
    pub elapsed: Duration,
    /// Training steps a second since the last report.
    #[serde(with = "exact")]
    pub steps_per_second: f64,
    /// The knobs of the last step.
    pub hyper: Hyper,
    /// α of the last step, ramp and `alpha_target` included; of tasks whose alignment rate `alpha_target` turns, that rate,
    /// and of other tasks 0.
    #[serde(with = "exact")]
    pub alpha: f64,
    /// Cross-entropy `J` of the main network on what it was trained on.
    #[serde(with = "exact")]
    pub loss: f64,
    /// Share of the training batch that the main network gets right.
    #[serde(with = "exact")]
    pub accuracy: f64,
    /// Cross-entropy of the auxiliary network on the gradient tensors, before its step.
    #[serde(with = "exact")]
    pub auxiliary_loss: f64,
    /// Share of gradient tensors whose origin the auxiliary network reads.
    #[serde(with = "exact")]
    pub auxiliary_accuracy: f64,
    /// Root mean square of the gradient tensors, over batch and pixels.
    #[serde(with = "exact")]
    pub gradient_rms: f64,
    /// Gradient tensors by true origin (row) and what the auxiliary network said (column), row by row.
    pub confusion: Vec<u32>,
}
