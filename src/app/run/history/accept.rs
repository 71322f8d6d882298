//! What comes of an event: the one place where what is known of a run changes.

use std::collections::VecDeque;

use super::{Consequence, Edit, History, material};
use crate::app::run::series::Row;
use crate::config::{Hyper, MultitaskMethod, knobs};
use crate::protocol::{Event, Failure, Report, Robustness, RunInfo, Saturation, Tasks};
use crate::runs::recording::is_whole;
use crate::show::columns::Metric;

/// Edits kept; the oldest go first.
const EDITS: usize = 256;
/// Probes kept; the oldest go first.
const PROBES: usize = 1024;
/// Failures shown until dismissed; the oldest go first.
const FAILURES: usize = 4;

impl History {
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
            Event::Plane(plane) if plane.run == run && is_whole => {
                self.plane = Some(*plane);
                self.planes_received += 1;
            }
            Event::Traced(traced) if traced.run == run => self.traced = Some(*traced),
            Event::Predicted(found) if found.run == run => {
                self.predicted = Some(*found);
                self.predicted_received += 1;
            }
            Event::Tasks(tasks) if tasks.run == run => self.learned(*tasks),
            Event::Robustness(robustness) if robustness.run == run => self.evaluated(*robustness),
            Event::Audited(audited) if audited.run == run => self.audited = Some(*audited),
            Event::Saved(bytes) => return Some(Consequence::Save(bytes)),
            Event::Notice(notice) => self.notice = Some(notice).filter(|notice| !notice.is_empty()),
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
            planes_received: self.planes_received + 1,
            predicted_received: self.predicted_received + 1,
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
            self.single_tasks = Some((material(setup), tasks.clone()));
        }
        if let Some(error) = tasks.found.figures.first().and_then(|class| class.first()) {
            let (step, seconds) = (tasks.step as f64, self.seconds());
            self.held_out.push(Row { step, seconds, values: [1.0 - error.value] });
        }
        self.tasks_received += 1;
        self.tasks = Some(tasks);
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

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, bound: usize) {
    if queue.len() >= bound {
        queue.pop_front();
    }
    queue.push_back(item);
}
