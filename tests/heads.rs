//! What stands between the last convolution and the loss, and what is measured, is what burn's own operations give,
//! with its derivatives, on software Vulkan and on the CPU backend.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

#[path = "common/adapter.rs"]
mod adapter;

use adapter::devices;
use burn::tensor::activation::{log_softmax, softmax as burn_softmax};
use burn::tensor::{Device, Tensor, TensorData};
use great_lab::config::Adversary;
use great_lab::gpu::gradient_normalization::Scale;
use great_lab::gpu::measures::{Measured, SCALARS};
use great_lab::gpu::objective::Terms;
use great_lab::gpu::{
    add_measures, cross_entropy, global_mean, global_mean_vjp, great_objective, hits, linear, logit_gradient,
    normalize_gradient, normalize_pixels, normalize_pixels_vjp, softmax,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One of each; odd; an image of a data set; more samples than invocations of a workgroup; none.
const SHAPES: [[usize; 4]; 6] =
    [[1, 1, 1, 1], [3, 5, 7, 3], [2, 3, 32, 32], [70, 1, 9, 10], [1, 130, 4, 4], [0, 2, 3, 3]];

/// Rows, classes: one of each; more rows than invocations of a workgroup; many classes; none.
const ROWS: [[usize; 2]; 5] = [[1, 1], [7, 3], [200, 10], [3, 257], [0, 4]];

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// Values and their shape, on no device yet.
#[derive(Clone)]
struct Operand<const D: usize> {
    values: Vec<f32>,
    shape: [usize; D],
}

impl<const D: usize> Operand<D> {
    fn random(shape: [usize; D], rng: &mut StdRng) -> Self {
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-2.0..2.0)).collect();
        Self { values, shape }
    }

    fn on(&self, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.values.clone(), self.shape), device)
    }
}

/// One-hot rows of random classes.
fn one_hot([rows, classes]: [usize; 2], rng: &mut StdRng) -> Operand<2> {
    let mut values = vec![0.0; rows * classes];
    for row in values.chunks_exact_mut(classes) {
        row[rng.random_range(0..classes)] = 1.0;
    }
    Operand { values, shape: [rows, classes] }
}

/// Rounding of sums in another order and of other exponentials, against the largest of the values.
fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-6f32, |largest, value| largest.max(value.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let close = (got - expected).abs() <= 2e-5 * largest || got.is_nan() && expected.is_nan();
        assert!(close, "{what}: {got} for {expected} at {index}");
    }
}

/// The value of a function and, with `weight` as its cotangent, the cotangent of its operand.
fn with_derivative<const D: usize, const R: usize>(
    x: &Operand<D>,
    weight: &Operand<R>,
    device: &Device,
    function: impl Fn(Tensor<D>) -> Tensor<R>,
) -> [Vec<f32>; 2] {
    let device = device.clone().autodiff();
    let x = x.on(&device).require_grad();
    let y = function(x.clone());
    assert_eq!(y.dims(), weight.shape);
    let gradients = (y.clone() * weight.on(&device)).sum().backward();
    [values(y), values(x.grad(&gradients).expect("it is tracked"))]
}

/// Holds a function and its derivative against a formula of burn's operations.
fn assert_same<const D: usize, const R: usize>(
    what: &str,
    (x, weight): (&Operand<D>, &Operand<R>),
    ours: impl Fn(Tensor<D>) -> Tensor<R>,
    burns: impl Fn(Tensor<D>) -> Tensor<R>,
) {
    let expected = with_derivative(x, weight, &Device::flex(), burns);
    for (name, device) in devices() {
        let got = with_derivative(x, weight, &device, &ours);
        for (part, (got, expected)) in ["value", "derivative"].iter().zip(got.iter().zip(&expected)) {
            assert_close(got, expected, &format!("{name} {what} {:?} {part}", x.shape));
        }
    }
}

fn per_channel(values: &[f32], device: &Device) -> Tensor<4> {
    Tensor::<1>::from_floats(values, device).reshape([1, values.len(), 1, 1])
}

#[test]
fn pooling_and_pixel_normalisation_are_burns() {
    let mut rng = StdRng::seed_from_u64(5);
    for [n, c, h, w] in SHAPES {
        let (images, planes) =
            (Operand::random([n, c, h, w], &mut rng), Operand::random([n, c, 1, 1], &mut rng));
        let mean = |x: Tensor<4>| x.reshape([n, c, h * w]).mean_dim(2).reshape([n, c, 1, 1]);
        let spread = |gy: Tensor<4>| {
            let device = gy.device();
            gy / (h * w) as f64 * Tensor::ones([n, c, h, w], &device)
        };
        assert_same("mean", (&images, &planes), global_mean, mean);
        assert_same("spread", (&planes, &images), |gy| global_mean_vjp(gy, [h, w]), spread);

        let [means, deviations] =
            [0.1f32, 0.6].map(|least| (0..c).map(|_| least + rng.random::<f32>()).collect::<Vec<f32>>());
        let cotangent = Operand::random([n, c, h, w], &mut rng);
        assert_same(
            "normalize",
            (&images, &cotangent),
            |x| normalize_pixels(x, &means, &deviations),
            |x| {
                let device = x.device();
                (x - per_channel(&means, &device)) / per_channel(&deviations, &device)
            },
        );
        assert_same(
            "normalize back",
            (&images, &cotangent),
            |gy| normalize_pixels_vjp(gy, &deviations),
            |gy| {
                let device = gy.device();
                gy / per_channel(&deviations, &device)
            },
        );
    }
}

#[test]
fn linear_layers_and_their_gradients_are_burns() {
    let mut rng = StdRng::seed_from_u64(6);
    for [n, features, outputs] in [[1, 1, 1], [5, 7, 3], [64, 1024, 10], [130, 65, 17], [0, 3, 2]] {
        let [x, weight] = [[n, features], [outputs, features]].map(|shape| Operand::random(shape, &mut rng));
        let bias = Operand::random([outputs], &mut rng);
        let cotangent = Operand::random([n, outputs], &mut rng);
        let run = |device: &Device, layer: &dyn Fn([Tensor<2>; 2], Tensor<1>) -> Tensor<2>| {
            let device = device.clone().autodiff();
            let [x, weight] = [&x, &weight].map(|operand| operand.on(&device).require_grad());
            let bias = bias.on(&device).require_grad();
            let y = layer([x.clone(), weight.clone()], bias.clone());
            let gradients = (y.clone() * cotangent.on(&device)).sum().backward();
            let grad = |tensor: &Tensor<2>| values(tensor.grad(&gradients).expect("it is tracked"));
            let bias = values(bias.grad(&gradients).expect("it is tracked"));
            [values(y), grad(&x), grad(&weight), bias]
        };
        let burns = |[x, weight]: [Tensor<2>; 2], bias: Tensor<1>| {
            x.matmul(weight.transpose()) + bias.reshape([1, outputs])
        };
        let expected = run(&Device::flex(), &burns);
        for (name, device) in devices() {
            let got = run(&device, &|[x, weight], bias| linear(x, weight, bias));
            for (part, (got, expected)) in got.iter().zip(&expected).enumerate() {
                assert_close(got, expected, &format!("{name} {n}×{features}×{outputs}, {part}"));
            }
        }
    }
}

#[test]
fn only_tracked_operands_of_a_linear_layer_get_gradients() {
    let mut rng = StdRng::seed_from_u64(7);
    let [x, weight] = [[5, 7], [3, 7]].map(|shape| Operand::random(shape, &mut rng));
    let bias = Operand::random([3], &mut rng);
    for (name, device) in devices() {
        let device = device.autodiff();
        let (x, weight, bias) = (x.on(&device), weight.on(&device), bias.on(&device));
        let tracked = bias.clone().require_grad();
        let gradients = linear(x.clone(), weight.clone(), tracked.clone()).sum().backward();
        assert_eq!(values(tracked.grad(&gradients).unwrap()), [5.0; 3], "{name}");
        assert!(weight.grad(&gradients).is_none() && x.grad(&gradients).is_none(), "{name}");
        let tracked = x.clone().require_grad();
        let gradients = linear(tracked.clone(), weight.clone(), bias).sum().backward();
        assert!(weight.grad(&gradients).is_none(), "{name}");
        let expected = weight.sum_dim(0).expand([5, 7]);
        assert_close(&values(tracked.grad(&gradients).unwrap()), &values(expected), name);
    }
}

#[test]
fn softmax_and_its_jacobian_are_burns() {
    let mut rng = StdRng::seed_from_u64(8);
    for shape in ROWS {
        let [logits, cotangent] = [0, 1].map(|_| Operand::random(shape, &mut rng));
        let targets = one_hot(shape, &mut rng);
        let ours = |logits: Tensor<2>| {
            let targets = targets.on(&logits.device());
            logit_gradient(logits, targets)
        };
        let burns = |logits: Tensor<2>| {
            let targets = targets.on(&logits.device());
            burn_softmax(logits, 1) - targets
        };
        assert_same("logit gradient", (&logits, &cotangent), ours, burns);
        for (name, device) in devices() {
            let expected = values(burn_softmax(logits.on(&Device::flex()), 1));
            assert_close(&values(softmax(logits.on(&device))), &expected, name);
        }
    }
}

/// The objective by burn's operations.
fn objective(a: Tensor<2>, b: Tensor<2>, one_hot: Tensor<2>, terms: Terms) -> Tensor<1> {
    let n = a.dims()[0] as f64;
    let log_q = log_softmax(b, 1);
    let pressure = log_q.clone().without_autodiff().exp() * (one_hot.clone() * -1.0 + 1.0);
    let adversary = match terms.adversary {
        Adversary::Reversal => (log_q * one_hot.clone()).sum() / n,
        Adversary::Confusion => -log_q.mean(),
    };
    (log_softmax(a.clone(), 1) * one_hot).sum() / -n
        + (pressure * a).sum() / n * terms.beta
        + adversary * terms.alpha
}

/// An objective and its gradients with respect to both logits, for a cotangent that is not 1.
fn objective_and_gradients(
    operands: &[Operand<2>; 3],
    device: &Device,
    objective: impl Fn([Tensor<2>; 3]) -> Tensor<1>,
) -> [Vec<f32>; 3] {
    let device = device.clone().autodiff();
    let [a, b, one_hot] = operands.each_ref().map(|operand| operand.on(&device));
    let (a, b) = (a.require_grad(), b.require_grad());
    let objective = objective([a.clone(), b.clone(), one_hot]);
    let gradients = (objective.clone() * 1.7).backward();
    let grad = |leaf: &Tensor<2>| leaf.grad(&gradients).map(values).unwrap_or_default();
    [values(objective), grad(&a), grad(&b)]
}

#[test]
fn objectives_and_their_gradients_are_burns() {
    let mut rng = StdRng::seed_from_u64(9);
    // Not of no rows: a mean of nothing.
    for shape in &ROWS[..4] {
        let [a, b] = [0, 1].map(|_| Operand::random(*shape, &mut rng));
        let operands = [a, b, one_hot(*shape, &mut rng)];
        for adversary in [Adversary::Reversal, Adversary::Confusion] {
            for (alpha, beta) in [(0.7, 0.3), (0.0, 0.3), (0.7, 0.0)] {
                let terms = Terms { alpha, beta, adversary };
                let burns = |[a, b, one_hot]: [Tensor<2>; 3]| objective(a, b, one_hot, terms);
                let expected = objective_and_gradients(&operands, &Device::flex(), burns);
                for (name, device) in devices() {
                    let got = objective_and_gradients(&operands, &device, |[a, b, one_hot]| {
                        great_objective(a, b, one_hot, terms)
                    });
                    for (part, (got, expected)) in got.iter().zip(&expected).enumerate() {
                        assert_close(got, expected, &format!("{name} {shape:?} {terms:?}, {part}"));
                    }
                }
            }
        }
        let none = Terms { alpha: 0.0, beta: 0.0, adversary: Adversary::Reversal };
        let burns = |[a, b, one_hot]: [Tensor<2>; 3]| objective(a, b, one_hot, none);
        let expected = objective_and_gradients(&operands, &Device::flex(), burns);
        for (name, device) in devices() {
            let ours = |[a, _, one_hot]: [Tensor<2>; 3]| cross_entropy(a, one_hot);
            let got = objective_and_gradients(&operands, &device, ours);
            assert_close(&got[0], &expected[0], name);
            assert_close(&got[1], &expected[1], name);
            assert!(got[2].is_empty(), "{name}");
        }
    }
}

#[test]
fn large_logits_overflow_nothing_and_lose_nothing() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let row = [10_000.0f32, 10_001.0, -3e38];
        let logits = Tensor::<2>::from_floats([row], &device).require_grad();
        let targets = Tensor::<2>::from_floats([[1.0, 0.0, 0.0]], &device);
        // ln(1 + e), and the softmax of 0 and 1.
        let p = 1.0 / (1.0 + 1f32.exp());
        let loss = cross_entropy(logits.clone(), targets.clone());
        let gradient = values(logits.grad(&loss.backward()).expect("it is tracked"));
        assert_close(&values(loss), &[1.313_261_7], name);
        assert_close(&gradient, &[p - 1.0, 1.0 - p, 0.0], name);
        assert_close(&values(logit_gradient(logits, targets)), &[p - 1.0, 1.0 - p, 0.0], name);
    }
}

/// By burn's operations, of at least one sample.
fn normalized(x: Tensor<4>, scale: Scale) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let flat = x.reshape([n, c * h * w]);
    let size = match scale {
        Scale::RootMeanSquare => (flat.clone() * flat.clone()).mean_dim(1).add_scalar(1e-12).sqrt(),
        Scale::Largest => flat.clone().abs().max_dim(1).clamp_min(1e-12),
    };
    (flat / size).reshape([n, c, h, w])
}

#[test]
fn normalised_gradients_and_their_derivatives_are_burns() {
    let mut rng = StdRng::seed_from_u64(10);
    for shape in &SHAPES[..5] {
        let pixels = shape[1..].iter().product();
        let [mut x, cotangent] = [0, 1].map(|_| Operand::random(*shape, &mut rng));
        for (sample, values) in x.values.chunks_exact_mut(pixels).enumerate() {
            // As at a training's end and at its beginning, and nothing at all.
            let scale = [1e-5, 3.0, 1e-3, 0.0][sample % 4];
            values.iter_mut().for_each(|value| *value *= scale);
        }
        for scale in [Scale::RootMeanSquare, Scale::Largest] {
            let expected = with_derivative(&x, &cotangent, &Device::flex(), |x| normalized(x, scale));
            for (name, device) in devices() {
                let got = with_derivative(&x, &cotangent, &device, |x| normalize_gradient(x, scale));
                for (got, expected) in got.iter().zip(&expected) {
                    // Each sample against its own largest value: their derivatives differ by orders of magnitude.
                    let samples = got.chunks_exact(pixels).zip(expected.chunks_exact(pixels));
                    for (sample, (got, expected)) in samples.enumerate() {
                        assert_close(got, expected, &format!("{name} {shape:?} {scale:?} {sample}"));
                    }
                }
            }
        }
    }
}

#[test]
fn of_no_samples_there_is_nothing_to_normalise() {
    for (_, device) in devices() {
        for scale in [Scale::RootMeanSquare, Scale::Largest] {
            let none = Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 2, 3, 3]), &device);
            assert_eq!(normalize_gradient(none, scale).dims(), [0, 2, 3, 3]);
        }
    }
}

/// Where the largest value of each row is.
fn said(rows: &Operand<2>) -> Vec<usize> {
    let largest = |row: &[f32]| (0..row.len()).max_by(|i, j| row[*i].total_cmp(&row[*j])).expect("a class");
    rows.values.chunks_exact(rows.shape[1]).map(largest).collect()
}

#[test]
fn measures_of_steps_add_up() {
    let mut rng = StdRng::seed_from_u64(11);
    for ([n, k], image) in
        [([1, 1], [1, 1, 1]), ([7, 3], [3, 5, 5]), ([200, 10], [1, 9, 9]), ([3, 70], [2, 8, 9])]
    {
        let steps: Vec<_> = (0..2)
            .map(|_| {
                let [a, b] = [0, 1].map(|_| Operand::random([n, k], &mut rng));
                let [c, h, w] = image;
                (a, b, one_hot([n, k], &mut rng), Operand::random([n, c, h, w], &mut rng))
            })
            .collect();
        let mut expected = vec![0.0; SCALARS + k * k];
        for (a, b, targets, gradient) in &steps {
            let device = Device::flex();
            let origins = said(targets);
            for (at, logits) in [(0, a), (2, b)] {
                let loss = objective(
                    logits.on(&device),
                    b.on(&device),
                    targets.on(&device),
                    Terms { alpha: 0.0, beta: 0.0, adversary: Adversary::Reversal },
                );
                expected[at] += values(loss)[0];
                expected[at + 1] +=
                    said(logits).iter().zip(&origins).filter(|(said, y)| said == y).count() as f32;
            }
            expected[4] += values(gradient.on(&device).square().mean())[0];
            for (said, origin) in said(b).into_iter().zip(origins) {
                expected[SCALARS + origin * k + said] += 1.0;
            }
        }
        for (name, device) in devices() {
            let sum = || {
                let add =
                    |sums, (a, b, targets, gradient): &(Operand<2>, Operand<2>, Operand<2>, Operand<4>)| {
                        Some(add_measures(
                            sums,
                            Measured {
                                logits: a.on(&device),
                                auxiliary_logits: b.on(&device),
                                one_hot: targets.on(&device),
                                gradient: gradient.on(&device),
                            },
                        ))
                    };
                values(steps.iter().fold(None, add).expect("two steps"))
            };
            let got = sum();
            for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let near = if [0, 2, 4].contains(&index) { 2e-5 * expected.abs().max(1.0) } else { 0.0 };
                assert!((got - expected).abs() <= near, "{name} {n}×{k}: {got} for {expected} at {index}");
            }
            assert_eq!(got, sum(), "{name}: the same bits in every run");
        }
    }
}

#[test]
fn hits_are_rows_whose_largest_logit_is_the_wanted_one() {
    let mut rng = StdRng::seed_from_u64(12);
    for shape in ROWS {
        let (logits, wanted) = (Operand::random(shape, &mut rng), one_hot(shape, &mut rng));
        let each: Vec<f32> = said(&logits)
            .iter()
            .zip(said(&wanted))
            .map(|(said, wanted)| f32::from(u8::from(*said == wanted)))
            .collect();
        for (name, device) in devices() {
            let got = hits(logits.on(&device), wanted.on(&device));
            assert_eq!(values(got.each), each, "{name} {shape:?}");
            assert_eq!(values(got.count), [each.iter().sum::<f32>()], "{name} {shape:?}");
        }
    }
}
