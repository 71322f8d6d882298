//! What the cells of a comparison came to: read from the `run.json` of each.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::config::{AttackKind, MultitaskMethod, ScenarioKind, TargetKind, TaskSet};
use crate::scenario::multitask::{Metric as Gain, gain_by_task, loss_over_metrics};

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

    /// The error of a task on the held-out images.
    fn error(&self, task: &str) -> Option<f64> {
        task_errors(self.own)?.into_iter().find(|(name, _)| *name == task).map(|(_, error)| error)
    }

    /// Every task's error beside what it is alone; none where that is not known.
    fn gains(&self) -> Option<Vec<Vec<Gain>>> {
        let alone = task_errors(self.alone?)?;
        let gain = |(task, joint): (&str, f64)| {
            let (_, single) = alone.iter().find(|(name, _)| *name == task)?;
            Some(vec![Gain { joint, single: *single, is_lower_better: true }])
        };
        task_errors(self.own)?.into_iter().map(gain).collect()
    }
}

/// Names and errors of the tasks of a run.
fn task_errors(json: &Value) -> Option<Vec<(&str, f64)>> {
    let tasks = json.pointer("/final/tasks")?.as_array()?;
    tasks.iter().map(|task| Some((task["name"].as_str()?, task["error"].as_f64()?))).collect()
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

const CLASS_ERROR: Metric =
    Metric { name: "class error", key: "class_error", is_share: true, read: |runs| runs.error("class") };

const fn task_error(name: &'static str, key: &'static str, read: fn(&Runs) -> Option<f64>) -> Metric {
    Metric { name, key, is_share: false, read }
}

/// What a comparison of methods for pictures' tasks is about.
const PICTURES: [Metric; 7] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    task_error("color error", "color_error", |runs| runs.error("color")),
    task_error("edge error", "edge_error", |runs| runs.error("edge")),
    task_error("denoise error", "denoise_error", |runs| runs.error("denoise")),
    AUXILIARY,
];

/// What a comparison of methods for scenes' tasks is about.
const SCENES: [Metric; 7] = [
    LOSS_OVER_FIGURES,
    GAIN_BY_TASK,
    CLASS_ERROR,
    task_error("depth error", "depth_error", |runs| runs.error("depth")),
    task_error("normals error", "normals_error", |runs| runs.error("normals")),
    task_error("keypoints error", "keypoints_error", |runs| runs.error("keypoints")),
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

/// The accuracy of a run without attack.
///
/// # Errors
/// Where its `run.json` cannot be read or has none.
pub fn accuracy(folder: &Path) -> Result<f64, HeadlessError> {
    let json = run_json(folder)?;
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
