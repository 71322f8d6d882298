//! Both steps are what plain loops compute, and take whatever tensors there are.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{attack_step, attack_step_l2};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{SPECIALS, gradients, tensor, values};

#[test]
fn one_attack_step_by_hand() {
    for (name, device) in devices() {
        let x = tensor(&[0.5, 0.5, 0.5, 0.95, 0.05, 0.6], [1, 1, 2, 3], &device);
        let gradient = tensor(&[3.0, -0.1, 0.0, 1.0, -1.0, 1.0], [1, 1, 2, 3], &device);
        let clean = tensor(&[0.5, 0.5, 0.5, 0.95, 0.05, 0.5], [1, 1, 2, 3], &device);
        let stepped = values(attack_step(x, gradient, clean, 0.25, 0.125));
        // Up and down to ε, not at all, to white, to black, back into the ball.
        assert_eq!(stepped, [0.625, 0.375, 0.5, 1.0, 0.0, 0.625], "{name}");
    }
}

#[test]
fn an_attack_starts_at_the_clean_images_themselves() {
    for (name, device) in devices() {
        let clean = tensor(&[0.5, 0.5, 0.95], [1, 1, 1, 3], &device);
        let gradient = tensor(&[3.0, -0.1, 1.0], [1, 1, 1, 3], &device);
        let stepped = values(attack_step(clean.clone(), gradient, clean, 0.25, 0.125));
        assert_eq!(stepped, [0.625, 0.375, 1.0], "{name}");
    }
}

/// What [`attack_step`] computes, in plain tensor operations.
fn attack_step_reference(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    // Not `sign()`: what that makes of NaN differs from backend to backend.
    let sign = gradient.clone().greater_elem(0.0).float() - gradient.lower_elem(0.0).float();
    let near = (x_adv + sign * step).max_pair(clean.clone() - epsilon).min_pair(clean + epsilon);
    near.clamp(0.0, 1.0)
}

/// What [`attack_step_l2`] computes, in plain tensor operations.
fn attack_step_l2_reference(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    let norm = |images: Tensor<4>| {
        let [n, c, h, w] = images.dims();
        let flat = images.reshape([n, c * h * w]);
        (flat.clone() * flat).sum_dim(1).sqrt().clamp_min(1e-12).reshape([n, 1, 1, 1])
    };
    let offset = x_adv + gradient.clone() / norm(gradient) * step - clean.clone();
    let factor = (norm(offset.clone()).recip() * epsilon).clamp_max(1.0);
    (clean + offset * factor).clamp(0.0, 1.0)
}

#[test]
fn l2_attack_step_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(3);
    for (name, device) in devices() {
        for shape in [[1, 1, 1, 1], [3, 1, 5, 17], [70, 2, 7, 9], [2, 3, 32, 32], [0, 3, 4, 4]] {
            let count = shape.iter().product();
            let clean: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let x: Vec<f32> = clean.iter().map(|pixel| pixel + rng.random_range(-0.1..0.1)).collect();
            // A gradient of nothing moves nothing.
            let scale = if count == 1 { 0.0 } else { 1e-3 };
            let gradient: Vec<f32> = (0..count).map(|_| scale * rng.random_range(-1.0..1.0)).collect();
            // Out of the ball, and not.
            for (step, epsilon) in [(0.2, 0.5), (-3.0, 0.5), (0.3, 9.0)] {
                for at_clean in [false, true] {
                    let start = if at_clean { &clean } else { &x };
                    let on = |device: &Device| {
                        [start, &gradient, &clean].map(|values| tensor(values, shape, device))
                    };
                    let [x, gradient, clean] = on(&device);
                    let x = if at_clean { clean.clone() } else { x };
                    let got = values(attack_step_l2(x, gradient, clean, step, epsilon));
                    let [x, gradient, clean] = on(&Device::flex());
                    let expected = values(attack_step_l2_reference(x, gradient, clean, step, epsilon));
                    assert_eq!(got.len(), expected.len());
                    for (got, expected) in got.iter().zip(&expected) {
                        assert!(
                            (got - expected).abs() < 1e-5,
                            "{name} {shape:?} {step}: {got} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn attack_step_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(1);
    let shapes = [[1, 1, 1, 1], [0, 3, 4, 4], [3, 1, 5, 17], [1, 1, 16, 16], [2, 3, 7, 9], [70, 3, 128, 130]];
    for (name, device) in devices() {
        for shape in shapes {
            let count = shape.iter().product();
            let clean: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let x: Vec<f32> = clean.iter().map(|pixel| pixel + rng.random_range(-0.1..0.1)).collect();
            let gradient = gradients(count, &SPECIALS, &mut rng);
            for (step, epsilon) in [(0.02, 0.1), (-0.02, 0.1), (0.3, 0.0)] {
                let on =
                    |device: &Device| [&x, &gradient, &clean].map(|values| tensor(values, shape, device));
                let [x, gradient, clean] = on(&device);
                let stepped = attack_step(x, gradient, clean, step, epsilon);
                assert_eq!(stepped.dims(), shape);
                let [x, gradient, clean] = on(&Device::flex());
                let expected = values(attack_step_reference(x, gradient, clean, step, epsilon));
                let stepped = values(stepped);
                assert!(stepped == expected, "{name} {shape:?} step {step} ε {epsilon}");
            }
        }
    }
}

#[test]
fn steps_of_autodiff_tensors_between_burns_operations() {
    let gradient = [1.0, -2.0, 0.5, 4.0, -8.0, 0.25];
    for (name, device) in devices() {
        let device = device.autodiff();
        let ones = || tensor(&[1.0; 6], [1, 1, 2, 3], &device);
        let stepped = attack_step(ones(), tensor(&gradient, [1, 1, 2, 3], &device), ones(), 0.5, 0.25);
        assert!(!stepped.is_autodiff());
        assert_eq!(values(stepped.clone()), [1.0, 0.75, 1.0, 1.0, 0.75, 1.0], "{name}");
        // Between burn's own operations, which it fuses and defers.
        let halved = attack_step(stepped.clone() * 0.5, stepped.clone(), stepped, 0.125, 0.5) * 2.0;
        assert_eq!(values(halved), [1.25, 1.0, 1.25, 1.25, 1.0, 1.25], "{name}");
    }
}
