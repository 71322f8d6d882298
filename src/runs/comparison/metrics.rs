//! The figures in which runs of a comparison are held against each other: what each is called, and how it is read from the
//! record of a run.

use super::published::{AUTOATTACK, BEHIND, CLEAN, OWN};
use crate::config::{AttackKind, ScenarioKind, TargetKind, TaskSet};
use crate::protocol::{Figure, Gain, gain_by_task, loss_over_metrics};
use crate::runs::record::{EvaluationRecord, LastFigures, RunRecord, TaskRecord};

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name in CSV files.
    pub key: &'static str,
    /// Whether it is a share, shown in percent.
    pub is_share: bool,
    read: fn(&Runs) -> Option<f64>,
}

impl Metric {
    /// Its value for a cell.
    pub fn of(&self, runs: &Runs<'_>) -> Option<f64> {
        (self.read)(runs)
    }
}

/// What the figures of a cell are read from.
#[derive(Clone, Copy)]
pub struct Runs<'a> {
    /// The record of its run.
    pub own: &'a RunRecord,
    /// That of the run with its seed that learns each task alone, where there is one.
    pub alone: Option<&'a RunRecord>,
    /// What its network was attacked with afterwards, by name.
    pub evaluations: &'a [(String, EvaluationRecord)],
}

impl Runs<'_> {
    /// One of the run's last figures, where it is a number.
    fn last(&self, read: fn(&LastFigures) -> Option<f64>) -> Option<f64> {
        read(self.own.last.as_ref()?).filter(|value| value.is_finite())
    }

    /// What is left at the run's own ε, in the evaluation of that name.
    fn left(&self, evaluation: &str, attack: AttackKind, target: TargetKind) -> Option<f64> {
        let (_, record) = self.evaluations.iter().find(|(name, _)| name == evaluation)?;
        let epsilon = self.own.config.hyper.in_pixels(record.input_deviation).epsilon;
        record.robust(attack, target, epsilon)
    }

    /// Every task's figures beside what they are alone; none where that is not known.
    fn gains(&self) -> Option<Vec<Vec<Gain>>> {
        let alone = self.alone?;
        let of_task = |task: &TaskRecord| {
            let gain = |figure: &Figure| {
                Some(Gain {
                    joint: task.figure(&figure.name)?,
                    single: alone.figure(&task.name, &figure.name)?,
                    is_lower_better: figure.is_lower_better,
                })
            };
            task.figures.iter().map(gain).collect()
        };
        self.own.tasks()?.iter().map(of_task).collect()
    }
}

const ACCURACY: Metric =
    Metric { name: "accuracy", key: "accuracy", is_share: true, read: |runs| runs.own.accuracy() };

const AUXILIARY: Metric = Metric {
    name: "discriminator",
    key: "auxiliary_accuracy",
    is_share: true,
    read: |runs| runs.last(|last| Some(last.auxiliary_accuracy)),
};

const FGSM: Metric = Metric {
    name: "FGSM at ε",
    key: "fgsm_accuracy",
    is_share: true,
    read: |runs| runs.own.robust(AttackKind::Fgsm),
};

/// What a comparison of distillations is about.
const DISTILLATION: [Metric; 5] = [
    ACCURACY,
    AUXILIARY,
    Metric {
        name: "gradient cosine",
        key: "gradient_cosine",
        is_share: false,
        read: |runs| runs.last(|last| Some(last.comparison?.cosine)),
    },
    Metric {
        name: "agreement",
        key: "agreement",
        is_share: true,
        read: |runs| runs.last(|last| Some(last.comparison?.agreement.value())),
    },
    FGSM,
];

/// What a comparison of defences is about.
const DEFENSE: [Metric; 5] = [
    ACCURACY,
    Metric {
        name: "PGD at ε",
        key: "pgd_accuracy",
        is_share: true,
        read: |runs| runs.own.robust(AttackKind::Pgd),
    },
    FGSM,
    AUXILIARY,
    Metric {
        name: "histogram distance",
        key: "histogram_distance",
        is_share: false,
        read: |runs| runs.last(|last| last.histogram_distance),
    },
];

/// What is left under an attack of the paper's protocol.
const fn left(name: &'static str, key: &'static str, read: fn(&Runs) -> Option<f64>) -> Metric {
    Metric { name, key, is_share: true, read }
}

/// Which of [`PAPER`] says what a row is worth: what is left under an attack that rounding does not mislead.
pub const PAPER_HEADLINE: usize = 10;

/// The paper's columns, and what is behind them.
pub const PAPER: [Metric; 15] = [
    left("train", "train_accuracy", |runs| runs.last(|last| Some(last.accuracy))),
    left("clean", "clean_accuracy", |runs| {
        let clean = runs.evaluations.iter().find(|(name, _)| name == CLEAN)?;
        Some(clean.1.clean.value).filter(|value| value.is_finite())
    }),
    left("FGSM", "fgsm", |runs| runs.left(OWN, AttackKind::Fgsm, TargetKind::Untargeted)),
    left("iFGSM", "ifgsm", |runs| runs.left(OWN, AttackKind::Ifgsm, TargetKind::Untargeted)),
    left("FGSM worst", "fgsm_least_likely", |runs| runs.left(OWN, AttackKind::Fgsm, TargetKind::LeastLikely)),
    left("FGSM random", "fgsm_random", |runs| runs.left(OWN, AttackKind::Fgsm, TargetKind::Random)),
    left("iFGSM worst", "ifgsm_least_likely", |runs| {
        runs.left(OWN, AttackKind::Ifgsm, TargetKind::LeastLikely)
    }),
    left("iFGSM random", "ifgsm_random", |runs| runs.left(OWN, AttackKind::Ifgsm, TargetKind::Random)),
    left("FGSM exact", "fgsm_exact", |runs| runs.left(BEHIND, AttackKind::FgsmExact, TargetKind::Untargeted)),
    left("iFGSM exact", "ifgsm_exact", |runs| {
        runs.left(BEHIND, AttackKind::IfgsmExact, TargetKind::Untargeted)
    }),
    left("PGD margin", "pgd_margin", |runs| runs.left(BEHIND, AttackKind::PgdMargin, TargetKind::Untargeted)),
    left("AutoAttack", "autoattack", |runs| {
        runs.left(AUTOATTACK, AttackKind::AutoAttack, TargetKind::Untargeted)
    }),
    left("zero gradients", "zero_gradients", |runs| {
        runs.last(|last| Some(last.saturation.as_ref()?.zero_gradient.value()))
    }),
    AUXILIARY,
    left("fresh probe", "fresh_probe", |runs| {
        // Without the channel's noise, where there is some: what is still in the gradient.
        runs.last(|last| last.probe.map(|probe| probe.noiseless.unwrap_or(probe.fresh).value()))
    }),
];

const LOSS_OVER_FIGURES: Metric = Metric {
    name: "Δm over figures, % (lower is better)",
    key: "delta_m_over_figures",
    is_share: false,
    read: |runs| loss_over_metrics(&runs.gains()?),
};

const GAIN_BY_TASK: Metric = Metric {
    name: "Δm by task, % (higher is better)",
    key: "delta_m_by_task",
    is_share: false,
    read: |runs| gain_by_task(&runs.gains()?),
};

const CLASS_ERROR: Metric = Metric {
    name: "class error",
    key: "class_error",
    is_share: true,
    read: |runs| runs.own.figure("class", "error"),
};

const BALANCED_ERROR: Metric = Metric {
    name: "balanced",
    key: "class_balanced_error",
    is_share: true,
    read: |runs| runs.own.figure("class", "balanced error"),
};

const fn figure(name: &'static str, key: &'static str, read: fn(&Runs) -> Option<f64>) -> Metric {
    Metric { name, key, is_share: false, read }
}

/// What a comparison of methods for pictures' tasks is about.
const PICTURES: [Metric; 7] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    figure("color RMSE", "color_rmse", |runs| runs.own.figure("color", "RMSE")),
    figure("edge RMSE", "edge_rmse", |runs| runs.own.figure("edge", "RMSE")),
    figure("denoise RMSE", "denoise_rmse", |runs| runs.own.figure("denoise", "RMSE")),
    AUXILIARY,
];

/// What a comparison of methods for scenes' tasks is about.
const SCENES: [Metric; 8] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    BALANCED_ERROR,
    figure("depth abs, m", "depth_abs", |runs| runs.own.figure("depth", "abs")),
    figure("normals mean, °", "normals_mean", |runs| runs.own.figure("normals", "mean")),
    figure("key points, px", "keypoints_distance", |runs| runs.own.figure("keypoints", "distance")),
    AUXILIARY,
];

/// What a comparison of methods for the tasks of points is about.
const POINTS: [Metric; 6] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    figure("place RMSE", "place_rmse", |runs| runs.own.figure("place", "RMSE")),
    figure("distance RMSE", "distance_rmse", |runs| runs.own.figure("distance", "RMSE")),
    AUXILIARY,
];

/// What a comparison in that scenario is about; the first is that by which methods are held against each other.
pub fn metrics(scenario: ScenarioKind, tasks: Option<TaskSet>) -> &'static [Metric] {
    match scenario {
        ScenarioKind::Defense => &DEFENSE,
        ScenarioKind::Distillation => &DISTILLATION,
        ScenarioKind::Multitask => match tasks {
            Some(TaskSet::Pictures) => &PICTURES,
            Some(TaskSet::Scenes) => &SCENES,
            None => &POINTS,
        },
    }
}
