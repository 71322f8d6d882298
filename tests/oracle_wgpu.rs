//! The GPU path computes what PyTorch computes, on the software Vulkan driver unless another device is named.
//!
//! One test in a binary of its own: compiling and tuning the kernels takes far longer than running them.

#![allow(clippy::unwrap_used, reason = "where a helper of a test fails, so does the test")]

#[path = "common/adapter.rs"]
mod adapter;
#[path = "oracle/checks.rs"]
mod checks;
#[path = "oracle/distillation.rs"]
mod distillation;
#[path = "oracle/golden.rs"]
mod golden;
#[path = "oracle/multitask.rs"]
mod multitask;
#[path = "oracle/readings.rs"]
mod readings;

use adapter::gpu;

/// GPUs sum in another order, with fused operations and faster, less exact roots and exponentials.
const TOLERANCE: f32 = 1e-3;

#[test]
fn cnn_small_and_three_training_steps() {
    let Some(opened) = gpu() else { return };
    let device = opened.device;
    checks::check_case("cnn-small-relu", &device, TOLERANCE);
    checks::check_case("mlp-silu", &device, TOLERANCE);
    checks::check_trajectory(&device, TOLERANCE);
    checks::check_rivals(&device, TOLERANCE);
    checks::check_knobs(&device, TOLERANCE);
    readings::check_readings(&device, TOLERANCE);
    distillation::check_distillation(&device, TOLERANCE);
    multitask::check_multitask(&device, TOLERANCE);
}
