//! All that the window knows of a run: events come in here and nowhere else, and what is kept is bounded.

use std::collections::VecDeque;

use crate::app::run::series::{Row, Series};
use crate::config::{AuxiliaryReads, Config, Hyper, MultitaskMethod, ScenarioKind, knobs};
use crate::platform;
use crate::protocol::{
    Activity, Audited, Event, Failure, Histograms, Pictures, Preparing, Readings, Report, Robustness, RunId,
    RunInfo, RunState, Samples, Saturation, Tasks,
};
use crate::runs::recording::{Replay, is_whole};
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

/// Edits kept; the oldest go first.
const EDITS: usize = 256;
/// Probes kept; the oldest go first.
const PROBES: usize = 1024;
/// Failures shown until dismissed; the oldest go first.
const FAILURES: usize = 4;

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
    /// The newest figures of the run's tasks.
    pub tasks: Option<Tasks>,
    /// Counts those that came, so that textures follow them.
    pub tasks_received: u64,
    /// The last single-task run's, and its data; outlives its run.
    single_tasks: Option<(String, Tasks)>,
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

impl History {
    /// What is known of a run that begins. `pictures` is a number that no other history counts its pictures from, so that
    /// textures tell them apart.
    pub fn of_run(info: RunInfo, pictures: u64) -> Self {
        let mut history = Self {
            samples_received: pictures,
            tasks_received: pictures,
            pictures_received: pictures,
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

    /// The end of an axis of steps, or of seconds, in charts of the whole run; 0 where it goes on.
    pub fn end(&self, by_time: bool) -> f64 {
        self.until.map_or(0.0, |until| until[usize::from(by_time)])
    }

    /// What is known of a copy of the run that goes on from here: all that was heard until now, and these facts. `pictures`
    /// as in [`Self::of`].
    pub fn forked(&self, info: RunInfo, pictures: u64) -> Self {
        Self {
            state: self.state.map(|state| RunState { run: info.run, ..state }),
            info: Some(info),
            samples_received: pictures,
            tasks_received: pictures,
            pictures_received: pictures,
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
            && *data == info.config.setup.data
            && alone.found.tasks == tasks.found.tasks;
        is_comparable.then_some(alone)
    }

    /// The points of a metric: x by step or by seconds.
    pub fn points(&self, metric: Metric, by_time: bool) -> Vec<[f64; 2]> {
        column(&self.reports, metric as usize, by_time)
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

    /// Takes an event in; events of a run older than the newest are dropped.
    pub fn accept(&mut self, event: Event) -> Option<Consequence> {
        let run = self.run();
        // Of a recording some events are there without their details: those of before stay.
        let is_whole = is_whole(&event);
        match event {
            Event::Started(info) if info.run >= run => return Some(self.start(*info)),
            Event::State(state) if state.run >= run => self.state = Some(state),
            Event::Preparing(preparing) if preparing.run == run => self.preparing = Some(preparing),
            Event::Report(report) if report.run == run => self.report(*report),
            Event::Histograms(histograms) if histograms.run == run => {
                let values = [histograms.distance, histograms.floor];
                self.distances.push(Row { step: histograms.step as f64, seconds: self.seconds(), values });
                if let Some(comparison) = histograms.comparison.filter(|_| histograms.step > 0) {
                    let values =
                        [comparison.teacher.value(), comparison.agreement.value(), comparison.cosine];
                    self.comparisons.push(Row {
                        step: histograms.step as f64,
                        seconds: self.seconds(),
                        values,
                    });
                }
                if is_whole {
                    self.histograms = Some(*histograms);
                }
            }
            Event::Probed(probed) if probed.run == run => {
                push_bounded(&mut self.probes, probed.readings, PROBES);
                self.awaits_probe = false;
            }
            Event::Saturation(found) if found.run == run && is_whole => self.saturated(*found),
            Event::Pictures(pictures) if pictures.run == run => {
                self.pictures = Some(*pictures);
                self.pictures_received += 1;
            }
            Event::Samples(samples) if samples.run == run && is_whole => {
                self.samples = Some(*samples);
                self.samples_received += 1;
            }
            Event::Tasks(tasks) if tasks.run == run => self.learned(*tasks),
            Event::Robustness(robustness) if robustness.run == run => self.evaluated(*robustness),
            Event::Audited(audited) if audited.run == run => self.audited = Some(*audited),
            Event::Saved(bytes) => return Some(Consequence::Save(bytes)),
            Event::Notice(notice) => self.notice = Some(notice),
            Event::Failed(failure) if failure.run == 0 || failure.run >= run => {
                self.awaits_probe = false;
                self.fail(failure);
                return Some(Consequence::Failed);
            }
            _stale => {}
        }
        None
    }

    /// Shows a failure until it is dismissed; one that is shown already is not shown twice.
    pub fn fail(&mut self, failure: Failure) {
        self.failures.retain(|known| *known != failure);
        push_bounded(&mut self.failures, failure, FAILURES);
    }

    fn saturated(&mut self, found: Saturation) {
        let values = [found.mean_logit, found.certain().value(), found.zero().value()];
        self.saturations.push(Row { step: found.step as f64, seconds: self.seconds(), values });
        self.saturation = Some(found);
    }

    /// Seconds of training so far.
    fn seconds(&self) -> f64 {
        self.latest.as_ref().map_or(0.0, |report| report.elapsed.as_secs_f64())
    }

    /// Forgets the run before, except what outlives it.
    fn start(&mut self, info: RunInfo) -> Consequence {
        let config = Box::new(info.config.clone());
        *self = Self {
            state: self.state.filter(|state| state.run == info.run),
            baseline: self.baseline.take(),
            failures: std::mem::take(&mut self.failures),
            notice: self.notice.take(),
            samples_received: self.samples_received + 1,
            tasks_received: self.tasks_received + 1,
            pictures_received: self.pictures_received + 1,
            single_tasks: self.single_tasks.take(),
            info: Some(info),
            ..Self::default()
        };
        Consequence::Started(config)
    }

    fn report(&mut self, mut report: Report) {
        if let Some(before) = self.latest.as_ref().filter(|_| report.confusion.is_empty()) {
            report.confusion.clone_from(&before.confusion);
        }
        let before = self
            .latest
            .as_ref()
            .map(|report| report.hyper)
            .or_else(|| self.info.as_ref().map(|info| info.config.hyper));
        if let Some(before) = before {
            self.mark_edits(before, &report);
        }
        let values = Metric::ALL.map(|metric| metric.of(&report));
        self.preparing = None;
        let seconds = report.elapsed.as_secs_f64();
        self.reports.push(Row { step: report.step as f64, seconds, values });
        self.latest = Some(report);
    }

    /// Marks each knob that differs; a knob turned again before the next report but one is the same turn.
    fn mark_edits(&mut self, before: Hyper, report: &Report) {
        if before == report.hyper {
            return;
        }
        for (knob, from, to) in knobs::turned_live(before, report.hyper) {
            let recent = 2 * report.hyper.report_every_steps.max(1);
            match self.edits.iter_mut().rev().find(|edit| edit.knob == knob.label) {
                Some(edit) if report.step.saturating_sub(edit.step) <= recent => edit.to = to,
                _ => {
                    let seconds = report.elapsed.as_secs_f64();
                    let edit = Edit { step: report.step, seconds, knob: knob.label, from, to };
                    push_bounded(&mut self.edits, edit, EDITS);
                }
            }
        }
    }

    fn learned(&mut self, mut tasks: Tasks) {
        if let Some(before) = self.tasks.as_ref().filter(|_| tasks.found.shown.is_empty()) {
            tasks.found.shown.clone_from(&before.found.shown);
            tasks.found.alignment.clone_from(&before.found.alignment);
        }
        let setup = self.info.as_ref().map(|info| &info.config.setup);
        if let Some(setup) = setup.filter(|setup| setup.multitask_method == MultitaskMethod::SingleTask)
            && tasks.step > 0
        {
            self.single_tasks = Some((setup.data.clone(), tasks.clone()));
        }
        if let Some(error) = tasks.found.figures.first().and_then(|class| class.first()) {
            let (step, seconds) = (tasks.step as f64, self.seconds());
            self.held_out.push(Row { step, seconds, values: [1.0 - error.value] });
        }
        self.tasks_received += 1;
        self.tasks = Some(tasks);
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

    fn evaluated(&mut self, robustness: Robustness) {
        let another =
            self.evaluation.as_ref().is_some_and(|known| known.step != robustness.step || known.complete);
        if another && let Some(known) = self.evaluation.take().filter(|known| known.complete) {
            self.previous = Some(known);
        }
        if robustness.complete && robustness.clean.total > 0 && !self.has_tasks() {
            let row = Row {
                step: robustness.step as f64,
                seconds: self.seconds(),
                values: [robustness.clean.value()],
            };
            self.held_out.push(row);
        }
        self.evaluation = Some(robustness);
    }
}

/// The points of a column: x by step or by seconds.
pub fn column<const N: usize>(series: &Series<N>, column: usize, by_time: bool) -> Vec<[f64; 2]> {
    let x = |row: &Row<N>| if by_time { row.seconds } else { row.step };
    series.rows().iter().map(|row| [x(row), row.values[column]]).collect()
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, bound: usize) {
    if queue.len() >= bound {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DeviceInfo;
    use crate::protocol::Places;
    use crate::runs::recording::Recording;
    use web_time::Duration;

    fn started(run: RunId) -> Event {
        let device = DeviceInfo {
            name: "CPU".into(),
            backend: "flex".into(),
            is_gpu: false,
            has_f16: false,
            notice: None,
        };
        Event::Started(Box::new(RunInfo {
            run,
            config: Config::default(),
            device,
            data: String::new(),
            places: Places::default(),
            classes: vec!["a".into(), "b".into()],
            origins: vec!["a".into(), "b".into()],
            image_shape: [1, 8, 8],
            input_deviation: None,
            train_images: 1,
            test_images: 1,
            main_weights: 1,
            auxiliary_weights: 1,
            teacher_weights: None,
            forked: None,
        }))
    }

    fn report(run: RunId, step: u64, hyper: Hyper) -> Event {
        Event::Report(Box::new(Report {
            run,
            step,
            epoch: 0.0,
            elapsed: Duration::from_secs(step),
            steps_per_second: 1.0,
            hyper,
            alpha: hyper.alpha,
            loss: 1.0,
            accuracy: 0.5,
            auxiliary_loss: 1.0,
            auxiliary_accuracy: 0.5,
            gradient_rms: 1.0,
            confusion: vec![1, 0, 0, 1],
        }))
    }

    #[test]
    fn turned_knobs_are_marked_once_a_turn() {
        let mut history = History::default();
        history.accept(started(1));
        let with = |alpha: f64, learning_rate: f64| Hyper { alpha, learning_rate, ..Hyper::default() };
        for (step, alpha, learning_rate) in
            [(10, 0.1, 2e-3), (20, 0.2, 2e-3), (30, 0.3, 2e-3), (200, 0.3, 2e-3), (210, 0.5, 1e-3)]
        {
            history.accept(report(1, step, with(alpha, learning_rate)));
        }
        let edits: Vec<_> =
            history.edits.iter().map(|edit| (edit.step, edit.knob, &edit.from[..], &edit.to[..])).collect();
        assert_eq!(
            edits,
            [
                (20, "α adversary", "0.1", "0.3"),
                (210, "α adversary", "0.3", "0.5"),
                (210, "learning rate", "0.002", "0.001"),
            ]
        );
    }

    #[test]
    fn a_run_that_could_not_be_set_up_leaves_the_one_at_hand() {
        let mut history = History::default();
        history.accept(started(1));
        history.accept(report(1, 10, Hyper::default()));
        let failure = Failure { run: 2, what: "no such data".into(), advice: "choose other data".into() };
        assert!(matches!(history.accept(Event::Failed(failure)), Some(Consequence::Failed)));
        // The trainer counts the run that failed, and goes on with the one before it.
        history.accept(Event::State(RunState { run: 2, activity: Activity::Running, step: 10 }));
        history.accept(report(1, 20, Hyper::default()));
        assert_eq!((history.step(), history.activity(), history.failures.len()), (20, Activity::Running, 1));
    }

    #[test]
    fn a_name_that_cannot_be_drawn_is_a_number_but_in_tables() {
        let mut history = History::default();
        history.look_at_names(|_| false);
        assert_eq!(history.notice, None, "there is no run yet");
        history.accept(started(1));
        history.look_at_names(|name| name != "b");
        assert_eq!([0, 1].map(|class| history.class_name(class)), ["a", "class 1"]);
        assert_eq!([0, 1].map(|origin| history.origin_name(origin)), ["a", "class 1"]);
        assert_eq!((history.whole_class_name(1), history.whole_origin_name(1)), ("b".into(), "b".into()));
        assert!(history.notice.take().is_some_and(|notice| notice.starts_with("1 of 2 names")));
        history.look_at_names(|_| false);
        assert_eq!((history.class_name(0), &history.notice), ("a".into(), &None), "once a run");
        history.accept(started(2));
        history.look_at_names(|_| true);
        assert_eq!(history.class_name(1), "b");
    }

    #[test]
    fn a_recording_makes_the_same_charts() {
        let events = crate::protocol::made_up::a_run(1, 1240);
        let Event::Started(info) = &events[0] else { panic!("a run begins so") };
        let mut recording = Recording::new(info);
        let mut lived = History::default();
        for event in events {
            recording.take(&event);
            lived.accept(event);
        }
        let replay = Replay::unpack(&*recording.bytes()).unwrap();
        let kept = History::of(replay, 1 << 32);
        assert_eq!(kept.reports.rows(), lived.reports.rows());
        assert_eq!(kept.distances.rows(), lived.distances.rows());
        assert_eq!(kept.saturations.rows(), lived.saturations.rows());
        assert_eq!(kept.held_out.rows(), lived.held_out.rows());
        assert!(kept.edits == lived.edits && kept.probes == lived.probes && kept.edits.len() == 1);
        let last = |history: &History| {
            let History { latest, histograms, saturation, samples, evaluation, previous, audited, .. } =
                history;
            format!(
                "{latest:?} {histograms:?} {saturation:?} {samples:?} {evaluation:?} {previous:?} {audited:?}"
            )
        };
        assert!(last(&kept) == last(&lived), "what came last is there with all its details");
        assert_eq!((kept.step(), kept.activity()), (1240, Activity::Paused));
        assert!(kept.samples_received > 1 << 32, "no other history's pictures are taken for its own");
    }

    #[test]
    fn a_baseline_outlives_its_run() {
        let mut history = History::default();
        history.accept(started(1));
        let share = crate::protocol::Share { hits: 1, total: 2 };
        let robustness = |run, step, complete| {
            Event::Robustness(Box::new(Robustness {
                run,
                step,
                complete,
                progress: 1.0,
                clean: share,
                clean_balanced: share.value(),
                input_deviation: None,
                class_images: Vec::new(),
                curves: Vec::new(),
                worst: Vec::new(),
                mistakes: Vec::new(),
                verdicts: crate::protocol::Verdicts::default(),
            }))
        };
        history.keep_baseline();
        assert!(history.baseline.is_none(), "nothing to keep");
        for event in [robustness(1, 5, true), robustness(1, 10, false)] {
            history.accept(event);
        }
        assert!(history.evaluating() && history.previous.as_ref().is_some_and(|previous| previous.step == 5));
        history.keep_baseline();
        history.accept(started(2));
        assert!(history.evaluation.is_none());
        assert!(history.baseline.is_some_and(|baseline| baseline.label == "great+greace, step 5"));
    }
}
