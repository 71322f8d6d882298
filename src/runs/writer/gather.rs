//! A run as it was seen so far: its events as tables, and what its record says of them.

use std::collections::BTreeMap;

use web_time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::earlier::{Earlier, EarlierError};
use crate::config::{Hyper, ScenarioKind, Setup};
use crate::protocol::{
    Comparison, Event, Histograms, Plane, Readings, Report, Robustness, RunInfo, Saturation, Stopped, Tasks,
};
use crate::runs::checkpoints::{self, Checkpoints, Kept};
use crate::runs::record::{Before, Ended, Latest, RunRecord};
use crate::runs::recording::Recording;
use crate::runs::run_folder::RunFolder;
use crate::runs::tables::{self, HistogramTable};
use crate::show::gradients::{probe, saturation};
use crate::show::{Table, columns};

/// A run as it was seen so far.
pub struct RunWriter {
    pub(super) folder: RunFolder,
    /// The last checkpoint: what was written may be removed before the run ends.
    pub(super) checkpoint: Option<Vec<u8>>,
    /// Whether it is newer than what is in the folder.
    pub(super) is_checkpoint_due: bool,
    /// What is kept of those before it.
    pub(super) checkpoints: Checkpoints,
    pub(super) info: Box<RunInfo>,
    pub(super) reports: Vec<Report>,
    pub(super) evaluations: Vec<Robustness>,
    pub(super) last_histograms: Option<Histograms>,
    pub(super) last_plane: Option<Box<Plane>>,
    pub(super) notices: Vec<String>,
    pub(super) metrics: Table,
    pub(super) timing: Table,
    pub(super) robustness: Table,
    pub(super) histograms: Option<HistogramTable>,
    pub(super) before: Option<HistogramTable>,
    pub(super) comparison: Table,
    pub(super) tasks: Table,
    pub(super) last_tasks: Option<Tasks>,
    pub(super) saturation: Table,
    pub(super) last_saturation: Option<Saturation>,
    pub(super) probe: Table,
    pub(super) probes: Vec<Readings>,
    pub(super) recording: Recording,
    pub(super) stopped: Option<Stopped>,
    /// Step and clean accuracy of evaluations before the run was gone on with.
    pub(super) held_out: Vec<[f64; 2]>,
    /// What the record says of then.
    pub(super) before_resumed: Option<Before>,
    pub(super) started: SystemTime,
    /// When this part of it began.
    pub(super) began: Instant,
    /// When it was written last by the clock, and how long that took.
    pub(super) last_write: (Instant, Duration),
}

impl RunWriter {
    /// The writer of a run that begins now.
    pub fn new(folder: RunFolder, info: Box<RunInfo>, notices: Vec<String>) -> Self {
        Self {
            folder,
            recording: Recording::new(&info),
            checkpoint: None,
            is_checkpoint_due: false,
            checkpoints: Checkpoints::new(checkpoints::ROOM),
            info,
            reports: Vec::new(),
            evaluations: Vec::new(),
            last_histograms: None,
            last_plane: None,
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
            last_write: (Instant::now(), Duration::ZERO),
        }
    }

    /// The world as it was seen last, where the run is on one.
    pub fn plane(&self) -> Option<&Plane> {
        self.last_plane.as_deref()
    }

    /// What the run is.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The same with so many bytes for earlier checkpoints and the recording.
    pub fn with_room(self, room: u64) -> Self {
        Self { checkpoints: Checkpoints::new(room), ..self }
    }

    /// The same in the folder of an earlier part of the run, with the checkpoints that it left there.
    pub fn with_earlier_checkpoints(mut self) -> Self {
        self.checkpoints.find(self.folder.path());
        self
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

    /// The checkpoints in its folder, that of the fewest steps first.
    pub fn checkpoints(&self) -> Vec<Kept> {
        self.checkpoints.all()
    }

    /// What is trained.
    pub fn scenario(&self) -> ScenarioKind {
        self.info.config.setup.scenario
    }

    /// What is fixed of it.
    pub fn setup(&self) -> &Setup {
        &self.info.config.setup
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
            Event::Plane(plane) => self.last_plane = Some(plane.clone()),
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

    pub(super) fn record(&self, outcome: Ended) -> RunRecord {
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
        let mut record = RunRecord::new(outcome, &self.info, latest, &self.notices, time);
        record.checkpoints = self.checkpoints.all();
        match &self.before_resumed {
            Some(before) => record.going_on(before),
            None => record,
        }
    }
}
