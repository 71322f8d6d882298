//! Networks of somebody's own by the real binary: an ONNX file is looked at, attacked and audited as what the lab trained is.

use std::path::Path;
use std::process::{Command, Output};

use ndarray::{Array1, Array2, Array4, ArrayView3};
use ndarray_npy::NpzReader;

fn lab(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_great-lab")).args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A small network, trained for a moment into `a` and written as `model.onnx`.
fn train(folder: &Path) {
    let knobs = ["evaluate_every_steps=0", "evaluate_samples=8", "probe_every_steps=0", "width=0.5"];
    let knobs = knobs.map(|knob| ["--set", knob]).concat();
    let flags = ["train", "--device", "cpu", "--mode", "baseline", "--steps", "80", "--quiet", "--out", "a"];
    said(&lab(&[&flags[..], &knobs].concat(), folder));
    said(&lab(&["export", "a", "model.onnx"], folder));
}

/// The rows of the CSV file of an evaluation.
fn attacked(folder: &Path, network: &[&str], out: &str) -> Vec<String> {
    let flags = ["--attack", "fgsm,pgd,square", "--epsilon", "0.02,0.1", "--steps", "10", "--samples", "40"];
    let rest = ["--device", "cpu", "--quiet", "--out", out];
    said(&lab(&[&["evaluate"], network, &flags, &rest].concat(), folder));
    let text = std::fs::read_to_string(folder.join(out).join("robustness.csv")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_file_is_attacked_as_the_run_is_that_it_came_from() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder);
    let data = ["model.onnx", "--data", "fashion-mnist"];
    let expected = attacked(folder, &["a"], "of-run");
    let found = attacked(folder, &data, "of-file");
    // The same but for the steps that a run was trained for.
    let without_step = |rows: &[String]| -> Vec<String> {
        rows.iter().map(|row| row.split_once(',').unwrap().1.to_owned()).collect()
    };
    assert!(found.len() > 4, "{found:?}");
    assert_eq!(without_step(&found), without_step(&expected));
    let report = std::fs::read_to_string(folder.join("of-file/report.html")).unwrap();
    assert!(report.contains("model.onnx") && report.contains("4 Conv"), "the report says of what");

    // Another scaling is told, and nothing is written over.
    let scaled = said(&lab(
        &[&["inspect"], &data[..], &["--mean", "0.5", "--std", "0.5", "--device", "cpu"]].concat(),
        folder,
    ));
    assert!(scaled.contains("before it sees them: pixels less [0.5], by [0.5]"), "{scaled}");
    let other = ["--mean", "0.5", "--std", "0.5", "--attack", "fgsm", "--samples", "20", "--device", "cpu"];
    let output = lab(&[&["evaluate"], &data[..], &other, &["--out", "of-file"]].concat(), folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("of-file"), "{said}");
    let standardised = ["--epsilon-scale", "standardised", "--device", "cpu"];
    let output = lab(&[&["evaluate"], &data[..], &standardised].concat(), folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("of an ONNX file --std says it"), "{said}");
}

#[test]
fn gradients_logits_and_predictions_are_those_of_the_run() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder);
    let data = ["model.onnx", "--data", "fashion-mnist"];
    // Gradients and logits, for anybody's check.
    let mut seen = Vec::new();
    for (network, out) in [(&["a"][..], "run.npz"), (&data, "file.npz")] {
        let text = said(&lab(
            &[&["inspect"], network, &["--samples", "40", "--device", "cpu", "--out", out]].concat(),
            folder,
        ));
        assert!(text.contains("of 40 held-out images of") && text.contains("‖∇x J‖₂"), "{text}");
        let mut archive = NpzReader::new(std::fs::File::open(folder.join(out)).unwrap()).unwrap();
        let logits: Array2<f32> = archive.by_name("logits").unwrap();
        let gradients: Array4<f32> = archive.by_name("gradients").unwrap();
        let labels: Array1<i64> = archive.by_name("labels").unwrap();
        assert_eq!((logits.dim(), gradients.dim(), labels.len()), ((40, 10), (40, 1, 28, 28), 40));
        seen.push((logits, gradients, labels));
    }
    let [(logits, gradients, labels), other] = &seen[..] else { panic!("there are two") };
    let off = |a: &[f32], b: &[f32]| {
        let largest = a.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
    };
    assert!(off(logits.as_slice().unwrap(), other.0.as_slice().unwrap()) < 1e-5);
    // Where a ReLU reads what rounding alone keeps from 0, an image has another gradient.
    let largest = gradients.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
    let of_image = |a: ArrayView3<'_, f32>, b: ArrayView3<'_, f32>| {
        a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
    };
    let images = gradients.outer_iter().zip(other.1.outer_iter()).map(|(a, b)| of_image(a, b));
    let mut images: Vec<f32> = images.collect();
    images.sort_by(f32::total_cmp);
    assert!(images[37] < 1e-5 && images[39] < 1e-2, "{images:?}");
    assert_eq!(labels, &other.2);

    // Of a picture, too, with the classes that the lab has written into its file.
    let pixels: Vec<u8> = (0..28 * 28 * 3).map(|pixel| (pixel / 3 % 28 * 9) as u8).collect();
    std::fs::write(folder.join("ramp.png"), great_lab::show::png::encode([28, 28], &pixels)).unwrap();
    let predicted = ["a", "model.onnx"].map(|network| {
        let text = said(&lab(&["predict", network, "ramp.png", "--device", "cpu", "--json"], folder));
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        (found[0]["classes"][0]["class"].clone(), found[0]["fooled"]["epsilon"].as_f64().unwrap())
    });
    assert_eq!(predicted[0].0, predicted[1].0);
    assert!((predicted[0].1 - predicted[1].1).abs() < 1e-3, "{predicted:?}");
}

/// The losses of a run's reports.
fn losses(run: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    let column = text.lines().next().unwrap().split(',').position(|name| name == "loss").unwrap();
    text.lines().skip(1).map(|row| row.split(',').nth(column).unwrap().parse().unwrap()).collect()
}

const UNMEASURED: [&str; 6] =
    ["--set", "evaluate_every_steps=0", "--set", "evaluate_samples=8", "--set", "probe_every_steps=0"];

#[test]
fn a_file_is_trained_on_and_its_run_needs_it_no_more() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder);
    let flags = ["train", "--device", "cpu", "--data", "fashion-mnist", "--mode", "great", "--quiet"];
    let begins = ["--pretrained", "model.onnx", "--set", "alpha=0.3", "--set", "ramp=0", "--steps", "20"];
    said(&lab(&[&flags[..], &begins, &UNMEASURED, &["--out", "b"]].concat(), folder));
    let (anew, on) = (losses(&folder.join("a")), losses(&folder.join("b")));
    assert!(on[0] < 0.75 * anew[0] && on[0] < 1.5 * anew[anew.len() - 1], "{on:?} after {anew:?}");

    // A teacher from the same file, and a student that begins as it.
    let distill = ["distill", "--device", "cpu", "--teacher", "model.onnx", "--pretrained", "model.onnx"];
    let short = ["--steps", "3", "--quiet", "--out", "c"];
    said(&lab(&[&distill[..], &UNMEASURED, &short].concat(), folder));

    // All that is in its checkpoint; the file may go.
    std::fs::remove_file(folder.join("model.onnx")).unwrap();
    let resumed = ["train", "--resume", "b", "--steps", "30", "--device", "cpu", "--quiet"];
    said(&lab(&resumed, folder));
    assert_eq!(losses(&folder.join("b")).len(), 3);
    let text = said(&lab(&["inspect", "b"], folder));
    assert!(text.contains("model.onnx trained by great on fashion-mnist"), "{text}");
    let text = said(&lab(&["export", "b", "again.onnx"], folder));
    assert!(text.contains("again.onnx: model.onnx, as the file that it came from"), "{text}");
    let expected = attacked(folder, &["b"], "of-run");
    let found = attacked(folder, &["again.onnx", "--data", "fashion-mnist"], "of-file");
    let without_step = |rows: &[String]| -> Vec<String> {
        rows.iter().map(|row| row.split_once(',').unwrap().1.to_owned()).collect()
    };
    assert_eq!(without_step(&found), without_step(&expected));
    said(&lab(&["inspect", "c"], folder));
    let output = lab(&["export", "again.onnx", "twice.onnx"], folder);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && text.contains("is an ONNX file already; name a run"),
        "{text}"
    );
}

#[test]
fn a_file_that_a_run_cannot_begin_as_is_refused_in_words() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let golden = format!("{}/tests/oracle/golden/own/resnet-script.onnx", env!("CARGO_MANIFEST_DIR"));
    std::fs::write(folder.join("none.onnx"), "nothing of the kind").unwrap();
    let refused = |arguments: &[&str], words: &str| {
        let end = ["--device", "cpu", "--steps", "2", "--out", "never"];
        let output = lab(&[arguments, &end].concat(), folder);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(words), "{words}: {said}");
        assert!(!folder.join("never").exists(), "{said}");
    };
    refused(&["train", "--pretrained", "gone.onnx"], "gone.onnx cannot be read (looked at ");
    refused(&["train", "--pretrained", "none.onnx"], "none.onnx: it is no whole ONNX file");
    std::fs::write(folder.join("weights.pt"), "PK").unwrap();
    refused(&["train", "--pretrained", "weights.pt"], "weights.pt: write it as ONNX");
    refused(&["distill", "--teacher", "weights.pt"], "weights.pt: write it as ONNX");
    refused(&["train", "--pretrained", "."], "it is a folder; a run goes on by --resume or --fork");
    refused(&["train", "--pretrained", &golden], "the images of the data are [N, 1, 28, 28]");
    refused(&["train", "--pretrained", &golden, "--data", "moons"], "a world of points is learned by mlp");
    refused(&["train", "--pretrained", &golden, "--network", "mlp"], "the network comes from a file");
    refused(&["train", "--mean", "0.5"], "no network from a file is trained on");
    refused(&["multitask", "--pretrained", &golden], "the scenario multitask");
    refused(&["distill", "--teacher", &golden], "the images of the data are [N, 1, 28, 28]");
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let golden = |name: &str| format!("{}/tests/oracle/golden/own/{name}", env!("CARGO_MANIFEST_DIR"));
    let resnet = golden("resnet-script.onnx");
    let whole = std::fs::read(&resnet).unwrap();
    std::fs::write(folder.join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.join("none.onnx"), "nothing of the kind").unwrap();
    let text = said(&lab(&["inspect", &golden("wide-resnet-dynamo.onnx")], folder));
    assert!(text.contains("images [N, 3, 16, 16] to logits [N, 10]") && text.contains("Conv"), "{text}");
    let text = said(&lab(&["inspect", &golden("vgg-script.onnx")], folder));
    assert!(text.contains("it ends in a softmax, which is left out"), "{text}");
    let refused = |arguments: &[&str], expected: &str| {
        let output = lab(arguments, folder);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    };
    refused(&["inspect", "cut.onnx"], "it is no whole ONNX file");
    refused(&["inspect", "none.onnx"], "it is no whole ONNX file");
    refused(&["inspect", "nowhere.onnx"], "cannot read nowhere.onnx");
    refused(&["evaluate", &resnet], "an ONNX file does not say what it was trained on");
    refused(
        &["evaluate", &resnet, "--data", "fashion-mnist"],
        "it takes [any, 3, 32, 32], and the images of the data are [N, 1, 28, 28]",
    );
    let with = |flags: &[&'static str]| [vec!["inspect", &*resnet], flags.to_vec()].concat();
    refused(&with(&["--mean", "imagenet", "--std", "0.2"]), "the mean imagenet has its own");
    refused(&with(&["--mean", "0.1,0.2"]), "2 numbers for 3 channels");
    refused(&with(&["--mean", "cifar10,0.1"]), "cifar10 has a number for each channel already");
    refused(&with(&["--mean", "mnist"]), "mnist is no number, and none of half, cifar10, imagenet");
    refused(&with(&["--mean", "72.9"]), "72.9 is no mean of pixels in [0, 1]");
    std::fs::write(folder.join("model.pt"), "of another program").unwrap();
    refused(&["inspect", "model.pt"], "write it as ONNX");
    refused(&with(&["--std", "0"]), "0 is no standard deviation");
}
