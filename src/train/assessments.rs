//! The attacks and the audit of a run under way, and the surrogate that is trained for both once a run.

use burn::tensor::Device;

use super::{
    assessment::{Advance, Assessment, Brief, severity},
    surrogate::Surrogate,
};
use crate::{
    attack::{
        audit::{Reader, Severity, Subject},
        evaluation::BatchSizes,
    },
    config::{Hyper, ScenarioKind, Setup, Stream, Threat},
    data::{self, proportional_subset},
    gpu::images::DeviceImages,
    nn::{Network, Weights, channel::Channel, network::Statistics},
    protocol::{Audited, Robustness, RunId},
    scenario::{Scenario, upload},
};

/// The run that is assessed, as it stands.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Its networks and images.
    pub scenario: &'a dyn Scenario,
    /// How it is set up.
    pub setup: &'a Setup,
    /// What its main network normalises with.
    pub statistics: &'a Statistics,
    /// Where it computes.
    pub device: &'a Device,
}

/// What is under way of a run: attacks, an audit, both or none.
#[derive(Default)]
pub struct Assessments {
    /// The attacks, and the steps done when they began.
    attacks: Option<(u64, Assessment)>,
    /// The audit, the same.
    audit: Option<(u64, Assessment)>,
    /// How many images at once were found to be fastest to attack.
    batch_sizes: BatchSizes,
    /// On whom transfer attacks make their examples, once it is trained.
    surrogate: Option<(Network, Weights)>,
}

impl Assessments {
    /// Whether neither attacks nor an audit are under way.
    pub fn is_empty(&self) -> bool {
        self.attacks.is_none() && self.audit.is_none()
    }

    /// Whether attacks are under way.
    pub fn has_attacks(&self) -> bool {
        self.attacks.is_some()
    }

    /// Keeps what an earlier run found out about batches.
    pub fn learn_from(&mut self, earlier: &Self) {
        self.batch_sizes = earlier.batch_sizes.clone();
    }

    /// Drops what is under way.
    pub fn clear(&mut self) {
        (self.attacks, self.audit) = (None, None);
    }

    /// Begins to attack held-out images; attacks under way are dropped.
    pub fn attack(&mut self, run: Standing, threats: Vec<Threat>, samples: usize) {
        let brief = brief(run, threats, samples, None);
        self.attacks = Some((run.step, self.begin(run, None, brief)));
    }

    /// Begins to check whether robustness figures can be trusted; an audit under way is dropped.
    pub fn audit(&mut self, run: Standing, hyper: &Hyper, samples: usize) {
        let auxiliary = run.scenario.auxiliary();
        let reader = (run.setup.scenario == ScenarioKind::Defense).then(|| Reader {
            network: auxiliary.network.clone(),
            weights: auxiliary.weights.untracked(),
            channel: Channel::of(hyper, run.setup.batch_size),
            is_trained: true,
        });
        let severity = severity(run.setup, hyper, None);
        let brief = brief(run, Vec::new(), samples, Some((severity, run.scenario.train().clone())));
        self.audit = Some((run.step, self.begin(run, reader, brief)));
    }

    /// An assessment of the weights as they stand.
    fn begin(&self, run: Standing, reader: Option<Reader>, brief: Brief) -> Assessment {
        let (main, surrogate) = (run.scenario.main(), self.surrogate.clone());
        let (network, weights) = (main.network.clone(), main.weights.untracked());
        let needs_one = surrogate.is_none() && brief.needs_surrogate();
        let untrained = if needs_one { untrained(run) } else { None };
        let subject = Subject { network, weights, reader, surrogate };
        Assessment::new(subject, brief, untrained, &self.batch_sizes)
    }

    /// One turn of the attacks under way, if any; the figures, still on the device, where a batch has been finished.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_attacks(
        &mut self,
        run: Standing<'_>,
    ) -> Result<Option<impl Future<Output = Result<Robustness, String>> + use<>>, String> {
        let Some((step, mut attacks)) = self.attacks.take() else { return Ok(None) };
        attacks.advance(run.scenario.held_out()).await?;
        self.keep_surrogate(&attacks);
        let figures = attacks.at_batch_end().then(|| attacks.figures());
        if !attacks.is_complete() {
            self.attacks = Some((step, attacks));
        }
        let run = run.run;
        Ok(figures.map(|figures| async move { Ok(Robustness { run, step, ..figures.await? }) }))
    }

    /// One turn of the audit under way, if any; what it says, if that is new.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance_audit(&mut self, run: Standing<'_>) -> Result<Option<Audited>, String> {
        let Some((step, mut audit)) = self.audit.take() else { return Ok(None) };
        let is_new = !matches!(audit.advance(run.scenario.held_out()).await?, Advance::Paused);
        self.keep_surrogate(&audit);
        let (run, complete) = (run.run, audit.is_complete());
        let audited = Audited { run, step, complete, progress: audit.progress(), lights: audit.lights() };
        if !complete {
            self.audit = Some((step, audit));
        }
        Ok(is_new.then_some(audited))
    }

    /// Keeps the surrogate that an assessment has trained.
    fn keep_surrogate(&mut self, assessment: &Assessment) {
        if self.surrogate.is_none() {
            self.surrogate = assessment.surrogate().cloned();
        }
    }
}

/// What is to be found out on so many held-out images.
fn brief(
    run: Standing,
    threats: Vec<Threat>,
    samples: usize,
    audit: Option<(Severity, DeviceImages)>,
) -> Brief {
    let held_out = run.scenario.held_out();
    let indices = proportional_subset(held_out.labels(), samples, Stream::Sample.number());
    let (classes, draws, seed) = (held_out.classes(), run.setup.eot(), run.setup.seed);
    Brief { threats, indices, classes, draws, seed, audit }
}

/// A surrogate before its first step. None where it needs data that are not there any more.
fn untrained(run: Standing) -> Option<Surrogate> {
    let Standing { scenario, setup, statistics, device, .. } = run;
    if setup.scenario == ScenarioKind::Distillation && setup.fraction < 1.0 {
        // The run keeps the student's share alone.
        let data = data::load(setup).ok()?;
        let train = upload(&data.train, &data, device);
        return Some(Surrogate::new(setup, (&train, scenario.held_out()), statistics, device));
    }
    Some(Surrogate::new(setup, (scenario.train(), scenario.held_out()), statistics, device))
}
