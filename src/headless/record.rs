//! What a run leaves behind: gathers its events and writes them into the run folder.

use serde::Serialize;
use web_time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::train::protocol::{DeviceInfo, Event, Histograms, Report, Robustness, RunInfo, Share};

use super::charts;
use super::error::HeadlessError;
use super::run_folder::{FolderError, RunFolder};
use super::tables::{self, HistogramTable, Table};

/// Time between two writes of the tables while a run goes on.
const BETWEEN_WRITES: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes on, or was cut off without a chance to say so.
    Running,
    /// All steps are done.
    Finished,
    /// Somebody ended it.
    Interrupted,
    /// It failed.
    Failed,
}

/// A run as it was seen so far.
pub struct Record {
    folder: RunFolder,
    info: Box<RunInfo>,
    reports: Vec<Report>,
    evaluations: Vec<Robustness>,
    last_histograms: Option<Histograms>,
    notices: Vec<String>,
    metrics: Table,
    timing: Table,
    robustness: Table,
    histograms: Option<HistogramTable>,
    started: SystemTime,
    last_write: Instant,
}

impl Record {
    /// The record of a run that begins now.
    pub fn new(folder: RunFolder, info: Box<RunInfo>, notices: Vec<String>) -> Self {
        Self {
            folder,
            info,
            reports: Vec::new(),
            evaluations: Vec::new(),
            last_histograms: None,
            notices,
            metrics: tables::metrics(),
            timing: tables::timing(),
            robustness: tables::robustness(),
            histograms: None,
            started: SystemTime::now(),
            last_write: Instant::now(),
        }
    }

    /// Where it is written to.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The last finished evaluation.
    pub fn last_evaluation(&self) -> Option<&Robustness> {
        self.evaluations.last()
    }

    /// The last report.
    pub fn last_report(&self) -> Option<&Report> {
        self.reports.last()
    }

    /// Takes note of an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Report(report) => {
                self.metrics.push(tables::metrics_row(report));
                self.timing.push(tables::timing_row(report));
                self.reports.push(Report::clone(report));
            }
            Event::Histograms(histograms) => {
                let table = self.histograms.get_or_insert_with(|| HistogramTable::new(histograms));
                table.push(histograms, &self.info.classes);
                self.last_histograms = Some(Histograms::clone(histograms));
            }
            Event::Robustness(evaluation) if evaluation.complete => {
                tables::robustness_rows(evaluation).into_iter().for_each(|row| self.robustness.push(row));
                self.evaluations.push(Robustness::clone(evaluation));
            }
            Event::Notice(text) => self.notices.push(text.clone()),
            Event::Failed(failure) => self.notices.push(format!("{}; {}", failure.what, failure.advice)),
            _ => {}
        }
    }

    /// Writes the tables if they have not been written for a while, so that a long run can be watched and survives.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn refresh(&mut self) -> Result<(), FolderError> {
        if self.last_write.elapsed() < BETWEEN_WRITES {
            return Ok(());
        }
        self.last_write = Instant::now();
        self.write_numbers(Outcome::Running)
    }

    /// Writes the tables and `run.json`.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write_numbers(&mut self, outcome: Outcome) -> Result<(), FolderError> {
        self.write_tables()?;
        self.write_summary(outcome)
    }

    /// Writes everything but the checkpoint.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`] and [`charts::ChartError`].
    pub fn write(&mut self, outcome: Outcome) -> Result<(), HeadlessError> {
        self.write_numbers(outcome)?;
        if !self.reports.is_empty() {
            self.folder.write("losses.png", &charts::losses(&self.reports)?)?;
            let accuracies = charts::accuracies(&self.reports, &self.evaluations, self.info.classes.len())?;
            self.folder.write("accuracies.png", &accuracies)?;
        }
        if let Some(histograms) = &self.last_histograms {
            self.folder.write("histograms.png", &charts::gradient_chart(histograms, &self.info.classes)?)?;
        }
        if let Some(evaluation) = self.evaluations.last() {
            let chart = charts::robustness(evaluation, self.info.config.hyper.epsilon)?;
            self.folder.write("robustness.png", &chart)?;
        }
        Ok(())
    }

    fn write_tables(&mut self) -> Result<(), FolderError> {
        self.folder.write("metrics.csv", self.metrics.bytes())?;
        self.folder.write("timing.csv", self.timing.bytes())?;
        self.folder.write("robustness.csv", self.robustness.bytes())?;
        let histograms = self.histograms.as_mut().map_or(&[][..], HistogramTable::bytes);
        self.folder.write("histograms.csv", histograms)
    }

    fn write_summary(&self, outcome: Outcome) -> Result<(), FolderError> {
        let summary = Summary {
            outcome,
            config: &self.info.config,
            device: &self.info.device,
            data: Data::of(&self.info),
            main_weights: self.info.main_weights,
            auxiliary_weights: self.info.auxiliary_weights,
            r#final: self.final_figures(),
            notices: &self.notices,
            command_line: std::env::args().collect(),
            versions: versions(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            started_unix_seconds: self.started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            wall_seconds: self.started.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
        };
        let path = self.folder.path().join("run.json");
        let json = serde_json::to_vec_pretty(&summary)
            .map_err(|error| FolderError::Unwritable { path, source: error.into() })?;
        self.folder.write("run.json", &json)
    }

    fn final_figures(&self) -> Option<Final<'_>> {
        let report = self.reports.last()?;
        let evaluation = self.evaluations.last();
        Some(Final {
            step: report.step,
            epoch: report.epoch,
            loss: report.loss,
            accuracy: report.accuracy,
            auxiliary_loss: report.auxiliary_loss,
            auxiliary_accuracy: report.auxiliary_accuracy,
            chance: 1.0 / self.info.classes.len() as f64,
            gradient_rms: report.gradient_rms,
            confusion: &report.confusion,
            histogram_distance: self.last_histograms.as_ref().map(|histograms| histograms.distance),
            histogram_floor: self.last_histograms.as_ref().map(|histograms| histograms.floor),
            training_seconds: report.elapsed.as_secs_f64(),
            steps_per_second: report.step as f64 / report.elapsed.as_secs_f64(),
            evaluation: evaluation.map(EvaluationRecord::of),
        })
    }
}

/// A `run.json`.
#[derive(Serialize)]
struct Summary<'a> {
    outcome: Outcome,
    config: &'a Config,
    device: &'a DeviceInfo,
    data: Data<'a>,
    main_weights: usize,
    auxiliary_weights: usize,
    r#final: Option<Final<'a>>,
    notices: &'a [String],
    command_line: Vec<String>,
    versions: serde_json::Map<String, serde_json::Value>,
    platform: String,
    started_unix_seconds: u64,
    wall_seconds: f64,
}

/// The data of a run in its `run.json`.
#[derive(Serialize)]
struct Data<'a> {
    name: &'a str,
    classes: &'a [String],
    image_shape: [usize; 3],
    train_images: usize,
    test_images: usize,
}

impl<'a> Data<'a> {
    fn of(info: &'a RunInfo) -> Self {
        Self {
            name: &info.data,
            classes: &info.classes,
            image_shape: info.image_shape,
            train_images: info.train_images,
            test_images: info.test_images,
        }
    }
}

/// The last figures of a run: losses and accuracies are averages over its last report.
#[derive(Serialize)]
struct Final<'a> {
    step: u64,
    epoch: f64,
    loss: f64,
    accuracy: f64,
    auxiliary_loss: f64,
    auxiliary_accuracy: f64,
    chance: f64,
    gradient_rms: f64,
    confusion: &'a [u32],
    histogram_distance: Option<f64>,
    histogram_floor: Option<f64>,
    training_seconds: f64,
    steps_per_second: f64,
    evaluation: Option<EvaluationRecord>,
}

/// A finished evaluation in a `run.json` or `robustness.json`.
#[derive(Serialize)]
pub struct EvaluationRecord {
    /// Steps done when it began.
    pub step: u64,
    /// Without attack.
    pub clean: ShareRecord,
    /// Attack by attack, radius by radius.
    pub attacks: Vec<AttackRecord>,
}

/// One attack at one radius.
#[derive(Serialize)]
pub struct AttackRecord {
    attack: &'static str,
    target: &'static str,
    epsilon: f64,
    robust: ShareRecord,
    success: Option<ShareRecord>,
}

/// A share with its 95 % Wilson interval.
#[derive(Serialize)]
pub struct ShareRecord {
    hits: u32,
    n: u32,
    value: f64,
    low: f64,
    high: f64,
}

impl ShareRecord {
    fn of(share: Share) -> Self {
        let (low, high) = share.interval();
        Self { hits: share.hits, n: share.total, value: share.value(), low, high }
    }
}

impl EvaluationRecord {
    /// The record of `evaluation`.
    pub fn of(evaluation: &Robustness) -> Self {
        let attacks = evaluation.curves.iter().flat_map(|curve| {
            curve.points.iter().map(|point| AttackRecord {
                attack: curve.attack.name(),
                target: curve.target.name(),
                epsilon: point.epsilon,
                robust: ShareRecord::of(point.robust),
                success: (point.fooled.total > 0).then(|| ShareRecord::of(point.fooled)),
            })
        });
        Self { step: evaluation.step, clean: ShareRecord::of(evaluation.clean), attacks: attacks.collect() }
    }
}

/// Versions of this program and of what computes for it, from the lock file it was built with.
fn versions() -> serde_json::Map<String, serde_json::Value> {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        after.split('"').next()
    };
    ["great-lab", "burn", "cubecl", "wgpu"]
        .into_iter()
        .filter_map(|name| Some((name.to_string(), version(name)?.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn record(path: &std::path::Path) -> Record {
        let folder = RunFolder::create(path, false).unwrap();
        Record::new(folder, fixtures::info(Config::default()).into(), vec!["no GPU".into()])
    }

    #[test]
    fn everything_is_written_and_reads_back() {
        let scratch = tempfile::tempdir().unwrap();
        let mut record = record(scratch.path());
        for i in 1..=20 {
            record.take(&Event::Report(fixtures::report(50 * i, 1000).into()));
        }
        record.take(&Event::Histograms(fixtures::histograms(1000).into()));
        let partial = Robustness { complete: false, ..fixtures::robustness(1000, 9) };
        record.take(&Event::Robustness(partial.into()));
        record.take(&Event::Robustness(fixtures::robustness(1000, 256).into()));
        record.write(Outcome::Finished).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(scratch.path().join("run.json")).unwrap()).unwrap();
        assert_eq!(json["outcome"], "finished");
        assert_eq!(serde_json::from_value::<Config>(json["config"].clone()).unwrap(), Config::default());
        assert_eq!(json["versions"]["great-lab"], env!("CARGO_PKG_VERSION"));
        assert!(json["versions"]["burn"].as_str().unwrap().starts_with("0."));
        assert_eq!(json["notices"][0], "no GPU");
        assert_eq!(json["final"]["evaluation"]["clean"]["n"], 256, "a partial evaluation is none");
        assert_eq!(json["final"]["evaluation"]["attacks"].as_array().unwrap().len(), 16);
        assert!(json["final"]["evaluation"]["attacks"][0]["robust"]["low"].as_f64().unwrap() > 0.0);
        let lines = |name: &str| std::fs::read_to_string(scratch.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("metrics.csv"), lines("timing.csv")), (21, 21));
        assert_eq!((lines("histograms.csv"), lines("robustness.csv")), (11, 18));
        for chart in ["losses.png", "accuracies.png", "histograms.png", "robustness.png"] {
            assert!(scratch.path().join(chart).is_file(), "{chart}");
        }
    }

    #[test]
    fn a_run_without_a_report_is_written_too() {
        let scratch = tempfile::tempdir().unwrap();
        let mut record = record(scratch.path());
        record.write(Outcome::Interrupted).unwrap();
        let json = std::fs::read_to_string(scratch.path().join("run.json")).unwrap();
        assert!(json.contains("\"interrupted\"") && json.contains("\"final\": null"), "{json}");
        assert!(scratch.path().join("histograms.csv").is_file());
    }
}
