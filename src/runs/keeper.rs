//! Keeps the runs of a window in its library, by itself: on a thread of its own, so that a slow disk holds up no picture, and
//! no training whatever the disk says.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

use web_time::{Duration, Instant};

use super::checkpoints::{self, Kept};
use super::library::{Claim, Library, LibraryError};
use super::record::Ended;
use super::run_folder::{RunFolder, default_name};
use super::writer::RunWriter;
use crate::platform;
use crate::protocol::{Activity, Checkpointed, Event, RunId, RunInfo, pace};

/// Messages under way. A disk that is behind by so many has not answered for minutes.
const UNDER_WAY: usize = 4096;
/// Events from before the first step that are kept for when it comes.
const EARLY: usize = 64;
/// Time between looks at whether there is something to write.
const LOOK: Duration = Duration::from_secs(1);
/// Time between two writes of a run that goes on, at least.
const BETWEEN_WRITES: Duration = Duration::from_secs(10);
/// Things said that nobody has heard yet.
const UNHEARD: usize = 16;

enum Message {
    Event(Box<Event>),
    /// All is to be written, and this is told when it is.
    End(SyncSender<()>),
}

/// What somebody should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The run of that number is kept, under this name.
    Keeps(RunId, String),
    /// The run of that number has these checkpoints.
    Checkpoints(RunId, Vec<Kept>),
    /// The run at hand is not kept at the moment: why.
    Trouble(String),
    /// It is again.
    Recovered,
}

/// The window's end: takes events, says what is wrong, waits for nothing.
pub struct Keeper {
    messages: SyncSender<Message>,
    said: Receiver<Said>,
    /// Whether events were lost because the disk did not answer, and that was said.
    is_behind: bool,
}

impl Keeper {
    /// Keeps what comes in `library`.
    ///
    /// # Errors
    /// Where there is no thread to do it on, as on a page.
    pub fn spawn(library: Library) -> std::io::Result<Self> {
        Self::with_room(library, checkpoints::ROOM)
    }

    /// The same with so many bytes for the earlier checkpoints and the recording of a run.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn with_room(library: Library, room: u64) -> std::io::Result<Self> {
        let (messages, inbox) = sync_channel(UNDER_WAY);
        let (voice, said) = sync_channel(UNHEARD);
        platform::aside("keeper", move || Work { library, voice, room, run: None }.go(&inbox))?;
        Ok(Self { messages, said, is_behind: false })
    }

    /// Takes note of an event; events that are not kept cost nothing.
    pub fn take(&mut self, event: &Event) {
        let is_kept = match event {
            Event::Robustness(found) => found.complete,
            Event::Audited(found) => found.complete,
            Event::Preparing(_) | Event::Pictures(_) | Event::Checkpoint(_) => false,
            Event::Started(_)
            | Event::State(_)
            | Event::Report(_)
            | Event::Histograms(_)
            | Event::Samples(_)
            | Event::Saturation(_)
            | Event::Probed(_)
            | Event::Tasks(_)
            | Event::Saved(_)
            | Event::Stopped(..)
            | Event::Notice(_)
            | Event::Failed(_) => true,
        };
        if is_kept {
            self.send(event.clone());
        }
    }

    /// Takes a checkpoint of a run under way, which is too large to be copied.
    pub fn take_checkpoint(&mut self, checkpoint: Checkpointed) {
        self.send(Event::Checkpoint(checkpoint));
    }

    fn send(&mut self, event: Event) {
        let sent = self.messages.try_send(Message::Event(Box::new(event)));
        self.is_behind |= matches!(sent, Err(TrySendError::Full(_)));
    }

    /// What is new: each thing once.
    pub fn said(&mut self) -> Option<Said> {
        self.said.try_recv().ok()
    }

    /// Writes all that is known, and waits for that, up to `patience`. Whether all is written.
    pub fn end(&mut self, patience: Duration) -> bool {
        let (done, is_done) = sync_channel(1);
        self.messages.try_send(Message::End(done)).is_ok() && is_done.recv_timeout(patience).is_ok()
    }

    /// Whether something was lost because the disk did not answer.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }
}

/// A run that has begun, and perhaps taken a step.
struct Run {
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
    run: RunId,
    name: String,
    early: Vec<Event>,
}

struct Work {
    library: Library,
    voice: SyncSender<Said>,
    /// Bytes for the earlier checkpoints and the recording of a run.
    room: u64,
    run: Option<Run>,
}

impl Work {
    fn go(mut self, inbox: &Receiver<Message>) {
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Message::Event(event)) => self.take(*event),
                Ok(Message::End(done)) => {
                    self.finish();
                    // Whoever asked may have lost patience.
                    let _ = done.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish();
                    return;
                }
            }
            if let Some(run) = self.run.as_mut().filter(|run| run.is_time()) {
                run.write(&self.library, &self.voice);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started(info) => {
                self.finish();
                self.run = Some(Run::new(info, self.room));
            }
            event => {
                if let Some(run) = &mut self.run {
                    run.take(event);
                }
            }
        }
    }

    /// Writes a run that does not go on.
    fn finish(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        if run.outcome == Ended::Running {
            run.outcome = Ended::Interrupted;
        }
        if run.is_under_way {
            run.write(&self.library, &self.voice);
        }
    }
}

impl Run {
    fn new(info: Box<RunInfo>, room: u64) -> Self {
        let nowhere = RunFolder::at(std::path::PathBuf::new());
        Self {
            begin: None,
            is_under_way: false,
            claim: None,
            outcome: Ended::Running,
            is_due: false,
            written: None,
            is_in_trouble: false,
            run: info.run,
            name: default_name(&info.config.setup),
            early: Vec::new(),
            writer: RunWriter::new(nowhere, info, Vec::new()).with_room(room),
        }
    }

    fn take(&mut self, event: Event) {
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
            Event::Checkpoint(found) if found.run == self.run => self.writer.take_checkpoint(found.bytes),
            event if event.run().is_none_or(|run| run == self.run) => {
                self.writer.take(&event);
            }
            _stale => {}
        }
    }

    /// Whether it is to be written now: soon after its first step and its end, with each checkpoint, and from then on as often
    /// as is cheap.
    fn is_time(&self) -> bool {
        let every = if self.writer.has_new_checkpoint() { Duration::ZERO } else { BETWEEN_WRITES };
        let is_early = |(at, took): (Instant, Duration)| at.elapsed() < pace::between(every, took);
        let is_end = self.outcome != Ended::Running && self.written.is_some_and(|(_, took)| took < LOOK);
        self.is_under_way && self.is_due && (!self.written.is_some_and(is_early) || is_end)
    }

    /// Writes all that is known. What goes wrong is said once, until it goes well again.
    fn write(&mut self, library: &Library, voice: &SyncSender<Said>) {
        let begin = Instant::now();
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
