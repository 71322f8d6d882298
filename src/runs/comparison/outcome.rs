//! What the finished cells of a comparison measured, read from the record of each.

use std::collections::HashMap;
use std::path::Path;

use crate::config::MultitaskMethod;
use crate::runs::record::{EvaluationRecord, RecordError, RunRecord};

use super::metrics::Runs;
use super::plan::{Cell, Evaluating, Plan, family, is_beside};
use crate::show::number::percent;

/// What was read of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Figures by cell.
    figures: HashMap<String, Vec<Option<f64>>>,
    /// What their networks were attacked with afterwards, by cell.
    evaluations: HashMap<String, Vec<(String, EvaluationRecord)>>,
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

    /// A cell's evaluation of that name, where the cell is finished.
    pub fn evaluation(&self, cell: &Cell, name: &str) -> Option<&EvaluationRecord> {
        let (_, record) = self.evaluations.get(&cell.name)?.iter().find(|(own, _)| own == name)?;
        Some(record)
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
pub fn read(plan: &Plan, folders: &[&Path]) -> Result<Results, RecordError> {
    let find =
        |name: &str| folders.iter().find_map(|folder| finished(&folder.join(name)).transpose()).transpose();
    let mut results = Results::default();
    let mut records = HashMap::new();
    for cell in &plan.cells {
        let found = folders.iter().find_map(|folder| whole(cell, folder).transpose()).transpose()?;
        match found {
            Some(found) => drop(records.insert(&cell.name, found)),
            None => results.missing.push(cell.name.clone()),
        }
    }
    for cell in &plan.cells {
        let Some((own, evaluations)) = records.get(&cell.name) else { continue };
        let is_alone = |other: &&Cell| {
            other.setting == cell.setting
                && other.seed == cell.seed
                && family(&other.method) == MultitaskMethod::SingleTask.name()
                && is_beside(&other.method, &cell.method)
        };
        let alone = plan.cells.iter().find(is_alone).and_then(|other| records.get(&other.name));
        let runs = Runs { own, alone: alone.map(|(record, _)| record), evaluations };
        let figures = plan.metrics().iter().map(|metric| metric.of(&runs)).collect();
        results.figures.insert(cell.name.clone(), figures);
        results.evaluations.insert(cell.name.clone(), evaluations.clone());
    }
    for teacher in &plan.teachers {
        if let Some(record) = find(&teacher.name)? {
            results.teachers.extend(record.accuracy());
        }
    }
    Ok(results)
}

/// What a cell that is complete left: the record of its run, and of each of its evaluations by name.
type Whole = (RunRecord, Vec<(String, EvaluationRecord)>);

/// What `folder` holds of a cell, if that is complete.
///
/// # Errors
/// A record of a later version.
pub fn whole(cell: &Cell, folder: &Path) -> Result<Option<Whole>, RecordError> {
    let folder = folder.join(&cell.name);
    let Some(record) = finished(&folder)? else { return Ok(None) };
    let evaluations = cell.evaluations.iter().map(|Evaluating { name, .. }| {
        Ok(evaluated(&folder.join(name))?.map(|evaluation| (name.clone(), evaluation)))
    });
    let evaluations: Option<Vec<_>> = evaluations.collect::<Result<_, RecordError>>()?;
    Ok(evaluations.map(|evaluations| (record, evaluations)))
}

/// The record of the evaluation in `folder`, if it is complete.
///
/// # Errors
/// The record of a later version.
pub fn evaluated(folder: &Path) -> Result<Option<EvaluationRecord>, RecordError> {
    match EvaluationRecord::read(folder) {
        Ok(record) => Ok(record.is_complete().then_some(record)),
        Err(error @ RecordError::Version { .. }) => Err(error),
        Err(RecordError::Unreadable { .. } | RecordError::Malformed { .. }) => Ok(None),
    }
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
pub fn headline(folder: &Path) -> Result<String, RecordError> {
    let record = RunRecord::read(folder)?;
    match (record.figure("class", "error"), record.accuracy()) {
        (Some(error), _) => Ok(format!("class error {}", percent(error))),
        (None, Some(accuracy)) => Ok(format!("accuracy {}", percent(accuracy))),
        (None, None) => Err(RecordError::Malformed {
            path: folder.join(RunRecord::FILE),
            expected: "the record of a finished run",
            problem: "it has no accuracy".into(),
        }),
    }
}
