//! Convolution, its two derivatives, and the derivatives of those are what burn's own convolution gives, on software
//! Vulkan and on the CPU backend.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};
use crate::gpu::Shared;
use crate::gpu::launch::test_device::devices;

/// Batch, channels, outputs, height, width.
type Sizes = [usize; 5];

/// One pixel; odd sizes; more channels than a chunk and no multiple of a block; images smaller than a patch; one
/// channel; a weight gradient of many parts; one of a single part; rows of which a subgroup has a part, one, several or,
/// after a stride of 2, no whole number.
const SIZES: [Sizes; 11] = [
    [1, 1, 1, 1, 1],
    [2, 3, 5, 7, 9],
    [3, 17, 9, 5, 12],
    [5, 9, 33, 2, 3],
    [1, 1, 16, 28, 28],
    [33, 3, 8, 16, 15],
    [1, 130, 70, 4, 4],
    [2, 5, 9, 3, 44],
    [3, 3, 17, 9, 16],
    [2, 10, 3, 6, 28],
    [2, 5, 9, 3, 71],
];

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// x, w and gy of these sizes.
struct Operands {
    shapes: [[usize; 4]; 3],
    values: [Vec<f32>; 3],
    kernel: usize,
    stride: usize,
}

impl Operands {
    fn new([batch, channels, outputs, height, width]: Sizes, kernel: usize, stride: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(3);
        let shapes = [
            [batch, channels, height, width],
            [outputs, channels, kernel, kernel],
            [batch, outputs, height.div_ceil(stride), width.div_ceil(stride)],
        ];
        let values = shapes.map(|shape: [usize; 4]| {
            (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect()
        });
        Self { shapes, values, kernel, stride }
    }

    fn on(&self, device: &Device) -> [Tensor<4>; 3] {
        [0, 1, 2].map(|operand| {
            let data = TensorData::new(self.values[operand].clone(), self.shapes[operand]);
            Tensor::from_data(data, device)
        })
    }

    /// Σ gy · conv(x, w), a number, by each of the three operations.
    fn products(&self, [x, w, gy]: [Tensor<4>; 3]) -> [(&'static str, Tensor<1>); 3] {
        let [_, _, height, width] = self.shapes[0];
        let y = conv2d(x.clone(), w.clone(), self.stride);
        let gx = conv2d_input_vjp(gy.clone(), w.clone(), self.stride, [height, width]);
        let gw = conv2d_weight_vjp(x.clone(), gy.clone(), self.stride, self.kernel);
        [("conv2d", (y * gy).sum()), ("input_vjp", (gx * x).sum()), ("weight_vjp", (gw * w).sum())]
    }

    /// Its gradients: the cotangent of x, that of w, and y, by burn's convolution and autodiff.
    fn expected(&self) -> [Vec<f32>; 3] {
        let [x, w, gy] = self.on(&Device::flex().autodiff()).map(Tensor::require_grad);
        let options = ConvOptions::new([self.stride; 2], [self.kernel / 2; 2], [1, 1], 1);
        let product = burn_conv2d(x.clone(), w.clone(), None, options) * gy.clone();
        let gradients = product.sum().backward();
        [x, w, gy].map(|operand| values(operand.grad(&gradients).expect("it is tracked")))
    }
}

/// Rounding of sums in another order, against the largest of the values.
fn assert_close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= 1e-5 * largest, "{what}: {got} for {expected} at {index}");
    }
}

/// The sum is linear in each operand, so its gradients by one operation are that operation and both its derivatives.
#[test]
fn operations_and_their_derivatives_are_burns() {
    for (name, device) in devices() {
        for sizes in SIZES {
            for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2)] {
                let operands = Operands::new(sizes, kernel, stride);
                let expected = operands.expected();
                for formula in 0..3 {
                    let [x, w, gy] = operands.on(&device.clone().autodiff()).map(Tensor::require_grad);
                    let all = operands.products([x.clone(), w.clone(), gy.clone()]);
                    let (operation, product) = all[formula].clone();
                    let gradients = product.backward();
                    for (of, (operand, expected)) in [x, w, gy].into_iter().zip(&expected).enumerate() {
                        let got = operand.grad(&gradients).expect("it is tracked");
                        assert_eq!(got.dims(), operands.shapes[of]);
                        let what =
                            format!("{name} {sizes:?} {kernel}×{kernel} stride {stride}: {operation} {of}");
                        assert_close(&values(got), expected, &what);
                    }
                }
            }
        }
    }
}

/// A network reads a weight in its forward pass and in its backward pass, either of them once, several times or not at all.
#[test]
fn a_shared_weight_gets_what_every_use_contributes() {
    for (name, device) in devices() {
        for sizes in SIZES.into_iter().chain([[0, 3, 5, 7, 9]]) {
            for stride in [1, 2] {
                let operands = Operands::new(sizes, 3, stride);
                let [_, gradient, _] = operands.expected();
                for [forward, back] in [[1, 0], [0, 1], [1, 1], [2, 1], [1, 3]] {
                    let [x, w, gy] = operands.on(&device.clone().autodiff());
                    let [_, _, height, width] = x.dims();
                    let leaf = w.reshape([-1]).require_grad();
                    let shared = Shared::new(leaf.clone(), operands.shapes[1]);
                    let mut sum = leaf.clone().narrow(0, 0, 1) * 0.0;
                    for _ in 0..forward {
                        sum = sum + (conv2d(x.clone(), shared.clone(), stride) * gy.clone()).sum();
                    }
                    for _ in 0..back {
                        let gx = conv2d_input_vjp(gy.clone(), shared.clone(), stride, [height, width]);
                        sum = sum + (gx * x.clone()).sum();
                    }
                    let got: Tensor<1> = leaf.grad(&sum.backward()).expect("it is tracked");
                    let uses = (forward + back) as f32;
                    let expected: Vec<_> = gradient.iter().map(|entry| uses * entry).collect();
                    let got = got.into_data().try_to_vec::<f32>().expect("it is of f32");
                    let what = format!("{name} {sizes:?} stride {stride}: {forward} forward, {back} back");
                    assert_close(&got, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn only_tracked_operands_get_gradients() {
    for (name, device) in devices() {
        let operands = Operands::new([2, 3, 5, 7, 9], 3, 2);
        let [gx, gw, _] = operands.expected();
        let [x, w, gy] = operands.on(&device.autodiff());
        let w = w.require_grad();
        let gradients = (conv2d(x.clone(), w.clone(), 2) * gy.clone()).sum().backward();
        assert!(x.grad(&gradients).is_none());
        assert_close(&values(w.grad(&gradients).unwrap()), &gw, name);
        let (x, w) = (x.require_grad(), w.without_autodiff());
        let gradients = (conv2d(x.clone(), w, 2) * gy).sum().backward();
        assert_close(&values(x.grad(&gradients).unwrap()), &gx, name);
    }
}

#[test]
fn views_and_burns_own_operations_around() {
    for (name, device) in devices() {
        let operands = Operands::new([2, 3, 5, 7, 9], 3, 1);
        let [gx, gw, y] = operands.expected();
        let [x, w, gy] = operands.on(&device);
        // The same values, stored in another order.
        let turned = |tensor: Tensor<4>| {
            let [a, b, c, d] = tensor.dims();
            (tensor.permute([3, 1, 0, 2]).reshape([d, b, a * c]) * 2.0)
                .reshape([d, b, a, c])
                .permute([2, 1, 3, 0])
        };
        let [x, w, gy] = [x, w, gy].map(turned);
        let quarter = |tensor: Tensor<4>| values(tensor * 0.25);
        assert_close(&quarter(conv2d(x.clone(), w.clone(), 1)), &y, name);
        assert_close(&quarter(conv2d_input_vjp(gy.clone(), w, 1, [7, 9])), &gx, name);
        assert_close(&quarter(conv2d_weight_vjp(x, gy, 1, 3)), &gw, name);
    }
}

#[test]
fn no_images_give_no_outputs_and_no_gradient() {
    let (_, device) = devices()[0].clone();
    let [x, w, gy] = Operands::new([0, 3, 5, 7, 9], 3, 2).on(&device);
    assert_eq!(conv2d(x.clone(), w.clone(), 2).dims(), [0, 5, 4, 5]);
    assert_eq!(conv2d_input_vjp(gy.clone(), w, 2, [7, 9]).dims(), [0, 3, 7, 9]);
    assert_eq!(values(conv2d_weight_vjp(x, gy, 2, 3)), [0.0; 5 * 3 * 9]);
}

#[test]
fn the_weight_gradient_is_the_same_in_every_run() {
    let (_, device) = devices()[0].clone();
    let gradient = || {
        let [x, _, gy] = Operands::new([33, 3, 8, 16, 15], 3, 1).on(&device);
        values(conv2d_weight_vjp(x, gy, 1, 3)).into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(gradient(), gradient());
}
