//! What a comparison consists of: its cells, each with the whole configuration of its run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::{Config, DistillationMethod, Mode, ScenarioKind, TRAIN_TEACHER};

use super::super::error::HeadlessError;
use super::super::run_folder::{RunFolder, write_whole};
use super::make_folder;

/// The plan of a comparison in its folder.
pub const PLAN_FILE: &str = "compare.json";

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is compared, in words.
    pub title: String,
    /// The runs that others need, by name: `teacher-seed1`.
    pub teachers: Vec<Cell>,
    /// The runs that are compared.
    pub cells: Vec<Cell>,
}

/// A run of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The name of its folder.
    pub name: String,
    /// Under what circumstances methods are compared: `5 % of the data`.
    pub setting: String,
    /// The method.
    pub method: String,
    /// The seed, which pairs it with other methods' cells.
    pub seed: u64,
    /// The folder of the run that it needs, where it needs one that this comparison makes.
    pub teacher: Option<String>,
    /// What the run is; its teacher is filled in when it begins.
    pub config: Config,
}

impl Plan {
    /// Every method at every fraction with every seed; all else as `base` says.
    pub fn distillation(base: Config, methods: &[String], fractions: &[f64], seeds: u64) -> Self {
        let mut base = base;
        // All that a comparison reads is measured at the end, on all held-out images.
        base.hyper.evaluate_every_steps = 0;
        base.hyper.evaluate_samples = 1_000_000;
        base.hyper.histogram_every_steps = 1_000_000;
        base.hyper.report_every_steps = base.hyper.report_every_steps.max(50);
        let seeds: Vec<u64> = (0..seeds).map(|offset| base.setup.seed.wrapping_add(offset)).collect();
        let makes_teachers = base.setup.teacher == TRAIN_TEACHER;
        let teacher_name = |seed: u64| makes_teachers.then(|| format!("teacher-seed{seed}"));
        let teachers = seeds.iter().filter_map(|seed| {
            Some(Cell {
                name: teacher_name(*seed)?,
                setting: String::new(),
                method: "teacher".into(),
                seed: *seed,
                teacher: None,
                config: teacher(&base, *seed),
            })
        });
        let mut cells = Vec::new();
        for fraction in fractions {
            for method in
                DistillationMethod::ALL.iter().filter(|method| methods.iter().any(|m| m == method.name()))
            {
                for seed in &seeds {
                    let mut config = base.clone();
                    (config.setup.method, config.setup.fraction) = (*method, *fraction);
                    config.setup.seed = *seed;
                    cells.push(Cell {
                        name: format!("{method}-{fraction}-seed{seed}"),
                        setting: format!("{} % of the training images", 100.0 * fraction),
                        method: method.to_string(),
                        seed: *seed,
                        teacher: teacher_name(*seed),
                        config,
                    });
                }
            }
        }
        let order = |cell: &Cell| {
            let fraction = fractions.iter().position(|fraction| *fraction == cell.config.setup.fraction);
            (fraction, methods.iter().position(|method| *method == cell.method))
        };
        cells.sort_by_key(order);
        let setup = &base.setup;
        let title = format!(
            "Distillation on {}: student {} × {}, {} steps of {} images",
            setup.data, setup.network, setup.width, setup.steps, setup.batch_size
        );
        Self { title, teachers: teachers.collect(), cells }
    }

    /// Makes `out` the folder of this comparison, or finds that it is.
    ///
    /// # Errors
    /// Where it holds another one, or something else.
    pub fn claim(&self, out: &Path) -> Result<(), HeadlessError> {
        if !out.join(PLAN_FILE).exists() {
            RunFolder::check(out, false)?;
            make_folder(out)?;
            let json = serde_json::to_string_pretty(self).expect("plain data always becomes JSON");
            return Ok(write_whole(&out.join(PLAN_FILE), json.as_bytes())?);
        }
        if Self::read(out)? == *self {
            return Ok(());
        }
        Err(HeadlessError::Flag {
            flag: "--out",
            problem: format!(
                "{} holds another comparison (see its {PLAN_FILE}); repeat its flags to go on with it, or name another folder",
                out.display()
            ),
        })
    }

    /// The plan of the comparison in `folder`.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, HeadlessError> {
        let path = folder.join(PLAN_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| HeadlessError::Unreadable { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|error| HeadlessError::Malformed {
            path,
            expected: "the plan of a comparison",
            problem: error.to_string(),
        })
    }

    /// What the methods are compared under, in order.
    pub fn settings(&self) -> Vec<&str> {
        in_order(self.cells.iter().map(|cell| cell.setting.as_str()))
    }

    /// The methods, in order.
    pub fn methods(&self) -> Vec<&str> {
        in_order(self.cells.iter().map(|cell| cell.method.as_str()))
    }
}

/// Each once, where it first comes.
fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// The run that trains the teacher of a seed: an undefended network on all the training images.
fn teacher(base: &Config, seed: u64) -> Config {
    let mut config = base.clone();
    let setup = &mut config.setup;
    setup.scenario = ScenarioKind::Defense;
    setup.mode = Mode::Baseline;
    (setup.network, setup.width, setup.steps) =
        (setup.teacher_network, setup.teacher_width, setup.teacher_steps);
    // Its robustness is not what it is for: one step will do.
    config.hyper.attack_steps = 1;
    // Not the student's: a teacher of the same architecture must not begin as its student does.
    setup.seed = seed ^ TEACHER_SEED;
    config
}

/// Keeps the seeds of teacher and student apart.
const TEACHER_SEED: u64 = 0x5eed_0004;
