//! All that the window knows of a run, and what can be asked of it. What is kept is bounded.

mod accept;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::app::run::along::Along;
use crate::app::run::series::{Row, Series};
use crate::config::{AuxiliaryReads, Config, Hyper, MultitaskMethod, ScenarioKind, Setup, World};
use crate::platform;
use crate::protocol::{
    Activity, Audited, Failure, Histograms, Pictures, Plane, Predicted, Preparing, Readings, Report,
    Robustness, RunId, RunInfo, RunState, Samples, Saturation, Tasks, Traced,
};
use crate::runs::recording::Replay;
use crate::show::columns::Metric;

/// A knob that was turned during the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The first reported step that used the new value.
    pub step: u64,
    /// Seconds of training at that step.
    pub seconds: f64,
    /// The knob's name on screen.
    pub knob: &'static str,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// An evaluation put aside to compare with.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// What it is: mode and step.
    pub label: String,
    /// Its figures.
    pub robustness: Robustness,
}

/// What has been heard of the current run.
#[derive(Clone, Default)]
pub struct History {
    /// Facts of the run; none before the first one started.
    pub info: Option<RunInfo>,
    /// What the trainer said last that it does.
    pub state: Option<RunState>,
    /// How far a teacher's training is, until the first report.
    pub preparing: Option<Preparing>,
    /// Reports, as [`Metric`] columns.
    pub reports: Series<{ Metric::ALL.len() }>,
    /// The newest report.
    pub latest: Option<Report>,
    /// Knobs turned, oldest first.
    pub edits: VecDeque<Edit>,
    /// The newest histograms.
    pub histograms: Option<Histograms>,
    /// Jensen-Shannon distance between the origins, and its floor.
    pub distances: Series<2>,
    /// On held-out images: accuracy of the teacher, agreement with it, cosine of the gradients; none without a teacher.
    pub comparisons: Series<3>,
    /// What was left of the gradients last.
    pub saturation: Option<Saturation>,
    /// The mean logit, the share of images of probability 1 and that of images without a gradient.
    pub saturations: Series<3>,
    /// What fresh auxiliary networks read, oldest first.
    pub probes: VecDeque<Readings>,
    /// Whether one was asked for and has not been heard of.
    pub awaits_probe: bool,
    /// The held-out images that were asked for last, and how many times such came, so that textures follow them.
    pub pictures: Option<Pictures>,
    /// See [`Self::pictures`].
    pub pictures_received: u64,
    /// The newest samples.
    pub samples: Option<Samples>,
    /// Counts the samples that came, so that textures follow them.
    pub samples_received: u64,
    /// A world as it was seen last, and how many times it was, so that textures follow it.
    pub plane: Option<Plane>,
    /// See [`Self::plane`].
    pub planes_received: u64,
    /// The ways of attacks that were asked for last.
    pub traced: Option<Traced>,
    /// What the network said last of a picture of somebody's own, and how many times it did, so that textures follow it.
    pub predicted: Option<Predicted>,
    /// See [`Self::predicted`].
    pub predicted_received: u64,
    /// The newest figures of the run's tasks.
    pub tasks: Option<Tasks>,
    /// Counts those that came, so that textures follow them.
    pub tasks_received: u64,
    /// The last single-task run's, and its data; outlives its run.
    single_tasks: Option<(Material, Tasks)>,
    /// The newest evaluation, complete or not.
    pub evaluation: Option<Robustness>,
    /// The complete evaluation before it.
    pub previous: Option<Robustness>,
    /// Clean accuracy on held-out images, evaluation by evaluation; of several tasks, where images have the noise that
    /// they are trained on, each time they were measured.
    pub held_out: Series<1>,
    /// The newest audit, complete or not.
    pub audited: Option<Audited>,
    /// An evaluation to compare with; outlives its run.
    pub baseline: Option<Baseline>,
    /// Classes whose names no font has, and the run that was looked at for them.
    undrawable: Vec<usize>,
    named_run: RunId,
    /// What the trainer last had to say.
    pub notice: Option<String>,
    /// What failed and was not dismissed, oldest first.
    pub failures: VecDeque<Failure>,
    /// Of a run that is looked at as it was: the last step that is known of it, and the seconds of training until then, so
    /// that its charts keep their axes.
    pub until: Option<[f64; 2]>,
}

/// What an event asks of the window beyond remembering it.
#[derive(Debug)]
pub enum Consequence {
    /// A run is ready; its config.
    Started(Box<Config>),
    /// The bytes of a checkpoint are to be saved.
    Save(Vec<u8>),
    /// A copy of the run goes on beside it: the numbers of both, and the knobs of the copy.
    Forked((RunId, RunId), Box<Hyper>),
    /// That one of two runs goes on no more.
    Left(RunId),
    /// Something failed.
    Failed,
}

/// What is learned of: data by their name, and what else a world follows from.
type Material = (String, Option<World>);

fn material(setup: &Setup) -> Material {
    (setup.data.clone(), setup.world())
}

impl History {
    /// What is known of a run that begins. `pictures` is a number that no other history counts its pictures from, so that
    /// textures tell them apart.
    pub fn of_run(info: RunInfo, pictures: u64) -> Self {
        let mut history = Self {
            samples_received: pictures,
            planes_received: pictures,
            tasks_received: pictures,
            pictures_received: pictures,
            predicted_received: pictures,
            ..Self::default()
        };
        history.accept(info.into());
        history
    }

    /// What is known of a run that was kept; `pictures` as in [`Self::of_run`].
    pub fn of(replay: Replay, pictures: u64) -> Self {
        let mut history = Self::of_run(replay.info, pictures);
        for event in replay.events {
            history.accept(event);
        }
        history
    }

    /// What was known of the run at hand when it began, without what the window said since.
    pub fn at_its_beginning(&self, pictures: u64) -> Self {
        let history = self.info.clone().map(|info| Self::of_run(info, pictures));
        Self { single_tasks: self.single_tasks.clone(), ..history.unwrap_or_default() }
    }

    /// Becomes what was known of its run earlier, or later; what is the window's, and no run's, stays.
    pub fn become_as(&mut self, then: &Self) {
        *self = Self {
            baseline: self.baseline.take(),
            undrawable: std::mem::take(&mut self.undrawable),
            named_run: self.named_run,
            notice: self.notice.take(),
            failures: std::mem::take(&mut self.failures),
            ..then.clone()
        };
    }

    /// The end of an axis in charts of the whole run; 0 where it goes on.
    pub fn end(&self, along: Along) -> f64 {
        self.until.map_or(0.0, |[step, seconds]| self.place(along, step, seconds))
    }

    /// Where that step, after so many seconds of training, lies on such an axis.
    pub fn place(&self, along: Along, step: f64, seconds: f64) -> f64 {
        step * self.per_step(along) + seconds * along.per_second()
    }

    fn per_step(&self, along: Along) -> f64 {
        let info = self.info.as_ref();
        info.map_or(0.0, |info| along.per_step(info.train_images, info.config.setup.batch_size))
    }

    /// What is known of a copy of the run that goes on from here: all that was heard until now, and these facts. `pictures`
    /// as in [`Self::of`].
    pub fn forked(&self, info: RunInfo, pictures: u64) -> Self {
        Self {
            state: self.state.map(|state| RunState { run: info.run, ..state }),
            info: Some(info),
            samples_received: pictures,
            planes_received: pictures,
            tasks_received: pictures,
            pictures_received: pictures,
            predicted_received: pictures,
            failures: VecDeque::new(),
            notice: None,
            // What somebody had asked for and is not complete is asked of the other alone.
            evaluation: self.complete_evaluation().cloned(),
            audited: self.audited.clone().filter(|audited| audited.complete),
            ..self.clone()
        }
    }

    /// Gives another run what is the window's and no run's.
    pub fn hand_over(&mut self, to: &mut Self) {
        to.baseline = self.baseline.take();
        to.notice = self.notice.take();
        to.failures.append(&mut self.failures);
    }

    /// The current run; 0 before the first.
    pub fn run(&self) -> RunId {
        self.info.as_ref().map_or(0, |info| info.run)
    }

    /// What the trainer does; [`Activity::Preparing`] until it says something.
    pub fn activity(&self) -> Activity {
        self.state.map_or(Activity::Preparing, |state| state.activity)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        let reported = self.latest.as_ref().map_or(0, |report| report.step);
        self.state.map_or(reported, |state| state.step.max(reported))
    }

    /// Steps of the whole run; 0 before the first.
    pub fn steps(&self) -> u64 {
        self.info.as_ref().map_or(0, |info| info.config.setup.steps)
    }

    /// What the data are, several of them: points of a world, or images.
    pub fn examples(&self) -> &'static str {
        if self.is_world() { "points" } else { "images" }
    }

    /// Whether the data are a world.
    pub fn is_world(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.config.setup.world().is_some())
    }

    /// A class's name as it is drawn: its number where no font has the name's characters.
    pub fn class_name(&self, class: usize) -> String {
        if self.undrawable.contains(&class) { format!("class {class}") } else { self.whole_class_name(class) }
    }

    /// A class's name, whatever can be drawn of it: for tables.
    pub fn whole_class_name(&self, class: usize) -> String {
        let name = self.info.as_ref().and_then(|info| info.classes.get(class));
        name.cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// The name of where gradient tensors come from, as it is drawn.
    pub fn origin_name(&self, origin: usize) -> String {
        if self.origins_are_classes() { self.class_name(origin) } else { self.whole_origin_name(origin) }
    }

    /// The name of where gradient tensors come from, whatever can be drawn of it: for tables.
    pub fn whole_origin_name(&self, origin: usize) -> String {
        let name = self.info.as_ref().and_then(|info| info.origins.get(origin));
        name.cloned().unwrap_or_else(|| format!("origin {origin}"))
    }

    fn origins_are_classes(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.origins == info.classes)
    }

    /// Takes note of which classes' names can be drawn, once a run.
    pub fn look_at_names(&mut self, can_draw: impl Fn(&str) -> bool) {
        if self.named_run == self.run() {
            return;
        }
        self.named_run = self.run();
        let classes = self.info.iter().flat_map(|info| info.classes.iter().enumerate());
        self.undrawable = classes.filter(|(_, name)| !can_draw(name)).map(|(class, _)| class).collect();
        if !self.undrawable.is_empty() {
            self.notice = Some(format!(
                "{} of {} names of classes cannot be drawn with the fonts here, and are shown as numbers. {}",
                self.undrawable.len(),
                self.info.as_ref().map_or(0, |info| info.classes.len()),
                platform::FONT_ADVICE
            ));
        }
    }

    /// Whether the run computes on a real GPU.
    pub fn computes_on_gpu(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.device.is_gpu)
    }

    /// Accuracy of guessing where a gradient tensor comes from; none before the first run.
    pub fn chance(&self) -> Option<f64> {
        let origins = self.info.as_ref()?.origins.len();
        (origins > 0).then(|| 1.0 / origins as f64)
    }

    /// Whether an evaluation is under way.
    pub fn evaluating(&self) -> bool {
        self.evaluation.as_ref().is_some_and(|evaluation| !evaluation.complete)
    }

    /// Whether an audit is under way.
    pub fn auditing(&self) -> bool {
        self.audited.as_ref().is_some_and(|audited| !audited.complete)
    }

    /// The newest evaluation that is complete.
    pub fn complete_evaluation(&self) -> Option<&Robustness> {
        self.evaluation.as_ref().filter(|evaluation| evaluation.complete).or(self.previous.as_ref())
    }

    /// The figures of the same tasks when each was learned alone, on the same data; none of such a run itself.
    pub fn alone(&self) -> Option<&Tasks> {
        let (info, tasks) = (self.info.as_ref()?, self.tasks.as_ref()?);
        let (data, alone) = self.single_tasks.as_ref()?;
        let is_comparable = info.config.setup.multitask_method != MultitaskMethod::SingleTask
            && *data == material(&info.config.setup)
            && alone.found.tasks == tasks.found.tasks;
        is_comparable.then_some(alone)
    }

    /// The points of a metric.
    pub fn points(&self, metric: Metric, along: Along) -> Vec<[f64; 2]> {
        self.column(&self.reports, metric as usize, along)
    }

    /// The points of a column of one of its series.
    pub fn column<const N: usize>(&self, series: &Series<N>, column: usize, along: Along) -> Vec<[f64; 2]> {
        let (by_step, by_second) = (self.per_step(along), along.per_second());
        let x = |row: &Row<N>| row.step * by_step + row.seconds * by_second;
        series.rows().iter().map(|row| [x(row), row.values[column]]).collect()
    }

    /// Whether the auxiliary network reads the gradient of the label's logit alone.
    pub fn reads_masked(&self) -> bool {
        self.latest.as_ref().is_some_and(|report| report.hyper.auxiliary_reads == AuxiliaryReads::Masked)
    }

    /// Puts the newest complete evaluation aside to compare with.
    pub fn keep_baseline(&mut self) {
        let Some(robustness) = self.complete_evaluation().cloned() else { return };
        let mode = self.info.as_ref().map_or("", |info| info.config.setup.method().name());
        self.baseline = Some(Baseline { label: format!("{mode}, step {}", robustness.step), robustness });
    }

    /// Accuracy on held-out images, and at which step that was.
    pub fn held_out_accuracy(&self) -> Option<(f64, u64)> {
        match &self.tasks {
            Some(tasks) => Some((1.0 - tasks.found.figures.first()?.first()?.value, tasks.step)),
            None => self.complete_evaluation().map(|evaluation| (evaluation.clean.value(), evaluation.step)),
        }
    }

    /// Whether the run is one of several tasks.
    fn has_tasks(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.config.setup.scenario == ScenarioKind::Multitask)
    }
}
