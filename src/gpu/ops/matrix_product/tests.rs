//! The matrix product and its derivatives are what burn's own product gives, on software Vulkan and on the CPU backend.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Layout, linear, matrix_product};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{Operand, assert_close, values};

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
fn no_bit_of_a_row_depends_on_the_others() {
    let mut rng = StdRng::seed_from_u64(11);
    let device = Device::flex();
    for (inner, columns) in [(64, 10), (64, 2), (600, 10), (10, 64), (10, 700)] {
        let layout = if inner > 10 { Layout::Nt } else { Layout::Nn };
        let shape = if layout == Layout::Nt { [columns, inner] } else { [inner, columns] };
        let (a, b) = (Operand::random([130, inner], &mut rng), Operand::random(shape, &mut rng));
        let (a, b) = (a.on(&device), b.on(&device));
        let all = values(matrix_product(a.clone(), b.clone(), layout));
        for rows in [1, 4, 16, 25, 26, 64, 65, 100] {
            let some = values(matrix_product(a.clone().narrow(0, 0, rows), b.clone(), layout));
            assert!(some == all[..rows * columns], "{rows} of 130 rows, {inner} by {columns}");
        }
    }
}
