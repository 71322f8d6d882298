//! One run: its scenario, where it stands, and what it is measuring. Turn by turn; nothing here loops, and only attacks and
//! the controller of α wait.

use burn::tensor::Device;
use web_time::{Duration, Instant};

mod facts;
mod stopping;

use facts::{describe, histogram_images, load, one_of_each_class, statistics};
use stopping::{Back, Stopping};

use super::{
    assessments::{Assessments, Standing},
    checkpoint::{self, Begun, Checkpoint, Header, TeacherHeader, UnderWay},
    measure::{self, Answer},
    places,
    probe::Probe,
    readings::{Readings, guarded, timed},
    saturation::saturation,
    teacher,
};
use crate::{
    config::{
        Config, DeviceInfo, Hyper, KnobError, Occasion, Players, Precision, Push, ScenarioKind, Setup,
        Threat, knobs,
    },
    data::epochs,
    gpu::read,
    nn::{channel::Channel, network::Statistics},
    protocol::{Cadence, Checkpointed, Event, Failure, Preparing, Report, Robustness, RunId, RunInfo},
    scenario::{
        CONTROL_EVERY, Defense, Distillation, Measures, Multitask, OutOfReach, Part, Preparation, Scenario,
        State,
    },
    show::number::{figure, percent, short, short_percent, whole_percent},
};

/// Training time between two copies on the host, for the case that the device is lost.
const KEEP_EVERY: Duration = Duration::from_secs(30);
/// Held-out images shown as samples.
const SAMPLE_IMAGES: usize = 10;

/// From this mean logit on `f32` tells logits apart in steps of 1/128 at best: they have sunk, or risen, too far.
const FAR_LOGIT: f64 = 65_536.0;

/// A run under way.
pub struct Session {
    /// The facts that do not change.
    pub info: RunInfo,
    /// Steps done.
    pub step: u64,
    scenario: Box<dyn Scenario>,
    statistics: Statistics,
    teacher: Option<TeacherHeader>,
    readings: Readings<Answer>,
    assessments: Assessments,
    probe: Option<Probe>,
    /// What training began and is not told yet.
    under_way: UnderWay,
    device: Device,
    histogram_images: Vec<u32>,
    sample_images: Vec<u32>,
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
            ..Clock::default()
        };
        self.begin_again(checkpoint.under_way(&self.device));
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
        info.run = run;
        info.config.hyper = hyper;
        let mut fork = Self {
            info,
            step: self.step,
            scenario: self.scenario.copy(),
            statistics: self.statistics.clone(),
            teacher: self.teacher.clone(),
            readings: Readings::default(),
            assessments: Assessments::default(),
            probe: None,
            under_way: UnderWay::default(),
            device: self.device.clone(),
            histogram_images: self.histogram_images.clone(),
            sample_images: self.sample_images.clone(),
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
        let places = places::of(&config.setup);
        let (data, scenes) = load(&config.setup)
            .map_err(|error| failure(error.to_string(), "Choose other data and reset."))?;
        let statistics =
            statistics(&data, saved, is_same_run).map_err(|(what, advice)| failure(what, advice))?;
        let teacher = teacher::choose(&config.setup, &data, &statistics, saved, kept)
            .map_err(|error| failure(error.to_string(), "Choose another teacher, or train, and reset."))?;
        let (teacher, scenario): (_, Box<dyn Scenario>) = match teacher {
            None if config.setup.scenario == ScenarioKind::Multitask => {
                let scenario = Multitask::new(&config.setup, &data, scenes, &statistics, device)
                    .map_err(|error| failure(error.to_string(), "Change the knob and reset."))?;
                (None, Box::new(scenario))
            }
            None => (None, Box::new(Defense::new(&config.setup, &data, &statistics, device))),
            Some((header, trained)) => {
                let scenario = Distillation::new(&config.setup, &data, &statistics, trained, device);
                (Some(header), Box::new(scenario))
            }
        };
        let info = describe((run, config, device_info), (&data, places), scenario.as_ref());
        let (kind, labels) = (info.config.setup.scenario, &data.test.labels);
        Ok(Self {
            unrehearsed: info.device.compiles(),
            played: info.config.hyper,
            info,
            step: 0,
            good: (0, scenario.state()),
            histogram_images: histogram_images(kind, labels),
            sample_images: one_of_each_class(labels, SAMPLE_IMAGES),
            scenario,
            statistics,
            teacher,
            readings: Readings::default(),
            assessments: Assessments::default(),
            probe: None,
            under_way: UnderWay::default(),
            device: device.clone(),
            kept: None,
            saving: false,
            clock: Clock::default(),
            out_of_reach: None,
            stopping: Stopping::resumed(saved.and_then(|saved| saved.header.stopped)),
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
        !self.assessments.is_empty() || self.probe.is_some() || !self.readings.is_empty()
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
            self.show_gradients(hyper);
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

    /// Whether training waits for an evaluation by which it may end; begins it where nothing else attacks.
    pub fn waits(&mut self, hyper: &Hyper) -> bool {
        if hyper.stop_after == 0 {
            self.stopping.forget();
        }
        let is_free = !self.assessments.has_attacks() && self.readings.is_empty();
        if is_free && self.stopping.ask(hyper) {
            let threats = Occasion::Running.threats(self.info.config.setup.scenario, &self.in_pixels(hyper));
            self.assessments.attack(standing!(self), threats, hyper.evaluate_samples);
        }
        self.stopping.is_awaiting()
    }

    /// Takes what an evaluation found: where early stopping goes by it, the run may end, at an earlier state.
    fn judge(&mut self, found: &Robustness) {
        let is_last = self.step >= self.info.config.setup.steps;
        let back = self.stopping.judge(found, self.scenario.state(), is_last);
        let Some(Back { stopped, state, hyper }) = back else { return };
        let run = self.info.run;
        self.scenario.restore(state.clone());
        self.step = stopped.best;
        self.good = (stopped.best, state);
        self.clock.reported.1 = stopped.best;
        let notice = format!(
            "Stopped early after step {}: the worst case was best at step {}, {} of the held-out images, and the network is back there.",
            stopped.at,
            stopped.best,
            percent(stopped.worst_case.value())
        );
        for event in [Event::Stopped(run, stopped), Event::Notice(notice)] {
            self.readings.push(async { Ok(Answer::Tell(event)) });
        }
        if hyper.histogram_every_steps > 0 {
            self.show_gradients(&hyper);
        }
        if hyper.probe_every_steps > 0 {
            self.probe(&hyper);
        }
    }

    /// Where it is due after a step, turns the adversary's weight by what the auxiliary network has read since the last
    /// time, which is waited for: so the run does not depend on when it is there. What should be known of that.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn steer(&mut self, hyper: &Hyper) -> Result<Option<Event>, String> {
        let target = hyper.alpha_target;
        if target == 0.0 || !self.step.is_multiple_of(CONTROL_EVERY) {
            return Ok(None);
        }
        let Some(reading) = self.scenario.controller().take() else { return Ok(None) };
        let begin = Instant::now();
        let share = reading.await?;
        let setup = &self.info.config.setup;
        let played = setup.adversary(hyper, self.step.saturating_sub(1));
        let out_of_reach = self.scenario.controller().turn(share, target, played);
        self.clock.trained += begin.elapsed();
        let Some(OutOfReach { accuracy, bound }) = out_of_reach else { return Ok(None) };
        if self.out_of_reach.replace(target) == Some(target) {
            return Ok(None);
        }
        let what = if setup.method().aligns() { "the alignment rate" } else { "α" };
        Ok(Some(Event::Notice(format!(
            "{what} is at its bound, {}, and the auxiliary network reads {} of the gradients: the target of {} cannot be reached.",
            short(bound),
            whole_percent(accuracy),
            short_percent(target)
        ))))
    }

    /// What the adversary weighs at `step`, as the controller turns it; without one α.
    fn adversary(&mut self, hyper: &Hyper, step: u64) -> f64 {
        let setup = &self.info.config.setup;
        if hyper.alpha_target == 0.0 {
            return setup.alpha(hyper, step);
        }
        let (weight, most) = setup.adversary(hyper, step);
        self.scenario.controller().turned(weight, most)
    }

    /// One step of the teacher's training, which stood at `preparation`.
    fn prepare(&mut self, hyper: &Hyper, preparation: Preparation, before: (u64, State), report: bool) {
        self.scenario.prepare(hyper);
        let preparation = Preparation { done: preparation.done + 1, ..preparation };
        let is_done = preparation.done == preparation.steps;
        if (report || is_done || preparation.done.is_multiple_of(hyper.report_every_steps))
            && let Some(pending) = self.scenario.take_measures()
        {
            let read = pending.read();
            self.readings.push(async move {
                Ok(Answer::Prepared { preparation, measures: read.await?, measured: before })
            });
        }
        if is_done && hyper.histogram_every_steps > 0 {
            self.show_gradients(hyper);
        }
    }

    /// Asks for the averages since the last report; `measured` is what the last step started from.
    fn report(&mut self, hyper: &Hyper, measured: (u64, State)) {
        let Some(pending) = self.scenario.take_measures() else { return };
        let (step, hyper) = (self.step, *hyper);
        let alpha = self.adversary(&hyper, step.saturating_sub(1));
        let read = pending.read();
        self.readings.push(async move {
            Ok(Answer::Measured { step, hyper, alpha, measures: read.await?, measured })
        });
    }

    /// Asks for histograms of the gradient tensors, and for samples.
    pub fn show_gradients(&mut self, hyper: &Hyper) {
        let (run, step, hyper) = (self.info.run, self.step, &self.in_pixels(hyper));
        let tensors = self.scenario.gradient_tensors(Part::HeldOut, &self.histogram_images, hyper);
        let Setup { seed, batch_size, .. } = self.info.config.setup;
        let looked_at = (&*self.histogram_images, self.scenario.held_out().labels());
        let channel = Channel::of(hyper, batch_size);
        self.readings.push(saturation((run, step), &tensors, looked_at, &channel));
        let seed = seed ^ step;
        self.readings.push(measure::histograms(run, step, tensors, self.info.origins.len(), seed));
        if let Some(figures) = self.scenario.task_figures(hyper) {
            self.readings.push(measure::tasks(run, step, figures));
        }
        let tensors = self.scenario.sample_tensors(&self.sample_images, hyper);
        self.readings.push(measure::samples(run, step, tensors, self.scenario.main(), hyper));
    }

    /// Begins to train a fresh auxiliary network, unless one is in training.
    pub fn probe(&mut self, hyper: &Hyper) {
        if self.probe.is_none() {
            self.under_way.probe = Some(self.begun(hyper));
            let RunInfo { run, config, origins, .. } = &self.info;
            let (knobs, tested) = ((&config.setup, hyper), &*self.histogram_images);
            self.probe = Some(Probe::new((*run, self.step), &*self.scenario, knobs, tested, origins.len()));
        }
    }

    /// One turn of the fresh auxiliary network's training, if one is in training.
    pub fn advance_probe(&mut self) {
        if let Some(reading) = self.probe.as_mut().and_then(Probe::advance) {
            self.readings.push(reading);
            (self.probe, self.under_way.probe) = (None, None);
        }
    }

    /// Asks for the held-out images at `indices`, as far as there are such.
    pub fn show_images(&mut self, indices: Vec<u32>) {
        self.readings.push(measure::pictures(self.info.run, self.scenario.held_out(), indices));
    }

    /// Begins to attack held-out images; attacks under way are dropped.
    pub fn evaluate(&mut self, threats: Vec<Threat>, samples: usize) {
        self.stopping.displace();
        self.assessments.attack(standing!(self), threats, samples);
        self.under_way.attacks = None;
    }

    /// Begins the attacks of a run under way.
    fn attack(&mut self, hyper: &Hyper) {
        let threats = Occasion::Running.threats(self.info.config.setup.scenario, &self.in_pixels(hyper));
        self.evaluate(threats, hyper.evaluate_samples);
        self.under_way.attacks = Some(self.begun(hyper));
    }

    /// A measurement of the run as it stands.
    fn begun(&self, hyper: &Hyper) -> Begun {
        Begun { step: self.step, hyper: *hyper, state: self.scenario.state() }
    }

    /// Begins to check whether robustness figures can be trusted; an audit under way is dropped.
    pub fn audit(&mut self, hyper: &Hyper, samples: usize) {
        let hyper = self.in_pixels(hyper);
        self.assessments.audit(standing!(self), &hyper, samples);
    }

    /// One turn of the attacks under way, if any.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_attacks(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        if let Some(figures) = self.assessments.advance_attacks(standing!(self)).await? {
            self.readings.push(async { Ok(Answer::Tell(Event::Robustness(Box::new(figures.await?)))) });
        }
        if !self.assessments.has_attacks() {
            self.under_way.attacks = None;
        }
        self.clock.trained += begin.elapsed();
        Ok(())
    }

    /// One turn of the audit under way, if any; what it says, if that is new.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_audit(&mut self) -> Result<Option<Event>, String> {
        let begin = Instant::now();
        let audited = self.assessments.advance_audit(standing!(self)).await?;
        self.clock.trained += begin.elapsed();
        Ok(audited.map(|audited| Event::Audited(Box::new(audited))))
    }

    /// Asks for the bytes of a checkpoint.
    pub fn save(&mut self) {
        self.saving = true;
        let bytes = self.checkpoint((self.step, self.scenario.state()), self.to_go_on_with());
        self.readings.push(async move { Ok(Answer::Tell(Event::Saved(bytes.await?))) });
    }

    /// Asks for a checkpoint where one is due.
    pub fn checkpoint_if_due(&mut self, cadence: Cadence, hyper: &Hyper) {
        let done = self.scenario.preparation().map_or(self.step, |preparation| preparation.done);
        let Clock { trained, checkpoint, cost, .. } = self.clock;
        let is_due = cadence.is_due(done, (trained, trained - checkpoint), cost);
        // The end of a run is kept by whoever waits for it.
        if !is_due || self.is_finished() {
            return;
        }
        let begin = Instant::now();
        self.remember(hyper);
        self.clock.checkpoint = self.clock.trained;
        let (run, step) = (self.info.run, self.step);
        let made = self.checkpoint((step, self.scenario.state()), self.to_go_on_with());
        let asked = begin.elapsed();
        self.readings.push(async move {
            let made =
                timed(async { made.await.map(|bytes| checkpoint::is_finite(&bytes).then_some(bytes)) });
            let (bytes, cost) = made.await;
            let bytes = bytes.map(|bytes| Some(Checkpointed { run, step, bytes: bytes? }));
            Ok(Answer::Checkpoint { step, checkpoint: bytes, cost: asked + cost })
        });
    }

    /// What is under way, as far as it is gone on with: attacks on the last weights are begun anew by who waits for them.
    fn to_go_on_with(&self) -> UnderWay {
        let attacks = self.under_way.attacks.clone().filter(|_| !self.is_finished());
        UnderWay { attacks, ..self.under_way.clone() }
    }

    /// The run as it stands, on the host.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn copy(&self) -> Result<Checkpoint, String> {
        let bytes = self.checkpoint((self.step, self.scenario.state()), UnderWay::default()).await?;
        Checkpoint::read(&bytes).map_err(|error| error.to_string())
    }

    /// Asks for a copy of the last good state on the host.
    pub fn keep(&mut self) {
        self.clock.kept = self.clock.trained;
        let (step, state) = self.good.clone();
        let bytes = self.checkpoint((step, state), UnderWay::default());
        self.readings.push(async move { Ok(Answer::Kept(step, bytes.await?)) });
    }

    /// The bytes of a checkpoint of `state` after `step` steps, in which that is `under_way`.
    fn checkpoint(
        &self,
        (step, state): (u64, State),
        under_way: UnderWay,
    ) -> impl Future<Output = Result<Vec<u8>, String>> + use<> {
        let interface = &self.scenario.main().network.interface;
        let (config, classes) = (self.info.config.clone(), self.info.classes.clone());
        let header = Header::new(config, step, interface, classes, &self.statistics)
            .with_places(self.info.places.clone())
            .with_teacher(self.teacher.clone())
            .with_tasks(self.scenario.task_outputs())
            .with_stopped(self.stopping.ended());
        async move { checkpoint::write(header, state, under_way).await.map_err(|error| error.to_string()) }
    }

    /// The copy on the host, where a save was asked for and the device failed before it was answered.
    pub fn rescue(&mut self) -> Option<(u64, Vec<u8>)> {
        if std::mem::take(&mut self.saving) { self.kept.clone() } else { None }
    }

    /// Drops every evaluation and read under way, and the rehearsal that is still to come.
    pub fn abandon(&mut self) {
        self.skip_rehearsal();
        self.assessments.clear();
        self.stopping.forget();
        self.probe = None;
        self.under_way = UnderWay::default();
        self.readings.clear();
    }

    /// The knobs as they are now: what the next checkpoint says.
    pub fn remember(&mut self, hyper: &Hyper) {
        self.info.config.hyper = *hyper;
    }

    /// The next answer from the device that is there, as an event; waits for it where `wait` says so.
    ///
    /// # Errors
    /// What the device said. A loss that is no number is an [`Event::Failed`], and training is put back.
    pub async fn answer(&mut self, wait: bool) -> Result<Option<Event>, String> {
        let begin = Instant::now();
        let event = loop {
            match self.readings.next(wait).await.transpose()? {
                None => break None,
                Some(Answer::Kept(step, bytes)) => self.kept = Some((step, bytes)),
                Some(Answer::Checkpoint { step, checkpoint, cost }) => {
                    self.clock.cost = cost;
                    match checkpoint {
                        Ok(Some(checkpoint)) => break Some(Event::Checkpoint(checkpoint)),
                        // A number that is none: the next report says so, and puts the run back.
                        Ok(None) => {}
                        Err(what) => {
                            let notice = format!(
                                "No checkpoint could be taken at step {step}: {what}. The run goes on."
                            );
                            break Some(Event::Notice(notice));
                        }
                    }
                }
                Some(Answer::Tell(event)) => {
                    self.saving &= !matches!(event, Event::Saved(_));
                    match &event {
                        Event::Robustness(found) => self.judge(found),
                        Event::Saturation(found) => self.watch_logits(found.mean_logit),
                        _ => {}
                    }
                    break Some(event);
                }
                Some(Answer::Prepared { preparation, measures, measured }) => {
                    break Some(self.prepared(preparation, &measures, measured));
                }
                Some(Answer::Measured { step, hyper, alpha, measures, measured }) => {
                    let event = self.measured(step, (hyper, alpha), measures, measured);
                    break Some(self.explained(event).await?);
                }
            }
        };
        self.clock.trained += begin.elapsed();
        Ok(event)
    }

    fn prepared(&mut self, preparation: Preparation, measures: &Measures, measured: (u64, State)) -> Event {
        let Preparation { done, steps } = preparation;
        if !measures.loss.is_finite() {
            return Event::Failed(
                self.put_back(measures, &format!("the teacher's training broke down by step {done}")),
            );
        }
        self.good = measured;
        // What the teacher took is none of the student's time.
        self.clock.reported.0 = self.clock.trained;
        Event::Preparing(Preparing {
            run: self.info.run,
            done,
            steps,
            loss: measures.loss,
            accuracy: measures.accuracy,
        })
    }

    fn measured(
        &mut self,
        step: u64,
        (hyper, alpha): (Hyper, f64),
        measures: Measures,
        measured: (u64, State),
    ) -> Event {
        if !(measures.loss.is_finite()
            && measures.auxiliary_loss.is_finite()
            && measures.gradient_rms.is_finite())
        {
            return Event::Failed(self.put_back(&measures, &format!("training broke down by step {step}")));
        }
        self.good = measured;
        if self.clock.trained - self.clock.kept >= KEEP_EVERY {
            self.keep();
        }
        let (time, reported) = self.clock.reported;
        let elapsed = self.clock.trained;
        self.clock.reported = (elapsed, step);
        let setup = &self.info.config.setup;
        Event::Report(Box::new(Report {
            run: self.info.run,
            step,
            epoch: epochs(step, self.info.train_images, setup.batch_size),
            elapsed,
            steps_per_second: (step - reported) as f64 / (elapsed - time).as_secs_f64().max(1e-9),
            hyper,
            alpha,
            loss: measures.loss,
            accuracy: measures.accuracy,
            auxiliary_loss: measures.auxiliary_loss,
            auxiliary_accuracy: measures.auxiliary_accuracy,
            gradient_rms: measures.gradient_rms,
            confusion: measures.confusion,
        }))
    }

    /// Says once where the logits have gone so far that `f32` rounds the differences between them.
    fn watch_logits(&mut self, mean: f64) {
        if self.told_logits || !mean.is_finite() || mean.abs() < FAR_LOGIT {
            return;
        }
        self.told_logits = true;
        let notice = format!(
            "The mean logit is {}: f32 tells such logits apart in steps of {} only, and ends at 3.4e38.{}",
            figure(mean),
            figure(mean.abs() * f64::from(f32::EPSILON)),
            self.sinking()
        );
        self.readings.push(async { Ok(Answer::Tell(Event::Notice(notice))) });
    }

    /// What sinks the logits, where that is known, as a sentence with a blank before it.
    fn sinking(&self) -> &'static str {
        let is_pushed = self.info.config.setup.method().beta() && self.played.greace_push == Push::Raw;
        if is_pushed { " GREACE's raw push sinks them: lower β, or set greace_push=centred." } else { "" }
    }

    /// The same of a run that was put back, with the mean logit of its last good state where that is what left `f32`.
    ///
    /// # Errors
    /// Where the device failed.
    async fn explained(&self, event: Event) -> Result<Event, String> {
        let Event::Failed(failure) = event else { return Ok(event) };
        let (player, images) = (self.scenario.main(), self.scenario.held_out());
        let batch = images.gather(&self.sample_images);
        let logits = player.network.logits(&player.weights, batch.images);
        let mean = read(logits.mean()).await?.first().map_or(0.0, |mean| f64::from(*mean));
        if mean.abs() < FAR_LOGIT {
            return Ok(Event::Failed(failure));
        }
        let what = format!(
            "{}; the logits had run away: their mean was {} at step {}",
            failure.what,
            figure(mean),
            self.step
        );
        let advice = format!("{}{}", failure.advice, self.sinking());
        Ok(Event::Failed(Failure { what, advice, ..failure }))
    }

    /// Goes back to the last good state after a loss that is no number.
    fn put_back(&mut self, measures: &Measures, what: &str) -> Failure {
        let (good_step, state) = self.good.clone();
        self.abandon();
        self.scenario.restore(state);
        self.step = good_step;
        self.clock.reported.1 = good_step;
        Failure {
            run: self.info.run,
            what: format!(
                "{what}, where {} left f32: loss {}, auxiliary loss {}, gradient {}",
                lost(measures),
                measures.loss,
                measures.auxiliary_loss,
                measures.gradient_rms
            ),
            advice: format!(
                "It was put back to step {good_step}, which can be saved. Lower the learning rate, α or β, then run on{}.",
                match self.info.config.setup.precision {
                    Precision::Single => "",
                    Precision::Mixed => ", or train in f32: 16-bit floats end at 65504",
                }
            ),
        }
    }
}

/// Which of the figures are no numbers, as a list.
fn lost(measures: &Measures) -> String {
    let figures = [
        ("the loss", measures.loss),
        ("the auxiliary loss", measures.auxiliary_loss),
        ("the gradient", measures.gradient_rms),
    ];
    let lost: Vec<&str> =
        figures.iter().filter(|(_, value)| !value.is_finite()).map(|(name, _)| *name).collect();
    lost.join(" and ")
}
