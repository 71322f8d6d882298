//! What the window knows of its library: the list of runs as far as it was read, and what was asked for.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use web_time::{Duration, Instant};

use crate::app::run::controls::Controls;
use crate::app::run::history::History;
use crate::app::run::past::{Move, Past};
use crate::app::run::reel::Reel;
use crate::platform::{self, Standing, files};
use crate::protocol::{Event, RunId, RunInfo};
use crate::runs::checkpoints;
use crate::runs::comparison::Comparison;
use crate::runs::keeper::{Keeper, Said};
use crate::runs::librarian::{self, Answer, Ask, Entry, Left, Librarian, Opened, Source};
use crate::runs::library::MadeRoom;
use crate::runs::recording::Memory;
use crate::runs::run_folder::CHECKPOINT;
use crate::runs::{Library, Summary};

/// Time between two looks at what there is, while the list is on screen.
const REFRESH: Duration = Duration::from_secs(2);
/// Runs that are held against each other at most.
pub const MOST_TICKED: usize = 8;
/// What the present run is called where it is looked at as it was.
const PRESENT: &str = "the present run";
/// What it is called when there is another, if it has no folder.
const BEFORE: &str = "the run before";
/// Pictures that a run can have; histories count theirs so far apart.
const PICTURES: u64 = 1 << 32;

/// A run of the list.
pub struct Row {
    /// Its folder's name.
    pub id: String,
    /// What is known of it, or why nothing is; none before it was read.
    pub summary: Option<Result<Summary, String>>,
    /// Who writes it at the moment.
    pub holder: Option<String>,
    /// What it is, where it is no run but a comparison of several.
    pub comparison: Option<String>,
}

impl Row {
    /// What is known of it.
    pub fn known(&self) -> Option<&Summary> {
        self.summary.as_ref()?.as_ref().ok()
    }

    /// Whether there is something to show of it.
    pub fn can_be_opened(&self) -> bool {
        self.known().is_some() || self.comparison.is_some()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.known().and_then(|summary| summary.label.name.as_deref()).unwrap_or(&self.id)
    }
}

/// A run that was opened.
pub struct Kept {
    /// What it is called.
    pub title: String,
    /// Its folder's name, where it is in the library.
    pub id: Option<String>,
    /// Its folder, where it is in one.
    pub folder: Option<PathBuf>,
    /// What was heard of it.
    pub history: History,
    /// Its knobs, which turn nothing.
    pub controls: Controls,
    /// Why it is not all there, where it is not.
    pub problem: Option<String>,
    /// Where it is looked at, if as it was; none of one that is drawn beside another.
    pub past: Option<Past>,
}

impl Kept {
    /// Shows it as it was there.
    pub fn go(&mut self, to: Move) {
        if let Some(past) = &mut self.past {
            past.go(to, &mut self.history);
            self.turn_knobs();
        }
    }

    /// Plays it on by so many seconds, if it is played.
    pub fn play(&mut self, seconds: f64) {
        if let Some(past) = self.past.as_mut().filter(|past| past.is_played()) {
            past.play(seconds, &mut self.history);
            self.turn_knobs();
        }
    }

    /// The checkpoint from which a copy of it is trained on from here: its folder and its file; or why there is none.
    pub fn left(&self) -> Result<(PathBuf, String), &'static str> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None if self.is_present() => {
                return Err("It has no folder yet: it gets one soon after its first step");
            }
            None => {
                return Err(
                    "It is in no folder, where its checkpoint would be: import it first (Runs, Import…)",
                );
            }
        };
        let file = self.past.as_ref().map_or(Some(CHECKPOINT), Past::file);
        let file = file.ok_or("Its first checkpoint was taken later than this: move the slider on")?;
        Ok((folder, file.into()))
    }

    /// Whether it is the present run as it was.
    pub fn is_present(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.is_present)
    }

    /// Its knobs are those of the report that is shown.
    fn turn_knobs(&mut self) {
        let begin = self.history.info.as_ref().map(|info| info.config.hyper);
        if let Some(hyper) = self.history.latest.as_ref().map(|report| report.hyper).or(begin) {
            self.controls.config.hyper = hyper;
        }
    }
}

/// What came of something.
#[derive(Debug)]
pub enum News {
    /// Something to say.
    Notice(String),
    /// Something that went wrong, and what to do.
    Trouble(String, String),
    /// Bytes to be saved under a name that people choose.
    Save(String, Vec<u8>),
    /// What a copy of a kept run goes on with.
    Left(Box<Left>),
    /// No runs are kept any more: why.
    Unkept(String),
}

fn trouble(why: &str) -> News {
    News::Trouble(format!("{}.", why.trim_end_matches('.')), "Nothing else is affected.".into())
}

/// The library, as the window sees it.
#[derive(Default)]
pub struct Shelf {
    /// Why there is none; nothing where there is one.
    pub absent: Option<String>,
    /// What somebody should know of where they are, where that is something.
    pub remark: Option<String>,
    /// Bytes that they take, and may take; none where there are no bounds.
    pub room: Option<(u64, u64)>,
    /// The runs, the last that changed first.
    pub rows: Vec<Row>,
    /// Counts the changes of `rows`.
    pub version: u64,
    /// Whether it is known what there is.
    pub is_listed: bool,
    /// The run that was deleted last: its name, and the one it has in the trash.
    pub deleted: Option<(String, String)>,
    /// The folder of the present run, once it has one.
    pub present: Option<String>,
    /// What is remembered of the present run, and of the other one where there are two.
    memories: Vec<Memory>,
    /// Their checkpoints.
    checkpoints: HashMap<RunId, Vec<checkpoints::Kept>>,
    /// The step of the last one that the trainer told by itself.
    pub checkpointed: u64,
    /// Runs whose curves are drawn beside, in the order in which they were ticked.
    pub beside: Vec<Kept>,
    /// A comparison that was asked for, or why it cannot be shown; and whether it was to be opened.
    pub compared: Option<(Result<Comparison, String>, bool)>,
    /// The run that is shown in place of the present one.
    pub shown: Option<Kept>,
    /// Whether it has come since the window asked last.
    pub has_opened: bool,
    librarian: Option<Librarian>,
    keeper: Option<Keeper>,
    root: PathBuf,
    refreshed: Option<Instant>,
    /// Runs that were asked for, to be drawn beside.
    ticked: BTreeSet<String>,
    /// Counts the runs that were opened.
    count: u64,
    outstanding: u32,
    /// What was answered at once, where there is nobody to ask.
    immediate: Vec<Answer>,
    is_behind_said: bool,
    /// The number of the present run.
    run: RunId,
    /// The folders of the runs of this window.
    folders: HashMap<RunId, String>,
}

impl Shelf {
    /// On the library in this folder, where the runs of this window are kept, each with so many bytes of room for earlier
    /// checkpoints and its recording; `wake` is called when there is news.
    pub fn new(
        (root, room): (Option<PathBuf>, u64),
        open: Vec<PathBuf>,
        wake: impl Fn() + Send + 'static,
    ) -> Self {
        let mut shelf = Self::default();
        let library = root.clone().map(Library::at);
        if root.is_some() || !open.is_empty() {
            match Librarian::spawn(library.clone(), wake) {
                Ok(librarian) => shelf.librarian = Some(librarian),
                Err(error) => shelf.absent = Some(format!("Runs cannot be kept here: {error}.")),
            }
        }
        match library.map(|library| Keeper::with_room(library, room)) {
            Some(Ok(keeper)) => shelf.keeper = Some(keeper),
            Some(Err(error)) => shelf.absent = Some(format!("Runs cannot be kept here: {error}.")),
            None => shelf.absent = Some(platform::NO_RUNS.into()),
        }
        shelf.root = root.unwrap_or_default();
        for (index, path) in open.into_iter().enumerate() {
            shelf.ask(Ask::Open(Source::Path(path), index > 0));
        }
        shelf
    }

    /// That run is shown from now on; one that has just begun has no folder yet.
    pub fn begin(&mut self, run: RunId) {
        // What is looked at is not the present run any more.
        let before = self.present.take();
        if let Some(kept) = self.shown.as_mut().filter(|kept| kept.is_present() && kept.history.run() != run)
        {
            kept.title = before.unwrap_or_else(|| BEFORE.into());
            kept.past.iter_mut().for_each(|past| past.is_present = false);
        }
        (self.run, self.checkpointed) = (run, 0);
        self.present = self.folders.get(&run).cloned();
    }

    /// Has an event kept and remembered; it comes back, unless nobody else needs it.
    pub fn hear(&mut self, event: Event) -> Option<Event> {
        if let Event::Checkpoint(checkpoint) = event {
            self.checkpointed = checkpoint.step;
            if let Some(keeper) = &mut self.keeper {
                keeper.take_checkpoint(checkpoint);
            }
            return None;
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.take(&event);
        }
        match &event {
            Event::Started(info) => self.memorise(info),
            Event::GivenUp(run) => self.memories.retain(|memory| memory.info.run != *run),
            event => self.remember(event),
        }
        Some(event)
    }

    /// A run begins: in place of those before, or as a copy of one that goes on beside it.
    fn memorise(&mut self, info: &RunInfo) {
        let parent =
            info.forked.and_then(|forked| self.memories.iter().find(|memory| memory.info.run == forked.run));
        match parent.map(|parent| parent.fork(info.clone())) {
            Some(fork) => self.memories.push(fork),
            None => {
                self.memories = vec![Memory::new(info.clone())];
                self.checkpoints.clear();
            }
        }
    }

    /// Remembers what happened in one of the runs that go on.
    pub fn remember(&mut self, event: &Event) {
        let shown = self.shown.as_mut().filter(|kept| Some(kept.history.run()) == event.run());
        let mut past = shown.and_then(|kept| kept.past.as_mut()).filter(|past| past.is_present);
        for memory in &mut self.memories {
            if let (Some(event), Some(past)) = (memory.take(event), &mut past) {
                past.reel.push(event);
            }
        }
    }

    /// Shows the present run, of which `history` is known, as it was; or as it is again.
    pub fn look_back(&mut self, history: &History) {
        if self.shown.take_if(|kept| kept.is_present()).is_some() || history.latest.is_none() {
            return;
        }
        let pictures = self.pictures();
        let Some(memory) = self.memories.iter().find(|memory| memory.info.run == history.run()) else {
            return;
        };
        let begin = history.at_its_beginning(pictures);
        let reel = Reel::new(memory.events(), &begin);
        let config = memory.info.config.clone();
        let checkpoints = self.checkpoints.get(&history.run()).cloned().unwrap_or_default();
        let mut kept = Kept {
            title: PRESENT.into(),
            id: self.present.clone(),
            folder: self.present.as_ref().map(|id| self.root.join(id)),
            history: begin,
            controls: Controls::of_kept(config),
            problem: None,
            past: Some(Past::new(reel, checkpoints, true)),
        };
        kept.go(Move::Step(u64::MAX));
        (self.shown, self.has_opened) = (Some(kept), true);
    }

    /// A number that no other history counts its pictures from.
    pub fn pictures(&mut self) -> u64 {
        self.count += 1;
        self.count * PICTURES
    }

    /// What writes the present run down, where something does.
    pub fn keeper(&mut self) -> Option<&mut Keeper> {
        self.keeper.as_mut()
    }

    /// Whether there is a run in the library whose folder is called so.
    pub fn has(&self, id: &str) -> bool {
        let is_name = !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\\']);
        is_name && files::find(&self.root.join(id)).is_ok_and(|found| found.is_folder)
    }

    /// Where the library is.
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Where the library is, in words.
    pub fn place(&self) -> String {
        match files::store().most {
            Some(_) => "this browser".into(),
            None => self.root.display().to_string(),
        }
    }

    /// Asks for something.
    pub fn ask(&mut self, ask: Ask) {
        match (&self.librarian, ask) {
            (Some(librarian), ask) => {
                let is_answered = !matches!(ask, Ask::Look(_));
                self.outstanding += u32::from(librarian.ask(ask) && is_answered);
            }
            // Without a librarian it is read at once.
            (None, Ask::Open(source, is_beside)) => {
                let answer = librarian::open(&Library::at(PathBuf::new()), &source).map_or_else(
                    |why| Answer::Unopened(source.clone(), why),
                    |opened| Answer::Opened(Box::new(Opened { is_beside, ..opened })),
                );
                self.immediate.push(answer);
            }
            (None, _) => {}
        }
    }

    /// Asks for what there is, if that was long ago. While the list is on screen.
    pub fn refresh(&mut self) {
        if self.refreshed.is_none_or(|refreshed| refreshed.elapsed() > REFRESH) {
            self.refreshed = Some(Instant::now());
            self.ask(Ask::Refresh);
        }
    }

    /// Whether an answer is under way.
    pub fn is_busy(&self) -> bool {
        self.outstanding > 0
    }

    /// Whether that run's curves are drawn beside, or will be.
    pub fn is_ticked(&self, id: &str) -> bool {
        self.ticked.contains(id)
    }

    /// How many runs are.
    pub fn ticked(&self) -> usize {
        self.ticked.len()
    }

    /// Draws a run's curves beside, or no more.
    pub fn tick(&mut self, id: &str, is_ticked: bool) {
        if is_ticked && self.ticked.len() < MOST_TICKED {
            if self.ticked.insert(id.into()) {
                self.ask(Ask::Open(Source::Kept(id.into()), true));
            }
        } else if !is_ticked {
            self.ticked.remove(id);
            self.beside.retain(|kept| kept.id.as_deref() != Some(id));
        }
    }

    /// Draws no other run's curves.
    pub fn untick_all(&mut self) {
        self.ticked.clear();
        self.beside.clear();
    }

    /// Asks for a run to be shown in place of the present one.
    pub fn show(&mut self, source: Source) {
        self.ask(Ask::Open(source, false));
    }

    /// What came since the last time.
    pub fn advance(&mut self) -> Vec<News> {
        let mut news = self.turn();
        while let Some(answer) = self.librarian.as_ref().and_then(Librarian::answer) {
            if !matches!(answer, Answer::Read(_)) {
                self.outstanding = self.outstanding.saturating_sub(1);
            }
            news.extend(self.take(answer));
        }
        for answer in std::mem::take(&mut self.immediate) {
            news.extend(self.take(answer));
        }
        let Some(keeper) = &mut self.keeper else { return news };
        let mut made_room = None;
        while let Some(said) = keeper.said() {
            match said {
                Said::Keeps(run, id) => {
                    self.folders.insert(run, id.clone());
                    // What was said of the run before may come late.
                    if run == self.run {
                        self.present = Some(id);
                    }
                    self.refreshed = None;
                }
                Said::Checkpoints(run, checkpoints) => {
                    let shown = self.shown.as_mut().filter(|kept| kept.history.run() == run);
                    let past = shown.and_then(|kept| kept.past.as_mut()).filter(|past| past.is_present);
                    if let Some(past) = past {
                        past.checkpoints.clone_from(&checkpoints);
                    }
                    self.checkpoints.insert(run, checkpoints);
                }
                Said::MadeRoom(made) => made_room = Some(made),
                Said::Recovered => news.push(News::Notice("The run is being kept again.".into())),
                Said::Trouble(what) => news.push(News::Trouble(
                    format!("This run is not being kept: {what}."),
                    "Training goes on, and this is tried again; save a checkpoint (S) if it must not be lost.".into(),
                )),
            }
        }
        if keeper.is_behind() && !std::mem::replace(&mut self.is_behind_said, true) {
            news.push(News::Trouble(
                "The disk does not answer: what is kept of this run has gaps.".into(),
                "Training goes on; save a checkpoint (S) if it must not be lost.".into(),
            ));
        }
        news.extend(made_room.and_then(|made| self.made_room(&made)));
        news
    }

    /// Does what no thread does, and says how it stands with what is kept.
    fn turn(&mut self) -> Vec<News> {
        self.librarian.iter_mut().for_each(Librarian::turn);
        self.keeper.iter_mut().for_each(Keeper::turn);
        let said = |said: Result<String, String>| {
            match said {
            Ok(good) => News::Notice(good),
            Err(bad) => News::Trouble(bad, "What was kept stays in this page until it is closed, and this is tried again; Share what must not be lost.".into()),
        }
        };
        let mut news: Vec<News> = files::news().into_iter().map(said).collect();
        match files::store().standing {
            Standing::ReadOnly(why) => {
                if self.keeper.take().is_some() {
                    news.push(News::Unkept(why.clone()));
                }
                self.remark = Some(why);
            }
            Standing::Fleeting(why) => self.remark = Some(why),
            Standing::Ready | Standing::Loading => {}
        }
        news
    }

    /// What is said of what was given up.
    fn made_room(&mut self, made: &MadeRoom) -> Option<News> {
        self.refreshed = None;
        let is_gone = |there: &str| made.given_up.iter().any(|run| run.was_deleted && run.id == there);
        self.deleted.take_if(|(_, there)| is_gone(there));
        match made.told() {
            Some(told) => Some(News::Trouble(
                told,
                "Pin what is to stay, and Share what is to outlast this browser.".into(),
            )),
            None if made.is_full() => Some(News::Trouble(
                format!(
                    "Runs take {} MB of the {} MB in which they are kept here, and all are pinned or being written.",
                    made.used / 1_000_000,
                    made.most / 1_000_000
                ),
                "Unpin some, or Share and delete them.".into(),
            )),
            None => None,
        }
    }

    fn take(&mut self, answer: Answer) -> Option<News> {
        match answer {
            Answer::Listed(found) => {
                let mut known: HashMap<String, Row> =
                    self.rows.drain(..).map(|row| (row.id.clone(), row)).collect();
                // What was read before is shown until it is read again.
                self.rows = found
                    .into_iter()
                    .map(|found| match known.remove(&found.id) {
                        Some(row) => row,
                        None => Row { id: found.id, summary: None, holder: None, comparison: None },
                    })
                    .collect();
                (self.is_listed, self.version) = (true, self.version + 1);
                self.room = files::store().most.map(|most| (Library::at(&self.root).size(), most));
                None
            }
            Answer::Read(entries) => {
                self.read(entries);
                None
            }
            Answer::Deleted(id, there) => {
                self.tick(&id, false);
                self.deleted = Some((id.clone(), there));
                self.refreshed = None;
                Some(News::Notice(format!("Deleted {id}.")))
            }
            Answer::Restored(id) => {
                (self.deleted, self.refreshed) = (None, None);
                Some(News::Notice(format!("{id} is back.")))
            }
            Answer::Opened(opened) => {
                self.opened(*opened);
                None
            }
            Answer::Compared(Err(why), true) => Some(trouble(&why)),
            Answer::Compared(found, is_opened) => {
                self.compared = Some((found.map(|found| *found), is_opened));
                None
            }
            Answer::Unopened(source, why) => {
                if let Source::Kept(id) = source {
                    self.tick(&id, false);
                }
                Some(trouble(&why))
            }
            Answer::Left(left) => Some(News::Left(left)),
            Answer::Shared(name, bytes) => Some(News::Save(name, bytes)),
            Answer::Imported(id) => {
                self.refreshed = None;
                self.show(Source::Kept(id.clone()));
                Some(News::Notice(format!("{id} is in the library now.")))
            }
            Answer::MadeRoom(made) => self.made_room(&made),
            Answer::Refused(why) => Some(trouble(&why)),
        }
    }

    fn read(&mut self, entries: Vec<Entry>) {
        let mut entries: HashMap<String, Entry> =
            entries.into_iter().map(|entry| (entry.found.id.clone(), entry)).collect();
        for row in &mut self.rows {
            if let Some(Entry { summary, holder, comparison, .. }) = entries.remove(&row.id) {
                (row.summary, row.holder, row.comparison) = (Some(summary), holder, comparison);
            }
        }
        self.version += 1;
    }

    /// A run came: the one that is to be shown, or one to be drawn beside.
    fn opened(&mut self, opened: Opened) {
        let Opened { title, id, folder, replay, checkpoints, is_beside } = opened;
        let (controls, problem) = (Controls::of_kept(replay.info.config.clone()), replay.problem.clone());
        let pictures = self.pictures();
        let (history, past) = if is_beside {
            (History::of(replay, pictures), None)
        } else {
            let history = History::of_run(replay.info, pictures);
            let reel = Reel::new(replay.events.into_iter().map(Arc::new), &history);
            (history, Some(Past::new(reel, checkpoints, false)))
        };
        let mut kept = Kept { title, id, folder, history, controls, problem, past };
        kept.turn_knobs();
        kept.go(Move::Step(u64::MAX));
        if !is_beside {
            (self.shown, self.has_opened) = (Some(kept), true);
            return;
        }
        let is_wanted = kept.id.as_ref().is_none_or(|id| self.ticked.contains(id));
        let is_known = kept.id.is_some() && self.beside.iter().any(|known| known.id == kept.id);
        if is_wanted && !is_known && self.beside.len() < MOST_TICKED {
            self.beside.push(kept);
        }
    }
}
