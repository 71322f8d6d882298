//! `great-lab evaluate`: how many held-out images a trained network still classifies under attack.

mod assess;
mod examples;
pub mod report;
pub mod threats;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use crate::config::{ATTACKS, AttackKind, InputTransform, TargetKind, VERDICT_DRAWS};
use crate::data::{self, Dataset};
use crate::headless::error::HeadlessError;
use crate::headless::files::charts::png;
use crate::headless::files::run_folder::{RunFolder, write_whole};
use crate::headless::files::tables;
use crate::headless::options::open_device;
use crate::headless::print::print;
use crate::headless::progress::Progress;
use crate::protocol::Robustness;
use crate::show::{charts, columns};
use crate::train::checkpoint::{Checkpoint, CheckpointError};
use crate::train::record::{EvaluationRecord, Expectation};
use assess::{Found, Job, assess};
use examples::Examples;
use report::{Contents, Description};
use threats::Request;

/// The names of the attacks; `--help` says of each what it does.
fn attacks() -> PossibleValuesParser {
    PossibleValuesParser::new(ATTACKS.iter().map(|row| PossibleValue::new(row.kind.name()).help(row.help())))
}

/// The flags of `great-lab evaluate`.
#[derive(clap::Args, Debug)]
pub struct EvaluateOptions {
    /// A checkpoint.safetensors, or the run folder that holds one
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// An attack, as often as needed [default: fgsm and pgd]
    #[arg(long, value_name = "NAME", value_delimiter = ',',
          value_parser = attacks().try_map(|name| name.parse::<AttackKind>()))]
    pub attack: Vec<AttackKind>,
    /// Radii, as in 0.02,0.05 or 8/255: a comma stands between two, a decimal has a point [default: around the run's own; 0.25 to 2 for L2 attacks]
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub epsilon: Vec<String>,
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
    // First of all, and before hours are spent: a decimal comma makes two radii of one.
    if let Some(line) = request.several_radii()? {
        print(&format!("{line}\n"));
    }
    for (flag, path) in [("--save-examples", &options.save_examples), ("--report", &options.report)] {
        path.as_deref().map_or(Ok(()), |path| check_folder_of(flag, path))?;
    }
    if let Some(out) = &options.out {
        RunFolder::check(out, options.force)?;
    }
    let data = load_fitting(options, &checkpoint)?;
    let opened = open_device(&options.device)?;
    let mut progress = Progress::of_attacks(options.quiet);
    opened.info.notice.iter().for_each(|notice| progress.say(notice));
    let draws_noise = checkpoint.header.config.setup.input_transform == InputTransform::Noise;
    let draws = options.eot.map_or(checkpoint.header.config.setup.eot(), |draws| draws as usize);
    let noise = draws_noise.then(|| noise_in_words(draws));
    let mut subject = describe(&checkpoint, &data);
    subject.lines.extend(noise.clone());
    let job = Job {
        data,
        threats,
        samples: options.samples as usize,
        draws,
        keep: options.save_examples.is_some(),
        audit: options.audit,
        device: opened.device,
        checkpoint,
    };
    let found = assess(job, &mut progress)?;
    let Found { evaluation, examples, lights, gallery } = &found;
    progress.finish();
    print(&tables::robustness_text(evaluation));
    print(&tables::classes_text(evaluation, &subject.classes));
    noise.iter().for_each(|line| print(&format!("{line}\n")));
    if options.audit {
        print(&tables::audit_text(lights));
    }
    options.save_examples.as_deref().map_or(Ok(()), |path| write_examples(path, examples))?;
    let report = report::html(&Contents { subject: &subject, evaluation, gallery, lights });
    options.report.as_deref().map_or(Ok(()), |path| write_whole(path, report.as_bytes()))?;
    options.out.as_deref().map_or(Ok(()), |out| {
        let verdict = draws_noise.then_some(VERDICT_DRAWS);
        let record = EvaluationRecord::in_full(evaluation, lights.clone(), Expectation { draws, verdict });
        write(out, options.force, evaluation, &record, hyper.epsilon, &report)
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
        print(&format!("{}: {}\n", path.display(), examples.summary()));
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
fn load_fitting(options: &EvaluateOptions, checkpoint: &Checkpoint) -> Result<Dataset, HeadlessError> {
    let path = options.checkpoint.as_path();
    let run = if path.is_dir() { Some(path) } else { path.parent() };
    let source = match &options.data {
        Some(asked) => asked.clone(),
        None => checkpoint.header.data(run)?,
    };
    let data = data::load(&source)?;
    checkpoint.fits(&data).map_err(|unfit| HeadlessError::Flag {
        flag: "--data",
        problem: format!("the network {unfit}; give data like what it was trained on"),
    })?;
    Ok(data)
}

fn write(
    out: &Path,
    force: bool,
    evaluation: &Robustness,
    record: &EvaluationRecord,
    epsilon: f64,
    report: &str,
) -> Result<(), HeadlessError> {
    let folder = RunFolder::create(out, force)?;
    let mut table = tables::robustness();
    table.extend(columns::robustness(evaluation));
    folder.write("robustness.csv", table.bytes())?;
    folder.write(EvaluationRecord::FILE, record.text().as_bytes())?;
    for norm in evaluation.norms() {
        let chart = charts::robustness(evaluation, norm, epsilon);
        folder.write(charts::robustness_file(norm), &png(&chart)?)?;
    }
    folder.write("report.html", report.as_bytes())?;
    Ok(())
}

/// How a network that draws noise was attacked and judged.
fn noise_in_words(draws: usize) -> String {
    format!(
        "the network draws noise: gradients were averaged over {draws} draws of it (EOT), and the mean logits of \
         {VERDICT_DRAWS} draws decided what it says"
    )
}

/// What was attacked, for the report.
fn describe(checkpoint: &Checkpoint, data: &Dataset) -> Description {
    let header = &checkpoint.header;
    let setup = &header.config.setup;
    Description {
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
