//! The methods: how a main network is trained in each scenario, and of each one row that says all there is to know.
//!
//! Nobody asks for a method by name to learn what it does: a trainer matches on [`TrainOn`], [`Penalty`] and [`Combine`].

#![deny(clippy::wildcard_enum_match_arm)]

use super::choices::{ScenarioKind, choices};

choices! {
    /// How the main network of the defence scenario is trained (algorithms, section 1).
    Mode {
        /// Cross-entropy alone; the auxiliary network only watches.
        Baseline = "baseline",
        /// GREAT: the gradient tensor is made unreadable (`alpha`).
        Great = "great",
        /// GREACE: the loss's logit gradient is weighted by what the auxiliary network mistakes (`beta`).
        Greace = "greace",
        /// GREAT and GREACE at once.
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
        /// Gradients freed of their conflicting components (Yu et al. 2020).
        PcGrad = "pcgrad",
        /// GREAT: gradient alignment layers.
        Great = "great",
        /// Gradient alignment layers, and weights from how fast each task learns.
        GreatGradNorm = "great+gradnorm",
    }
}

/// What a method is, for people, and the knobs that it has for itself.
#[derive(Debug)]
pub struct MethodAbout {
    /// The method's name in a sentence.
    pub label: &'static str,
    /// The main network's objective, in the notation of algorithms, sections 1 to 3.
    pub minimises: &'static str,
    /// Where it was published.
    pub cites: &'static str,
    /// The knobs that only some methods use, and this one does: those that the table marks `ByMethod`.
    pub knobs: &'static [&'static str],
}

/// Its name and where it was published, as a caption.
impl std::fmt::Display for MethodAbout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label)?;
        if self.cites.is_empty() { Ok(()) } else { write!(f, " ({})", self.cites) }
    }
}

/// On which images a main network takes its loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainOn {
    /// The batch as it is.
    Clean,
    /// FGSM examples of the batch.
    Fgsm,
    /// Examples of one step of 1.25 ε from a uniform random start.
    Fast,
    /// PGD examples of the batch.
    Pgd,
}

/// What a defence adds to the cross-entropy besides the adversary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// Nothing.
    None,
    /// The divergence between the predictions on clean and on adversarial images (`trades_weight`).
    Divergence,
    /// A norm of the input gradient (`input_gradient_weight`, `input_gradient_norm`).
    InputGradient,
    /// Half the squared norm of the logits' Jacobian by the image (`jacobian_weight`).
    Jacobian,
}

/// How the tasks' gradients at the shared representation are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Not at all: each task has an encoder of its own.
    Apart,
    /// Their sum.
    Sum,
    /// Weighted by each task's learned uncertainty.
    Uncertainty,
    /// Weighted so that the tasks learn at one rate.
    GradNorm,
    /// Summed once each is projected off those that it conflicts with.
    PcGrad,
}

/// All there is to know of a mode of the defence scenario.
#[derive(Debug)]
pub struct ModeRow {
    /// What it is.
    pub about: MethodAbout,
    /// Whether the main network plays against the auxiliary network through its gradient tensor (`alpha`).
    pub alpha: bool,
    /// Whether the loss is the gradient-adversarial cross-entropy (`beta`).
    pub beta: bool,
    /// On which images the loss is taken.
    pub train_on: TrainOn,
    /// What is added to the loss.
    pub penalty: Penalty,
}

/// All there is to know of a method of distillation.
#[derive(Debug)]
pub struct DistillationRow {
    /// What it is.
    pub about: MethodAbout,
    /// Whether the student plays against the auxiliary network through its gradient tensor (`alpha`).
    pub alpha: bool,
    /// Whether the student learns from the teacher's softened predictions.
    pub soft_targets: bool,
    /// Whether the gradient of the label's logit is pulled to the teacher's.
    pub matches_jacobian: bool,
}

/// All there is to know of a method of multi-task learning.
#[derive(Debug)]
pub struct MultitaskRow {
    /// What it is.
    pub about: MethodAbout,
    /// Whether gradients pass alignment layers on their way back.
    pub aligns: bool,
    /// How they are combined behind those.
    pub combine: Combine,
}

const GREAT: &str = "Sinha et al. 2018";

/// The row of each method: its name in a sentence, its objective, where it was published, its own knobs; then its facts.
macro_rules! rows {
    ($of:ident $row:ident: $($method:ident: $label:literal, $minimises:literal, $cites:expr, $knobs:expr,
        $($fact:ident: $value:expr),+;)+) => {
        impl $of {
            /// All there is to know of it.
            pub const fn row(self) -> &'static $row {
                match self {
                    $(Self::$method => &$row {
                        about: MethodAbout {
                            label: $label, minimises: $minimises, cites: $cites, knobs: &$knobs,
                        },
                        $($fact: $value),+
                    }),+
                }
            }
        }
    };
}

rows! { Mode ModeRow:
    Baseline: "plain training", "J", "", [],
        alpha: false, beta: false, train_on: TrainOn::Clean, penalty: Penalty::None;
    Great: "GREAT", "J − α · CE(h(n(g)), y)", GREAT, ["alpha", "alpha_target", "adversary_start", "alpha_schedule", "ramp", "adversary_every", "adversary"],
        alpha: true, beta: false, train_on: TrainOn::Clean, penalty: Penalty::None;
    Greace: "GREACE", "J + β · Σ_{j≠y} sg(softmax(a')_j) · a_j", GREAT, ["beta", "greace_push"],
        alpha: false, beta: true, train_on: TrainOn::Clean, penalty: Penalty::None;
    GreatGreace: "GREAT with GREACE", "J + β · Σ_{j≠y} sg(softmax(a')_j) · a_j − α · CE(h(n(g)), y)", GREAT, ["alpha", "alpha_target", "beta", "greace_push", "adversary_start", "alpha_schedule", "ramp", "adversary_every", "adversary"],
        alpha: true, beta: true, train_on: TrainOn::Clean, penalty: Penalty::None;
    FgsmAt: "FGSM adversarial training", "J on x + ε · sign(g)", "Goodfellow, Shlens & Szegedy 2015", [],
        alpha: false, beta: false, train_on: TrainOn::Fgsm, penalty: Penalty::None;
    FastAt: "fast adversarial training", "J on examples of one step from a random start", "Wong, Rice & Kolter 2020", [],
        alpha: false, beta: false, train_on: TrainOn::Fast, penalty: Penalty::None;
    PgdAt: "PGD adversarial training", "J on PGD examples", "Madry et al. 2018", [],
        alpha: false, beta: false, train_on: TrainOn::Pgd, penalty: Penalty::None;
    Trades: "TRADES", "J + λ · KL(f(x) ‖ f(x'))", "Zhang et al. 2019", ["trades_weight"],
        alpha: false, beta: false, train_on: TrainOn::Clean, penalty: Penalty::Divergence;
    InputGradient: "input-gradient regularisation", "J + λ · ‖g‖² (or ‖g‖₁)", "Ross & Doshi-Velez 2018", ["input_gradient_weight", "input_gradient_norm"],
        alpha: false, beta: false, train_on: TrainOn::Clean, penalty: Penalty::InputGradient;
    Jacobian: "Jacobian regularisation", "J + λ/2 · ‖∂a/∂x‖²", "Hoffman, Roberts & Yaida 2019", ["jacobian_weight"],
        alpha: false, beta: false, train_on: TrainOn::Clean, penalty: Penalty::Jacobian;
}

rows! { DistillationMethod DistillationRow:
    CrossEntropy: "training on the labels", "CE(S(x), y)", "", [],
        alpha: false, soft_targets: false, matches_jacobian: false;
    SoftTargets: "soft targets", "v · CE(S(x), y) + w · τ² · KL(softmax(T(x)/τ) ‖ softmax(S(x)/τ))", "Hinton, Vinyals & Dean 2015", ["temperature", "cross_entropy_weight", "soft_target_weight"],
        alpha: false, soft_targets: true, matches_jacobian: false;
    JacobianMatching: "Jacobian matching", "CE(S(x), y) + λ · ‖∇S_y/‖∇S_y‖ − ∇T_y/‖∇T_y‖‖²", "Srinivas & Fleuret 2018", ["jacobian_matching_weight"],
        alpha: false, soft_targets: false, matches_jacobian: true;
    Great: "GREAT", "(1 − α) · CE(S(x), y) + α · CE(h(n(g_S)), teacher)", GREAT, ["alpha", "alpha_target", "adversary_start", "alpha_schedule", "ramp", "adversary_every"],
        alpha: true, soft_targets: false, matches_jacobian: false;
    GreatSoftTargets: "GREAT with soft targets", "(1 − α) · (v · CE(S(x), y) + w · τ² · KL(softmax(T(x)/τ) ‖ softmax(S(x)/τ))) + α · CE(h(n(g_S)), teacher)", GREAT, ["alpha", "alpha_target", "adversary_start", "alpha_schedule", "ramp", "adversary_every", "temperature", "cross_entropy_weight", "soft_target_weight"],
        alpha: true, soft_targets: true, matches_jacobian: false;
}

rows! { MultitaskMethod MultitaskRow:
    SingleTask: "a network for each task", "L_k, each from an encoder of its own", "", [],
        aligns: false, combine: Combine::Apart;
    Equal: "equal weights", "Σ_k L_k", "", [],
        aligns: false, combine: Combine::Sum;
    Uncertainty: "uncertainty weighting", "Σ_k L_k / (2 e^{s_k}) + s_k / 2", "Kendall, Gal & Cipolla 2018", [],
        aligns: false, combine: Combine::Uncertainty;
    GradNorm: "GradNorm", "Σ_k λ_k L_k, λ such that the tasks learn at one rate", "Chen et al. 2018", ["gradnorm_rate"],
        aligns: false, combine: Combine::GradNorm;
    PcGrad: "PCGrad", "Σ_k L_k, each g_k projected off those that it conflicts with", "Yu et al. 2020", [],
        aligns: false, combine: Combine::PcGrad;
    Great: "GREAT", "Σ_k ⟨sg(w_k ⊙ g_k), s⟩, w against CE(h(n(w_k ⊙ g_k)), k)", GREAT, ["alpha_target", "alignment_rate", "decoder_alpha"],
        aligns: true, combine: Combine::Sum;
    GreatGradNorm: "GREAT with GradNorm", "Σ_k λ_k ⟨sg(w_k ⊙ g_k), s⟩, w and λ as those of both", GREAT, ["alpha_target", "alignment_rate", "decoder_alpha", "gradnorm_rate"],
        aligns: true, combine: Combine::GradNorm;
}

/// How the main network of a run is trained, whatever its scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Of the defence scenario.
    Defense(Mode),
    /// Of the distillation scenario.
    Distillation(DistillationMethod),
    /// Of the multi-task scenario.
    Multitask(MultitaskMethod),
}

impl Method {
    /// Every method of a scenario, in the order in which they are offered.
    pub fn all(scenario: ScenarioKind) -> Vec<Self> {
        match scenario {
            ScenarioKind::Defense => Mode::ALL.iter().copied().map(Self::Defense).collect(),
            ScenarioKind::Distillation => {
                DistillationMethod::ALL.iter().copied().map(Self::Distillation).collect()
            }
            ScenarioKind::Multitask => MultitaskMethod::ALL.iter().copied().map(Self::Multitask).collect(),
        }
    }

    /// The name that people type and read.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defense(mode) => mode.name(),
            Self::Distillation(method) => method.name(),
            Self::Multitask(method) => method.name(),
        }
    }

    /// What it is.
    pub const fn about(self) -> &'static MethodAbout {
        match self {
            Self::Defense(mode) => &mode.row().about,
            Self::Distillation(method) => &method.row().about,
            Self::Multitask(method) => &method.row().about,
        }
    }

    /// Whether it is one of those that use a knob which only some methods use.
    pub fn uses(self, knob: &str) -> bool {
        self.about().knobs.contains(&knob)
    }

    /// Whether the main network plays against the auxiliary network through its gradient tensor (`alpha`).
    pub const fn alpha(self) -> bool {
        match self {
            Self::Defense(mode) => mode.row().alpha,
            Self::Distillation(method) => method.row().alpha,
            Self::Multitask(_) => false,
        }
    }

    /// Whether the loss is the gradient-adversarial cross-entropy (`beta`).
    pub const fn beta(self) -> bool {
        match self {
            Self::Defense(mode) => mode.row().beta,
            Self::Distillation(_) | Self::Multitask(_) => false,
        }
    }

    /// Whether gradients pass alignment layers on their way back.
    pub const fn aligns(self) -> bool {
        match self {
            Self::Defense(_) | Self::Distillation(_) => false,
            Self::Multitask(method) => method.row().aligns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_knobs_that_its_flags_say() {
        for scenario in ScenarioKind::ALL {
            for method in Method::all(*scenario) {
                assert_eq!(method.uses("alpha"), method.alpha(), "{}", method.name());
                assert_eq!(method.uses("ramp"), method.alpha(), "{}", method.name());
                let plays = method.alpha() || method.aligns();
                assert_eq!(method.uses("alpha_target"), plays, "{}", method.name());
                assert_eq!(method.uses("beta"), method.beta(), "{}", method.name());
                for knob in ["alignment_rate", "decoder_alpha"] {
                    assert_eq!(method.uses(knob), method.aligns(), "{}", method.name());
                }
            }
        }
        for mode in Mode::ALL {
            let weight = match mode.row().penalty {
                Penalty::None => None,
                Penalty::Divergence => Some("trades_weight"),
                Penalty::InputGradient => Some("input_gradient_weight"),
                Penalty::Jacobian => Some("jacobian_weight"),
            };
            let weights = mode.row().about.knobs.iter().copied().filter(|knob| knob.ends_with("_weight"));
            assert!(weights.eq(weight), "{mode}");
        }
        for method in DistillationMethod::ALL {
            let row = method.row();
            assert_eq!(row.about.knobs.contains(&"temperature"), row.soft_targets, "{method}");
            assert_eq!(
                row.about.knobs.contains(&"jacobian_matching_weight"),
                row.matches_jacobian,
                "{method}"
            );
        }
        for method in MultitaskMethod::ALL {
            let row = method.row();
            let learns_weights = row.combine == Combine::GradNorm;
            assert_eq!(row.about.knobs.contains(&"gradnorm_rate"), learns_weights, "{method}");
        }
    }
}
