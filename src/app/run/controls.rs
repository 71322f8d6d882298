//! All that the window does: a command, or a new [`Hyper`]; neither ever waits.

use std::collections::VecDeque;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use web_time::{Duration, Instant};

use crate::app::run::history::History;
use crate::config::{
    BUILT_IN_DATA, Config, Example, Hyper, NO_PRETRAINED, Occasion, Piece, Players, ScenarioKind, Setup,
};
use crate::protocol::{Activity, Command, Delivery, OwnPicture, RunId, connect};

/// How long after a command the window looks out for its answer as often as while training.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The knobs as people set them, and the way to the trainer.
pub struct Controls {
    /// `hyper` is what the trainer reads next; `setup` is what the next run will be.
    pub config: Config,
    hyper: watch::Sender<Hyper>,
    /// The scenario whose beginnings the knobs have.
    entered: ScenarioKind,
    commands: mpsc::Sender<Command>,
    /// Commands that found the channel full.
    waiting: VecDeque<Command>,
    /// Whether the next start brings a config of its own, a checkpoint's.
    loading: bool,
    /// Whether somebody wants a file of the next checkpoint.
    saving: bool,
    /// Checkpoints that nobody asked for, to be kept with the run.
    keeping: u32,
    last_sent: Option<Instant>,
    /// The knobs of the run of which a copy was asked for: what is turned meanwhile is the copy's.
    forking: Option<Hyper>,
    /// Of two runs, which are which.
    pair: Option<Two>,
    /// A picture of somebody's own, which every run is asked about, and one that has not been answered for yet: it may be
    /// none that can be read.
    own: Option<OwnPicture>,
    asked: Option<OwnPicture>,
    /// Runs that were asked for.
    begun: u64,
    /// The live knobs that the next run begins with, where they are not those of this one.
    next: Option<Hyper>,
}

/// A run and its fork, whose knobs are turned apart: those of the run that was there before travel as the newest ones, those
/// of the fork as commands.
struct Two {
    parent: RunId,
    fork: RunId,
    /// Whether the knobs on screen are the fork's.
    shows_fork: bool,
    /// Those of the other one.
    other: Hyper,
    /// Those of the fork that were sent last.
    sent: Hyper,
}

impl Controls {
    /// The way to the trainer, with the config it was started with.
    pub fn new(config: Config, hyper: watch::Sender<Hyper>, commands: mpsc::Sender<Command>) -> Self {
        let entered = config.setup.scenario;
        Self {
            config,
            hyper,
            entered,
            commands,
            waiting: VecDeque::new(),
            loading: false,
            saving: false,
            keeping: 0,
            last_sent: None,
            forking: None,
            pair: None,
            own: None,
            asked: None,
            begun: 0,
            next: None,
        }
    }

    /// The knobs of a run that is over: nobody is at the other end.
    pub fn of_kept(config: Config) -> Self {
        let (remote, _) = connect(config.hyper, Delivery::Latest);
        Self::new(config, remote.hyper, remote.commands)
    }

    /// Asks for a checkpoint that somebody wants as a file.
    pub fn save(&mut self) {
        self.saving = true;
        self.send(Command::Save);
    }

    /// Asks for a checkpoint to be kept with the run, unless one is under way.
    pub fn keep(&mut self) {
        if !self.saving && self.keeping == 0 {
            self.keeping += 1;
            self.send(Command::Save);
        }
    }

    /// A checkpoint came: whether somebody wants a file of it.
    pub fn is_saved(&mut self) -> bool {
        // What nobody asked for is what the trainer could still save when the device gave up.
        let is_wanted = self.saving || self.keeping == 0;
        self.keeping = self.keeping.saturating_sub(u32::from(!self.saving));
        self.saving = false;
        is_wanted
    }

    /// Sends a command, now or as soon as there is room. What begins another run leaves the one that is shown first, so that
    /// it is the knobs on screen that it begins with.
    pub fn send(&mut self, command: Command) {
        self.turn();
        self.last_sent = Some(Instant::now());
        self.loading |= matches!(command, Command::Load(_) | Command::GoOn(_));
        self.begun += u64::from(matches!(command, Command::Load(_) | Command::GoOn(_) | Command::Reset(_)));
        if let (Command::Load(_) | Command::GoOn(_) | Command::Reset(_), Some(other)) =
            (&command, self.other_run())
        {
            self.waiting.push_back(Command::GiveUp(other));
        }
        self.waiting.push_back(command);
        self.flush();
    }

    /// Asks for a copy of the run that goes on beside it.
    pub fn fork(&mut self) {
        if self.pair.is_none() && self.forking.is_none() {
            self.send(Command::Fork(Box::new(self.config.hyper)));
            self.forking = Some(self.config.hyper);
        }
    }

    /// A fork has begun with these knobs: from now on it is the one on screen.
    pub fn forked(&mut self, (parent, fork): (RunId, RunId), hyper: Hyper) {
        let other = self.forking.take().unwrap_or(hyper);
        self.pair = Some(Two { parent, fork, shows_fork: true, other, sent: hyper });
        self.send(Command::Attend(fork));
    }

    /// Puts the other of two runs on screen.
    pub fn switch(&mut self) {
        let Some(pair) = &mut self.pair else { return };
        std::mem::swap(&mut pair.other, &mut self.config.hyper);
        pair.shows_fork ^= true;
        let shown = if pair.shows_fork { pair.fork } else { pair.parent };
        self.send(Command::Attend(shown));
    }

    /// Of two runs the one that is not on screen.
    pub fn other_run(&self) -> Option<RunId> {
        self.pair.as_ref().map(|pair| if pair.shows_fork { pair.parent } else { pair.fork })
    }

    /// The knobs of the run that was there before, and of its fork.
    pub fn both(&self) -> Option<[Hyper; 2]> {
        let pair = self.pair.as_ref()?;
        let both = [pair.other, self.config.hyper];
        Some(if pair.shows_fork { both } else { [both[1], both[0]] })
    }

    /// Ends the going on of two: that one goes on no more.
    pub fn give_up(&mut self, run: RunId) {
        self.send(Command::GiveUp(run));
    }

    /// That one of two is gone.
    pub fn left_by(&mut self, run: RunId) {
        if self.other_run().is_some_and(|other| other != run) {
            self.switch();
        }
        self.pair = None;
    }

    /// Asks for an evaluation now.
    pub fn evaluate(&mut self, history: &History) {
        let Config { setup, hyper } = &self.config;
        let info = history.info.as_ref();
        // What is chosen for the next run may be another scenario, or other data.
        let setup = info.map_or(setup, |info| &info.config.setup);
        let deviation = info.and_then(|info| info.input_deviation);
        let threats = Occasion::Window.threats(setup, &hyper.in_pixels(deviation));
        self.send(Command::Evaluate { threats, samples: hyper.evaluate_samples });
    }

    /// Sends the knobs that were turned, in order with commands as far as they travel so.
    fn turn(&mut self) {
        let own = self.both().map(|[parent, _]| parent);
        let newest = own.or(self.forking).unwrap_or(self.config.hyper);
        self.hyper.send_if_modified(|hyper| {
            let turned = *hyper != newest;
            *hyper = newest;
            turned
        });
        let Some([_, knobs]) = self.both() else { return };
        let Some(Two { fork, sent, .. }) = self.pair.as_mut().filter(|pair| pair.sent != knobs) else {
            return;
        };
        *sent = knobs;
        match self.waiting.back_mut() {
            // A knob that is dragged does not queue up.
            Some(Command::Turn(_, waiting)) => **waiting = knobs,
            _ => self.waiting.push_back(Command::Turn(*fork, Box::new(knobs))),
        }
    }

    /// Sends what waited, and the knobs if they were turned. Once a frame.
    pub fn flush(&mut self) {
        self.turn();
        while let Some(command) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(command)) = self.commands.try_send(command) {
                self.waiting.push_front(command);
                break;
            }
        }
    }

    /// Whether the trainer is gone, so that nothing sent is obeyed.
    pub fn is_cut_off(&self) -> bool {
        self.commands.is_closed()
    }

    /// Whether an answer may be under way.
    pub fn awaits_answer(&self) -> bool {
        !self.waiting.is_empty() || self.last_sent.is_some_and(|sent| sent.elapsed() < ANSWER_WITHIN)
    }

    /// A run began with `config`: a loaded checkpoint's knobs become ours, any other run took them from us.
    pub fn started(&mut self, config: Config) {
        (self.pair, self.forking) = (None, None);
        let reads_pictures =
            config.setup.world().is_none() && config.setup.scenario != ScenarioKind::Multitask;
        if std::mem::take(&mut self.loading) {
            self.take(config);
        }
        if let Some(own) = self.own.clone().filter(|_| reads_pictures) {
            self.send(Command::Predict(Some(Box::new(own))));
        }
    }

    /// Asks what this network, and those of the runs to come, say of a picture; of none, nothing more.
    pub fn predict(&mut self, own: Option<OwnPicture>) {
        self.asked.clone_from(&own);
        if own.is_none() {
            self.own = None;
        }
        self.send(Command::Predict(own.map(Box::new)));
    }

    /// Whether what was said of the picture of that name was asked for, and not taken back.
    pub fn is_predicted(&mut self, name: &str) -> bool {
        if self.asked.as_ref().is_some_and(|asked| asked.name == name) {
            self.own = self.asked.take();
        }
        self.own.is_some()
    }

    /// Whether a picture was not answered for yet.
    pub const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// A picture of that name is none that can be read.
    pub fn refused(&mut self, said: &str) {
        self.asked.take_if(|asked| said.starts_with(&format!("{}: ", asked.name)));
    }

    /// How many runs were asked for.
    pub const fn begun(&self) -> u64 {
        self.begun
    }

    /// Makes another config's knobs ours; its setup is the next run's.
    pub fn take(&mut self, config: Config) {
        self.entered = config.setup.scenario;
        self.config = config;
        self.next = None;
    }

    /// The knobs that the next run begins with.
    pub fn coming(&self) -> Config {
        Config { hyper: self.next.unwrap_or(self.config.hyper), ..self.config.clone() }
    }

    /// Has the next run begin with these knobs; the run at hand keeps its own.
    pub fn take_next(&mut self, config: Config) {
        self.config.setup = config.setup;
        self.next = Some(config.hyper);
    }

    /// Something failed; if it was a checkpoint, the next start is not its, and the next checkpoint is one that somebody wants.
    pub fn failed(&mut self) {
        (self.loading, self.keeping, self.forking) = (false, 0, None);
    }

    /// Whether the next run would differ from this one.
    pub fn setup_changed(&self, history: &History) -> bool {
        history.info.as_ref().is_some_and(|info| info.config.setup != self.config.setup)
    }

    /// Trains; a run that has not begun, or could not be set up, is first set up as the knobs now say.
    pub fn run(&mut self, history: &History) {
        let is_missing = history.info.is_none() && history.activity() == Activity::Paused;
        if is_missing || (history.step() == 0 && self.setup_changed(history)) {
            self.reset();
        }
        self.send(Command::Run);
    }

    /// Run while paused, Pause while running.
    pub fn run_or_pause(&mut self, history: &History) {
        match history.activity() {
            Activity::Running => self.send(Command::Pause),
            Activity::Preparing | Activity::Paused => self.run(history),
            Activity::Finished => {}
        }
    }

    /// One step of one network or both.
    pub fn step(&mut self, players: Players) {
        self.send(Command::Step(players, 1));
    }

    /// Starts anew with the setup as the knobs say; in another scenario, with what that begins with.
    pub fn reset(&mut self) {
        if let Some(next) = self.next.take() {
            (self.config.hyper, self.entered) = (next, self.config.setup.scenario);
        }
        let from = std::mem::replace(&mut self.entered, self.config.setup.scenario);
        if from != self.entered {
            self.config.enter_from(from);
        }
        self.send(Command::Reset(Box::new(self.config.setup.clone())));
    }

    /// Starts a ready-made run on the data and the network at hand, with the head on which there is something to see of it.
    pub fn begin(&mut self, example: &Example) {
        let at_hand = self.config.setup.clone();
        let Setup { data, network, width, depth, activation, batch_size, seed, .. } = at_hand.clone();
        let Setup { pretrained, pretrained_pixels, .. } = at_hand.clone();
        let Setup { world_noise, world_classes, world_points, world_seed, drawing, .. } = at_hand;
        let mut config = example.config();
        config.setup = Setup {
            data,
            world_noise,
            world_classes,
            world_points,
            world_seed,
            drawing,
            network,
            pretrained,
            pretrained_pixels,
            width,
            depth,
            activation,
            batch_size,
            seed,
            ..config.setup
        };
        self.take(config);
        self.reset();
    }

    /// Starts a run of the gallery, data and networks and all.
    pub fn begin_piece(&mut self, piece: &Piece) {
        self.take(piece.linked().config);
        self.reset();
        self.send(Command::Run);
    }

    /// Begins with the network of this file from now on, which takes a new run, of pictures and of one task.
    pub fn open_network(&mut self, path: String) {
        let setup = &mut self.config.setup;
        if setup.scenario == ScenarioKind::Multitask {
            setup.scenario = ScenarioKind::Defense;
        }
        if setup.world().is_some() {
            setup.data = BUILT_IN_DATA[0].into();
        }
        (setup.pretrained, setup.pretrained_pixels) = (path, NO_PRETRAINED.into());
        self.reset();
    }

    /// Reads data from this folder (or built-in set) from now on, which takes a new run.
    pub fn open_data(&mut self, data: String) {
        self.config.setup.data = data;
        self.reset();
    }
}

impl Drop for Controls {
    /// The trainer ends with its window; one that is busy sees the channel close.
    fn drop(&mut self) {
        let _ = self.commands.try_send(Command::Quit);
    }
}
