//! Early stopping as a rule: a run ends once its worst case has not risen for some evaluations, at the weights of the best.
//!
//! Training waits for each evaluation that decides, so what comes of it depends on no clock.

use crate::{
    config::{Hyper, Norm},
    protocol::{Robustness, Share, Stopped},
    scenario::State,
    train::checkpoint::{Best, Rule},
};

/// What the rule knows of a run.
#[derive(Clone, Default)]
pub struct Stopping {
    awaited: Option<Awaited>,
    best: Option<Best>,
    /// Evaluations since the best.
    since: u64,
    ended: Option<Stopped>,
}

/// An evaluation that training waits for.
#[derive(Clone)]
struct Awaited {
    /// Steps done.
    step: u64,
    /// The knobs of then, once it was asked for.
    asked: Option<Hyper>,
}

/// The end of a run: it goes back.
pub struct Back {
    /// From where to where.
    pub stopped: Stopped,
    /// All networks as they were then.
    pub state: State,
    /// The knobs of its last evaluation.
    pub hyper: Hyper,
}

impl Stopping {
    /// Of a run that had ended so, if it had, and that goes on from there. An evaluation that training waits for is asked for
    /// anew.
    pub fn resumed(ended: Option<Stopped>, rule: Rule) -> Self {
        let Rule { awaited, since, best } = rule;
        Self { awaited: awaited.map(|step| Awaited { step, asked: None }), best, since, ended }
    }

    /// How far it has come.
    pub fn rule(&self) -> Rule {
        let awaited = self.awaited.as_ref().map(|awaited| awaited.step);
        Rule { awaited, since: self.since, best: self.best.clone() }
    }

    /// Whether training waits for an evaluation.
    pub fn is_awaiting(&self) -> bool {
        self.awaited.is_some()
    }

    /// How the rule ended the run, if it did.
    pub fn ended(&self) -> Option<Stopped> {
        self.ended
    }

    /// Training waits for an evaluation after so many steps.
    pub fn wait_for(&mut self, step: u64) {
        self.awaited = Some(Awaited { step, asked: None });
    }

    /// Training waits for nothing: the rule is off, or its run was put back.
    pub fn forget(&mut self) {
        self.awaited = None;
    }

    /// Another evaluation took the place of the one that was asked for.
    pub fn displace(&mut self) {
        if let Some(awaited) = &mut self.awaited {
            awaited.asked = None;
        }
    }

    /// Whether an evaluation is still to be asked for; with `hyper` it is then.
    pub fn ask(&mut self, hyper: &Hyper) -> bool {
        match &mut self.awaited {
            Some(awaited) if awaited.asked.is_none() => {
                awaited.asked = Some(*hyper);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Takes what an evaluation found of the weights in `state`; `is_last` says that no step is left. None where the run goes
    /// on, or ends as it is.
    pub fn judge(&mut self, found: &Robustness, state: State, is_last: bool) -> Option<Back> {
        let Some(Awaited { step, asked: Some(hyper) }) = self.awaited else { return None };
        if !found.complete || found.step != step {
            return None;
        }
        self.awaited = None;
        let worst_case = worst_case(found, hyper.in_pixels(found.input_deviation).epsilon);
        match &self.best {
            Some(best) if worst_case.value() <= best.worst_case.value() => self.since += 1,
            Some(_) | None => {
                self.best = Some(Best { step, worst_case, state });
                self.since = 0;
            }
        }
        let is_over = self.since >= hyper.stop_after;
        let best = self.best.take_if(|best| (is_over || is_last) && best.step != step)?;
        let stopped = Stopped { at: step, best: best.step, worst_case: best.worst_case };
        self.ended = Some(stopped);
        Some(Back { stopped, state: best.state, hyper })
    }
}

/// How many images withstood all L∞ attacks of an evaluation at `epsilon`; where nothing attacked, how many were right.
fn worst_case(found: &Robustness, epsilon: f64) -> Share {
    let points = found.worst_in(Norm::Linf).map_or(&[][..], |case| &case.points);
    let off = |radius: f64| (radius - epsilon).abs();
    let nearest = points.iter().min_by(|a, b| off(a.epsilon).total_cmp(&off(b.epsilon)));
    nearest.map_or(found.clean, |point| point.robust)
}
