//! The device on which tests of kernels compute: software Vulkan, or the one that `GREAT_LAB_TEST_DEVICE` names as
//! `--device` does.

use std::io::Write;

use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, TensorData};
use burn_wgpu::{CubeBackend, CubeTensor};

use crate::gpu::{AdapterKind, Choice, Opened, adapters, open};

/// Names the device; then its absence is a failure.
const VARIABLE: &str = "GREAT_LAB_TEST_DEVICE";

/// That device; none where none is named and there is no software Vulkan: what needs it is then left out, which is said.
///
/// # Panics
/// Where the named one cannot be opened.
pub(in crate::gpu) fn test_device() -> Option<Opened> {
    if let Ok(name) = std::env::var(VARIABLE) {
        let choice = name.parse().unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
        return Some(open(&choice).unwrap_or_else(|error| panic!("{VARIABLE}: {error}")));
    }
    let software = adapters().into_iter().find(|adapter| adapter.kind == AdapterKind::Software);
    let opened = software
        .ok_or_else(|| "there is no software Vulkan".to_owned())
        .and_then(|adapter| open(&Choice::Named(adapter.name)).map_err(|error| error.to_string()));
    opened.map_err(|why| leave_out(&why)).ok()
}

/// It, where its kernels can use 16-bit floats.
pub(in crate::gpu) fn with_16_bits() -> Option<Opened> {
    let opened = test_device()?;
    if !opened.info.has_f16 {
        leave_out(&format!("{} has no 16-bit floats", opened.info.name));
    }
    opened.info.has_f16.then_some(opened)
}

/// Says that a test is left out, or what of it needs more than there is.
fn leave_out(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not what a test prints, which is shown only of those that fail.
    let _ = writeln!(std::io::stderr(), "{test}: left out, since {why}; {VARIABLE} can name another device");
}

/// It, where there is one, and the CPU backend.
pub(in crate::gpu) fn devices() -> Vec<(&'static str, Device)> {
    let gpu = test_device().map(|opened| ("GPU", opened.device));
    gpu.into_iter().chain([("CPU", Device::flex())]).collect()
}

/// A tensor on a device, as kernels take them.
///
/// # Panics
/// Where that is the CPU backend.
pub(in crate::gpu) fn tensor<const D: usize>(on: &Opened, values: Vec<f32>, shape: [usize; D]) -> CubeTensor {
    match on.device.as_dispatch() {
        DispatchDevice::Cube(device) => CubeBackend::float_from_data(TensorData::new(values, shape), device),
        other => panic!("{VARIABLE} names no GPU but {other:?}"),
    }
}

/// The entries of a tensor, row by row.
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
pub(in crate::gpu) fn entries(tensor: CubeTensor) -> Vec<f32> {
    let data = pollster::block_on(CubeBackend::float_into_data(tensor)).expect("the device computes");
    data.try_into_vec().expect("they are floats")
}
