//! The commands as a user runs them: the real binary, its exit status, its words and its files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use great_lab::runs::checkpoints::is_earlier;

use crate::files::explains_folder;

/// A run that takes a second or two on a CPU.
const TINY: [&str; 15] = [
    "train",
    "--device",
    "cpu",
    "--steps",
    "6",
    "--set",
    "batch_size=16",
    "--set",
    "report_every_steps=2",
    "--set",
    "histogram_every_steps=3",
    "--set",
    "evaluate_samples=16",
    "--set",
    "attack_steps=2",
];

/// The files of a run.
const FILES: [&str; 14] = [
    "run.json",
    "recording.jsonl.gz",
    "metrics.csv",
    "timing.csv",
    "histograms.csv",
    "saturation.csv",
    "probe.csv",
    "robustness.csv",
    "checkpoint.safetensors",
    "losses.png",
    "accuracies.png",
    "histograms.png",
    "saturation.png",
    "robustness.png",
];

fn lab(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_great-lab"));
    command.args(arguments).current_dir(folder);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("RUST_LOG");
    command
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    lab(arguments, folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A tiny run with further flags into `out`; it must succeed.
fn tiny(folder: &Path, out: &str, further: &[&str]) -> PathBuf {
    let output = run(&[&TINY[..], &["--out", out], further].concat(), folder);
    assert!(output.status.success(), "{}", text(&output.stderr));
    folder.join(out)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_command_has_help_with_examples() {
    let scratch = tempfile::tempdir().unwrap();
    for (command, example) in [
        (&["--help"][..], "great-lab --run"),
        (&["train", "--help"], "--mode great+greace --epochs 3 --out runs/a"),
        (&["train", "-h"], "Ctrl-C"),
        (&["evaluate", "--help"], "--save-examples pgd.npz"),
        (&["predict", "--help"], "great-lab predict runs/a shoe.jpg"),
        (&["bench", "--help"], "great-lab bench --soak 10000"),
        (&["devices", "--help"], "great-lab devices"),
        (&["runs", "--help"], "great-lab runs undelete"),
        (&["open", "--help"], "great-lab open runs/a"),
    ] {
        let output = run(command, scratch.path());
        assert!(output.status.success(), "{command:?}");
        let help = text(&output.stdout);
        assert!(help.contains("Example") && help.contains(example), "{command:?}: {help}");
        assert!(output.stderr.is_empty(), "{command:?}");
    }
    assert!(text(&run(&["--version"], scratch.path()).stdout).contains(env!("CARGO_PKG_VERSION")));
    let knobs = text(&run(&["train", "--help"], scratch.path()).stdout);
    assert!(knobs.contains("input_gradient_weight = 1") && knobs.contains("from 0 to 1000"), "{knobs}");
}

/// What is typed, in a folder with `empty/`, `used/notes.txt`, `bad.json` and `bad.safetensors`, and what is said to it.
const BAD_INPUT: &[(&str, &str)] = &[
    ("fly", "unrecognized subcommand 'fly'"),
    ("--mode grate", "'grate'"),
    ("--set alpha=11", "alpha: 11 is out of range; it takes a number from 0 to 10"),
    ("--epochs 3", "unexpected argument '--epochs'"),
    ("--run train", "cannot be used"),
    ("train offense", "'offense'"),
    ("train --mode grate", "possible values: baseline"),
    ("train --mode", "a value is required"),
    ("train --network resnet-19", "'resnet-18'"),
    ("train --steps", "a value is required"),
    ("train --steps 0", "steps: 0 is out of range"),
    ("train --steps -5", "steps: '-5' is not a whole number"),
    ("train --steps 1.5", "not a whole number"),
    ("train --steps 1e3", "not a whole number"),
    ("train --steps 99999999999", "out of range"),
    ("train --epochs 0", "0 is not in 1..="),
    ("train --epochs -1", "-1 is not in 1..="),
    ("train --epochs three", "invalid digit"),
    ("train --steps 5 --epochs 1", "cannot be used with"),
    ("train --steps 5 --steps 6", "cannot be used multiple times"),
    ("train --steps 5 --set steps=6", "steps is set twice, by --steps 5 and by --set steps=6"),
    ("train --epochs 5 --set steps=6", "steps is set twice, by --epochs 5"),
    ("train --set beta=1 --set beta=1", "beta is set twice"),
    (
        "train --mode pgd-at --set beta=1",
        "beta=1: not used with pgd-at: greace and great+greace use it; leave it out",
    ),
    ("--mode trades --set alpha=0.1", "not used with trades: great and great+greace use it"),
    ("train --set momentum=0.5", "momentum=0.5: not used: Adam has its own momentum; sgd uses this one"),
    ("train --set input_levels=3", "not used: the input transform quantize uses it"),
    ("distill --method great --set temperature=2", "soft-targets and great+soft-targets use it"),
    ("distill --teacher used --teacher-steps 9", "--teacher-steps 9: not used: the teacher is given"),
    ("multitask --method pcgrad --set alignment_rate=0.1", "great and great+gradnorm use it"),
    ("train --seed 18446744073709551616", "seed: '18446744073709551616' is not a whole number"),
    ("train --seed -1", "seed: '-1' is not a whole number"),
    ("train --set alpha", "'alpha' is not of the form KNOB=VALUE"),
    ("train --set", "a value is required"),
    ("train --set alhpa=1", "there is no knob 'alhpa'"),
    ("train --set =1", "there is no knob ''"),
    ("train --set alpha=NaN", "alpha: 'NaN' is not a number"),
    ("train --set alpha=inf", "alpha: 'inf' is not a number"),
    ("train --set alpha=1/0", "alpha: '1/0' is not a number"),
    ("train --set alpha=-0.1", "out of range"),
    ("train --set beta=", "beta: '' is not a number"),
    ("train --set ramp=1.01", "from 0 to 1"),
    ("train --set epsilon=8", "epsilon: 8 is out of range"),
    ("train --set learning_rate=0", "learning_rate: 0 is out of range"),
    ("train --set momentum=1", "momentum: 1 is out of range"),
    ("train --set adversary=friend", "one of: reversal, confusion"),
    ("train --set normalization=l2", "one of: none, rms, max"),
    ("train --set optimizer=lion", "one of: adam, sgd"),
    ("train --set schedule=linear", "one of: constant, cosine"),
    ("train --set augmentation=flip", "one of: none, shift, shift+flip"),
    ("train --set activation=gelu", "one of: relu, silu"),
    ("train --set batch_size=0", "batch_size: 0 is out of range"),
    ("train --set batch_size=9000", "from 1 to 8192"),
    ("train --set attack_steps=0", "attack_steps: 0 is out of range"),
    ("train --set evaluate_samples=0", "evaluate_samples: 0 is out of range"),
    ("train --set width=5", "width: 5 is out of range"),
    ("train --set data=", "data:"),
    ("train --data nowhere --device cpu", "nowhere"),
    ("train --data empty --device cpu", "empty"),
    ("train --data used/notes.txt --device cpu", "notes.txt"),
    ("train --data drawn --device cpu", "of the world drawn no point is drawn"),
    (
        "train --data drawn --set drawing=AAABBA --device cpu",
        "only one class is drawn; draw points of at least two",
    ),
    ("train --data drawn --set drawing=Hello!", "drawing: this is no drawing: it has a '!' at 6"),
    ("train --data moons --set drawing=AAA", "not used: the world drawn uses it"),
    ("train --config nowhere.json", "cannot read nowhere.json"),
    ("train --config bad.json", "bad.json is not the run.json of a run: alpha: 11 is out of range"),
    ("train --config used/notes.txt", "notes.txt is not the run.json of a run"),
    ("train --out used", "used is not empty"),
    ("train --out bad.json", "bad.json is not a folder"),
    ("train --device", "a value is required"),
    ("train --device abacus", "no adapter's name contains 'abacus'"),
    ("train --stesp 5", "unexpected argument '--stesp'"),
    ("evaluate", "<CHECKPOINT|ONNX>"),
    ("inspect", "<ONNX|CHECKPOINT>"),
    ("evaluate nowhere.safetensors", "cannot read nowhere.safetensors"),
    ("evaluate empty", "checkpoint.safetensors"),
    ("evaluate bad.safetensors", "bad.safetensors is not a checkpoint"),
    ("evaluate x --attack bomb", "possible values: noise, fgsm"),
    ("evaluate x --epsilon-scale sigma", "possible values: pixel, standardised"),
    ("evaluate x --target me", "possible values: untargeted"),
    ("evaluate x --samples 0", "0 is not in 1.."),
    ("evaluate x --steps 0", "0 is not in 1.."),
    ("evaluate x --restarts 0", "0 is not in 1.."),
    ("predict bad.safetensors", "<IMAGE>"),
    ("predict bad.safetensors x.png", "bad.safetensors is not a checkpoint"),
    ("bench --network resnet-19", "'resnet-18'"),
    ("bench --width 5", "width: 5 is out of range"),
    ("bench --width wide", "width: 'wide' is not a number"),
    ("bench --batch 0", "batch_size: 0 is out of range"),
    ("bench --precision f64", "'f64'"),
    ("bench --precision mixed --device cpu", "CPU has none"),
    ("bench --batch -1", "batch_size: '-1' is not a whole number"),
    ("bench --steps 0", "0 is not in 1..="),
    ("bench --steps -3", "-3 is not in 1..="),
    ("bench --soak 0", "0 is not in 1.."),
    ("bench --soak 9 --profile", "cannot be used with"),
    ("bench --device abacus", "no adapter's name contains 'abacus'"),
    ("bench --measure plain", "required arguments were not provided"),
    ("devices --all", "unexpected argument '--all'"),
];

#[test]
fn bad_input_is_refused_in_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir(scratch.path().join("empty")).unwrap();
    std::fs::create_dir(scratch.path().join("used")).unwrap();
    std::fs::write(scratch.path().join("used/notes.txt"), "mine").unwrap();
    std::fs::write(scratch.path().join("bad.json"), "{\"config\": {\"hyper\": {\"alpha\": 11}}}").unwrap();
    std::fs::write(scratch.path().join("bad.safetensors"), "not safetensors at all").unwrap();
    for (line, expected) in BAD_INPUT {
        let arguments: Vec<_> = line.split(' ').collect();
        let output = run(&arguments, scratch.path());
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {complaint}");
        let ours: Vec<_> = complaint.lines().filter(|line| !line.contains("XDG_RUNTIME_DIR")).collect();
        assert_eq!(ours.len(), 1, "{line}: {complaint}");
        assert!(ours[0].starts_with("error: ") && ours[0].contains(expected), "{line}: {complaint}");
        assert!(output.stdout.is_empty(), "{line}");
    }
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().collect();
    assert_eq!(left.len(), 4, "nothing was written: {left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_the_window_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let output = run(&["--run"], scratch.path());
    let complaint = text(&output.stderr);
    assert!(!output.status.success());
    assert!(complaint.contains("no display") && complaint.contains("great-lab train"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[test]
fn devices_are_listed() {
    let scratch = tempfile::tempdir().unwrap();
    let output = run(&["devices"], scratch.path());
    let list = text(&output.stdout);
    assert!(output.status.success() && list.contains("CPU (flex)") && list.contains("auto takes"), "{list}");
    assert_eq!(list.lines().filter(|line| line.starts_with('*')).count(), 1, "one is taken: {list}");
}

#[test]
fn a_benchmark_prints_a_table_and_json() {
    let scratch = tempfile::tempdir().unwrap();
    let base = ["bench", "--device", "cpu", "--batch", "8", "--steps", "2"];
    let output = run(&[&base[..], &["--json", "--profile"]].concat(), scratch.path());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let results: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&results["device"], &results["backend"]), (&"CPU".into(), &"flex".into()));
    assert_eq!((&results["network"], &results["batch"]), (&"cnn-small".into(), &8.into()));
    let number = |field: &str| results[field].as_f64().unwrap_or_else(|| panic!("{field}: {results}"));
    for field in [
        "first_step_ms",
        "plain_step_ms",
        "great_step_ms",
        "great_images_per_second",
        "copied_bytes_per_second",
    ] {
        assert!(number(field) > 0.0, "{field}: {results}");
    }
    let ratio = number("great_step_ms") / number("plain_step_ms");
    assert!((number("great_over_plain") - ratio).abs() < 1e-6, "{results}");
    assert!(number("matrix_product_operations_per_second") > 1e9, "{results}");
    if cfg!(target_os = "linux") {
        assert!(number("peak_bytes") > 1e6 && number("plain_peak_bytes") > 1e6, "{results}");
    }
    let operations = results["operations"].as_array().unwrap();
    let convolution = operations.iter().find(|operation| operation["name"] == "convolution").unwrap();
    // Four convolutions forward; backwards the cotangents of two of its derivatives are convolutions, too.
    assert!(convolution["launches"].as_u64().unwrap() > 4, "{convolution}");
    assert!(convolution["floating_point_operations"].as_u64().unwrap() > 1_000_000, "{convolution}");
    let shares: f64 = operations.iter().map(|operation| operation["share"].as_f64().unwrap()).sum();
    assert!(shares >= 0.99, "they make up the step: {shares}");

    let output = run(&base, scratch.path());
    let table = text(&output.stdout);
    assert!(table.contains("cnn-small, width 1, batches of 8") && table.contains("on CPU (flex)"), "{table}");
    assert!(table.contains("step, median") && table.contains("GFLOP/s"), "{table}");
}

#[test]
fn a_soak_says_whether_it_drifts() {
    let scratch = tempfile::tempdir().unwrap();
    let soak = ["bench", "--soak", "20", "--device", "cpu", "--batch", "8"];
    let output = run(&[&soak[..], &["--json"]].concat(), scratch.path());
    let drift: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&drift["steps"], &drift["grown"]), (&20.into(), &false.into()), "{drift}");
    // A machine with other work may slow down; the exit status says what the words say.
    let expected = if drift["slower"] == true { 1 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{drift}");
    assert!(text(&output.stderr).contains("step 20/20 · "), "{}", text(&output.stderr));
}

#[test]
fn a_run_leaves_every_file_and_the_same_seed_the_same_metrics() {
    let scratch = tempfile::tempdir().unwrap();
    let first = tiny(scratch.path(), "runs/a", &[]);
    for file in FILES {
        assert!(first.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let names = std::fs::read_dir(&first).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    let but_earlier = names.iter().filter(|name| !is_earlier(name)).count();
    assert_eq!(but_earlier, FILES.len(), "nothing is left aside: {names:?}");
    explains_folder(&first);
    let summary = json(&first.join("run.json"));
    assert_eq!(summary["outcome"], "finished");
    assert_eq!((&summary["device"]["name"], &summary["final"]["step"]), (&"CPU".into(), &6.into()));
    assert_eq!(summary["final"]["evaluation"]["clean"]["n"], 16);
    let evaluation = &summary["final"]["evaluation"]["attacks"][0]["robust"];
    assert!(evaluation["low"].as_f64().unwrap() <= evaluation["value"].as_f64().unwrap());

    let same = tiny(scratch.path(), "runs/b", &["--quiet"]);
    let other = tiny(scratch.path(), "runs/c", &["--seed", "2"]);
    let read = |folder: &Path, file: &str| std::fs::read(folder.join(file)).unwrap();
    for table in ["metrics.csv", "histograms.csv", "saturation.csv", "probe.csv", "robustness.csv"] {
        assert_eq!(read(&first, table), read(&same, table), "{table}");
    }
    assert_ne!(read(&first, "metrics.csv"), read(&other, "metrics.csv"));

    let config = ["train", "--config", "runs/c/run.json", "--device", "cpu", "--quiet", "--out", "runs/d"];
    let output = run(&config, scratch.path());
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "quiet");
    assert_eq!(read(&other, "metrics.csv"), read(&scratch.path().join("runs/d"), "metrics.csv"));
}

#[test]
fn a_folder_in_use_is_overwritten_only_by_force() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = tiny(scratch.path(), "a", &["--quiet"]);
    let before = std::fs::read(folder.join("run.json")).unwrap();
    let refused = run(&[&TINY[..], &["--out", "a"]].concat(), scratch.path());
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(folder.join("run.json")).unwrap(), before);
    tiny(scratch.path(), "a", &["--force", "--quiet"]);
    assert_ne!(std::fs::read(folder.join("run.json")).unwrap(), before);
}

#[test]
fn without_out_a_run_finds_its_own_folder() {
    let scratch = tempfile::tempdir().unwrap();
    for expected in ["runs/great-fashion-mnist-seed3", "runs/great-fashion-mnist-seed3-2"] {
        let output = run(&[&TINY[..], &["--mode", "great", "--seed", "3"]].concat(), scratch.path());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(scratch.path().join(expected).join("run.json").is_file(), "{expected}");
        assert!(text(&output.stdout).contains(expected), "it says where");
        assert!(text(&output.stderr).contains("step 6/6 · "), "plain lines: {}", text(&output.stderr));
    }
}

/// A data set of 8 × 8 images of two classes, 48 to train on and 8 held out, as IDX files.
fn write_small_data(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for (part, count) in [("train", 48_u8), ("t10k", 8)] {
        let images = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8].into_iter();
        let pixels = (0..count).flat_map(|i| (0..64).map(move |p| if i % 2 == 0 { 4 * p } else { 255 - i }));
        let labels = [0, 0, 8, 1, 0, 0, 0, count].into_iter().chain((0..count).map(|i| i % 2));
        std::fs::write(
            folder.join(format!("{part}-images-idx3-ubyte")),
            images.chain(pixels).collect::<Vec<u8>>(),
        )
        .unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels.collect::<Vec<u8>>())
            .unwrap();
    }
}

#[test]
fn epochs_are_passes_over_the_data_of_a_folder() {
    let scratch = tempfile::tempdir().unwrap();
    write_small_data(&scratch.path().join("digits"));
    let flags = ["train", "--device", "cpu", "--data", "digits", "--epochs", "2", "--set", "batch_size=20"];
    let output = run(&[&flags[..], &["--mode", "baseline"]].concat(), scratch.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary = json(&scratch.path().join("runs/baseline-digits-seed1/run.json"));
    // Two batches of 20 fit into 48 images.
    assert_eq!(summary["config"]["setup"]["steps"], 4);
    assert_eq!(
        (&summary["data"]["train_images"], &summary["final"]["evaluation"]["clean"]["n"]),
        (&48.into(), &8.into())
    );

    let run_folder = ["evaluate", "runs/baseline-digits-seed1", "--device", "cpu"];
    let attacks = ["--attack", "transfer,autoattack", "--epsilon", "8/255", "--out", "r"];
    let output = run(&[&run_folder[..], &attacks].concat(), scratch.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let evaluation = json(&scratch.path().join("r/robustness.json"));
    let name = |index: usize| evaluation["attacks"][index]["attack"].clone();
    assert_eq!((name(0), name(1)), ("transfer".into(), "autoattack".into()));

    let unfit = ["evaluate", "runs/baseline-digits-seed1", "--data", "fashion-mnist", "--device", "cpu"];
    let output = run(&unfit, scratch.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("reads [1, 8, 8] images of 2 classes"), "{}", text(&output.stderr));
}

#[test]
fn an_evaluation_in_l2_alone_has_all_that_one_in_linf_has() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    tiny(folder, "a", &["--quiet"]);
    let asked = ["evaluate", "a", "--device", "cpu", "--samples", "20", "--steps", "2", "--attack", "pgd-l2"];
    let output =
        run(&[&asked[..], &["--epsilon", "0.5,1", "--report", "r.html", "--out", "e"]].concat(), folder);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(table.starts_with("2 radii: 0.5 and 1\n") && table.contains("worst, L2"), "{table}");
    let page = std::fs::read_to_string(folder.join("r.html")).unwrap();
    for expected in [
        "worst case at ε = 0.5, L2",
        "Accuracy against ε, L2",
        "fools an image, L2",
        "mistaken for what, L2",
        "Some images, L2",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("L∞</h2>"), "and nothing of L∞");
    assert!(folder.join("e/robustness_l2.png").is_file() && !folder.join("e/robustness.png").exists());
    let figures = json(&folder.join("e/robustness.json"));
    assert_eq!(figures["worst_case"][0]["norm"], "l2");
    assert_eq!(figures["smallest_epsilon_l2"].as_array().unwrap().len(), 20);
}

#[test]
fn a_sample_of_unequal_classes_says_what_the_whole_says() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write_skewed_data(&folder.join("skew"));
    let train =
        ["train", "--device", "cpu", "--data", "skew", "--steps", "1", "--mode", "baseline", "--out", "a"];
    // One step at the least rate: the network takes all images for one class, or nearly.
    let knobs =
        ["--set", "learning_rate=1e-6", "--set", "batch_size=8", "--set", "evaluate_samples=20", "--quiet"];
    let output = run(&[&train[..], &knobs].concat(), folder);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let clean = |samples: &str, out: &str| {
        let asked = ["evaluate", "a", "--device", "cpu", "--attack", "fgsm", "--epsilon", "0.001"];
        let output = run(&[&asked[..], &["--samples", samples, "--out", out]].concat(), folder);
        assert!(output.status.success(), "{}", text(&output.stderr));
        (json(&folder.join(out).join("robustness.json")), text(&output.stdout))
    };
    let (whole, _) = clean("100", "whole");
    let (sample, said) = clean("20", "sample");
    assert_eq!(sample["class_images"], serde_json::json!([18, 2]), "nine in ten are of the first class");
    let accuracy = |figures: &serde_json::Value| figures["clean"]["value"].as_f64().unwrap();
    assert!((accuracy(&whole) - accuracy(&sample)).abs() < 0.15, "{whole}\n{sample}");
    assert!(
        said.contains("images by class: 0 90.0 % (18), 1 10.0 % (2)") && said.contains("balanced"),
        "{said}"
    );
    let balanced = sample["clean_balanced"].as_f64().unwrap();
    let csv = std::fs::read_to_string(folder.join("sample/robustness.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().ends_with(&format!(",{balanced},")), "{csv}");
    let record = json(&folder.join("a/run.json"));
    assert_eq!(record["final"]["evaluation"]["class_images"], serde_json::json!([18, 2]), "in a run as well");
}

/// 100 + 100 images of 8 × 8, of which the first ninety are of class 0.
fn write_skewed_data(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for part in ["train", "t10k"] {
        let images = [0, 0, 8, 3, 0, 0, 0, 100, 0, 0, 0, 8, 0, 0, 0, 8].into_iter();
        let pixels =
            (0..100_u8).flat_map(|i| (0..64).map(move |p: u8| if i < 90 { 2 * p + i } else { 255 - i }));
        let labels = [0, 0, 8, 1, 0, 0, 0, 100].into_iter().chain((0..100_u8).map(|i| u8::from(i >= 90)));
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(folder.join(format!("{part}-{name}")), bytes).unwrap()
        };
        write("images-idx3-ubyte", images.chain(pixels).collect());
        write("labels-idx1-ubyte", labels.collect());
    }
}

#[test]
fn a_run_is_evaluated_and_gone_on_with_from_any_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let [work, other] = ["work", "other"].map(|name| scratch.path().join(name));
    for folder in [&work, &other] {
        std::fs::create_dir(folder).unwrap();
    }
    write_small_data(&work.join("digits"));
    // Another set of the same name, where the command is typed, is not what the run was trained on.
    write_skewed_data(&other.join("digits"));
    let train = ["train", "--device", "cpu", "--data", "digits", "--steps", "2", "--quiet", "--out", "a"];
    let output = run(&[&train[..], &["--set", "batch_size=16", "--mode", "baseline"]].concat(), &work);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let place = work.join("digits").display().to_string();
    assert_eq!(json(&work.join("a/run.json"))["places"]["data"].as_str(), Some(&*place));
    assert_eq!(json(&work.join("a/run.json"))["config"]["setup"]["data"], "digits", "as it was given");
    let evaluate = |run_folder: &str| {
        let asked =
            ["evaluate", run_folder, "--device", "cpu", "--attack", "fgsm", "--epsilon", "0.1", "--quiet"];
        run(&asked, &other)
    };
    let output = evaluate("../work/a");
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Eight images are held out of the run's own data.
    assert!(text(&output.stdout).lines().nth(1).unwrap().contains(" 8 "), "{}", text(&output.stdout));
    let again = ["train", "--config", "../work/a/run.json", "--device", "cpu", "--quiet", "--out", "b"];
    let output = run(&again, &other);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(json(&other.join("b/run.json"))["data"]["train_images"], 48);

    // The whole folder moves: the data lie beside the run.
    std::fs::remove_dir_all(other.join("digits")).unwrap();
    let moved = scratch.path().join("moved");
    std::fs::rename(&work, &moved).unwrap();
    let output = evaluate("../moved/a");
    assert!(output.status.success(), "{}", text(&output.stderr));
    // They are gone: every place is told, and the way out.
    std::fs::remove_dir_all(moved.join("digits")).unwrap();
    let output = evaluate("../moved/a");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [&place, "moved/a/digits", "moved/digits", "other/digits", "--data"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn epochs_are_counted_by_the_batches_that_there_are() {
    let scratch = tempfile::tempdir().unwrap();
    write_small_data(&scratch.path().join("digits"));
    // 48 images: one batch of 8192, or one of 32 and 16 over.
    for (batch_size, out, is_told) in [("8192", "a", false), ("32", "b", true)] {
        let flags = ["train", "--device", "cpu", "--data", "digits", "--epochs", "2", "--mode", "baseline"];
        let batches = format!("batch_size={batch_size}");
        let further = ["--set", &batches, "--set", "report_every_steps=1", "--out", out];
        let output = run(&[&flags[..], &further].concat(), scratch.path());
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let metrics = std::fs::read_to_string(scratch.path().join(out).join("metrics.csv")).unwrap();
        let epochs: Vec<&str> = metrics.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        assert_eq!(epochs, ["1", "2"], "{metrics}");
        assert_eq!(json(&scratch.path().join(out).join("run.json"))["final"]["epoch"], 2.0);
        assert_eq!(said.contains("16 of the 48 are left out"), is_told, "{said}");
        assert!(text(&output.stdout).contains("at step 2, epoch 2, after"), "{}", text(&output.stdout));
    }
}

#[test]
fn the_examples_of_several_attacks_have_files_of_their_own() {
    let scratch = tempfile::tempdir().unwrap();
    tiny(scratch.path(), "a", &["--quiet"]);
    let base = ["evaluate", "a", "--device", "cpu", "--samples", "8", "--steps", "2", "--epsilon", "1/255"];
    let several = ["--attack", "fgsm,pgd-l2", "--save-examples", "s.npz"];
    let output = run(&[&base[..], &several].concat(), scratch.path());
    for attack in ["fgsm", "pgd-l2"] {
        let name = format!("s-{attack}-{}.npz", 1.0 / 255.0);
        assert!(scratch.path().join(&name).is_file() && text(&output.stdout).contains(&name), "{name}");
    }
}

#[test]
fn a_checkpoint_is_evaluated_and_its_examples_saved() {
    use ndarray::{Array1, Array4};
    let scratch = tempfile::tempdir().unwrap();
    tiny(scratch.path(), "a", &["--quiet"]);
    let base = ["evaluate", "a/checkpoint.safetensors", "--device", "cpu", "--samples", "20"];
    let attack = ["--attack", "ifgsm", "--steps", "2", "--epsilon", "8/255", "--target", "least-likely"];
    let save = ["--save-examples", "x.npz", "--out", "e"];
    let output = run(&[&base[..], &attack, &save].concat(), scratch.path());
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(table.contains("least-likely") && table.contains("0.0314") && table.contains(" 20 "), "{table}");
    for file in ["robustness.csv", "robustness.json", "robustness.png"] {
        assert!(scratch.path().join("e").join(file).is_file(), "{file}");
    }
    let archive = std::fs::File::open(scratch.path().join("x.npz")).unwrap();
    let mut archive = ndarray_npy::NpzReader::new(archive).unwrap();
    let images: Array4<u8> = archive.by_name("clean").unwrap();
    let adversarial: Array4<f32> = archive.by_name("float").unwrap();
    let bytes: Array4<u8> = archive.by_name("uint8").unwrap();
    let labels: Array1<i64> = archive.by_name("labels").unwrap();
    let said: Array1<i64> = archive.by_name("float_predictions").unwrap();
    assert_eq!((images.dim(), adversarial.dim()), ((20, 1, 28, 28), (20, 1, 28, 28)));
    assert!(images.iter().zip(&bytes).all(|(clean, byte)| clean.abs_diff(*byte) <= 8), "exactly in the ball");
    let farthest = images.iter().zip(&adversarial).map(|(x, a)| (f32::from(*x) / 255.0 - a).abs());
    let farthest = farthest.fold(0.0, f32::max);
    assert!((farthest - 8.0 / 255.0).abs() < 1e-5, "inside the ball, and at its edge: {farthest}");
    let robust = labels.iter().zip(&said).filter(|(label, said)| label == said).count();
    let evaluation = json(&scratch.path().join("e/robustness.json"));
    assert_eq!(
        evaluation["attacks"][0]["robust"]["hits"], robust,
        "the examples are those that were counted"
    );

    let thorough = ["--attack", "apgd-t,fab-t,square,cw-l2,deepfool-l2", "--steps", "3", "--quiet"];
    let output = run(&[&base[..], &thorough, &["--epsilon", "8/255"]].concat(), scratch.path());
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["apgd-t", "fab-t", "square", "cw-l2", "deepfool-l2"] {
        assert!(table.contains(name), "{name}: {table}");
    }

    for (flags, expected) in [
        (&["--epsilon", "0.1,x"][..], "--epsilon: 'x' is not a number"),
        (&["--epsilon", "-0.1"], "-0.1 is out of range"),
        (&["--attack", "fgsm", "--epsilon", "2"], "fgsm takes radii from 0 to 1"),
        (&["--attack", "noise,square", "--target", "random"], "no such attack can aim"),
        (&["--save-examples", "nowhere/y.npz"], "is no file in a folder that is there"),
        (&["--data", "nowhere"], "nowhere"),
        (&["--out", "a"], "a is not empty"),
        (&["--device", "abacus"], "no adapter's name contains 'abacus'"),
    ] {
        let output = run(&[&base[..2], flags].concat(), scratch.path());
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {complaint}");
        assert!(complaint.contains(expected), "{flags:?}: {complaint}");
    }
    let whole = std::fs::read(scratch.path().join("a/checkpoint.safetensors")).unwrap();
    std::fs::write(scratch.path().join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    let output = run(&["evaluate", "cut.safetensors"], scratch.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cut.safetensors is not a checkpoint"), "{}", text(&output.stderr));
}

#[cfg(unix)]
mod signals_and_limits {
    use std::io::{BufRead, BufReader, Read as _};
    use std::process::{Child, Stdio};

    use super::*;

    /// A run that would take hours.
    fn long(folder: &Path, further: &[&str]) -> Child {
        let flags =
            ["train", "--device", "cpu", "--steps", "1000000", "--out", "a", "--set", "batch_size=16"];
        let reports = ["--set", "report_every_steps=1"];
        let mut command = crate::listening(env!("CARGO_BIN_EXE_great-lab"));
        command.args([&flags[..], &reports, further].concat()).current_dir(folder).env_remove("RUST_LOG");
        command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    fn signal(child: &Child, name: &str) {
        assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    }

    /// Reads what the child says until a line holds `word`.
    fn wait_for(reader: &mut impl BufRead, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "it ended without saying '{word}'");
        }
    }

    #[test]
    fn an_interrupted_run_is_kept_whole() {
        for (name, status) in [("-INT", 130), ("-TERM", 143)] {
            let scratch = tempfile::tempdir().unwrap();
            let mut child = long(scratch.path(), &["--set", "evaluate_samples=8"]);
            let mut said = BufReader::new(child.stderr.take().unwrap());
            wait_for(&mut said, "step ");
            signal(&child, name);
            said.read_to_string(&mut String::new()).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(status), "{name}");
            for file in FILES {
                assert!(scratch.path().join("a").join(file).is_file(), "{name}: {file}");
            }
            let summary = json(&scratch.path().join("a/run.json"));
            assert_eq!(
                (&summary["outcome"], &summary["final"]["evaluation"]["clean"]["n"]),
                (&"interrupted".into(), &8.into())
            );
            let output =
                run(&["evaluate", "a", "--device", "cpu", "--samples", "8", "--steps", "1"], scratch.path());
            assert!(output.status.success(), "the checkpoint is usable: {}", text(&output.stderr));
        }
    }

    #[test]
    fn a_second_interrupt_ends_the_program_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let slow = ["--set", "evaluate_samples=2000", "--set", "attack_steps=1000"];
        let mut child = long(scratch.path(), &slow);
        let mut said = BufReader::new(child.stderr.take().unwrap());
        wait_for(&mut said, "step ");
        signal(&child, "-INT");
        wait_for(&mut said, "Ctrl-C skips it");
        signal(&child, "-INT");
        said.read_to_string(&mut String::new()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(json(&scratch.path().join("a/run.json"))["outcome"], "interrupted");
        assert!(scratch.path().join("a/checkpoint.safetensors").is_file());
    }

    #[test]
    fn a_file_that_does_not_fit_is_named_and_left_out() {
        let scratch = tempfile::tempdir().unwrap();
        // Files of 100 blocks at most stand for a full disk: the checkpoint is larger, and so may the recording be.
        let script = format!(
            // None by the clock, which has a complaint of its own.
            "trap '' XFSZ; ulimit -f 100; exec '{}' {} --checkpoint-every 0 --quiet --out a",
            env!("CARGO_BIN_EXE_great-lab"),
            TINY.join(" ")
        );
        let output = Command::new("sh").args(["-c", &script]).current_dir(scratch.path()).output().unwrap();
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        let (start, checkpoint) = ("error: cannot write a/", "cannot write a/checkpoint.safetensors: ");
        assert!(complaint.starts_with(start) && complaint.contains(checkpoint), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        let left = std::fs::read_dir(scratch.path().join("a")).unwrap();
        let left: Vec<_> = left.map(|entry| text(entry.unwrap().file_name().as_encoded_bytes())).collect();
        assert!(left.contains(&"metrics.csv".into()), "the numbers are kept: {left:?}");
        let is_ours = |file: &String| FILES.contains(&file.as_str()) || is_earlier(file);
        assert!(left.iter().all(is_ours), "no part is left: {left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("file"), "").unwrap();
        let output = run(&[&TINY[..], &["--quiet", "--out", "file/a"]].concat(), scratch.path());
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with("error: cannot write file/a: "), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }

    #[test]
    fn a_reader_that_goes_away_is_no_panic() {
        let scratch = tempfile::tempdir().unwrap();
        let script = format!("'{}' train --help | head -n 1", env!("CARGO_BIN_EXE_great-lab"));
        let output = Command::new("sh").args(["-c", &script]).current_dir(scratch.path()).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    }
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    tiny(folder, "run", &["--set", "epsilon=0.1"]);
    let attacks = ["--attack", "fgsm,pgd,pgd-l2", "--target", "untargeted,random", "--epsilon", "0.05,0.1"];
    let further = ["--samples", "40", "--device", "cpu", "--quiet", "--report", "r.html", "--out", "figures"];
    let output = run(&[&["evaluate", "run"], &attacks[..], &further[..]].concat(), folder);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(folder.join("r.html")).unwrap();
    assert_eq!(page, std::fs::read_to_string(folder.join("figures/report.html")).unwrap());
    // What stands between "base64," and the next quotation mark is a picture.
    let written: String =
        page.split("base64,").flat_map(|part| part.split_once('"').map(|(_, after)| after)).collect();
    for foreign in ["http", "<script", "<link", "url(", "NaN", "inf"] {
        assert!(!written.contains(foreign), "{foreign}");
    }
    let figures = json(&folder.join("figures/robustness.json"));
    explains_folder(&folder.join("figures"));
    for chart in ["robustness.png", "robustness_l2.png"] {
        assert!(folder.join("figures").join(chart).is_file(), "each norm has its own: {chart}");
    }
    let worst = &figures["worst_case"][0]["points"][1]["robust"];
    let percent = |share: &serde_json::Value| format!("{:.1} %", 100.0 * share["value"].as_f64().unwrap());
    for expected in [
        "worst case at ε = 0.1, L∞",
        "worst case at ε = 0.1, L2",
        "Accuracy against ε, L2",
        "<svg",
        "data:image/png;base64,",
        "What is mistaken for what",
        "Ankle boot",
        "Not audited",
        &percent(worst),
        &percent(&figures["clean"]),
        &format!("n = {}", worst["n"]),
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert_eq!(page.matches("class=\"sample\"").count(), 2 * 8, "of each norm");
    let bad = run(&["evaluate", "run", "--report", "nowhere/r.html"], folder);
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad.stderr).contains("--report: nowhere/r.html"), "{}", text(&bad.stderr));
}
