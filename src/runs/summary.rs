//! What a list of runs says of each.

use serde::Serialize;

use super::label::Label;
use super::record::{Ended, EvaluationRecord, RunRecord, WorstPoint};
use crate::config::{Config, KNOBS};
use crate::protocol::nullable;

/// Knobs that have a place of their own in a list.
const TOLD_ELSEWHERE: [&str; 6] =
    ["scenario", "mode", "distillation_method", "multitask_method", "data", "network"];

/// A knob that is not as a run of its scenario begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name in flags, links and files.
    pub knob: &'static str,
    /// Its name on screen.
    #[serde(skip)]
    pub label: &'static str,
    /// As `--set` takes it.
    pub value: String,
}

/// A run in a list.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What people say of it.
    #[serde(flatten)]
    pub label: Label,
    /// What is trained.
    pub scenario: &'static str,
    /// How.
    pub mode: &'static str,
    /// The data set's name.
    pub data: String,
    /// The architecture.
    pub network: String,
    /// Knobs that are not as a run of the scenario begins, apart from those above.
    pub differs: Vec<Difference>,
    /// Steps done.
    pub step: u64,
    /// Of how many.
    pub steps: u64,
    /// Share of held-out images that are right without attack; NaN where that is not known, as below.
    #[serde(with = "nullable")]
    pub clean: f64,
    /// The share left in the worst case at the radius attacked with that is nearest to the run's own ε.
    #[serde(with = "nullable")]
    pub worst: f64,
    /// Share of gradient tensors whose origin the auxiliary network reads.
    #[serde(with = "nullable")]
    pub discriminator: f64,
    /// When it was written last, in seconds since 1970.
    pub written_unix_seconds: u64,
    /// How it ended.
    pub outcome: Ended,
}

impl Summary {
    /// Of a run with this record.
    pub fn of(record: &RunRecord, label: Label) -> Self {
        let Config { setup, .. } = &record.config;
        let last = record.last.as_ref();
        let evaluation = record.evaluation();
        Self {
            label,
            scenario: setup.scenario.name(),
            mode: setup.method().name(),
            data: record.data.name.clone(),
            network: setup.network_name().into(),
            differs: differences(&record.config),
            step: last.map_or(0, |last| last.step),
            steps: setup.steps,
            clean: record.accuracy().or_else(|| class_accuracy(record)).unwrap_or(f64::NAN),
            worst: evaluation.and_then(|found| worst(found, &record.config)).unwrap_or(f64::NAN),
            discriminator: last.map_or(f64::NAN, |last| last.auxiliary_accuracy),
            written_unix_seconds: record.started_unix_seconds + record.wall_seconds.max(0.0) as u64,
            outcome: record.outcome,
        }
    }

    /// What differs, in one line: `α adversary 0.3, seed 7`.
    pub fn differences_in_words(&self) -> String {
        let words: Vec<_> =
            self.differs.iter().map(|differs| format!("{} {}", differs.label, differs.value)).collect();
        words.join(", ")
    }

    /// Whether every word of `search` stands somewhere in what a list says of it, whose folder is called `id`.
    pub fn matches(&self, id: &str, search: &str) -> bool {
        let mut said = vec![id.to_owned(), self.differences_in_words(), self.data.clone()];
        said.extend([self.scenario, self.mode, &self.network].map(String::from));
        said.extend(self.label.name.clone());
        said.extend(self.label.tags.iter().cloned());
        said.extend(self.differs.iter().map(|differs| format!("{}={}", differs.knob, differs.value)));
        let said = said.join("\n").to_lowercase();
        search.to_lowercase().split_whitespace().all(|word| said.contains(word))
    }
}

/// The knobs of a config that are not as a run of its scenario begins, apart from those that have a place of their own.
pub fn differences(config: &Config) -> Vec<Difference> {
    let start = Config::start(config.setup.scenario);
    let of_scenario = KNOBS.iter().filter(|knob| knob.applies_to(config.setup.scenario));
    let differing = of_scenario
        .filter(|knob| !TOLD_ELSEWHERE.contains(&knob.name) && knob.read(config) != knob.read(&start));
    differing
        .map(|knob| Difference { knob: knob.name, label: knob.label, value: knob.say(&knob.read(config)) })
        .collect()
}

/// Share of held-out images whose class several tasks get right.
fn class_accuracy(record: &RunRecord) -> Option<f64> {
    let error = record.tasks()?.first()?.figures.first()?;
    (error.name == "error" && error.value.is_finite()).then_some(1.0 - error.value)
}

/// What the worst case leaves at the radius attacked with that is nearest to the run's own ε.
fn worst(found: &EvaluationRecord, config: &Config) -> Option<f64> {
    let epsilon = config.hyper.in_pixels(found.input_deviation).epsilon;
    let off = |point: &&WorstPoint| (point.epsilon - epsilon).abs();
    let points = found.worst_case.first()?.points.iter();
    let point = points.min_by(|one, other| off(one).total_cmp(&off(other)))?;
    Some(point.robust.value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, ScenarioKind};
    use crate::protocol::{RunInfo, made_up};
    use crate::runs::record::Latest;
    use web_time::{Duration, SystemTime};

    fn summary(info: &RunInfo) -> Summary {
        let report = made_up::report(1, 1200, info.config.hyper);
        let evaluation = made_up::robustness(1, 1200, true);
        let latest = Latest { report: Some(&report), evaluation: Some(&evaluation), ..Latest::default() };
        let time = (SystemTime::UNIX_EPOCH + Duration::from_secs(100), Duration::from_secs(7));
        let label = Label { name: Some("Wider".into()), tags: vec!["paper".into()], pinned: true };
        Summary::of(&RunRecord::new(Ended::Finished, info, latest, &[], time), label)
    }

    #[test]
    fn a_run_is_told_by_what_differs_alone() {
        let mut info = made_up::info(1, Config::start(ScenarioKind::Defense));
        assert_eq!(summary(&info).differs, []);
        info.config.hyper.alpha = 0.75;
        info.config.setup.seed = 9;
        info.config.setup.mode = Mode::Greace;
        let said = summary(&info);
        let known: Vec<_> = said.differs.iter().map(|differs| (differs.knob, &*differs.value)).collect();
        assert_eq!(known, [("alpha", "0.75"), ("seed", "9")], "the mode has a column of its own");
        assert_eq!(said.differences_in_words(), "α adversary 0.75, seed 9");
        assert_eq!((said.mode, said.step, said.written_unix_seconds), ("greace", 1200, 107));
        assert!(said.clean > said.worst && said.worst >= 0.0, "{} {}", said.clean, said.worst);
        let json = serde_json::to_value(&said).unwrap();
        assert_eq!((&json["name"], &json["outcome"]), (&"Wider".into(), &"finished".into()));
        assert_eq!(json["differs"][1], serde_json::json!({ "knob": "seed", "value": "9" }));
    }

    #[test]
    fn words_are_looked_for_wherever_they_may_stand() {
        let mut info = made_up::info(1, Config::start(ScenarioKind::Defense));
        info.config.setup.seed = 9;
        let said = summary(&info);
        for found in ["", "great fashion", "PAPER", "wider a-run", "seed=9"] {
            assert!(said.matches("a-run", found), "{found}");
        }
        assert!(!said.matches("a-run", "great trades"));
    }
}
