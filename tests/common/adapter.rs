//! The device on which tests of the GPU path compute: software Vulkan, or the one that `GREAT_LAB_TEST_DEVICE` names as
//! `--device` does, a real GPU (`gpu`).
#![allow(dead_code, reason = "each test file uses its own part")]

use burn::tensor::Device;
use great_lab::gpu::{Opened, open};

/// That device.
pub fn gpu() -> Opened {
    let named = std::env::var("GREAT_LAB_TEST_DEVICE").unwrap_or_else(|_| "llvmpipe".into());
    open(&named.parse().expect("GREAT_LAB_TEST_DEVICE names a device")).unwrap_or_else(|error| {
        panic!("{error}\nThis test needs software Vulkan: install mesa-vulkan-drivers (scripts/test does).")
    })
}

/// It, and the CPU backend.
pub fn devices() -> [(&'static str, Device); 2] {
    [("GPU", gpu().device), ("CPU", Device::flex())]
}
