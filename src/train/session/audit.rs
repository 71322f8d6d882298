//! The audit of a run under way, turn by turn beside its training: first, once a run, the surrogate on which its transfer
//! attack makes examples, then the audit itself.

use web_time::Instant;

use super::Session;
use crate::{
    attack::{
        Audit,
        audit::{Reader, Severity, Subject},
    },
    config::{Hyper, ScenarioKind},
    data::{self, balanced_subset},
    protocol::{Audited, Event},
    train::surrogate::Surrogate,
};

/// What training a surrogate counts in the progress.
const SURROGATE_SHARE: f64 = 0.2;

/// An audit under way.
pub(super) struct Auditing {
    /// Steps done when it began; the weights are of that step.
    step: u64,
    /// Share of the work before the stage at hand.
    before: f64,
    stage: Stage,
}

#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
enum Stage {
    /// A surrogate is in training for what is to be audited.
    Preparing(Surrogate, Brief),
    Running(Audit),
}

/// What is to be audited, and how.
struct Brief {
    subject: Subject,
    severity: Severity,
    indices: Vec<u32>,
}

impl Session {
    /// Begins to check whether robustness figures can be trusted; an audit under way is dropped.
    pub fn audit(&mut self, hyper: &Hyper, samples: usize) {
        let scenario = &self.scenario;
        let indices = balanced_subset(scenario.held_out().labels(), samples);
        let setup = &self.info.config.setup;
        let reads_classes = setup.scenario == ScenarioKind::Defense;
        let subject = Subject {
            network: scenario.main().network.clone(),
            weights: scenario.main().weights.untracked(),
            reader: reads_classes.then(|| Reader {
                network: scenario.auxiliary().network.clone(),
                weights: scenario.auxiliary().weights.untracked(),
                normalization: hyper.normalization,
            }),
            surrogate: self.surrogate.clone(),
        };
        // A radius of 0 would try nothing.
        let epsilon = if hyper.epsilon > 0.0 { hyper.epsilon } else { Hyper::default().epsilon };
        let severity = Severity { epsilon, steps: hyper.attack_steps, draws: setup.eot(), seed: setup.seed };
        let brief = Brief { subject, severity, indices };
        let stage = match self.new_surrogate() {
            Some(surrogate) => Stage::Preparing(surrogate, brief),
            None => Stage::Running(self.begin_audit(brief)),
        };
        self.audit = Some(Auditing { step: self.step, before: 0.0, stage });
    }

    /// A surrogate before its first step, where there is none yet; none either where the data are not there any more, which
    /// its light then says.
    fn new_surrogate(&self) -> Option<Surrogate> {
        if self.surrogate.is_some() {
            return None;
        }
        let setup = &self.info.config.setup;
        // The run keeps them on the device alone.
        let data = data::load(&setup.data).ok()?;
        Some(Surrogate::new(setup, &data, &self.statistics, &self.device))
    }

    fn begin_audit(&self, Brief { subject, severity, indices }: Brief) -> Audit {
        let data = (self.scenario.train(), self.scenario.held_out());
        Audit::new(subject, severity, indices, data).with_batch_sizes(&self.batch_sizes)
    }

    /// One turn of the audit under way, if any; what it says, if that is new.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_audit(&mut self) -> Result<Option<Event>, String> {
        let begin = Instant::now();
        let Some(Auditing { step, before, stage }) = self.audit.take() else { return Ok(None) };
        let mut audited =
            Audited { run: self.info.run, step, complete: false, progress: before, lights: Vec::new() };
        let (is_new, next) = match stage {
            Stage::Preparing(mut surrogate, mut brief) => {
                let done = surrogate.advance().await?;
                audited.progress = SURROGATE_SHARE * done;
                let next = if done < 1.0 {
                    (before, Stage::Preparing(surrogate, brief))
                } else {
                    self.surrogate = Some(surrogate.into_network());
                    brief.subject.surrogate = self.surrogate.clone();
                    (SURROGATE_SHARE, Stage::Running(self.begin_audit(brief)))
                };
                (true, Some(next))
            }
            Stage::Running(mut audit) => {
                let is_new = audit.advance(self.scenario.held_out()).await?;
                audited.complete = audit.is_complete();
                audited.progress = before + (1.0 - before) * audit.progress();
                audited.lights = audit.lights();
                let next = (!audited.complete).then_some((before, Stage::Running(audit)));
                (is_new || audited.complete, next)
            }
        };
        self.audit = next.map(|(before, stage)| Auditing { step, before, stage });
        self.clock.trained += begin.elapsed();
        Ok(is_new.then(|| Event::Audited(Box::new(audited))))
    }
}
