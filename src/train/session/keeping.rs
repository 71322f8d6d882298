//! The run as it stands, on the host: to be saved, to be gone on with, and for the case that the device is lost.

use web_time::Instant;

use super::{Clock, Session};
use crate::{
    config::Hyper,
    protocol::{Cadence, Checkpointed, Event},
    scenario::State,
    train::{
        checkpoint::{self, Checkpoint, Header, UnderWay},
        measure::Answer,
        readings::timed,
    },
};

impl Session {
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
        if is_due && !self.is_finished() {
            self.tell_checkpoint(hyper);
        }
    }

    /// Asks for a checkpoint that says of which run it is.
    pub fn tell_checkpoint(&mut self, hyper: &Hyper) {
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
        UnderWay { attacks, rule: self.stopping.rule(), ..self.under_way.clone() }
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
            .with_pretrained(self.pretrained.clone())
            .with_tasks(self.scenario.task_outputs())
            .with_stopped(self.stopping.ended());
        async move { checkpoint::write(header, state, under_way).await.map_err(|error| error.to_string()) }
    }

    /// The copy on the host, where a save was asked for and the device failed before it was answered.
    pub fn rescue(&mut self) -> Option<(u64, Vec<u8>)> {
        if std::mem::take(&mut self.saving) { self.kept.clone() } else { None }
    }

    /// The knobs as they are now: what the next checkpoint says.
    pub fn remember(&mut self, hyper: &Hyper) {
        self.info.config.hyper = *hyper;
    }
}
