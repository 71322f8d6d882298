//! One run: its scenario, where it stands, and what it is measuring. Turn by turn; nothing here loops, and only attacks and
//! the controller of α wait.

use std::path::Path;
use std::rc::Rc;

use burn::tensor::Device;
use web_time::{Duration, Instant};

/// The run as it stands, but for the assessments: a method would borrow these too.
macro_rules! standing {
    ($session:ident) => {
        Standing {
            run: $session.info.run,
            step: $session.step,
            scenario: &*$session.scenario,
            setup: &$session.info.config.setup,
            statistics: &$session.statistics,
            device: &$session.device,
        }
    };
}

mod facts;
mod figures;
mod keeping;
mod measuring;
mod plane;
pub mod predicting;
mod shared;
mod steering;
mod stopping;

use facts::{describe, histogram_images, load, notes, one_of_each_class, scenario, statistics};
use plane::Lattice;
use predicting::Prediction;
use stopping::Stopping;

use super::{
    assessments::Assessments,
    checkpoint::{Begun, Checkpoint, Rule, TeacherHeader, UnderWay},
    measure::Answer,
    probe::Probe,
    readings::{Readings, guarded},
    sources::{self, places},
};
use crate::{
    config::{Config, DeviceInfo, Hyper, KnobError, Players, Precision, Setup, knobs},
    data::Picture,
    nn::{Pretrained, network::Statistics},
    protocol::{Failure, Forked, RunId, RunInfo},
    scenario::{Scenario, State},
};

/// Held-out images shown as samples.
const SAMPLE_IMAGES: usize = 10;

/// A run under way.
pub struct Session {
    /// The facts that do not change.
    pub info: RunInfo,
    /// Steps done.
    pub step: u64,
    scenario: Box<dyn Scenario>,
    statistics: Statistics,
    teacher: Option<TeacherHeader>,
    /// The network that it began as, where that came from a file.
    pretrained: Option<Pretrained>,
    /// What was made of that file otherwise than it says, in sentences.
    pub notes: Vec<String>,
    readings: Readings<Answer>,
    assessments: Assessments,
    probe: Option<Probe>,
    /// What training began and is not told yet.
    under_way: UnderWay,
    device: Device,
    histogram_images: Vec<u32>,
    sample_images: Vec<u32>,
    /// Where a world is looked at.
    lattice: Option<Rc<Lattice>>,
    /// A picture of somebody's own, by its name.
    own: Option<Rc<(String, Picture)>>,
    /// What is being said of it.
    prediction: Option<Prediction>,
    /// All networks as they stood before the last step whose loss was a number, and how many steps they had done.
    good: (u64, State),
    /// A checkpoint on the host, and its steps.
    kept: Option<(u64, Vec<u8>)>,
    /// Whether [`Self::save`] has not been answered yet.
    saving: bool,
    /// Whether the first step is still to be rehearsed.
    unrehearsed: bool,
    clock: Clock,
    /// The α target that was told to be out of reach.
    out_of_reach: Option<f64>,
    stopping: Stopping,
    /// Whether it was told how far the logits are from 0.
    told_logits: bool,
    /// The knobs of the last step.
    played: Hyper,
}

/// Time spent training.
#[derive(Clone, Copy, Default)]
struct Clock {
    trained: Duration,
    /// Time and step of the last report.
    reported: (Duration, u64),
    /// Time of the last copy on the host.
    kept: Duration,
    /// Time of the last checkpoint that was due, and what one took.
    checkpoint: Duration,
    cost: Duration,
    world: WorldClock,
}

/// The last picture of a world.
#[derive(Clone, Copy, Default)]
struct WorldClock {
    /// Steps done when it was asked for.
    step: u64,
    /// Time after it, and what it took.
    after: Duration,
    cost: Duration,
}

/// While a run trains, pictures of its world take at most one part in so many of its time.
const WORLD_SHARE: u32 = 10;

impl WorldClock {
    /// Whether another picture then would leave the rest of the time to training.
    fn affords(self, trained: Duration) -> bool {
        trained.saturating_sub(self.after) >= self.cost * (WORLD_SHARE - 1)
    }
}

/// What a run comes from, beside its config.
#[derive(Clone, Copy, Default)]
struct Sources<'a> {
    /// Its own checkpoint.
    saved: Option<&'a Checkpoint>,
    /// Whether it is the run of that checkpoint and no other on data that fit.
    is_same_run: bool,
    /// The network that was kept as a teacher.
    kept: Option<&'a Checkpoint>,
}

impl Session {
    /// Reads the data, makes the networks, uploads both; `kept` is the network that was kept as a teacher.
    ///
    /// # Errors
    /// What is wrong with the config or the data.
    pub fn start(
        run: RunId,
        config: Config,
        device: &Device,
        device_info: DeviceInfo,
        kept: Option<&Checkpoint>,
    ) -> Result<Self, Failure> {
        Self::build(run, config, device, device_info, Sources { kept, ..Sources::default() })
    }

    /// Goes on where a checkpoint left off.
    ///
    /// # Errors
    /// What is wrong with its data, or that the data does not fit its networks.
    pub fn resume(
        run: RunId,
        checkpoint: &Checkpoint,
        device: &Device,
        info: DeviceInfo,
    ) -> Result<Self, Failure> {
        let mut config = checkpoint.header.config.clone();
        if config.setup.refusal(&info).is_some() {
            // The weights are in f32 whatever they were trained in.
            config.setup.precision = Precision::Single;
        }
        places::find_data(&mut config.setup, &checkpoint.header.places, None).map_err(|error| {
            let advice = "Choose the data, and reset; or begin where they are.".into();
            Failure { run, what: error.to_string(), advice }
        })?;
        // The checkpoint has it; where its file is matters to the next run.
        drop(places::find_pretrained(&mut config.setup, &checkpoint.header.places, None));
        let sources = Sources { saved: Some(checkpoint), ..Sources::default() };
        let mut session = Self::build(run, config, device, info, sources)?;
        session.restore(checkpoint, Duration::ZERO);
        Ok(session)
    }

    /// Goes on with the run of a checkpoint, which has been trained for that long, as if it had never ended.
    ///
    /// # Errors
    /// What is wrong with its data or the device, or that the data are others.
    pub fn go_on(
        run: RunId,
        (checkpoint, trained): (&Checkpoint, Duration),
        device: &Device,
        info: DeviceInfo,
    ) -> Result<Self, Failure> {
        let sources = Sources { saved: Some(checkpoint), is_same_run: true, kept: None };
        let mut session = Self::build(run, checkpoint.header.config.clone(), device, info, sources)?;
        session.restore(checkpoint, trained);
        Ok(session)
    }

    /// Goes on as a run of its own with what a checkpoint in `folder` left, which has been trained for that long.
    ///
    /// # Errors
    /// That its data are not found or are others, or what is wrong with the device.
    pub fn fork_kept(
        run: RunId,
        (checkpoint, trained, folder): (&Checkpoint, Duration, &Path),
        device: &Device,
        info: DeviceInfo,
    ) -> Result<Self, Failure> {
        let mut config = checkpoint.header.config.clone();
        if config.setup.refusal(&info).is_some() {
            config.setup.precision = Precision::Single;
        }
        places::find_data(&mut config.setup, &checkpoint.header.places, Some(folder)).map_err(|error| {
            let advice = "Put the data back, or beside the run's folder; the run at hand goes on as it was.";
            Failure { run, what: error.to_string(), advice: advice.into() }
        })?;
        drop(places::find_pretrained(&mut config.setup, &checkpoint.header.places, Some(folder)));
        let sources = Sources { saved: Some(checkpoint), is_same_run: true, kept: None };
        let mut session = Self::build(run, config, device, info, sources)?;
        session.restore(checkpoint, trained);
        session.info.forked = Some(Forked { run: 0, step: session.step });
        Ok(session)
    }

    /// Stands where a checkpoint does.
    fn restore(&mut self, checkpoint: &Checkpoint, trained: Duration) {
        self.scenario.restore(checkpoint.state(&self.device));
        self.step = checkpoint.header.step;
        self.good = (self.step, self.scenario.state());
        self.clock = Clock {
            trained,
            reported: (trained, self.step),
            kept: trained,
            checkpoint: trained,
            world: WorldClock { step: self.step, after: trained, cost: Duration::ZERO },
            ..Clock::default()
        };
        let mut under_way = checkpoint.under_way(&self.device);
        self.stopping = Stopping::resumed(checkpoint.header.stopped, std::mem::take(&mut under_way.rule));
        self.begin_again(under_way);
    }

    /// Begins again what was under way, and brings the probe to where it was: a turn of it came with each step.
    fn begin_again(&mut self, under_way: UnderWay) {
        let (now, step) = (self.scenario.state(), self.step);
        if let Some(Begun { step: begun, hyper, state }) = under_way.probe {
            self.scenario.restore(state);
            self.step = begun;
            self.probe(&hyper);
            (begun..step).for_each(|_| self.advance_probe());
        }
        if let Some(Begun { step: begun, hyper, state }) = under_way.attacks {
            self.scenario.restore(state);
            self.step = begun;
            self.attack(&hyper);
        }
        self.scenario.restore(now);
        self.step = step;
        self.under_way.next_probe = under_way.next_probe;
    }

    /// A copy of the run at this very step, on the same device and with these knobs. An audit is not copied.
    pub fn fork(&self, run: RunId, hyper: Hyper) -> Self {
        let mut info = self.info.clone();
        (info.run, info.config.hyper) = (run, hyper);
        info.forked = Some(Forked { run: self.info.run, step: self.step });
        let mut fork = Self {
            info,
            step: self.step,
            scenario: self.scenario.copy(),
            statistics: self.statistics.clone(),
            teacher: self.teacher.clone(),
            pretrained: self.pretrained.clone(),
            notes: Vec::new(),
            readings: Readings::default(),
            assessments: Assessments::default(),
            probe: None,
            under_way: UnderWay::default(),
            device: self.device.clone(),
            histogram_images: self.histogram_images.clone(),
            sample_images: self.sample_images.clone(),
            lattice: self.lattice.clone(),
            own: self.own.clone(),
            prediction: None,
            good: self.good.clone(),
            kept: self.kept.clone(),
            saving: false,
            unrehearsed: self.unrehearsed,
            out_of_reach: self.out_of_reach,
            stopping: self.stopping.clone(),
            told_logits: self.told_logits,
            played: self.played,
            clock: self.clock,
        };
        // An evaluation that training waits for is not copied: it is asked for anew.
        fork.stopping.displace();
        fork.learn_from(self);
        fork.begin_again(self.under_way.clone());
        fork
    }

    fn build(
        run: RunId,
        config: Config,
        device: &Device,
        device_info: DeviceInfo,
        Sources { saved, is_same_run, kept }: Sources<'_>,
    ) -> Result<Self, Failure> {
        let failure = |what: String, advice: &str| Failure { run, what, advice: advice.into() };
        knobs::validate(&config)
            .map_err(|error: KnobError| failure(error.to_string(), "Change the knob and reset."))?;
        if let Some(what) = config.setup.refusal(&device_info) {
            return Err(failure(what, "Set precision=f32, or choose another device, and reset."));
        }
        let places = places::of_run(&config.setup, saved);
        let (data, scenes) = load(&config.setup)
            .map_err(|error| failure(error.to_string(), "Choose other data and reset."))?;
        let statistics =
            statistics(&data, saved, is_same_run).map_err(|(what, advice)| failure(what, advice))?;
        let teacher = sources::choose(&config.setup, &data, &statistics, saved, kept)
            .map_err(|error| failure(error.to_string(), "Choose another teacher, or train, and reset."))?;
        let opened = sources::open(&config.setup, &data, saved)
            .map_err(|error| failure(error.to_string(), error.advice()))?;
        let notes = notes(&config.setup, opened.as_ref(), teacher.as_ref());
        let (pretrained, values) = opened.map(|opened| (opened.pretrained, opened.values)).unzip();
        let begins = pretrained.as_ref().map(Pretrained::network).zip(values);
        let teacher = teacher.map(|chosen| (chosen.header, chosen.trained));
        let (teacher, scenario) =
            scenario((&config.setup, (&data, scenes), &statistics), (teacher, begins), device)
                .map_err(|error| failure(error.to_string(), "Change the knob and reset."))?;
        let info = describe((run, config, device_info), (&data, places), scenario.as_ref());
        let (kind, labels) = (info.config.setup.scenario, &data.test.labels);
        let lattice = info.config.setup.world().map(|_| Lattice::of(&data, device));
        Ok(Self {
            unrehearsed: info.device.compiles(),
            played: info.config.hyper,
            info,
            step: 0,
            good: (0, scenario.state()),
            histogram_images: histogram_images(kind, labels),
            sample_images: one_of_each_class(labels, SAMPLE_IMAGES),
            lattice,
            own: None,
            prediction: None,
            scenario,
            statistics,
            teacher,
            pretrained,
            notes,
            readings: Readings::default(),
            assessments: Assessments::default(),
            probe: None,
            under_way: UnderWay::default(),
            device: device.clone(),
            kept: None,
            saving: false,
            clock: Clock::default(),
            out_of_reach: None,
            stopping: Stopping::resumed(saved.and_then(|saved| saved.header.stopped), Rule::default()),
            told_logits: false,
        })
    }

    /// Whether all steps are done, or early stopping ended it.
    pub fn is_finished(&self) -> bool {
        let is_through = self.step >= self.info.config.setup.steps && !self.stopping.is_awaiting();
        is_through || self.stopping.ended().is_some()
    }

    /// Whether all steps are done and the probe that follows the last is too: whoever waits for the end of a run gets both.
    pub fn is_concluded(&self) -> bool {
        self.is_finished() && self.probe.is_none()
    }

    /// Whether an evaluation or a read is under way.
    pub fn is_busy(&self) -> bool {
        !self.assessments.is_empty()
            || self.probe.is_some()
            || self.prediction.is_some()
            || !self.readings.is_empty()
    }

    /// Whether the first step is still to be rehearsed.
    pub fn wants_rehearsal(&self) -> bool {
        self.unrehearsed && !self.is_finished()
    }

    /// Whether all that this run's steps need is compiled once `other` has taken or rehearsed one.
    pub fn computes_like(&self, other: &Self) -> bool {
        let (setup, other) = (&self.info.config.setup, &other.info.config.setup);
        *setup == Setup { seed: setup.seed, steps: setup.steps, ..other.clone() }
    }

    /// Keeps what the run before it found out about the device.
    pub fn learn_from(&mut self, earlier: &Self) {
        self.assessments.learn_from(&earlier.assessments);
    }

    /// Leaves the rehearsal out.
    pub fn skip_rehearsal(&mut self) {
        self.unrehearsed = false;
    }

    /// The knobs as the run acts on them: with ε in pixels.
    fn in_pixels(&self, hyper: &Hyper) -> Hyper {
        hyper.in_pixels(self.info.input_deviation)
    }

    /// Takes a step and takes it back, so that its pipelines are there when the first step is asked for.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn rehearse(&mut self, hyper: &Hyper) -> Result<(), String> {
        self.skip_rehearsal();
        let (state, step) = (self.scenario.state(), self.step);
        // Without α a step has fewer operations.
        let hyper = self.in_pixels(hyper).at_full_alpha();
        let step = async {
            self.scenario.step(step, &hyper, Players::Both);
            // Operations are compiled when they are submitted, at the latest before a read.
            match self.scenario.take_measures() {
                Some(pending) => pending.read().await.map(drop),
                None => Ok(()),
            }
        };
        let taken = guarded(step).await;
        self.scenario.restore(state);
        taken
    }

    /// One training step, and whatever is due after it; a report in any case where `report` says so.
    pub fn train(&mut self, hyper: &Hyper, players: Players, report: bool) {
        self.skip_rehearsal();
        let begin = Instant::now();
        let before = (self.step, self.scenario.state());
        if let Some(preparation) = self.scenario.preparation() {
            self.prepare(hyper, preparation, before, report);
            self.clock.trained += begin.elapsed();
            return;
        }
        self.scenario.step(self.step, &self.in_pixels(hyper), players);
        (self.step, self.played) = (self.step + 1, *hyper);
        let due = |every: u64| every > 0 && self.step.is_multiple_of(every);
        let (histograms, robustness) = (due(hyper.histogram_every_steps), due(hyper.evaluate_every_steps));
        let probe = due(hyper.probe_every_steps);
        if report || self.step.is_multiple_of(hyper.report_every_steps) || self.is_finished() {
            self.report(hyper, before);
        }
        if histograms || (self.is_finished() && hyper.histogram_every_steps > 0) {
            let waited_for = report || self.is_finished();
            self.show(hyper, waited_for || self.clock.world.affords(self.clock.trained));
        }
        let probe = probe || (self.is_finished() && hyper.probe_every_steps > 0);
        if probe && self.probe.is_none() && self.step >= self.under_way.next_probe {
            self.probe(hyper);
            // Also where it ends sooner, because the run is paused meanwhile.
            let turns = self.probe.as_ref().map_or(0, Probe::turns);
            self.under_way.next_probe = self.step + turns;
        }
        if hyper.stop_after > 0 && hyper.evaluate_every_steps > 0 {
            if robustness || self.is_finished() {
                self.stopping.wait_for(self.step);
            }
        } else if robustness && !self.assessments.has_attacks() {
            self.attack(hyper);
        }
        self.clock.trained += begin.elapsed();
    }

    /// Drops every evaluation and read under way, and the rehearsal that is still to come.
    pub fn abandon(&mut self) {
        self.skip_rehearsal();
        self.assessments.clear();
        self.stopping.forget();
        (self.probe, self.prediction) = (None, None);
        self.under_way = UnderWay::default();
        self.readings.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_a_world_leave_nine_tenths_of_the_time() {
        let [after, cost] = [1000, 100].map(Duration::from_millis);
        let clock = WorldClock { step: 50, after, cost };
        let affords = |trained: u64| clock.affords(Duration::from_millis(trained));
        assert_eq!([900, 1000, 1899, 1900, 5000].map(affords), [false, false, false, true, true]);
        assert!(WorldClock::default().affords(Duration::ZERO), "the first costs nothing that is known");
    }
}
