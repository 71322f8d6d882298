//! What turns a run from outside its steps: the evaluations by which it may end, and the controller of α.

use web_time::Instant;

use super::{Session, stopping::Back};
use crate::{
    config::{Hyper, Occasion},
    protocol::{Event, Robustness},
    scenario::{CONTROL_EVERY, OutOfReach},
    show::number::{percent, short, short_percent, whole_percent},
    train::{assessments::Standing, measure::Answer},
};

impl Session {
    /// Whether training waits for an evaluation by which it may end; begins it where nothing else attacks.
    pub fn waits(&mut self, hyper: &Hyper) -> bool {
        if hyper.stop_after == 0 {
            self.stopping.forget();
        }
        let is_free = !self.assessments.has_attacks() && self.readings.is_empty();
        if is_free && self.stopping.ask(hyper) {
            let threats = Occasion::Running.threats(&self.info.config.setup, &self.in_pixels(hyper));
            self.assessments.attack(standing!(self), threats, hyper.evaluate_samples);
        }
        self.stopping.is_awaiting()
    }

    /// Takes what an evaluation found: where early stopping goes by it, the run may end, at an earlier state.
    pub(super) fn judge(&mut self, found: &Robustness) {
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
    pub(super) fn adversary(&mut self, hyper: &Hyper, step: u64) -> f64 {
        let setup = &self.info.config.setup;
        if hyper.alpha_target == 0.0 {
            return setup.alpha(hyper, step);
        }
        let (weight, most) = setup.adversary(hyper, step);
        self.scenario.controller().turned(weight, most)
    }
}
