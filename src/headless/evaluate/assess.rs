//! Attacks and audits a checkpoint on a thread of its own, which may wait for the device, and shows progress meanwhile.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use burn::tensor::Device;
use web_time::Instant;

use crate::attack::audit::{Severity, Subject};
use crate::attack::evaluation::BatchSizes;
use crate::config::{Hyper, Norm, Threat};
use crate::data::Dataset;
use crate::gpu::images::DeviceImages;
use crate::gpu::{read, softmax};
use crate::platform;
use crate::protocol::{Light, Robustness, Saturation};
use crate::runs::record::Incomplete;
use crate::scenario::upload;
use crate::show::number::figure;
use crate::train::Surrogate;
use crate::train::assessment::{Advance, Assessment, Brief, Stage, severity};
use crate::train::saturation::margins;

use super::examined::Examined;
use super::examples::Examples;
use super::kept::{Kept, Layout};
use super::key::Key;
use super::ledger::{Ledger, Outfit};
use super::report::Gallery;
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Interrupt;
use crate::headless::progress::Progress;

/// Images whose gradient tensors are read at once.
const WEIGHED_AT_ONCE: usize = 128;

/// What is to be attacked, with what, where.
pub struct Job {
    /// Who is attacked.
    pub examined: Examined,
    /// On whose held-out images.
    pub data: Dataset,
    /// Which of them.
    pub indices: Vec<u32>,
    /// With what.
    pub threats: Vec<Threat>,
    /// The run's knobs, with ε in pixels.
    pub hyper: Hyper,
    /// Over how many draws of the network's own noise attacks average their gradients.
    pub draws: usize,
    /// Whether the examples are wanted too.
    pub keep: bool,
    /// Whether the figures are to be audited.
    pub audit: bool,
    /// Where.
    pub device: Device,
    /// Which evaluation this is.
    pub key: Key,
    /// What an interrupted one has found of the same.
    pub kept: Option<Kept>,
    /// Where what is found is kept meanwhile.
    pub file: Option<PathBuf>,
    /// Whether somebody wants it to end.
    pub interrupt: Interrupt,
}

/// What was found out.
pub struct Found {
    /// The figures.
    pub evaluation: Robustness,
    /// Threat by threat, where they are wanted.
    pub examples: Vec<Examples>,
    /// Of the audit; none where none was made.
    pub lights: Vec<Light>,
    /// Predictions and pictures for the report.
    pub gallery: Gallery,
    /// What is lacking, where somebody wanted an end.
    pub incomplete: Option<Incomplete>,
    /// What the same evaluation can be gone on with.
    pub kept: Kept,
}

/// What the attacking thread says.
enum Message {
    /// The share of the work that is done, in [0, 1].
    Progress(f64),
    /// Something that people may want to know, and something that they should.
    Say(String),
    Warn(String),
    /// All is done, or as much as was to be; none where nothing was. Or the device failed.
    Done(Result<Option<Box<Found>>, String>),
}

/// Does the job, and shows progress. None where somebody wanted an end before anything was attacked.
///
/// # Errors
/// Where there is no thread, or the device failed.
pub fn assess(job: Job, progress: &mut Progress) -> Result<Option<Found>, HeadlessError> {
    let (sender, receiver): (_, Receiver<Message>) = sync_channel(16);
    let images = job.indices.len();
    let thread = platform::spawn("attacks", move || async move {
        let result = job.run(&sender).await;
        // Without a receiver the command is over already.
        let _ = sender.send(Message::Done(result.map(|found| found.map(Box::new))));
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    loop {
        match receiver.recv().map_err(|_| HeadlessError::Gone)? {
            Message::Progress(share) => progress.evaluation(share, images),
            Message::Say(text) => progress.say(&text),
            Message::Warn(text) => progress.warn(&text),
            Message::Done(Err(problem)) => return Err(HeadlessError::System(problem)),
            Message::Done(Ok(found)) => return Ok(found.map(|found| *found)),
        }
    }
}

/// One line: how long the attacks on that many images took, the batches being that large.
fn pace(images: usize, seconds: f64, at_once: usize) -> String {
    let each = 1000.0 * seconds / images.max(1) as f64;
    format!("attacked {images} images in {seconds:.3} s, {} ms each, {at_once} at once", figure(each))
}

impl Job {
    async fn run(self, tell: &SyncSender<Message>) -> Result<Option<Found>, String> {
        let (data, step) = (&self.data, self.examined.step());
        let held_out = upload(&data.test, data, &self.device);
        let subject = self.examined.subject(&self.device);
        let mut assessment = self.begin(subject.clone(), &held_out);
        while assessment.stage() == Stage::Surrogate {
            if self.interrupt.is_asked() {
                return Ok(None);
            }
            assessment.advance(&held_out).await?;
            let _ = tell.send(Message::Progress(assessment.progress()));
        }
        let at_once = match &self.kept {
            Some(kept) => kept.layout.at_once,
            None => assessment.divide(&held_out).await?,
        };
        let kept = self.kept.clone().unwrap_or_else(|| self.nothing_yet(at_once));
        let mut assessment = assessment.going_on(kept.attacked(), kept.audit.clone());
        let outfit = Outfit { subject: &subject, data, held_out: &held_out, indices: &self.indices };
        let mut ledger = Ledger::new(kept, &self.threats, self.hyper.epsilon, self.keep, self.file.clone());
        for _ in 0..ledger.kept.units.len() {
            assessment.advance(&held_out).await?;
        }
        ledger.catch_up(&outfit).await?;
        let (before, begin) = (ledger.images(), Instant::now());
        let attacked = self.attack(&mut assessment, &mut ledger, &outfit, tell).await;
        if let Err(problem) = attacked {
            // A device that failed may work again the next time.
            ledger.save();
            return Err(problem);
        }
        let images = ledger.images() - before;
        if images > 0 {
            let _ = tell.send(Message::Say(pace(images, begin.elapsed().as_secs_f64(), at_once)));
        }
        if ledger.kept.units.is_empty() {
            return Ok(None);
        }
        let mut evaluation = Robustness { run: 1, step, ..assessment.figures().await? };
        if assessment.stage() == Stage::Attacks {
            ledger.add_begun(&self.threats, &mut evaluation);
        } else {
            weigh(&mut ledger.gallery, &subject, &held_out, (&self.indices, step)).await?;
        }
        let audited = self.audit(&mut assessment, &mut ledger, &outfit, tell).await;
        if let Err(problem) = audited {
            ledger.save();
            return Err(problem);
        }
        let is_audited = assessment.stage() == Stage::Complete;
        let incomplete = Incomplete {
            images: ledger.images() as u32,
            of: self.indices.len() as u32,
            audit: self.audit && !is_audited,
        };
        let incomplete = (!is_audited).then_some(incomplete);
        // Lights of half an audit would look like those of a whole one.
        let lights = if is_audited { assessment.lights() } else { Vec::new() };
        let Ledger { kept, examples, gallery, .. } = ledger;
        Ok(Some(Found { evaluation, examples, lights, gallery, incomplete, kept }))
    }

    /// Attacks until all is done, or somebody wants an end: then the attack under way is finished on its batch.
    async fn attack(
        &self,
        assessment: &mut Assessment,
        ledger: &mut Ledger,
        outfit: &Outfit<'_>,
        tell: &SyncSender<Message>,
    ) -> Result<(), String> {
        let mut is_said = false;
        let _ = tell.send(Message::Progress(assessment.progress()));
        while assessment.stage() == Stage::Attacks && !self.ends(assessment, &mut is_said, tell) {
            match assessment.advance(outfit.held_out).await? {
                Advance::Attacked(attacked) => {
                    // That reads from the device too: it has so much work queued that its progress would be shown long
                    // before it is made.
                    ledger.take(attacked, outfit).await?;
                    if let Some(said) = ledger.save_sometimes() {
                        let _ = tell.send(Message::Warn(said));
                    }
                }
                Advance::Trained | Advance::Paused | Advance::Lights => {}
            }
            let _ = tell.send(Message::Progress(assessment.progress()));
        }
        // What is complete is written by others, but the audit may yet be interrupted.
        let is_worth_it = self.audit || assessment.stage() == Stage::Attacks;
        if is_worth_it && let Some(said) = ledger.save() {
            let _ = tell.send(Message::Warn(said));
        }
        Ok(())
    }

    /// Audits until all is done, or somebody wants an end, which comes as in [`Self::attack`].
    async fn audit(
        &self,
        assessment: &mut Assessment,
        ledger: &mut Ledger,
        outfit: &Outfit<'_>,
        tell: &SyncSender<Message>,
    ) -> Result<(), String> {
        let mut is_said = false;
        while assessment.stage() == Stage::Audit && !self.ends(assessment, &mut is_said, tell) {
            assessment.advance(outfit.held_out).await?;
            if let Some(said) = ledger.take_audit(assessment.audited()) {
                let _ = tell.send(Message::Warn(said));
            }
            let _ = tell.send(Message::Progress(assessment.progress()));
        }
        Ok(())
    }

    /// Whether somebody wants an end and no attack is under way; where one is, that is said once.
    fn ends(&self, assessment: &Assessment, is_said: &mut bool, tell: &SyncSender<Message>) -> bool {
        if !self.interrupt.is_asked() {
            return false;
        }
        if assessment.is_under_way() && !std::mem::replace(is_said, true) {
            let text =
                "interrupted: the attack on this batch is finished first; a second Ctrl-C ends at once";
            let _ = tell.send(Message::Say(text.into()));
        }
        !assessment.is_under_way()
    }

    /// What is known before the first attack.
    fn nothing_yet(&self, at_once: usize) -> Kept {
        let (images, classes) = (self.indices.len(), self.data.classes.len());
        let layout = Layout { images, classes, shape: self.data.shape, at_once };
        Kept { key: self.key.clone(), layout, units: Vec::new(), audit: None }
    }

    /// The assessment, before its first turn.
    fn begin(&self, subject: Subject, held_out: &DeviceImages) -> Assessment {
        let (setup, device) = (&self.examined.config().setup, &self.device);
        let mut brief = Brief {
            threats: self.threats.clone(),
            indices: self.indices.clone(),
            classes: self.data.classes.len(),
            draws: self.draws,
            seed: setup.seed,
            audit: None,
        };
        let needs_training_images = self.audit || brief.needs_surrogate();
        let train = needs_training_images.then(|| upload(&self.data.train, &self.data, device));
        if self.audit {
            brief.audit = train.clone().map(|train| (self.severity(), train));
        }
        let statistics = self.examined.statistics(&self.data);
        let surrogate = train.map(|train| Surrogate::new(setup, (&train, held_out), &statistics, device));
        Assessment::new(subject, brief, surrogate, &BatchSizes::default())
    }

    /// How hard the audit attacks: at the L∞ radius nearest to the run's own that robustness is claimed for.
    fn severity(&self) -> Severity {
        let setup = &self.examined.config().setup;
        let off = |epsilon: &f64| (epsilon - self.hyper.epsilon).abs();
        let is_claimed = |threat: &&Threat| threat.attack.norm() == Norm::Linf && threat.epsilon > 0.0;
        let claimed = self.threats.iter().filter(is_claimed).map(|threat| threat.epsilon);
        let nearest = claimed.min_by(|a, b| off(a).total_cmp(&off(b)));
        Severity { draws: self.draws, ..severity(setup, &self.hyper, nearest) }
    }
}

/// Adds what is left of the gradient tensors of the held-out images at `indices` after so many steps, and what the auxiliary
/// network reads off them, where it reads classes.
async fn weigh(
    gallery: &mut Gallery,
    subject: &Subject,
    held_out: &DeviceImages,
    (indices, step): (&[u32], u64),
) -> Result<(), String> {
    let (mut images, mut sum) = (Vec::new(), 0.0);
    let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
    for indices in indices.chunks(WEIGHED_AT_ONCE) {
        let batch = held_out.gather(indices);
        let (images_of, one_hot) = (batch.images, batch.one_hot);
        let network = (&subject.network, &subject.weights);
        let (gradient, logits) =
            subject.network.input_gradient(&subject.weights, images_of.clone(), one_hot.clone());
        if let Some(reader) = subject.reader.as_ref().filter(|reader| reader.is_trained) {
            let is_of_loss = reader.channel.of_loss().is_none();
            let tensor = || reader.channel.gradient(network, images_of.clone(), one_hot.clone()).0;
            let tensor = if is_of_loss { gradient.clone() } else { tensor() };
            let said = reader.says(tensor);
            probabilities.extend(read(softmax(said)).await?);
            labels.extend(indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])));
        }
        let (of_batch, logits) = margins(logits, gradient, (indices, held_out.labels())).await?;
        images.extend(of_batch);
        sum += logits;
    }
    if !labels.is_empty() {
        gallery.weigh(&probabilities, &labels);
    }
    let mean_logit = sum / (images.len() * held_out.classes()) as f64;
    gallery.saturation =
        Some(Saturation { run: 1, step, images, mean_logit, masses: Vec::new(), noise: None });
    Ok(())
}
