//! The writer of a run that is a copy of another one under way: what was seen until then is of both.

use std::path::PathBuf;

use web_time::{Duration, Instant, SystemTime};

use super::gather::RunWriter;
use crate::protocol::RunInfo;
use crate::runs::record::{Before, Origin};
use crate::runs::recording::{Recording, Replay};
use crate::runs::run_folder::RunFolder;

impl RunWriter {
    /// The writer of a run that is a copy of this one as it stands; it has no folder yet.
    pub fn fork(&mut self, info: Box<RunInfo>) -> Self {
        Self {
            folder: RunFolder::at(PathBuf::new()),
            recording: self.recording_of(&info),
            checkpoint: self.checkpoint.clone(),
            is_checkpoint_due: true,
            checkpoints: self.checkpoints.fresh(),
            info,
            reports: self.reports.clone(),
            evaluations: self.evaluations.clone(),
            last_histograms: self.last_histograms.clone(),
            last_plane: self.last_plane.clone(),
            notices: self.notices.clone(),
            metrics: self.metrics.copy(),
            timing: self.timing.copy(),
            robustness: self.robustness.copy(),
            histograms: self.histograms.as_mut().map(|table| table.copy()),
            before: self.before.as_mut().map(|table| table.copy()),
            comparison: self.comparison.copy(),
            tasks: self.tasks.copy(),
            last_tasks: self.last_tasks.clone(),
            saturation: self.saturation.copy(),
            last_saturation: self.last_saturation.clone(),
            probe: self.probe.copy(),
            probes: self.probes.clone(),
            stopped: self.stopped,
            held_out: self.held_out.clone(),
            before_resumed: None,
            started: SystemTime::now(),
            began: Instant::now(),
            last_write: (Instant::now(), Duration::ZERO),
        }
    }

    /// What was recorded so far, as of another run.
    fn recording_of(&self, info: &RunInfo) -> Recording {
        let mut recording = Recording::new(info);
        // What was just packed can be unpacked.
        if let Ok(replay) = Replay::unpack(&*self.recording.bytes()) {
            replay.events.into_iter().for_each(|event| recording.take(&event.of_run(info.run)));
        }
        recording
    }

    /// Says in the record where the run comes from.
    pub fn set_origin(&mut self, origin: Origin) {
        self.before_resumed.get_or_insert_with(Before::default).forked_from = Some(origin);
    }
}
