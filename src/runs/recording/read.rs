//! A recording read back: as far as it makes sense, and why no further.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::{FILE, VERSION, check};
use crate::platform::files;
use crate::protocol::{Activity, Event, RunInfo, RunState};

/// Bytes that are read at most: more than is ever written.
const MOST_READ: u64 = 128 << 20;

/// Why a recording cannot be shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// There is none.
    #[error("there is no {FILE} in it, from which its charts are drawn: earlier versions wrote none")]
    Missing,
    /// It cannot be read.
    #[error("its {FILE} cannot be read: {0}")]
    Unreadable(String),
    /// Written by a later version.
    #[error("its {FILE} has format {0}, this program reads up to {VERSION}: use a newer version")]
    Version(u64),
    /// It is something else.
    #[error("its {FILE} is no recording of a run: {0}")]
    Malformed(String),
}

/// What a recording says.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The facts of the run.
    pub info: RunInfo,
    /// What came then, in order; the last says how far the run was, and is never that it goes on.
    pub events: Vec<Event>,
    /// Why what follows was left out, where something was.
    pub problem: Option<String>,
}

/// The first line.
#[derive(Deserialize)]
struct Head {
    recording: u64,
}

impl Replay {
    /// The recording in a run folder.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let unreadable = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => RecordingError::Missing,
            _ => RecordingError::Unreadable(error.to_string()),
        };
        Self::unpack(files::open(&folder.join(FILE)).map_err(unreadable)?)
    }

    /// The recording in a file, whoever wrote it: an event that could not have come from a run ends it.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn unpack(file: impl Read) -> Result<Self, RecordingError> {
        let mut bytes = Vec::new();
        // What was unpacked before a file is cut off says as much as it can.
        let unpacked = GzDecoder::new(file).take(MOST_READ + 1).read_to_end(&mut bytes);
        match unpacked {
            Err(error) if bytes.is_empty() => return Err(RecordingError::Malformed(error.to_string())),
            Ok(_) if bytes.len() as u64 > MOST_READ => {
                let most = MOST_READ >> 20;
                return Err(RecordingError::Unreadable(format!(
                    "it unpacks to more than {most} MiB, which none does"
                )));
            }
            _ => {}
        }
        let mut replay = Self::read(&bytes)?;
        if let (Err(error), None) = (unpacked, &replay.problem) {
            replay.problem = Some(format!("{FILE} is cut off or damaged ({error})"));
        }
        Ok(replay)
    }

    /// The same, of the bytes that were in the file.
    fn read(bytes: &[u8]) -> Result<Self, RecordingError> {
        let malformed = |error: &dyn std::fmt::Display| RecordingError::Malformed(error.to_string());
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let head: Head =
            serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|error| malformed(&error))?;
        if head.recording > u64::from(VERSION) {
            return Err(RecordingError::Version(head.recording));
        }
        let first = lines.next().ok_or_else(|| malformed(&"it ends after its first line"))?;
        let Event::Started(info) = serde_json::from_slice(first).map_err(|error| malformed(&error))? else {
            return Err(malformed(&"it does not begin with the facts of a run"));
        };
        check::facts(&info).map_err(|why| malformed(&why))?;
        let mut replay = Self { info: *info, events: Vec::new(), problem: None };
        replay.take(lines);
        Ok(replay)
    }

    /// Takes the events behind the first, as far as they make sense.
    fn take<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) {
        let mut step = 0;
        let mut state = None;
        for (number, line) in (3..).zip(lines) {
            let event = serde_json::from_slice::<Event>(line).map_err(|error| error.to_string());
            let checked = event.and_then(|event| check::event(&event, &self.info).map(|()| event));
            match checked {
                Ok(Event::State(found)) => state = Some(found),
                Ok(event) => {
                    if let Event::Report(report) = &event {
                        step = report.step;
                    }
                    self.events.push(event);
                }
                Err(why) if line.ends_with(b"\n") => {
                    self.problem = Some(format!("line {number} of {FILE} makes no sense ({why})"));
                    break;
                }
                Err(_) => {
                    self.problem = Some(format!("{FILE} is cut off in line {number}"));
                    break;
                }
            }
        }
        let activity = match state.map(|state| state.activity) {
            Some(Activity::Finished) => Activity::Finished,
            Some(Activity::Preparing | Activity::Paused | Activity::Running) | None => Activity::Paused,
        };
        let step = state.map_or(step, |state| state.step.max(step));
        self.events.push(Event::State(RunState { run: self.info.run, activity, step }));
    }
}
