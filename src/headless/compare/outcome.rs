//! What the cells of a comparison came to: read from the `run.json` of each.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::config::{AttackKind, ScenarioKind, TargetKind};

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
    read: fn(&Value) -> Option<f64>,
}

const ACCURACY: Metric = Metric {
    name: "accuracy",
    key: "accuracy",
    is_share: true,
    read: |json| json.pointer("/final/evaluation/clean/value")?.as_f64(),
};

const AUXILIARY: Metric = Metric {
    name: "discriminator",
    key: "auxiliary_accuracy",
    is_share: true,
    read: |json| json.pointer("/final/auxiliary_accuracy")?.as_f64(),
};

const FGSM: Metric = Metric {
    name: "FGSM at ε",
    key: "fgsm_accuracy",
    is_share: true,
    read: |json| robust_accuracy(json, AttackKind::Fgsm),
};

/// What a comparison of distillations is about.
const DISTILLATION: [Metric; 5] = [
    ACCURACY,
    AUXILIARY,
    Metric {
        name: "gradient cosine",
        key: "gradient_cosine",
        is_share: false,
        read: |json| json.pointer("/final/comparison/cosine")?.as_f64(),
    },
    Metric {
        name: "agreement",
        key: "agreement",
        is_share: true,
        read: |json| {
            let share = |key: &str| json.pointer("/final/comparison/agreement")?.get(key)?.as_f64();
            Some(share("hits")? / share("total").filter(|total| *total > 0.0)?)
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
        read: |json| robust_accuracy(json, AttackKind::Pgd),
    },
    FGSM,
    AUXILIARY,
    Metric {
        name: "histogram distance",
        key: "histogram_distance",
        is_share: false,
        read: |json| json.pointer("/final/histogram_distance")?.as_f64(),
    },
];

/// What a comparison in that scenario is about; the first is that by which methods are held against each other.
pub fn metrics(scenario: ScenarioKind) -> &'static [Metric] {
    match scenario {
        ScenarioKind::Defense => &DEFENSE,
        ScenarioKind::Distillation => &DISTILLATION,
        // Nothing plans one of several tasks yet.
        ScenarioKind::Multitask => &[AUXILIARY],
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
    for cell in &plan.cells {
        let Some(path) = place(&cell.name) else {
            results.missing.push(cell.name.clone());
            continue;
        };
        let json = run_json(&path)?;
        results
            .figures
            .insert(cell.name.clone(), plan.metrics().iter().map(|metric| (metric.read)(&json)).collect());
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
    (ACCURACY.read)(&json).ok_or_else(|| HeadlessError::Malformed {
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
