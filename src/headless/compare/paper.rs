//! `great-lab compare paper`: the tables of Sinha et al. (2018), row by row, beside what they are to be held against.

use clap::builder::PossibleValuesParser;

use super::options::{SEEDS, SharedOptions};
use super::plan::seeds_from;
use super::runner::run_plan;
use super::vary::refuse_twice;
use crate::config::{Config, EXAMPLES, EpsilonScale, Example, HeadKind, Hyper, NetworkKind, Setup};
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Completed;
use crate::headless::options::{Given, refuse_unused};
use crate::runs::comparison::published::{AUTOATTACK, BEHIND, CLEAN, OWN, PaperTable};
use crate::runs::comparison::{Cell, Evaluating, Plan, in_order, measured_at_the_end};
use crate::train::places;

/// Images that AutoAttack is run on at most: it takes minutes where other attacks take seconds.
const AUTOATTACK_IMAGES: u64 = 200;
/// The radii of the paper's figure 4.
const RADII: [f64; 6] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
/// What `--quick` makes of what nobody says otherwise.
const QUICK: (u64, u64, u64) = (2, 200, 600);
/// Images that are attacked without it.
const SAMPLES: u64 = 1000;
/// Images that a run itself attacks at its end, which is not what is read here.
const GLANCED_AT: usize = 64;

/// Of the networks of every row: the paper's pattern comes with logits that may grow large.
const HEAD: HeadKind = HeadKind::Flat;

/// Images of which none is left out.
const ALL: u64 = 1_000_000;

/// The flags of `great-lab compare paper`.
#[derive(clap::Args, Debug)]
pub struct PaperOptions {
    /// Whose figures stand in brackets: table 1 (CIFAR-10, ε = 0.1) or 2 (SVHN, ε = 0.2); it sets ε, too
    #[arg(long, value_name = "1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub table: u8,
    /// Ready-made runs; all others are compared with the first (default: all of the paper's, and what they compete with; controls by name)
    #[arg(long, value_name = "R,R,…", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(EXAMPLES.iter().map(|example| example.name)))]
    pub rows: Vec<String>,
    /// Held-out images that are attacked (default: 1000; AutoAttack takes 200 of them at most)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub samples: Option<u64>,
    /// Two seeds, 600 steps, 200 images, no AutoAttack, where nothing else is said: a first look
    #[arg(long)]
    pub quick: bool,
    /// The rest.
    #[command(flatten)]
    pub shared: SharedOptions,
}

/// Runs what is missing, or puts together what was run, and prints the table.
///
/// # Errors
/// [`HeadlessError`]: bad flags, a folder that holds another comparison, a cell that failed.
pub fn paper(options: PaperOptions) -> Result<Completed, HeadlessError> {
    let PaperOptions { table, rows, samples, quick, shared } = options;
    let table = PaperTable::new(table);
    let seeds = shared.seeds.unwrap_or(if quick { QUICK.0 } else { SEEDS });
    let varied = shared.vary.clone();
    let (running, mut run) = shared.split();
    if run.example.is_some() {
        let problem = "--rows says which ready-made runs are compared; leave it out".into();
        return Err(HeadlessError::Flag { flag: "--example", problem });
    }
    let is_new = run.config.is_none() && run.link.is_none();
    if quick
        && is_new
        && run.steps.is_none()
        && !run.set.iter().any(|set| set.trim_start().starts_with("steps="))
    {
        run.steps = Some(QUICK.2.to_string());
    }
    let (mut base, given) = run.base()?;
    if !given.iter().any(|given| given.is("epsilon")) {
        base.hyper.epsilon = table.epsilon();
    }
    if is_new && !given.iter().any(|given| given.is("head")) {
        base.setup.head = HEAD;
    }
    let samples = samples.unwrap_or(if quick { QUICK.1 } else { SAMPLES });
    let rows = chosen(&rows)?;
    refuse_twice(&varied, &given)?;
    let plan = plan(base, &rows, seeds, (table, samples, !quick)).varied(&varied)?;
    refuse_overruled(&given, &plan)?;
    refuse_unused(&given, &plan.configs())?;
    run_plan(plan, &running)
}

/// The ready-made runs of these names, each once; without names the paper's, and what they are held against.
fn chosen(names: &[String]) -> Result<Vec<&'static Example>, HeadlessError> {
    if names.is_empty() {
        // Nor does a control compete.
        let competes = |example: &&Example| !matches!(example.name, "one-scale" | "shuffled");
        let (paper, ours): (Vec<_>, Vec<_>) =
            EXAMPLES.iter().filter(competes).partition(|example| example.of_paper);
        return Ok([paper, ours].concat());
    }
    let find = |name: &String| {
        Example::find(name).map_err(|problem| HeadlessError::Flag { flag: "--rows", problem })
    };
    let found = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let mut known: Vec<&'static Example> = Vec::new();
    for example in found {
        if known.iter().all(|other| other.name != example.name) {
            known.push(example);
        }
    }
    Ok(known)
}

/// Refuses a knob that every row decides for itself: what was asked for would not happen.
fn refuse_overruled(given: &[Given], plan: &Plan) -> Result<(), HeadlessError> {
    let is_overruled = |given: &&Given| plan.cells.iter().all(|cell| !given.holds_in(&cell.config));
    match given.iter().find(is_overruled) {
        None => Ok(()),
        Some(given) => Err(HeadlessError::Flag {
            flag: "--set",
            problem: format!("{}: the rows say for themselves what it is; leave it out", given.flag()),
        }),
    }
}

/// Every row with every seed, attacked as in the table, and beyond.
fn plan(
    base: Config,
    rows: &[&'static Example],
    seeds: u64,
    (table, samples, with_autoattack): (PaperTable, u64, bool),
) -> Plan {
    let mut base = measured_at_the_end(base);
    base.hyper.evaluate_samples = GLANCED_AT;
    let Setup { data, head, steps, batch_size, .. } = &base.setup;
    let network = base.setup.network_in_words();
    let Hyper { epsilon, epsilon_scale, .. } = base.hyper;
    let has_head = base.setup.network_kind() != NetworkKind::Mlp && base.setup.pretrained().is_none();
    let head = if has_head { format!(", head {head}") } else { String::new() };
    let title = format!("The paper's rows on {data}: {network}{head}, {steps} steps of {batch_size} images");
    let evaluations = evaluations((epsilon, epsilon_scale), samples, with_autoattack);
    let mut cells = Vec::new();
    for example in rows {
        for seed in seeds_from(&base, seeds) {
            let mut config = base.clone();
            example.apply(&mut config);
            (config.hyper.epsilon, config.hyper.epsilon_scale) = (epsilon, epsilon_scale);
            config.setup.seed = seed;
            cells.push(Cell {
                name: format!("{}-seed{seed}", example.name),
                setting: format!("ε = {}", config.hyper.epsilon_in_words()),
                method: example.name.to_owned(),
                seed,
                teacher: None,
                config,
                evaluations: evaluations.clone(),
            });
        }
    }
    Plan { cells, title, teachers: Vec::new(), places: places::of(&base.setup), paper: Some(table) }
}

/// How each cell's network is attacked once it is trained.
fn evaluations(
    (epsilon, scale): (f64, EpsilonScale),
    samples: u64,
    with_autoattack: bool,
) -> Vec<Evaluating> {
    let mut radii = [&RADII[..], &[epsilon]].concat();
    radii.sort_by(f64::total_cmp);
    let text = |radii: &[f64]| radii.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let radii = in_order(radii.into_iter());
    let one = |name: &str, attacks: &str, more: &[&str], radii: &[f64], samples: u64| {
        let (radii, samples) = (text(radii), samples.to_string());
        let scale = scale.name();
        let flags =
            ["--attack", attacks, "--epsilon", &radii, "--epsilon-scale", scale, "--samples", &samples];
        let flags = flags.iter().chain(more).map(ToString::to_string).collect();
        Evaluating { name: name.into(), flags }
    };
    let targets = ["--target", "untargeted,random,least-likely", "--steps", "10"];
    let mut all = vec![
        one(CLEAN, "noise", &[], &[0.0], ALL),
        one(OWN, "fgsm,ifgsm", &targets, &radii, samples),
        one(BEHIND, "fgsm-exact,ifgsm-exact,pgd-margin", &["--steps", "20"], &[epsilon], samples),
    ];
    if with_autoattack {
        all.push(one(AUTOATTACK, "autoattack", &[], &[epsilon], samples.min(AUTOATTACK_IMAGES)));
    }
    all
}
