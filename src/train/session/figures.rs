//! Answers from the device as events; a loss that is no number puts the run back.

use web_time::{Duration, Instant};

use super::Session;
use crate::{
    config::{Hyper, Precision, Push},
    data::epochs,
    gpu::read,
    protocol::{Event, Failure, Preparing, Report},
    scenario::{Measures, Preparation, State},
    show::number::figure,
    train::measure::Answer,
};

/// Training time between two copies on the host, for the case that the device is lost.
const KEEP_EVERY: Duration = Duration::from_secs(30);
/// From this mean logit on `f32` tells logits apart in steps of 1/128 at best: they have sunk, or risen, too far.
const FAR_LOGIT: f64 = 65_536.0;

impl Session {
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
                Some(Answer::World { plane, cost }) => {
                    (self.clock.world.after, self.clock.world.cost) =
                        (self.clock.trained + begin.elapsed(), cost);
                    break Some(plane);
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
