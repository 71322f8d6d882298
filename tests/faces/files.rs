//! `docs/files.md` explains every column and key that is written.

use std::collections::BTreeSet;
use std::path::Path;

use great_lab::config::{Config, Hyper, KNOBS, Norm};
use great_lab::protocol::{Comparison, Places, Saturation, Share, Stopped, WorstCase, made_up};
use great_lab::runs::record::{Ended, EvaluationRecord, Expectation, Latest, RunRecord};
use great_lab::runs::tables;
use great_lab::show::columns;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/files.md");

/// The words in backticks of the section about `file`.
fn explained(file: &str) -> BTreeSet<&'static str> {
    let sections = PAGE.split("\n## ").skip(1);
    let heading = |section: &&str| section.lines().next().unwrap_or_default().contains(&format!("`{file}`"));
    let section = sections.into_iter().find(heading).unwrap_or_else(|| panic!("no section about {file}"));
    section.split('`').skip(1).step_by(2).collect()
}

fn explains(file: &str, names: impl IntoIterator<Item = String>) {
    let explained = explained(file);
    for name in names {
        assert!(explained.contains(&*name), "docs/files.md does not explain {name} of {file}");
    }
}

/// The columns of a table, but for histograms' bins.
fn header(csv: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().iter().map(String::from);
    names.filter(|name| !name.contains("..")).collect()
}

/// Every key of `json`, but for knobs, which `--help` explains, and the names of versions.
fn keys(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    "setup" | "hyper" => {
                        let is_knob = |name: &String| KNOBS.iter().any(|knob| knob.name == name);
                        assert!(value.as_object().unwrap().keys().all(is_knob), "{value}");
                    }
                    "versions" => {}
                    _ => keys(value, found),
                }
                found.insert(key.clone());
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

fn explains_json(file: &str, text: &str) {
    let mut found = BTreeSet::new();
    keys(&serde_json::from_str(text).unwrap(), &mut found);
    explains(file, found);
}

/// That every table and record in a folder is explained.
pub fn explains_folder(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = || std::fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") if path.metadata().unwrap().len() == 0 => {}
            // Its metrics are explained where each run's are.
            Some("csv") => explains(&name, header(&read())),
            Some("json") if name == "config.json" => {}
            Some("json") => explains_json(&name, &read()),
            _ => {}
        }
    }
}

#[test]
fn every_column_of_a_run_is_explained() {
    let first = |bytes: &[u8]| header(std::str::from_utf8(bytes).unwrap());
    explains("metrics.csv", first(tables::metrics().bytes()));
    explains("timing.csv", first(tables::timing().bytes()));
    explains("comparison.csv", first(tables::comparison().bytes()));
    explains("tasks.csv", first(tables::tasks().bytes()));
    explains("saturation.csv", first(tables::saturation().bytes()));
    explains("probe.csv", first(tables::probe().bytes()));
    explains("robustness.csv", columns::ROBUSTNESS.map(String::from));
    let edges = &made_up::histograms(1, 1).edges;
    let histograms = columns::histogram_header(edges);
    for file in ["histograms.csv", "histograms_before.csv"] {
        explains(file, histograms.iter().filter(|name| !name.contains("..")).cloned());
    }
}

#[test]
fn every_key_of_a_record_is_explained() {
    let mut info = made_up::info(1, Config::default());
    info.places = Places {
        data: Some("/data".into()),
        teacher: Some("/teacher".into()),
        pretrained: Some("/a.onnx".into()),
    };
    let report = made_up::report(1, 10, Hyper::default());
    let share = Share { hits: 1, total: 2 };
    let mut histograms = made_up::histograms(1, 10);
    histograms.comparison =
        Some(Comparison { student: share, teacher: share, agreement: share, cosine: 0.5 });
    let mut evaluation = made_up::robustness(1, 10, true);
    evaluation.worst.push(WorstCase { norm: Norm::L2, ..evaluation.worst[0].clone() });
    let tasks = made_up::tasks(1, 10, 1.0);
    let saturation = Saturation { noise: Some(made_up::noise_level()), ..made_up::saturation(1, 10) };
    let latest = Latest {
        report: Some(&report),
        histograms: Some(&histograms),
        evaluation: Some(&evaluation),
        tasks: Some(&tasks),
        saturation: Some(&saturation),
        probe: Some(made_up::probed(1, 10).readings),
        stopped: Some(Stopped { at: 20, best: 10, worst_case: share }),
    };
    let time = (web_time::SystemTime::now(), std::time::Duration::ZERO);
    explains_json("run.json", &RunRecord::new(Ended::Finished, &info, latest, &[], time).text());
    let lights = made_up::audited(1, 10, true).lights;
    let noise = Expectation { draws: 20, verdict: Some(32) };
    explains_json("robustness.json", &EvaluationRecord::in_full(&evaluation, lights, noise).text());
}

#[test]
fn what_is_not_explained_is_seen() {
    let unexplained = |file: &'static str, name: &'static str| {
        std::panic::catch_unwind(|| explains(file, [name.to_owned()])).is_err()
    };
    assert!(unexplained("metrics.csv", "fooled") && !unexplained("robustness.csv", "fooled"));
    assert!(std::panic::catch_unwind(|| explained("unheard-of.csv")).is_err());
}
