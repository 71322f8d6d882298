//! What tests of operations share: random operands, and a function with its derivative held against burn's.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::gpu::launch::test_device::devices;

/// One of each; odd; an image of a data set; more samples than invocations of a workgroup; none.
pub(super) const SHAPES: [[usize; 4]; 6] =
    [[1, 1, 1, 1], [3, 5, 7, 3], [2, 3, 32, 32], [70, 1, 9, 10], [1, 130, 4, 4], [0, 2, 3, 3]];

/// Rows, classes: one of each; more rows than invocations of a workgroup; many classes; none.
pub(super) const ROWS: [[usize; 2]; 5] = [[1, 1], [7, 3], [200, 10], [3, 257], [0, 4]];

/// Its entries.
pub(super) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// Values and their shape, on no device yet.
#[derive(Clone)]
pub(super) struct Operand<const D: usize> {
    pub values: Vec<f32>,
    pub shape: [usize; D],
}

impl<const D: usize> Operand<D> {
    pub fn random(shape: [usize; D], rng: &mut StdRng) -> Self {
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-2.0..2.0)).collect();
        Self { values, shape }
    }

    pub fn on(&self, device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.values.clone(), self.shape), device)
    }
}

/// One-hot rows of random classes.
pub(super) fn one_hot([rows, classes]: [usize; 2], rng: &mut StdRng) -> Operand<2> {
    let mut values = vec![0.0; rows * classes];
    for row in values.chunks_exact_mut(classes) {
        row[rng.random_range(0..classes)] = 1.0;
    }
    Operand { values, shape: [rows, classes] }
}

/// Rounding of sums in another order and of other exponentials, against the largest of the values.
pub(super) fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-6f32, |largest, value| largest.max(value.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let close = (got - expected).abs() <= 2e-5 * largest || got.is_nan() && expected.is_nan();
        assert!(close, "{what}: {got} for {expected} at {index}");
    }
}

/// The value of a function and, with `weight` as its cotangent, the cotangent of its operand.
pub(super) fn with_derivative<const D: usize, const R: usize>(
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
pub(super) fn assert_same<const D: usize, const R: usize>(
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

/// A tensor of these values, row by row.
pub(super) fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Gradients over the whole range of floats, each special value among them.
pub(super) fn gradients(count: usize, specials: &[f32], rng: &mut StdRng) -> Vec<f32> {
    (0..count)
        .map(|index| match index % 11 {
            0 if !specials.is_empty() => specials[index / 11 % specials.len()],
            _ => (rng.random_range(-44.0..10.0f32)).exp2() * if rng.random() { 1.0 } else { -1.0 },
        })
        .collect()
}

/// Values at which comparisons and conversions go wrong.
pub(super) const SPECIALS: [f32; 8] =
    [0.0, -0.0, -1e-45, 1e-40, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];
