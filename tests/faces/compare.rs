//! Comparisons as a user runs them: cut off and gone on with, in parts and put together, they give the same table.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use great_lab::runs::lock::holder;

use crate::files::explains_folder;

/// Two methods, one share, two seeds: four cells and two teachers, of a few steps each.
const TINY: &str = "compare distillation --methods cross-entropy,great --fractions 0.05 --seeds 2 --teacher-network cnn-small --teacher-steps 4 --steps 4 --device cpu --set batch_size=16 --set width=0.5 --set teacher_width=0.5 --data data";

/// The data of [`TINY`].
fn data(folder: &Path) {
    std::fs::create_dir(folder.join("data")).unwrap();
    crate::common::tiny_data(&folder.join("data"));
}

fn lab(line: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_great-lab"));
    command.args(line.split(' ')).current_dir(folder).env_remove("RUST_LOG");
    command
}

fn run(line: &str, folder: &Path) -> Output {
    let output = lab(line, folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_finished(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("run.json"))
        .is_ok_and(|text| text.contains("\"finished\"") && text.contains("\"clean\""))
}

#[test]
fn cut_off_or_in_parts_it_is_the_same_table() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    run(&format!("{TINY} --out whole"), folder);
    let table = read(folder.join("whole/table.md"));
    for expected in
        ["| cross-entropy | 2 |", "| great | 2 |", "2 teachers: accuracy", "5 % of the training images"]
    {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    assert_eq!(read(folder.join("whole/cells.csv")).lines().count(), 1 + 4);
    explains_folder(&folder.join("whole"));
    explains_folder(&folder.join("whole/great-0.05-seed1"));

    // Killed when the first cell is done, as a machine that loses its power.
    let mut child = lab(&format!("{TINY} --out cut"), folder).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !is_finished(&folder.join("cut/cross-entropy-0.05-seed1")) {
        assert!(begin.elapsed() < Duration::from_secs(50), "no cell was finished");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("cut/table.md").exists(), "it was over before it was cut off");
    let resumed = run(&format!("{TINY} --out cut"), folder);
    let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(!said.contains("4 cells, 0 of them finished"), "{said}");
    assert_eq!(read(folder.join("cut/table.md")), table);

    for part in ["1/2", "2/2"] {
        let out = format!("part-{}", &part[..1]);
        let said = run(&format!("{TINY} --out {out} --cell {part}"), folder);
        assert!(String::from_utf8_lossy(&said.stderr).contains("2 cells are not here"));
    }
    run("compare --merge part-1 part-2", folder);
    assert_eq!(read(folder.join("part-1/table.md")), table);
    assert_eq!(read(folder.join("part-1/cells.csv")), read(folder.join("whole/cells.csv")));
    let some = run("compare --merge part-2", folder);
    assert!(String::from_utf8_lossy(&some.stdout).contains("2 cells are missing"));
}

#[test]
fn a_comparison_is_gone_on_with_by_its_folder_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    let line = TINY.replace("cross-entropy,great", "cross-entropy");
    run(&format!("{line} --out whole"), folder);

    // Whoever started it goes away while the first run is trained.
    let mut child = lab(&format!("{line} --out left"), folder)
        .env("GREAT_LAB_ATTENDED", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    let begin = Instant::now();
    while !folder.join("left/compare.json").exists() {
        assert!(begin.elapsed() < Duration::from_secs(50), "it did not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(input);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "it ends as by Ctrl-C");
    assert!(!folder.join("left/table.md").exists(), "it was over before it was left");

    let resumed = run("compare --resume left --device cpu", folder);
    assert!(String::from_utf8_lossy(&resumed.stderr).contains("2 cells, "));
    assert_eq!(read(folder.join("left/table.md")), read(folder.join("whole/table.md")));
    for (line, expected) in
        [("compare --resume nowhere", "compare.json"), ("compare --resume data", "compare.json")]
    {
        let output = lab(line, folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn one_process_carries_a_comparison_out_and_its_runs_end_with_it() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    let line =
        TINY.replace("--steps 4 ", "--steps 1000000 ").replace("--teacher-steps 4 ", "--teacher-steps 1 ");
    let mut child = lab(&format!("{line} --out runs/a"), folder).stderr(Stdio::null()).spawn().unwrap();
    let cell = folder.join("runs/a/cross-entropy-0.05-seed1");
    let wait = |is_trained: bool| {
        let begin = Instant::now();
        while holder(&cell).is_some() != is_trained {
            assert!(begin.elapsed() < Duration::from_secs(50), "is it trained? {}", !is_trained);
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait(true);
    for (line, expected) in [
        ("compare --resume runs/a --device cpu", "is being carried out by process"),
        ("runs delete a --runs runs", "is being written by process"),
    ] {
        let output = lab(line, folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{line}: {said}");
    }
    // As by a system that is out of memory.
    child.kill().unwrap();
    child.wait().unwrap();
    wait(false);
    assert_eq!(holder(&folder.join("runs/a")), None);
}

#[test]
fn what_makes_no_comparison_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir(folder.join("used")).unwrap();
    std::fs::write(folder.join("used/thesis.tex"), "mine").unwrap();
    std::fs::create_dir(folder.join("planned")).unwrap();
    std::fs::write(folder.join("planned/compare.json"), r#"{"title": "", "teachers": [], "cells": []}"#)
        .unwrap();
    for (line, expected) in [
        ("compare", "--merge <DIR>..."),
        ("compare --merge nowhere", "cannot read nowhere/compare.json"),
        ("compare --merge used", "cannot read used/compare.json"),
        ("compare distillation --methods magic", "possible values: cross-entropy"),
        ("compare distillation --fractions 0", "--fractions: '0' is not a share"),
        ("compare distillation --fractions 0.05,2", "'2' is not a share"),
        ("compare distillation --seeds 0", "0 is not in 1..="),
        ("compare distillation --cell 3/2", "say I/N"),
        ("compare distillation --out used", "used is not empty"),
        ("compare distillation --out planned", "planned holds another comparison"),
        ("compare distillation --set method=great", "--methods: it alone says"),
        ("compare distillation --set fraction=0.1", "--fractions: it alone says"),
        ("compare defense --modes great --mode baseline", "--modes: it alone says"),
        ("compare defense --modes magic", "possible values: baseline"),
        ("compare multitask --methods magic", "possible values: single-task"),
        ("compare paper --rows magic", "possible values: channel"),
        ("compare paper --table 3", "3 is not in 1..=2"),
        ("compare paper --example greace", "--rows says which"),
        ("compare paper --set momentum=0.5", "Adam has its own momentum"),
        ("compare paper --set alpha=0.7", "--set alpha=0.7: the rows say for themselves"),
        ("compare paper --rows great --mode baseline", "--mode baseline: the rows say for themselves"),
        ("compare multitask --set multitask_method=great", "--methods: it alone says"),
        ("compare multitask --mode great", "makes no use of mode"),
        ("compare distillation --set beta=1", "makes no use of beta"),
        (
            "compare defense --modes baseline,pgd-at --set beta=1",
            "--set beta=1: not used with baseline: greace and great+greace use it, and no other run compared does",
        ),
        ("compare defense --modes great --set trades_weight=1", "not used with great: trades uses it"),
        ("compare defense --modes baseline --vary alpha=0.1", "--vary alpha=0.1: not used with baseline"),
        ("compare defense --vary alpha=0.1 --set alpha=0.2", "twice"),
        ("compare defense --vary alpha=0.1,high", "alpha"),
        ("compare defense --vary seed=1,2", "seed is not varied: --seeds says how many"),
        ("compare distillation --teacher x --teacher-steps 9", "not used: the teacher is given"),
    ] {
        let output = lab(line, folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(expected), "{line}: {said}");
    }
    data(folder);
    // A teacher that is not there: no cell begins.
    let line = "compare distillation --methods cross-entropy,great --fractions 0.05 --seeds 2 --steps 4 --device cpu --set batch_size=16 --set width=0.5 --data data --teacher nowhere --out failing";
    let output = lab(line, folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let place = folder.join("nowhere");
    assert!(said.contains("the teacher 'nowhere' of the run is not found"), "{said}");
    assert!(said.contains(&place.display().to_string()) && said.contains("--teacher"), "{said}");
}

#[test]
fn defences_are_compared_under_attack() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    let line = "compare defense --modes baseline,great,baseline --vary alpha=0.1,0.5 --seeds 2 --steps 4 --device cpu --set batch_size=16 --set width=0.5 --set attack_steps=2 --data data --out out";
    run(line, folder);
    let table = read(folder.join("out/table.md"));
    for expected in [
        "PGD at ε",
        "| baseline | 2 |",
        "| great alpha=0.1 | 2 |",
        "| great alpha=0.5 | 2 |",
        "accuracy − baseline (95 %)",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    assert!(!table.contains("–"), "every figure is there: {table}");
    explains_folder(&folder.join("out"));
    let seed = great_lab::config::Config::default().setup.seed;
    let varied = read(folder.join(format!("out/great-seed{seed}-alpha0.5/run.json")));
    let varied: serde_json::Value = serde_json::from_str(&varied).unwrap();
    assert_eq!(varied["config"]["hyper"]["alpha"], 0.5);
    assert!(folder.join("out/pareto.png").metadata().unwrap().len() > 5000);
    let json: serde_json::Value = serde_json::from_str(&read(folder.join("out/table.json"))).unwrap();
    assert!(json["rows"].as_array().unwrap().iter().all(|row| row["n"] == 2), "{json}");
}

#[test]
fn tasks_are_measured_against_what_they_are_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    run(
        "compare multitask --methods single-task,great --tasks pictures --seeds 2 --steps 4 --device cpu --set batch_size=16 --set width=0.5 --data data --out tasks",
        folder,
    );
    let cells = read(folder.join("tasks/cells.csv"));
    let mut lines = cells.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<String>> = lines.collect();
    let column = |name: &str| {
        names.iter().position(|known| known == name).unwrap_or_else(|| panic!("{name}: {cells}"))
    };
    let value = |row: &[String], name: &str| row[column(name)].parse::<f64>().ok();
    assert_eq!(rows.len(), 4);
    for great in rows.iter().filter(|row| row[1] == "great") {
        let alone = rows.iter().find(|row| row[1] == "single-task" && row[2] == great[2]).unwrap();
        let figures = |row: &[String]| -> Vec<Vec<f64>> {
            let record = read(folder.join(format!("tasks/{}-seed{}/run.json", row[1], row[2])));
            let json: serde_json::Value = serde_json::from_str(&record).unwrap();
            let of = |task: &serde_json::Value| {
                task["figures"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|figure| figure["value"].as_f64().unwrap())
                    .collect()
            };
            json["final"]["tasks"].as_array().unwrap().iter().map(of).collect()
        };
        // Every figure of pictures' tasks is an error; the class has two.
        let worse: Vec<Vec<f64>> = figures(great)
            .iter()
            .zip(figures(alone))
            .map(|(joint, single)| {
                joint.iter().zip(single).map(|(joint, single)| 100.0 * (joint / single - 1.0)).collect()
            })
            .collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert_eq!(worse.iter().map(Vec::len).collect::<Vec<_>>()[0], 2);
        let over_figures = mean(&worse.concat());
        let by_task = -mean(&worse.iter().map(|figures| mean(figures)).collect::<Vec<_>>());
        assert!((over_figures + by_task).abs() > 1e-9, "the two conventions differ: {worse:?}");
        assert!((value(great, "delta_m_over_figures").unwrap() - over_figures).abs() < 1e-6, "{cells}");
        assert!((value(great, "delta_m_by_task").unwrap() - by_task).abs() < 1e-6, "{cells}");
        assert_eq!(value(alone, "delta_m_over_figures").map(f64::abs), Some(0.0));
    }
    explains_folder(&folder.join("tasks"));
    explains_folder(&folder.join("tasks/great-seed1"));
    let table = read(folder.join("tasks/table.md"));
    assert!(
        table.contains("Δm over figures, % (lower is better)") && table.contains("### tasks of pictures"),
        "{table}"
    );
}

#[test]
fn the_papers_rows_stand_beside_its_figures() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    data(folder);
    let line = "compare paper --quick --rows baseline,greace,channel,baseline --seeds 1 --samples 6 --steps 3 --device cpu --set batch_size=16 --set width=0.5 --data data --out out";
    let printed = String::from_utf8_lossy(&run(line, folder).stdout).into_owned();
    let out = folder.join("out");
    let table = read(out.join("table.md"));
    assert!(printed.contains(&table), "{printed}");
    for expected in
        ["table 1 (CIFAR-10, ResNet-18, ε = 0.1)", "| iFGSM |", "% (32.75) |", "% (72.40) |", "ε = 0.1"]
    {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let channel = table.lines().find(|line| line.starts_with("| channel ")).unwrap();
    assert!(!channel.contains('('), "the paper says nothing of it: {channel}");
    assert_eq!(read(out.join("cells.csv")).lines().count(), 1 + 3, "what is named twice is run once");
    explains_folder(&out);
    for picture in [
        "figure4_untargeted.png",
        "figure4_random.png",
        "figure4_least-likely.png",
        "saliency.png",
        "pareto.png",
    ] {
        assert!(out.join(picture).metadata().unwrap().len() > 5000, "{picture}");
    }
    let rows: serde_json::Value =
        serde_json::from_str(&read(out.join("greace-seed1/paper/robustness.json"))).unwrap();
    // Two attacks, three targets, the six radii of the figure, of which one is the run's own.
    assert_eq!(rows["attacks"].as_array().unwrap().len(), 2 * 3 * 6);

    // An evaluation that is lost is made again, and nothing else.
    std::fs::remove_dir_all(out.join("greace-seed1/behind")).unwrap();
    let trained = out.join("greace-seed1/run.json").metadata().unwrap().modified().unwrap();
    let again = run(line, folder);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("3 cells, 2 of them finished already"), "{said}");
    assert_eq!(out.join("greace-seed1/run.json").metadata().unwrap().modified().unwrap(), trained);
    assert_eq!(read(out.join("table.md")), table);

    // Where the results are and the data are not, the table is there all the same.
    std::fs::rename(folder.join("data"), folder.join("elsewhere")).unwrap();
    let merged = run("compare --merge out", folder);
    assert!(String::from_utf8_lossy(&merged.stderr).contains("there is no saliency.png"));
    assert!(String::from_utf8_lossy(&merged.stdout).contains(&table));
}
