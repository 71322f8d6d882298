//! With mixed precision a network computes what it computes in f32, as far as 16 bits go: derivatives of both orders
//! against PyTorch's, samples that it is sure of, and whole training steps. On software Vulkan.

use crate::adapter::with_16_bits;
use crate::golden::Golden;
use burn::tensor::{Device, Tensor};
use great_lab::config::{Config, Hyper, Mode, Players, Precision, ScenarioKind, Setup};
use great_lab::data::embedded;
use great_lab::gpu::gradient_normalization::Scale;
use great_lab::gpu::{Choice, logit_gradient, normalize_gradient, open};
use great_lab::nn::network::{Interface, Statistics};
use great_lab::nn::{Network, Weights, loss};
use great_lab::scenario::{Defense, Distillation, Scenario};

/// Some ten layers there and twice as many back round each entry to 2⁻¹¹ of it, and what entries that cancel were off by
/// stays; the largest distance here is 5e-3.
const TOLERANCE: f32 = 1e-2;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.without_autodiff().into_data().try_into_vec().unwrap()
}

/// The length of the difference, as a share of the length of what it should be.
fn distance(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    let difference = length(&mut got.iter().zip(expected).map(|(got, expected)| got - expected));
    difference / length(&mut expected.iter().copied()).max(f32::MIN_POSITIVE)
}

/// The golden file's main network as it is trained in mixed precision, with its weights.
fn network(golden: &Golden, device: &Device) -> (Network, Weights) {
    let interface = Interface { image: golden.setting("image_shape"), classes: golden.setting("classes") };
    let statistics = Statistics {
        mean: golden.entries("main.normalize.mean").to_vec(),
        deviation: golden.entries("main.normalize.std").to_vec(),
    };
    let network = Network::main(golden.architecture(), interface, &statistics);
    let weights = golden.weights("main", &network, device);
    (network, weights)
}

/// With SiLU: where a rounded entry has another sign, a ReLU's slope is another one, so gradients of the same network differ
/// by whole entries, in any 16 bits.
#[test]
fn derivatives_of_both_orders_are_pytorchs() {
    let Some(opened) = with_16_bits() else { return };
    let device = opened.device;
    let golden = Golden::load("cnn-small-silu", TOLERANCE);
    let (single, weights) = network(&golden, &device);
    let network = single.in_precision(Precision::Mixed);
    let (images, labels) = (golden.images("x", &device), golden.one_hot("y", &device));
    let (gradient, logits) = network.input_gradient(&weights, images.clone(), labels.clone());
    for (what, got) in [("logits", values(logits)), ("input_gradient", values(gradient))] {
        let distance = distance(&got, golden.entries(what));
        assert!(distance < TOLERANCE, "{what}: {distance}");
        assert!(distance > 1e-5, "{what} was not stored in 16 bits: {distance}");
    }

    let scale = network.loss_scale(images.dims()[0]);
    let weight: f64 = golden.setting("input_gradient_weight");
    for name in ["grad_normalized_rms", "grad_normalized_max", "grad_input_gradient"] {
        let theta = weights.tracked();
        let (gradient, logits) = network.input_gradient(&theta, images.clone(), labels.clone());
        let objective = match name {
            "grad_normalized_rms" => {
                (normalize_gradient(gradient, Scale::RootMeanSquare) * images.clone()).sum()
            }
            "grad_normalized_max" => (normalize_gradient(gradient, Scale::Largest) * images.clone()).sum(),
            _ => loss::cross_entropy(logits, labels.clone()) + loss::squared_norm(gradient) * weight,
        };
        let gradients = theta.gradients(&mut (objective * scale).backward());
        for (spec, gradient) in network.specs.iter().zip(gradients.0) {
            let got: Vec<f32> = values(gradient).iter().map(|entry| entry / scale as f32).collect();
            let distance = distance(&got, golden.entries(&format!("{name}.{}", spec.name)));
            assert!(distance < TOLERANCE, "{name} of {}: {distance}", spec.name);
        }
    }
}

/// Beside one that it is not sure of: each is scaled by itself. 16 bits know nothing between 6e-8 and 0.
#[test]
fn a_sample_that_the_network_is_sure_of_keeps_its_gradient() {
    let Some(opened) = with_16_bits() else { return };
    let device = opened.device;
    let golden = Golden::load("cnn-small-silu", TOLERANCE);
    let (single, weights) = network(&golden, &device);
    let (images, labels) = (golden.images("x", &device), golden.one_hot("y", &device));
    let gradient = |network: &Network| {
        let (logits, tapes) = network.forward(&weights, images.clone());
        let n = logits.dims()[0];
        let factors: Vec<f32> = (0..n).map(|index| if index % 2 == 0 { 1.0 } else { 1e-9 }).collect();
        let factors = Tensor::<1>::from_floats(factors.as_slice(), &device).reshape([n, 1]);
        let cotangent = logit_gradient(logits, labels.clone()) * factors;
        values(network.input_vjp(tapes, cotangent))
    };
    let expected = gradient(&single);
    let got = gradient(&single.in_precision(Precision::Mixed));
    let entries = images.dims()[1..].iter().product();
    for (index, (got, expected)) in got.chunks(entries).zip(expected.chunks(entries)).enumerate() {
        let distance = distance(got, expected);
        assert!(distance < TOLERANCE, "sample {index}: {distance}");
    }
}

/// Losses of some steps of each scenario: those of both networks, from the same weights.
#[test]
fn training_goes_as_in_f32() {
    let Some(opened) = with_16_bits() else { return };
    let device = opened.device;
    let data = embedded::load().unwrap();
    let statistics = Statistics { mean: vec![0.286], deviation: vec![0.353] };
    let losses = |scenario: ScenarioKind, precision: Precision| -> Vec<[f32; 2]> {
        let setup = Setup {
            scenario,
            mode: Mode::GreatGreace,
            width: 0.5,
            auxiliary_width: 0.5,
            batch_size: 16,
            precision,
            teacher_steps: 1,
            ..Setup::default()
        };
        let hyper = Hyper { ramp: 0.0, ..Hyper::default() };
        let mut game: Box<dyn Scenario> = match scenario {
            ScenarioKind::Defense => Box::new(Defense::new(&setup, &data, &statistics, &device)),
            _ => Box::new(Distillation::new(&setup, &data, &statistics, None, &device)),
        };
        game.prepare(&hyper);
        game.take_measures();
        let mut step = |step| {
            game.step(step, &hyper, Players::Both);
            let sums = values(game.take_measures().unwrap().sums);
            [sums[0], sums[2]]
        };
        (0..20).map(&mut step).collect()
    };
    for scenario in [ScenarioKind::Defense, ScenarioKind::Distillation] {
        let [single, mixed] =
            [Precision::Single, Precision::Mixed].map(|precision| losses(scenario, precision));
        for (step, (single, mixed)) in single.iter().zip(&mixed).enumerate() {
            // The auxiliary network's follows the gradient tensors, and those the signs of what the ReLUs read.
            for (single, mixed, tolerance) in [(single[0], mixed[0], 0.02), (single[1], mixed[1], 0.1)] {
                let difference = (single - mixed).abs();
                assert!(difference < tolerance * single, "{scenario} {step}: {mixed} for {single}");
            }
        }
        assert_ne!(single, mixed, "{scenario}");
    }
}

#[test]
fn who_cannot_is_told_so() {
    let cpu = open(&Choice::Cpu).unwrap().info;
    let mut config = Config::default();
    assert_eq!(config.setup.refusal(&cpu), None);
    config.setup.precision = Precision::Mixed;
    let refusal = config.setup.refusal(&cpu).unwrap();
    assert!(refusal.contains("CPU has none"), "{refusal}");
    let Some(opened) = with_16_bits() else { return };
    let able = opened.info;
    assert_eq!(config.setup.refusal(&able), None);
    config.setup.scenario = ScenarioKind::Multitask;
    assert!(config.setup.refusal(&able).unwrap().contains("several tasks"));
}
