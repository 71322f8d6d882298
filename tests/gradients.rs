//! Every layer's input gradient, and that one's own gradient, against finite differences in f64 on the CPU backend: in a
//! process of its own, because the numbers of a device can be chosen once.

use std::sync::OnceLock;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use great_lab::{
    config::{Activation, Adversary, AuxiliaryKind, AuxiliaryReads, NetworkKind, Normalization, Setup},
    gpu::{NoiseKey, NormForm},
    nn::{
        Layer, Network, WeightSpec, Weights,
        channel::Channel,
        layer::{forward, input_vjp},
        loss,
        network::{Interface, Statistics},
        weights::Init,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Central differences in f64 with this step have an error near 1e-10 of the third derivative.
const STEP: f64 = 1e-5;
/// Room for that error and for cancellation in sums of some hundred terms.
const TOLERANCE: f64 = 1e-6;

/// The CPU device, computing in f64; a device can be configured only once in a process.
fn device() -> Device {
    static CONFIGURED: OnceLock<Device> = OnceLock::new();
    let configure = || {
        let mut device = Device::flex();
        device.configure(FloatDType::F64).expect("flex computes in f64");
        device
    };
    CONFIGURED.get_or_init(configure).clone()
}

fn uniform(rng: &mut StdRng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn entries<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().expect("a tensor of numbers")
}

fn weights(values: &[Vec<f64>], device: &Device) -> Weights {
    Weights(values.iter().map(|entries| tensor(entries, [entries.len()], device)).collect())
}

/// Asserts that `analytic` is the gradient of `f` at `point`, entry by entry (every seventh where there are many).
fn assert_gradient(name: &str, point: &[f64], analytic: &[f64], mut f: impl FnMut(&[f64]) -> f64) {
    let stride = if point.len() > 60 { 7 } else { 1 };
    let scale = analytic.iter().fold(1e-3f64, |max, x| max.max(x.abs()));
    for index in (0..point.len()).step_by(stride) {
        let mut at = |offset: f64| {
            let mut moved = point.to_vec();
            moved[index] += offset;
            f(&moved)
        };
        let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        let error = (numeric - analytic[index]).abs() / scale;
        assert!(error < TOLERANCE, "{name}[{index}]: analytic {}, numeric {numeric}", analytic[index]);
    }
}

/// A layer (or a short chain), the shapes of its weights and of its input.
struct Case {
    name: &'static str,
    layers: Vec<Layer>,
    weights: Vec<usize>,
    input: [usize; 4],
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let conv =
        |kernel: usize, stride: usize| Layer::Conv { weight: 0, shape: [4, 3, kernel, kernel], stride };
    let silu = Layer::Activation(Activation::Silu);
    let norm = |groups: usize, activation| {
        let form = NormForm { groups, activation };
        Layer::GroupNorm { scale: 0, shift: 1, form }
    };
    vec![
        Case {
            name: "normalize",
            layers: vec![
                Layer::Normalize { mean: vec![0.1, 0.2, 0.3], deviation: vec![0.5, 0.7, 0.9] },
                silu.clone(),
            ],
            weights: vec![],
            input: [2, 3, 3, 3],
        },
        Case {
            name: "group norm, its input tracked",
            layers: vec![
                Layer::Conv { weight: 2, shape: [4, 3, 3, 3], stride: 1 },
                norm(2, Some(Activation::Relu)),
                silu.clone(),
            ],
            weights: vec![4, 4, 108],
            input: [2, 3, 4, 5],
        },
        Case {
            name: "group norm, silu, its input tracked",
            layers: vec![
                Layer::Conv { weight: 2, shape: [6, 3, 3, 3], stride: 1 },
                norm(3, Some(Activation::Silu)),
                Layer::Activation(Activation::Relu),
            ],
            weights: vec![6, 6, 162],
            input: [2, 3, 4, 5],
        },
        Case {
            name: "conv 3x3",
            layers: vec![conv(3, 1), silu.clone()],
            weights: vec![108],
            input: [2, 3, 4, 5],
        },
        Case {
            name: "conv 3x3 stride 2, even",
            layers: vec![conv(3, 2), silu.clone()],
            weights: vec![108],
            input: [2, 3, 6, 4],
        },
        Case {
            name: "conv 3x3 stride 2, odd",
            layers: vec![conv(3, 2), silu.clone()],
            weights: vec![108],
            input: [2, 3, 5, 7],
        },
        Case {
            name: "conv 1x1 stride 2",
            layers: vec![conv(1, 2), silu.clone()],
            weights: vec![12],
            input: [2, 3, 5, 4],
        },
        Case { name: "group norm", layers: vec![norm(2, None)], weights: vec![4, 4], input: [2, 4, 3, 2] },
        Case {
            name: "group norm, relu",
            layers: vec![norm(2, Some(Activation::Relu))],
            weights: vec![4, 4],
            input: [2, 4, 3, 5],
        },
        Case {
            name: "group norm, silu",
            layers: vec![norm(2, Some(Activation::Silu))],
            weights: vec![6, 6],
            input: [2, 6, 3, 7],
        },
        Case {
            name: "group norm, one group, one pixel",
            layers: vec![norm(1, None), silu.clone()],
            weights: vec![6, 6],
            input: [2, 6, 1, 1],
        },
        Case { name: "silu", layers: vec![silu.clone()], weights: vec![], input: [2, 3, 2, 2] },
        Case {
            name: "relu",
            layers: vec![Layer::Activation(Activation::Relu), conv(3, 1), silu.clone()],
            weights: vec![108],
            input: [1, 3, 4, 4],
        },
        Case {
            name: "global pool",
            layers: vec![silu.clone(), Layer::GlobalPool, silu.clone()],
            weights: vec![],
            input: [2, 3, 3, 5],
        },
        Case {
            name: "flatten and linear",
            layers: vec![
                silu.clone(),
                Layer::Flatten,
                Layer::Linear { weight: 0, bias: 1, shape: [3, 12] },
                silu.clone(),
            ],
            weights: vec![36, 3],
            input: [2, 3, 2, 2],
        },
        Case {
            name: "residual, identity",
            layers: vec![
                Layer::Residual {
                    body: vec![Layer::Conv { weight: 0, shape: [3, 3, 3, 3], stride: 1 }, silu.clone()],
                    shortcut: vec![],
                },
                silu.clone(),
            ],
            weights: vec![81],
            input: [2, 3, 4, 4],
        },
        Case {
            name: "residual, projection",
            layers: vec![
                Layer::Residual {
                    body: vec![conv(3, 2), silu.clone()],
                    shortcut: vec![Layer::Conv { weight: 1, shape: [4, 3, 1, 1], stride: 2 }],
                },
                silu,
            ],
            weights: vec![108, 12],
            input: [2, 3, 5, 4],
        },
    ]
}

/// `Σ c·y` for the chain's output, so that its input gradient is `input_vjp(c)`.
fn weighted_output(
    case: &Case,
    weights: &Weights,
    x: Tensor<4>,
    rng_seed: u64,
    device: &Device,
) -> (Tensor<1>, Tensor<4>) {
    let (y, tapes) = forward(&case.layers, weights, x);
    let shape = y.dims();
    let cotangent = uniform(&mut StdRng::seed_from_u64(rng_seed), shape.iter().product());
    let cotangent = tensor(&cotangent, shape, device);
    let gx = input_vjp(&case.layers, tapes, cotangent.clone());
    ((y * cotangent).sum(), gx)
}

#[test]
fn every_layers_input_vjp_is_the_gradient_of_its_output() {
    let device = device();
    for case in cases() {
        let mut rng = StdRng::seed_from_u64(7);
        let values: Vec<Vec<f64>> = case.weights.iter().map(|count| uniform(&mut rng, *count)).collect();
        let x = uniform(&mut rng, case.input.iter().product());
        let weights = weights(&values, &device);
        let (_, gx) = weighted_output(&case, &weights, tensor(&x, case.input, &device), 3, &device);
        assert_gradient(case.name, &x, &entries(gx), |x| {
            entries(weighted_output(&case, &weights, tensor(x, case.input, &device), 3, &device).0)[0]
        });
    }
}

#[test]
fn every_layers_second_derivative_is_the_gradient_of_its_input_gradient() {
    let device = device();
    for case in cases().iter().filter(|case| !case.weights.is_empty()) {
        let mut rng = StdRng::seed_from_u64(11);
        let values: Vec<Vec<f64>> = case.weights.iter().map(|count| uniform(&mut rng, *count)).collect();
        let x = uniform(&mut rng, case.input.iter().product());
        // A scalar that is not linear in the input gradient: Σ gx² / 2 + Σ d·gx.
        let direction = uniform(&mut rng, x.len());
        let scalar = |weights: &Weights| {
            let (_, gx) = weighted_output(case, weights, tensor(&x, case.input, &device), 5, &device);
            let direction = tensor(&direction, case.input, &device);
            (gx.clone() * (gx * 0.5 + direction)).sum()
        };
        let tracked = weights(&values, &device).tracked();
        let gradients = tracked.gradients(&mut scalar(&tracked).backward());
        for (index, gradient) in gradients.0.into_iter().enumerate() {
            let name = format!("{}, weight {index}", case.name);
            assert_gradient(&name, &values[index], &entries(gradient), |moved| {
                let mut values = values.clone();
                values[index] = moved.to_vec();
                entries(scalar(&weights(&values, &device)))[0]
            });
        }
    }
}

/// The GREAT objective of a whole network, for every normalisation and both adversaries.
#[test]
fn the_great_objective_is_differentiated_through_the_gradient_tensor() {
    check_great([2, 8, 8], NetworkKind::CnnSmall);
}

/// The same of linear layers on a point of a world.
#[test]
fn the_great_objective_of_linear_layers_is_differentiated_too() {
    check_great([2, 1, 1], NetworkKind::Mlp);
}

fn check_great(image: [usize; 3], network: NetworkKind) {
    let device = device();
    let interface = Interface { image, classes: 3 };
    let statistics = Statistics { mean: vec![0.4, 0.5], deviation: vec![0.3, 0.2] };
    let setup = Setup { network, width: 0.5, activation: Activation::Silu, ..Setup::default() };
    let main = Network::main(setup.architecture(), interface.clone(), &statistics);
    let auxiliary = Network::auxiliary(AuxiliaryKind::GroupNorm, 0.5, interface);
    let [channels, height, width] = image;
    let mut rng = StdRng::seed_from_u64(13);
    let draw = |specs: &[WeightSpec], rng: &mut StdRng| -> Vec<Vec<f64>> {
        let scale = |spec: &WeightSpec| {
            if let Init::Normal(deviation) = spec.init { f64::from(deviation) } else { 0.5 }
        };
        specs
            .iter()
            .map(|spec| uniform(rng, spec.len()).iter().map(|x| x * scale(spec) + 0.1).collect())
            .collect()
    };
    let theta = draw(&main.specs, &mut rng);
    let phi = weights(&draw(&auxiliary.specs, &mut rng), &device);
    let x: Vec<f64> = (0..2 * channels * height * width).map(|_| rng.random()).collect();
    let one_hot = tensor(&[1.0, 0.0, 0.0, 0.0, 0.0, 1.0], [2, 3], &device);

    for normalization in Normalization::ALL.iter().copied() {
        for adversary in [Adversary::Reversal, Adversary::Confusion] {
            let objective = |theta: &Weights| {
                let x = tensor(&x, [2, channels, height, width], &device);
                let (g, logits) = main.input_gradient(theta, x, one_hot.clone());
                let channel = Channel {
                    reads: AuxiliaryReads::Gradient,
                    normalization,
                    scale: 3.0,
                    batch: 2,
                    noise: 0.1,
                };
                let key = NoiseKey { stream: 5, pass: 0 };
                let read = channel.noisy(channel.scaled(g.clone()), key);
                let auxiliary_logits = auxiliary.logits(&phi, read);
                let terms = loss::Terms { alpha: 0.5, adversary, ..loss::NO_TERMS };
                loss::great_objective(logits, auxiliary_logits, one_hot.clone(), terms)
                    + loss::squared_norm(g) * 0.1
            };
            let tracked = weights(&theta, &device).tracked();
            let gradients = tracked.gradients(&mut objective(&tracked).backward());
            let last = main.specs.len() - 2;
            for index in [0, 1, 4, 6, last].into_iter().filter(|index| *index <= last) {
                let analytic = entries(gradients.0[index].clone());
                let step = (theta[index].len() / 5).max(1);
                let picked: Vec<usize> = (0..theta[index].len()).step_by(step).collect();
                let point: Vec<f64> = picked.iter().map(|entry| theta[index][*entry]).collect();
                let slope: Vec<f64> = picked.iter().map(|entry| analytic[*entry]).collect();
                let name = format!("{normalization} {adversary} {}", main.specs[index].name);
                assert_gradient(&name, &point, &slope, |moved| {
                    let mut theta = theta.clone();
                    for (entry, value) in picked.iter().zip(moved) {
                        theta[index][*entry] = *value;
                    }
                    entries(objective(&weights(&theta, &device)))[0]
                });
            }
        }
    }
}
