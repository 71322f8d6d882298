//! What a run is: [`Setup`] (fixed from start to end), [`Hyper`] (live, read once a step), and the names of both.
//!
//! The range, default, unit and help of every knob stand once, in [`knobs`]; slider, flag and validation come from there.

pub mod knobs;
pub mod link;
pub mod threat;

use serde::{Deserialize, Serialize};

pub use knobs::{KNOBS, Knob, KnobError};
pub use threat::{AttackKind, Norm, TargetKind, Threat};

/// Declares an enumeration whose variants have the names that people type and read.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in the order in which it is offered.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The names of [`Self::ALL`], in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name that people type and read.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|choice| choice.name() == text)
                    .ok_or_else(|| format!("'{text}' is not one of: {}", Self::NAMES.join(", ")))
            }
        }
    };
}
pub(crate) use choices;

/// The data sets that come with the lab, on a page too.
pub const BUILT_IN_DATA: [&str; 2] = ["fashion-mnist", "solids"];

choices! {
    /// Which gradient tensors must look alike.
    ScenarioKind {
        /// Those of different classes (algorithms, section 1).
        Defense = "defense",
        /// A student's and its teacher's (algorithms, section 2).
        Distillation = "distillation",
        /// Those of different tasks that share an encoder (algorithms, section 3).
        Multitask = "multitask",
    }
}

choices! {
    /// How tasks that share an encoder are trained (algorithms, section 3).
    MultitaskMethod {
        /// An encoder for each task: what the others are measured against.
        SingleTask = "single-task",
        /// The sum of the losses.
        Equal = "equal",
        /// Weights from how uncertain each task is (Kendall, Gal & Cipolla 2018).
        Uncertainty = "uncertainty",
        /// Weights from how fast each task learns (Chen et al. 2018).
        GradNorm = "gradnorm",
        /// Gradients freed of what they have against each other (Yu et al. 2020).
        PcGrad = "pcgrad",
        /// GREAT: gradient alignment layers.
        Great = "great",
        /// Gradient alignment layers, and weights from how fast each task learns.
        GreatGradNorm = "great+gradnorm",
    }
}

impl MultitaskMethod {
    /// Whether gradients pass alignment layers on their way back.
    pub const fn aligns(self) -> bool {
        matches!(self, Self::Great | Self::GreatGradNorm)
    }

    /// Whether tasks are weighted by how fast each learns.
    pub const fn uses_gradnorm(self) -> bool {
        matches!(self, Self::GradNorm | Self::GreatGradNorm)
    }
}

choices! {
    /// What is learned of an image that comes grey and noisy.
    TaskSet {
        /// Class, colours, edges, and the image without noise: of any images.
        Pictures = "pictures",
        /// Class, depth, normals and key points: of scenes.
        Scenes = "scenes",
    }
}

choices! {
    /// How the student of the distillation scenario is trained (algorithms, section 2).
    DistillationMethod {
        /// On the labels alone: the teacher and the auxiliary network only watch.
        CrossEntropy = "cross-entropy",
        /// On the labels and on the teacher's softened predictions (Hinton, Vinyals & Dean 2015).
        SoftTargets = "soft-targets",
        /// On the labels, with the gradient of the label's logit pulled to the teacher's (Srinivas & Fleuret 2018).
        JacobianMatching = "jacobian-matching",
        /// GREAT: the gradient tensor is made to look like the teacher's (`alpha`).
        Great = "great",
        /// GREAT, and the teacher's softened predictions.
        GreatSoftTargets = "great+soft-targets",
    }
}

impl DistillationMethod {
    /// Whether the student plays against the auxiliary network (`alpha`).
    pub const fn uses_alpha(self) -> bool {
        matches!(self, Self::Great | Self::GreatSoftTargets)
    }

    /// Whether the student learns from the teacher's predictions (`temperature` and the two weights).
    pub const fn uses_soft_targets(self) -> bool {
        matches!(self, Self::SoftTargets | Self::GreatSoftTargets)
    }
}

choices! {
    /// How the main network of the defence scenario is trained (algorithms, section 1).
    Mode {
        /// Cross-entropy alone; the auxiliary network only watches.
        Baseline = "baseline",
        /// GREAT: the gradient tensor is made unreadable (`alpha`).
        Great = "great",
        /// GREACE: the loss's logit gradient is weighted by what the auxiliary network mistakes (`beta`).
        Greace = "greace",
        /// Both.
        GreatGreace = "great+greace",
        /// Adversarial training on FGSM examples (Goodfellow et al. 2015).
        FgsmAt = "fgsm-at",
        /// Adversarial training on one step from a random start (Wong, Rice & Kolter 2020).
        FastAt = "fast-at",
        /// Adversarial training on PGD examples (Madry et al. 2018).
        PgdAt = "pgd-at",
        /// Cross-entropy plus the divergence of the predictions on adversarial examples (Zhang et al. 2019).
        Trades = "trades",
        /// Penalty on the squared norm of the input gradient (Ross & Doshi-Velez 2018).
        InputGradient = "input-gradient-regularization",
        /// Penalty on the squared norm of the logits' Jacobian by the image (Hoffman, Roberts & Yaida 2019).
        Jacobian = "jacobian-regularization",
    }
}

impl Mode {
    /// Whether the main network plays against the auxiliary network through its gradient (`alpha`).
    pub const fn uses_alpha(self) -> bool {
        matches!(self, Self::Great | Self::GreatGreace)
    }

    /// Whether the loss is the gradient-adversarial cross-entropy (`beta`).
    pub const fn uses_beta(self) -> bool {
        matches!(self, Self::Greace | Self::GreatGreace)
    }
}

choices! {
    /// The architectures of the main network.
    NetworkKind {
        /// Four 3×3 convolutions, about 50 k weights.
        CnnSmall = "cnn-small",
        /// Six 3×3 convolutions, about 290 k weights.
        CnnMedium = "cnn-medium",
        /// ResNet-18 in its CIFAR form with GroupNorm, about 11 M weights.
        Resnet18 = "resnet-18",
    }
}

choices! {
    /// The activation of the main network.
    Activation {
        /// `max(x, 0)`: piecewise linear on purpose; second derivatives come from softmax and normalisation.
        Relu = "relu",
        /// `x · sigmoid(x)`: smooth, with a useful second derivative.
        Silu = "silu",
    }
}

choices! {
    /// What is done to an image before the main network sees it: ways to look robust without being so, to see an audit
    /// turn red.
    InputTransform {
        /// Nothing.
        None = "none",
        /// Rounded to a few levels; its gradient is zero, so attacks have nothing to follow.
        Quantize = "quantize",
        /// Gaussian noise in every pass, in evaluation too; attacks follow the gradient of another draw.
        Noise = "noise",
    }
}

choices! {
    /// In what a main network stores what images become in it while it trains.
    Precision {
        /// 32-bit floats.
        Single = "f32",
        /// 16-bit floats (Micikevicius et al. 2018): weights, sums, heads, losses and the auxiliary network stay in `f32`.
        Mixed = "mixed",
    }
}

choices! {
    /// The optimiser of both networks.
    OptimizerKind {
        /// Adam (Kingma & Ba 2015), β = (0.9, 0.999), ε = 1e-8; weight decay is added to the gradient.
        Adam = "adam",
        /// Stochastic gradient descent with momentum, as PyTorch defines it.
        Sgd = "sgd",
    }
}

choices! {
    /// How the learning rates go over a run.
    Schedule {
        /// As set.
        Constant = "constant",
        /// From as set to 0 along half a cosine.
        Cosine = "cosine",
    }
}

choices! {
    /// How training images are changed each time they come.
    Augmentation {
        /// As they are.
        None = "none",
        /// Moved by up to 4 pixels each way; what comes in is 0.
        Shift = "shift",
        /// The same, and every other one mirrored left to right.
        ShiftFlip = "shift+flip",
    }
}

choices! {
    /// What the auxiliary network reads in place of the gradient tensor `g`: `n(g)`, sample by sample.
    Normalization {
        /// `g` itself.
        None = "none",
        /// `g / sqrt(mean(g²) + 1e-12)`.
        Rms = "rms",
        /// `g / max|g|`.
        Max = "max",
    }
}

choices! {
    /// What the main network adds, times α, to its loss.
    Adversary {
        /// `−CE(a', y)`: gradient reversal, unbounded.
        Reversal = "reversal",
        /// Cross-entropy from the uniform distribution to `softmax(a')`: bounded below.
        Confusion = "confusion",
    }
}

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

/// The teacher that the lab trains by itself, as a value of [`Setup::teacher`].
pub const TRAIN_TEACHER: &str = "train";

/// The network that was kept as a teacher while the lab was open (`Command::Teach`), as a value of [`Setup::teacher`].
pub const KEPT_TEACHER: &str = "kept";

impl Setup {
    /// Whether the main network plays against the auxiliary network through its gradient tensor (`alpha`).
    pub const fn uses_alpha(&self) -> bool {
        match self.scenario {
            ScenarioKind::Defense => self.mode.uses_alpha(),
            ScenarioKind::Distillation => self.method.uses_alpha(),
            ScenarioKind::Multitask => false,
        }
    }

    /// Over how many draws of the main network's own noise attacks average their gradients (expectation over
    /// transformation, Athalye et al. 2018): 1 where it draws none.
    pub const fn eot(&self) -> usize {
        match self.input_transform {
            InputTransform::Noise => threat::EOT_DRAWS,
            InputTransform::None | InputTransform::Quantize => 1,
        }
    }

    /// Why such a run cannot be trained on a device; none where it can.
    pub fn refusal(&self, device: &DeviceInfo) -> Option<String> {
        match (self.precision, self.scenario) {
            (Precision::Single, _) => None,
            (Precision::Mixed, ScenarioKind::Multitask) => {
                Some("several tasks are trained in f32 only, not in mixed precision".into())
            }
            (Precision::Mixed, _) if !device.has_f16 => {
                Some(format!("mixed precision needs a GPU with 16-bit floats, and {} has none", device.name))
            }
            (Precision::Mixed, _) => None,
        }
    }

    /// Whether the loss is the gradient-adversarial cross-entropy (`beta`).
    pub const fn uses_beta(&self) -> bool {
        matches!(self.scenario, ScenarioKind::Defense) && self.mode.uses_beta()
    }

    /// Weight α of the adversary at `step`: ramped, 0 where the run does not use it; in a distillation at most 1,
    /// because the student's own loss weighs 1 − α.
    pub fn alpha(&self, hyper: &Hyper, step: u64) -> f64 {
        let ramped = if self.uses_alpha() { hyper.ramped_alpha(step, self.steps) } else { 0.0 };
        match self.scenario {
            ScenarioKind::Defense | ScenarioKind::Multitask => ramped,
            ScenarioKind::Distillation => ramped.min(1.0),
        }
    }

    /// How the main network is trained: the mode of a defence, the method of the others.
    pub const fn method_name(&self) -> &'static str {
        match self.scenario {
            ScenarioKind::Defense => self.mode.name(),
            ScenarioKind::Distillation => self.method.name(),
            ScenarioKind::Multitask => self.multitask_method.name(),
        }
    }
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

impl Hyper {
    /// α at `step` of `steps`: rises linearly from 0 over the first `ramp` of the run (algorithms, section 1).
    pub fn ramped_alpha(&self, step: u64, steps: u64) -> f64 {
        let ramp_steps = self.ramp * steps as f64;
        if ramp_steps < 1.0 { self.alpha } else { self.alpha * (step as f64 / ramp_steps).min(1.0) }
    }
}

/// Which of the two networks takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Players {
    /// The auxiliary network alone.
    Auxiliary,
    /// The main network alone.
    Main,
    /// The auxiliary network, then the main one: an ordinary training step.
    Both,
}

/// The device a run computes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The adapter's name, or "CPU".
    pub name: String,
    /// The interface to it: `Vulkan`, `Metal`, `Dx12`, `BrowserWebGpu`, or `flex` for the CPU backend.
    pub backend: String,
    /// Whether it is a real GPU.
    pub is_gpu: bool,
    /// Whether its kernels can store 16-bit floats, which mixed precision needs.
    #[serde(default)]
    pub has_f16: bool,
    /// One line to show where it is none: what is used instead and what to do.
    pub notice: Option<String>,
}

impl DeviceInfo {
    /// The backend's name for the CPU backend.
    pub const CPU_BACKEND: &str = "flex";

    /// Whether its kernels are compiled when they are first used: those of every device but the CPU backend.
    pub fn compiles(&self) -> bool {
        self.backend != Self::CPU_BACKEND
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
