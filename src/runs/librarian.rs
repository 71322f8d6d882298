//! Does in a library what a window asks for, on a thread of its own, or in turns where there are none: lists first, then reads
//! what is looked at, then the rest.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use web_time::Duration;

use super::bundle::{self, Bundle};
use super::checkpoints::{self, Kept};
use super::comparison::{self, Comparison, PLAN_FILE};
use super::label::{Label, LabelError};
use super::library::{Found, Library, MadeRoom};
use super::recording::{self, Replay};
use super::run_folder::CHECKPOINT;
use super::summary::Summary;
use crate::platform::{self, Standing, files};

/// Runs read before it is looked whether something more urgent was asked for.
const AT_ONCE: usize = 16;
/// The same where no picture is drawn meanwhile.
const IN_A_TURN: usize = 4;
/// Questions and answers under way.
const UNDER_WAY: usize = 1024;

/// Where a run is that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the library, in the folder of that name.
    Kept(String),
    /// A run folder, a file in one, or a bundle.
    Path(PathBuf),
    /// The bytes of a bundle, and what its file is called.
    Bundle(String, Vec<u8>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// What there is now; what has changed is read.
    Refresh,
    /// These runs are on screen: they are read first.
    Look(Vec<String>),
    /// A run's name; an empty one is none.
    Rename(String, String),
    /// A run's tags, between commas.
    Retag(String, String),
    /// Whether a run stands above others.
    Pin(String, bool),
    /// Into the trash.
    Delete(String),
    /// Back from the trash, by the name there.
    Undelete(String),
    /// Its recording, to be shown, or drawn beside another.
    Open(Source, bool),
    /// How far the comparison in that folder is, and what it has measured.
    Compare(PathBuf),
    /// What a copy of the run in that folder goes on with, from its checkpoint of that file's name.
    GoOn(PathBuf, String),
    /// A bundle of it.
    Share(String),
    /// A bundle's run, into the library.
    Import(String, Vec<u8>),
}

/// A run as the list shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which, and when it changed.
    pub found: Found,
    /// What is known of it, or why nothing is.
    pub summary: Result<Summary, String>,
    /// Who writes it at the moment.
    pub holder: Option<String>,
    /// What it is in a few words, where it is no run but a comparison of several.
    pub comparison: Option<String>,
}

/// A run whose charts can be drawn.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it is called.
    pub title: String,
    /// Its folder's name, where it is in the library.
    pub id: Option<String>,
    /// Its folder, where it is in one.
    pub folder: Option<PathBuf>,
    /// What came while it went.
    pub replay: Replay,
    /// The checkpoints beside it, that of the fewest steps first.
    pub checkpoints: Vec<Kept>,
    /// Whether it is to be drawn beside another.
    pub is_beside: bool,
}

/// What a copy of a kept run goes on with.
#[derive(Clone, Debug)]
pub struct Left {
    /// The run's folder.
    pub folder: PathBuf,
    /// The bytes of its checkpoint.
    pub checkpoint: Vec<u8>,
    /// What came while it went; none where that cannot be read.
    pub replay: Option<Replay>,
}

/// What comes of a question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What there is, the last that changed first.
    Listed(Vec<Found>),
    /// Some of it, read.
    Read(Vec<Entry>),
    /// A run is in the trash: its name before, and there.
    Deleted(String, String),
    /// A run is back, under this name.
    Restored(String),
    /// A run, to be shown.
    Opened(Box<Opened>),
    /// A comparison of several runs as it is at the moment, or why it cannot be shown; and whether it was to be opened.
    Compared(Result<Box<Comparison>, String>, bool),
    /// A run that cannot be shown, and why.
    Unopened(Source, String),
    /// What a copy of a run goes on with.
    Left(Box<Left>),
    /// A bundle: what to call it, and its bytes.
    Shared(String, Vec<u8>),
    /// A bundle's run is in the library, under this name.
    Imported(String),
    /// Something was given up to make room for what was taken in.
    MadeRoom(MadeRoom),
    /// Something could not be done: why, in a sentence.
    Refused(String),
}

/// The window's end.
pub struct Librarian {
    asks: SyncSender<Ask>,
    answers: Receiver<Answer>,
    /// What is done in turns, where there is no thread for it.
    here: Option<(Work, Receiver<Ask>)>,
}

impl Librarian {
    /// Works in `library`, if there is one, and calls `wake` whenever there is an answer.
    ///
    /// # Errors
    /// Where the system gives no thread to do it on.
    pub fn spawn(library: Option<Library>, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let mut librarian = Self::in_turns(library, wake);
        if platform::HAS_THREADS
            && let Some((mut work, inbox)) = librarian.here.take()
        {
            work.at_once = AT_ONCE;
            platform::aside("librarian", move || while work.wait(&inbox).is_some() {})?;
        }
        Ok(librarian)
    }

    /// The same without a thread: it has to be given its [turns](Self::turn).
    pub fn in_turns(library: Option<Library>, wake: impl Fn() + Send + 'static) -> Self {
        let (asks, inbox) = sync_channel(UNDER_WAY);
        let (outbox, answers) = sync_channel(UNDER_WAY);
        let work = Work {
            library: library.unwrap_or_else(|| Library::at(PathBuf::new())),
            answers: outbox,
            wake: Box::new(wake),
            known: HashMap::new(),
            held: HashSet::new(),
            unread: VecDeque::new(),
            at_once: IN_A_TURN,
        };
        Self { asks, answers, here: Some((work, inbox)) }
    }

    /// Without a thread: does one thing that was asked for, or reads a few runs. Once a frame, after all answers were taken.
    pub fn turn(&mut self) {
        if let Some((work, inbox)) = &mut self.here
            && files::store().standing != Standing::Loading
        {
            // What is looked at is said with each picture, and would leave no turn to read it.
            let ask = loop {
                match inbox.try_recv() {
                    Ok(Ask::Look(ids)) => work.look(&ids),
                    ask => break ask.ok(),
                }
            };
            // Whoever asks is there.
            let _ = work.turn(ask);
        }
    }

    /// Asks for something; whether that was possible.
    pub fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

struct Work {
    library: Library,
    answers: SyncSender<Answer>,
    wake: Box<dyn Fn() + Send>,
    /// When each run that was read had changed.
    known: HashMap<String, Duration>,
    /// Runs that somebody wrote when they were read.
    held: HashSet<String>,
    unread: VecDeque<Found>,
    /// Runs read at once.
    at_once: usize,
}

impl Work {
    /// Does what is asked, for which it waits unless it can read on; none where nobody listens any more.
    fn wait(&mut self, inbox: &Receiver<Ask>) -> Option<()> {
        let ask = if self.unread.is_empty() {
            Some(inbox.recv().ok()?)
        } else {
            match inbox.try_recv() {
                Ok(ask) => Some(ask),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return None,
            }
        };
        self.turn(ask)
    }

    /// Does what is asked, or reads on; none where nobody listens any more.
    fn turn(&mut self, ask: Option<Ask>) -> Option<()> {
        match ask {
            Some(Ask::Look(ids)) => {
                self.look(&ids);
                Some(())
            }
            Some(ask) => {
                let is_taken_in = matches!(ask, Ask::Import(..) | Ask::Undelete(_));
                let answer = self.obey(ask).unwrap_or_else(Answer::Refused);
                self.tell(answer)?;
                if is_taken_in { self.make_room() } else { Some(()) }
            }
            None if self.unread.is_empty() => Some(()),
            None => self.read(),
        }
    }

    /// These are read first.
    fn look(&mut self, ids: &[String]) {
        let (first, rest): (Vec<_>, Vec<_>) =
            self.unread.drain(..).partition(|found| ids.contains(&found.id));
        self.unread = first.into_iter().chain(rest).collect();
    }

    fn tell(&self, answer: Answer) -> Option<()> {
        self.answers.send(answer).ok()?;
        (self.wake)();
        Some(())
    }

    /// Gives up what there is no room for any more, where there are bounds.
    fn make_room(&self) -> Option<()> {
        let made = files::store().most.map(|most| self.library.make_room(most));
        match made {
            Some(Ok(made)) if !made.given_up.is_empty() => self.tell(Answer::MadeRoom(made)),
            // What cannot be given up is tried again when something is written.
            _ => Some(()),
        }
    }

    /// Reads some of what is unread.
    fn read(&mut self) -> Option<()> {
        let count = self.unread.len().min(self.at_once);
        let entries: Vec<Entry> = self
            .unread
            .drain(..count)
            .map(|found| Entry {
                summary: self.library.summary(&found.id),
                holder: self.library.holder(&found.id),
                comparison: self.library.comparison(&found.id),
                found,
            })
            .collect();
        for entry in &entries {
            self.known.insert(entry.found.id.clone(), entry.found.changed);
            if entry.holder.is_some() {
                self.held.insert(entry.found.id.clone());
            }
        }
        self.tell(Answer::Read(entries))
    }

    fn obey(&mut self, ask: Ask) -> Result<Answer, String> {
        let said = |error: super::library::LibraryError| error.to_string();
        match ask {
            Ask::Refresh => self.list(),
            Ask::Look(_) => self.list(),
            Ask::Rename(id, name) => self.relabel(&id, |label| label.rename(&name)),
            Ask::Retag(id, tags) => self.relabel(&id, |label| label.retag(&tags)),
            Ask::Pin(id, pinned) => {
                if pinned {
                    // What somebody wants to keep is not to go for want of room elsewhere.
                    files::persist();
                }
                self.relabel(&id, |label| {
                    label.pinned = pinned;
                    Ok(())
                })
            }
            Ask::Delete(id) => self.library.delete(&id).map(|there| Answer::Deleted(id, there)).map_err(said),
            Ask::Undelete(id) => self.library.undelete(&id).map(Answer::Restored).map_err(said),
            Ask::Compare(folder) => Ok(Answer::Compared(compared(&folder), false)),
            Ask::Open(source, is_beside) => Ok(match comparison_at(&self.library, &source) {
                Some(folder) => Answer::Compared(compared(&folder), true),
                None => match open(&self.library, &source) {
                    Ok(opened) => Answer::Opened(Box::new(Opened { is_beside, ..opened })),
                    Err(why) => Answer::Unopened(source, why),
                },
            }),
            Ask::GoOn(folder, file) => left(folder, &file).map(|left| Answer::Left(Box::new(left))),
            Ask::Share(id) => {
                self.library.bundle(&id).map(|(name, bytes)| Answer::Shared(name, bytes)).map_err(said)
            }
            Ask::Import(name, bytes) => {
                self.library.import(&name, Cursor::new(bytes)).map(Answer::Imported).map_err(said)
            }
        }
    }

    fn relabel(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Label) -> Result<(), LabelError>,
    ) -> Result<Answer, String> {
        self.library.relabel(id, change).map_err(|error| error.to_string())?;
        self.list()
    }

    /// What there is; what has changed, and what somebody wrote when it was read, is read again.
    fn list(&mut self) -> Result<Answer, String> {
        let listed = self.library.list().map_err(|error| error.to_string())?;
        let held = std::mem::take(&mut self.held);
        let is_new =
            |found: &&Found| self.known.get(&found.id) != Some(&found.changed) || held.contains(&found.id);
        self.unread = listed.iter().filter(is_new).cloned().collect();
        Ok(Answer::Listed(listed))
    }
}

/// Reads what a run's charts are drawn from.
///
/// # Errors
/// Why it cannot be shown, in a sentence.
pub fn open(library: &Library, source: &Source) -> Result<Opened, String> {
    match source {
        Source::Kept(id) => {
            open_folder(&library.folder(id)).map(|opened| Opened { id: Some(id.clone()), ..opened })
        }
        Source::Path(path) if files::find(path).is_ok_and(|found| found.is_folder) => open_folder(path),
        Source::Path(path) => {
            let is_bundle = path.extension().is_some_and(|extension| extension == bundle::EXTENSION);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
            let is_run =
                |folder: &&Path| files::find(&folder.join(recording::FILE)).is_ok_and(|found| found.is_file);
            match path.parent().filter(is_run) {
                _ if is_bundle => open_bundle(&name, files::open(path).map_err(unreadable)?),
                Some(folder) => open_folder(folder),
                None => Err(format!(
                    "{} is no run folder, no file in one, and no .{} bundle",
                    path.display(),
                    bundle::EXTENSION
                )),
            }
        }
        Source::Bundle(name, bytes) => open_bundle(name, Cursor::new(bytes)),
    }
}

/// The folder of the comparison that is to be opened, if it is one.
fn comparison_at(library: &Library, source: &Source) -> Option<PathBuf> {
    let folder = match source {
        Source::Kept(id) => library.folder(id),
        Source::Path(path) if path.ends_with(PLAN_FILE) => path.parent()?.to_owned(),
        Source::Path(path) => path.clone(),
        Source::Bundle(..) => return None,
    };
    comparison::is_in(&folder).then_some(folder)
}

fn compared(folder: &Path) -> Result<Box<Comparison>, String> {
    Comparison::read(folder).map(Box::new).map_err(|error| error.to_string())
}

/// What a copy of the run in `folder` goes on with.
///
/// # Errors
/// That there is no such checkpoint, in a sentence.
fn left(folder: PathBuf, file: &str) -> Result<Left, String> {
    let name = folder.display();
    let checkpoint = files::read(folder.join(file)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{name} cannot be gone on with: it has no {file}, which is taken while a run goes on")
        }
        _ => format!("{name} cannot be gone on with: its {file} cannot be read ({error})"),
    })?;
    let replay = Replay::open(&folder).ok();
    Ok(Left { folder, checkpoint, replay })
}

fn open_folder(folder: &Path) -> Result<Opened, String> {
    let replay =
        Replay::open(folder).map_err(|error| format!("cannot show {}: {error}", folder.display()))?;
    let name = Label::read(folder).ok().and_then(|label| label.name);
    let of_folder = || folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    Ok(Opened {
        title: name.unwrap_or_else(of_folder),
        id: None,
        folder: Some(folder.into()),
        replay,
        checkpoints: checkpoints::in_folder(folder),
        is_beside: false,
    })
}

fn open_bundle(name: &str, reader: impl std::io::Read + std::io::Seek) -> Result<Opened, String> {
    let said = |error: &dyn std::fmt::Display| format!("cannot show {name}: {error}");
    let mut bundle = Bundle::open(reader).map_err(|error| said(&error))?;
    let bytes = bundle.read(recording::FILE).map_err(|error| said(&error))?;
    let bytes = bytes.ok_or_else(|| said(&recording::RecordingError::Missing))?;
    let replay = Replay::unpack(&*bytes).map_err(|error| said(&error))?;
    // A run whose checkpoints are damaged can be looked at all the same.
    let last = bundle.peek(CHECKPOINT, |begin| checkpoints::step_in(begin)).ok().flatten().flatten();
    let files = bundle.sizes().unwrap_or_default();
    let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Opened {
        title: stem.unwrap_or_else(|| name.into()),
        id: None,
        folder: None,
        replay,
        checkpoints: checkpoints::known(files.iter().map(|(name, bytes)| (&**name, *bytes)), last),
        is_beside: false,
    })
}
