use std::path::Path;

use web_time::{Duration, SystemTime};

use super::*;
use crate::config::{AttackKind, Config, Hyper, Norm};
use crate::protocol::{Comparison, Places, Saturation, Share, Stopped, WorstCase, made_up};

/// The record of a made-up run of several tasks beside a teacher, with all that a record may hold.
fn full() -> RunRecord {
    let info = made_up::info(1, made_up::config());
    let report = made_up::report(1, 3000, Hyper::default());
    let share = Share { hits: 3, total: 4 };
    let comparison = Comparison { student: share, teacher: share, agreement: share, cosine: 0.5 };
    let mut histograms = made_up::histograms(1, 3000);
    histograms.comparison = Some(comparison);
    let evaluation = made_up::robustness(1, 3000, true);
    let tasks = made_up::tasks(1, 3000, 1.0);
    let saturation = Saturation { noise: Some(made_up::noise_level()), ..made_up::saturation(1, 10) };
    let latest = Latest {
        report: Some(&report),
        histograms: Some(&histograms),
        evaluation: Some(&evaluation),
        tasks: Some(&tasks),
        saturation: Some(&saturation),
        probe: Some(made_up::probed(1, 10).readings),
        stopped: None,
    };
    let time = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), Duration::from_millis(1500));
    RunRecord::new(Ended::Finished, &info, latest, &["no GPU".into()], time)
}

fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join(RunRecord::FILE);
    std::fs::write(&path, text).unwrap();
    (scratch, path)
}

/// The same to the last bit that JSON brings back.
fn through_text(record: &RunRecord) -> RunRecord {
    serde_json::from_str(&record.text()).unwrap()
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let record = through_text(&full());
    let (scratch, path) = written(&record.text());
    assert_eq!(RunRecord::read(&path).unwrap(), record);
    assert_eq!(RunRecord::read(scratch.path()).unwrap(), record, "a folder will do");
    assert!(record.is_finished() && record.accuracy().is_some());
    assert!(record.robust(AttackKind::Pgd).is_some() && record.robust(AttackKind::Square).is_none());
    assert!(record.figure("class", "error").is_some() && record.figure("class", "depth").is_none());
    let unfinished = RunRecord { outcome: Ended::Interrupted, ..record };
    assert!(!unfinished.is_finished());
    let share = Share { hits: 3, total: 4 };
    let stopped = Stopped { at: 3000, best: 2000, worst_case: share };
    let latest = Latest { stopped: Some(stopped), ..Latest::default() };
    let time = (SystemTime::UNIX_EPOCH, Duration::ZERO);
    let info = made_up::info(1, made_up::config());
    let of = |outcome| RunRecord::new(outcome, &info, latest, &[], time);
    assert_eq!(of(Ended::Failed).outcome, Ended::Failed);
    let record = of(Ended::Finished);
    assert_eq!((record.outcome, record.stopped), (Ended::Stopped, Some(stopped)));
    assert!(record.text().contains("\"outcome\": \"stopped\""));
    assert_eq!(through_text(&record), record);
}

#[test]
fn an_evaluation_reads_back_in_full() {
    let evaluation = made_up::robustness(1, 3000, true);
    let mut evaluation = evaluation;
    let l2 =
        WorstCase { norm: Norm::L2, smallest: vec![0.0, 2.5, f64::INFINITY], ..evaluation.worst[0].clone() };
    evaluation.worst[0].smallest = vec![0.0, 0.25, f64::INFINITY];
    evaluation.worst.push(l2);
    let lights = made_up::audited(1, 3000, true).lights;
    let record = EvaluationRecord::in_full(&evaluation, lights, Expectation { draws: 20, verdict: Some(32) });
    assert_eq!(record.smallest_epsilon, [Some(0.0), Some(0.25), None]);
    assert_eq!(record.smallest_epsilon_l2, [Some(0.0), Some(2.5), None]);
    assert_eq!((record.clean_balanced, record.class_images.len()), (Some(evaluation.clean_balanced), 10));
    assert!(record.attacks.iter().all(|attack| attack.balanced.is_some()));
    assert!(!record.text().contains("incomplete"), "of a finished one nothing is said");
    let incomplete = Some(Incomplete { images: 64, of: 1000, audit: true });
    let record = EvaluationRecord { incomplete, ..record };
    let record: EvaluationRecord = serde_json::from_str(&record.text()).unwrap();
    assert_eq!(record.incomplete, incomplete);
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join(EvaluationRecord::FILE), record.text()).unwrap();
    assert_eq!(EvaluationRecord::read(scratch.path()).unwrap(), record);
    assert!(!record.audit.is_empty() && !record.confusion.is_empty() && record.eot == Some(20));
}

#[test]
fn what_is_no_number_is_null_and_back() {
    let mut record = full();
    let last = record.last.as_mut().unwrap();
    (last.loss, last.steps_per_second) = (f64::NAN, f64::INFINITY);
    let task = &mut last.tasks.as_mut().unwrap()[0];
    task.mean_cosines = [f64::NAN, 0.5];
    task.figures[0].value = f64::NAN;
    last.evaluation.as_mut().unwrap().clean.value = f64::NAN;
    let read = through_text(&record);
    assert_eq!(
        (read.accuracy(), read.figure("class", &read.tasks().unwrap()[0].figures[0].name)),
        (None, None)
    );
    let last = read.last.as_ref().unwrap();
    assert!(last.loss.is_nan() && last.steps_per_second.is_nan());
    let cosines = last.tasks.as_ref().unwrap()[0].mean_cosines;
    assert!(cosines[0].is_nan() && cosines[1] == 0.5);
    let nulls = |record: &RunRecord| record.text().matches("null").count();
    assert_eq!(nulls(&read), nulls(&record));
}

#[test]
fn a_format_to_come_is_refused_by_its_number() {
    let mut json = serde_json::to_value(full()).unwrap();
    assert!(json.get("version").is_none(), "the first format is not named");
    json["version"] = (VERSION + 1).into();
    json["config"]["setup"]["mode"] = "a mode to come".into();
    let (_scratch, path) = written(&json.to_string());
    for error in [
        RunRecord::read(&path).unwrap_err(),
        EvaluationRecord::read(&path).unwrap_err(),
        read_config(&path).unwrap_err(),
    ] {
        assert!(
            error.to_string().ends_with("has format 1, this program reads up to 0: use a newer version"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_no_record_is_refused() {
    for text in ["", "{", "[]", "{\"outcome\": \"finished\"}", "{\"outcome\": \"lost\"}"] {
        let (_scratch, path) = written(text);
        let error = RunRecord::read(&path).unwrap_err().to_string();
        assert!(error.contains("run.json is not the record of a run: "), "{text}: {error}");
    }
    let error = RunRecord::read(Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read nowhere: "), "{error}");
}

#[test]
fn a_configuration_is_read_with_its_run_or_alone() {
    let mut config = Config::default();
    config.hyper.alpha = 0.75;
    config.setup.seed = 9;
    let alone = serde_json::to_string(&config).unwrap();
    let in_a_run = serde_json::json!({ "config": config, "final": {} }).to_string();
    for text in [alone, in_a_run] {
        let (_scratch, path) = written(&text);
        assert_eq!(read_config(&path).unwrap(), config, "{text}");
    }
}

#[test]
fn a_record_is_read_with_any_byte_order_mark() {
    let record = full();
    let text = record.text();
    let units = text.encode_utf16();
    for bytes in [
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        [&b"\xff\xfe"[..], &units.flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat(),
    ] {
        let (_scratch, path) = written("");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(RunRecord::read(&path).unwrap().config, record.config);
        assert_eq!(read_config(&path).unwrap(), record.config);
    }
    let (_scratch, path) = written("");
    std::fs::write(&path, b"{\xff").unwrap();
    let error = RunRecord::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("byte 1 is no text in UTF-8"), "{error}");
}

#[test]
fn a_record_says_where_its_data_were() {
    let places =
        Places { data: Some("/data/digits".into()), teacher: None, pretrained: Some("/nets/a.onnx".into()) };
    let (_scratch, path) = written(&RunRecord { places: places.clone(), ..full() }.text());
    assert_eq!(read_run(&path).unwrap().1, places);
    let (_scratch, path) = written(&full().text());
    assert_eq!(read_run(&path).unwrap().1, Places::default(), "built-in data have no place");
    let (_scratch, path) = written(&full().text().replacen('{', "{\"places\": 3,", 1));
    assert!(read_run(&path).unwrap_err().to_string().contains("is not the run.json"));
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    for (text, expected) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "neither"),
        ("{\"a\": 1}", "neither"),
        ("{\"hyper\": {\"alpha\": -1}}", "out of range"),
        ("{\"hyper\": {\"alhpa\": 1}}", "unknown field"),
        ("{\"config\": {\"setup\": {\"mode\": \"x\"}}}", "unknown variant"),
    ] {
        let (_scratch, path) = written(text);
        let error = read_config(&path).unwrap_err().to_string();
        assert!(
            error.contains("is not the run.json of a run: ") && error.contains(expected),
            "{text}: {error}"
        );
    }
    assert!(read_config(Path::new("nowhere.json")).unwrap_err().to_string().contains("nowhere.json"));
}
