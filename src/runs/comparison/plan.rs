//! What a comparison consists of: its cells, each with the whole configuration of its run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::metrics::{self, Metric};
use super::published::{self, PaperTable};
use crate::config::{Config, KNOBS, ScenarioKind, knob::Section};
use crate::platform::text;
use crate::protocol::Places;
use crate::runs::record::RecordError;

/// The plan of a comparison in its folder.
pub const PLAN_FILE: &str = "compare.json";

/// What a table of tasks needs said.
const ERRORS: &str = "Tasks: on all held-out images after the last step; the balanced error is the mean over the classes. Δm: how each figure of each task differs from that of its own network, learned alone (single-task) from the same seed, in percent, in the two published conventions, whose signs are opposite: the mean loss over all figures, and the mean over the tasks of the mean gain of a task's figures. Every run's run.json has all figures.";

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is compared, in words.
    pub title: String,
    /// The runs that others need, by name: `teacher-seed1`.
    pub teachers: Vec<Cell>,
    /// The runs that are compared.
    pub cells: Vec<Cell>,
    /// Where their data, and a teacher that was given, were found when it began.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    pub places: Places,
    /// The table of the paper that it is beside, where it is one of its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperTable>,
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
    /// How its network is attacked afterwards, besides what every run does at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluating>,
}

/// An evaluation of a cell's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluating {
    /// The name of its folder in the cell's.
    pub name: String,
    /// The flags of `great-lab evaluate`.
    pub flags: Vec<String>,
}

impl Plan {
    /// What each run that is compared is.
    pub fn configs(&self) -> Vec<&Config> {
        self.cells.iter().map(|cell| &cell.config).collect()
    }

    /// What is trained: that of every cell.
    pub fn scenario(&self) -> ScenarioKind {
        self.cells.first().map_or(ScenarioKind::Defense, |cell| cell.config.setup.scenario)
    }

    /// What is measured of every cell.
    pub fn metrics(&self) -> &'static [Metric] {
        if self.paper.is_some() {
            return &metrics::PAPER;
        }
        let tasks = self.cells.first().and_then(|cell| cell.config.setup.learned());
        metrics::metrics(self.scenario(), tasks)
    }

    /// The place of the metric by which methods are held against the first, among [`Self::metrics`].
    pub fn headline(&self) -> usize {
        if self.paper.is_some() { metrics::PAPER_HEADLINE } else { 0 }
    }

    /// What a reader of the table must know of its metrics.
    pub fn note(&self) -> String {
        let epsilon = self.cells.first().map_or("0".into(), |cell| cell.config.hyper.epsilon_in_words());
        if let Some(table) = self.paper {
            return published::note(table, &epsilon);
        }
        let (chance, rest) = match self.scenario() {
            ScenarioKind::Defense => ("chance is one class of all", None),
            ScenarioKind::Distillation => ("chance is 50 %", None),
            ScenarioKind::Multitask => ("chance is one task of all", Some(ERRORS)),
        };
        let attacks = format!("Attacks: untargeted, L∞, at ε = {epsilon}, on all held-out images.");
        format!(
            "Discriminator: share of gradient tensors that the auxiliary network told apart, over the last report; {chance}. {}",
            rest.unwrap_or(&attacks)
        )
    }

    /// Whether `other` compares the same, wherever its data lie and whatever it is called.
    pub fn is_same(&self, other: &Self) -> bool {
        let anywhere = |plan: &Self| Self { places: Places::default(), title: String::new(), ..plan.clone() };
        anywhere(self) == anywhere(other)
    }

    /// As it stands in its folder.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data always becomes JSON")
    }

    /// The plan of the comparison in `folder`.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(PLAN_FILE);
        let bytes =
            std::fs::read(&path).map_err(|source| RecordError::Unreadable { path: path.clone(), source })?;
        let malformed = |problem: String| RecordError::Malformed {
            path: path.clone(),
            expected: "the plan of a comparison",
            problem,
        };
        let text = text::decode(&bytes).map_err(|at| malformed(format!("byte {at} is no text in UTF-8")))?;
        let plan: Self = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let mut flags = plan.cells.iter().flat_map(|cell| &cell.evaluations).flat_map(|own| &own.flags);
        let odd_flag = flags.find(|word| word.starts_with('-') && !FLAGS.contains(&word.as_str()));
        let odd_name = plan.names().find(|name| !is_folder_name(name));
        let problem = odd_name.map(|name| format!("'{name}' is no name of a folder in it"));
        match problem.or_else(|| odd_flag.map(|flag| format!("'{flag}' is no flag of its evaluations"))) {
            Some(problem) => Err(malformed(problem)),
            None => Ok(plan),
        }
    }

    /// The folders that it is carried out in, whoever wrote it.
    fn names(&self) -> impl Iterator<Item = &str> {
        let cells = self.teachers.iter().chain(&self.cells);
        cells.flat_map(|cell| {
            let evaluations = cell.evaluations.iter().map(|evaluating| &*evaluating.name);
            std::iter::once(&*cell.name).chain(cell.teacher.as_deref()).chain(evaluations)
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

/// What the evaluations of a comparison are told, whoever wrote its plan: nothing that writes elsewhere.
const FLAGS: [&str; 6] = ["--attack", "--epsilon", "--epsilon-scale", "--samples", "--steps", "--target"];

/// Whether a folder of a comparison may be called so: it is made, and replaced, where that was cut off.
fn is_folder_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

/// All that a comparison reads is measured at the end, on all held-out images.
pub fn measured_at_the_end(mut base: Config) -> Config {
    base.hyper.evaluate_every_steps = 0;
    base.hyper.evaluate_samples = 1_000_000;
    base.hyper.histogram_every_steps = 1_000_000;
    base.hyper.report_every_steps = base.hyper.report_every_steps.max(50);
    base
}

/// Each once, where it first comes.
pub fn in_order<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = Vec::new();
    for one in all {
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

/// The method of which a variant is one: `great` of `great alpha=0.1`.
pub fn family(method: &str) -> &str {
    method.split(' ').next().unwrap_or(method)
}

/// Whether all that was varied of one method has the same value in another: `single-task width=2` beside
/// `great width=2 alpha=0.1`.
pub fn is_beside(one: &str, other: &str) -> bool {
    one.split(' ').skip(1).all(|word| other.split(' ').skip(1).any(|own| own == word))
}

/// Knobs that are not gone through, and who says instead what they are.
const ELSEWHERE: [(&str, &str); 12] = [
    ("scenario", "the command says it"),
    ("mode", "--modes, or --rows, say it"),
    ("method", "--methods say it"),
    ("multitask_method", "--methods say it"),
    ("fraction", "--fractions say it"),
    ("seed", "--seeds says how many"),
    ("data", "a comparison is of one data set"),
    ("tasks", "a comparison is of one set of tasks"),
    ("teacher", "a comparison is of one teacher a seed"),
    ("pretrained", "a comparison begins with one network"),
    ("pretrained_pixels", "a comparison begins with one network"),
    ("epsilon_scale", "a comparison attacks on one scale"),
];

/// Why a comparison does not go through the values of that knob, where it does not.
pub fn said_elsewhere(knob: &str) -> Option<&'static str> {
    let is_of_teacher = knob.starts_with("teacher_");
    // Early stopping is trained by, too.
    let is_of_measuring =
        knob != "stop_after" && KNOBS.iter().any(|own| own.name == knob && own.section == Section::Measuring);
    let said = ELSEWHERE.iter().find(|(name, _)| *name == knob).map(|(_, who)| *who);
    said.or(is_of_teacher.then_some("a comparison is of one teacher a seed"))
        .or(is_of_measuring.then_some("a comparison measures all runs alike"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_no_folder_but_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        let cell = |name: &str| Cell {
            name: name.into(),
            setting: String::new(),
            method: "great".into(),
            seed: 1,
            teacher: None,
            config: Config::default(),
            evaluations: Vec::new(),
        };
        let plan = |cell| Plan {
            title: String::new(),
            teachers: Vec::new(),
            cells: vec![cell],
            places: Places::default(),
            paper: None,
        };
        let evaluating = |name: &str| Evaluating { name: name.into(), flags: Vec::new() };
        let reads = |plan: Plan| {
            std::fs::write(scratch.path().join(PLAN_FILE), plan.json()).unwrap();
            Plan::read(scratch.path()).map_err(|error| error.to_string())
        };
        assert!(reads(plan(cell("great+greace-seed1-alpha0.1"))).is_ok());
        let told = |flags: &[&str]| {
            let flags = flags.iter().map(|word| (*word).to_owned()).collect();
            let evaluations = vec![Evaluating { name: "behind".into(), flags }];
            reads(plan(Cell { evaluations, ..cell("a") }))
        };
        assert!(told(&["--attack", "pgd", "--steps", "20"]).is_ok());
        for flag in ["--report", "--report=/a.html", "--save-examples", "--out", "-q"] {
            let error = told(&["--attack", "pgd", flag, "/a"]).unwrap_err();
            assert!(error.contains("no flag of its evaluations"), "{flag}: {error}");
        }
        for name in ["", ".", "..", "../a", "a/b", "a\\b", "/a", "C:a", ".hidden", "a\n"] {
            let mut odd = vec![plan(cell(name))];
            odd.push(plan(Cell { teacher: Some(name.into()), ..cell("a") }));
            odd.push(plan(Cell { evaluations: vec![evaluating(name)], ..cell("a") }));
            odd.push(Plan { teachers: vec![cell(name)], ..plan(cell("a")) });
            for plan in odd {
                let error = reads(plan).unwrap_err();
                assert!(error.contains("no name of a folder"), "{name}: {error}");
            }
        }
    }

    #[test]
    fn a_task_alone_is_held_against_what_has_its_knobs() {
        for (one, other, expected) in [
            ("single-task", "great alpha=1", true),
            ("single-task width=2", "great width=2 alpha=1", true),
            ("single-task width=2", "great width=0.5 alpha=1", false),
            ("single-task width=2", "great", false),
        ] {
            assert_eq!(is_beside(one, other), expected, "{one}, {other}");
        }
    }
}
