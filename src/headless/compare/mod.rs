//! `great-lab compare`: methods against each other from paired seeds, each cell a run of its own, and their results.

mod cells;
mod options;
mod paper;
mod pictures;
mod plan;
mod runner;
mod vary;

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;

use crate::config::{
    DistillationMethod, Mode, MultitaskMethod, NetworkKind, ScenarioKind, TaskSet, knob::parse_real,
};
use crate::data::solids;
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Completed;
use crate::headless::options::{RunOptions, Shortcut, refuse_unused};
use crate::runs::comparison::Plan;
use cells::Part;
use options::{Running, SEEDS, SharedOptions};
pub use paper::PaperOptions;
use runner::{merge, run_plan};
use vary::refuse_twice;

/// The flags of `great-lab compare`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct CompareOptions {
    /// What is compared.
    #[command(subcommand)]
    pub what: Option<Compared>,
    /// Put the results of these folders together, as they are: of one comparison, run in parts
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub merge: Vec<PathBuf>,
    /// Go on with the comparison in this folder, whoever began it
    #[arg(long, value_name = "DIR", conflicts_with = "merge")]
    pub resume: Option<PathBuf>,
    /// Of --resume: where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
    /// Of --resume: print nothing but the result
    #[arg(long, short)]
    pub quiet: bool,
    /// Of --resume: where the data are now, if they have moved
    #[arg(long, value_name = "DIR", requires = "resume")]
    pub data: Option<String>,
}

/// What can be compared.
#[derive(clap::Subcommand, Debug)]
pub enum Compared {
    /// Modes of training a network that withstands attacks
    Defense(Box<DefenseOptions>),
    /// Methods of distillation, at some shares of the training images
    Distillation(Box<DistillationOptions>),
    /// The rows of the paper's tables, and what they are to be held against
    Paper(Box<PaperOptions>),
    /// Methods of learning several tasks over a shared encoder
    Multitask(Box<MultitaskOptions>),
}

/// The flags of `great-lab compare defense`.
#[derive(clap::Args, Debug)]
pub struct DefenseOptions {
    /// Modes; all others are compared with the first
    #[arg(long, value_name = "M,M,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(Mode::NAMES),
          default_values = Mode::NAMES.iter().copied())]
    pub modes: Vec<String>,
    /// The rest.
    #[command(flatten)]
    pub shared: SharedOptions,
}

/// The flags of `great-lab compare distillation`.
#[derive(clap::Args, Debug)]
pub struct DistillationOptions {
    /// Methods; all others are compared with the first
    #[arg(long, value_name = "M,M,…", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(DistillationMethod::NAMES),
          default_values = DistillationMethod::NAMES.iter().copied())]
    pub methods: Vec<String>,
    /// Shares of the training images that students are given
    #[arg(long, value_name = "P,P,…", value_delimiter = ',', default_value = "0.05,1")]
    pub fractions: Vec<String>,
    /// A checkpoint or run folder for a teacher of all students; else one is trained for each seed
    #[arg(long, value_name = "CHECKPOINT")]
    pub teacher: Option<String>,
    /// Architecture of the teachers that are trained
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    pub teacher_network: Option<String>,
    /// Steps for which they are trained, on all training images
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub teacher_steps: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub shared: SharedOptions,
}

/// The flags of `great-lab compare multitask`.
#[derive(clap::Args, Debug)]
pub struct MultitaskOptions {
    /// Methods; all others are compared with the first, and Δm needs single-task among them
    #[arg(long, value_name = "M,M,…", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(MultitaskMethod::NAMES),
          default_values = MultitaskMethod::NAMES.iter().copied())]
    pub methods: Vec<String>,
    /// What is learned of an image: pictures (class, colours, edges, denoising), or scenes (class, depth, normals,
    /// key points) of data that knows them
    #[arg(long, value_name = "SET", value_parser = PossibleValuesParser::new(TaskSet::NAMES))]
    pub tasks: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub shared: SharedOptions,
}

/// Runs what is missing of a comparison, or puts together what was run, and prints its table.
///
/// # Errors
/// [`HeadlessError`]: bad flags, a folder that holds another comparison, a cell that failed.
pub fn compare(options: CompareOptions) -> Result<Completed, HeadlessError> {
    match options.what {
        Some(Compared::Defense(options)) => defense(*options),
        Some(Compared::Distillation(options)) => distillation(*options),
        Some(Compared::Multitask(options)) => multitask(*options),
        Some(Compared::Paper(options)) => paper::paper(*options),
        None => match options.resume {
            Some(out) => {
                let CompareOptions { device, quiet, data, .. } = options;
                run_plan(Plan::read(&out)?, &Running { out, part: Part::ALL, device, quiet, data })
            }
            None => merge(&options.merge),
        },
    }
}

fn defense(options: DefenseOptions) -> Result<Completed, HeadlessError> {
    let DefenseOptions { modes, shared } = options;
    let seeds = shared.seeds.unwrap_or(SEEDS);
    let varied = shared.vary.clone();
    let (running, mut run) = shared.split();
    leave_to(&run, "mode", "--modes")?;
    let value = ScenarioKind::Defense.name().to_owned();
    run.shortcuts.push(Shortcut { knob: "scenario", flag: "scenario", value });
    let (base, given) = run.base()?;
    refuse_twice(&varied, &given)?;
    let plan = Plan::defense(base, &chosen::<Mode>(&modes), seeds).varied(&varied)?;
    refuse_unused(&given, &plan.configs())?;
    run_plan(plan, &running)
}

fn distillation(options: DistillationOptions) -> Result<Completed, HeadlessError> {
    let DistillationOptions { methods, fractions, teacher, teacher_network, teacher_steps, shared } = options;
    let seeds = shared.seeds.unwrap_or(SEEDS);
    let varied = shared.vary.clone();
    let (running, mut run) = shared.split();
    leave_to(&run, "method", "--methods")?;
    leave_to(&run, "fraction", "--fractions")?;
    let scenario = Some(ScenarioKind::Distillation.name().to_owned());
    for (knob, flag, value) in [
        ("scenario", "scenario", scenario),
        ("teacher", "teacher", teacher),
        ("teacher_network", "teacher-network", teacher_network),
        ("teacher_steps", "teacher-steps", teacher_steps),
    ] {
        run.shortcuts.extend(value.map(|value| Shortcut { knob, flag, value }));
    }
    let fractions = fractions
        .iter()
        .map(|text| {
            parse_real(text.trim()).filter(|share| (0.01..=1.0).contains(share)).ok_or(HeadlessError::Flag {
                flag: "--fractions",
                problem: format!("'{text}' is not a share from 0.01 to 1"),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (base, given) = run.base()?;
    refuse_twice(&varied, &given)?;
    let plan = Plan::distillation(base, &chosen(&methods), &fractions, seeds).varied(&varied)?;
    refuse_unused(&given, &plan.configs())?;
    run_plan(plan, &running)
}

fn multitask(options: MultitaskOptions) -> Result<Completed, HeadlessError> {
    let MultitaskOptions { methods, tasks, shared } = options;
    let seeds = shared.seeds.unwrap_or(SEEDS);
    let varied = shared.vary.clone();
    let (running, mut run) = shared.split();
    leave_to(&run, "multitask_method", "--methods")?;
    let data = run.says_nothing_of_data().then(|| solids::NAME.to_owned());
    let scenario = Some(ScenarioKind::Multitask.name().to_owned());
    for (knob, flag, value) in
        [("scenario", "scenario", scenario), ("tasks", "tasks", tasks), ("data", "data", data)]
    {
        run.shortcuts.extend(value.map(|value| Shortcut { knob, flag, value }));
    }
    let (base, given) = run.base()?;
    refuse_twice(&varied, &given)?;
    let plan = Plan::multitask(base, &chosen(&methods), seeds).varied(&varied)?;
    refuse_unused(&given, &plan.configs())?;
    run_plan(plan, &running)
}

/// The choices of these names, which the flag's own parser let through.
fn chosen<T: FromStr>(names: &[String]) -> Vec<T> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Refuses a value for a knob that the comparison goes through by itself.
fn leave_to(run: &RunOptions, knob: &str, flag: &'static str) -> Result<(), HeadlessError> {
    let sets = |assignment: &String| assignment.split('=').next().is_some_and(|name| name.trim() == knob);
    if !run.set.iter().any(sets) && (knob != "mode" || run.mode.is_none()) {
        return Ok(());
    }
    let problem = format!("it alone says what each run's {knob} is; leave out the other flag that sets it");
    Err(HeadlessError::Flag { flag, problem })
}
