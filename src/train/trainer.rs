//! The loop: obey commands, take a step, tell what came of it, breathe. Nothing else loops.

use std::{collections::VecDeque, path::Path};

use burn::tensor::{Device, Tensor};
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use web_time::Duration;

use super::{checkpoint::Checkpoint, readings::guarded, session::Session};
use crate::{
    config::{Config, DeviceInfo, Hyper, Players},
    gpu::read,
    platform,
    protocol::{Activity, Cadence, Command, Delivery, Event, Failure, GoOn, Local, RunId, RunState},
};

/// What a trainer begins with.
pub enum Beginning {
    /// A new run.
    New(Box<Config>),
    /// The run of a checkpoint, which has been trained for that long.
    Resumed(Box<Checkpoint>, Duration),
    /// A new run, after so many of a trainer that is gone.
    Later(Box<Config>, RunId),
    /// A copy of a kept run, after so many.
    Kept(Box<GoOn>, RunId),
}

/// The owner of every tensor.
pub struct Trainer {
    local: Local,
    device: Device,
    device_info: DeviceInfo,
    runs: RunId,
    /// The run at hand, or the last one that could not be set up.
    at_hand: RunId,
    session: Option<Session>,
    /// The knobs of the run at hand.
    knobs: Hyper,
    /// A copy of the run that goes on beside it, and its knobs.
    fork: Option<(Session, Hyper)>,
    /// Whether what is asked is asked of the fork.
    attends_fork: bool,
    cadence: Cadence,
    /// The network that was kept as a teacher.
    kept_teacher: Option<Checkpoint>,
    work: Work,
    /// What could not be sent yet and must not be lost.
    outbox: VecDeque<Event>,
}

/// What is to be done about training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Paused,
    Running,
    /// So many steps, then pause.
    Steps(Players, u32),
    Finished,
}

/// What to do about one command.
#[derive(PartialEq, Eq)]
enum Obeyed {
    GoOn,
    Quit,
}

impl Trainer {
    /// A trainer that has not begun.
    pub fn new(local: Local, device: Device, device_info: DeviceInfo) -> Self {
        let knobs = *local.hyper.borrow();
        Self {
            local,
            device,
            device_info,
            runs: 0,
            at_hand: 0,
            session: None,
            knobs,
            fork: None,
            attends_fork: false,
            cadence: Cadence::Never,
            kept_teacher: None,
            work: Work::Paused,
            outbox: VecDeque::new(),
        }
    }

    /// Starts a run and obeys until told to quit, or until no face is left.
    pub async fn run(mut self, beginning: Beginning) {
        // On the heap: the loop's own stack has no room for all that a beginning may need.
        Box::pin(self.begin_with(beginning)).await;
        while self.obey().await == Obeyed::GoOn {
            if let Err(what) = self.guarded_turn().await {
                self.fail(what).await;
            }
            platform::breathe().await;
        }
        self.rest().await;
    }

    async fn begin_with(&mut self, beginning: Beginning) {
        match beginning {
            Beginning::New(config) => self.begin(*config).await,
            Beginning::Resumed(checkpoint, trained) => self.go_on((&checkpoint, trained)).await,
            Beginning::Later(config, runs) => {
                self.runs = runs;
                self.begin(*config).await;
            }
            Beginning::Kept(from, runs) => {
                self.runs = runs;
                self.go_on_from(*from).await;
            }
        }
    }

    /// Waits until the device has done all that was asked of it: only then may a program end.
    async fn rest(&mut self) {
        (self.session, self.fork) = (None, None);
        let device = self.device.clone().without_autodiff();
        // A device that failed has nothing left to do.
        let _ = guarded(async { read(Tensor::<1>::zeros([1], &device)).await.map(drop) }).await;
    }

    /// Obeys all commands that are there; waits for one where there is nothing else to do.
    async fn obey(&mut self) -> Obeyed {
        loop {
            self.flush();
            let command = if self.has_work() {
                match self.local.commands.try_recv() {
                    Ok(command) => Some(command),
                    Err(TryRecvError::Empty) => return Obeyed::GoOn,
                    Err(TryRecvError::Disconnected) => None,
                }
            } else {
                let events = self.local.events.clone();
                tokio::select! {
                    command = self.local.commands.recv() => command,
                    permit = events.reserve(), if !self.outbox.is_empty() => {
                        match (permit, self.outbox.pop_front()) {
                            (Ok(permit), Some(event)) => { permit.send(event); continue }
                            _ => None,
                        }
                    }
                }
            };
            match command {
                None | Some(Command::Quit) => return Obeyed::Quit,
                Some(command) => {
                    let handled = async {
                        self.handle(command).await;
                        Ok(())
                    };
                    if let Err(what) = guarded(handled).await {
                        self.fail(what).await;
                    }
                }
            }
        }
    }

    fn has_work(&self) -> bool {
        let busy = |session: &Session| session.is_busy() || session.wants_rehearsal();
        self.session.as_ref().is_some_and(busy)
            || self.fork.as_ref().is_some_and(|(fork, _)| busy(fork))
            || matches!(self.work, Work::Running | Work::Steps(..))
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Reset(setup) => {
                let config = Config { setup: *setup, hyper: self.hyper() };
                self.begin(config).await;
            }
            Command::Load(bytes) => match Checkpoint::read(&bytes) {
                Ok(checkpoint) => {
                    let resume = |run, device: &_, info| Session::resume(run, &checkpoint, device, info);
                    self.start(true, resume).await;
                }
                Err(error) => {
                    let advice = "Choose another file; the run at hand goes on as it was.".into();
                    self.tell(Event::Failed(Failure { run: self.at_hand, what: error.to_string(), advice }))
                        .await;
                }
            },
            Command::Run => self.set_work(Work::Running).await,
            Command::Pause => self.pause().await,
            Command::Step(players, steps) => self.set_work(Work::Steps(players, steps)).await,
            Command::Evaluate { threats, samples } => {
                self.both().for_each(|(session, _)| session.evaluate(threats.clone(), samples));
            }
            Command::Audit { samples } => self.ask(|session, hyper| session.audit(&hyper, samples)),
            Command::Probe => self.ask(|session, hyper| session.probe(&hyper)),
            Command::Show(indices) => self.ask(|session, _| session.show_images(indices)),
            Command::Trace(index) => self.ask(|session, hyper| session.trace(&hyper, index)),
            Command::Predict(own) => {
                self.both().for_each(|(session, hyper)| session.predict_own(own.as_deref(), &hyper));
            }
            Command::Teach => self.keep_teacher().await,
            Command::Save => self.ask(|session, hyper| {
                session.remember(&hyper);
                session.save();
            }),
            Command::GoOn(from) => self.go_on_from(*from).await,
            Command::Fork(hyper) => self.fork(*hyper).await,
            Command::Turn(run, hyper) => self.turn_knobs(run, *hyper),
            Command::Attend(run) => self.attends_fork = self.is_fork(run),
            Command::GiveUp(run) => self.give_up(run).await,
            Command::Checkpoints(cadence) => self.cadence = cadence,
            Command::Quit => {}
        }
    }

    /// A new run of `config`.
    async fn begin(&mut self, config: Config) {
        let kept = self.kept_teacher.take();
        self.start(true, |run, device, info| Session::start(run, config, device, info, kept.as_ref())).await;
        self.kept_teacher = kept;
    }

    /// The run of a checkpoint, which has been trained for that long, as if it had never ended: what can be seen of it as
    /// it stands has been told.
    async fn go_on(&mut self, checkpoint: (&Checkpoint, Duration)) {
        self.start(false, |run, device, info| Session::go_on(run, checkpoint, device, info)).await;
    }

    /// A copy of a run that was kept, in place of the one at hand.
    async fn go_on_from(&mut self, from: GoOn) {
        let refused = match Checkpoint::read(&from.checkpoint) {
            Ok(Checkpoint { header, .. }) if header.step >= header.config.setup.steps => {
                format!(
                    "all {} steps of that run are done, and nothing would go on",
                    header.config.setup.steps
                )
            }
            Ok(checkpoint) => {
                self.leave().await;
                let trained = from.trained_until(checkpoint.header.step);
                let folder = Path::new(&from.folder);
                self.start(false, |run, device, info| {
                    Session::fork_kept(run, (&checkpoint, trained, folder), device, info)
                })
                .await;
                if let Some(session) =
                    self.session.as_ref().filter(|session| session.info.run == self.at_hand)
                {
                    // Its knobs, until a face says others.
                    self.knobs = session.info.config.hyper;
                }
                return;
            }
            Err(error) => error.to_string(),
        };
        let advice = "Choose another run; the one at hand goes on as it was.".into();
        self.tell(Event::Failed(Failure { run: self.at_hand, what: refused, advice })).await;
    }

    /// Tells all that is still to be told of the run at hand, with a checkpoint.
    async fn leave(&mut self) {
        let hyper = self.hyper();
        let Some(session) = self.session.as_mut().filter(|session| session.step > 0) else { return };
        session.tell_checkpoint(&hyper);
        if let Err(what) = self.answers(true).await {
            self.fail(what).await;
        }
    }

    async fn keep_teacher(&mut self) {
        let fork = self.fork.as_ref().map(|(fork, _)| fork).filter(|_| self.attends_fork);
        let Some(session) = fork.or(self.session.as_ref()) else {
            return self.tell(Event::Notice("There is no network to keep as a teacher.".into())).await;
        };
        match session.copy().await {
            Ok(checkpoint) => {
                let step = checkpoint.header.step;
                self.kept_teacher = Some(checkpoint);
                let notice = format!("The network as it was at step {step} is the teacher now: press Reset.");
                self.tell(Event::Notice(notice)).await;
            }
            Err(what) => self.fail(what).await,
        }
    }

    /// Replaces the run at hand, if the new one can be set up; `shows` says whether to show it as it stands.
    async fn start(
        &mut self,
        shows: bool,
        make: impl FnOnce(RunId, &Device, DeviceInfo) -> Result<Session, Failure>,
    ) {
        self.tell_state(Activity::Preparing).await;
        self.runs += 1;
        self.at_hand = self.runs;
        let (run, device, info) = (self.runs, self.device.clone(), self.device_info.clone());
        let made = guarded(async { Ok(make(run, &device, info)) }).await;
        match made {
            Ok(Ok(mut session)) => {
                if let Some(before) = &self.session {
                    session.learn_from(before);
                }
                let before = self.session.as_ref().filter(|before| !before.wants_rehearsal());
                // A face that writes everything down waits for nobody, and runs at once.
                if self.local.delivery == Delivery::Complete
                    || before.is_some_and(|before| session.computes_like(before))
                {
                    session.skip_rehearsal();
                }
                self.work = if session.is_finished() { Work::Finished } else { Work::Paused };
                self.tell(Event::Started(Box::new(session.info.clone()))).await;
                if !session.notes.is_empty() {
                    self.tell(Event::Notice(session.notes.join(" "))).await;
                }
                let hyper = session.info.config.hyper;
                self.fork = None;
                let session = self.session.insert(session);
                session.keep();
                // Histograms and samples, so that no pane is empty before the first step.
                if shows && hyper.histogram_every_steps > 0 {
                    session.show_gradients(&hyper);
                }
            }
            Ok(Err(failure)) => self.tell(Event::Failed(failure)).await,
            Err(what) => self.fail(what).await,
        }
        self.tell_state(self.activity()).await;
    }

    async fn guarded_turn(&mut self) -> Result<(), String> {
        guarded(self.turn()).await
    }

    /// One turn of the run, and of its fork: a batch of the evaluation, a training step, the answers that are there; a
    /// rehearsal of the first step where there is nothing else to do.
    async fn turn(&mut self) -> Result<(), String> {
        let (hyper, work) = (self.hyper(), self.work);
        let Some(session) = &mut self.session else {
            return self.nothing_to_train().await;
        };
        let played = play(session, work, (&hyper, self.cadence)).await?;
        let (mut told, mut waits) = (played.told, played.waits);
        if let Some((fork, hyper)) = &mut self.fork {
            let played = play(fork, work, (hyper, self.cadence)).await?;
            told.extend(played.told);
            waits |= played.waits;
        }
        let both = || self.session.iter().chain(self.fork.iter().map(|(fork, _)| fork));
        let next = match work {
            Work::Running | Work::Steps(..) if both().all(Session::is_concluded) => Work::Finished,
            Work::Running | Work::Steps(..) if waits || both().all(Session::is_finished) => work,
            Work::Steps(_, 0 | 1) => Work::Paused,
            Work::Steps(players, steps) => Work::Steps(players, steps - 1),
            other => other,
        };
        for event in told {
            self.tell(event).await;
        }
        self.answers(waits || matches!(next, Work::Paused | Work::Finished)).await?;
        if self.work == work && next != work {
            // A failed report may have paused the run meanwhile.
            self.work = next;
            if matches!(next, Work::Paused | Work::Finished) {
                self.tell_state(self.activity()).await;
            }
        }
        Ok(())
    }

    /// Tells the answers from the device that are there, or all of them.
    async fn answers(&mut self, all: bool) -> Result<(), String> {
        loop {
            let own = match &mut self.session {
                Some(session) => session.answer(all).await?,
                None => None,
            };
            let event = match (own, &mut self.fork) {
                (None, Some((fork, _))) => fork.answer(all).await?,
                (own, _) => own,
            };
            let Some(event) = event else { return Ok(()) };
            let failed = matches!(event, Event::Failed(_));
            self.tell(event).await;
            if failed {
                self.set_work(Work::Paused).await;
            }
        }
    }

    async fn nothing_to_train(&mut self) -> Result<(), String> {
        self.set_work(Work::Paused).await;
        Ok(())
    }

    async fn pause(&mut self) {
        self.set_work(Work::Paused).await;
        // A world was seen last where training had time for a picture.
        let hyper = self.hyper();
        if let Some(session) = &mut self.session {
            session.show_world(&hyper);
        }
        if let Some((fork, hyper)) = &mut self.fork {
            fork.show_world(hyper);
        }
    }

    async fn set_work(&mut self, work: Work) {
        let finished = self.session.as_ref().is_some_and(Session::is_finished)
            && self.fork.as_ref().is_none_or(|(fork, _)| fork.is_finished());
        let wants_steps = matches!(work, Work::Running | Work::Steps(..));
        if wants_steps && finished {
            self.work = Work::Finished;
            let notice = "All steps of this run are done. Reset to train again, with more steps if you like.";
            self.tell(Event::Notice(notice.into())).await;
        } else if wants_steps && self.session.is_none() {
            self.work = Work::Paused;
            self.tell(Event::Notice("There is no run to train: reset with data that can be read.".into()))
                .await;
        } else {
            self.work = if finished { Work::Finished } else { work };
        }
        self.tell_state(self.activity()).await;
    }

    /// The device or the computation gave up.
    async fn fail(&mut self, what: String) {
        let rescued = self.session.as_mut().and_then(Session::rescue);
        let fork = self.fork.as_mut().map(|(fork, _)| fork);
        self.session.iter_mut().chain(fork).for_each(Session::abandon);
        self.work = Work::Paused;
        let advice =
            "Save the run if you can, then reset, or choose a smaller batch, another device or --device cpu.";
        let what = in_one_line(&what);
        self.tell(Event::Failed(Failure { run: self.at_hand, what, advice: advice.into() })).await;
        if let Some((step, bytes)) = rescued {
            let notice =
                format!("The device no longer answers. What is saved is the run as it was at step {step}.");
            self.tell(Event::Notice(notice)).await;
            self.tell(Event::Saved(bytes)).await;
        }
        self.tell_state(Activity::Paused).await;
    }

    /// The knobs of the run at hand: the newest that a face has sent, or those that it brought where it was a fork.
    fn hyper(&mut self) -> Hyper {
        if self.local.hyper.has_changed().unwrap_or(true) {
            self.knobs = *self.local.hyper.borrow_and_update();
        }
        self.knobs
    }

    fn activity(&self) -> Activity {
        match self.work {
            Work::Paused => Activity::Paused,
            Work::Running | Work::Steps(..) => Activity::Running,
            Work::Finished => Activity::Finished,
        }
    }

    async fn tell_state(&mut self, activity: Activity) {
        let step = self.session.as_ref().map_or(0, |session| session.step);
        let forked = self.fork.as_ref().map(|(fork, _)| (fork.info.run, fork.step));
        for (run, step) in std::iter::once((self.at_hand, step)).chain(forked) {
            self.tell(Event::State(RunState { run, activity, step })).await;
        }
    }

    /// Sends an event, in order. What happens when the face is slow is the [`Delivery`]'s to say.
    async fn tell(&mut self, event: Event) {
        match self.local.delivery {
            // No face left: the next look at the commands says so too.
            Delivery::Complete => {
                let events = &self.local.events;
                if matches!(event, Event::Checkpoint(_)) {
                    // They are large: none waits behind another that is not written yet.
                    drop(events.reserve_many(events.max_capacity()).await);
                }
                drop(events.send(event).await);
            }
            Delivery::Latest => {
                self.flush();
                let measurement = matches!(
                    event,
                    Event::Preparing(_)
                        | Event::Report(_)
                        | Event::Histograms(_)
                        | Event::Saturation(_)
                        | Event::Probed(_)
                        | Event::Tasks(_)
                        | Event::Samples(_)
                        | Event::Plane(_)
                        | Event::Predicted(_)
                        | Event::Robustness(_)
                        | Event::Audited(_)
                );
                if !self.outbox.is_empty() {
                    if !measurement {
                        self.outbox.push_back(event);
                    }
                } else if let Err(TrySendError::Full(event)) = self.local.events.try_send(event)
                    && !measurement
                {
                    self.outbox.push_back(event);
                }
            }
        }
    }

    /// Sends what waits in the outbox, as far as there is room.
    fn flush(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            if let Err(TrySendError::Full(event)) = self.local.events.try_send(event) {
                self.outbox.push_front(event);
                break;
            }
        }
    }
}

/// What came of a turn of a run.
struct Played {
    /// What its audit says and what should be known of its controller, if that is new.
    told: Vec<Event>,
    /// Whether training waits for an evaluation.
    waits: bool,
}

/// One turn of a run.
async fn play(
    session: &mut Session,
    work: Work,
    (hyper, cadence): (&Hyper, Cadence),
) -> Result<Played, String> {
    session.advance_attacks().await?;
    let audited = session.advance_audit().await?;
    session.advance_probe();
    let predicted = session.advance_prediction().await?;
    let waits = matches!(work, Work::Running | Work::Steps(..)) && session.waits(hyper);
    let mut steered = None;
    match work {
        // The last probe takes its turns too, so that no face waits for the whole of it.
        Work::Running | Work::Steps(..) if waits || session.is_finished() => {}
        Work::Running | Work::Steps(..) => {
            let (players, report) = match work {
                Work::Steps(players, _) => (players, true),
                Work::Running | Work::Paused | Work::Finished => (Players::Both, false),
            };
            session.train(hyper, players, report);
            if matches!(work, Work::Steps(_, 0 | 1)) {
                session.show_world(hyper);
            }
            // Before the checkpoint, which holds what the controller has made of this step.
            steered = session.steer(hyper).await?;
            session.checkpoint_if_due(cadence, hyper);
        }
        Work::Paused if session.wants_rehearsal() && !session.is_busy() => session.rehearse(hyper).await?,
        Work::Paused | Work::Finished => {}
    }
    Ok(Played { told: audited.into_iter().chain(predicted).chain(steered).collect(), waits })
}

/// The causes that an error of the tensor stack lists, each once, without its backtraces.
fn in_one_line(error: &str) -> String {
    let says_nothing = |line: &&str| {
        line.is_empty()
            || ["Caused by", "Asked at", "Backtrace", "No backtrace"]
                .iter()
                .any(|start| line.starts_with(start))
    };
    let mut causes: Vec<&str> = error.lines().map(str::trim).filter(|line| !says_nothing(line)).collect();
    causes.dedup();
    format!("the computation failed: {}", causes.join(" "))
}

mod pair;
#[cfg(test)]
mod tests;
