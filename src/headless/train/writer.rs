//! Writes a run down: gathers its events and puts them into the run folder.

use web_time::{Duration, Instant, SystemTime};

use crate::config::ScenarioKind;
use crate::headless::error::HeadlessError;
use crate::headless::files::charts::png;
use crate::headless::files::run_folder::{FolderError, RunFolder};
use crate::headless::files::tables::{self, HistogramTable};
use crate::protocol::{Comparison, Event, Histograms, Report, Robustness, RunInfo, Tasks};
use crate::show::columns::{self, Metric};
use crate::show::gradients::gradients;
use crate::show::{Table, charts};
use crate::train::record::{Ended, Latest, RunRecord};

/// Time between two writes of the tables while a run goes on.
const BETWEEN_WRITES: Duration = Duration::from_secs(30);

/// A run as it was seen so far.
pub struct RunWriter {
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
    before: Option<HistogramTable>,
    comparison: Table,
    tasks: Table,
    last_tasks: Option<Tasks>,
    started: SystemTime,
    last_write: Instant,
}

impl RunWriter {
    /// The writer of a run that begins now.
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
            before: None,
            comparison: tables::comparison(),
            tasks: tables::tasks(),
            last_tasks: None,
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

    /// What is trained.
    pub fn scenario(&self) -> ScenarioKind {
        self.info.config.setup.scenario
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.info.classes
    }

    /// The last comparison of student and teacher.
    pub fn last_comparison(&self) -> Option<&Comparison> {
        self.last_histograms.as_ref()?.comparison.as_ref()
    }

    /// The newest figures of several tasks.
    pub fn last_tasks(&self) -> Option<&Tasks> {
        self.last_tasks.as_ref()
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
                table.push(histograms, &self.info.origins);
                if let Some(before) = &histograms.before {
                    let table = self.before.get_or_insert_with(|| HistogramTable::new(before));
                    table.push(before, &self.info.origins);
                }
                self.comparison.extend(tables::comparison_row(histograms));
                self.last_histograms = Some(Histograms::clone(histograms));
            }
            Event::Tasks(tasks) => {
                self.tasks.extend(tables::tasks_rows(tasks));
                self.last_tasks = Some(Tasks::clone(tasks));
            }
            Event::Robustness(evaluation) if evaluation.complete => {
                self.robustness.extend(columns::robustness(evaluation));
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
        self.write_numbers(Ended::Running)
    }

    /// Writes the tables and `run.json`.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write_numbers(&mut self, outcome: Ended) -> Result<(), FolderError> {
        self.write_tables()?;
        self.write_record(outcome)
    }

    /// Writes everything but the checkpoint.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`] and [`ChartError`](crate::headless::files::charts::ChartError).
    pub fn write(&mut self, outcome: Ended) -> Result<(), HeadlessError> {
        self.write_numbers(outcome)?;
        if !self.reports.is_empty() {
            let points = |metric: Metric| -> Vec<[f64; 2]> {
                self.reports.iter().map(|report| [report.step as f64, metric.of(report)]).collect()
            };
            let losses = charts::losses(&points(Metric::Loss), &points(Metric::AuxiliaryLoss));
            self.folder.write("losses.png", &png(&losses)?)?;
            let held_out: Vec<_> =
                self.evaluations.iter().map(|found| [found.step as f64, found.clean.value()]).collect();
            let accuracies = charts::accuracies(
                &points(Metric::Accuracy),
                &points(Metric::AuxiliaryAccuracy),
                &held_out,
                self.info.origins.len(),
            );
            self.folder.write("accuracies.png", &png(&accuracies)?)?;
        }
        if let Some(histograms) = &self.last_histograms {
            let chart = |histograms, title: &str| png(&gradients(histograms, &self.info.origins, title));
            let title = match self.scenario() {
                ScenarioKind::Defense => "Gradient tensors, by class",
                ScenarioKind::Distillation => "Gradient tensors, by network",
                ScenarioKind::Multitask => "Gradient tensors behind alignment, by task",
            };
            self.folder.write("histograms.png", &chart(histograms, title)?)?;
            if let Some(before) = &histograms.before {
                let chart = chart(before, "Gradient tensors before alignment, by task")?;
                self.folder.write("histograms_before.png", &chart)?;
            }
        }
        if let Some(evaluation) = self.evaluations.last() {
            for norm in evaluation.norms() {
                let chart = charts::robustness(evaluation, norm, self.info.config.hyper.epsilon);
                self.folder.write(charts::robustness_file(norm), &png(&chart)?)?;
            }
        }
        Ok(())
    }

    fn write_tables(&mut self) -> Result<(), FolderError> {
        self.folder.write("metrics.csv", self.metrics.bytes())?;
        self.folder.write("timing.csv", self.timing.bytes())?;
        self.folder.write("robustness.csv", self.robustness.bytes())?;
        if self.scenario() == ScenarioKind::Distillation {
            self.folder.write("comparison.csv", self.comparison.bytes())?;
        }
        if self.scenario() == ScenarioKind::Multitask {
            self.folder.write("tasks.csv", self.tasks.bytes())?;
        }
        if let Some(before) = &mut self.before {
            self.folder.write("histograms_before.csv", before.bytes())?;
        }
        let histograms = self.histograms.as_mut().map_or(&[][..], HistogramTable::bytes);
        self.folder.write("histograms.csv", histograms)
    }

    fn write_record(&self, outcome: Ended) -> Result<(), FolderError> {
        let time = (self.started, self.started.elapsed().unwrap_or_default());
        let latest = Latest {
            report: self.reports.last(),
            histograms: self.last_histograms.as_ref(),
            evaluation: self.evaluations.last(),
            tasks: self.last_tasks.as_ref(),
        };
        let record = RunRecord::new(outcome, &self.info, latest, &self.notices, time);
        self.folder.write(RunRecord::FILE, record.text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Hyper};
    use crate::protocol::{Share, made_up};

    fn writer(path: &std::path::Path) -> RunWriter {
        let folder = RunFolder::create(path, false).unwrap();
        RunWriter::new(folder, made_up::info(1, Config::default()).into(), vec!["no GPU".into()])
    }

    #[test]
    fn everything_is_written_and_reads_back() {
        let scratch = tempfile::tempdir().unwrap();
        let mut writer = writer(scratch.path());
        for i in 1..=20 {
            writer.take(&made_up::report(1, 50 * i, Hyper::default()).into());
        }
        let before = Some(made_up::histograms(1, 1000).into());
        writer.take(&Histograms { before, ..made_up::histograms(1, 1000) }.into());
        let clean = Share { hits: 1, total: 9 };
        let partial = Robustness { clean, ..made_up::robustness(1, 1000, false) };
        writer.take(&partial.into());
        writer.take(&made_up::robustness(1, 1000, true).into());
        writer.write(Ended::Finished).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(scratch.path().join("run.json")).unwrap()).unwrap();
        assert_eq!(json["outcome"], "finished");
        assert_eq!(serde_json::from_value::<Config>(json["config"].clone()).unwrap(), Config::default());
        assert_eq!(json["versions"]["great-lab"], env!("CARGO_PKG_VERSION"));
        assert!(json["versions"]["burn"].as_str().unwrap().starts_with("0."));
        assert_eq!(json["notices"][0], "no GPU");
        assert_eq!(json["final"]["evaluation"]["clean"]["n"], 256, "a partial evaluation is none");
        assert_eq!(json["final"]["evaluation"]["attacks"].as_array().unwrap().len(), 30);
        assert!(json["final"]["evaluation"]["attacks"][0]["robust"]["low"].as_f64().unwrap() > 0.0);
        let lines = |name: &str| std::fs::read_to_string(scratch.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("metrics.csv"), lines("timing.csv")), (21, 21));
        // A header; no attack, 30 points of attacks, 5 of the worst case.
        assert_eq!((lines("histograms.csv"), lines("robustness.csv")), (11, 1 + 1 + 30 + 5));
        assert_eq!(lines("histograms_before.csv"), lines("histograms.csv"));
        for chart in
            ["losses.png", "accuracies.png", "histograms.png", "histograms_before.png", "robustness.png"]
        {
            assert!(scratch.path().join(chart).is_file(), "{chart}");
        }
    }

    #[test]
    fn a_run_without_a_report_is_written_too() {
        let scratch = tempfile::tempdir().unwrap();
        let mut writer = writer(scratch.path());
        writer.write(Ended::Interrupted).unwrap();
        let json = std::fs::read_to_string(scratch.path().join("run.json")).unwrap();
        assert!(json.contains("\"interrupted\"") && json.contains("\"final\": null"), "{json}");
        assert!(scratch.path().join("histograms.csv").is_file());
    }
}
