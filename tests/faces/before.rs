//! Files that an earlier program wrote open as they did, and those of a later one are refused by name.
//!
//! `tests/data/before` was written by the program as of commit 8ac1e56: runs of two steps on the CPU. Of the
//! checkpoints of a distillation and of several tasks it holds the header alone: their weights are zero here.

use std::path::PathBuf;

use burn::tensor::Device;
use great_lab::config::{Config, ScenarioKind};
use great_lab::runs::record::{EvaluationRecord, RunRecord, read_config};
use great_lab::train::checkpoint::Checkpoint;
use safetensors::SafeTensors;
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/before").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(name)).unwrap()).unwrap()
}

fn config_of(run: &str) -> Config {
    serde_json::from_value(json(run)["config"].clone()).unwrap()
}

/// Whether `now` says all that `before` said, and of that the same; it may say more, of knobs that came since.
fn says_all(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().all(|(key, before)| now.get(key).is_some_and(|now| says_all(now, before)))
        }
        _ => now == before,
    }
}

/// The bytes of a checkpoint with this header, all weights zero.
fn zeroed(header: &[u8]) -> Vec<u8> {
    let tensors: Value = serde_json::from_slice(header).unwrap();
    let ends = tensors.as_object().unwrap().values().filter_map(|tensor| tensor["data_offsets"][1].as_u64());
    let length = ends.max().unwrap();
    [&(header.len() as u64).to_le_bytes(), header, &vec![0; length as usize]].concat()
}

/// The same file with another version in its header; `from` and `to` are of one length.
fn of_version(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[test]
fn run_records_say_what_they_said() {
    for scenario in ScenarioKind::NAMES {
        let name = format!("run-{scenario}.json");
        let record = RunRecord::read(&path(&name)).unwrap();
        let now = serde_json::to_value(&record).unwrap();
        assert!(says_all(&now, &json(&name)), "{name}: {now:#}");
        assert_eq!(record.config.setup.scenario.name(), *scenario);
        assert!(record.is_finished() && record.accuracy().is_some(), "{name}");
        assert_eq!(read_config(&path(&name)).unwrap(), record.config, "{name}");
    }
    let evaluation = EvaluationRecord::read(&path("robustness.json")).unwrap();
    assert_eq!(serde_json::to_value(&evaluation).unwrap(), json("robustness.json"));
    assert!(!evaluation.audit.is_empty() && !evaluation.confusion.is_empty());
}

#[test]
fn a_checkpoint_holds_what_it_held() {
    let bytes = std::fs::read(path("checkpoint.safetensors")).unwrap();
    let checkpoint = Checkpoint::open(&path("checkpoint.safetensors")).unwrap();
    let record = RunRecord::read(&path("run-defense.json")).unwrap();
    assert_eq!((&checkpoint.header.config, checkpoint.header.step), (&record.config, 2));
    let (network, weights) = checkpoint.main();
    assert_eq!(weights.iter().map(Vec::len).sum::<usize>(), record.main_weights);
    assert!(!checkpoint.header.says_what_is_under_way() && checkpoint.tables.is_none());
    let (state, under_way) = (checkpoint.state(&Device::flex()), checkpoint.under_way(&Device::flex()));
    assert!(state.sums.is_none() && under_way.probe.is_none() && under_way.attacks.is_none());
    assert_eq!(state.main.steps, 2, "it goes on from there all the same");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (spec, values) in network.specs.iter().zip(&weights) {
        let stored = file.tensor(&format!("main.{}", spec.name)).unwrap();
        assert_eq!(stored.shape(), spec.shape);
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(stored.data(), values, "{}", spec.name);
    }
}

#[test]
fn checkpoints_of_every_scenario_open() {
    for scenario in ["distillation", "multitask"] {
        let header = std::fs::read(path(&format!("checkpoint-{scenario}.json"))).unwrap();
        let checkpoint = Checkpoint::read(&zeroed(&header)).unwrap();
        assert_eq!(checkpoint.header.config, config_of(&format!("run-{scenario}.json")));
        let record = RunRecord::read(&path(&format!("run-{scenario}.json"))).unwrap();
        assert_eq!(checkpoint.teacher().is_some(), scenario == "distillation");
        let weights = |(_, weights): (_, Vec<Vec<f32>>)| weights.iter().map(Vec::len).sum::<usize>();
        assert_eq!(checkpoint.teacher().map(weights), record.teacher_weights);
        assert_eq!(checkpoint.header.tasks.len(), if scenario == "multitask" { 4 } else { 0 });
    }
}

#[test]
fn files_of_a_later_version_are_refused_by_name() {
    let bytes = std::fs::read(path("checkpoint.safetensors")).unwrap();
    let later = of_version(&bytes, r#"\"version\":1"#, r#"\"version\":9"#);
    let refused = Checkpoint::read(&later).unwrap_err().to_string();
    assert!(refused.contains("format 9") && refused.contains("newer version"), "{refused}");

    let scratch = tempfile::tempdir().unwrap();
    let run = scratch.path().join("run.json");
    let mut later = json("run-defense.json");
    later["version"] = 9.into();
    std::fs::write(&run, later.to_string()).unwrap();
    for refused in [RunRecord::read(&run).unwrap_err(), read_config(&run).unwrap_err()] {
        let refused = refused.to_string();
        assert!(refused.contains("run.json has format 9") && refused.contains("newer version"), "{refused}");
    }
}
