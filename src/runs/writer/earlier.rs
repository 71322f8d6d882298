//! What the earlier part of a run left in its folder, as far as the steps of a checkpoint reach: who goes on with the run
//! goes on with these rows, and takes the steps of the others again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use web_time::Duration;

use crate::platform::files;
use crate::protocol::{Event, Readings, Report, RunInfo, Share};
use crate::runs::record::{RecordError, RunRecord};
use crate::runs::recording::{Recording, Replay};
use crate::runs::tables::HistogramTable;
use crate::show::Table;
use crate::show::columns::Metric;

/// What the files of tables end in.
const TABLE: &str = "csv";

/// What an earlier part of a run left.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// Steps that its checkpoint had done.
    pub step: u64,
    /// Its record; none where there is none.
    pub record: Option<RunRecord>,
    folder: PathBuf,
    tables: BTreeMap<String, Rows>,
}

/// The rows of a table that belong to the checkpoint.
#[derive(Clone, Debug, Default)]
struct Rows {
    header: StringRecord,
    rows: Vec<StringRecord>,
}

/// Why it cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A table lacks rows.
    #[error(
        "{} has {found} rows, and {expected} belong to the checkpoint: it was cut or changed since; put it back as it was",
        path.display()
    )]
    Cut {
        /// Which file.
        path: PathBuf,
        /// Rows that it has.
        found: usize,
        /// Rows that it had.
        expected: u64,
    },
    /// A table is none.
    #[error("{} is not the table of a run: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Earlier {
    /// Nothing, of a run of which there is a checkpoint of `step` steps alone.
    pub fn none(step: u64) -> Self {
        Self { step, ..Self::default() }
    }

    /// What is in `folder`, of a run whose checkpoint has done `step` steps. `rows` says how many rows of which table
    /// belong to it; without, those of its steps do.
    ///
    /// # Errors
    /// [`EarlierError`].
    pub fn read(
        folder: &Path,
        step: u64,
        rows: Option<&BTreeMap<String, u64>>,
    ) -> Result<Self, EarlierError> {
        let path = folder.join(RunRecord::FILE);
        let record = if files::exists(&path) { Some(RunRecord::read(&path)?) } else { None };
        let names = match rows {
            Some(rows) => rows.keys().filter(|name| is_table(name)).cloned().collect(),
            None => tables_in(folder)?,
        };
        let mut tables = BTreeMap::new();
        for name in names {
            let path = folder.join(&name);
            let mut found = read(&path)?;
            match rows.and_then(|rows| rows.get(&name)) {
                Some(expected) if (found.rows.len() as u64) < *expected => {
                    return Err(EarlierError::Cut { path, found: found.rows.len(), expected: *expected });
                }
                Some(expected) => found.rows.truncate(*expected as usize),
                None => found.rows.retain(|row| is_until(row, step)),
            }
            tables.insert(name, found);
        }
        Ok(Self { step, record, folder: folder.into(), tables })
    }

    /// Whether it lies in this folder.
    pub fn is_in(&self, folder: &Path) -> bool {
        self.folder == folder
    }

    /// The rows in a table that has none yet; as it is where there are none. Columns that came since are empty.
    ///
    /// # Errors
    /// [`EarlierError::Malformed`], where its columns are others.
    pub(super) fn fill(&self, name: &str, mut table: Table) -> Result<Table, EarlierError> {
        let Some(Rows { header, rows }) = self.rows(name) else { return Ok(table) };
        let mut known = csv::ReaderBuilder::new().from_reader(table.bytes());
        let known = known.headers().map_err(|error| self.malformed(name, &error))?.clone();
        if !known.iter().zip(header).all(|(known, found)| known == found) || header.len() > known.len() {
            return Err(self.malformed(name, &"its columns are not those that this program writes"));
        }
        for row in rows {
            let missing = known.len() - header.len();
            table.push(row.iter().chain(std::iter::repeat_n("", missing)));
        }
        Ok(table)
    }

    /// The same of histograms; none where there are no rows.
    ///
    /// # Errors
    /// [`EarlierError::Malformed`].
    pub(super) fn histograms(&self, name: &str) -> Result<Option<HistogramTable>, EarlierError> {
        let Some(Rows { header, rows }) = self.rows(name) else { return Ok(None) };
        let header: Vec<String> = header.iter().map(String::from).collect();
        let mut table = HistogramTable::of_header(&header)
            .ok_or_else(|| self.malformed(name, &"its columns are not those that this program writes"))?;
        rows.iter().for_each(|row| table.push_row(row.iter()));
        Ok(Some(table))
    }

    /// The reports of its metrics: what charts show of them.
    ///
    /// # Errors
    /// [`EarlierError::Malformed`].
    pub(super) fn reports(&self, info: &RunInfo) -> Result<Vec<Report>, EarlierError> {
        let Some(Rows { rows, .. }) = self.rows("metrics.csv") else { return Ok(Vec::new()) };
        let timing = self.rows("timing.csv");
        let clock = |index: usize, column: usize| -> f64 {
            let row = timing.and_then(|timing| timing.rows.get(index));
            row.and_then(|row| row.get(column)?.parse().ok()).unwrap_or(0.0)
        };
        let report = |(index, row): (usize, &StringRecord)| -> Option<Report> {
            let value = |metric: Metric| row.get(1 + metric as usize)?.parse::<f64>().ok();
            Some(Report {
                run: info.run,
                step: row.get(0)?.parse().ok()?,
                epoch: value(Metric::Epoch)?,
                elapsed: Duration::try_from_secs_f64(clock(index, 1)).ok()?,
                steps_per_second: clock(index, 2),
                hyper: info.config.hyper,
                alpha: value(Metric::Alpha)?,
                loss: value(Metric::Loss)?,
                accuracy: value(Metric::Accuracy)?,
                auxiliary_loss: value(Metric::AuxiliaryLoss)?,
                auxiliary_accuracy: value(Metric::AuxiliaryAccuracy)?,
                gradient_rms: value(Metric::GradientRms)?,
                confusion: Vec::new(),
            })
        };
        let reports: Option<Vec<Report>> = rows.iter().enumerate().map(report).collect();
        reports.ok_or_else(|| self.malformed("metrics.csv", &"a cell is no number"))
    }

    /// How long it had been trained.
    pub fn trained(&self) -> Duration {
        let last = self.rows("timing.csv").and_then(|timing| timing.rows.last());
        let seconds = last.and_then(|row| row.get(1)?.parse().ok()).unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Step and clean accuracy of each evaluation.
    pub(super) fn held_out(&self) -> Vec<[f64; 2]> {
        let rows = self.rows("robustness.csv").map_or(&[][..], |table| &table.rows);
        let number = |row: &StringRecord, column: usize| row.get(column)?.parse::<f64>().ok();
        let clean = rows.iter().filter(|row| row.get(1) == Some("none"));
        clean.filter_map(|row| Some([number(row, 0)?, number(row, 6)?])).collect()
    }

    /// The recording of what belongs to the checkpoint, of a run of these facts: an empty one where none can be read.
    pub(super) fn recording(&self, info: &RunInfo) -> Recording {
        let mut recording = Recording::new(info);
        let Ok(replay) = Replay::open(&self.folder) else { return recording };
        // Those that were under way at the checkpoint are told again.
        let (mut evaluations, mut probes) = (self.held_out().len(), self.probes().len());
        let is_one_of = |left: &mut usize| {
            let is_one = *left > 0;
            *left = left.saturating_sub(1);
            is_one
        };
        for event in replay.events {
            let (step, belongs) = match &event {
                Event::Report(found) => (found.step, true),
                Event::Histograms(found) => (found.step, true),
                Event::Samples(found) => (found.step, true),
                Event::Saturation(found) => (found.step, true),
                Event::Tasks(found) => (found.step, true),
                Event::Audited(found) => (found.step, true),
                Event::Robustness(found) => (found.step, is_one_of(&mut evaluations)),
                Event::Probed(found) => (found.readings.step, is_one_of(&mut probes)),
                _ => (0, false),
            };
            if belongs && step <= self.step {
                recording.take(&event.of_run(info.run));
            }
        }
        recording
    }

    /// What its fresh auxiliary networks read.
    pub(super) fn probes(&self) -> Vec<Readings> {
        let rows = self.rows("probe.csv").map_or(&[][..], |table| &table.rows);
        let readings = |row: &StringRecord| {
            let number = |column: usize| row.get(column)?.parse::<u32>().ok();
            let total = number(2)?;
            let share = |column: usize| Some(Share { hits: number(column)?, total });
            Some(Readings {
                step: row.get(0)?.parse().ok()?,
                probe_steps: row.get(1)?.parse().ok()?,
                running: share(3)?,
                fresh: share(4)?,
                noiseless: share(5),
            })
        };
        rows.iter().filter_map(readings).collect()
    }

    fn rows(&self, name: &str) -> Option<&Rows> {
        self.tables.get(name).filter(|table| !table.header.is_empty())
    }

    fn malformed(&self, name: &str, problem: &impl ToString) -> EarlierError {
        EarlierError::Malformed { path: self.folder.join(name), problem: problem.to_string() }
    }
}

/// Whether that is the name of a table's file, and of no other folder's.
fn is_table(name: &str) -> bool {
    let path = Path::new(name);
    path.file_name().is_some_and(|file| file == name) && path.extension().is_some_and(|end| end == TABLE)
}

/// The names of the tables in a folder.
fn tables_in(folder: &Path) -> Result<Vec<String>, EarlierError> {
    let unreadable = |source| EarlierError::Unreadable { path: folder.into(), source };
    let entries = files::entries(folder).map_err(unreadable)?.into_iter();
    Ok(entries.map(|(name, _)| name).filter(|name| is_table(name)).collect())
}

/// A table; one of no rows where the file is not there.
fn read(path: &Path) -> Result<Rows, EarlierError> {
    let bytes = match files::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Rows::default()),
        Err(source) => return Err(EarlierError::Unreadable { path: path.into(), source }),
    };
    let malformed =
        |error: csv::Error| EarlierError::Malformed { path: path.into(), problem: error.to_string() };
    let mut reader = csv::ReaderBuilder::new().from_reader(&*bytes);
    let header = reader.headers().map_err(malformed)?.clone();
    let rows = reader.records().collect::<Result<_, _>>().map_err(malformed)?;
    Ok(Rows { header, rows })
}

/// Whether a row is of this step or one before.
fn is_until(row: &StringRecord, step: u64) -> bool {
    row.get(0).and_then(|cell| cell.parse::<u64>().ok()).is_some_and(|of| of <= step)
}
