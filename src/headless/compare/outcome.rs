//! What the finished cells of a comparison measured, read from the record of each.

use std::collections::HashMap;
use std::path::Path;

use crate::config::MultitaskMethod;
use crate::train::record::{RecordError, RunRecord};

use super::plan::{Cell, Plan};
use crate::headless::error::HeadlessError;
use crate::show::number::percent;

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
/// The record of a later version.
pub fn read(plan: &Plan, folders: &[&Path]) -> Result<Results, HeadlessError> {
    let find =
        |name: &str| folders.iter().find_map(|folder| finished(&folder.join(name)).transpose()).transpose();
    let mut results = Results::default();
    let mut records = HashMap::new();
    for cell in &plan.cells {
        match find(&cell.name)? {
            Some(record) => drop(records.insert(&cell.name, record)),
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
        let figures = plan.metrics().iter().map(|metric| metric.of(own, alone)).collect();
        results.figures.insert(cell.name.clone(), figures);
    }
    for teacher in &plan.teachers {
        if let Some(record) = find(&teacher.name)? {
            results.teachers.extend(record.accuracy());
        }
    }
    Ok(results)
}

/// The record of the run in `folder`, if it is complete: a run writes its record last, and says there how it ended. What
/// was cut off or cannot be read is run again.
///
/// # Errors
/// The record of a later version.
pub fn finished(folder: &Path) -> Result<Option<RunRecord>, RecordError> {
    match RunRecord::read(folder) {
        Ok(record) => Ok(record.is_finished().then_some(record)),
        Err(error @ RecordError::Version { .. }) => Err(error),
        Err(RecordError::Unreadable { .. } | RecordError::Malformed { .. }) => Ok(None),
    }
}

/// The headline of a run that has just ended, in a few words.
///
/// # Errors
/// Where its record cannot be read or has none.
pub fn headline(folder: &Path) -> Result<String, HeadlessError> {
    let record = RunRecord::read(folder)?;
    match (record.figure("class", "error"), record.accuracy()) {
        (Some(error), _) => Ok(format!("class error {}", percent(error))),
        (None, Some(accuracy)) => Ok(format!("accuracy {}", percent(accuracy))),
        (None, None) => Err(HeadlessError::Malformed {
            path: folder.join(RunRecord::FILE),
            expected: "the record of a finished run",
            problem: "it has no accuracy".into(),
        }),
    }
}
