//! The page's end of the trainer: what the window says goes to a worker, what the worker tells goes to the window; a worker
//! that dies is said, and the next command begins another one.

use std::collections::{BTreeMap, VecDeque};

use great_lab::config::Config;
use great_lab::platform::{self, FileAnswer, FileError, Heard, Port, text_of};
use great_lab::protocol::wire::{self, Asked, Begin, PageDevice, Question, Told};
use great_lab::protocol::{
    Activity, Cadence, Command, Delivery, Event, Failure, GoOn, Local, Remote, RunId, RunState, connect,
};
use js_sys::{Function, Promise, Reflect, global};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::File;
use web_time::Duration;

/// The function of the page's script that loads the trainer, and promises its port.
const START: &str = "startTrainer";
/// What a question finds whose trainer is gone before it answers.
const NO_ANSWER: &str = "the trainer is gone";

/// Who asked, and what.
type Ask = (Question, Vec<File>, oneshot::Sender<Result<String, String>>);

/// What asks the trainer's thread.
#[derive(Clone)]
pub struct Asker(UnboundedSender<Ask>);

impl Asker {
    /// Asks, with files where they belong to the question.
    ///
    /// # Errors
    /// What the trainer's thread says, or that it is gone.
    pub async fn ask(&self, question: Question, files: Vec<File>) -> Result<String, String> {
        let (sender, answer) = oneshot::channel();
        // A trainer that is gone drops the sender, which the next line says.
        drop(self.0.send((question, files, sender)));
        answer.await.unwrap_or_else(|_| Err(NO_ANSWER.into()))
    }

    /// Has the files of a folder read on the trainer's thread.
    pub fn hand_over(&self, folder: &str, files: &[File]) -> great_lab::platform::Asked {
        let (sender, asked) = oneshot::channel();
        let (asker, folder, files) = (self.clone(), folder.to_owned(), files.to_vec());
        spawn_local(async move {
            let answer = match asker.ask(Question::Files(folder.clone()), files).await {
                Ok(folder) => FileAnswer::given(folder),
                Err(reason) => FileAnswer::Failed(FileError::Read { name: folder, reason }),
            };
            // A window that closed meanwhile has no use for the answer.
            let _ = sender.send(answer);
        });
        asked
    }
}

/// A trainer of `config`, and what asks its thread besides.
pub fn connect_worker(config: Config, device: PageDevice) -> (Remote, Asker) {
    let (remote, local) = connect(config.hyper, Delivery::Latest);
    let (sender, asks) = unbounded_channel();
    let known = Known {
        begin: Begin { config, go_on: None, runs: 0, device },
        state: RunState { run: 0, activity: Activity::Preparing, step: 0 },
        cadence: None,
        trained: Duration::ZERO,
        fork: None,
        checkpoint: None,
        given: Vec::new(),
    };
    spawn_local(Keeper { local, asks, known }.keep());
    (remote, Asker(sender))
}

/// What of a trainer has to be told to the next one.
struct Known {
    /// How the next one begins.
    begin: Begin,
    state: RunState,
    cadence: Option<Cadence>,
    /// How long the run at hand has been trained.
    trained: Duration,
    /// A run that goes on beside the one at hand.
    fork: Option<RunId>,
    /// The last checkpoint of the run at hand.
    checkpoint: Option<GoOn>,
    /// The files of a folder, and those of a network, by their names.
    given: Vec<(String, Vec<File>)>,
}

impl Known {
    /// These files are the folder's, or the network's, from now on.
    fn take_files(&mut self, name: &str, files: Vec<File>) {
        platform::keep_given(&mut self.given, name);
        self.given.push((name.to_owned(), files));
    }

    fn learn(&mut self, event: &Event) {
        match event {
            Event::Started(info) => {
                self.begin.config = info.config.clone();
                self.begin.runs = self.begin.runs.max(info.run);
                match info.forked {
                    // It goes on beside its run.
                    Some(forked) if forked.run != 0 => self.fork = Some(info.run),
                    _ => self.attend(info.run),
                }
            }
            Event::GivenUp(run) => match self.fork.take() {
                Some(fork) if *run == self.state.run => self.attend(fork),
                _ => {}
            },
            Event::State(state) if state.run == self.state.run => self.state = *state,
            Event::Report(report) if report.run == self.state.run => {
                (self.trained, self.state.step) = (report.elapsed, report.step);
            }
            Event::Checkpoint(found) if found.run == self.state.run => {
                self.checkpoint = Some(GoOn {
                    checkpoint: found.bytes.clone(),
                    folder: String::new(),
                    trained: vec![(found.step, self.trained)],
                });
                self.state.step = found.step;
            }
            _ => {}
        }
    }

    /// From now on that is the run at hand.
    fn attend(&mut self, run: RunId) {
        (self.fork, self.checkpoint, self.trained) = (None, None, Duration::ZERO);
        self.state = RunState { run, activity: Activity::Paused, step: 0 };
    }

    /// What somebody can do about a trainer that is gone.
    fn advice(&self) -> String {
        match self.checkpoint.as_ref().and_then(|kept| kept.trained.last()) {
            Some((step, _)) => {
                format!("Run goes on from the last checkpoint, of step {step}; Reset begins anew.")
            }
            None => "Run and Reset begin anew.".into(),
        }
    }
}

/// Keeps a trainer for the window.
struct Keeper {
    local: Local,
    asks: UnboundedReceiver<Ask>,
    known: Known,
}

/// Why one trainer is served no longer.
enum End {
    /// The window is gone.
    Closed,
    /// The trainer is: why.
    Died(String),
}

impl Keeper {
    async fn keep(mut self) {
        let mut first = None;
        loop {
            let end = match self.start().await {
                Ok((port, heard)) => match self.begin(&port, first.take()) {
                    Ok(()) => self.serve(&port, heard).await,
                    Err(why) => End::Died(why),
                },
                Err(why) => End::Died(why),
            };
            let End::Died(why) = end else { return };
            if let Some(fork) = self.known.fork {
                self.tell(Event::GivenUp(fork)).await;
            }
            let run = self.known.state.run;
            let what = format!("the trainer has stopped: {why}");
            self.tell(Event::Failed(Failure { run, what, advice: self.known.advice() })).await;
            self.tell(Event::State(RunState { activity: Activity::Paused, ..self.known.state })).await;
            first = match self.next_wish().await {
                None => return,
                wish => wish,
            };
            self.tell(Event::State(RunState { activity: Activity::Preparing, ..self.known.state })).await;
        }
    }

    /// Has the page's script load the trainer; its port, and what will be heard there.
    async fn start(&self) -> Result<(Port, UnboundedReceiver<Heard>), String> {
        let start = Reflect::get(&global(), &START.into()).map_err(|error| text_of(&error))?;
        let start: Function = start.dyn_into().map_err(|_| format!("the page has no {START}"))?;
        let events = self.local.events.clone();
        let progress = Closure::<dyn Fn(f64, f64)>::new(move |loaded: f64, bytes: f64| {
            let notice = format!("Loading the trainer: {:.1} of {:.1} MB.", loaded / 1e6, bytes / 1e6);
            // The next one says more.
            drop(events.try_send(Event::Notice(notice)));
        });
        let promised =
            start.call1(&JsValue::UNDEFINED, progress.as_ref()).map_err(|error| text_of(&error))?;
        let port = JsFuture::from(Promise::from(promised)).await.map_err(|error| text_of(&error))?;
        // It is loaded: no more of that.
        let mut said = String::new();
        if port.has_type::<web_sys::MessagePort>() {
            platform::share_thread();
            said += "The trainer shares this page's thread: the window waits for each of its steps.";
        }
        drop(self.local.events.send(Event::Notice(said)).await);
        let (sender, heard) = unbounded_channel();
        let port = Port::of(port);
        // Nobody listens to a trainer that was given up.
        port.listen(move |message| drop(sender.send(message)));
        Ok((port, heard))
    }

    /// Tells a trainer all that it has to know, and what is wanted of it first.
    fn begin(&mut self, port: &Port, first: Option<Command>) -> Result<(), String> {
        let is_new = matches!(first, None | Some(Command::Reset(_) | Command::Load(_) | Command::GoOn(_)));
        let hyper = *self.local.hyper.borrow_and_update();
        let mut begin = self.known.begin.clone();
        begin.config.hyper = hyper;
        begin.go_on = self.known.checkpoint.clone().filter(|_| !is_new);
        let begin = match &first {
            Some(Command::Reset(setup)) => {
                Begin { config: Config { setup: (**setup).clone(), hyper }, ..begin }
            }
            Some(Command::GoOn(kept)) => Begin { go_on: Some((**kept).clone()), ..begin },
            _ => begin,
        };
        // Before it begins, since it may begin with them. Number 0 is nobody's.
        for (folder, files) in &self.known.given {
            post(port, &Asked::Question(0, Question::Files(folder.clone())), files)?;
        }
        post(port, &Asked::Begin(Box::new(begin)), &[])?;
        let cadence = self.known.cadence.map(Command::Checkpoints);
        let is_told = matches!(first, Some(Command::Reset(_) | Command::GoOn(_)));
        cadence
            .into_iter()
            .chain(first.filter(|_| !is_told))
            .try_for_each(|command| post(port, &Asked::Command(command), &[]))
    }

    /// Passes on between the window and a trainer, until one of them is gone.
    async fn serve(&mut self, port: &Port, mut heard: UnboundedReceiver<Heard>) -> End {
        let mut pending: VecDeque<Event> = VecDeque::new();
        let mut asked: BTreeMap<u32, oneshot::Sender<Result<String, String>>> = BTreeMap::new();
        let mut number = 0;
        let events = self.local.events.clone();
        loop {
            let sent = tokio::select! {
                // The newest knobs before a command that goes by them.
                biased;
                changed = self.local.hyper.changed() => {
                    if changed.is_err() { return End::Closed }
                    let hyper = *self.local.hyper.borrow_and_update();
                    post(port, &Asked::Hyper(Box::new(hyper)), &[])
                }
                command = self.local.commands.recv() => {
                    let Some(command) = command else { return End::Closed };
                    self.note(&command);
                    post(port, &Asked::Command(command), &[])
                }
                Some((question, files, to)) = self.asks.recv() => {
                    number += 1;
                    asked.insert(number, to);
                    if let Question::Files(folder) = &question {
                        self.known.take_files(folder, files.clone());
                    }
                    post(port, &Asked::Question(number, question), &files)
                }
                permit = events.reserve(), if !pending.is_empty() => {
                    let (Ok(permit), Some(event)) = (permit, pending.pop_front()) else { return End::Closed };
                    self.known.learn(&event);
                    permit.send(event);
                    post(port, &Asked::Taken, &[])
                }
                message = heard.recv() => match message {
                    Some(Heard::Message(bytes, _)) => match wire::read(&bytes) {
                        Ok(Told::Event(event)) => {
                            pending.push_back(event);
                            Ok(())
                        }
                        Ok(Told::Answer(number, answer)) => {
                            // Whoever asked may have gone.
                            if let Some(to) = asked.remove(&number) { let _ = to.send(answer); }
                            Ok(())
                        }
                        Err(why) => Err(why),
                    },
                    Some(Heard::Failed(why)) => Err(why),
                    None => Err("its port was closed".into()),
                },
            };
            if let Err(why) = sent {
                // What it still told came before its end.
                for event in pending {
                    self.tell(event).await;
                }
                return End::Died(why);
            }
        }
    }

    /// Remembers what the next trainer has to be told.
    fn note(&mut self, command: &Command) {
        if let Command::Checkpoints(cadence) = command {
            self.known.cadence = Some(*cadence);
        }
    }

    /// The first command for which there has to be a trainer; none where the window is gone.
    async fn next_wish(&mut self) -> Option<Command> {
        loop {
            tokio::select! {
                command = self.local.commands.recv() => {
                    let command = command?;
                    self.note(&command);
                    match command {
                        Command::Run | Command::Step(..) | Command::Reset(_) | Command::Load(_) | Command::GoOn(_) => {
                            return Some(command);
                        }
                        Command::Evaluate { .. } | Command::Audit { .. } | Command::Probe | Command::Show(_)
                        | Command::Trace(_) | Command::Predict(_)
                        | Command::Teach | Command::Save | Command::Fork(_) => {
                            let notice = format!("The trainer has stopped. {}", self.known.advice());
                            self.tell(Event::Notice(notice)).await;
                        }
                        Command::Pause | Command::Turn(..) | Command::Attend(_) | Command::GiveUp(_)
                        | Command::Checkpoints(_) | Command::Quit => {}
                    }
                }
                Some((question, files, to)) = self.asks.recv() => {
                    if let Question::Files(folder) = question {
                        // The next trainer gets them first of all.
                        self.known.take_files(&folder, files);
                        let _ = to.send(Ok(folder));
                    }
                }
            }
        }
    }

    async fn tell(&mut self, event: Event) {
        self.known.learn(&event);
        // A window that is gone is found out by the next look at its commands.
        drop(self.local.events.send(event).await);
    }
}

fn post(port: &Port, asked: &Asked, files: &[File]) -> Result<(), String> {
    wire::write(asked).and_then(|bytes| port.post(&bytes, files))
}
