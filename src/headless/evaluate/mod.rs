//! `great-lab evaluate`: how many held-out images a trained network still classifies under attack.

mod assess;
mod examined;
mod examples;
mod kept;
mod key;
mod ledger;
mod outputs;
mod own;
pub mod report;
pub mod threats;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use crate::config::{
    ATTACKS, AttackKind, Config, EpsilonScale, InputTransform, Stream, TargetKind, Threat, VERDICT_DRAWS,
};
use crate::data::proportional_subset;
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::{Completed, Interrupt};
use crate::headless::options::open_device;
use crate::headless::print::print;
use crate::headless::progress::Progress;
use crate::protocol::{Light, Robustness};
use crate::runs::record::{Ended, Expectation, Incomplete};
use crate::runs::tables;
use assess::{Found, Job, assess};
use key::Key;
use outputs::{Outputs, Results, Wanted};
use report::{Contents, Description};
use threats::Request;

pub use examined::{Examined, Opened, open_checkpoint};
pub use own::ScalingFlags;

/// The names of the attacks; `--help` says of each what it does.
fn attacks() -> PossibleValuesParser {
    PossibleValuesParser::new(ATTACKS.iter().map(|row| PossibleValue::new(row.kind.name()).help(row.help())))
}

/// The flags of `great-lab evaluate`.
#[derive(clap::Args, Debug)]
pub struct EvaluateOptions {
    /// A checkpoint.safetensors, the run folder that holds one, or an ONNX file of your own, with --data
    #[arg(value_name = "CHECKPOINT|ONNX")]
    pub checkpoint: PathBuf,
    /// An attack, as often as needed [default: fgsm and pgd]
    #[arg(long, value_name = "NAME", value_delimiter = ',',
          value_parser = attacks().try_map(|name| name.parse::<AttackKind>()))]
    pub attack: Vec<AttackKind>,
    /// Radii, as in 0.02,0.05 or 8/255: a comma stands between two, a decimal has a point [default: around the run's own; 0.25 to 2 for L2 attacks]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub epsilon: Vec<String>,
    /// In what --epsilon is given: pixel, pixels being from 0 to 1; or standardised, standard deviations of the network's
    /// inputs, the mean over the channels. Both are shown
    #[arg(long, value_name = "pixel|standardised", default_value = EpsilonScale::Pixel.name(),
          value_parser = PossibleValuesParser::new(EpsilonScale::NAMES).try_map(|name| name.parse::<EpsilonScale>()))]
    pub epsilon_scale: EpsilonScale,
    /// What attacks aim at, as often as needed [default: untargeted]
    #[arg(long, value_name = "KIND", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(TargetKind::NAMES).try_map(|name| name.parse::<TargetKind>()))]
    pub target: Vec<TargetKind>,
    /// Held-out images to attack, drawn so that each class is as frequent as among all; all of them where there are fewer
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
    /// How an ONNX file's network sees images
    #[command(flatten)]
    pub scaling: ScalingFlags,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
    /// Write the report: one HTML file with figures, curves, confusion, pictures and the audit
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Folder for robustness.csv, robustness.json, a chart of each norm (robustness.png, robustness_l2.png) and report.html
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write into --out even if it is not empty
    #[arg(long)]
    pub force: bool,
    /// Print nothing but the result
    #[arg(long, short)]
    pub quiet: bool,
}

/// Attacks, prints the table, and writes what is asked for. What somebody interrupts is written as far as it is, and gone on
/// with by the same command where there is an `--out`.
///
/// # Errors
/// [`HeadlessError`]: bad flags, a file that is no checkpoint, data that does not fit it, a device that fails, files that
/// cannot be written.
pub fn evaluate(options: &EvaluateOptions) -> Result<Completed, HeadlessError> {
    let Opened { examined, data, bytes } =
        Opened::open(&options.checkpoint, options.data.as_deref(), &options.scaling)?;
    let Config { setup, hyper } = examined.config().clone();
    let deviation = examined.network().input_deviation();
    let hyper = hyper.in_pixels(deviation);
    let (deviation, is_world) = (options.deviation(deviation)?, setup.world().is_some());
    let request = Request { deviation, is_world, ..options.request() };
    let threats = request.threats(&hyper)?;
    // First of all, and before hours are spent: a decimal comma makes two radii of one.
    if let Some(line) = request.several_radii()? {
        print(&format!("{line}\n"))?;
    }
    let indices = proportional_subset(&data.test.labels, options.samples as usize, Stream::Sample.number());
    let (keep, draws) =
        (options.save_examples.is_some(), options.eot.map_or(setup.eot(), |draws| draws as usize));
    let key = Key::new(&bytes, (&data, &indices), &threats, (setup.seed, draws), keep);
    let wanted = options.wanted();
    let (kept, said) = wanted.beginning(&key)?;
    let opened = open_device(&options.device)?;
    let mut outputs = Outputs::open(wanted, &example_paths(options.save_examples.as_deref(), &threats))?;
    let interrupt = Interrupt::listen(|| {})?;
    let mut progress = Progress::of_attacks(options.quiet);
    let notices = opened.info.notice.iter().chain(&said).chain(examined.notes());
    notices.for_each(|notice| progress.say(notice));
    let verdict = (setup.input_transform == InputTransform::Noise).then_some(VERDICT_DRAWS);
    let noise = Expectation { draws, verdict };
    let mut subject = examined.describe(Some(&data));
    subject.lines.push(format!("attacked on held-out images of {}", data.name));
    subject.lines.extend(noise_in_words(noise));
    let job = Job {
        examined,
        data,
        indices,
        threats,
        hyper,
        draws,
        keep,
        audit: options.audit,
        device: opened.device,
        key,
        kept,
        file: outputs.kept(),
        interrupt: interrupt.clone(),
    };
    let found = assess(job, &mut progress)?;
    progress.finish();
    let Some(found) = found else {
        progress.say("interrupted before the first attack was finished; nothing new is written");
        return Ok(interrupt.completed(Ended::Interrupted));
    };
    publish(&found, &mut outputs, (&subject, noise, hyper.epsilon), options.audit)?;
    if found.incomplete.is_none() {
        return Ok(Completed::Finished);
    }
    progress.say(match &options.out {
        Some(_) => "interrupted; the same command goes on with it",
        None => "interrupted; with --out, the same command would have gone on with it",
    });
    Ok(interrupt.completed(Ended::Interrupted))
}

/// Writes what was found, and prints it.
fn publish(
    found: &Found,
    outputs: &mut Outputs<'_>,
    (subject, noise, epsilon): (&Description, Expectation, f64),
    audit: bool,
) -> Result<(), HeadlessError> {
    let Found { evaluation, examples, lights, gallery, incomplete, kept } = found;
    let incomplete = *incomplete;
    let report = report::html(&Contents { subject, evaluation, gallery, lights, incomplete });
    let results = Results { evaluation, noise, lights, epsilon, report: &report, examples, incomplete, kept };
    let written = outputs.write(&results);
    print(&text((evaluation, &subject.classes), incomplete, noise, audit.then_some(lights)))?;
    written?;
    print(&outputs.examples(examples))
}

/// The result for people, and what is lacking of it.
fn text(
    (evaluation, classes): (&Robustness, &[String]),
    incomplete: Option<Incomplete>,
    noise: Expectation,
    lights: Option<&Vec<Light>>,
) -> String {
    let mut text = incomplete.map_or(String::new(), |incomplete| format!("{incomplete}\n\n"));
    text += &tables::robustness_text(evaluation);
    text += &tables::classes_text(evaluation, classes);
    noise_in_words(noise).iter().for_each(|line| text += &format!("{line}\n"));
    if let Some(lights) = lights.filter(|_| incomplete.is_none()) {
        text += &tables::audit_text(lights);
    }
    text
}

impl EvaluateOptions {
    fn request(&self) -> Request {
        Request {
            attacks: self.attack.clone(),
            targets: self.target.clone(),
            epsilons: self.epsilon.clone(),
            deviation: None,
            steps: self.steps.map(|steps| steps as usize),
            restarts: self.restarts as usize,
            is_world: false,
        }
    }

    /// What an ε is a multiple of: the standard deviation of the network's inputs, where ε is on that scale.
    ///
    /// # Errors
    /// Where it is, and the images that the network was trained on do not vary.
    fn deviation(&self, of_network: Option<f64>) -> Result<Option<f64>, HeadlessError> {
        match self.epsilon_scale {
            EpsilonScale::Pixel => Ok(None),
            EpsilonScale::Standardised => match of_network {
                Some(deviation) => Ok(Some(deviation)),
                None => Err(HeadlessError::Flag {
                    flag: "--epsilon-scale",
                    problem: "the standard deviation of the network's inputs is not known (of an ONNX file --std says it), or its training images do not vary; use pixel".into(),
                }),
            },
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            out: self.out.as_deref(),
            report: self.report.as_deref(),
            examples: self.save_examples.as_deref(),
            force: self.force,
        }
    }
}

/// Where examples of these threats are to be written, if they are.
fn example_paths(path: Option<&Path>, threats: &[Threat]) -> Vec<PathBuf> {
    let several = threats.len() > 1;
    path.map_or(Vec::new(), |path| {
        threats.iter().map(|threat| examples::path(threat, path, several)).collect()
    })
}

/// How a network that draws noise was attacked and judged; nothing of one that draws none.
fn noise_in_words(noise: Expectation) -> Option<String> {
    let Expectation { draws, verdict } = noise;
    let verdict = verdict?;
    Some(format!(
        "the network draws noise: gradients were averaged over {draws} draws of it (EOT), and the mean logits of \
         {verdict} draws decided what it says"
    ))
}
