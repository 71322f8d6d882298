//! `great-lab evaluate`: how many held-out images a trained network still classifies under attack.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use burn::tensor::Device;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use web_time::Instant;

use crate::attack::audit::{Severity, Subject};
use crate::attack::evaluation::{Attacked, BatchSizes, Counts, Turn, found};
use crate::attack::{Audit, Evaluation, Victim};
use crate::config::{AttackKind, Config, Hyper, Norm, TargetKind, Threat};
use crate::data::{self, Dataset, balanced_subset};
use crate::gpu::images::DeviceImages;
use crate::gpu::{read, softmax};
use crate::nn::{Network, Weights, loss};
use crate::platform;
use crate::protocol::{Light, Robustness};
use crate::show::{charts, columns};
use crate::train::Surrogate;
use crate::train::checkpoint::{Checkpoint, CheckpointError};
use crate::train::record::EvaluationRecord;

use super::charts::png;
use super::error::HeadlessError;
use super::examples::Examples;
use super::options::open_device;
use super::progress::Progress;
use super::report::{self, Gallery};
use super::run_folder::{RunFolder, write_whole};
use super::tables;
use super::threats::Request;

/// Images whose gradient tensors are read at once.
const WEIGHED_AT_ONCE: usize = 128;
/// What training a surrogate counts in the progress.
const SURROGATE_SHARE: f64 = 0.2;

/// The flags of `great-lab evaluate`.
#[derive(clap::Args, Debug)]
pub struct EvaluateOptions {
    /// A checkpoint.safetensors, or the run folder that holds one
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// An attack, as often as needed [default: fgsm and pgd]
    #[arg(long, value_name = "NAME", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(AttackKind::NAMES).try_map(|name| name.parse::<AttackKind>()))]
    pub attack: Vec<AttackKind>,
    /// Radii, as in 0.02,0.05 or 8/255 [default: around the run's own; 0.25 to 2 for L2 attacks]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub epsilon: Vec<String>,
    /// What attacks aim at, as often as needed [default: untargeted]
    #[arg(long, value_name = "KIND", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(TargetKind::NAMES).try_map(|name| name.parse::<TargetKind>()))]
    pub target: Vec<TargetKind>,
    /// Held-out images to attack; all of them where there are fewer
    #[arg(long, value_name = "N", default_value_t = 1000, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    /// Iterations of iterative attacks; autoattack keeps its own [default: the attack's authors', or the run's own]
    #[arg(long, value_name = "K", allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub steps: Option<u32>,
    /// Random restarts of attacks with a random start; the worst result of each image counts
    #[arg(long, value_name = "R", default_value_t = 1, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub restarts: u32,
    /// Draws of a random network's own noise over which attacks average their gradients (EOT) [default: 20 where it adds
    /// noise, else 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub eot: Option<u32>,
    /// Check whether the figures can be trusted: attacks that must order themselves, and a fresh discriminator
    #[arg(long)]
    pub audit: bool,
    /// Write the images, what the attack made of them as float and as exact uint8, and what the network says; several
    /// threats are written beside FILE under names of their own
    #[arg(long, value_name = "FILE.npz")]
    pub save_examples: Option<PathBuf>,
    /// Data to attack on [default: what the network was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    pub data: Option<String>,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
    /// Write the report: one HTML file with figures, curves, confusion, pictures and the audit
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Folder for robustness.csv, robustness.json, robustness.png and report.html
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write into --out even if it is not empty
    #[arg(long)]
    pub force: bool,
    /// Print nothing but the result
    #[arg(long, short)]
    pub quiet: bool,
}

/// Attacks, prints the table, and writes what is asked for.
///
/// # Errors
/// [`HeadlessError`]: bad flags, a file that is no checkpoint, data that does not fit it, a device that fails.
pub fn evaluate(options: &EvaluateOptions) -> Result<(), HeadlessError> {
    let checkpoint = open_checkpoint(&options.checkpoint)?;
    let hyper = checkpoint.header.config.hyper;
    let request = Request {
        attacks: options.attack.clone(),
        targets: options.target.clone(),
        epsilons: options.epsilon.clone(),
        steps: options.steps.map(|steps| steps as usize),
        restarts: options.restarts as usize,
    };
    let threats = request.threats(&hyper)?;
    for (flag, path) in [("--save-examples", &options.save_examples), ("--report", &options.report)] {
        path.as_deref().map_or(Ok(()), |path| check_folder_of(flag, path))?;
    }
    if let Some(out) = &options.out {
        RunFolder::check(out, options.force)?;
    }
    let data = load_fitting(options.data.as_deref(), &checkpoint)?;
    let opened = open_device(&options.device)?;
    let mut progress = Progress::of_attacks(options.quiet);
    opened.info.notice.iter().for_each(|notice| progress.say(notice));
    let subject = subject_of(&checkpoint, &data);
    let job = Job {
        data,
        threats,
        samples: options.samples as usize,
        draws: options.eot.map_or(checkpoint.header.config.setup.eot(), |draws| draws as usize),
        keep: options.save_examples.is_some(),
        audit: options.audit,
        device: opened.device,
        checkpoint,
    };
    let draws = job.draws;
    let found = attack(job, &mut progress)?;
    let Found { evaluation, examples, lights, .. } = &found;
    progress.finish();
    super::print(&tables::robustness_text(evaluation));
    if draws > 1 {
        super::print(&format!(
            "attacks that step along a gradient averaged it over {draws} draws of the network's noise (EOT)\n"
        ));
    }
    if options.audit {
        super::print(&tables::audit_text(lights));
    }
    options.save_examples.as_deref().map_or(Ok(()), |path| write_examples(path, examples))?;
    let report = report::html(&found.report(&subject));
    options.report.as_deref().map_or(Ok(()), |path| write_whole(path, report.as_bytes()))?;
    options.out.as_deref().map_or(Ok(()), |out| {
        write(out, options.force, (evaluation, draws), lights.clone(), hyper.epsilon, &report)
    })
}

/// That a file can be written where it is to be, before hours are spent on what it will hold.
fn check_folder_of(flag: &'static str, path: &Path) -> Result<(), HeadlessError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && path.file_name().is_some() && !path.is_dir() {
        return Ok(());
    }
    let problem = format!("{} is no file in a folder that is there", path.display());
    Err(HeadlessError::Flag { flag, problem })
}

/// Writes an archive for each threat, and says what is in it.
fn write_examples(path: &Path, all: &[Examples]) -> Result<(), HeadlessError> {
    for examples in all {
        let path = examples.path(path, all.len() > 1);
        let archive = examples.pack().map_err(|error| HeadlessError::System(error.to_string()))?;
        write_whole(&path, &archive)?;
        super::print(&format!("{}: {}\n", path.display(), examples.summary()));
    }
    Ok(())
}

/// The checkpoint in a file, or in a run folder.
fn open_checkpoint(path: &Path) -> Result<Checkpoint, HeadlessError> {
    Checkpoint::open(path).map_err(|error| match error {
        CheckpointError::Unreadable { path, source } => HeadlessError::Unreadable { path, source },
        error => HeadlessError::Malformed {
            path: path.into(),
            expected: "a checkpoint",
            problem: error.to_string(),
        },
    })
}

/// The data asked for, or the checkpoint's own, if its images fit the network.
fn load_fitting(asked: Option<&str>, checkpoint: &Checkpoint) -> Result<Dataset, HeadlessError> {
    let data = data::load(asked.unwrap_or(&checkpoint.header.config.setup.data))?;
    checkpoint.fits(&data).map_err(|unfit| HeadlessError::Flag {
        flag: "--data",
        problem: format!("the network {unfit}; give data like what it was trained on"),
    })?;
    Ok(data)
}

fn write(
    out: &Path,
    force: bool,
    (evaluation, draws): (&Robustness, usize),
    lights: Vec<Light>,
    epsilon: f64,
    report: &str,
) -> Result<(), HeadlessError> {
    let folder = RunFolder::create(out, force)?;
    let mut table = tables::robustness();
    table.extend(columns::robustness(evaluation));
    folder.write("robustness.csv", table.bytes())?;
    let record = EvaluationRecord::in_full(evaluation, lights, draws);
    folder.write(EvaluationRecord::FILE, record.text().as_bytes())?;
    folder.write("robustness.png", &png(&charts::robustness(evaluation, epsilon))?)?;
    folder.write("report.html", report.as_bytes())?;
    Ok(())
}

/// What was attacked, for the report.
fn subject_of(checkpoint: &Checkpoint, data: &Dataset) -> report::Subject {
    let header = &checkpoint.header;
    let setup = &header.config.setup;
    report::Subject {
        title: format!("{} trained by {} on {}", setup.network, setup.method().name(), setup.data),
        lines: vec![
            format!("width × {}", setup.width),
            format!("{} steps of {} images", header.step, setup.batch_size),
            format!("seed {}", setup.seed),
            format!("attacked on held-out images of {}", data.name),
        ],
        classes: header.classes.clone(),
        shape: header.image,
    }
}

/// What is to be attacked, with what, where.
struct Job {
    checkpoint: Checkpoint,
    data: Dataset,
    threats: Vec<Threat>,
    samples: usize,
    /// Over how many draws of the network's own noise attacks average their gradients.
    draws: usize,
    /// Whether the examples are wanted too.
    keep: bool,
    /// Whether the figures are to be audited.
    audit: bool,
    device: Device,
}

/// What the attacking thread says.
enum Message {
    /// So much is done, in [0, 1].
    Progress(f64),
    /// All attacks were made: how long that took.
    Attacked(String),
    /// All is done, or the device failed.
    Done(Result<Box<Attacks>, String>),
}

/// What the attacks led to.
struct Attacks {
    counts: Counts,
    examples: Vec<Examples>,
    lights: Vec<Light>,
    gallery: Gallery,
}

/// What came of a job.
struct Found {
    evaluation: Robustness,
    examples: Vec<Examples>,
    lights: Vec<Light>,
    gallery: Gallery,
}

impl Found {
    fn report<'a>(&'a self, subject: &'a report::Subject) -> report::Report<'a> {
        let Self { evaluation, lights, gallery, .. } = self;
        report::Report { subject, evaluation, gallery, lights }
    }
}

/// Attacks on a thread of its own, which may wait for the device, and shows progress meanwhile.
fn attack(job: Job, progress: &mut Progress) -> Result<Found, HeadlessError> {
    let (threats, step) = (job.threats.clone(), job.checkpoint.header.step);
    let classes = job.data.classes.len();
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
            Message::Done(Ok(attacks)) => {
                let Attacks { counts, examples, lights, gallery } = *attacks;
                let evaluation = Robustness { run: 1, step, ..found(&threats, &counts, classes) };
                return Ok(Found { evaluation, examples, lights, gallery });
            }
        }
    }
}

/// One line: how long the attacks took, the batches being that large.
fn pace(counts: &Counts, seconds: f64, at_once: usize) -> String {
    let each = 1000.0 * seconds / f64::from(counts.total.max(1));
    format!("attacked {} images in {seconds:.3} s, {each:.1} ms each, {at_once} at once", counts.total)
}

impl Job {
    async fn run(self, tell: &SyncSender<Message>) -> Result<Attacks, String> {
        let Dataset { test, shape, classes, .. } = &self.data;
        let subject = self.checkpoint.subject(&self.device);
        let Subject { network, weights, .. } = &subject;
        let held_out = DeviceImages::upload(&test.pixels, &test.labels, *shape, classes.len(), &self.device);
        let indices = balanced_subset(&test.labels, self.samples);
        let seed = self.checkpoint.header.config.setup.seed;
        let batch_sizes = BatchSizes::default();
        let mut evaluation = Evaluation::new(weights, self.threats.clone(), &indices, classes.len(), seed)
            .with_draws(self.draws)
            .with_batch_sizes(&batch_sizes);
        let share = if self.needs_surrogate() { SURROGATE_SHARE } else { 0.0 };
        let surrogate = if self.needs_surrogate() { Some(self.surrogate(tell).await?) } else { None };
        if let Some((network, weights)) = &surrogate {
            evaluation = evaluation.with_surrogate(network.clone(), weights);
        }
        let rest = if self.audit { 0.5 * (1.0 - share) } else { 1.0 - share };
        let kept = if self.keep { &self.threats[..] } else { &[] };
        let mut examples: Vec<Examples> =
            kept.iter().map(|threat| Examples::new(*threat, *shape, classes.len())).collect();
        let victim = Victim::new(network, weights);
        let epsilon = self.checkpoint.header.config.hyper.epsilon;
        let mut gallery = Gallery::new(&self.threats, epsilon, classes.len());
        let at_once = evaluation.divide(network, &held_out).await?;
        let begin = Instant::now();
        loop {
            match evaluation.advance(network, &held_out).await? {
                Turn::Complete => break,
                Turn::Attacked(Attacked { threat, indices, adversarial }) => {
                    gallery.add(&victim, &held_out, threat, &indices, &adversarial).await?;
                    if let Some(examples) = examples.get_mut(threat) {
                        examples.add(&victim, (test, &held_out), &indices, adversarial).await?;
                    }
                }
                Turn::Paused => {}
            }
            if evaluation.at_batch_end() {
                // The device has so much work queued that its progress would be shown long before it is made.
                evaluation.read().await?;
            }
            let _ = tell.send(Message::Progress(share + rest * evaluation.progress()));
        }
        let counts = evaluation.read().await?;
        let _ = tell.send(Message::Attacked(pace(&counts, begin.elapsed().as_secs_f64(), at_once)));
        weigh(&mut gallery, &subject, &held_out, &indices).await?;
        let lights = if self.audit {
            let on = (&held_out, indices, &batch_sizes);
            self.lights(tell, Subject { surrogate, ..subject }, on, share + rest).await?
        } else {
            Vec::new()
        };
        Ok(Attacks { counts, examples, lights, gallery })
    }

    /// Audits the network on these held-out images; so much was done before.
    async fn lights(
        &self,
        tell: &SyncSender<Message>,
        subject: Subject,
        (held_out, indices, batch_sizes): (&DeviceImages, Vec<u32>, &BatchSizes),
        before: f64,
    ) -> Result<Vec<Light>, String> {
        let Dataset { train, shape, classes, .. } = &self.data;
        let train = DeviceImages::upload(&train.pixels, &train.labels, *shape, classes.len(), &self.device);
        let Config { setup, hyper } = &self.checkpoint.header.config;
        let strongest = |threat: &&Threat| threat.attack.norm() == Norm::Linf && threat.epsilon > 0.0;
        let claimed = self.threats.iter().filter(strongest).map(|threat| threat.epsilon);
        let epsilon = claimed.min_by(|a, b| (a - hyper.epsilon).abs().total_cmp(&(b - hyper.epsilon).abs()));
        let severity = Severity {
            epsilon: epsilon.unwrap_or(if hyper.epsilon > 0.0 {
                hyper.epsilon
            } else {
                Hyper::default().epsilon
            }),
            steps: hyper.attack_steps,
            draws: self.draws,
            seed: setup.seed,
        };
        let mut audit =
            Audit::new(subject, severity, indices, (&train, held_out)).with_batch_sizes(batch_sizes);
        while !audit.is_complete() {
            audit.advance(held_out).await?;
            let _ = tell.send(Message::Progress(before + (1.0 - before) * audit.progress()));
        }
        Ok(audit.lights())
    }

    fn needs_surrogate(&self) -> bool {
        self.audit || self.threats.iter().any(|threat| threat.attack.row().needs_surrogate)
    }

    /// Trains the network on which transfer attacks make their examples.
    async fn surrogate(&self, tell: &SyncSender<Message>) -> Result<(Network, Weights), String> {
        let header = &self.checkpoint.header;
        let mut surrogate =
            Surrogate::new(&header.config.setup, &self.data, &header.statistics(), &self.device);
        loop {
            let done = surrogate.advance().await?;
            let _ = tell.send(Message::Progress(SURROGATE_SHARE * done));
            if done >= 1.0 {
                return Ok(surrogate.into_network());
            }
        }
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
        let said = reader.network.logits(&reader.weights, loss::normalize(reader.normalization, gradient));
        probabilities.extend(read(softmax(said)).await?);
        labels.extend(indices.iter().map(|index| usize::from(held_out.labels()[*index as usize])));
    }
    gallery.weigh(&probabilities, &labels);
    Ok(())
}
