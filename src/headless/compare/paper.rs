//! `great-lab compare paper`: the tables of Sinha et al. (2018), row by row, beside what they are to be held against.

use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};

use super::metrics::Metric;
use super::plan::{Cell, Evaluating, Plan, in_order, measured_at_the_end, seeds_from};
use super::{SEEDS, SharedOptions, run_plan};
use crate::config::{Config, EXAMPLES, EpsilonScale, Example, Hyper, Setup};
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Completed;
use crate::headless::options::Given;
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

/// Images of which none is left out.
const ALL: u64 = 1_000_000;

/// The evaluation of all held-out images without attack.
pub const CLEAN: &str = "clean";
/// The evaluation in the paper's own columns, and what is behind them.
pub const OWN: &str = "paper";
/// That by attacks that rounding does not mislead.
pub const BEHIND: &str = "behind";
/// That by AutoAttack.
pub const AUTOATTACK: &str = "autoattack";

/// The flags of `great-lab compare paper`.
#[derive(clap::Args, Debug)]
pub struct PaperOptions {
    /// Whose figures stand in brackets: table 1 (CIFAR-10, ε = 0.1) or 2 (SVHN, ε = 0.2); it sets ε, too
    #[arg(long, value_name = "1|2", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub table: u8,
    /// Ready-made runs; all others are compared with the first (default: all of the paper's, and what they compete with)
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

/// A table of the paper: what of all images is right in each of [`COLUMNS`], in percent, row by row.
#[derive(Debug)]
pub struct Published {
    /// What it is of.
    pub about: &'static str,
    /// Its radius, pixels in [0, 1] where the paper does not say of which scale.
    pub epsilon: f64,
    rows: [(&'static str, [f64; 8]); 5],
}

/// The keys of the paper's columns, in its order.
const COLUMNS: [&str; 8] = [
    "train_accuracy",
    "clean_accuracy",
    "fgsm",
    "ifgsm",
    "fgsm_least_likely",
    "fgsm_random",
    "ifgsm_least_likely",
    "ifgsm_random",
];

/// Tables 1 and 2 of Sinha et al. (2018).
static PUBLISHED: [Published; 2] = [
    Published {
        about: "table 1 (CIFAR-10, ResNet-18, ε = 0.1)",
        epsilon: 0.1,
        rows: [
            ("baseline", [99.97, 93.32, 32.75, 1.99, 72.89, 10.43, 89.59, 18.29]),
            ("adversarial", [99.97, 89.91, 56.88, 16.73, 82.07, 45.26, 89.81, 69.89]),
            ("greace", [92.56, 89.84, 77.90, 72.40, 83.39, 66.23, 87.13, 79.10]),
            ("great", [99.53, 91.95, 47.51, 15.45, 72.73, 12.78, 89.62, 21.95]),
            ("great+greace", [90.87, 89.97, 81.28, 77.04, 84.53, 73.52, 88.57, 82.38]),
        ],
    },
    Published {
        about: "table 2 (SVHN, ε = 0.2)",
        epsilon: 0.2,
        rows: [
            ("baseline", [99.97, 96.20, 45.97, 6.26, 96.20, 96.20, 80.27, 15.65]),
            ("adversarial", [99.98, 94.92, 58.70, 8.41, 94.92, 94.92, 83.70, 19.19]),
            ("greace", [93.52, 93.71, 73.65, 80.13, 93.70, 93.70, 89.26, 88.09]),
            ("great", [99.76, 95.58, 45.95, 5.95, 95.58, 95.58, 79.09, 15.68]),
            ("great+greace", [92.95, 93.90, 74.12, 79.36, 93.89, 93.90, 89.56, 87.37]),
        ],
    },
];

/// Which of the paper's tables a comparison is beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperTable(u8);

impl PaperTable {
    /// The table itself.
    fn published(self) -> &'static Published {
        &PUBLISHED[usize::from(self.0.clamp(1, 2)) - 1]
    }

    /// What it is of.
    pub fn about(self) -> &'static str {
        self.published().about
    }

    /// What the paper says of a row by a metric, as a share; none where it says nothing.
    pub fn figure(self, row: &str, metric: &Metric) -> Option<f64> {
        let column = COLUMNS.iter().position(|key| *key == metric.key)?;
        let (_, figures) = self.published().rows.iter().find(|(name, _)| *name == row)?;
        Some(figures[column] / 100.0)
    }
}

/// Runs what is missing, or puts together what was run, and prints the table.
///
/// # Errors
/// [`HeadlessError`]: bad flags, a folder that holds another comparison, a cell that failed.
pub fn paper(options: PaperOptions) -> Result<Completed, HeadlessError> {
    let PaperOptions { table, rows, samples, quick, shared } = options;
    let table = PaperTable(table);
    let seeds = shared.seeds.unwrap_or(if quick { QUICK.0 } else { SEEDS });
    let (running, mut run) = shared.split();
    if run.example.is_some() {
        let problem = "--rows says which ready-made runs are compared; leave it out".into();
        return Err(HeadlessError::Flag { flag: "--example", problem });
    }
    if quick && run.steps.is_none() && !run.set.iter().any(|set| set.trim_start().starts_with("steps=")) {
        run.steps = Some(QUICK.2.to_string());
    }
    let (mut base, given) = run.base()?;
    if !given.iter().any(|given| given.is("epsilon")) {
        base.hyper.epsilon = table.published().epsilon;
    }
    let samples = samples.unwrap_or(if quick { QUICK.1 } else { SAMPLES });
    let rows = chosen(&rows)?;
    let plan = plan(base, &rows, seeds, (table, samples, !quick));
    refuse_overruled(&given, &plan)?;
    run_plan(plan, &running)
}

/// The ready-made runs of these names, each once; without names the paper's, and what they are held against.
fn chosen(names: &[String]) -> Result<Vec<&'static Example>, HeadlessError> {
    if names.is_empty() {
        let competes = |example: &&Example| example.name != "one-scale";
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
    let Setup { data, network, width, steps, batch_size, .. } = &base.setup;
    let Hyper { epsilon, epsilon_scale, .. } = base.hyper;
    let title =
        format!("The paper's rows on {data}: {network} × {width}, {steps} steps of {batch_size} images");
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

/// What a reader of such a table must know.
pub fn note(table: PaperTable, epsilon: &str) -> String {
    format!(
        "In brackets: {} of Sinha et al. (2018), which does not say on which scale its ε is; ours is of pixels in [0, 1], k = 10. FGSM and iFGSM are untargeted, then aimed at the least likely class and at a random one, at ε = {epsilon}; behind them stand attacks that are not misled where f32 rounds a gradient away. Discriminator: share of gradient tensors that the auxiliary network told apart, over the last report.",
        table.about()
    )
}
