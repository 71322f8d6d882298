//! The matrix product and its derivatives are what burn's own product gives, on software Vulkan and on the CPU backend.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

#[path = "common/adapter.rs"]
mod adapter;

use adapter::devices;
use burn::tensor::{Device, Tensor, TensorData};
use great_lab::gpu::{Layout, matrix_product};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// The product and, with `weight` as its cotangent, the cotangents of both operands.
fn on_device(
    operands: &[(Vec<f32>, [usize; 2]); 3],
    device: &Device,
    product: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>,
) -> [Vec<f32>; 3] {
    let [a, b, weight] = [0, 1, 2].map(|operand| {
        let (values, shape) = &operands[operand];
        Tensor::from_data(TensorData::new(values.clone(), *shape), &device.clone().autodiff())
    });
    let (a, b) = (a.require_grad(), b.require_grad());
    let c = product(a.clone(), b.clone());
    let gradients = (c.clone() * weight).sum().backward();
    [Some(c), a.grad(&gradients), b.grad(&gradients)].map(|tensor| values(tensor.expect("both are tracked")))
}

#[test]
fn products_and_their_derivatives_are_burns() {
    let mut rng = StdRng::seed_from_u64(4);
    // One entry; a row and a column; no multiples of a workgroup; a head.
    let sizes = [[1, 1, 1], [1, 7, 3], [5, 1, 4], [13, 17, 11], [64, 1024, 10], [0, 3, 2], [2, 0, 3]];
    for (name, device) in devices() {
        for [rows, inner, columns] in sizes {
            for layout in [Layout::Nn, Layout::Nt, Layout::Tn] {
                let (a, b) = match layout {
                    Layout::Nn => ([rows, inner], [inner, columns]),
                    Layout::Nt => ([rows, inner], [columns, inner]),
                    Layout::Tn => ([inner, rows], [inner, columns]),
                };
                let operands = [a, b, [rows, columns]].map(|shape| {
                    let values = (0..shape[0] * shape[1]).map(|_| rng.random_range(-1.0..1.0f32)).collect();
                    (values, shape)
                });
                let got = on_device(&operands, &device, |a, b| matrix_product(a, b, layout));
                let expected = on_device(&operands, &Device::flex(), |a, b| match layout {
                    Layout::Nn => a.matmul(b),
                    Layout::Nt => a.matmul(b.transpose()),
                    Layout::Tn => a.transpose().matmul(b),
                });
                for (got, expected) in got.iter().zip(&expected) {
                    let what = format!("{name} {layout:?} {rows}×{inner}×{columns}");
                    assert_eq!(got.len(), expected.len(), "{what}");
                    for (got, expected) in got.iter().zip(expected) {
                        // 1024 roundings of sums that reach 30, each by up to 1e-6, at random.
                        assert!((got - expected).abs() <= 2e-4, "{what}: {got} for {expected}");
                    }
                }
            }
        }
    }
}
