//! A run that is being kept: what came of it so far, when it is to be written, and where.

use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use web_time::{Duration, Instant};

use crate::config::{Hyper, knobs};
use crate::protocol::{Activity, Event, RunId, RunInfo, pace};
use crate::runs::checkpoints::Kept;
use crate::runs::library::{Claim, Library, LibraryError, MadeRoom};
use crate::runs::record::{Before, Ended, Origin, Turned};
use crate::runs::run_folder::{RunFolder, default_name};
use crate::runs::writer::{Earlier, RunWriter};

/// Time between looks at whether there is something to write.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Events from before the first step that are kept for when it comes.
const EARLY: usize = 64;
/// Time between two writes of a run that goes on, at least.
const BETWEEN_WRITES: Duration = Duration::from_secs(10);
/// What the name of a fork's folder ends in, but for its number.
const FORK: &str = "-fork";

/// What somebody should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The run of that number is kept, under this name.
    Keeps(RunId, String),
    /// The run of that number has these checkpoints.
    Checkpoints(RunId, Vec<Kept>),
    /// Something was given up for want of room, or there is no room and nothing to give up.
    MadeRoom(MadeRoom),
    /// The run at hand is not kept at the moment: why.
    Trouble(String),
    /// It is again.
    Recovered,
}

/// A run that has begun, and perhaps taken a step.
pub(super) struct Run {
    writer: RunWriter,
    /// The step at which it began: that of a checkpoint, or 0.
    begin: Option<u64>,
    /// Whether it has taken a step: before, nothing is written.
    is_under_way: bool,
    /// Its folder; none before the first step, and while none can be made.
    claim: Option<Claim>,
    outcome: Ended,
    /// Whether something came since it was written.
    is_due: bool,
    /// When it was written last, and how long that took.
    written: Option<(Instant, Duration)>,
    /// Whether it was said that it cannot be written.
    is_in_trouble: bool,
    pub(super) run: RunId,
    name: String,
    early: Vec<Event>,
    forked: Option<Forking>,
}

/// Where a run comes from that is a copy of another one.
struct Forking {
    /// The other one, where that goes on beside it; none of a copy of a kept run.
    parent: Option<RunId>,
    /// The knobs of both when it was copied.
    hyper: Hyper,
    /// As the record says it; of no folder as long as the other one has none.
    origin: Origin,
    /// Whether what is turned is still told: as long as the other one goes on beside it, and of a copy of a kept run until it
    /// has gone on.
    is_open: bool,
}

impl Run {
    pub(super) fn new(info: Box<RunInfo>, room: u64) -> Self {
        let (run, name) = (info.run, default_name(&info.config.setup));
        let nowhere = RunFolder::at(PathBuf::new());
        Self::begun(run, name, RunWriter::new(nowhere, info, Vec::new()).with_room(room))
    }

    /// One that has no folder yet, which will be called after `name`.
    const fn begun(run: RunId, name: String, writer: RunWriter) -> Self {
        Self {
            begin: None,
            is_under_way: false,
            claim: None,
            outcome: Ended::Running,
            is_due: false,
            written: None,
            is_in_trouble: false,
            run,
            name,
            early: Vec::new(),
            forked: None,
            writer,
        }
    }

    /// A copy of the run that was kept in `folder`, from its checkpoint of that step on: with all that was written of it until
    /// then, as far as that can be read.
    pub(super) fn going_on((info, room): (Box<RunInfo>, u64), folder: &Path, step: u64) -> Self {
        let earlier = Earlier::read(folder, step, None).unwrap_or_else(|_| Earlier::none(step));
        let last = earlier.record.as_ref().and_then(|record| record.last.clone());
        let run = std::path::absolute(folder).unwrap_or_else(|_| folder.into()).display().to_string();
        let origin = Origin { run, step, changed: Vec::new() };
        let forked = Forking { parent: None, hyper: info.config.hyper, origin, is_open: true };
        let before = Before {
            forked_from: Some(forked.origin.clone()),
            last: last.filter(|last| last.step <= step),
            ..Before::default()
        };
        let name = format!("{}{FORK}", default_name(&info.config.setup));
        let new = || RunWriter::new(RunFolder::at(PathBuf::new()), info.clone(), Vec::new()).with_room(room);
        let writer = new()
            .going_on(&earlier, before.clone())
            .or_else(|_| new().going_on(&Earlier::none(step), before));
        Self { forked: Some(forked), ..Self::begun(info.run, name, writer.unwrap_or_else(|_| new())) }
    }

    pub(super) fn take(&mut self, event: Event) {
        let is_step = match &event {
            Event::Report(report) => report.run == self.run,
            Event::State(state) if state.run >= self.run => {
                let is_step = self.begin.is_some_and(|begin| state.step > begin);
                self.begin.get_or_insert(state.step);
                match state.activity {
                    Activity::Finished => self.outcome = Ended::Finished,
                    Activity::Running => self.outcome = Ended::Running,
                    Activity::Preparing | Activity::Paused => {}
                }
                is_step
            }
            Event::Failed(failure) => {
                if failure.run == self.run {
                    self.outcome = Ended::Failed;
                }
                false
            }
            _ => false,
        };
        if is_step && !self.is_under_way {
            self.is_under_way = true;
            std::mem::take(&mut self.early).into_iter().for_each(|event| self.note(event));
        }
        if self.is_under_way {
            self.note(event);
        } else if !matches!(event, Event::Saved(_) | Event::Checkpoint(_)) {
            if self.early.len() >= EARLY {
                self.early.remove(0);
            }
            self.early.push(event);
        }
    }

    fn note(&mut self, event: Event) {
        self.is_due = true;
        match event {
            Event::Saved(bytes) => self.writer.take_checkpoint(bytes),
            Event::Checkpoint(checkpoint) if checkpoint.run == self.run => {
                self.writer.take_checkpoint(checkpoint.bytes);
            }
            event if event.run().is_none_or(|run| run == self.run) || matches!(event, Event::State(_)) => {
                self.writer.take(&event);
            }
            _stale => {}
        }
    }

    /// A copy of it that goes on beside it. It has no folder before its first step.
    pub(super) fn fork(&mut self, info: Box<RunInfo>) -> Self {
        let step = info.forked.map_or(0, |forked| forked.step);
        let origin = Origin { run: String::new(), step, changed: Vec::new() };
        let hyper = info.config.hyper;
        let name = self.name.strip_suffix(FORK).unwrap_or(&self.name);
        Self {
            early: self.early.iter().map(|event| event.clone().of_run(info.run)).collect(),
            forked: Some(Forking { parent: Some(self.run), hyper, origin, is_open: true }),
            ..Self::begun(info.run, format!("{name}{FORK}"), self.writer.fork(info))
        }
    }

    /// Whether it is a copy of another run of the window.
    pub(super) fn is_fork(&self) -> bool {
        self.forked.as_ref().is_some_and(|forked| forked.parent.is_some())
    }

    /// The run that it is a copy of, as long as that goes on beside it.
    pub(super) fn parent(&self) -> Option<RunId> {
        self.forked.as_ref().filter(|forked| forked.is_open)?.parent
    }

    /// Its folder, once it has one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.claim.as_ref().map(|claim| claim.path.clone())
    }

    /// It does not go on; whether there is something to write.
    pub(super) fn end(&mut self) -> bool {
        if self.outcome == Ended::Running {
            self.outcome = Ended::Interrupted;
        }
        self.is_under_way
    }

    /// The other of two runs is gone.
    pub(super) fn leave(&mut self, gone: &Self) {
        self.note_origin(gone.folder());
        if let Some(forked) = self.forked.as_mut().filter(|forked| forked.parent == Some(gone.run)) {
            forked.is_open = false;
        }
    }

    /// Has the record say where it comes from; `parent` is the folder of the other one, once that has one.
    fn note_origin(&mut self, parent: Option<PathBuf>) {
        let now = self.writer.last_report().map(|report| (report.step, report.hyper));
        let Some(forked) = self.forked.as_mut().filter(|forked| forked.is_open) else { return };
        if let Some(parent) = parent {
            forked.origin.run = std::path::absolute(&parent).unwrap_or(parent).display().to_string();
        }
        // What was reported before is of the other one.
        let now = now.filter(|(step, _)| *step > forked.origin.step).map(|(_, hyper)| hyper);
        // Alone it is turned like any other run from then on.
        forked.is_open = forked.parent.is_some() || now.is_none();
        let now = now.unwrap_or(forked.hyper);
        let turned = knobs::turned_live(forked.hyper, now).into_iter();
        forked.origin.changed =
            turned.map(|(knob, from, to)| Turned { knob: knob.name.into(), from, to }).collect();
        self.writer.set_origin(forked.origin.clone());
    }

    /// Whether it is to be written now: soon after its first step and its end, with each checkpoint, and from then on as often
    /// as is cheap.
    pub(super) fn is_time(&self) -> bool {
        let every = if self.writer.has_new_checkpoint() { Duration::ZERO } else { BETWEEN_WRITES };
        let is_early = |(at, took): (Instant, Duration)| at.elapsed() < pace::between(every, took);
        let is_end = self.outcome != Ended::Running && self.written.is_some_and(|(_, took)| took < LOOK);
        self.is_under_way && self.is_due && (!self.written.is_some_and(is_early) || is_end)
    }

    /// Writes all that is known. What goes wrong is said once, until it goes well again. `parent` is the folder of the run
    /// that it is a copy of.
    pub(super) fn write(&mut self, (library, voice): (&Library, &SyncSender<Said>), parent: Option<PathBuf>) {
        let begin = Instant::now();
        self.note_origin(parent);
        let outcome = self.write_now(library, voice);
        self.written = Some((Instant::now(), begin.elapsed()));
        // Who listens no more has closed the window.
        match outcome {
            Ok(()) => {
                self.is_due = false;
                if std::mem::take(&mut self.is_in_trouble) {
                    let _ = voice.try_send(Said::Recovered);
                }
            }
            Err(error) if !self.is_in_trouble => {
                self.is_in_trouble = voice.try_send(Said::Trouble(error.to_string())).is_ok();
            }
            Err(_) => {}
        }
    }

    fn write_now(&mut self, library: &Library, voice: &SyncSender<Said>) -> Result<(), LibraryError> {
        // A folder that was removed, or that somebody made anew, is no longer ours: then it goes on in another.
        if self.claim.as_ref().is_none_or(|claim| !claim.lock.holds()) {
            self.claim = None;
            let claim = library.claim(&self.name)?;
            self.writer.move_to(claim.path.clone());
            let _ = voice.try_send(Said::Keeps(self.run, claim.id.clone()));
            self.claim = Some(claim);
        }
        let has_checkpoint = self.writer.has_new_checkpoint();
        self.writer.write(self.outcome)?;
        if has_checkpoint {
            let _ = voice.try_send(Said::Checkpoints(self.run, self.writer.checkpoints()));
        }
        Ok(())
    }
}
