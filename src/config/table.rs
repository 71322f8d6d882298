//! The table of what a run is: [`Setup`] (fixed from start to end) and [`Hyper`] (live, read once a step).

use serde::{Deserialize, Serialize};

use super::choices::{
    Activation, Adversary, Augmentation, BUILT_IN_DATA, InputTransform, NetworkKind, Normalization,
    OptimizerKind, Precision, ScenarioKind, Schedule, TRAIN_TEACHER, TaskSet,
};
use super::method::{DistillationMethod, Mode, MultitaskMethod};

/// What is fixed from the start of a run to its end; it travels only in `Command::Reset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// Which gradient tensors must look alike.
    pub scenario: ScenarioKind,
    /// How the main network of a defence is trained.
    pub mode: Mode,
    /// How the student of a distillation is trained.
    pub method: DistillationMethod,
    /// The teacher of a distillation: [`TRAIN_TEACHER`], [`KEPT_TEACHER`], or the path of a checkpoint.
    pub teacher: String,
    /// Architecture of a teacher that the lab trains.
    pub teacher_network: NetworkKind,
    /// Factor on that teacher's channels; the result is rounded to a multiple of 8.
    pub teacher_width: f64,
    /// Steps for which that teacher is trained, on all the training images, before the student's first.
    pub teacher_steps: u64,
    /// Share of the training images that the student is given, class by class.
    pub fraction: f64,
    /// How the tasks of a multi-task run are trained.
    pub multitask_method: MultitaskMethod,
    /// Which tasks.
    pub tasks: TaskSet,
    /// A built-in data set's name, or a folder that holds one.
    pub data: String,
    /// Architecture of the main network.
    pub network: NetworkKind,
    /// Factor on the main network's channels; the result is rounded to a multiple of 8.
    pub width: f64,
    /// Activation of the main network.
    pub activation: Activation,
    /// What is done to an image before the main network sees it.
    pub input_transform: InputTransform,
    /// Levels that `quantize` leaves, 0 and 1 among them.
    pub input_levels: usize,
    /// Standard deviation of `noise`, pixels in [0, 1].
    pub transform_noise: f64,
    /// Factor on the auxiliary network's channels; the result is rounded to a multiple of 8.
    pub auxiliary_width: f64,
    /// In what the main network is trained; attacks and figures are always in `f32`.
    pub precision: Precision,
    /// Optimiser of both networks.
    pub optimizer: OptimizerKind,
    /// Learning-rate schedule of both networks.
    pub schedule: Schedule,
    /// How training images are changed each time they come.
    pub augmentation: Augmentation,
    /// Images in a training batch.
    pub batch_size: usize,
    /// Steps of the whole run; ramp and schedule are fractions of it.
    pub steps: u64,
    /// Seed of weights, order of the data, augmentation, random starts and random targets.
    pub seed: u64,
}

/// What may change while a run goes on: read once a step, echoed in every report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyper {
    /// Weight α of the adversary in the main loss (GREAT).
    pub alpha: f64,
    /// Weight β of GREACE.
    pub beta: f64,
    /// Share of all steps over which α rises linearly from 0.
    pub ramp: f64,
    /// What the main network adds, times α.
    pub adversary: Adversary,
    /// What the auxiliary network reads of the gradient tensor.
    pub normalization: Normalization,
    /// Learning rate of the main network.
    pub learning_rate: f64,
    /// Learning rate of the auxiliary network.
    pub auxiliary_learning_rate: f64,
    /// Auxiliary steps per main step.
    pub auxiliary_steps: usize,
    /// L2 weight decay of the main network, added to its gradient.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// Weight of the squared input-gradient norm in `input-gradient-regularization`.
    pub input_gradient_weight: f64,
    /// Weight λ of the divergence in `trades`.
    pub trades_weight: f64,
    /// Weight λ of half the squared Jacobian norm in `jacobian-regularization`.
    pub jacobian_weight: f64,
    /// Temperature τ that softens both predictions for the soft targets.
    pub temperature: f64,
    /// Weight of the labels' cross-entropy beside the soft targets.
    pub cross_entropy_weight: f64,
    /// Weight of the soft targets: of τ² times the divergence from the teacher's softened predictions.
    pub soft_target_weight: f64,
    /// Weight of the squared distance between the unit gradients in `jacobian-matching`.
    pub jacobian_matching_weight: f64,
    /// Standard deviation of the noise on the images of a multi-task run; pixels in [0, 1].
    pub input_noise: f64,
    /// Root mean square of what a step changes in each gradient alignment layer.
    pub alignment_rate: f64,
    /// Learning rate of the tasks' weights in `gradnorm`.
    pub gradnorm_rate: f64,
    /// Radius ε of the attacks in training, and the mark on the robustness chart; L∞, pixels in [0, 1].
    pub epsilon: f64,
    /// Iterations k of iterative attacks, in training and in the running evaluation.
    pub attack_steps: usize,
    /// Steps between two reports.
    pub report_every_steps: u64,
    /// Steps between two histograms of the gradient tensors; 0 turns them off.
    pub histogram_every_steps: u64,
    /// Steps between two robustness evaluations; 0 turns them off.
    pub evaluate_every_steps: u64,
    /// Held-out images in each robustness evaluation.
    pub evaluate_samples: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            scenario: ScenarioKind::Defense,
            mode: Mode::GreatGreace,
            method: DistillationMethod::Great,
            teacher: TRAIN_TEACHER.into(),
            teacher_network: NetworkKind::CnnMedium,
            teacher_width: 1.0,
            teacher_steps: 500,
            fraction: 1.0,
            multitask_method: MultitaskMethod::Great,
            tasks: TaskSet::Pictures,
            data: BUILT_IN_DATA[0].into(),
            network: NetworkKind::CnnSmall,
            width: 1.0,
            activation: Activation::Relu,
            input_transform: InputTransform::None,
            input_levels: 4,
            transform_noise: 0.1,
            auxiliary_width: 1.0,
            precision: Precision::Single,
            optimizer: OptimizerKind::Adam,
            schedule: Schedule::Constant,
            augmentation: Augmentation::None,
            batch_size: 64,
            steps: 1000,
            seed: 1,
        }
    }
}

impl Default for Hyper {
    fn default() -> Self {
        Self {
            alpha: 0.1,
            beta: 0.2,
            ramp: 0.3,
            adversary: Adversary::Reversal,
            normalization: Normalization::Rms,
            learning_rate: 2e-3,
            auxiliary_learning_rate: 1e-3,
            auxiliary_steps: 1,
            weight_decay: 0.0,
            momentum: 0.9,
            input_gradient_weight: 1.0,
            trades_weight: 6.0,
            jacobian_weight: 0.01,
            temperature: 4.0,
            cross_entropy_weight: 0.1,
            soft_target_weight: 0.9,
            jacobian_matching_weight: 1.0,
            input_noise: 0.1,
            alignment_rate: 0.03,
            gradnorm_rate: 0.025,
            epsilon: 0.1,
            attack_steps: 10,
            report_every_steps: 10,
            histogram_every_steps: 50,
            evaluate_every_steps: 200,
            evaluate_samples: 256,
        }
    }
}

/// A setup and the knobs it starts with: what a run folder, a link and a checkpoint carry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What is fixed.
    pub setup: Setup,
    /// What is live.
    pub hyper: Hyper,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_written_as_it_always_was() {
        let written = serde_json::to_string_pretty(&Config::default()).expect("a config is plain data");
        assert_eq!(written, include_str!("../../tests/data/default-config.json").trim_end());
    }
}
