//! What a buffer of the CPU backend held before reaches no result: of every operation that takes its results' memory from
//! there.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::Activation;
use crate::gpu::gradient_normalization::Scale;
use crate::gpu::host::keep;
use crate::gpu::images::{DeviceImages, Take};
use crate::gpu::{
    NormForm, activate, activate_vjp, global_mean, global_mean_vjp, group_norm, group_norm_input_vjp,
    normalize_gradient, normalize_pixels,
};

/// Batch, channels, height and width of the images below, and how many entries they have: a number of no other test.
const SHAPE: [usize; 4] = [7, 8, 9, 11];
const ENTRIES: usize = SHAPE[0] * SHAPE[1] * SHAPE[2] * SHAPE[3];

fn image(seed: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..ENTRIES).map(|index| ((index + seed) as f32).sin()).collect();
    Tensor::from_data(TensorData::new(values, SHAPE), device)
}

/// What comes next finds memory that holds no numbers.
fn poison() {
    for _ in 0..8 {
        keep(vec![f32::NAN; ENTRIES]);
    }
}

/// An operation on x and a cotangent.
type Operation = fn(Tensor<4>, Tensor<4>) -> Tensor<4>;

/// Those that take their results' memory from here, but for convolutions, which have a test of their own.
const OPERATIONS: [(&str, Operation); 8] = [
    ("activation", |x, _| activate(x, Activation::Silu)),
    ("activation back", |x, gy| activate_vjp(x, gy, Activation::Silu)),
    ("norm", |x, _| group_norm(x.clone(), weight(&x), weight(&x), FORM).0),
    ("norm back, twice", |x, gy| {
        let x = x * 1.0;
        let (y, tape) = group_norm(x.clone(), weight(&x), weight(&x), FORM);
        y + group_norm_input_vjp(x, tape, gy, FORM)
    }),
    ("pixels", |x, _| normalize_pixels(x, &[0.5; SHAPE[1]], &[0.25; SHAPE[1]])),
    ("pooling", |x, _| global_mean_vjp(global_mean(x), [SHAPE[2], SHAPE[3]])),
    ("root mean square", |x, _| normalize_gradient(x, Scale::RootMeanSquare)),
    ("largest", |x, _| normalize_gradient(x, Scale::Largest)),
];
const FORM: NormForm = NormForm { groups: 2, activation: Some(Activation::Silu) };

fn weight(x: &Tensor<4>) -> Tensor<1> {
    Tensor::full([SHAPE[1]], 0.9, &x.device())
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("they are floats")
}

/// The result and both derivatives.
fn results(operation: Operation, before: fn()) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let [x, gy, v] = [1, 2, 3].map(|seed| image(seed, &device).require_grad());
    before();
    let result = operation(x.clone(), gy.clone());
    let weighted = (result.clone() * v).sum();
    before();
    let gradients = weighted.backward();
    let leaves = [x, gy].into_iter().filter_map(|leaf| leaf.grad(&gradients));
    leaves.chain([result]).map(values).collect()
}

#[test]
fn what_memory_held_before_reaches_no_result() {
    for (name, operation) in OPERATIONS {
        let expected = results(operation, || {});
        assert!(expected.iter().flatten().all(|value| value.is_finite()), "{name}");
        assert_eq!(results(operation, poison), expected, "{name}");
    }
}

#[test]
fn what_memory_held_before_reaches_no_image() {
    let pixels = vec![1; ENTRIES];
    let shape = [SHAPE[1], SHAPE[2], SHAPE[3]];
    let images = DeviceImages::upload(&pixels, &[0; SHAPE[0]], shape, 1, &Device::flex());
    // Moved, so that the border of each image comes from beyond its own.
    let takes = [Take { down: 4, right: -3, ..Take::default() }; SHAPE[0]];
    poison();
    let taken = values(images.take(&takes).images);
    assert!(taken.iter().all(|value| [0.0, 1.0 / 255.0].contains(value)));
    assert!(taken.contains(&0.0) && taken.contains(&(1.0 / 255.0)));
}
