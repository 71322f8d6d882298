//! Attacks and audits a checkpoint on a thread of its own, which may wait for the device, and shows progress meanwhile.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use burn::tensor::Device;
use web_time::Instant;

use crate::attack::Victim;
use crate::attack::audit::{Severity, Subject};
use crate::attack::evaluation::{Attacked, BatchSizes};
use crate::config::{Norm, Stream, Threat};
use crate::data::{Dataset, proportional_subset};
use crate::gpu::images::DeviceImages;
use crate::gpu::{read, softmax};
use crate::platform;
use crate::protocol::{Light, Robustness};
use crate::scenario::upload;
use crate::show::number::figure;
use crate::train::Surrogate;
use crate::train::assessment::{Advance, Assessment, Brief, Stage, severity};
use crate::train::checkpoint::Checkpoint;

use super::examples::Examples;
use super::report::Gallery;
use crate::headless::error::HeadlessError;
use crate::headless::progress::Progress;

/// Images whose gradient tensors are read at once.
const WEIGHED_AT_ONCE: usize = 128;

/// What is to be attacked, with what, where.
pub struct Job {
    /// Who is attacked.
    pub checkpoint: Checkpoint,
    /// On whose held-out images.
    pub data: Dataset,
    /// With what.
    pub threats: Vec<Threat>,
    /// On how many images; all of them where there are fewer.
    pub samples: usize,
    /// Over how many draws of the network's own noise attacks average their gradients.
    pub draws: usize,
    /// Whether the examples are wanted too.
    pub keep: bool,
    /// Whether the figures are to be audited.
    pub audit: bool,
    /// Where.
    pub device: Device,
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
}

/// What the attacking thread says.
enum Message {
    /// The share of the work that is done, in [0, 1].
    Progress(f64),
    /// All attacks were made: how long that took.
    Attacked(String),
    /// All is done, or the device failed.
    Done(Result<Box<Found>, String>),
}

/// Does the job, and shows progress.
///
/// # Errors
/// Where there is no thread, or the device failed.
pub fn assess(job: Job, progress: &mut Progress) -> Result<Found, HeadlessError> {
    let (sender, receiver): (_, Receiver<Message>) = sync_channel(16);
    let thread = platform::spawn("attacks", move || async move {
        let result = job.run(&sender).await;
        // Without a receiver the command is over already.
        let _ = sender.send(Message::Done(result.map(Box::new)));
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    loop {
        match receiver.recv().map_err(|_| HeadlessError::Gone)? {
            Message::Progress(share) => progress.evaluation(share),
            Message::Attacked(pace) => progress.say(&pace),
            Message::Done(Err(problem)) => return Err(HeadlessError::System(problem)),
            Message::Done(Ok(found)) => return Ok(*found),
        }
    }
}

/// One line: how long the attacks on that many images took, the batches being that large.
fn pace(images: u32, seconds: f64, at_once: usize) -> String {
    let each = 1000.0 * seconds / f64::from(images.max(1));
    format!("attacked {images} images in {seconds:.3} s, {} ms each, {at_once} at once", figure(each))
}

impl Job {
    async fn run(self, tell: &SyncSender<Message>) -> Result<Found, String> {
        let Self { data, threats, .. } = &self;
        let (header, classes) = (&self.checkpoint.header, data.classes.len());
        let held_out = upload(&data.test, data, &self.device);
        let subject = self.checkpoint.subject(&self.device);
        let sample = Stream::Sample.number();
        let indices = proportional_subset(&data.test.labels, self.samples, sample);
        let mut assessment = self.begin(subject.clone(), &indices, &held_out);
        let show = |assessment: &Assessment| {
            let _ = tell.send(Message::Progress(assessment.progress()));
        };
        while assessment.stage() == Stage::Surrogate {
            assessment.advance(&held_out).await?;
            show(&assessment);
        }
        let kept = if self.keep { &threats[..] } else { &[] };
        let mut examples: Vec<Examples> =
            kept.iter().map(|threat| Examples::new(*threat, data.shape, classes)).collect();
        let mut gallery = Gallery::new(threats, header.config.hyper.epsilon, classes);
        let victim = Victim::new(&subject.network, &subject.weights);
        let at_once = assessment.divide(&held_out).await?;
        let begin = Instant::now();
        while assessment.stage() == Stage::Attacks {
            if let Advance::Attacked(attacked) = assessment.advance(&held_out).await? {
                let Attacked { threat, indices, adversarial } = attacked;
                gallery.add(&victim, &held_out, threat, &indices, &adversarial).await?;
                if let Some(examples) = examples.get_mut(threat) {
                    examples.add(&victim, (&data.test, &held_out), &indices, adversarial).await?;
                }
            }
            if assessment.at_batch_end() {
                // The device has so much work queued that its progress would be shown long before it is made.
                assessment.figures().await?;
            }
            show(&assessment);
        }
        let evaluation = Robustness { run: 1, step: header.step, ..assessment.figures().await? };
        let pace = pace(evaluation.clean.total, begin.elapsed().as_secs_f64(), at_once);
        let _ = tell.send(Message::Attacked(pace));
        weigh(&mut gallery, &subject, &held_out, &indices).await?;
        while assessment.stage() == Stage::Audit {
            assessment.advance(&held_out).await?;
            show(&assessment);
        }
        Ok(Found { evaluation, examples, lights: assessment.lights(), gallery })
    }

    /// The assessment, before its first turn.
    fn begin(&self, subject: Subject, indices: &[u32], held_out: &DeviceImages) -> Assessment {
        let (header, device) = (&self.checkpoint.header, &self.device);
        let setup = &header.config.setup;
        let mut brief = Brief {
            threats: self.threats.clone(),
            indices: indices.to_vec(),
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
        let surrogate =
            train.map(|train| Surrogate::new(setup, (&train, held_out), &header.statistics(), device));
        Assessment::new(subject, brief, surrogate, &BatchSizes::default())
    }

    /// How hard the audit attacks: at the L∞ radius nearest to the run's own that robustness is claimed for.
    fn severity(&self) -> Severity {
        let config = &self.checkpoint.header.config;
        let off = |epsilon: &f64| (epsilon - config.hyper.epsilon).abs();
        let is_claimed = |threat: &&Threat| threat.attack.norm() == Norm::Linf && threat.epsilon > 0.0;
        let claimed = self.threats.iter().filter(is_claimed).map(|threat| threat.epsilon);
        let nearest = claimed.min_by(|a, b| off(a).total_cmp(&off(b)));
        Severity { draws: self.draws, ..severity(&config.setup, &config.hyper, nearest) }
    }
}

/// Adds what the auxiliary network reads off gradient tensors, where it reads classes.
async fn weigh(
    gallery: &mut Gallery,
    subject: &Subject,
    held_out: &DeviceImages,
    indices: &[u32],
) -> Result<(), String> {
    let Some(reader) = &subject.reader else { return Ok(()) };
    let (mut probabilities, mut labels) = (Vec::new(), Vec::new());
    for indices in indices.chunks(WEIGHED_AT_ONCE) {
        let batch = held_out.gather(indices);
        let (gradient, _) = subject.network.input_gradient(&subject.weights, batch.images, batch.one_hot);
        let said = reader.network.logits(&reader.weights, reader.channel.looked_at(gradient));
        probabilities.extend(read(softmax(said)).await?);
        labels.extend(indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])));
    }
    gallery.weigh(&probabilities, &labels);
    Ok(())
}
