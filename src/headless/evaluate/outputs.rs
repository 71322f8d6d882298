//! Where an evaluation's results go: tried before the attacks begin, written when they end, in good order or not.

use std::path::{Path, PathBuf};

use crate::config::Norm;
use crate::headless::error::HeadlessError;
use crate::headless::files::charts::png;
use crate::protocol::{Light, Robustness};
use crate::runs::record::{EvaluationRecord, Expectation, Incomplete};
use crate::runs::rescue::Rescue;
use crate::runs::run_folder::RunFolder;
use crate::runs::tables;
use crate::runs::write::{FolderError, try_out};
use crate::show::{Table, charts, columns};

use super::examples::Examples;
use super::kept::Kept;
use super::key::Key;

/// The files of `--out`, but for the charts.
const TABLE: &str = "robustness.csv";
const REPORT: &str = "report.html";
const FILES: [&str; 4] = [TABLE, EvaluationRecord::FILE, REPORT, Kept::FILE];

/// What people ask for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `--out`.
    pub out: Option<&'a Path>,
    /// `--report`.
    pub report: Option<&'a Path>,
    /// `--save-examples`.
    pub examples: Option<&'a Path>,
    /// `--force`.
    pub force: bool,
}

/// Where the results go.
pub struct Outputs<'a> {
    wanted: Wanted<'a>,
    folder: Option<RunFolder>,
}

/// What is written.
pub struct Results<'a> {
    /// The figures.
    pub evaluation: &'a Robustness,
    /// How the network's own noise was met.
    pub noise: Expectation,
    /// Of the audit.
    pub lights: &'a [Light],
    /// The ε of the run.
    pub epsilon: f64,
    /// The report.
    pub report: &'a str,
    /// Threat by threat.
    pub examples: &'a [Examples],
    /// What is lacking.
    pub incomplete: Option<Incomplete>,
    /// What the evaluation can be gone on with.
    pub kept: &'a Kept,
}

impl Wanted<'_> {
    /// What an interrupted evaluation of this `key` has left in `--out`, to be gone on with, and what should be said of it.
    /// Nothing is written.
    ///
    /// # Errors
    /// Files that are to be where no file can be, a folder in use, or one that holds another evaluation's beginning.
    pub fn beginning(&self, key: &Key) -> Result<(Option<Kept>, Option<String>), HeadlessError> {
        for (flag, path) in [("--save-examples", self.examples), ("--report", self.report)] {
            path.map_or(Ok(()), |path| check_folder_of(flag, path))?;
        }
        let Some(out) = self.out else { return Ok((None, None)) };
        let path = out.join(Kept::FILE);
        let anew = |why: String| Ok((None, Some(format!("{why}; it is begun anew"))));
        match Kept::open(&path) {
            Ok(None) => Ok(RunFolder::check(out, self.force).map(|()| (None, None))?),
            Ok(Some(kept)) if kept.key == *key => {
                let said = format!("going on with what {} holds of this evaluation", path.display());
                Ok((Some(kept), Some(said)))
            }
            Ok(Some(kept)) => {
                let difference = kept.key.difference(key);
                let why = format!(
                    "{} holds the beginning of another evaluation, which differs in {difference}",
                    out.display()
                );
                if self.force {
                    return anew(why);
                }
                let advice =
                    "repeat its flags to go on with it, name another folder, or begin anew with --force";
                Err(HeadlessError::Flag { flag: "--out", problem: format!("{why}: {advice}") })
            }
            Err(problem) if self.force => anew(format!("{}: {problem}", path.display())),
            Err(problem) => Err(HeadlessError::Malformed {
                path,
                expected: "the beginning of an evaluation",
                problem: format!("{problem}; name another folder, or begin anew with --force"),
            }),
        }
    }
}

impl<'a> Outputs<'a> {
    /// Tries whether all that is wanted can be written; `--out` is made. `examples` are the names of their files.
    ///
    /// # Errors
    /// Where something cannot.
    pub fn open(wanted: Wanted<'a>, examples: &[PathBuf]) -> Result<Self, FolderError> {
        let files: Vec<&str> = FILES.into_iter().chain(Norm::ALL.map(charts::robustness_file)).collect();
        let folder = wanted.out.map(|out| RunFolder::create(out, true, &files)).transpose()?;
        wanted.report.map_or(Ok(()), try_out)?;
        examples.iter().try_for_each(|path| try_out(path))?;
        Ok(Self { wanted, folder })
    }

    /// Where what is found is kept meanwhile.
    pub fn kept(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path().join(Kept::FILE))
    }

    /// Writes everything.
    ///
    /// # Errors
    /// Where something cannot be packed or drawn, or could not be written where it belongs.
    pub fn write(&mut self, results: &Results<'_>) -> Result<(), HeadlessError> {
        let mut rescue = Rescue::default();
        if let Some(path) = self.wanted.report {
            rescue.keep(path, results.report.as_bytes());
        }
        let kept = self.folder.as_mut().map_or(Ok(()), |folder| keep(folder, results));
        if let Some(path) = self.wanted.examples {
            for examples in results.examples {
                let path = examples.path(path, results.examples.len() > 1);
                let archive = examples.pack().map_err(|error| HeadlessError::System(error.to_string()))?;
                rescue.keep(&path, &archive);
            }
        }
        rescue.outcome()?;
        kept
    }

    /// What the examples hold, a line a file.
    pub fn examples(&self, all: &[Examples]) -> String {
        let Some(path) = self.wanted.examples else { return String::new() };
        let line = |examples: &Examples| {
            format!("{}: {}\n", examples.path(path, all.len() > 1).display(), examples.summary())
        };
        all.iter().map(line).collect()
    }
}

/// Writes what belongs into the folder; what an evaluation can be gone on with, too, until it is complete.
fn keep(folder: &mut RunFolder, results: &Results<'_>) -> Result<(), HeadlessError> {
    let Results { evaluation, incomplete, .. } = results;
    folder.keep(TABLE, table(evaluation, *incomplete).bytes());
    let record = EvaluationRecord {
        incomplete: *incomplete,
        ..EvaluationRecord::in_full(evaluation, results.lights.to_vec(), results.noise)
    };
    folder.keep(EvaluationRecord::FILE, record.text().as_bytes());
    for norm in evaluation.norms() {
        let mut chart = charts::robustness(evaluation, norm, results.epsilon);
        if let Some(incomplete) = incomplete {
            chart.note = format!("{incomplete}; {}", chart.note);
        }
        folder.keep(charts::robustness_file(norm), &png(&chart)?);
    }
    folder.keep(REPORT, results.report.as_bytes());
    let path = folder.path().join(Kept::FILE);
    if incomplete.is_some() {
        let bytes = results.kept.bytes().map_err(|error| HeadlessError::System(error.to_string()))?;
        folder.keep(Kept::FILE, &bytes);
        folder.outcome()?;
    } else {
        folder.outcome()?;
        // It is complete: there is nothing to go on with. Where it was never written, it is not there.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// `robustness.csv`; where the evaluation was interrupted, each row says how many images were to be attacked.
fn table(evaluation: &Robustness, incomplete: Option<Incomplete>) -> Table {
    let mut rows = columns::robustness(evaluation);
    let Some(Incomplete { of, .. }) = incomplete else {
        let mut table = tables::robustness();
        table.extend(rows);
        return table;
    };
    rows.iter_mut().for_each(|row| row.push(of.to_string()));
    let mut table = Table::new(columns::ROBUSTNESS.into_iter().chain(["incomplete_of"]));
    table.extend(rows);
    table
}

/// That a file can be written where it is to be, before hours are spent on what it will hold.
fn check_folder_of(flag: &'static str, path: &Path) -> Result<(), HeadlessError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && path.file_name().is_some() && !path.is_dir() {
        return Ok(());
    }
    let problem = format!("{} is no file in a folder that is there", path.display());
    Err(HeadlessError::Flag { flag, problem })
}
