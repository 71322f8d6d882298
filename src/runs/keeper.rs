//! Keeps the runs of a window in its library, by itself: on a thread of its own, so that a slow disk holds up no picture, and
//! no training whatever the disk says; or in turns, where there are no threads.

mod kept;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

pub use kept::Said;
use kept::{LOOK, Run};
use web_time::{Duration, Instant};

use super::checkpoints::ROOM;
use super::library::Library;
use crate::platform::{self, Standing, files};
use crate::protocol::{Checkpointed, Event, RunInfo};

/// Messages under way. A disk that is behind by so many has not answered for minutes.
const UNDER_WAY: usize = 4096;
/// Things said that nobody has heard yet.
const UNHEARD: usize = 16;

enum Message {
    Event(Box<Event>),
    /// The folder of the run of which the next one is a copy that is a copy of a kept one.
    Origin(PathBuf),
    /// All is to be written, and this is told when it is.
    End(SyncSender<()>),
}

/// The window's end: takes events, says what is wrong, waits for nothing.
pub struct Keeper {
    messages: SyncSender<Message>,
    said: Receiver<Said>,
    /// Whether events were lost because the disk did not answer, and that was said.
    is_behind: bool,
    /// What is done in turns, where there is no thread for it.
    here: Option<(Work, Receiver<Message>)>,
    /// When it was looked last whether something was due.
    looked: Option<Instant>,
}

impl Keeper {
    /// Keeps what comes in `library`.
    ///
    /// # Errors
    /// Where the system gives no thread to do it on.
    pub fn spawn(library: Library) -> std::io::Result<Self> {
        Self::with_room(library, ROOM)
    }

    /// The same with so many bytes for the earlier checkpoints and the recording of a run.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn with_room(library: Library, room: u64) -> std::io::Result<Self> {
        let mut keeper = Self::in_turns(library, room);
        if platform::HAS_THREADS
            && let Some((work, inbox)) = keeper.here.take()
        {
            platform::aside("keeper", move || work.go(&inbox))?;
        }
        Ok(keeper)
    }

    /// The same without a thread: it has to be given its [turns](Self::turn).
    pub fn in_turns(library: Library, room: u64) -> Self {
        let (messages, inbox) = sync_channel(UNDER_WAY);
        let (voice, said) = sync_channel(UNHEARD);
        let work = Work { library, voice, room, runs: Vec::new(), origin: None, is_full: false };
        Self { messages, said, is_behind: false, here: Some((work, inbox)), looked: None }
    }

    /// Without a thread: takes in what has come, and from time to time writes what is due. Once a frame.
    pub fn turn(&mut self) {
        let Some((work, inbox)) = self.here.as_mut().filter(|_| files::store().standing != Standing::Loading)
        else {
            return;
        };
        while let Ok(message) = inbox.try_recv() {
            work.hear(message);
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            work.write_due();
            self.looked = Some(Instant::now());
        }
    }

    /// Takes note of an event; events that are not kept cost nothing.
    pub fn take(&mut self, event: &Event) {
        let is_kept = match event {
            Event::Robustness(found) => found.complete,
            Event::Audited(found) => found.complete,
            Event::Preparing(_) | Event::Pictures(_) | Event::Traced(_) | Event::Predicted(_) => false,
            Event::Started(_)
            | Event::State(_)
            | Event::Report(_)
            | Event::Histograms(_)
            | Event::Samples(_)
            | Event::Plane(_)
            | Event::Saturation(_)
            | Event::Probed(_)
            | Event::Tasks(_)
            | Event::Saved(_)
            | Event::Checkpoint(_)
            | Event::Stopped(..)
            | Event::GivenUp(_)
            | Event::Notice(_)
            | Event::Failed(_) => true,
        };
        if is_kept {
            self.send(Message::Event(Box::new(event.clone())));
        }
    }

    /// Takes a checkpoint of a run under way, which is too large to be copied.
    pub fn take_checkpoint(&mut self, checkpoint: Checkpointed) {
        self.send(Message::Event(Box::new(Event::Checkpoint(checkpoint))));
    }

    fn send(&mut self, message: Message) {
        self.is_behind |= matches!(self.messages.try_send(message), Err(TrySendError::Full(_)));
    }

    /// The next run that begins as a copy of a kept one comes from this folder.
    pub fn comes_from(&mut self, folder: PathBuf) {
        self.send(Message::Origin(folder));
    }

    /// What is new: each thing once.
    pub fn said(&mut self) -> Option<Said> {
        self.said.try_recv().ok()
    }

    /// Writes all that is known, and waits for that, up to `patience`. Whether all is written.
    pub fn end(&mut self, patience: Duration) -> bool {
        if self.here.is_some() {
            self.turn();
            return self.here.take().map(|(mut work, _)| work.finish(|_| true)).is_some();
        }
        let (done, is_done) = sync_channel(1);
        self.messages.try_send(Message::End(done)).is_ok() && is_done.recv_timeout(patience).is_ok()
    }

    /// Whether something was lost because the disk did not answer.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }
}

struct Work {
    library: Library,
    voice: SyncSender<Said>,
    /// Bytes for the earlier checkpoints and the recording of a run.
    room: u64,
    /// The run at hand, and its fork where there is one.
    runs: Vec<Run>,
    /// See [`Message::Origin`].
    origin: Option<PathBuf>,
    /// Whether it was said that there is no room.
    is_full: bool,
}

impl Work {
    fn go(mut self, inbox: &Receiver<Message>) {
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Message::End(done)) => {
                    self.finish(|_| true);
                    // Whoever asked may have lost patience.
                    let _ = done.try_send(());
                    return;
                }
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish(|_| true);
                    return;
                }
            }
            self.write_due();
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.take(*event),
            Message::Origin(folder) => self.origin = Some(folder),
            Message::End(done) => {
                self.finish(|_| true);
                let _ = done.try_send(());
            }
        }
    }

    /// Writes each run if it is time.
    fn write_due(&mut self) {
        for at in 0..self.runs.len() {
            if self.runs[at].is_time() {
                self.write(at);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started(info) => self.start(info),
            Event::GivenUp(run) => self.finish(|of| of.run == run),
            event => {
                let is_one_of_two = self.runs.len() > 1;
                let is_known = event.run().is_none_or(|of| self.runs.iter().any(|run| run.run == of));
                for run in &mut self.runs {
                    let is_its = match (&event, event.run()) {
                        // It does not say whose it is.
                        (Event::Saved(_), _) => !is_one_of_two,
                        // The trainer counts a run that could not be set up, and goes on with the one before it.
                        (Event::State(_), Some(_)) if !is_known => !run.is_fork(),
                        (_, Some(of)) => of == run.run,
                        (_, None) => true,
                    };
                    if is_its {
                        run.take(event.clone());
                    }
                }
            }
        }
    }

    /// A run begins: in place of those before, or as a copy of one that goes on beside it.
    fn start(&mut self, info: Box<RunInfo>) {
        let parent = info.forked.and_then(|forked| self.runs.iter_mut().find(|run| run.run == forked.run));
        match parent.map(|parent| parent.fork(info.clone())) {
            Some(fork) => self.runs.push(fork),
            None => {
                self.finish(|_| true);
                let origin = self.origin.take();
                let kept = info.forked.zip(origin).filter(|(forked, _)| forked.run == 0);
                self.runs.push(match kept {
                    Some((forked, folder)) => Run::going_on((info, self.room), &folder, forked.step),
                    None => Run::new(info, self.room),
                });
            }
        }
    }

    fn write(&mut self, at: usize) {
        let parent = self.runs[at].parent();
        let parent = self.runs.iter().find(|run| Some(run.run) == parent).and_then(Run::folder);
        self.runs[at].write((&self.library, &self.voice), parent);
        self.make_room();
    }

    /// Gives up what there is no room for any more, where there are bounds.
    fn make_room(&mut self) {
        let made = files::store().most.map(|most| self.library.make_room(most));
        // What cannot be given up is tried again with the next write.
        let Some(Ok(made)) = made else { return };
        let is_new = !made.given_up.is_empty() || made.is_full() && !self.is_full;
        self.is_full = made.is_full();
        if is_new {
            let _ = self.voice.try_send(Said::MadeRoom(made));
        }
    }

    /// Writes runs that do not go on.
    fn finish(&mut self, is_over: impl Fn(&Run) -> bool) {
        for at in 0..self.runs.len() {
            if is_over(&self.runs[at]) && self.runs[at].end() {
                self.write(at);
            }
        }
        let (over, mut left): (Vec<_>, Vec<_>) = self.runs.drain(..).partition(is_over);
        for gone in over {
            left.iter_mut().for_each(|run| run.leave(&gone));
        }
        self.runs = left;
    }
}
