//! What people may type: every command, its flags and examples, and how a refusal reads.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::headless::bench::BenchOptions;
use crate::headless::compare::CompareOptions;
use crate::headless::error::{BAD_INPUT, HeadlessError};
use crate::headless::evaluate::EvaluateOptions;
use crate::headless::export::ExportOptions;
use crate::headless::inspect::InspectOptions;
use crate::headless::keeping::Keeping;
use crate::headless::options::{RunOptions, knobs_help};
use crate::headless::predict::PredictOptions;
use crate::headless::print::say;
use crate::headless::runs::{RunsOptions, library};
use crate::headless::train::{DistillOptions, MultitaskOptions, TrainOptions};

const LAB_EXAMPLES: &str = "\
Examples:
  great-lab                                  open the window
  great-lab --run --mode great               open it and train at once
  great-lab --link 'https://…/#v1&alpha=0.3'  open the run of a link
  great-lab train --steps 2000               train without a window
  great-lab distill --fraction 0.05          train a student beside a teacher
  great-lab multitask --method great         train tasks over a shared encoder
  great-lab evaluate runs/a                  attack what was trained
  great-lab predict runs/a shoe.png          ask it about pictures of your own
  great-lab export runs/a model.onnx         take it elsewhere
  great-lab inspect model.onnx               what a network of your own consists of
  great-lab evaluate model.onnx --data ~/cifar-10 --audit   attack it
  great-lab runs                             what the window has kept
  great-lab open runs/a                      look at a run again
  great-lab examples                         ready-made runs, each with something to see
  great-lab bench                            how fast a step is here
  great-lab devices                          what there is to compute on";

const TRAIN_EXAMPLES: &str = "\
Examples:
  great-lab train
  great-lab train --mode great+greace --epochs 3 --out runs/a
  great-lab train --mode pgd-at --set epsilon=8/255 --set attack_steps=7
  great-lab train --data ~/cifar-10 --network resnet-18 --device gpu
  great-lab train --config runs/a/run.json --seed 2 --out runs/b
  great-lab train --resume runs/a
  great-lab train --fork runs/a --set alpha=0.5 --out runs/c

Ctrl-C ends the run after its step and writes everything; a second one ends the program at once.
Exit status: 0 finished, 1 failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).";

const DISTILL_EXAMPLES: &str = "\
Examples:
  great-lab distill --fraction 0.05
  great-lab distill --teacher runs/a --student cnn-small --method great+soft-targets
  great-lab distill --method soft-targets --set temperature=4 --set soft_target_weight=0.9
  great-lab distill --method great --set alpha=0.5 --out runs/d

Ctrl-C ends the run after its step and writes everything; a second one ends the program at once.
Exit status: 0 finished, 1 failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).";

const MULTITASK_EXAMPLES: &str = "\
Examples:
  great-lab multitask
  great-lab multitask --method equal --tasks scenes --steps 2000
  great-lab multitask --method great+gradnorm --data ~/cifar-10 --tasks pictures
  great-lab multitask --method single-task --out runs/alone       what the others are measured against

Ctrl-C ends the run after its step and writes everything; a second one ends the program at once.
Exit status: 0 finished, 1 failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).";

const INSPECT_EXAMPLES: &str = "\
Examples:
  great-lab inspect model.onnx
  great-lab inspect model.onnx --data ~/cifar-10 --mean cifar10
  great-lab inspect model.onnx --data ~/cifar-10 --samples 100 --out seen.npz
  great-lab inspect runs/a --out seen.npz

What the logits are of: pixels in [0, 1], less --mean, by --std. How a network is written as ONNX: docs/own-networks.md.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  great-lab compare distillation --fractions 0.05,1 --seeds 5 --out runs/distillation
  great-lab compare defense --modes baseline,great,pgd-at --set epsilon=8/255 --out runs/defense
  great-lab compare distillation --methods cross-entropy,great --set alpha=0.5 --steps 500
  great-lab compare multitask --data ~/nyuv2_64.npz --tasks scenes --seeds 5 --steps 1000
  great-lab compare distillation --cell $TASK/50 --out runs/part-$TASK     in a job array
  great-lab compare --merge runs/part-*

Cells that are finished are not run again: the same command goes on where an earlier one was cut off. Where the parts
of a job array have one --out, all write there; with as many parts as seeds each trains its own teacher.";

const EVALUATE_EXAMPLES: &str = "\
Examples:
  great-lab evaluate runs/a/checkpoint.safetensors
  great-lab evaluate runs/a --attack pgd --epsilon 0.02,0.05,0.1 --steps 40 --restarts 5
  great-lab evaluate runs/a --attack fgsm,pgd --target random --epsilon 8/255 --samples 2000
  great-lab evaluate runs/a --attack autoattack --epsilon 8/255 --samples 1000
  great-lab evaluate runs/a --audit --report robustness.html
  great-lab evaluate runs/a --attack pgd --epsilon 0.1 --save-examples pgd.npz
  great-lab evaluate runs/a --attack autoattack --epsilon 8/255 --out robustness

Ctrl-C ends it after the attack under way on a batch and writes what there is, marked as incomplete; a second one ends
the program at once. Where there is an --out, the same command goes on from there, after a power cut too.
Exit status: 0 finished, 1 failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP).";

const PREDICT_EXAMPLES: &str = "\
Examples:
  great-lab predict runs/a shoe.jpg
  great-lab predict runs/a pictures/*.png --json

Of the gradient tensor the class is the one that the network says. The smallest change is what FGSM and PGD of 10 steps
find in L∞; a better attack may need less. Exit status: 0 done, 1 failed, 2 bad input.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  great-lab export runs/a model.onnx         for ONNX Runtime, Netron and others
  great-lab export runs/a weights.npz        its weights by their names, for NumPy

Of ONNX it is opset 17: pixels in [0, 1] go in, [N, C, H, W] with any N, and logits come out; normalisation is inside. A file
that is there is replaced. Exit status: 0 done, 1 failed, 2 bad input.";

const BENCH_EXAMPLES: &str = "\
Examples:
  great-lab bench
  great-lab bench --network resnet-18 --width 0.25 --batch 256 --profile
  great-lab bench --device gpu --json
  great-lab bench --soak 10000

The images are noise: no step's time depends on what it sees. First step: from the start of a process of its own.
Memory: what burn reserved on a GPU, the most that was resident on a CPU.";

const RUNS_EXAMPLES: &str = "\
Examples:
  great-lab runs
  great-lab runs list great alpha=0.3
  great-lab runs rename great+greace-fashion-mnist-seed1 'wider, longer'
  great-lab runs tag great+greace-fashion-mnist-seed1 paper table-2
  great-lab runs delete great-fashion-mnist-seed1-2
  great-lab runs undelete great-fashion-mnist-seed1-2
  great-lab runs export 'wider, longer' --out wider.greatlab
  great-lab runs import ~/Downloads/wider.greatlab
  great-lab runs --runs runs --json          what 'train' has written, for programs

The window keeps each of its runs by itself. Exit status: 0 done, 1 failed, 2 bad input.";

const GALLERY_EXAMPLES: &str = "\
Examples:
  great-lab examples
  great-lab --example moons                  open the window on one
  great-lab train --example masked           train it without a window";

const OPEN_EXAMPLES: &str = "\
Examples:
  great-lab open runs/a
  great-lab open wider.greatlab narrower.greatlab

Several are shown one over the other. Nothing is trained, and a bundle is not taken into the library by it.";

/// GREAT Lab: gradient adversarial training of neural networks, to watch and to steer.
///
/// Without a command it opens the window.
#[derive(clap::Parser, Debug)]
#[command(name = "great-lab", version, args_conflicts_with_subcommands = true, after_help = LAB_EXAMPLES)]
pub struct CommandLine {
    /// What to do without a window.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to do with one.
    #[command(flatten)]
    pub window: WindowOptions,
}

/// The flags of the window.
#[derive(clap::Args, Debug, Default)]
pub struct WindowOptions {
    /// Start training at once
    #[arg(long)]
    pub run: bool,
    /// Close the window after this number of seconds
    #[arg(long, value_name = "SECONDS", hide = true)]
    exit_after: Option<u64>,
    /// Where the window keeps its runs [default: a folder among this system's for what programs keep]
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// How much of each is kept.
    #[command(flatten)]
    pub keeping: Keeping,
    /// What a run is.
    #[command(flatten)]
    pub options: RunOptions,
}

impl WindowOptions {
    /// When the window closes by itself: for tests and demonstrations.
    pub fn exit_after(&self) -> Option<std::time::Duration> {
        self.exit_after.map(std::time::Duration::from_secs)
    }

    /// Where its runs are kept; none where the system has no place, and none is named.
    pub fn runs(&self) -> Option<PathBuf> {
        library(self.runs.as_deref()).ok().map(|library| library.root().to_path_buf())
    }
}

/// The flags of `great-lab open`.
#[derive(clap::Args, Debug)]
pub struct OpenOptions {
    /// Run folders, or bundles
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Of the window.
    #[command(flatten)]
    pub window: WindowOptions,
}

impl OpenOptions {
    /// Whether there is something at every path; what it is the window says.
    ///
    /// # Errors
    /// [`HeadlessError::Unreadable`], of the first that is not there.
    pub fn sources(&self) -> Result<(), HeadlessError> {
        let unreadable = |path: &PathBuf| {
            path.metadata().err().map(|source| HeadlessError::Unreadable { path: path.clone(), source })
        };
        self.paths.iter().find_map(unreadable).map_or(Ok(()), Err)
    }
}

/// What to do without a window.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Train a network and write the run into a folder
    #[command(after_help = TRAIN_EXAMPLES, after_long_help = format!("{TRAIN_EXAMPLES}\n\n{}", knobs_help()))]
    Train(Box<TrainOptions>),
    /// Train a student whose gradient tensors look like its teacher's
    #[command(mut_arg("mode", |mode| mode.hide(true)))]
    #[command(after_help = DISTILL_EXAMPLES, after_long_help = format!("{DISTILL_EXAMPLES}\n\n{}", knobs_help()))]
    Distill(Box<DistillOptions>),
    /// Train several tasks over a shared encoder
    #[command(mut_arg("mode", |mode| mode.hide(true)))]
    #[command(after_help = MULTITASK_EXAMPLES, after_long_help = format!("{MULTITASK_EXAMPLES}\n\n{}", knobs_help()))]
    Multitask(Box<MultitaskOptions>),
    /// Train by several methods from paired seeds, and hold them against each other
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(Box<CompareOptions>),
    /// Attack a trained network on held-out images
    #[command(after_help = EVALUATE_EXAMPLES)]
    Evaluate(Box<EvaluateOptions>),
    /// Say what a trained network takes pictures for, and the smallest change that fools it
    #[command(after_help = PREDICT_EXAMPLES)]
    Predict(PredictOptions),
    /// Say what a network consists of, the lab's or an ONNX file, and write what it says of images with its gradients
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectOptions),
    /// Write a trained network as a file for other tools: ONNX, or NumPy's .npz
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportOptions),
    /// List, rename, delete, pass on the runs that the window has kept
    #[command(after_help = RUNS_EXAMPLES)]
    Runs(RunsOptions),
    /// Open the window on the charts of runs that were kept
    #[command(after_help = OPEN_EXAMPLES)]
    Open(Box<OpenOptions>),
    /// Measure a training step: time, memory, and where the time goes
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchOptions),
    /// List the ready-made runs, each with the one thing to see
    #[command(after_help = GALLERY_EXAMPLES)]
    Examples,
    /// List what there is to compute on
    #[command(after_help = "Example:\n  great-lab devices")]
    Devices,
}

/// Where this is set to [`TRAIN`], as `scripts/run` does, the program trains where there is no display for its window.
const WITHOUT_DISPLAY: &str = "GREAT_LAB_WITHOUT_DISPLAY";
const TRAIN: &str = "train";

/// Whether there is a display to open a window on. Only Linux tells.
pub fn has_display() -> bool {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set)
}

/// What was typed, or the exit status with which help and refusals end.
///
/// # Errors
/// Help and version (status 0) and flags that make no sense (status 2); both are already printed.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let trains = !has_display() && std::env::var_os(WITHOUT_DISPLAY).is_some_and(|value| value == TRAIN);
    let (parsed, is_instead) = if trains { windowless(arguments) } else { (read(arguments), false) };
    if is_instead {
        say("no display: training without a window, as 'great-lab train' does");
    }
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Where standard output is gone there is nobody to tell.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => {
            say(&one_line(&error.render().to_string()));
            ExitCode::from(BAD_INPUT)
        }
    })
}

type Parsed = Result<CommandLine, clap::Error>;

fn read(arguments: Vec<OsString>) -> Parsed {
    CommandLine::try_parse_from(arguments)
}

/// What was typed, and whether it is a training in place of a window: without a command, with flags of either.
fn windowless(arguments: Vec<OsString>) -> (Parsed, bool) {
    let typed = read(arguments.clone());
    let may_be_training = match &typed {
        Ok(line) => line.command.is_none(),
        Err(error) => error.kind() == ErrorKind::UnknownArgument,
    };
    if !may_be_training {
        return (typed, false);
    }
    let flags = arguments.iter().skip(1).filter(|flag| *flag != "--run").cloned();
    let training = read(arguments.iter().take(1).cloned().chain([TRAIN.into()]).chain(flags).collect());
    match (training, typed) {
        (Err(_), typed @ Err(_)) => (typed, false),
        (training, _) => (training, true),
    }
}

/// clap's complaint without its usage, as one line.
fn one_line(complaint: &str) -> String {
    let parts = complaint
        .split("\n\n")
        .filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"))
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|part| !part.is_empty());
    format!("{} (--help tells more)", parts.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        CommandLine::command().debug_assert();
    }

    #[test]
    fn without_a_display_the_window_becomes_a_training_and_a_command_stays_itself() {
        use clap::CommandFactory as _;
        let typed = |line: &str| {
            windowless(["great-lab"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect())
        };
        let is_training = |line: &str| {
            let (parsed, is_instead) = typed(line);
            is_instead && matches!(parsed, Ok(CommandLine { command: Some(Command::Train(_)), .. }))
        };
        for line in ["", "--run", "--run --mode great", "--mode great --epochs 3 --out runs/a", "--quiet"] {
            assert!(is_training(line), "{line}");
        }
        for command in CommandLine::command().get_subcommands() {
            let (parsed, is_instead) = typed(&format!("{} --help", command.get_name()));
            assert_eq!(parsed.unwrap_err().kind(), ErrorKind::DisplayHelp, "{}", command.get_name());
            assert!(!is_instead, "{}", command.get_name());
        }
        for (line, kind) in [
            ("--help", ErrorKind::DisplayHelp),
            ("--version", ErrorKind::DisplayVersion),
            ("distil", ErrorKind::InvalidSubcommand),
            ("--stesp 3", ErrorKind::UnknownArgument),
            ("--run train", ErrorKind::ArgumentConflict),
            ("distill --stesp 3", ErrorKind::UnknownArgument),
        ] {
            let (parsed, is_instead) = typed(line);
            assert!(parsed.is_err_and(|error| error.kind() == kind) && !is_instead, "{line}");
        }
        let (train, is_instead) = typed("train --steps 3");
        assert!(train.is_ok() && !is_instead, "it was asked for");
    }

    #[test]
    fn complaints_become_one_line() {
        let typed = ["great-lab", "train", "--stesp", "3"].map(OsString::from);
        let error = CommandLine::try_parse_from(typed).unwrap_err().render().to_string();
        let line = one_line(&error);
        assert!(line.starts_with("error: unexpected argument '--stesp'"), "{line}");
        assert!(line.contains("'--steps'") && !line.contains('\n') && !line.contains("Usage"), "{line}");
    }
}
