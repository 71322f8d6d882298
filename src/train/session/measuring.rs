//! What is measured of a run under way: begun, and told turn by turn.

use std::rc::Rc;

use burn::tensor::{Tensor, TensorData};
use web_time::Instant;

use super::{
    Session, WorldClock,
    plane::{plane, traced},
    predicting::{Prediction, predict},
};
use crate::{
    config::{AuxiliaryReads, Hyper, Occasion, ScenarioKind, Setup, Threat},
    data::Picture,
    gpu::{read, softmax},
    nn::{channel::Channel, verdict},
    protocol::{Event, OwnPicture, Predicted, RunInfo},
    scenario::{Part, Preparation, State},
    train::{
        assessments::Standing,
        checkpoint::Begun,
        measure::{self, Answer},
        probe::Probe,
        readings::timed,
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

    /// Asks for histograms of the gradient tensors, and for samples or, of a world, for its picture.
    pub fn show_gradients(&mut self, hyper: &Hyper) {
        self.show(hyper, true);
    }

    /// The same, with a world's picture only where it is wanted.
    pub(super) fn show(&mut self, hyper: &Hyper, wants_world: bool) {
        let (run, step, hyper) = (self.info.run, self.step, &self.in_pixels(hyper));
        let tensors = self.scenario.gradient_tensors(Part::HeldOut, &self.histogram_images, hyper);
        let Setup { seed, batch_size, .. } = self.info.config.setup;
        let looked_at = (&*self.histogram_images, self.scenario.held_out().labels());
        let channel = Channel::of(hyper, batch_size);
        self.readings.push(saturation((run, step), &tensors, looked_at, &channel));
        if let Some(lattice) = self.lattice.as_ref().filter(|_| wants_world) {
            let begin = Instant::now();
            let (points, networks) = ((&tensors, looked_at.0, looked_at.1), (&*self.scenario, &channel));
            let drawn = plane((run, step), lattice, networks, points, hyper);
            let asked = begin.elapsed();
            self.clock.world = WorldClock { step, after: self.clock.trained + asked, cost: asked };
            self.readings.push(async move {
                let (drawn, cost) = timed(drawn).await;
                Ok(Answer::World { plane: drawn?.into(), cost: asked + cost })
            });
        }
        let seed = seed ^ step;
        self.readings.push(measure::histograms(run, step, tensors, self.info.origins.len(), seed));
        if let Some(figures) = self.scenario.task_figures(hyper) {
            self.readings.push(measure::tasks(run, step, figures));
        }
        self.predict(hyper);
        if self.lattice.is_none() {
            let tensors = self.scenario.sample_tensors(&self.sample_images, hyper);
            self.readings.push(measure::samples(run, step, tensors, self.scenario.main(), hyper));
        }
    }

    /// Asks for a world as it stands, unless that was asked for already, or pictures are off.
    pub fn show_world(&mut self, hyper: &Hyper) {
        let is_shown = self.clock.world.step == self.step;
        if self.lattice.is_some() && hyper.histogram_every_steps > 0 && !is_shown {
            self.show_gradients(hyper);
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

    /// From now on says what the network takes this picture for, or of none nothing more. One that cannot be read is said, and
    /// the one before it stays.
    pub fn predict_own(&mut self, own: Option<&OwnPicture>, hyper: &Hyper) {
        let Some(OwnPicture { name, bytes }) = own else {
            (self.own, self.prediction) = (None, None);
            return;
        };
        match Picture::read(bytes, self.info.image_shape) {
            Ok(picture) => {
                (self.own, self.prediction) = (Some(Rc::new((name.clone(), picture))), None);
                self.predict(&self.in_pixels(hyper));
            }
            Err(error) => {
                let notice = format!("{name}: {error}.");
                self.readings.push(async { Ok(Answer::Tell(Event::Notice(notice))) });
            }
        }
    }

    /// Begins to ask what the network says of somebody's own picture, if there is one and it is not asked already.
    fn predict(&mut self, hyper: &Hyper) {
        let Some(own) = self.own.clone().filter(|_| self.prediction.is_none()) else { return };
        let (run, step, setup) = (self.info.run, self.step, &self.info.config.setup);
        let main = self.scenario.main();
        let (network, weights) = (main.network.clone(), main.weights.untracked());
        let device = self.device.clone().without_autodiff();
        let channel = Channel::of(hyper, setup.batch_size);
        // Of a class the auxiliary network of a defence speaks, and of the gradient of the whole loss.
        let reads = setup.scenario == ScenarioKind::Defense && channel.reads == AuxiliaryReads::Gradient;
        let auxiliary = self.scenario.auxiliary();
        let reader = reads.then(|| (auxiliary.network.clone(), auxiliary.weights.untracked()));
        let draws = setup.eot();
        self.prediction = Some(Prediction::new(|pace| async move {
            let (name, picture) = &*own;
            let asked = (&network, &weights);
            let (mut sample, found) = predict(asked, draws, picture, (&device, Some(&*pace))).await?;
            if let Some((network, weights)) = reader {
                let [c, h, w] = picture.shape;
                let gradient = TensorData::new(sample.gradient.clone(), [1, c, h, w]);
                let seen = channel.looked_at(Tensor::from_data(gradient, &device));
                let said = verdict::of_tensors(network.logits(&weights, seen), 1);
                sample.auxiliary_probabilities = read(softmax(said)).await?;
            }
            let (name, changes) = (name.clone(), picture.changes.clone());
            let epsilon = found.map_or(f64::NAN, |found| found.epsilon);
            Ok(Predicted { run, step, name, changes, shape: picture.shape, epsilon, sample })
        }));
    }

    /// One turn of what is said of somebody's own picture, if that is under way; what it says at its end.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_prediction(&mut self) -> Result<Option<Event>, String> {
        let Some(prediction) = &mut self.prediction else { return Ok(None) };
        let begin = Instant::now();
        let told = prediction.advance().await;
        self.clock.trained += begin.elapsed();
        let Some(told) = told else { return Ok(None) };
        self.prediction = None;
        Ok(Some(Event::Predicted(Box::new(told?))))
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
