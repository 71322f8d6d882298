//! What comes to the window: of the trainer, of the library, from files.

use std::io::Cursor;
use std::path::Path;

use egui::Context;
use web_time::{Duration, Instant};

use super::Lab;
use crate::app::panes;
use crate::app::run::going_on::GoingOn;
use crate::app::run::history::Consequence;
use crate::app::run::pair;
use crate::app::run::shelf::News;
use crate::config::ScenarioKind;
use crate::platform::{self, FileAnswer};
use crate::protocol::{Activity, Cadence, Command, Event, Failure, OwnPicture, RunInfo};
use crate::runs::bundle::{self, EXTENSION};
use crate::runs::librarian::{Ask, Left, Source};
use crate::runs::record::RunRecord;
use crate::runs::{comparison, recording};

/// Time between two checkpoints of a run, to be kept with it, while it rests; while it goes on the trainer takes them.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(3);
/// Events taken in one frame at most, so that a flood cannot freeze the window.
const EVENTS_A_FRAME: usize = 1024;

impl Lab {
    /// Takes in what came of the trainer.
    pub(super) fn drain(&mut self) {
        for _ in 0..EVENTS_A_FRAME {
            let Ok(event) = self.events.try_recv() else { break };
            if let (Event::Started(info), Some(going_on)) = (&event, &self.going_on)
                && is_of_kept(info)
                && let Some(keeper) = self.shelf.keeper()
            {
                keeper.comes_from(going_on.folder.clone());
            }
            if let Event::Predicted(found) = &event
                && !self.controls.is_predicted(&found.name)
            {
                continue;
            }
            if let Event::Notice(said) = &event {
                self.controls.refused(said);
            }
            let Some(event) = self.shelf.hear(event) else { continue };
            match pair::hear((&mut self.history, &mut self.pair), event, || self.shelf.pictures()) {
                Some(Consequence::Started(config)) => {
                    self.kept = None;
                    self.relive();
                    self.shelf.begin(self.history.run());
                    self.controls.started(*config);
                    if std::mem::take(&mut self.options.run_at_once) {
                        self.controls.send(Command::Run);
                    }
                }
                Some(Consequence::Save(bytes)) if self.controls.is_saved() => {
                    let name = format!("great-lab-step-{}.safetensors", self.history.step());
                    self.exports.await_answer(platform::save_bytes(&name, bytes));
                }
                Some(Consequence::Forked(runs, hyper)) => {
                    self.controls.forked(runs, *hyper);
                    self.shelf.begin(self.history.run());
                }
                Some(Consequence::Left(run)) => {
                    self.controls.left_by(run);
                    self.shelf.begin(self.history.run());
                }
                Some(Consequence::Failed) => {
                    self.going_on = None;
                    self.controls.failed();
                }
                Some(Consequence::Save(_)) | None => {}
            }
        }
    }

    /// Goes on, in place of the present run, with a copy of one that was kept.
    fn go_on_from(&mut self, left: Left) {
        let (go_on, going_on) = GoingOn::of(left);
        self.controls.send(Command::GoOn(Box::new(go_on)));
        self.going_on = Some(going_on);
    }

    /// Of a copy of a kept run that has begun: what came of that one before.
    fn relive(&mut self) {
        let Some(going_on) = self.going_on.take() else { return };
        let pictures = self.shelf.pictures();
        let Some(info) = self.history.info.as_ref().filter(|info| is_of_kept(info)) else { return };
        going_on.events(info).for_each(|event| self.shelf.remember(&event));
        if let Some(mut history) = going_on.history(info, pictures) {
            self.history.hand_over(&mut history);
            self.history = history;
        }
        self.shelf.shown = None;
    }

    /// Has the run kept: what came of the library, and from time to time a checkpoint.
    pub(super) fn keep(&mut self) {
        for news in self.shelf.advance() {
            match news {
                News::Notice(notice) => self.history.notice = Some(notice),
                News::Trouble(what, advice) => {
                    self.history.fail(Failure { run: self.history.run(), what, advice });
                }
                News::Save(name, bytes) => self.exports.await_answer(platform::save_bytes(&name, bytes)),
                News::Left(left) => self.go_on_from(*left),
                News::Unkept(why) => {
                    self.controls.send(Command::Checkpoints(Cadence::Never));
                    self.history.notice = Some(why);
                }
            }
        }
        self.sweep.advance(&mut self.shelf);
        if std::mem::take(&mut self.shelf.has_opened) {
            self.board.restore();
        }
        if std::mem::take(&mut self.sweep.has_opened) {
            self.board.enlarge(panes::SWEEP);
        }
        // Of two runs each tells its own.
        if self.pair.is_some() {
            return;
        }
        // Before the first step nothing is kept, and so no checkpoint.
        let (step, is_running) = (self.history.step(), self.history.activity() == Activity::Running);
        let (last, at) = *self.kept.get_or_insert_with(|| (step, Instant::now()));
        if self.shelf.keeper().is_some()
            && !is_running
            && step > last.max(self.shelf.checkpointed)
            && at.elapsed() > BETWEEN_CHECKPOINTS
        {
            self.kept = Some((step, Instant::now()));
            self.controls.keep();
        }
    }

    /// Takes a bundle into the library; where nothing can be kept, it can be looked at all the same.
    fn take_in(&mut self, name: String, bytes: Vec<u8>) {
        match self.shelf.keeper() {
            Some(_) => self.shelf.ask(Ask::Import(name, bytes)),
            None => self.shelf.show(Source::Bundle(name, bytes)),
        }
    }

    /// Has the network say what it takes a picture for, where it reads such.
    fn ask_about(&mut self, name: String, bytes: Vec<u8>) {
        let info = self.history.info.as_ref();
        let why = match info.map(|info| (info.config.setup.scenario, info.config.setup.world().is_some())) {
            None => "there is no network yet",
            Some((_, true)) => "the network reads points of a world, and no pictures",
            Some((ScenarioKind::Multitask, _)) => "a network of several tasks is asked by great-lab predict",
            Some(_) => {
                self.history.notice = Some(format!("Asked about {name}: see Samples, yours."));
                return self.controls.predict(Some(OwnPicture { name, bytes }));
            }
        };
        self.history.notice = Some(format!("{name}: {why}."));
    }

    /// Files that were dropped or chosen.
    pub(super) fn take_files(&mut self, ctx: &Context) {
        let dropped: Vec<_> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            platform::open_dropped(dropped).into_iter().for_each(|asked| self.exports.await_answer(asked));
        }
        for answer in self.exports.advance(ctx) {
            match answer {
                FileAnswer::Saved(name) => self.history.notice = Some(format!("Saved {name}.")),
                FileAnswer::Opened(name, bytes) if name.ends_with(&format!(".{EXTENSION}")) => {
                    self.take_in(name, bytes);
                }
                FileAnswer::Opened(name, bytes) if platform::is_picture(&name) => self.ask_about(name, bytes),
                FileAnswer::Opened(_, bytes) => self.controls.send(Command::Load(bytes)),
                FileAnswer::Folder(folder) if is_shown(Path::new(&folder)) => {
                    self.shelf.show(Source::Path(folder.into()));
                }
                FileAnswer::Network(path) => self.controls.open_network(path),
                FileAnswer::Folder(folder) => match given_run(&folder) {
                    Some(bundle) => self.take_in(format!("{folder}.{EXTENSION}"), bundle),
                    None => self.controls.open_data(folder),
                },
                FileAnswer::Nothing => {
                    self.history.notice = Some(platform::NO_FILE.into());
                }
                FileAnswer::Failed(error) => self.history.fail(Failure {
                    run: self.history.run(),
                    what: error.to_string(),
                    advice: "Nothing else is affected.".into(),
                }),
            }
        }
    }
}

/// Whether a folder is that of a run or of a comparison, and no data.
fn is_shown(folder: &Path) -> bool {
    folder.join(recording::FILE).is_file() || comparison::is_in(folder)
}

/// The bundle of a run whose files somebody gave a page, if these are those of one.
fn given_run(folder: &str) -> Option<Vec<u8>> {
    let given = platform::given_files(folder)?;
    given.get(RunRecord::FILE).and(given.get(recording::FILE))?;
    let files = given.iter().filter(|(name, _)| bundle::is_plain(name));
    let files = files.map(|(name, bytes)| (&**name, bytes.clone()));
    bundle::pack(Cursor::new(Vec::new()), files).ok().map(Cursor::into_inner)
}

/// Whether a run is a copy of one that was kept.
fn is_of_kept(info: &RunInfo) -> bool {
    info.forked.is_some_and(|forked| forked.run == 0)
}
