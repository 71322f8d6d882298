//! What the cells of a comparison came to: read from the `run.json` of each.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::config::{AttackKind, MultitaskMethod, ScenarioKind, TargetKind, TaskSet};
use crate::protocol::{Gain, gain_by_task, loss_over_metrics};

use super::super::error::HeadlessError;
use super::plan::{Cell, Plan};

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

/// What the figures of a cell are read from.
struct Runs<'a> {
    /// The record of its run.
    own: &'a Value,
    /// That of the run with its seed that learns each task alone, where there is one.
    alone: Option<&'a Value>,
}

impl Runs<'_> {
    /// The number at that place of the run's record.
    fn number(&self, pointer: &str) -> Option<f64> {
        self.own.pointer(pointer)?.as_f64()
    }

    /// A figure of a task on the held-out images.
    fn figure(&self, task: &str, name: &str) -> Option<f64> {
        find(find(self.own.pointer("/final/tasks")?, task)?.get("figures")?, name)?["value"].as_f64()
    }

    /// Every task's figures beside what they are alone; none where that is not known.
    fn gains(&self) -> Option<Vec<Vec<Gain>>> {
        let alone = self.alone?.pointer("/final/tasks")?;
        let of_task = |task: &Value| {
            let alone = find(alone, task["name"].as_str()?)?.get("figures")?;
            let gain = |figure: &Value| {
                Some(Gain {
                    joint: figure["value"].as_f64()?,
                    single: find(alone, figure["name"].as_str()?)?["value"].as_f64()?,
                    is_lower_better: figure["is_lower_better"].as_bool()?,
                })
            };
            task["figures"].as_array()?.iter().map(gain).collect()
        };
        self.own.pointer("/final/tasks")?.as_array()?.iter().map(of_task).collect()
    }
}

/// The one of that name in a list.
fn find<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|entry| entry["name"] == name)
}

/// Where a record has the accuracy without attack.
const CLEAN_ACCURACY: &str = "/final/evaluation/clean/value";

const ACCURACY: Metric =
    Metric { name: "accuracy", key: "accuracy", is_share: true, read: |runs| runs.number(CLEAN_ACCURACY) };

const AUXILIARY: Metric = Metric {
    name: "discriminator",
    key: "auxiliary_accuracy",
    is_share: true,
    read: |runs| runs.number("/final/auxiliary_accuracy"),
};

const FGSM: Metric = Metric {
    name: "FGSM at ε",
    key: "fgsm_accuracy",
    is_share: true,
    read: |runs| robust_accuracy(runs.own, AttackKind::Fgsm),
};

/// What a comparison of distillations is about.
const DISTILLATION: [Metric; 5] = [
    ACCURACY,
    AUXILIARY,
    Metric {
        name: "gradient cosine",
        key: "gradient_cosine",
        is_share: false,
        read: |runs| runs.number("/final/comparison/cosine"),
    },
    Metric {
        name: "agreement",
        key: "agreement",
        is_share: true,
        read: |runs| {
            let total = runs.number("/final/comparison/agreement/total").filter(|total| *total > 0.0)?;
            Some(runs.number("/final/comparison/agreement/hits")? / total)
        },
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
        read: |runs| robust_accuracy(runs.own, AttackKind::Pgd),
    },
    FGSM,
    AUXILIARY,
    Metric {
        name: "histogram distance",
        key: "histogram_distance",
        is_share: false,
        read: |runs| runs.number("/final/histogram_distance"),
    },
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
    read: |runs| runs.figure("class", "error"),
};

const BALANCED_ERROR: Metric = Metric {
    name: "balanced",
    key: "class_balanced_error",
    is_share: true,
    read: |runs| runs.figure("class", "balanced error"),
};

const fn figure(name: &'static str, key: &'static str, read: fn(&Runs) -> Option<f64>) -> Metric {
    Metric { name, key, is_share: false, read }
}

/// What a comparison of methods for pictures' tasks is about.
const PICTURES: [Metric; 7] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    figure("color RMSE", "color_rmse", |runs| runs.figure("color", "RMSE")),
    figure("edge RMSE", "edge_rmse", |runs| runs.figure("edge", "RMSE")),
    figure("denoise RMSE", "denoise_rmse", |runs| runs.figure("denoise", "RMSE")),
    AUXILIARY,
];

/// What a comparison of methods for scenes' tasks is about.
const SCENES: [Metric; 8] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    BALANCED_ERROR,
    figure("depth abs, m", "depth_abs", |runs| runs.figure("depth", "abs")),
    figure("normals mean, °", "normals_mean", |runs| runs.figure("normals", "mean")),
    figure("key points, px", "keypoints_distance", |runs| runs.figure("keypoints", "distance")),
    AUXILIARY,
];

/// What a comparison in that scenario is about; the first is that by which methods are held against each other.
pub fn metrics(scenario: ScenarioKind, tasks: TaskSet) -> &'static [Metric] {
    match scenario {
        ScenarioKind::Defense => &DEFENSE,
        ScenarioKind::Distillation => &DISTILLATION,
        ScenarioKind::Multitask => match tasks {
            TaskSet::Pictures => &PICTURES,
            TaskSet::Scenes => &SCENES,
        },
    }
}

/// Share of held-out images that withstand an untargeted attack at the run's own ε.
fn robust_accuracy(json: &Value, attack: AttackKind) -> Option<f64> {
    let epsilon = json.pointer("/config/hyper/epsilon")?.as_f64()?;
    // Radii are shares of ε, the next one a quarter away: the tolerance is for rounding alone.
    let is_own = |radius: f64| (radius - epsilon).abs() <= 0.01 * epsilon;
    let attacks = json.pointer("/final/evaluation/attacks")?.as_array()?;
    let found = attacks.iter().find(|found| {
        found["attack"] == attack.name()
            && found["target"] == TargetKind::Untargeted.name()
            && found["epsilon"].as_f64().is_some_and(is_own)
    });
    found?.pointer("/robust/value")?.as_f64()
}

/// What was read of a comparison.
#[derive(Debug, Default)]
pub struct Results {
    /// Figures by cell.
    figures: HashMap<String, Vec<Option<f64>>>,
    /// Accuracy of each teacher there is.
    pub teachers: Vec<f64>,
    /// Names of the cells that are not finished.
    pub missing: Vec<String>,
}

impl Results {
    /// The figures of a cell by [`Plan::metrics`], where it is finished.
    pub fn of(&self, cell: &Cell) -> Option<&[Option<f64>]> {
        self.figures.get(&cell.name).map(Vec::as_slice)
    }

    /// The pairs of seed and figure that the finished cells of a method have.
    pub fn by_seed(&self, plan: &Plan, setting: &str, method: &str, metric: usize) -> Vec<(u64, f64)> {
        let cells = plan.cells.iter().filter(|cell| cell.setting == setting && cell.method == method);
        cells.filter_map(|cell| Some((cell.seed, self.of(cell)?[metric]?))).collect()
    }
}

/// Reads what these folders hold of `plan`; a cell that several hold is read from the first.
///
/// # Errors
/// A finished run whose figures cannot be read.
pub fn read(plan: &Plan, folders: &[&Path]) -> Result<Results, HeadlessError> {
    let place = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| is_finished(path));
    let mut results = Results::default();
    let mut records = HashMap::new();
    for cell in &plan.cells {
        match place(&cell.name) {
            Some(path) => drop(records.insert(&cell.name, run_json(&path)?)),
            None => results.missing.push(cell.name.clone()),
        }
    }
    for cell in &plan.cells {
        let Some(own) = records.get(&cell.name) else { continue };
        let is_alone = |other: &&Cell| {
            other.setting == cell.setting
                && other.seed == cell.seed
                && other.method == MultitaskMethod::SingleTask.name()
        };
        let alone = plan.cells.iter().find(is_alone).and_then(|other| records.get(&other.name));
        let figures = plan.metrics().iter().map(|metric| (metric.read)(&Runs { own, alone })).collect();
        results.figures.insert(cell.name.clone(), figures);
    }
    for teacher in &plan.teachers {
        if let Some(path) = place(&teacher.name) {
            results.teachers.push(accuracy(&path)?);
        }
    }
    Ok(results)
}

/// Whether the run in `folder` is complete. A run writes its `run.json` last, and says there how it ended.
pub fn is_finished(folder: &Path) -> bool {
    let evaluated = |json: &Value| json.pointer("/final/evaluation").is_some_and(Value::is_object);
    run_json(folder).is_ok_and(|json| json["outcome"] == "finished" && evaluated(&json))
}

/// What a finished run came to, in a few words.
///
/// # Errors
/// As [`accuracy`].
pub fn headline(folder: &Path) -> Result<String, HeadlessError> {
    let json = run_json(folder)?;
    match (Runs { own: &json, alone: None }).figure("class", "error") {
        Some(error) => Ok(format!("class error {:.2} %", 100.0 * error)),
        None => Ok(format!("accuracy {:.2} %", 100.0 * accuracy_in(folder, &json)?)),
    }
}

/// The accuracy of a run without attack.
///
/// # Errors
/// Where its `run.json` cannot be read or has none.
pub fn accuracy(folder: &Path) -> Result<f64, HeadlessError> {
    accuracy_in(folder, &run_json(folder)?)
}

fn accuracy_in(folder: &Path, json: &Value) -> Result<f64, HeadlessError> {
    json.pointer(CLEAN_ACCURACY).and_then(Value::as_f64).ok_or_else(|| HeadlessError::Malformed {
        path: folder.join("run.json"),
        expected: "the record of a finished run",
        problem: "it has no accuracy".into(),
    })
}

fn run_json(folder: &Path) -> Result<Value, HeadlessError> {
    let path = folder.join("run.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| HeadlessError::Unreadable { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|error| HeadlessError::Malformed {
        path,
        expected: "the record of a run",
        problem: error.to_string(),
    })
}
