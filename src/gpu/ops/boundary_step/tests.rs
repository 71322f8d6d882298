//! FAB's step computes what plain tensor operations compute, and lands on the boundary, on software Vulkan and on the CPU.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Reach, boundary_step};
use crate::config::Norm;
use crate::gpu::launch::test_device::devices;

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("all tensors here are of f32")
}

fn reach(norm: Norm) -> Reach {
    Reach { norm, overshoot: 1.05, most_bias: 0.1 }
}

/// `yes` where `mask` is one, `no` where it is zero.
fn pick(mask: &Tensor<4>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    yes * mask.clone() + no * (mask.clone() * -1.0 + 1.0)
}

/// The sum over each sample, `[N, 1, 1, 1]`.
fn sum(images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    images.reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1])
}

fn length(norm: Norm, images: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let flat = images.reshape([n, c * h * w]);
    let lengths: Tensor<2> = match norm {
        Norm::Linf => flat.abs().max_dim(1),
        Norm::L2 => (flat.clone() * flat).sum_dim(1).sqrt(),
    };
    lengths.reshape([n, 1, 1, 1])
}

/// The projection's offset, with the level by bisection: another way to the same number. In L2, slopes below 1e-8 do not count.
fn project(norm: Norm, images: &Tensor<4>, normal: &Tensor<4>, excess: Tensor<4>) -> Tensor<4> {
    let side = excess.clone().greater_equal_elem(0.0).float() * 2.0 - 1.0;
    let normal = normal.clone() * side.clone();
    let direction = normal.clone().greater_elem(0.0).float() - normal.clone().lower_elem(0.0).float();
    let falls = normal.clone().greater_elem(0.0).float();
    let wall = pick(&falls, images.clone(), images.clone() * -1.0 + 1.0);
    let steep = normal.clone().abs().greater_elem(1e-8).float();
    let slope = if norm == Norm::L2 { normal.abs() * steep } else { normal.abs() };
    let (weight, cap) = match norm {
        Norm::Linf => (slope.clone(), wall),
        Norm::L2 => (slope.clone() * slope.clone(), wall / slope.clone().clamp_min(1e-8)),
    };
    let amount = excess * side;
    let mut low = amount.zeros_like();
    // Above every cap.
    let mut high = low.clone() + 1e8;
    for _ in 0..60 {
        let middle = (low.clone() + high.clone()) * 0.5;
        let filled = sum(weight.clone() * cap.clone().min_pair(middle.clone().expand(cap.dims())));
        let enough = filled.greater_equal(amount.clone()).float();
        high = pick(&enough, middle.clone(), high);
        low = pick(&enough, low, middle);
    }
    let moved = cap.clone().min_pair(high.expand(cap.dims()));
    let moved = if norm == Norm::L2 { moved * slope } else { moved };
    direction * moved * -1.0
}

/// What [`boundary_step`] computes, in plain tensor operations.
fn reference([images, clean, normal]: [Tensor<4>; 3], excess: Tensor<1>, reach: Reach) -> Tensor<4> {
    let n = clean.dims()[0];
    let here = excess.reshape([n, 1, 1, 1]);
    let there = here.clone() + sum(normal.clone() * (clean.clone() - images.clone()));
    let own = project(reach.norm, &images, &normal, here);
    let biased = project(reach.norm, &clean, &normal, there);
    let [a, b] = [&own, &biased].map(|offset| length(reach.norm, offset.clone()).clamp_min(1e-8));
    let bias = (a.clone() / (a + b)).clamp_max(f64::from(reach.most_bias));
    let from_images = images + own * f64::from(reach.overshoot);
    let from_clean = clean + biased * f64::from(reach.overshoot);
    (from_images * (bias.clone() * -1.0 + 1.0) + from_clean * bias).clamp(0.0, 1.0)
}

#[test]
fn a_step_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(5);
    for (name, device) in devices() {
        for shape in [[1, 1, 1, 1], [3, 1, 5, 17], [70, 2, 7, 9], [2, 3, 32, 32]] {
            let count: usize = shape.iter().product();
            let clean: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let moved = |pixel: &f32| (pixel + rng.random_range(-0.1..0.1f32)).clamp(0.0, 1.0);
            let images: Vec<f32> = clean.iter().map(moved).collect();
            let normal: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0f32).powi(3)).collect();
            // Above the boundary and below it, near it, and out of reach.
            let far = |sample: usize| [0.3, -0.4, 0.0, 1e6][sample % 4] * (count as f32).sqrt() * 0.05;
            let excess: Vec<f32> = (0..shape[0]).map(far).collect();
            for norm in Norm::ALL {
                for at_clean in [false, true] {
                    let on = |device: &Device| {
                        let start = if at_clean { &clean } else { &images };
                        let excess = tensor(&excess, [shape[0]], device);
                        ([start, &clean, &normal].map(|values| tensor(values, shape, device)), excess)
                    };
                    let ([images, clean, normal], excess) = on(&device);
                    let images = if at_clean { clean.clone() } else { images };
                    let got = values(boundary_step(images, clean, normal, excess, reach(norm)));
                    let (tensors, excess) = on(&Device::flex());
                    let expected = values(reference(tensors, excess, reach(norm)));
                    assert_eq!(got.len(), expected.len());
                    for (got, expected) in got.iter().zip(&expected) {
                        // Sums over 3,072 pixels in another order.
                        let close = (got - expected).abs() < 2e-5;
                        assert!(close, "{name} {shape:?} {norm:?} {at_clean}: {got} for {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_images_are_none() {
    for (name, device) in devices() {
        let empty = || tensor(&[], [0, 3, 4, 4], &device);
        let moved = boundary_step(empty(), empty(), empty(), tensor(&[], [0], &device), reach(Norm::L2));
        assert_eq!(moved.dims(), [0, 3, 4, 4], "{name}");
    }
}

#[test]
fn a_step_by_hand() {
    for (name, device) in devices() {
        // x₀ + 2 x₁ − 1.6 falls from 0.2 to 0 by 0.2 / 3 in both pixels, times 1.05.
        let images = tensor(&[0.6, 0.6], [1, 1, 1, 2], &device);
        let normal = tensor(&[1.0, 2.0], [1, 1, 1, 2], &device);
        let excess = tensor(&[0.2], [1], &device);
        let moved = values(boundary_step(images.clone(), images, normal, excess, reach(Norm::Linf)));
        for pixel in moved {
            assert!((pixel - (0.6 - 0.07)).abs() < 1e-6, "{name}: {pixel}");
        }
    }
}
