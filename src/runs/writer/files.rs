//! Puts a run into its folder: now and then while it goes on, and all of it at its end.

use std::path::PathBuf;

use web_time::{Duration, Instant};

use super::gather::RunWriter;
use crate::config::ScenarioKind;
use crate::platform::files;
use crate::protocol::pace;
use crate::runs::checkpoints::step_in;
use crate::runs::record::{Ended, RunRecord};
use crate::runs::recording;
use crate::runs::run_folder::{CHECKPOINT, RunFolder};
use crate::runs::write::FolderError;
use crate::show::Chart;

/// Time between two writes of the tables while a run goes on, at least.
pub(super) const BETWEEN_WRITES: Duration = Duration::from_secs(30);

/// All files that a run may leave, but for earlier checkpoints.
pub const FILES: [&str; 19] = [
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
    PLANE,
];

/// The picture of a world as it was seen last.
pub const PLANE: &str = "plane.png";

impl RunWriter {
    /// Goes on in another folder: nothing of it is there before it is written.
    pub fn move_to(&mut self, path: PathBuf) {
        self.folder = RunFolder::at(path);
        self.checkpoints.forget();
    }

    /// Writes the tables, `run.json`, and the checkpoint where it is newer than what is there; nothing goes elsewhere.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file.
    pub fn write(&mut self, outcome: Ended) -> Result<(), FolderError> {
        self.write_numbers(outcome)?;
        let Some(bytes) = self.checkpoint.take_if(|_| self.is_checkpoint_due || !self.folder.has(CHECKPOINT))
        else {
            return Ok(());
        };
        let written = self.replace_checkpoint(&bytes, outcome);
        self.is_checkpoint_due = written.is_err();
        self.checkpoint = Some(bytes);
        written
    }

    /// Takes a checkpoint, to be written next time.
    pub fn take_checkpoint(&mut self, bytes: Vec<u8>) {
        self.checkpoint = Some(bytes);
        self.is_checkpoint_due = true;
    }

    /// Whether there is a checkpoint that is newer than what is in the folder.
    pub fn has_new_checkpoint(&self) -> bool {
        self.is_checkpoint_due
    }

    /// Puts a checkpoint in the place of the one in the folder, which may be kept under another name; the record says so.
    fn replace_checkpoint(&mut self, bytes: &[u8], outcome: Ended) -> Result<(), FolderError> {
        let step = step_in(bytes);
        self.checkpoints.put_aside(self.folder.path(), step);
        self.folder.write(CHECKPOINT, bytes)?;
        self.checkpoints.taken(step, bytes.len() as u64);
        self.thin();
        self.folder.write(RunRecord::FILE, self.record(outcome).text().as_bytes())
    }

    /// Gives up earlier checkpoints for which there is no room beside the recording.
    fn thin(&mut self) {
        let folder = self.folder.path();
        let recording = files::find(&folder.join(recording::FILE)).map_or(0, |found| found.bytes);
        self.checkpoints.thin(folder, recording);
    }

    /// Writes the tables if they have not been written for a while, so that a long run can be watched and survives. Says
    /// what somebody should know of it; where they cannot be written, the run goes on without.
    pub fn refresh(&mut self) -> Option<String> {
        let (last, took) = self.last_write;
        let least = pace::between(BETWEEN_WRITES, took);
        if last.elapsed() < least {
            return None;
        }
        let begin = Instant::now();
        let written = self.write_numbers(Ended::Running);
        self.last_write = (Instant::now(), begin.elapsed());
        match written {
            Ok(()) => self.folder.notice(),
            Err(error) => {
                let again = least.as_secs();
                Some(format!("warning: {error}; the work goes on, and this is tried again in {again} s"))
            }
        }
    }

    /// Writes the tables and `run.json`, and then a checkpoint of the run under way: where that is whole, they are too.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file; the checkpoint of before is as it was.
    pub fn write_checkpoint(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        let begin = Instant::now();
        let written =
            self.write_numbers(Ended::Running).and_then(|()| self.replace_checkpoint(bytes, Ended::Running));
        self.last_write = (Instant::now(), begin.elapsed());
        written
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
        let step = step_in(&*bytes);
        self.checkpoints.put_aside(self.folder.path(), step);
        self.folder.keep(CHECKPOINT, &bytes);
        self.checkpoints.taken(step, bytes.len() as u64);
        self.thin();
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

    /// Keeps a picture that somebody drew.
    pub fn keep_picture(&mut self, name: &str, bytes: &[u8]) {
        self.folder.keep(name, bytes);
    }

    /// What somebody should know of the folder: once.
    pub fn notice(&mut self) -> Option<String> {
        self.folder.notice()
    }

    /// The tables, and last `run.json`: where it says that a run is finished, the tables are there.
    pub(super) fn numbers(&mut self, outcome: Ended) -> Vec<(&'static str, Vec<u8>)> {
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
}
