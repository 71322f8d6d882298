//! The loops of the CPU backend, and steps of nothing.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Tensor, TensorData};

use super::{Coefficients, layout, optimizer_step};
use crate::gpu::launch::test_device::devices;

#[test]
fn loops_take_both_precisions_and_nothing() {
    let device = Device::flex();
    let coefficients = Coefficients {
        gradient_factor: 1.0,
        learning_rate: 0.5,
        weight_decay: 0.0,
        first: [0.5, 1.0],
        second: Some([0.0, 1.0]),
        correction: 1.0,
        epsilon: 0.0,
    };
    let (_, entries) = layout(&[1]);
    let mut state = vec![0.0f64; 3 * entries];
    (state[0], state[entries]) = (1.0, 2.0);
    let state =
        Tensor::<1>::from_data(TensorData::new(state, [3 * entries]), (&device, burn::tensor::DType::F64));
    let gradient = Tensor::from_data(TensorData::from([4.0f64]), (&device, burn::tensor::DType::F64));
    let stepped: Vec<f64> =
        optimizer_step(state, &[gradient], coefficients).into_data().try_into_vec().unwrap();
    // First moment 5, second 16: the weight moves by half of 5 / 4.
    assert_eq!((stepped[0], stepped[entries], stepped[2 * entries]), (0.375, 5.0, 16.0));
    for (name, device) in devices() {
        let nothing = optimizer_step(Tensor::empty([0], &device), &[], coefficients);
        assert_eq!(nothing.dims(), [0], "{name}");
    }
}
