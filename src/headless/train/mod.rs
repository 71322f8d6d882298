//! `great-lab train`: from flags to a run folder.

pub mod drive;
pub mod going_on;
pub mod refusal;
pub mod writer;

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::config::{NetworkKind, ScenarioKind, TaskSet};
use crate::data::solids;
use crate::gpu;
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::{Completed, Interrupt};
use crate::headless::keeping::Keeping;
use crate::headless::options::{RunOptions, Shortcut, methods, open_device};
use crate::headless::print::print;
use crate::protocol::{Cadence, Command, Delivery};
use crate::runs::record::Ended;
use crate::runs::run_folder::RunFolder;
use crate::runs::tables;
use crate::runs::writer::Earlier;
use crate::show::number::{decimal, figure, percent, seconds};
use drive::{DriveOptions, drive};
use going_on::{GoingOn, fork, resume};
use writer::RunWriter;

/// The flags of `great-lab train`.
#[derive(clap::Args, Debug, Default)]
pub struct TrainOptions {
    /// What is trained [default: defense]
    #[arg(value_name = "SCENARIO", value_parser = PossibleValuesParser::new(ScenarioKind::NAMES))]
    pub scenario: Option<String>,
    /// How.
    #[command(flatten)]
    pub training: Training,
}

/// The flags of `great-lab distill`.
#[derive(clap::Args, Debug, Default)]
pub struct DistillOptions {
    /// The teacher: a checkpoint, a run folder, an ONNX file (teacher_pixels says how its pixels are scaled), or "train" for one that the lab trains first
    #[arg(long, value_name = "CHECKPOINT|train")]
    pub teacher: Option<String>,
    /// Architecture of a teacher that the lab trains
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    pub teacher_network: Option<String>,
    /// Steps for which that teacher is trained, on all training images
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub teacher_steps: Option<String>,
    /// Share of the training images that the student is given, class by class: 0.05, 1/20, 1
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub fraction: Option<String>,
    /// How the student is trained
    #[arg(long, value_name = "METHOD", value_parser = methods(ScenarioKind::Distillation))]
    pub method: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub training: Training,
}

/// The flags of `great-lab multitask`.
#[derive(clap::Args, Debug, Default)]
pub struct MultitaskOptions {
    /// How the tasks are trained
    #[arg(long, value_name = "METHOD", value_parser = methods(ScenarioKind::Multitask))]
    pub method: Option<String>,
    /// What is learned of an image: pictures (class, colours, edges, denoising), or scenes (class, depth, normals,
    /// key points) of data that knows them
    #[arg(long, value_name = "SET", value_parser = PossibleValuesParser::new(TaskSet::NAMES))]
    pub tasks: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub training: Training,
}

/// The flags that every training has.
#[derive(clap::Args, Debug, Default)]
pub struct Training {
    /// What a run is.
    #[command(flatten)]
    pub run: RunOptions,
    /// Length of the run in passes over the training data, in place of --steps
    #[arg(long, value_name = "N", allow_hyphen_values = true, conflicts_with = "steps",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub epochs: Option<u32>,
    /// Go on with the run in this folder from its last checkpoint, as if it had never ended; live knobs can be set anew, and
    /// --steps raised
    #[arg(long, value_name = "DIR", conflicts_with_all = ["fork", "out", "force", "epochs", "config", "link", "example"])]
    pub resume: Option<PathBuf>,
    /// Begin with a copy of the run in this folder, or of a checkpoint, at its last step or at one of which it has kept a
    /// checkpoint; knobs as for --resume
    #[arg(long, value_name = "DIR[@STEP]", conflicts_with_all = ["epochs", "config", "link", "example"])]
    pub fork: Option<String>,
    /// Steps between two checkpoints of the run under way; 0: none [default: by time, more often while the run is young,
    /// then every half minute, and one twentieth of the time at most]
    #[arg(long, value_name = "N")]
    pub checkpoint_every: Option<u64>,
    /// How much of it is kept.
    #[command(flatten)]
    pub keeping: Keeping,
    /// Folder for the results [default: runs/MODE-DATA-seedSEED]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write into --out even if it is not empty
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Trains, writes the run folder, and says how it ended.
///
/// # Errors
/// [`HeadlessError`]: bad flags, no device, a failure of the trainer, a folder that cannot be written.
pub fn train(options: TrainOptions) -> Result<Completed, HeadlessError> {
    let scenario = options.scenario.map(|value| Shortcut { knob: "scenario", flag: "scenario", value });
    go(options.training, scenario)
}

/// Distils a teacher into a student, and does all else as [`train`].
///
/// # Errors
/// As [`train`].
pub fn distill(options: DistillOptions) -> Result<Completed, HeadlessError> {
    let flags = [
        ("teacher", "teacher", options.teacher),
        ("teacher_network", "teacher-network", options.teacher_network),
        ("teacher_steps", "teacher-steps", options.teacher_steps),
        ("fraction", "fraction", options.fraction),
        ("method", "method", options.method),
        ("scenario", "scenario", Some(ScenarioKind::Distillation.name().into())),
    ];
    let shortcut = |(knob, flag, value): (_, _, Option<String>)| Some(Shortcut { knob, flag, value: value? });
    go(options.training, flags.into_iter().filter_map(shortcut))
}

/// Trains several tasks over a shared encoder, and does all else as [`train`]. Without a word about the data it is
/// `solids`, which has all that the tasks ask for.
///
/// # Errors
/// As [`train`].
pub fn multitask(options: MultitaskOptions) -> Result<Completed, HeadlessError> {
    let training = &options.training;
    let is_new = training.resume.is_none() && training.fork.is_none();
    let takes_default = is_new && training.run.says_nothing_of_data();
    let flags = [
        ("multitask_method", "method", options.method),
        ("tasks", "tasks", options.tasks),
        ("data", "data", takes_default.then(|| solids::NAME.into())),
        ("scenario", "scenario", Some(ScenarioKind::Multitask.name().into())),
    ];
    let shortcut = |(knob, flag, value): (_, _, Option<String>)| Some(Shortcut { knob, flag, value: value? });
    go(options.training, flags.into_iter().filter_map(shortcut))
}

fn go(
    mut options: Training,
    shortcuts: impl IntoIterator<Item = Shortcut>,
) -> Result<Completed, HeadlessError> {
    options.run.shortcuts.extend(shortcuts);
    let going_on = match (&options.resume, &options.fork) {
        (Some(folder), _) => match resume(folder, &options.run)? {
            Some(going_on) => Some(going_on),
            None => return finished(folder, options.quiet),
        },
        (None, Some(source)) => Some(fork(source, &options.run)?),
        (None, None) => None,
    };
    let config = match &going_on {
        Some(going_on) => going_on.checkpoint.header.config.clone(),
        None => options.run.config(options.epochs)?,
    };
    if let Some(out) = &options.out {
        RunFolder::check(out, options.force)?;
    }
    let opened = open_device(&options.run.device)?;
    let mut notices: Vec<String> = opened.info.notice.iter().cloned().collect();
    let (remote, going_on) = match going_on {
        None => (spawn(config, &opened)?, None),
        Some(GoingOn { checkpoint, earlier, before, notice }) => {
            notices.extend(elsewhere(&earlier, &opened).into_iter().chain(notice));
            let trained = earlier.trained();
            let remote = crate::train::go_on(checkpoint, trained, &opened, Delivery::Complete)
                .map_err(|error| HeadlessError::System(error.to_string()))?;
            (remote, Some((earlier, before)))
        }
    };
    let driving = DriveOptions {
        epochs: options.epochs,
        force: options.force || options.resume.is_some(),
        out: options.resume.or(options.out),
        quiet: options.quiet,
        going_on,
        cadence: match options.checkpoint_every {
            None => Cadence::BY_CLOCK,
            Some(0) => Cadence::Never,
            Some(steps) => Cadence::Steps(steps),
        },
        room: options.keeping.bytes(),
    };
    let commands = remote.commands.clone();
    // Where the channel is full or closed, the loop sees the flag at its next event.
    let interrupt = Interrupt::listen(move || drop(commands.try_send(Command::Pause)))?;
    let (outcome, writer) = drive(remote, &driving, &interrupt, notices)?;
    let kept = writer.folder().outcome();
    if !driving.quiet {
        print(&summary(outcome, &writer, kept.is_ok()))?;
    }
    kept?;
    Ok(interrupt.completed(outcome))
}

/// Says that there is nothing to go on with.
fn finished(folder: &Path, is_quiet: bool) -> Result<Completed, HeadlessError> {
    if !is_quiet {
        print(&format!(
            "{} is finished: all of its steps are done, and nothing was changed; --steps gives it more\n",
            folder.display()
        ))?;
    }
    Ok(Completed::Finished)
}

/// That a run goes on elsewhere than it was.
fn elsewhere(earlier: &Earlier, opened: &gpu::Opened) -> Option<String> {
    let (before, now) = (&earlier.record.as_ref()?.device, &opened.info);
    ((&before.name, &before.backend) != (&now.name, &now.backend)).then(|| {
        format!(
            "it was trained on {} ({}) and goes on on {} ({}), which rounds otherwise",
            before.name, before.backend, now.name, now.backend
        )
    })
}

fn spawn(
    config: crate::config::Config,
    opened: &gpu::Opened,
) -> Result<crate::protocol::Remote, HeadlessError> {
    crate::train::spawn(config, opened, Delivery::Complete)
        .map_err(|error| HeadlessError::System(error.to_string()))
}

/// The last figures, for people, and where all is where it `is_kept`.
fn summary(outcome: Ended, writer: &RunWriter, is_kept: bool) -> String {
    let mut text = String::new();
    if let Some(report) = writer.last_report() {
        let verb = if outcome == Ended::Finished { "finished" } else { "interrupted" };
        text += &format!(
            "{verb} at step {}, epoch {}, after {} of training: loss {}, accuracy {}, auxiliary accuracy {}\n\n",
            report.step,
            decimal(report.epoch),
            seconds(report.elapsed.as_secs_f64()),
            figure(report.loss),
            percent(report.accuracy),
            percent(report.auxiliary_accuracy),
        );
    }
    if let Some(comparison) = writer.last_comparison() {
        text += &format!(
            "on {} held-out images: student {}, teacher {}, agreement {}, cosine of the gradients {}\n\n",
            comparison.student.total,
            percent(comparison.student.value()),
            percent(comparison.teacher.value()),
            percent(comparison.agreement.value()),
            figure(comparison.cosine),
        );
    }
    if let Some(tasks) = writer.last_tasks() {
        text += &tables::tasks_text(&tasks.found);
        text.push('\n');
    }
    if let Some(evaluation) = writer.last_evaluation() {
        text += &tables::robustness_text(evaluation);
        text += &tables::classes_text(evaluation, writer.classes());
        text.push('\n');
    }
    if is_kept {
        text += &format!("everything is in {}\n", writer.folder().path().display());
    }
    text
}
