//! Tests of the writer: all is written, reads back, and goes on.

use std::collections::BTreeMap;

use web_time::{Duration, Instant};

use super::files::BETWEEN_WRITES;
use super::*;
use crate::config::{Config, Hyper};
use crate::protocol::{Event, Histograms, Robustness, Share, made_up};
use crate::runs::checkpoints::{in_folder, made_up_checkpoint};
use crate::runs::record::{Before, Ended, RunRecord};
use crate::runs::run_folder::RunFolder;
use crate::show::Chart;

/// In place of a picture, its title.
fn titled(chart: &Chart) -> Result<Vec<u8>, std::convert::Infallible> {
    Ok(chart.title.clone().into_bytes())
}

fn writer(path: &std::path::Path) -> RunWriter {
    let folder = RunFolder::create(path, false, &FILES).unwrap();
    RunWriter::new(folder, made_up::info(1, Config::default()).into(), vec!["no GPU".into()])
}

#[test]
fn everything_is_written_and_reads_back() {
    let scratch = tempfile::tempdir().unwrap();
    let mut writer = writer(scratch.path());
    for i in 1..=20 {
        writer.take(&made_up::report(1, 50 * i, Hyper::default()).into());
    }
    let before = Some(made_up::histograms(1, 1000).into());
    writer.take(&Histograms { before, ..made_up::histograms(1, 1000) }.into());
    writer.take(&made_up::saturation(1, 1000).into());
    writer.take(&Event::Probed(made_up::probed(1, 1000)));
    let clean = Share { hits: 1, total: 9 };
    let partial = Robustness { clean, ..made_up::robustness(1, 1000, false) };
    writer.take(&partial.into());
    writer.take(&made_up::robustness(1, 1000, true).into());
    writer.keep_checkpoint(vec![1]);
    writer.keep_all(Ended::Finished, titled).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(scratch.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(json["outcome"], "finished");
    assert_eq!(serde_json::from_value::<Config>(json["config"].clone()).unwrap(), Config::default());
    assert_eq!(json["versions"]["great-lab"], env!("CARGO_PKG_VERSION"));
    assert!(json["versions"]["burn"].as_str().unwrap().starts_with("0."));
    assert_eq!(json["notices"][0], "no GPU");
    assert_eq!(json["final"]["evaluation"]["clean"]["n"], 256, "a partial evaluation is none");
    assert_eq!(json["final"]["evaluation"]["attacks"].as_array().unwrap().len(), 30);
    assert!(json["final"]["evaluation"]["attacks"][0]["robust"]["low"].as_f64().unwrap() > 0.0);
    let lines = |name: &str| std::fs::read_to_string(scratch.path().join(name)).unwrap().lines().count();
    assert_eq!((lines("metrics.csv"), lines("timing.csv")), (21, 21));
    // A header; no attack, 30 points of attacks, 5 of the worst case.
    assert_eq!((lines("histograms.csv"), lines("robustness.csv")), (11, 1 + 1 + 30 + 5));
    assert_eq!(lines("histograms_before.csv"), lines("histograms.csv"));
    // A header; five figures, 24 bars, two of each of ten classes.
    assert_eq!(lines("saturation.csv"), 1 + 5 + 24 + 20);
    assert_eq!(json["final"]["saturation"]["certain"]["total"], 256);
    assert_eq!((lines("probe.csv"), &json["final"]["probe"]["fresh"]["total"]), (2, &256.into()));
    for chart in [
        "losses.png",
        "accuracies.png",
        "histograms.png",
        "histograms_before.png",
        "saturation.png",
        "robustness.png",
    ] {
        assert!(scratch.path().join(chart).is_file(), "{chart}");
    }
    for entry in std::fs::read_dir(scratch.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FILES.contains(&&*name), "{name} is tried before the run");
    }
}

#[test]
fn a_folder_that_takes_no_more_ends_no_run_and_its_files_are_elsewhere() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a");
    let mut writer = writer(&path);
    assert_eq!(writer.refresh(), None, "it is too early");
    std::fs::remove_dir_all(&path).unwrap();
    let long_ago = Instant::now().checked_sub(BETWEEN_WRITES).unwrap();
    writer.last_write = (long_ago, Duration::ZERO);
    let said = writer.refresh().unwrap();
    assert!(said.contains("a was gone") && path.join("run.json").is_file(), "{said}");
    writer.last_write = (long_ago, Duration::ZERO);
    assert_eq!(writer.refresh(), None, "it is said once");

    writer.keep_checkpoint(vec![1, 2, 3]);
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::write(&path, "a file in its place").unwrap();
    for _ in 0..2 {
        writer.last_write = (long_ago, Duration::ZERO);
        let said = writer.refresh().unwrap();
        assert!(said.starts_with("warning: cannot write ") && said.contains("goes on"), "{said}");
    }
    writer.keep_all(Ended::Finished, titled).unwrap();
    let said = writer.folder().outcome().unwrap_err().to_string();
    let place = scratch.path().join("a-rescued");
    assert!(said.contains(&place.display().to_string()), "{said}");
    assert_eq!(std::fs::read(place.join("checkpoint.safetensors")).unwrap(), [1, 2, 3]);
    let record = std::fs::read_to_string(place.join("run.json")).unwrap();
    assert!(record.contains("\"finished\""), "{record}");
}

/// Takes what is told at these steps, times 50.
fn train(writer: &mut RunWriter, steps: std::ops::RangeInclusive<u64>) {
    for step in steps.map(|step| 50 * step) {
        writer.take(&made_up::report(1, step, Hyper::default()).into());
        let before = Some(made_up::histograms(1, step).into());
        writer.take(&Histograms { before, ..made_up::histograms(1, step) }.into());
        writer.take(&made_up::saturation(1, step).into());
        writer.take(&Event::Probed(made_up::probed(1, step)));
        writer.take(&made_up::robustness(1, step, true).into());
    }
}

#[test]
fn a_writer_that_goes_on_writes_what_one_that_never_stopped_does() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| writer(&scratch.path().join(name));
    let (mut through, mut cut) = (at("through"), at("cut"));
    train(&mut through, 1..=6);
    train(&mut cut, 1..=3);
    let rows = cut.rows();
    // What came after the checkpoint.
    train(&mut cut, 4..=4);
    cut.keep_all(Ended::Running, titled).unwrap();
    let path = scratch.path().join("cut");
    for rows in [Some(&rows), None] {
        let earlier = Earlier::read(&path, 150, rows).unwrap();
        assert_eq!(earlier.record.as_ref().unwrap().last.as_ref().unwrap().step, 200);
        let before = Before {
            started_unix_seconds: Some(7),
            wall_seconds: 1e6,
            notices: vec!["once".into()],
            ..Before::default()
        };
        let mut resumed = at("resumed").going_on(&earlier, before).unwrap();
        assert!(rows.is_none_or(|rows| *rows == resumed.rows()));
        train(&mut resumed, 4..=6);
        let tables = |writer: &mut RunWriter| {
            let files = writer.numbers(Ended::Finished);
            files.into_iter().filter(|(name, _)| *name != RunRecord::FILE).collect::<Vec<_>>()
        };
        assert!(tables(&mut resumed) == tables(&mut through));
        let charts = |writer: &RunWriter| format!("{:?}", writer.charts());
        assert_eq!(charts(&resumed), charts(&through));
        let record = resumed.record(Ended::Finished);
        assert_eq!((record.started_unix_seconds, record.wall_seconds > 1e6), (7, true));
        assert_eq!(record.notices, ["once", "no GPU"]);
        std::fs::remove_dir_all(scratch.path().join("resumed")).unwrap();
    }
    let metrics = path.join("metrics.csv");
    std::fs::write(&metrics, "step,loss\n50,1\n").unwrap();
    let error = Earlier::read(&path, 150, Some(&rows)).unwrap_err().to_string();
    assert!(error.contains("metrics.csv has 1 rows, and 3 belong to the checkpoint"), "{error}");
    let earlier = Earlier::read(&path, 150, None).unwrap();
    let error = at("resumed").going_on(&earlier, Before::default()).err().unwrap().to_string();
    assert!(error.contains("metrics.csv is not the table of a run: its columns"), "{error}");
    let outside = BTreeMap::from([("../through/run.csv".to_owned(), 0), ("/etc/x.csv".to_owned(), 9)]);
    assert!(Earlier::read(&path, 150, Some(&outside)).is_ok(), "no other folder is looked at");
}

#[test]
fn a_run_without_a_report_is_written_too() {
    let scratch = tempfile::tempdir().unwrap();
    let mut writer = writer(scratch.path());
    writer.keep_all(Ended::Interrupted, titled).unwrap();
    let json = std::fs::read_to_string(scratch.path().join("run.json")).unwrap();
    assert!(json.contains("\"interrupted\"") && json.contains("\"final\": null"), "{json}");
    assert!(scratch.path().join("histograms.csv").is_file());
}

#[test]
fn checkpoints_that_are_replaced_stay_in_bounds_and_the_record_says_of_which_steps() {
    let scratch = tempfile::tempdir().unwrap();
    let mut writer = writer(scratch.path()).with_room(20_000);
    let listed = || RunRecord::read(scratch.path()).unwrap().checkpoints;
    for step in 1..=40 {
        writer.take(&made_up::report(1, 10 * step, Hyper::default()).into());
        writer.write_checkpoint(&made_up_checkpoint(10 * step, 1000)).unwrap();
        assert_eq!(listed(), in_folder(scratch.path()), "the record says what is there");
    }
    let steps: Vec<u64> = listed().iter().map(|kept| kept.step).collect();
    assert_eq!((steps[0], steps.last()), (10, Some(&400)));
    assert!((4..=20).contains(&steps.len()), "{steps:?}");
    let recording = scratch.path().join(crate::runs::recording::FILE).metadata().unwrap().len();
    let earlier: u64 = listed().iter().rev().skip(1).map(|kept| kept.bytes).sum();
    assert!(recording > 1000 && earlier + recording <= 20_000, "{earlier} and {recording} bytes");
    writer.keep_checkpoint(made_up_checkpoint(410, 1000));
    writer.keep_numbers(Ended::Finished);
    assert_eq!(listed().last().map(|kept| kept.step), Some(410));
    assert_eq!(listed(), in_folder(scratch.path()));
    // A folder that is gone has none, whatever was known of it.
    let moved = scratch.path().join("moved");
    writer.move_to(moved.clone());
    writer.write(Ended::Finished).unwrap();
    assert_eq!(in_folder(&moved).iter().map(|kept| kept.step).collect::<Vec<_>>(), [410]);
    assert_eq!(RunRecord::read(&moved).unwrap().checkpoints, in_folder(&moved));
}
