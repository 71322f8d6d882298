//! Attacks on held-out images and the audit of what they find, turn by turn: the one engine of both, for a run under way
//! and for `evaluate` alike. Where a transfer attack needs a surrogate and there is none, one is trained first.

use super::surrogate::Surrogate;
use crate::{
    attack::{
        Audit, Evaluation,
        audit::{Severity, Subject},
        evaluation::{Attacked, BatchSizes, Outcomes, Turn, found},
    },
    config::{Hyper, Setup, Threat},
    gpu::images::DeviceImages,
    nn::{Network, Weights},
    protocol::{Light, Robustness},
};

/// What training a surrogate counts in the progress.
const SURROGATE_SHARE: f64 = 0.2;
/// What attacks count in the rest of the progress, where an audit follows.
const ATTACKS_SHARE: f64 = 0.5;

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct Brief {
    /// What to attack with. Where there is none and an audit is wanted, that is all that is made.
    pub threats: Vec<Threat>,
    /// Which held-out images.
    pub indices: Vec<u32>,
    /// Classes that these are of.
    pub classes: usize,
    /// Over how many draws of the network's own noise attacks average their gradients.
    pub draws: usize,
    /// Of restarts, random starts and targets.
    pub seed: u64,
    /// How hard an audit attacks, where one is wanted, and the images that its probe trains on.
    pub audit: Option<(Severity, DeviceImages)>,
}

impl Brief {
    /// Whether a transfer attack is among what is asked for.
    pub fn needs_surrogate(&self) -> bool {
        self.audit.is_some() || self.threats.iter().any(|threat| threat.attack.row().needs_surrogate)
    }
}

/// How hard an audit attacks a network that was trained so: at the radius that is `claimed`, else at its own.
pub fn severity(setup: &Setup, hyper: &Hyper, claimed: Option<f64>) -> Severity {
    // A radius of 0 would try nothing.
    let own = if hyper.epsilon > 0.0 { hyper.epsilon } else { Hyper::default().epsilon };
    let epsilon = claimed.unwrap_or(own);
    Severity { epsilon, steps: hyper.attack_steps, draws: setup.eot(), seed: setup.seed }
}

/// What an assessment is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A surrogate is in training.
    Surrogate,
    /// The threats attack.
    Attacks,
    /// What attacks find is audited.
    Audit,
    /// All is done.
    Complete,
}

/// What a turn ended in.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
pub enum Advance {
    /// The surrogate's training went on.
    Trained,
    /// What is under way goes on.
    Paused,
    /// A batch under an attack.
    Attacked(Attacked),
    /// The audit has something new to say.
    Lights,
}

/// An assessment under way. The weights are those it began with, whatever training does meanwhile.
pub struct Assessment {
    subject: Subject,
    brief: Brief,
    batch_sizes: BatchSizes,
    /// The surrogate in training, and the share of that which is done.
    surrogate: Option<(Surrogate, f64)>,
    /// None where only an audit is wanted.
    attacks: Option<Evaluation>,
    /// None before its stage.
    audit: Option<Audit>,
    /// What an earlier audit's attacks have found.
    audited: Option<Outcomes>,
    /// Shares of the work before the attacks, and before the audit.
    before: [f64; 2],
}

impl Assessment {
    /// Of `subject`. `surrogate` is one before its first step, to be trained where the subject has none; without any,
    /// transfer attacks fail, and an audit says so. `known` is what others found out about batches.
    pub fn new(subject: Subject, brief: Brief, surrogate: Option<Surrogate>, known: &BatchSizes) -> Self {
        let wants_attacks = brief.audit.is_none() || !brief.threats.is_empty();
        let attacks = wants_attacks.then(|| {
            let Brief { threats, indices, classes, draws, seed, .. } = &brief;
            let attacks = Evaluation::new(&subject.weights, threats.clone(), indices, *classes, *seed)
                .with_draws(*draws)
                .with_batch_sizes(known);
            on_surrogate(attacks, &subject)
        });
        let first = if surrogate.is_some() { SURROGATE_SHARE } else { 0.0 };
        let second = match (&attacks, &brief.audit) {
            (None, _) => 0.0,
            (Some(_), None) => 1.0 - first,
            (Some(_), Some(_)) => ATTACKS_SHARE * (1.0 - first),
        };
        Self {
            subject,
            brief,
            batch_sizes: known.clone(),
            surrogate: surrogate.map(|surrogate| (surrogate, 0.0)),
            attacks,
            audit: None,
            audited: None,
            before: [first, first + second],
        }
    }

    /// The same, its attacks and those of its audit gone on with: see [`Evaluation::going_on`].
    pub fn going_on(self, attacked: Outcomes, audited: Option<Outcomes>) -> Self {
        let Outcomes { at_once, all, .. } = attacked;
        Self { attacks: self.attacks.map(|attacks| attacks.going_on(all, at_once)), audited, ..self }
    }

    /// Whether an attack on a batch has begun and not ended, be it of the audit.
    pub fn is_under_way(&self) -> bool {
        self.attacks.as_ref().is_some_and(Evaluation::is_under_way)
            || self.audit.as_ref().is_some_and(Audit::is_under_way)
    }

    /// What the attacks of the audit have found so far; none before it.
    pub fn audited(&self) -> Option<&Outcomes> {
        self.audit.as_ref().map(Audit::outcomes).or(self.audited.as_ref())
    }

    /// What it is at.
    pub fn stage(&self) -> Stage {
        if self.surrogate.is_some() {
            Stage::Surrogate
        } else if self.attacks.as_ref().is_some_and(|attacks| !attacks.is_complete()) {
            Stage::Attacks
        } else if self.brief.audit.is_some() && !self.audit.as_ref().is_some_and(Audit::is_complete) {
            Stage::Audit
        } else {
            Stage::Complete
        }
    }

    /// Whether all is done.
    pub fn is_complete(&self) -> bool {
        self.stage() == Stage::Complete
    }

    /// Divides the images that are attacked into batches: how many are attacked at once. The first turn of the attacks
    /// does it too; what has to be tried for it takes time of its own.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn divide(&mut self, held_out: &DeviceImages) -> Result<usize, String> {
        match &mut self.attacks {
            Some(attacks) => attacks.divide(&self.subject.network, held_out).await,
            None => Ok(0),
        }
    }

    /// Goes on for a turn.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self, held_out: &DeviceImages) -> Result<Advance, String> {
        match self.stage() {
            Stage::Surrogate => self.train_surrogate().await,
            Stage::Attacks => self.run_attacks(held_out).await,
            Stage::Audit => self.run_audit(held_out).await,
            Stage::Complete => Ok(Advance::Paused),
        }
    }

    async fn train_surrogate(&mut self) -> Result<Advance, String> {
        let Some((mut surrogate, _)) = self.surrogate.take() else { return Ok(Advance::Paused) };
        let done = surrogate.advance().await?;
        if done < 1.0 {
            self.surrogate = Some((surrogate, done));
        } else {
            self.subject.surrogate = Some(surrogate.into_network());
            self.attacks = self.attacks.take().map(|attacks| on_surrogate(attacks, &self.subject));
        }
        Ok(Advance::Trained)
    }

    async fn run_attacks(&mut self, held_out: &DeviceImages) -> Result<Advance, String> {
        let Some(attacks) = &mut self.attacks else { return Ok(Advance::Paused) };
        Ok(match attacks.advance(&self.subject.network, held_out).await? {
            Turn::Attacked(attacked) => Advance::Attacked(attacked),
            Turn::Paused | Turn::Complete => Advance::Paused,
        })
    }

    async fn run_audit(&mut self, held_out: &DeviceImages) -> Result<Advance, String> {
        let Some((severity, train)) = &self.brief.audit else { return Ok(Advance::Paused) };
        let audit = self.audit.get_or_insert_with(|| {
            let indices = self.brief.indices.clone();
            let audit = Audit::new(self.subject.clone(), *severity, indices, (train, held_out))
                .with_batch_sizes(&self.batch_sizes);
            match self.audited.take() {
                Some(known) => audit.going_on(known),
                None => audit,
            }
        });
        let is_new = audit.advance(held_out).await?;
        Ok(if is_new || audit.is_complete() { Advance::Lights } else { Advance::Paused })
    }

    /// Whether a batch has just been attacked with all threats, so that [`Self::figures`] has something new to say.
    pub fn at_batch_end(&self) -> bool {
        self.attacks.as_ref().is_some_and(Evaluation::at_batch_end)
    }

    /// Robust accuracy on the batches that are attacked, as of no run.
    pub fn figures(&self) -> impl Future<Output = Result<Robustness, String>> + use<> {
        let (threats, classes) = (self.brief.threats.clone(), self.brief.classes);
        let complete = self.attacks.as_ref().is_none_or(Evaluation::is_complete);
        let progress = if complete { 1.0 } else { self.progress() };
        let read = self.attacks.as_ref().map(Evaluation::read);
        let input_deviation = self.subject.network.input_deviation();
        async move {
            let read = read.ok_or("nothing was attacked")?;
            let counts = read.await?;
            let figures = found(&threats, &counts, classes);
            Ok(Robustness { complete, progress, input_deviation, ..figures })
        }
    }

    /// The lights of the audit, as far as they are known.
    pub fn lights(&self) -> Vec<Light> {
        self.audit.as_ref().map_or(Vec::new(), Audit::lights)
    }

    /// Share of the work done, in [0, 1].
    pub fn progress(&self) -> f64 {
        let [attacks, audit] = self.before;
        match self.stage() {
            Stage::Surrogate => SURROGATE_SHARE * self.surrogate.as_ref().map_or(0.0, |(_, done)| *done),
            Stage::Attacks => {
                attacks + (audit - attacks) * self.attacks.as_ref().map_or(0.0, Evaluation::progress)
            }
            Stage::Audit => audit + (1.0 - audit) * self.audit.as_ref().map_or(0.0, Audit::progress),
            Stage::Complete => 1.0,
        }
    }

    /// The network on which transfer attacks make their examples, once it is trained.
    pub fn surrogate(&self) -> Option<&(Network, Weights)> {
        self.subject.surrogate.as_ref()
    }
}

/// The same with the subject's surrogate, where there is one.
fn on_surrogate(attacks: Evaluation, subject: &Subject) -> Evaluation {
    match &subject.surrogate {
        Some((network, weights)) => attacks.with_surrogate(network.clone(), weights),
        None => attacks,
    }
}
