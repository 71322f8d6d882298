//! What is measured of a run under way: begun, and told turn by turn.

use web_time::Instant;

use super::{
    Session,
    plane::{plane, traced},
};
use crate::{
    config::{Hyper, Occasion, Setup, Threat},
    nn::channel::Channel,
    protocol::{Event, RunInfo},
    scenario::{Part, Preparation, State},
    train::{
        assessments::Standing,
        checkpoint::Begun,
        measure::{self, Answer},
        probe::Probe,
        saturation::saturation,
    },
};

impl Session {
    /// One step of the teacher's training, which stood at `preparation`.
    pub(super) fn prepare(
        &mut self,
        hyper: &Hyper,
        preparation: Preparation,
        before: (u64, State),
        report: bool,
    ) {
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
    pub(super) fn report(&mut self, hyper: &Hyper, measured: (u64, State)) {
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
        if let Some(lattice) = &self.lattice {
            let (points, networks) = ((&tensors, looked_at.0, looked_at.1), (&*self.scenario, &channel));
            self.readings.push(plane((run, step), lattice, networks, points, hyper));
        }
        let seed = seed ^ step;
        self.readings.push(measure::histograms(run, step, tensors, self.info.origins.len(), seed));
        if let Some(figures) = self.scenario.task_figures(hyper) {
            self.readings.push(measure::tasks(run, step, figures));
        }
        if self.lattice.is_none() {
            let tensors = self.scenario.sample_tensors(&self.sample_images, hyper);
            self.readings.push(measure::samples(run, step, tensors, self.scenario.main(), hyper));
        }
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

    /// Asks for the ways of attacks from a held-out point of a world.
    pub fn trace(&mut self, hyper: &Hyper, index: u32) {
        let images = self.scenario.held_out();
        if self.lattice.is_some() && (index as usize) < images.len() {
            let (point, hyper) = (images.gather(&[index]), self.in_pixels(hyper));
            let main = self.scenario.main();
            self.readings.push(traced((self.info.run, self.step), (index, &point), main, &hyper));
        }
    }

    /// Begins to attack held-out images; attacks under way are dropped.
    pub fn evaluate(&mut self, threats: Vec<Threat>, samples: usize) {
        self.stopping.displace();
        self.assessments.attack(standing!(self), threats, samples);
        self.under_way.attacks = None;
    }

    /// Begins the attacks of a run under way.
    pub(super) fn attack(&mut self, hyper: &Hyper) {
        let threats = Occasion::Running.threats(&self.info.config.setup, &self.in_pixels(hyper));
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
}
