//! The pane of the sweep: a comparison is looked at while it goes on, begun, stopped, and gone on with.

use std::path::Path;

use egui::{Key, Rect, Theme, Vec2};
use great_lab::app::Options;
use great_lab::config::{Config, DeviceInfo, Method, Mode};
use great_lab::protocol::made_up::{self, started, state};
use great_lab::protocol::{Activity, Places};
use great_lab::runs::comparison::progress::LOG_FILE;
use great_lab::runs::comparison::{Cell, PLAN_FILE, Plan};
use great_lab::runs::lock::Lock;
use great_lab::runs::record::{Ended, EvaluationRecord, Latest, RunRecord};
use web_time::{Duration, SystemTime};

use super::{Bench, snapshots};

/// A comparison of baseline and three values of α, three seeds each: the last of them waits, and the one before it goes on.
fn comparison(folder: &Path) -> Lock {
    let mut cells = Vec::new();
    for method in ["baseline", "great alpha=0.03", "great alpha=0.1", "great alpha=0.3"] {
        for seed in 1..=3 {
            let mut config = made_up::config();
            let mode = if method == "baseline" { Mode::Baseline } else { Mode::Great };
            config.setup.train_by(Method::Defense(mode));
            config.setup.seed = seed;
            let name = format!("{}-seed{seed}", method.replace([' ', '='], "-"));
            let (setting, evaluations) = ("ε = 0.1".into(), Vec::new());
            cells.push(Cell {
                name,
                setting,
                method: method.into(),
                seed,
                teacher: None,
                config,
                evaluations,
            });
        }
    }
    let title = "Defence on fashion-mnist: cnn-small × 1, 3000 steps of 64 images".into();
    let plan = Plan { title, teachers: Vec::new(), cells, places: Places::default(), paper: None };
    std::fs::create_dir_all(folder).expect("a folder to write to");
    std::fs::write(folder.join(PLAN_FILE), plan.json()).expect("a folder to write to");
    let done = plan.cells.len() - 2;
    for (place, cell) in plan.cells.iter().enumerate().take(done) {
        let own = folder.join(&cell.name);
        std::fs::create_dir(&own).expect("a folder to write to");
        let part = place as f64 / done as f64;
        let text = record(&cell.config, 0.86 - 0.07 * part, 0.05 + 0.4 * part).text();
        std::fs::write(own.join(RunRecord::FILE), text).expect("a folder to write to");
    }
    let going = folder.join(&plan.cells[done].name);
    std::fs::create_dir(&going).expect("a folder to write to");
    std::fs::write(going.join(LOG_FILE), "step 1200/3000 · 9.1 steps/s\n").expect("a folder to write to");
    Lock::take(&going).expect("nobody else has it")
}

/// The record of a finished run with this accuracy, of which PGD at the run's own radius leaves so much.
fn record(config: &Config, accuracy: f64, robust: f64) -> RunRecord {
    let info = made_up::info(1, config.clone());
    let report = made_up::report(1, 3000, config.hyper);
    let latest = Latest { report: Some(&report), ..Latest::default() };
    let mut record = RunRecord::new(Ended::Finished, &info, latest, &[], (SystemTime::now(), Duration::ZERO));
    let share =
        |value: f64| serde_json::json!({ "hits": 0, "n": 0, "value": value, "low": 0.0, "high": 1.0 });
    let attacks = serde_json::json!([{ "attack": "pgd", "target": "untargeted", "epsilon": config.hyper.epsilon, "robust": share(robust) }]);
    let evaluation = serde_json::json!({ "step": 3000, "clean": share(accuracy), "attacks": attacks });
    let evaluation: EvaluationRecord = serde_json::from_value(evaluation).expect("what is needed of it");
    record.last.as_mut().expect("it has a report").evaluation = Some(evaluation);
    record
}

fn bench(runs: &Path, theme: Theme, open: Option<&Path>) -> Bench {
    let options = Options {
        runs: Some(runs.into()),
        open: open.map(Into::into).into_iter().collect(),
        program: Some(env!("CARGO_BIN_EXE_great-lab").into()),
        ..Options::default()
    };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), theme, options);
    let mut info = made_up::info(1, made_up::config());
    // Where the runs of a sweep can be trained, too.
    (info.device.name, info.device.backend) = ("CPU".into(), DeviceInfo::CPU_BACKEND.into());
    bench.tell([info.into(), state(1, Activity::Paused, 0)]);
    bench
}

#[test]
fn a_comparison_under_way_is_looked_at() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("sweep-alpha");
    let lock = comparison(&folder);
    let mut bench = bench(scratch.path(), Theme::Dark, Some(&folder));
    bench.wait("10 of 12 runs finished", true);
    assert!(bench.sees("Defence on fashion-mnist"));
    assert!(bench.sees("great alpha=0.3, seed 2: under way, 40 % of its steps"));
    assert!(bench.sees("great alpha=0.3, seed 3: waits"));
    assert!(bench.sees("baseline, seed 1: accuracy 86.00 %, PGD at ε 5.00 %"));
    bench.click("Figures");
    bench.wait("83.20", true);
    bench.click("Grid");
    drop(lock);
    bench.wait("great alpha=0.3, seed 2: begun", true);
    bench.click("Close");
    assert!(bench.sees("What other values of a knob lead to"));

    // It stands in the list of runs, as what it is.
    bench.press(Key::O);
    bench.wait("comparison of 12 runs", true);
    bench.select("comparison of 12 runs");
    bench.click("Open");
    bench.wait("10 of 12 runs finished", true);
}

#[test]
fn a_sweep_is_begun_stopped_and_can_be_gone_on_with() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut bench = bench(scratch.path(), Theme::Dark, None);
    bench.press(Key::W);
    assert!(bench.sees("steps") && bench.sees("Copy command"));
    bench.click("Begin");
    bench.wait("under way, 0 %", true);
    assert!(bench.sees("Stop") && bench.sees("0 of "));
    bench.click("Stop");
    bench.wait("Go on", true);
    bench.wait("begun; it is completed or run again", true);
    assert!(!bench.sees("cannot") && !bench.sees("The sweep ended"));
    let plan = Plan::read(&scratch.path().join("sweep-alpha")).expect("it has begun");
    assert!(plan.cells.len() > 3 && plan.methods().iter().any(|method| method.contains("alpha=")));
}

#[test]
fn what_cannot_be_gone_through_or_begun_is_said() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        runs: Some(scratch.path().join("runs")),
        program: Some(scratch.path().join("nothing")),
        ..Options::default()
    };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, options);
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.press(Key::W);
    bench.click("Begin");
    assert!(bench.sees("The sweep cannot begin"));
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.press(Key::W);
    assert!(bench.sees("--runs") && !bench.sees("Begin"), "there is no place for a sweep");
}

#[test]
fn the_sweep_looks_as_it_did() {
    if !snapshots::can_draw("the sweep") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("sweep-alpha");
    let _lock = comparison(&folder);
    let mut differing = Vec::new();
    for (theme, suffix) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut bench = bench(scratch.path(), theme, Some(&folder));
        bench.wait("10 of 12 runs finished", true);
        bench.harness.remove_cursor();
        let name = format!("sweep-{suffix}");
        let picture = bench.picture(&format!("{name}.png")).expect("software Vulkan draws");
        let rect: Rect = bench.lab(|lab| lab.pane_rects()[0].1);
        differing.extend(snapshots::compare(&name, &picture.region(&rect, None)));
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
}
