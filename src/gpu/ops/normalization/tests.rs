//! Pixels and gradient tensors at one scale, and their derivatives, are what burn's own operations give.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::gradients::Scale;
use super::{normalize_gradient, normalize_pixels, normalize_pixels_vjp};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{Operand, SHAPES, assert_close, assert_same, with_derivative};

fn per_channel(values: &[f32], device: &Device) -> Tensor<4> {
    Tensor::<1>::from_floats(values, device).reshape([1, values.len(), 1, 1])
}

#[test]
fn normalised_pixels_and_their_derivative_are_burns() {
    let mut rng = StdRng::seed_from_u64(5);
    for [n, c, h, w] in SHAPES {
        let images = Operand::random([n, c, h, w], &mut rng);
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
