//! Networks of other people's making, read from the files of both of PyTorch's exporters: what they say, their gradients, and
//! the gradients of these, beside PyTorch's.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use great_lab::config::{AuxiliaryKind, Hyper, Mode, NetworkKind, OptimizerKind, Players, Setup};
use great_lab::data::load_from;
use great_lab::gpu::logit_gradient;
use great_lab::nn::loss::{NO_TERMS, Terms, great_objective};
use great_lab::nn::network::{Interface, Statistics};
use great_lab::nn::onnx::{self, About, Imported};
use great_lab::nn::optimizer::Rates;
use great_lab::nn::weights::Init;
use great_lab::nn::{Network, Optimizer, Pretrained, WeightSpec, Weights};
use great_lab::scenario::{Defense, Scenario};
use great_lab::train::proposal;
use safetensors::SafeTensors;

use crate::adapter::gpu;

/// Of the largest entry of each tensor.
const TOLERANCE: f32 = 1e-4;
/// The same where a GPU sums in another order, with less exact roots and exponentials.
const TOLERANCE_ON_GPU: f32 = 1e-3;
/// A tensor whose largest entry is this share of the largest of all is 0 but for rounding: a bias before a norm.
const NEGLIGIBLE: f32 = 1e-3;
/// Of the step, as `make_own.py` has them.
const ALPHA: f64 = 0.5;
const BETA: f64 = 0.3;
const SCALE: f64 = 30.0;
const WIDTH: f64 = 0.5;

const NETWORKS: [&str; 12] = [
    "resnet",
    "preact-resnet",
    "wide-resnet",
    "wide-resnet-silu",
    "vgg",
    "densenet",
    "mobilenet-v2",
    "mobilenet-v3",
    "efficientnet",
    "convnext",
    "vit",
    "odd",
];

fn path(name: &str) -> String {
    format!("{}/tests/oracle/golden/own/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn open(name: &str, exporter: &str, image: Option<[usize; 3]>) -> Imported {
    let bytes = std::fs::read(path(&format!("{name}-{exporter}.onnx"))).unwrap();
    let nothing = |_: &str, _: usize, _: usize| Err("there is none".to_owned());
    onnx::read(bytes.into(), image, &nothing).unwrap_or_else(|error| panic!("{name}-{exporter}: {error}"))
}

fn largest(entries: &[f32]) -> f32 {
    entries.iter().fold(0.0, |largest, entry| largest.max(entry.abs()))
}

/// What PyTorch says, by the name of each tensor.
struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn of(name: &str) -> Self {
        Self { bytes: std::fs::read(path(&format!("{name}.safetensors"))).unwrap() }
    }

    fn floats(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        let entries = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (entries.collect(), view.shape().to_vec())
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (values, shape) = self.floats(name);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn labels(&self) -> Vec<usize> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let entries = file.tensor("y").unwrap();
        entries.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as usize).collect()
    }

    /// Labels as one-hot rows.
    fn one_hot(&self, classes: usize, device: &Device) -> Tensor<2> {
        let labels = self.labels();
        let mut rows = vec![0.0f32; labels.len() * classes];
        rows.chunks_exact_mut(classes).zip(&labels).for_each(|(row, label)| row[*label] = 1.0);
        Tensor::from_data(TensorData::new(rows, [labels.len(), classes]), device)
    }

    /// The tensor with the gradient of each weight of each exporter's file.
    fn steps(&self) -> BTreeMap<String, String> {
        let (_, metadata) = SafeTensors::read_metadata(&self.bytes).unwrap();
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["step"]).unwrap()
    }

    /// Fails where a tensor is further off than allowed.
    fn hold<const D: usize>(&self, name: &str, found: Tensor<D>, (of, tolerance): (&str, f32)) {
        let (expected, shape) = self.floats(name);
        assert_eq!(found.dims().to_vec(), shape, "{of}: {name}");
        let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
        let largest = expected.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= tolerance * largest, "{of}: {name} is off by {off:e} of {largest:e}");
        assert!(largest > 0.0, "{of}: {name} is 0 and says nothing");
    }
}

/// Logits, gradient and the gradient's own, from the files of both exporters.
fn check_derivatives(name: &str, device: &Device, tolerance: f32) {
    let golden = Golden::of(name);
    let x: Tensor<4> = golden.tensor("x", device);
    let [_, c, h, w] = x.dims();
    for exporter in ["script", "dynamo"] {
        let of = format!("{name}-{exporter}");
        let of = (&*of, tolerance);
        // The file says how large its images are, and so do the data.
        let Imported { network, values, .. } = open(name, exporter, Some([c, h, w]));
        assert_eq!(open(name, exporter, None).network, network, "{of:?}");
        let one_hot = golden.one_hot(network.interface.classes, device);
        let weights = Weights::from_values(values, device);
        let (gradient, logits) = network.input_gradient(&weights, x.clone(), one_hot.clone());
        golden.hold("logits", logits, of);
        golden.hold("gradient", gradient, of);
        // Double backpropagation: the gradient of an expression that has the gradient in it.
        let tracked = x.clone().autodiff().require_grad();
        let (logits, tapes) = network.forward(&weights.tracked(), tracked.clone());
        let gradient = network.input_vjp(tapes, logit_gradient(logits, one_hot.autodiff()));
        let v: Tensor<4> = golden.tensor("v", device);
        let mut gradients = (gradient * v.autodiff()).sum().backward();
        golden.hold("curvature", tracked.grad_remove(&mut gradients).unwrap(), of);
    }
}

#[test]
fn they_say_what_pytorch_says_and_so_do_their_derivatives() {
    NETWORKS.into_iter().for_each(|name| check_derivatives(name, &Device::flex(), TOLERANCE));
}

/// The gradients of all weights in a step of GREAT and GREACE, from the files of both exporters.
fn check_step(name: &str, device: &Device, tolerance: f32) {
    let golden = Golden::of(name);
    let which = golden.steps();
    let most = which.values().map(|step| largest(&golden.floats(step).0)).fold(0.0, f32::max);
    assert!(most > 0.0, "{name}: it says nothing");
    let x: Tensor<4> = golden.tensor("x", device);
    let [_, c, h, w] = x.dims();
    for exporter in ["script", "dynamo"] {
        let of = format!("{name}-{exporter}");
        let Imported { network, values, .. } = open(name, exporter, Some([c, h, w]));
        let classes = network.interface.classes;
        let one_hot = golden.one_hot(classes, device);
        let auxiliary =
            Network::auxiliary(AuxiliaryKind::GroupNorm, WIDTH, Interface { image: [c, h, w], classes });
        let of_auxiliary = auxiliary.specs.iter().map(|spec| golden.floats(&format!("h.{}", spec.name)).0);
        let of_auxiliary = Weights::from_values(of_auxiliary, device);
        let theta = Weights::from_values(values, device).tracked();
        let (logits, tapes) = network.forward(&theta, x.clone());
        let gradient = network.input_vjp(tapes, logit_gradient(logits.clone(), one_hot.clone()));
        let read = auxiliary.logits(&of_auxiliary, gradient * SCALE);
        let terms = Terms { alpha: ALPHA, beta: BETA, ..NO_TERMS };
        let objective = great_objective(logits, read, one_hot, terms);
        let Weights(gradients) = theta.gradients(&mut objective.backward());
        for (spec, found) in network.specs.iter().zip(gradients) {
            let step = which.get(&format!("{exporter}:{}", spec.name));
            let step = step.unwrap_or_else(|| panic!("{of}: {} is not in the golden file", spec.name));
            let (expected, _) = golden.floats(step);
            let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
            assert_eq!(found.len(), expected.len(), "{of}: {}", spec.name);
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let allowed = tolerance * largest(&expected).max(NEGLIGIBLE * most);
            assert!(off <= allowed, "{of}: {} is off by {off:e}, and {allowed:e} is allowed", spec.name);
        }
    }
}

/// All networks but MobileNetV3, because PyTorch has no second derivative of its hardsigmoid.
#[test]
fn a_step_of_great_and_greace_has_pytorchs_gradients_of_all_weights() {
    let known = NETWORKS.into_iter().filter(|name| *name != "mobilenet-v3");
    known.for_each(|name| check_step(name, &Device::flex(), TOLERANCE));
}

#[test]
fn on_a_gpu_they_say_the_same() {
    let Some(opened) = gpu() else { return };
    for name in ["resnet", "vit"] {
        check_derivatives(name, &opened.device, TOLERANCE_ON_GPU);
        check_step(name, &opened.device, TOLERANCE_ON_GPU);
    }
}

#[test]
fn a_file_is_written_again_with_the_weights_that_training_has_made() {
    let device = Device::flex();
    let nothing = |_: &str, _: usize, _: usize| Err("there is none".to_owned());
    for name in NETWORKS {
        let x: Tensor<4> = Golden::of(name).tensor("x", &device);
        let [_, c, h, w] = x.dims();
        for (exporter, pixels) in [("script", "none"), ("dynamo", "0.45,0.5,0.55/0.2,0.25,0.3")] {
            let of = format!("{name}-{exporter}");
            let bytes = std::fs::read(path(&format!("{of}.onnx"))).unwrap();
            let (kept, imported) = Pretrained::read(bytes.into(), [c, h, w], pixels, &nothing).unwrap();
            // As if training had changed each weight by some percent.
            let changed = |(at, value): (usize, f32)| value * (1.0 + 0.05 * (at as f32 * 0.7).sin()) + 0.001;
            let changed = |(values, spec): (Vec<f32>, &WeightSpec)| match spec.init {
                Init::Fixed => values,
                _ => values.into_iter().enumerate().map(changed).collect(),
            };
            let changed: Vec<Vec<f32>> =
                imported.values.into_iter().zip(&imported.network.specs).map(changed).collect();
            let about = About { classes: vec!["ant".into(); 10], words: vec![("steps".into(), "7".into())] };
            let written = kept.written(&changed, &about).unwrap();
            let again = onnx::read(written.into(), Some([c, h, w]), &nothing).unwrap();
            assert!(again.words.iter().any(|(key, word)| key == "steps" && word == "7"), "{of}");
            let says = |network: &Network, values: Vec<Vec<f32>>| -> Vec<f32> {
                let logits = network.logits(&Weights::from_values(values, &device), x.clone());
                logits.into_data().try_into_vec().unwrap()
            };
            let (expected, found) = (says(&kept.network(), changed), says(&again.network, again.values));
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= 1e-5 * largest(&expected), "{of} is off by {off:e} of {:e}", largest(&expected));
        }
    }
}

#[test]
fn the_scaling_that_a_network_was_trained_with_is_proposed() {
    let data = load_from("fashion-mnist").unwrap();
    let statistics = Statistics { mean: vec![0.5], deviation: vec![0.5] };
    let setup = Setup { mode: Mode::Baseline, network: NetworkKind::Mlp, width: 2.0, ..Setup::default() };
    let mut defense = Defense::new(&setup, &data, &statistics, &Device::flex());
    (0..200).for_each(|step| defense.step(step, &Hyper::default(), Players::Both));
    let trained = defense.main();
    let values =
        trained.weights.0.iter().map(|tensor| tensor.clone().into_data().try_into_vec::<f32>().unwrap());
    let values: Vec<Vec<f32>> = values.collect();
    assert_eq!(proposal(&trained.network, &values, &data), None, "it scales pixels itself");
    let mut bare = trained.network.clone();
    bare.layers.remove(0);
    let said = proposal(&bare, &values, &data).expect("it is told");
    assert!(said.contains("as half has them"), "{said}");
}

/// The normalisation that robust networks of RobustBench have inside.
#[test]
fn what_pixels_are_scaled_by_is_not_trained() {
    for exporter in ["script", "dynamo"] {
        let Imported { network, values, .. } = open("wide-resnet", exporter, Some([3, 16, 16]));
        let fixed: Vec<_> = network.specs.iter().filter(|spec| spec.init == Init::Fixed).collect();
        assert_eq!(fixed.len(), 2, "{exporter}: {:?}", network.specs);
        assert!(fixed.iter().all(|spec| spec.len() == 3), "{exporter}");
        // And so no step changes them, whatever it is told.
        let device = Device::flex();
        let mut optimizer = Optimizer::of(OptimizerKind::Adam, &network.specs, &values, &device);
        let ones = values.iter().map(|values| vec![1.0; values.len()]);
        let rates = Rates { learning_rate: 0.1, weight_decay: 0.5, momentum: 0.0 };
        optimizer.step(&Weights::from_values(ones, &device), rates);
        for ((spec, before), after) in network.specs.iter().zip(&values).zip(optimizer.weights().0) {
            let is_same = after.into_data().try_into_vec::<f32>().unwrap() == *before;
            assert_eq!(is_same, spec.init == Init::Fixed, "{exporter}: {}", spec.name);
        }
    }
}
