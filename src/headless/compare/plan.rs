//! Comparisons as commands say them, and the folder that one claims.

use std::path::Path;

use crate::config::{
    Config, DistillationMethod, Mode, MultitaskMethod, NO_PRETRAINED, ScenarioKind, Setup, Stream,
    TRAIN_TEACHER, TaskSet,
};
use crate::headless::error::HeadlessError;
use crate::runs::comparison::{Cell, PLAN_FILE, Plan, in_order, measured_at_the_end};
use crate::runs::run_folder::{RunFolder, make_folder, try_folder};
use crate::runs::write::write_whole;
use crate::train::places;

impl Plan {
    /// Every method at every fraction with every seed; all else as `base` says.
    pub fn distillation(base: Config, methods: &[DistillationMethod], fractions: &[f64], seeds: u64) -> Self {
        let base = measured_at_the_end(base);
        let makes_teachers = base.setup.teacher == TRAIN_TEACHER;
        let teacher_name = |seed: u64| makes_teachers.then(|| format!("teacher-seed{seed}"));
        let teachers = seeds_from(&base, seeds).filter_map(|seed| {
            Some(Cell {
                name: teacher_name(seed)?,
                setting: String::new(),
                method: "teacher".into(),
                seed,
                teacher: None,
                config: teacher(&base, seed),
                evaluations: Vec::new(),
            })
        });
        let mut cells = Vec::new();
        for fraction in in_order(fractions.iter().copied()) {
            for method in in_order(methods.iter().copied()) {
                for seed in seeds_from(&base, seeds) {
                    let mut config = base.clone();
                    let setup = &mut config.setup;
                    (setup.method, setup.fraction, setup.seed) = (method, fraction, seed);
                    cells.push(Cell {
                        name: format!("{method}-{fraction}-seed{seed}"),
                        setting: format!("{} % of the training images", percent(fraction)),
                        method: method.to_string(),
                        seed,
                        teacher: teacher_name(seed),
                        config,
                        evaluations: Vec::new(),
                    });
                }
            }
        }
        let Setup { data, steps, batch_size, .. } = &base.setup;
        let network = base.setup.network_in_words();
        let title =
            format!("Distillation on {data}: student {network}, {steps} steps of {batch_size} images");
        Self { title, teachers: teachers.collect(), cells, places: places::of(&base.setup), paper: None }
    }

    /// Every mode with every seed; all else as `base` says.
    pub fn defense(base: Config, modes: &[Mode], seeds: u64) -> Self {
        let base = measured_at_the_end(base);
        let Setup { data, steps, batch_size, .. } = &base.setup;
        let network = base.setup.network_in_words();
        let title = format!("Defence on {data}: {network}, {steps} steps of {batch_size} images");
        let setting = format!("ε = {}", base.hyper.epsilon_in_words());
        let cells = paired(&base, modes, seeds, &setting, |setup, mode| setup.mode = mode);
        Self { cells, title, teachers: Vec::new(), places: places::of(&base.setup), paper: None }
    }

    /// Every method with every seed; all else as `base` says.
    pub fn multitask(base: Config, methods: &[MultitaskMethod], seeds: u64) -> Self {
        let mut base = measured_at_the_end(base);
        // The robustness of the class is not what it is about: one step will do.
        base.hyper.attack_steps = 1;
        let Setup { data, steps, batch_size, .. } = &base.setup;
        let network = base.setup.network_in_words();
        let title = format!("Several tasks on {data}: {network}, {steps} steps of {batch_size} images");
        let setting = format!("tasks of {}", base.setup.learned().map_or("points", TaskSet::name));
        let cells = paired(&base, methods, seeds, &setting, |setup, method| setup.multitask_method = method);
        Self { cells, title, teachers: Vec::new(), places: places::of(&base.setup), paper: None }
    }

    /// Makes `out` the folder of this comparison, or finds that it is; the plan, with the data where they were when it
    /// began.
    ///
    /// # Errors
    /// Where it holds another one, or something else.
    pub fn claim(self, out: &Path) -> Result<Self, HeadlessError> {
        let is_claimed = || out.join(PLAN_FILE).exists();
        if !is_claimed() {
            match RunFolder::check(out, false) {
                // In this order: what another process is just doing it has done when the second answer comes.
                Err(error) if !is_being_claimed(out) && !is_claimed() => return Err(error.into()),
                _ => {}
            }
        }
        let json = self.json();
        if is_claimed() {
            try_folder(out)?;
        } else {
            self.write(out)?;
        }
        // Reading a number may miss its last bit, so that only what was read compares with what was read.
        let there = Self::read(out)?;
        if serde_json::from_str::<Self>(&json).is_ok_and(|own| own.is_same(&there)) {
            // An older plan says nothing of places.
            let places = if there.places.is_empty() { self.places } else { there.places };
            return Ok(Self { places, ..self });
        }
        Err(HeadlessError::Flag {
            flag: "--out",
            problem: format!(
                "{} holds another comparison (see its {PLAN_FILE}); repeat its flags to go on with it, or name another folder",
                out.display()
            ),
        })
    }

    /// Puts the plan into its folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where the folder takes none.
    pub fn write(&self, out: &Path) -> Result<(), HeadlessError> {
        make_folder(out)?;
        Ok(write_whole(&out.join(PLAN_FILE), self.json().as_bytes())?)
    }
}

/// A cell for each method, as `choose` writes it into a setup, with every seed.
fn paired<M: Copy + PartialEq + std::fmt::Display>(
    base: &Config,
    methods: &[M],
    seeds: u64,
    setting: &str,
    choose: impl Fn(&mut Setup, M),
) -> Vec<Cell> {
    let mut cells = Vec::new();
    for method in in_order(methods.iter().copied()) {
        for seed in seeds_from(base, seeds) {
            let mut config = base.clone();
            config.setup.seed = seed;
            choose(&mut config.setup, method);
            cells.push(Cell {
                name: format!("{method}-seed{seed}"),
                setting: setting.to_owned(),
                method: method.to_string(),
                seed,
                teacher: None,
                config,
                evaluations: Vec::new(),
            });
        }
    }
    cells
}

/// Whether nothing is in `folder` but plans that other processes have not finished writing.
fn is_being_claimed(folder: &Path) -> bool {
    let aside = format!(".{PLAN_FILE}.");
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&aside)))
    })
}

/// This number of seeds from that of `base` on.
pub fn seeds_from(base: &Config, seeds: u64) -> impl Iterator<Item = u64> + use<> {
    let first = base.setup.seed;
    (0..seeds).map(move |offset| first.wrapping_add(offset))
}

/// A share in percent, without what binary fractions leave behind its last decimal.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

/// The run that trains the teacher of a seed: an undefended network on all the training images.
fn teacher(base: &Config, seed: u64) -> Config {
    let mut config = base.clone();
    let setup = &mut config.setup;
    setup.scenario = ScenarioKind::Defense;
    setup.mode = Mode::Baseline;
    (setup.network, setup.width, setup.steps) =
        (setup.teacher_network, setup.teacher_width, setup.teacher_steps);
    setup.pretrained = NO_PRETRAINED.into();
    // Its robustness is not what it is for: one step will do.
    config.hyper.attack_steps = 1;
    // Not the student's: a teacher of the same architecture must not begin as its student does.
    setup.seed = Stream::Teacher.of(seed);
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Places;

    fn plan(fractions: &[f64]) -> Plan {
        let methods =
            [DistillationMethod::Great, DistillationMethod::CrossEntropy, DistillationMethod::Great];
        Plan::distillation(Config::default(), &methods, fractions, 2)
    }

    #[test]
    fn what_is_named_twice_is_run_once() {
        let plan = plan(&[0.05, 1.0, 1.0 / 20.0]);
        assert_eq!(plan.cells.len(), 2 * 2 * 2);
        assert_eq!(plan.methods(), ["great", "cross-entropy"], "in the order in which they were named");
        let names = in_order(plan.cells.iter().map(|cell| &cell.name));
        assert_eq!(names.len(), plan.cells.len());
    }

    #[test]
    fn shares_read_as_they_were_typed() {
        let settings = plan(&[0.07, 0.29, 1.0, 0.125]);
        let expected = ["7", "29", "100", "12.5"].map(|share| format!("{share} % of the training images"));
        assert_eq!(settings.settings(), expected);
    }

    #[test]
    fn a_folder_is_claimed_once_and_gone_on_with() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("out");
        // A number that JSON does not bring back to the last bit, where there is one.
        let is_lossy = |x: &f64| {
            let text = serde_json::to_string(x).unwrap();
            serde_json::from_str::<f64>(&text).unwrap().to_bits() != x.to_bits()
        };
        let lossy = (10..997).map(|k| f64::from(k) / 997.0).find(is_lossy).unwrap_or(1.0 / 3.0);
        plan(&[lossy]).claim(&out).unwrap();
        plan(&[lossy]).claim(&out).unwrap();
        let elsewhere = Places { data: Some("/elsewhere".into()), ..Places::default() };
        let gone_on = Plan { places: elsewhere, ..plan(&[lossy]) }.claim(&out).unwrap();
        assert!(gone_on.is_same(&plan(&[lossy])), "from another folder it is the same comparison");
        let other = plan(&[0.05]).claim(&out).unwrap_err();
        assert!(other.to_string().contains("holds another comparison"), "{other}");

        let digits = |data: &str| {
            let mut base = Config::default();
            base.setup.data = data.into();
            Plan::defense(base, &[Mode::Great], 1)
        };
        let moved = Plan {
            places: Places { data: Some("/first/digits".into()), ..Places::default() },
            ..digits("digits")
        };
        let beside = scratch.path().join("beside");
        moved.claim(&beside).unwrap();
        let gone_on = digits("digits").claim(&beside).unwrap();
        assert_eq!(gone_on.places.data.as_deref(), Some("/first/digits"), "where it began");

        let racing = scratch.path().join("racing");
        std::fs::create_dir(&racing).unwrap();
        std::fs::write(racing.join(".compare.json.Ab12Cd"), "{").unwrap();
        plan(&[0.05]).claim(&racing).unwrap();
        let used = scratch.path().join("used");
        std::fs::create_dir(&used).unwrap();
        std::fs::write(used.join(".bashrc"), "").unwrap();
        assert!(plan(&[0.05]).claim(&used).unwrap_err().to_string().contains("not empty"));
    }
}
