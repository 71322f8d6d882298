//! Writes a run down: gathers its events and puts them into the run folder. Who draws its charts is given.

mod earlier;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use earlier::{Earlier, EarlierError};
use web_time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record::{Before, Ended, Latest, RunRecord};
use super::recording::{self, Recording};
use super::run_folder::{CHECKPOINT, RunFolder};
use super::tables::{self, HistogramTable};
use super::write::FolderError;
use crate::config::{Hyper, ScenarioKind};
use crate::protocol::{
    Comparison, Event, Histograms, Readings, Report, Robustness, RunInfo, Saturation, Stopped, Tasks,
};
use crate::show::columns::{self, Metric};
use crate::show::gradients::{gradients, probe, saturation};
use crate::show::{Chart, Table, charts};

/// Time between two writes of the tables while a run goes on.
const BETWEEN_WRITES: Duration = Duration::from_secs(30);

/// All files that a run may leave.
pub const FILES: [&str; 18] = [
    RunRecord::FILE,
    CHECKPOINT,
    recording::FILE,
    "metrics.csv",
    "timing.csv",
    "robustness.csv",
    "comparison.csv",
    "tasks.csv",
    "histograms_before.csv",
    "histograms.csv",
    "saturation.csv",
    "probe.csv",
    "losses.png",
    "accuracies.png",
    "histograms.png",
    "histograms_before.png",
    "saturation.png",
    "robustness.png",
];

/// A run as it was seen so far.
pub struct RunWriter {
    folder: RunFolder,
    /// The last checkpoint: what was written may be removed before the run ends.
    checkpoint: Option<Vec<u8>>,
    /// Whether it is newer than what is in the folder.
    is_checkpoint_due: bool,
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
    saturation: Table,
    last_saturation: Option<Saturation>,
    probe: Table,
    probes: Vec<Readings>,
    recording: Recording,
    stopped: Option<Stopped>,
    /// Step and clean accuracy of evaluations before the run was gone on with.
    held_out: Vec<[f64; 2]>,
    /// What the record says of then.
    before_resumed: Option<Before>,
    started: SystemTime,
    /// When this part of it began.
    began: Instant,
    last_write: Instant,
}

impl RunWriter {
    /// The writer of a run that begins now.
    pub fn new(folder: RunFolder, info: Box<RunInfo>, notices: Vec<String>) -> Self {
        Self {
            folder,
            recording: Recording::new(&info),
            checkpoint: None,
            is_checkpoint_due: false,
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
            saturation: tables::saturation(),
            last_saturation: None,
            probe: tables::probe(),
            probes: Vec::new(),
            stopped: None,
            held_out: Vec::new(),
            before_resumed: None,
            started: SystemTime::now(),
            began: Instant::now(),
            last_write: Instant::now(),
        }
    }

    /// The same for a run that goes on with what an `earlier` part of it left; `before` is what the record says of that.
    ///
    /// # Errors
    /// [`EarlierError::Malformed`].
    pub fn going_on(self, earlier: &Earlier, before: Before) -> Result<Self, EarlierError> {
        let started = before.started_unix_seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        Ok(Self {
            metrics: earlier.fill("metrics.csv", self.metrics)?,
            timing: earlier.fill("timing.csv", self.timing)?,
            robustness: earlier.fill("robustness.csv", self.robustness)?,
            comparison: earlier.fill("comparison.csv", self.comparison)?,
            tasks: earlier.fill("tasks.csv", self.tasks)?,
            saturation: earlier.fill("saturation.csv", self.saturation)?,
            probe: earlier.fill("probe.csv", self.probe)?,
            histograms: earlier.histograms("histograms.csv")?,
            before: earlier.histograms("histograms_before.csv")?,
            reports: earlier.reports(&self.info)?,
            held_out: earlier.held_out(),
            probes: earlier.probes(),
            recording: earlier.recording(&self.info),
            started: started.unwrap_or(self.started),
            before_resumed: Some(before),
            ..self
        })
    }

    /// Rows that each table has, by the names of their files.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let tables = [
            ("metrics.csv", &self.metrics),
            ("timing.csv", &self.timing),
            ("robustness.csv", &self.robustness),
            ("comparison.csv", &self.comparison),
            ("tasks.csv", &self.tasks),
            ("saturation.csv", &self.saturation),
            ("probe.csv", &self.probe),
        ];
        let histograms = [("histograms.csv", &self.histograms), ("histograms_before.csv", &self.before)];
        let histograms =
            histograms.into_iter().filter_map(|(name, table)| Some((name, table.as_ref()?.rows())));
        let all = tables.map(|(name, table)| (name, table.rows())).into_iter().chain(histograms);
        all.filter(|(_, rows)| *rows > 0).map(|(name, rows)| (name.to_owned(), rows)).collect()
    }

    /// Goes on in another folder: nothing of it is there before it is written.
    pub fn move_to(&mut self, path: PathBuf) {
        self.folder = RunFolder::at(path);
    }

    /// Writes the tables, `run.json`, and the checkpoint where it is newer than what is there; nothing goes elsewhere.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file.
    pub fn write(&mut self, outcome: Ended) -> Result<(), FolderError> {
        self.write_numbers(outcome)?;
        if let Some(bytes) = &self.checkpoint
            && (self.is_checkpoint_due || !self.folder.has(CHECKPOINT))
        {
            self.folder.write(CHECKPOINT, bytes)?;
            self.is_checkpoint_due = false;
        }
        Ok(())
    }

    /// Takes a checkpoint, to be written next time.
    pub fn take_checkpoint(&mut self, bytes: Vec<u8>) {
        self.checkpoint = Some(bytes);
        self.is_checkpoint_due = true;
    }

    /// Where it is written to.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The last finished evaluation.
    pub fn last_evaluation(&self) -> Option<&Robustness> {
        self.evaluations.last()
    }

    /// How many images are held out.
    pub fn held_out(&self) -> usize {
        self.info.test_images
    }

    /// What is trained.
    pub fn scenario(&self) -> ScenarioKind {
        self.info.config.setup.scenario
    }

    /// The knobs with ε in pixels.
    pub fn in_pixels(&self, hyper: &Hyper) -> Hyper {
        hyper.in_pixels(self.info.input_deviation)
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
        self.recording.take(event);
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
            Event::Saturation(found) => {
                self.saturation.extend(saturation::rows(found, &self.info.origins));
                self.last_saturation = Some(Saturation::clone(found));
            }
            Event::Probed(probed) => {
                self.probe.push(probe::row(&probed.readings));
                self.probes.push(probed.readings);
            }
            Event::Tasks(tasks) => {
                self.tasks.extend(tables::tasks_rows(tasks));
                self.last_tasks = Some(Tasks::clone(tasks));
            }
            Event::Robustness(evaluation) if evaluation.complete => {
                self.robustness.extend(columns::robustness(evaluation));
                self.evaluations.push(Robustness::clone(evaluation));
            }
            Event::Stopped(_, stopped) => self.stopped = Some(*stopped),
            Event::Notice(text) => self.notices.push(text.clone()),
            Event::Failed(failure) => self.notices.push(format!("{}; {}", failure.what, failure.advice)),
            _ => {}
        }
    }

    /// Writes the tables if they have not been written for a while, so that a long run can be watched and survives. Says
    /// what somebody should know of it; where they cannot be written, the run goes on without.
    pub fn refresh(&mut self) -> Option<String> {
        if self.last_write.elapsed() < BETWEEN_WRITES {
            return None;
        }
        self.last_write = Instant::now();
        match self.write_numbers(Ended::Running) {
            Ok(()) => self.folder.notice(),
            Err(error) => {
                let again = BETWEEN_WRITES.as_secs();
                Some(format!("warning: {error}; the work goes on, and this is tried again in {again} s"))
            }
        }
    }

    /// Writes the tables and `run.json`, and then a checkpoint of the run under way: where that is whole, they are too.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file; the checkpoint of before is as it was.
    pub fn write_checkpoint(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        self.last_write = Instant::now();
        self.write_numbers(Ended::Running)?;
        self.folder.write(CHECKPOINT, bytes)
    }

    fn write_numbers(&mut self, outcome: Ended) -> Result<(), FolderError> {
        for (name, bytes) in self.numbers(outcome) {
            self.folder.write(name, &bytes)?;
        }
        Ok(())
    }

    /// Keeps the tables and `run.json`.
    pub fn keep_numbers(&mut self, outcome: Ended) {
        for (name, bytes) in self.numbers(outcome) {
            self.folder.keep(name, &bytes);
        }
    }

    /// Keeps a checkpoint.
    pub fn keep_checkpoint(&mut self, bytes: Vec<u8>) {
        self.folder.keep(CHECKPOINT, &bytes);
        self.checkpoint = Some(bytes);
    }

    /// Keeps everything, the checkpoint too where it is gone; `picture` makes the file of a chart.
    ///
    /// # Errors
    /// Those of `picture`.
    pub fn keep_all<E>(
        &mut self,
        outcome: Ended,
        picture: impl Fn(&Chart) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        self.keep_numbers(outcome);
        if let Some(bytes) = self.checkpoint.as_ref().filter(|_| !self.folder.has(CHECKPOINT)) {
            self.folder.keep(CHECKPOINT, bytes);
        }
        for (name, chart) in self.charts() {
            self.folder.keep(name, &picture(&chart)?);
        }
        Ok(())
    }

    /// What somebody should know of the folder: once.
    pub fn notice(&mut self) -> Option<String> {
        self.folder.notice()
    }

    fn charts(&self) -> Vec<(&'static str, Chart)> {
        let mut all = Vec::new();
        if !self.reports.is_empty() {
            let points = |metric: Metric| -> Vec<[f64; 2]> {
                self.reports.iter().map(|report| [report.step as f64, metric.of(report)]).collect()
            };
            all.push(("losses.png", charts::losses(&points(Metric::Loss), &points(Metric::AuxiliaryLoss))));
            let held_out = self.evaluations.iter().map(|found| [found.step as f64, found.clean.value()]);
            let held_out: Vec<_> = self.held_out.iter().copied().chain(held_out).collect();
            let accuracies = charts::accuracies(
                &points(Metric::Accuracy),
                &points(Metric::AuxiliaryAccuracy),
                &held_out,
                &self.probes,
                self.info.origins.len(),
            );
            let target = self.reports.last().map_or(0.0, |report| report.hyper.alpha_target);
            let controlled = charts::controlled(&points(Metric::Alpha), target);
            let marks = [accuracies.marks, controlled].concat();
            all.push(("accuracies.png", Chart { marks, ..accuracies }));
        }
        if let Some(histograms) = &self.last_histograms {
            let title = match self.scenario() {
                ScenarioKind::Defense => "Gradient tensors, by class",
                ScenarioKind::Distillation => "Gradient tensors, by network",
                ScenarioKind::Multitask => "Gradient tensors behind alignment, by task",
            };
            all.push(("histograms.png", gradients(histograms, &self.info.origins, title)));
            if let Some(before) = &histograms.before {
                let title = "Gradient tensors before alignment, by task";
                all.push(("histograms_before.png", gradients(before, &self.info.origins, title)));
            }
        }
        if let Some(found) = &self.last_saturation {
            all.push(("saturation.png", saturation::margins(found)));
        }
        if let Some(evaluation) = self.evaluations.last() {
            for norm in evaluation.norms() {
                let epsilon = self.in_pixels(&self.info.config.hyper).epsilon;
                let chart = charts::robustness(evaluation, norm, epsilon);
                all.push((charts::robustness_file(norm), chart));
            }
        }
        all
    }

    /// The tables, and last `run.json`: where it says that a run is finished, the tables are there.
    fn numbers(&mut self, outcome: Ended) -> Vec<(&'static str, Vec<u8>)> {
        let mut all = vec![
            ("metrics.csv", self.metrics.bytes().to_vec()),
            ("timing.csv", self.timing.bytes().to_vec()),
            ("robustness.csv", self.robustness.bytes().to_vec()),
        ];
        if self.scenario() == ScenarioKind::Distillation {
            all.push(("comparison.csv", self.comparison.bytes().to_vec()));
        }
        if self.scenario() == ScenarioKind::Multitask {
            all.push(("tasks.csv", self.tasks.bytes().to_vec()));
        }
        if let Some(before) = &mut self.before {
            all.push(("histograms_before.csv", before.bytes().to_vec()));
        }
        let histograms = self.histograms.as_mut().map_or(Vec::new(), |table| table.bytes().to_vec());
        all.push(("histograms.csv", histograms));
        all.push(("saturation.csv", self.saturation.bytes().to_vec()));
        all.push(("probe.csv", self.probe.bytes().to_vec()));
        all.push((recording::FILE, self.recording.bytes()));
        all.push((RunRecord::FILE, self.record(outcome).text().into_bytes()));
        all
    }

    fn record(&self, outcome: Ended) -> RunRecord {
        let time = (self.started, self.began.elapsed());
        let latest = Latest {
            report: self.reports.last(),
            histograms: self.last_histograms.as_ref(),
            evaluation: self.evaluations.last(),
            tasks: self.last_tasks.as_ref(),
            saturation: self.last_saturation.as_ref(),
            probe: self.probes.last().copied(),
            stopped: self.stopped,
        };
        let record = RunRecord::new(outcome, &self.info, latest, &self.notices, time);
        match &self.before_resumed {
            Some(before) => record.going_on(before),
            None => record,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::{Share, made_up};

    /// In place of a picture, its title.
    fn titled(chart: &Chart) -> Result<Vec<u8>, std::convert::Infallible> {
        Ok(chart.title.clone().into_bytes())
    }

    fn writer(path: &std::path::Path) -> RunWriter {
        let folder = RunFolder::create(path, false, &FILES).unwrap();
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
        writer.take(&made_up::saturation(1, 1000).into());
        writer.take(&Event::Probed(made_up::probed(1, 1000)));
        let clean = Share { hits: 1, total: 9 };
        let partial = Robustness { clean, ..made_up::robustness(1, 1000, false) };
        writer.take(&partial.into());
        writer.take(&made_up::robustness(1, 1000, true).into());
        writer.keep_checkpoint(vec![1]);
        writer.keep_all(Ended::Finished, titled).unwrap();
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
        // A header; five figures, 24 bars, two of each of ten classes.
        assert_eq!(lines("saturation.csv"), 1 + 5 + 24 + 20);
        assert_eq!(json["final"]["saturation"]["certain"]["total"], 256);
        assert_eq!((lines("probe.csv"), &json["final"]["probe"]["fresh"]["total"]), (2, &256.into()));
        for chart in [
            "losses.png",
            "accuracies.png",
            "histograms.png",
            "histograms_before.png",
            "saturation.png",
            "robustness.png",
        ] {
            assert!(scratch.path().join(chart).is_file(), "{chart}");
        }
        for entry in std::fs::read_dir(scratch.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(FILES.contains(&&*name), "{name} is tried before the run");
        }
    }

    #[test]
    fn a_folder_that_takes_no_more_ends_no_run_and_its_files_are_elsewhere() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a");
        let mut writer = writer(&path);
        assert_eq!(writer.refresh(), None, "it is too early");
        std::fs::remove_dir_all(&path).unwrap();
        let long_ago = Instant::now().checked_sub(BETWEEN_WRITES).unwrap();
        writer.last_write = long_ago;
        let said = writer.refresh().unwrap();
        assert!(said.contains("a was gone") && path.join("run.json").is_file(), "{said}");
        writer.last_write = long_ago;
        assert_eq!(writer.refresh(), None, "it is said once");

        writer.keep_checkpoint(vec![1, 2, 3]);
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::write(&path, "a file in its place").unwrap();
        for _ in 0..2 {
            writer.last_write = long_ago;
            let said = writer.refresh().unwrap();
            assert!(said.starts_with("warning: cannot write ") && said.contains("goes on"), "{said}");
        }
        writer.keep_all(Ended::Finished, titled).unwrap();
        let said = writer.folder().outcome().unwrap_err().to_string();
        let place = scratch.path().join("a-rescued");
        assert!(said.contains(&place.display().to_string()), "{said}");
        assert_eq!(std::fs::read(place.join("checkpoint.safetensors")).unwrap(), [1, 2, 3]);
        let record = std::fs::read_to_string(place.join("run.json")).unwrap();
        assert!(record.contains("\"finished\""), "{record}");
    }

    /// Takes what is told at these steps, times 50.
    fn train(writer: &mut RunWriter, steps: std::ops::RangeInclusive<u64>) {
        for step in steps.map(|step| 50 * step) {
            writer.take(&made_up::report(1, step, Hyper::default()).into());
            let before = Some(made_up::histograms(1, step).into());
            writer.take(&Histograms { before, ..made_up::histograms(1, step) }.into());
            writer.take(&made_up::saturation(1, step).into());
            writer.take(&Event::Probed(made_up::probed(1, step)));
            writer.take(&made_up::robustness(1, step, true).into());
        }
    }

    #[test]
    fn a_writer_that_goes_on_writes_what_one_that_never_stopped_does() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| writer(&scratch.path().join(name));
        let (mut through, mut cut) = (at("through"), at("cut"));
        train(&mut through, 1..=6);
        train(&mut cut, 1..=3);
        let rows = cut.rows();
        // What came after the checkpoint.
        train(&mut cut, 4..=4);
        cut.keep_all(Ended::Running, titled).unwrap();
        let path = scratch.path().join("cut");
        for rows in [Some(&rows), None] {
            let earlier = Earlier::read(&path, 150, rows).unwrap();
            assert_eq!(earlier.record.as_ref().unwrap().last.as_ref().unwrap().step, 200);
            let before = Before {
                started_unix_seconds: Some(7),
                wall_seconds: 1e6,
                notices: vec!["once".into()],
                ..Before::default()
            };
            let mut resumed = at("resumed").going_on(&earlier, before).unwrap();
            assert!(rows.is_none_or(|rows| *rows == resumed.rows()));
            train(&mut resumed, 4..=6);
            let tables = |writer: &mut RunWriter| {
                let files = writer.numbers(Ended::Finished);
                files.into_iter().filter(|(name, _)| *name != RunRecord::FILE).collect::<Vec<_>>()
            };
            assert!(tables(&mut resumed) == tables(&mut through));
            let charts = |writer: &RunWriter| format!("{:?}", writer.charts());
            assert_eq!(charts(&resumed), charts(&through));
            let record = resumed.record(Ended::Finished);
            assert_eq!((record.started_unix_seconds, record.wall_seconds > 1e6), (7, true));
            assert_eq!(record.notices, ["once", "no GPU"]);
            std::fs::remove_dir_all(scratch.path().join("resumed")).unwrap();
        }
        let metrics = path.join("metrics.csv");
        std::fs::write(&metrics, "step,loss\n50,1\n").unwrap();
        let error = Earlier::read(&path, 150, Some(&rows)).unwrap_err().to_string();
        assert!(error.contains("metrics.csv has 1 rows, and 3 belong to the checkpoint"), "{error}");
        let earlier = Earlier::read(&path, 150, None).unwrap();
        let error = at("resumed").going_on(&earlier, Before::default()).err().unwrap().to_string();
        assert!(error.contains("metrics.csv is not the table of a run: its columns"), "{error}");
        let outside = BTreeMap::from([("../through/run.csv".to_owned(), 0), ("/etc/x.csv".to_owned(), 9)]);
        assert!(Earlier::read(&path, 150, Some(&outside)).is_ok(), "no other folder is looked at");
    }

    #[test]
    fn a_run_without_a_report_is_written_too() {
        let scratch = tempfile::tempdir().unwrap();
        let mut writer = writer(scratch.path());
        writer.keep_all(Ended::Interrupted, titled).unwrap();
        let json = std::fs::read_to_string(scratch.path().join("run.json")).unwrap();
        assert!(json.contains("\"interrupted\"") && json.contains("\"final\": null"), "{json}");
        assert!(scratch.path().join("histograms.csv").is_file());
    }
}
