//! The table of knobs: every field of [`Setup`] (fixed from start to end) and [`Hyper`] (live, read once a step) in one row.
//!
//! Field, default, slider, `--set KNOB=VALUE`, link, help and what a run makes no use of all come from here.

use serde::{Deserialize, Serialize};

use super::choices::{
    Activation, Adversary, AlphaSchedule, Augmentation, AuxiliaryKind, AuxiliaryLabels, AuxiliaryReads,
    BUILT_IN_DATA, EpsilonScale, HeadKind, InputTransform, KEPT_TEACHER, NO_PRETRAINED, NetworkKind,
    Normalization, OptimizerKind, PenaltyNorm, Precision, Push, ScenarioKind, Schedule, TRAIN_TEACHER,
    TaskSet, WorldKind,
};
use super::device::DeviceInfo;
use super::knob::{
    Kind, Knob, Section,
    Use::{Always, ByMethod, OnDevice, When},
    Value, knobs,
};
use super::method::{DistillationMethod, Mode, MultitaskMethod};
use super::world::drawing::Drawing;

// field: type = default => kind(range), label, unit, section, scenarios, use, help
knobs! { Config:
    /// What may change while a run goes on: read once a step, echoed in every report.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    hyper Hyper live true {
        alpha: f64 = 0.1 => real(0.0..=10.0), "α adversary", "", Adversary, [Defense Distillation], ByMethod, "weight of the adversary in the main loss (GREAT); 0 turns it off; in a distillation at most 1";
        alpha_target: f64 = 0.0 => real(0.0..=1.0), "α target", "of the gradients read", Adversary, [..], ByMethod, "share of the gradients that the auxiliary network shall read: α (of several tasks the alignment rate) is turned until it does, by at most 100 times up or down; 0: as set";
        beta: f64 = 0.2 => real(0.0..=10.0), "β GREACE", "", Adversary, [Defense], ByMethod, "how hard wrong classes that the gradient is mistaken for are pushed down";
        greace_push: Push = Push::Raw => choice, "GREACE push", "", Adversary, [Defense], ByMethod, "raw: Algorithm 1, which sinks all logits together; centred, log-softmax: what is added to the logits' gradient sums to nothing";
        adversary_start: f64 = 0.0 => real(0.0..=1.0), "adversary start", "of the run", Adversary, [Defense Distillation], ByMethod, "share of all steps before α begins to rise";
        alpha_schedule: AlphaSchedule = AlphaSchedule::Linear => choice, "α schedule", "", Adversary, [Defense Distillation], ByMethod, "linear: rises over the ramp, at once where that is 0; sigmoid: 2/(1+e^(−10t))−1 over what is left of the run";
        ramp: f64 = 0.3 => real(0.0..=1.0), "ramp", "of the run", Adversary, [Defense Distillation], ByMethod, "share of all steps over which α then rises from 0";
        adversary_every: u64 = 1 => count(1..=1000), "adversary every", "steps", Adversary, [Defense Distillation], ByMethod, "the main network plays against the adversary in one step of so many, and in the others learns its task alone";
        adversary: Adversary = Adversary::Reversal => choice, "adversary", "", Adversary, [Defense], ByMethod, "reversal: −CE, unbounded; confusion: towards the uniform distribution, bounded";
        auxiliary_labels: AuxiliaryLabels = AuxiliaryLabels::True => choice, "auxiliary labels", "", Adversary, [Defense], Always, "shuffled: the auxiliary network is told classes of other images of the batch; a control: what still helps comes from elsewhere";
        auxiliary_reads: AuxiliaryReads = AuxiliaryReads::Gradient => choice, "auxiliary reads", "", Adversary, [Defense Distillation], Always, "gradient: of the whole cross-entropy; masked: of the label's logit alone, as Algorithm 1 may mean it";
        normalization: Normalization = Normalization::Rms => choice, "gradient normalisation", "", Adversary, [..], Always, "at which scale the auxiliary network reads a gradient tensor: rms, max: each at one scale; pixel: each place of it; batch-mean, batch-rms: all at one scale; constant: times the gradient scale";
        gradient_scale: f64 = 30.0 => real(1e-3..=1e6, log), "gradient scale", "times", Adversary, [..], When(scales_by_no_constant), "what gradient tensors are multiplied by before noise is added";
        gradient_noise: f64 = 0.0 => real(0.0..=100.0), "gradient noise", "standard deviation", Adversary, [..], Always, "of the noise through which the auxiliary network reads scaled gradient tensors, fresh each time; 0: none";
        learning_rate: f64 = 2e-3 => real(1e-6..=10.0, log), "learning rate", "", Descent, [..], Always, "of the main network";
        auxiliary_learning_rate: f64 = 1e-3 => real(1e-6..=10.0, log), "auxiliary learning rate", "", Descent, [..], Always, "of the auxiliary network";
        auxiliary_steps: usize = 1 => count(0..=20), "auxiliary steps", "per main step", Adversary, [..], Always, "0 freezes the auxiliary network";
        weight_decay: f64 = 0.0 => real(0.0..=1.0), "weight decay", "", Descent, [..], Always, "L2, added to the main network's gradient";
        gradient_clip: f64 = 0.0 => real(0.0..=1e6), "gradient clip", "", Descent, [Defense Distillation], Always, "largest norm of the main network's whole weight gradient, which is scaled down to it; 0: none";
        label_smoothing: f64 = 0.0 => real(0.0..=1.0), "label smoothing", "", Descent, [Defense], Always, "share of each label that is spread over all classes in the main network's cross-entropy; gradient tensors keep the label";
        momentum: f64 = 0.9 => real(0.0..=0.999), "momentum", "", Descent, [..], When(descends_by_adam), "of SGD; Adam has its own";
        input_gradient_weight: f64 = 1.0 => real(0.0..=1000.0), "input-gradient weight", "", Attack, [Defense], ByMethod, "weight of the input gradient's norm in input-gradient-regularization";
        input_gradient_norm: PenaltyNorm = PenaltyNorm::L2 => choice, "input-gradient norm", "", Attack, [Defense], ByMethod, "l2: its square; l1: the sum of magnitudes";
        uniform_noise: f64 = 0.0 => real(0.0..=1.0), "uniform noise", "pixels in [0, 1]", Attack, [Defense], Always, "largest change of a pixel by uniform noise on training images, before anything else is made of them; 0: none";
        trades_weight: f64 = 6.0 => real(0.0..=1000.0), "TRADES weight", "", Attack, [Defense], ByMethod, "weight of the divergence between the predictions on clean and adversarial images in trades";
        jacobian_weight: f64 = 0.01 => real(0.0..=1000.0), "Jacobian weight", "", Attack, [Defense], ByMethod, "weight of half the squared norm of the logits' Jacobian in jacobian-regularization";
        temperature: f64 = 4.0 => real(0.1..=100.0, log), "τ temperature", "", Teacher, [Distillation], ByMethod, "softens both predictions for the soft targets";
        cross_entropy_weight: f64 = 0.1 => real(0.0..=100.0), "cross-entropy weight", "", Teacher, [Distillation], ByMethod, "of the labels beside the soft targets";
        soft_target_weight: f64 = 0.9 => real(0.0..=100.0), "soft-target weight", "", Teacher, [Distillation], ByMethod, "of τ² times the divergence from the teacher's softened predictions";
        jacobian_matching_weight: f64 = 1.0 => real(0.0..=1000.0), "Jacobian-matching weight", "", Teacher, [Distillation], ByMethod, "of the squared distance between the unit gradients of the label's logit in jacobian-matching";
        input_noise: f64 = 0.1 => real(0.0..=1.0), "input noise", "pixels in [0, 1]", Tasks, [Multitask], When(world_has_its_own_noise), "standard deviation of the noise on what the encoder reads";
        alignment_rate: f64 = 0.03 => real(0.0..=1.0, log), "alignment rate", "a step", Tasks, [Multitask], ByMethod, "root mean square of what a step changes in each alignment layer, of mean 1";
        decoder_alpha: f64 = 0.0 => real(0.0..=10.0), "α decoders", "", Tasks, [Multitask], ByMethod, "weight of the auxiliary network's loss that is turned round into the decoders, beside the alignment layers (the paper's Figure 1d); 0: layers alone";
        gradnorm_rate: f64 = 0.025 => real(0.0..=1.0, log), "GradNorm rate", "", Tasks, [Multitask], ByMethod, "learning rate of the tasks' weights in gradnorm";
        epsilon: f64 = 0.1 => real(0.0..=1.0), "ε radius", "pixels in [0, 1]", Attack, [..], Always, "L∞ radius of the attacks in training, and the mark on the robustness chart; in what the ε scale says";
        epsilon_scale: EpsilonScale = EpsilonScale::Pixel => choice, "ε scale", "", Attack, [..], Always, "in what ε is given: pixel, from 0 to 1; standardised, standard deviations of the inputs, the mean over the channels";
        attack_steps: usize = 10 => count(1..=1000), "attack steps", "iterations", Attack, [..], Always, "k of the iterative attacks";
        report_every_steps: u64 = 10 => count(1..=1_000_000), "report every", "steps", Measuring, [..], Always, "losses and accuracies are averages over this interval";
        histogram_every_steps: u64 = 50 => count(0..=1_000_000), "histograms every", "steps", Measuring, [..], Always, "0 turns them off";
        probe_every_steps: u64 = 500 => count(0..=1_000_000), "fresh probe every", "steps", Measuring, [..], Always, "a new auxiliary network, trained briefly on gradient tensors as they stand: what the running one no longer reads, it may; 0 turns it off";
        evaluate_every_steps: u64 = 200 => count(0..=1_000_000), "robustness every", "steps", Measuring, [..], Always, "0 turns it off";
        stop_after: u64 = 0 => count(0..=1000), "stop after", "evaluations", Measuring, [..], When(never_evaluates), "early stopping: ends the run once the worst case at ε has not risen for so many evaluations, and goes back to the weights of the best; training waits for each; 0: never";
        evaluate_samples: usize = 256 => count(1..=1_000_000), "robustness samples", "images", Measuring, [..], Always, "held-out images attacked each time, each class as frequent as among all";
    }
    /// What is fixed from the start of a run to its end; it travels only in `Command::Reset`.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    setup Setup live false {
        scenario: ScenarioKind = ScenarioKind::Defense => choice, "scenario", "", NextRun, [..], Always, "which gradient tensors must look alike: those of the classes, a student's and its teacher's, or those of tasks";
        mode: Mode = Mode::GreatGreace => choice, "mode", "", NextRun, [Defense], Always, "how the main network is trained";
        method: DistillationMethod = DistillationMethod::Great => choice, "method", "", NextRun, [Distillation], Always, "how the student is trained";
        /// A value of `TRAIN_TEACHER`, `KEPT_TEACHER` (`Command::Teach`), or a path.
        teacher: String = TRAIN_TEACHER.into() => text, "teacher", "", NextRun, [Distillation], Always, "train: by the lab, first; kept: the network that was made one in the window; or the path of a checkpoint, or of an ONNX file";
        teacher_pixels: String = NO_PRETRAINED.into() => text, "teacher pixels", "", NextRun, [Distillation], When(teacher_is_no_file), "how pixels in [0, 1] are scaled for a teacher from an ONNX file, as pretrained pixels says it";
        teacher_network: NetworkKind = NetworkKind::CnnMedium => choice, "teacher network", "", NextRun, [Distillation], When(teacher_network_is_given), "architecture of a teacher that the lab trains";
        /// The result is rounded to a multiple of 8.
        teacher_width: f64 = 1.0 => real(0.25..=4.0), "teacher width", "times", NextRun, [Distillation], When(teacher_is_given), "factor on that teacher's channels";
        teacher_steps: u64 = 500 => count(1..=100_000_000), "teacher steps", "steps", NextRun, [Distillation], When(teacher_is_given), "for which that teacher is trained, on all training images";
        fraction: f64 = 1.0 => real(0.01..=1.0), "fraction", "of the data", NextRun, [Distillation], Always, "share of the training images that the student is given, class by class";
        multitask_method: MultitaskMethod = MultitaskMethod::Great => choice, "method", "", NextRun, [Multitask], Always, "how tasks that share an encoder are trained";
        tasks: TaskSet = TaskSet::Pictures => choice, "tasks", "", NextRun, [Multitask], When(world_has_its_own_tasks), "pictures: class, colours, edges, denoising; scenes: class, depth, normals, key points";
        data: String = BUILT_IN_DATA[0].into() => text, "data", "", NextRun, [..], Always, "a built-in data set's name, a folder, or an .npz file";
        world_noise: f64 = 0.03 => real(0.0..=0.5), "world noise", "of the plane's side", NextRun, [..], When(is_no_world), "standard deviation of how far the points of a world lie off its shapes";
        world_classes: usize = 3 => count(2..=6), "world classes", "", NextRun, [..], When(has_classes_of_its_own), "of the worlds rings, spirals and blobs; the others have two, drawn as many as were drawn";
        drawing: Drawing = Drawing::default() => drawing, "drawing", "", NextRun, [..], When(is_not_drawn), "the points of the world drawn, three characters each, as File → Draw a world… writes them";
        world_points: usize = 1000 => count(2..=100_000), "world points", "points", NextRun, [..], When(is_no_world), "that are trained on; others are held out";
        world_seed: u64 = 1 => count(0..=u64::MAX), "world seed", "", NextRun, [..], When(is_no_world), "of a world's points, whatever the run's own is";
        /// [`NO_PRETRAINED`], or a path.
        pretrained: String = NO_PRETRAINED.into() => text, "pretrained", "", NextRun, [Defense Distillation], When(world_is_learned_anew), "an ONNX file of a network that somebody else trained: the main network is that one and begins with its weights; none: it begins anew";
        pretrained_pixels: String = NO_PRETRAINED.into() => text, "pretrained pixels", "", NextRun, [Defense Distillation], When(begins_anew), "how pixels in [0, 1] are scaled for it: none, half, cifar10, imagenet, or MEAN/DEVIATION, such as 0.5/0.25 or 0.49,0.48,0.45/0.25,0.24,0.26";
        network: NetworkKind = NetworkKind::CnnSmall => choice, "network", "", NextRun, [..], When(network_is_given), "architecture of the main network";
        /// The result is rounded to a multiple of 8, of mlp to a whole number.
        width: f64 = 1.0 => real(0.25..=4.0), "width", "times", NextRun, [..], When(comes_from_a_file), "factor on the main network's channels; of mlp on the 16 units of each layer";
        depth: usize = 2 => count(1..=4), "depth", "layers", NextRun, [..], When(is_no_mlp), "hidden layers of mlp; a teacher that the lab trains has as many";
        head: HeadKind = HeadKind::Pooled => choice, "head", "", NextRun, [Defense Distillation], When(is_mlp), "what makes logits of the main network's last channels: pooled, a linear layer on their means; flat, one on all their pixels, whose logits may grow large; a teacher that the lab trains has the same";
        activation: Activation = Activation::Relu => choice, "activation", "", NextRun, [..], When(all_come_from_files), "of the main network";
        input_transform: InputTransform = InputTransform::None => choice, "input transform", "", NextRun, [..], Always, "what the main network does to an image first: quantize and noise look robust without being so, and turn an audit red";
        /// 0 and 1 among them.
        input_levels: usize = 4 => count(2..=256), "input levels", "levels", NextRun, [..], When(does_not_quantize), "that quantize rounds a pixel to";
        transform_noise: f64 = 0.1 => real(0.0..=1.0), "transform noise", "pixels in [0, 1]", NextRun, [..], When(adds_no_noise), "standard deviation of what noise adds in every pass";
        auxiliary_network: AuxiliaryKind = AuxiliaryKind::GroupNorm => choice, "auxiliary network", "", NextRun, [..], When(world_has_its_own_auxiliary), "group-norm: hardly sees how large a gradient is; plain: biases and no norm, so that what it says fades with the gradient; per-pixel: a verdict at each place, from the 3×3 places about it, and its accuracy is the share of places";
        /// The result is rounded to a multiple of 8.
        auxiliary_width: f64 = 1.0 => real(0.25..=4.0), "auxiliary width", "times", NextRun, [..], Always, "factor on the auxiliary network's channels";
        /// Attacks and figures are always in `f32`.
        precision: Precision = Precision::Single => choice, "precision", "", NextRun, [Defense Distillation], OnDevice(offers_only_single), "of the main network in training; mixed stores what images become in it in 16 bits, and needs a GPU that has them";
        optimizer: OptimizerKind = OptimizerKind::Adam => choice, "optimiser", "", NextRun, [..], Always, "of both networks";
        schedule: Schedule = Schedule::Constant => choice, "schedule", "", NextRun, [..], Always, "of both learning rates over the run";
        augmentation: Augmentation = Augmentation::None => choice, "augmentation", "", NextRun, [..], When(has_no_pictures), "of training images: moved by up to 4 pixels with zeros coming in, mirrored every other time";
        batch_size: usize = 64 => count(1..=8192), "batch size", "images", NextRun, [..], Always, "images in a training batch";
        steps: u64 = 1000 => count(1..=100_000_000), "steps", "steps", NextRun, [..], Always, "length of the run; ramp and schedule are fractions of it";
        seed: u64 = 1 => count(0..=u64::MAX), "seed", "", NextRun, [..], Always, "of weights, data order, augmentation, random starts and random targets";
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

fn teacher_is_given(config: &Config) -> Option<&'static str> {
    (config.setup.teacher != TRAIN_TEACHER).then_some("the teacher is given")
}

fn teacher_is_no_file(config: &Config) -> Option<&'static str> {
    let is_ours = [TRAIN_TEACHER, KEPT_TEACHER].contains(&&*config.setup.teacher);
    is_ours.then_some("the teacher comes from no file")
}

fn teacher_network_is_given(config: &Config) -> Option<&'static str> {
    let is_other = config.setup.teacher_network != NetworkKind::Mlp;
    teacher_is_given(config).or_else(|| world(config).filter(|_| is_other).map(|_| LEARNED_BY_MLP))
}

/// The one network for two numbers.
const LEARNED_BY_MLP: &str = "a world of points is learned by mlp";

fn world(config: &Config) -> Option<WorldKind> {
    config.setup.world().map(|world| world.kind)
}

fn is_no_world(config: &Config) -> Option<&'static str> {
    world(config).is_none().then_some("the data are no world of points")
}

fn has_classes_of_its_own(config: &Config) -> Option<&'static str> {
    match world(config) {
        Some(WorldKind::Drawn) => Some("a drawn world has the classes that were drawn"),
        Some(kind) if !kind.has_many_classes() => Some("such a world has two classes"),
        Some(_) | None => is_no_world(config),
    }
}

fn is_not_drawn(config: &Config) -> Option<&'static str> {
    (world(config) != Some(WorldKind::Drawn)).then_some("the world drawn uses it")
}

fn network_is_given(config: &Config) -> Option<&'static str> {
    let is_other = config.setup.network != NetworkKind::Mlp;
    world(config).filter(|_| is_other).map(|_| LEARNED_BY_MLP).or_else(|| comes_from_a_file(config))
}

fn comes_from_a_file(config: &Config) -> Option<&'static str> {
    config.setup.pretrained().map(|_| "the network comes from a file, as pretrained says")
}

/// The same of the teacher, too, which has what the student has where the lab trains it.
fn all_come_from_files(config: &Config) -> Option<&'static str> {
    let setup = &config.setup;
    let trains = setup.scenario == ScenarioKind::Distillation && setup.teacher == TRAIN_TEACHER;
    comes_from_a_file(config).filter(|_| !trains)
}

fn world_is_learned_anew(config: &Config) -> Option<&'static str> {
    let names_one = config.setup.pretrained != NO_PRETRAINED;
    world(config).filter(|_| names_one).map(|_| LEARNED_BY_MLP)
}

fn begins_anew(config: &Config) -> Option<&'static str> {
    config.setup.pretrained().is_none().then_some(
        "no network from a file is trained on: pretrained names one (for a teacher it is teacher_pixels)",
    )
}

fn world_has_its_own_auxiliary(config: &Config) -> Option<&'static str> {
    world(config).map(|_| "two numbers are read by two linear layers")
}

fn world_has_its_own_tasks(config: &Config) -> Option<&'static str> {
    world(config).map(|_| "of a point are learned its class, its place and its distance from the middle")
}

fn world_has_its_own_noise(config: &Config) -> Option<&'static str> {
    world(config).map(|_| "a world has noise of its own")
}

fn has_no_pictures(config: &Config) -> Option<&'static str> {
    world(config).map(|_| "points are no pictures that could be moved or mirrored")
}

fn is_no_mlp(config: &Config) -> Option<&'static str> {
    let is_other = config.setup.network_kind() != NetworkKind::Mlp;
    all_come_from_files(config).or_else(|| is_other.then_some("the network mlp uses it"))
}

fn is_mlp(config: &Config) -> Option<&'static str> {
    let is_mlp = config.setup.network_kind() == NetworkKind::Mlp;
    all_come_from_files(config).or_else(|| is_mlp.then_some("mlp has linear layers alone"))
}

fn never_evaluates(config: &Config) -> Option<&'static str> {
    (config.hyper.evaluate_every_steps == 0).then_some("robustness is never evaluated, and it goes by that")
}

fn does_not_quantize(config: &Config) -> Option<&'static str> {
    (config.setup.input_transform != InputTransform::Quantize)
        .then_some("the input transform quantize uses it")
}

fn scales_by_no_constant(config: &Config) -> Option<&'static str> {
    (config.hyper.normalization != Normalization::Constant)
        .then_some("the gradient normalisation constant uses it")
}

fn adds_no_noise(config: &Config) -> Option<&'static str> {
    (config.setup.input_transform != InputTransform::Noise).then_some("the input transform noise uses it")
}

fn descends_by_adam(config: &Config) -> Option<&'static str> {
    (config.setup.optimizer == OptimizerKind::Adam).then_some("Adam has its own momentum; sgd uses this one")
}

/// Where mixed is chosen already, the way back stays open.
fn offers_only_single(config: &Config, device: &DeviceInfo) -> Option<String> {
    let mixed = Setup { precision: Precision::Mixed, ..config.setup.clone() };
    let is_single = config.setup.precision == Precision::Single;
    mixed.refusal(device).filter(|_| is_single).map(|reason| format!("only f32: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_written_as_it_always_was() {
        let written = serde_json::to_string_pretty(&Config::default()).expect("a config is plain data");
        let before = include_str!("../../tests/data/before/default-config.json");
        let mut lines = written.lines().map(|line| line.trim_end_matches(','));
        // Knobs that came since stand between the others.
        for entry in before.lines().map(|line| line.trim_end_matches(',')) {
            assert!(lines.any(|line| line == entry), "{entry} is missing from {written}");
        }
    }
}
