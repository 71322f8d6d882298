//! `great-lab predict`: the real binary on pictures, held against the network itself.

use std::path::Path;
use std::process::{Command, Output};

use burn::tensor::{Tensor, TensorData};
use great_lab::attack::{Goal, Recipe, Victim};
use great_lab::config::Norm;
use great_lab::gpu::{Slope, read, softmax};
use great_lab::show::png;
use great_lab::train::checkpoint::Checkpoint;

fn lab(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_great-lab")).args(arguments).current_dir(folder).output().unwrap()
}

/// The result as JSON.
fn predict(folder: &Path, images: &[&str]) -> serde_json::Value {
    let output = lab(&[&["predict", "a", "--device", "cpu", "--json"], images].concat(), folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Trains for a few steps into `a`.
fn train(folder: &Path, flags: &[&str]) {
    let knobs = ["--set", "evaluate_every_steps=0", "--set", "probe_every_steps=0", "--quiet", "--out", "a"];
    let output = lab(&[&["train", "--device", "cpu", "--mode", "baseline"], flags, &knobs].concat(), folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_says_what_the_network_says_and_what_fools_it_does() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder, &["--steps", "60", "--set", "width=0.5"]);
    let data = great_lab::data::load_from("fashion-mnist").unwrap();
    let image = &data.test.pixels[..784];
    let rgb: Vec<u8> = image.iter().flat_map(|pixel| [*pixel; 3]).collect();
    std::fs::write(folder.join("same.png"), png::encode([28, 28], &rgb)).unwrap();
    std::fs::write(folder.join("wide.png"), png::encode([60, 28], &[200; 60 * 28 * 3])).unwrap();
    let found = predict(folder, &["same.png", "wide.png"]);
    let [same, wide] = [&found[0], &found[1]];
    assert_eq!((&same["file"], same["changes"].as_array().map(Vec::len)), (&"same.png".into(), Some(0)));
    assert_eq!(wide["changes"][0], "60 × 28 pixels, of which the middle 28 × 28 became 28 × 28");

    let device = great_lab::gpu::open(&great_lab::gpu::Choice::Cpu).unwrap().device;
    let checkpoint = Checkpoint::open(&folder.join("a")).unwrap();
    let subject = checkpoint.subject(&device);
    let pixels: Vec<f32> = image.iter().map(|pixel| f32::from(*pixel) / 255.0).collect();
    let image = Tensor::<4>::from_data(TensorData::new(pixels, [1, 1, 28, 28]), &device);
    let says = |image: &Tensor<4>| {
        let logits = subject.network.logits(&subject.weights, image.clone());
        pollster::block_on(read(softmax(logits))).unwrap()
    };
    let expected = says(&image);
    for likely in same["classes"].as_array().unwrap() {
        let class = data.classes.iter().position(|name| likely["class"] == name.as_str()).unwrap();
        assert!((likely["probability"].as_f64().unwrap() - f64::from(expected[class])).abs() < 1e-6);
    }
    let likeliest = |of: &[f32]| (0..10).max_by(|a, b| of[*a].total_cmp(&of[*b])).unwrap();
    let class = likeliest(&expected);
    assert_eq!(same["classes"][0]["class"], data.classes[class].as_str());

    // The gradient tensor, by central differences along its largest entry.
    let gradient: Vec<f64> =
        same["gradient"]["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let at = (0..784).max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs())).unwrap();
    let loss = |off: f32| {
        let mut moved: Vec<f32> = image.clone().into_data().try_into_vec().unwrap();
        moved[at] += off;
        let moved = Tensor::<4>::from_data(TensorData::new(moved, [1, 1, 28, 28]), &device);
        -f64::from(says(&moved)[class]).ln()
    };
    let slope = (loss(0.01) - loss(-0.01)) / 0.02;
    assert!((slope - gradient[at]).abs() < 0.05 * slope.abs() + 1e-3, "{slope}, {}", gradient[at]);

    // At the radius that is told an attack succeeds; the class is what the network says then.
    let epsilon = same["fooled"]["epsilon"].as_f64().unwrap();
    assert!(epsilon > 0.0 && epsilon < 0.5, "{epsilon}");
    let victim = Victim::new(&subject.network, &subject.weights);
    let mut one_hot = vec![0.0f32; 10];
    one_hot[class] = 1.0;
    let goal = Goal::AwayFrom(Tensor::from_data(TensorData::new(one_hot, [1, 10]), &device));
    let fools = |epsilon: f64| {
        let recipe = Recipe::pgd(Norm::Linf, epsilon, 50).along(Slope::Margin);
        let mut random = rand::SeedableRng::seed_from_u64(1);
        likeliest(&says(&victim.perturb(&image, &goal, &recipe, &mut random))) != class
    };
    assert!(fools(1.1 * epsilon) && !fools(0.7 * epsilon), "it is about the smallest");
}

#[test]
fn what_is_no_picture_is_refused_before_anything_is_computed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder, &["--data", "moons", "--steps", "3"]);
    std::fs::write(folder.join("good.png"), png::encode([8, 8], &[9; 192])).unwrap();
    std::fs::write(folder.join("text.png"), "no picture at all").unwrap();
    for (image, says) in [
        ("good.png", "the network reads points of a world, and no pictures"),
        ("absent.png", "cannot read absent.png"),
    ] {
        let output = lab(&["predict", "a", image], folder);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(says), "{image}: {said}");
        assert!(said.lines().count() == 1 && output.stdout.is_empty(), "{said}");
    }
    std::fs::remove_dir_all(folder.join("a")).unwrap();
    train(folder, &["--steps", "1", "--set", "width=0.25"]);
    let output = lab(&["predict", "a", "good.png", "text.png"], folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2), "{said}");
    assert!(
        said.contains("text.png is not a picture for this network: this is no picture in PNG, JPEG"),
        "{said}"
    );
}

#[test]
fn it_is_taken_elsewhere_and_what_cannot_be_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    train(folder, &["--data", "moons", "--steps", "3"]);
    let export = |run: &str, file: &str| lab(&["export", run, file], folder);
    std::fs::write(folder.join("model.onnx"), "of before").unwrap();
    let written = export("a", "model.onnx");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let said = String::from_utf8_lossy(&written.stdout);
    assert!(
        said.contains("mlp × 1, from images [N, 2, 1, 1] with pixels in [0, 1] to logits [N, 2]"),
        "{said}"
    );
    // The first field: IR version 8.
    assert!(std::fs::read(folder.join("model.onnx")).unwrap().starts_with(&[0x08, 8]));
    assert!(export("a", "weights.npz").status.success());
    let file = std::fs::File::open(folder.join("weights.npz")).unwrap();
    let mut archive = ndarray_npy::NpzReader::new(file).unwrap();
    let weight: ndarray::Array2<f32> = archive.by_name("hidden1.weight").unwrap();
    let (network, values) = Checkpoint::open(&folder.join("a")).unwrap().main();
    let at = network.specs.iter().position(|spec| spec.name == "hidden1.weight").unwrap();
    assert_eq!((weight.dim(), weight.iter().copied().collect::<Vec<_>>()), ((16, 2), values[at].clone()));

    let torch = || lab(&["export", "a", "for-torch", "--torch"], folder);
    assert!(torch().status.success());
    let kept = std::fs::read_to_string(folder.join("for-torch/network.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!((kept["network"].as_str(), kept["depth"].as_u64()), (Some("mlp"), Some(2)));
    assert!(std::fs::read(folder.join("for-torch/weights.pt")).unwrap().starts_with(b"PK"));
    assert!(std::fs::read_to_string(folder.join("for-torch/network.py")).unwrap().contains("def load("));
    let again = torch();
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(2) && said.contains("is there and is no empty folder"), "{said}");

    let refused = |run: &str, file: &str, expected: &str| {
        let output = export(run, file);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{said}");
        assert!(!folder.join(file).is_file(), "{file} is left out");
    };
    refused("a", "model.pt", "ends in .onnx (the network) or .npz");
    refused("nowhere", "b.onnx", "cannot read nowhere");
    std::fs::remove_dir_all(folder.join("a")).unwrap();
    train(folder, &["--data", "moons", "--steps", "3", "--set", "input_transform=noise"]);
    refused("a", "c.onnx", "adds noise to its input that is drawn anew each time");
}
