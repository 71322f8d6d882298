//! The objectives, the softmax and their derivatives are what burn's own operations give.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::activation::{log_softmax, softmax as burn_softmax};
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{NO_TERMS, Slope, Terms, cross_entropy, great_objective, logit_gradient, logit_slope, softmax};
use crate::config::{Adversary, Push};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{Operand, ROWS, assert_close, assert_same, one_hot, values};

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
    let pushed = match terms.push {
        Push::Raw => a.clone(),
        Push::Centred => a.clone() - a.clone().mean_dim(1),
        Push::LogSoftmax => log_softmax(a.clone(), 1),
    };
    let classes = one_hot.dims()[1] as f64;
    let smooth = one_hot * (1.0 - terms.smoothing) + terms.smoothing / classes;
    (log_softmax(a, 1) * smooth).sum() / -n
        + (pressure * pushed).sum() / n * terms.beta
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
            for (alpha, beta, push, smoothing) in [
                (0.7, 0.3, Push::Raw, 0.0),
                (0.0, 0.3, Push::Centred, 0.0),
                (0.7, 0.3, Push::LogSoftmax, 0.2),
                (0.7, 0.0, Push::Raw, 0.2),
            ] {
                let terms = Terms { alpha, beta, push, adversary, smoothing };
                let burns = |[a, b, one_hot]: [Tensor<2>; 3]| objective(a, b, one_hot, terms);
                let expected = objective_and_gradients(&operands, &Device::flex(), burns);
                for (name, device) in devices() {
                    let got = objective_and_gradients(&operands, &device, |[a, b, one_hot]| {
                        great_objective(a, b, one_hot, terms)
                    });
                    let what = format!("{name} {shape:?} {terms:?}");
                    // A sum of terms of about 1 that may cancel: what it is rounded by is theirs.
                    let (value, burns) = (got[0][0], expected[0][0]);
                    assert!(
                        (value - burns).abs() <= 2e-6 * (1.0 + burns.abs()),
                        "{what}: {value} for {burns}"
                    );
                    for (part, (got, expected)) in got.iter().zip(&expected).enumerate().skip(1) {
                        assert_close(got, expected, &format!("{what}, {part}"));
                    }
                }
            }
        }
        let burns = |[a, b, one_hot]: [Tensor<2>; 3]| objective(a, b, one_hot, NO_TERMS);
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

/// Softmax does not see a shift of all logits, and no push but the raw one makes any.
#[test]
fn only_the_raw_push_sinks_all_logits_together() {
    let mut rng = StdRng::seed_from_u64(10);
    let shape = [7, 5];
    let [a, b] = [0, 1].map(|_| Operand::random(shape, &mut rng));
    let operands = [a, b, one_hot(shape, &mut rng)];
    for (push, sinks) in [(Push::Raw, true), (Push::Centred, false), (Push::LogSoftmax, false)] {
        let terms = Terms { beta: 2.0, push, ..NO_TERMS };
        for (name, device) in devices() {
            let [_, gradient, _] = objective_and_gradients(&operands, &device, |[a, b, one_hot]| {
                great_objective(a, b, one_hot, terms)
            });
            let largest = gradient.chunks(shape[1]).map(|row| row.iter().sum::<f32>().abs());
            let largest = largest.fold(0.0, f32::max);
            assert_eq!(largest > 1e-3, sinks, "{name}, {push}: {largest}");
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

/// The slopes by burn's operations; of logits of which no two are equal.
fn slope(logits: Tensor<2>, classes: Tensor<2>, slope: Slope) -> Tensor<2> {
    let others = logits.clone() - classes.clone() * 1e30;
    let largest = others.clone().max_dim(1);
    let own = (logits.clone() * classes.clone()).sum_dim(1);
    let raised = match slope {
        Slope::CrossEntropy => burn_softmax(logits, 1),
        Slope::Exact => burn_softmax(others, 1),
        Slope::Margin => others.equal(largest).float(),
        Slope::Scaled => burn_softmax(logits / (own - largest).abs(), 1),
    };
    raised - classes
}

const SLOPES: [Slope; 4] = [Slope::CrossEntropy, Slope::Exact, Slope::Margin, Slope::Scaled];

#[test]
fn slopes_are_burns() {
    let mut rng = StdRng::seed_from_u64(10);
    for shape in ROWS {
        let logits = Operand::random(shape, &mut rng);
        let classes = one_hot(shape, &mut rng);
        for form in SLOPES {
            // One class alone has no other to be taken for.
            let of = |device: &Device| match shape {
                [_, 1] => logits.on(device).zeros_like(),
                [0, _] => logits.on(device),
                _ => slope(logits.on(device), classes.on(device), form),
            };
            let expected = values(of(&Device::flex()));
            for (name, device) in devices() {
                let got = values(logit_slope(logits.on(&device), classes.on(&device), form));
                assert_close(&got, &expected, &format!("{name} {shape:?} {form:?}"));
            }
        }
    }
}

#[test]
fn slopes_outlive_the_cross_entropys() {
    for (name, device) in devices() {
        let on = |rows: [[f32; 4]; 3]| Tensor::<2>::from_floats(rows, &device);
        // Margins of 30, where p is 1, of 200, where all other p are 0, and none: two classes as likely.
        let logits = on([[31.0, 1.0, 0.0, -3e38], [200.0, 0.0, -1.0, -2.0], [5.0, 0.0, 5.0, -5.0]]);
        let labels = on([[1.0, 0.0, 0.0, 0.0]; 3]);
        let of = |form: Slope| values(logit_slope(logits.clone(), labels.clone(), form));
        let lost = of(Slope::CrossEntropy);
        assert_eq!((lost[0], &lost[4..8]), (0.0, &[0.0; 4][..]), "{name}");
        let q = 1.0 / (1.0 + (-1f32).exp());
        let [a, b] = [1.0, 2.0].map(|x: f32| (-x).exp());
        let sum = 1.0 + a + b;
        let exact = [-1.0, q, 1.0 - q, 0.0, -1.0, 1.0 / sum, a / sum, b / sum];
        assert_close(&of(Slope::Exact)[..8], &exact, name);
        let margin = [-1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0];
        assert_eq!(of(Slope::Margin), margin, "{name}");
        let scaled = of(Slope::Scaled);
        for row in scaled.chunks_exact(4) {
            assert!(row[0] < -0.2 && row.iter().sum::<f32>().abs() < 1e-6, "{name}: {scaled:?}");
        }
        assert_close(&scaled[8..], &[-0.5, 0.0, 0.5, 0.0], name);
    }
}
