//! The GPU path computes what PyTorch computes, on the software Vulkan driver where there is no other.
//!
//! One test in a binary of its own: compiling and tuning the kernels takes far longer than running them.

#![allow(clippy::unwrap_used, reason = "where a helper of a test fails, so does the test")]

#[path = "oracle/checks.rs"]
mod checks;
#[path = "oracle/distillation.rs"]
mod distillation;
#[path = "oracle/golden.rs"]
mod golden;
#[path = "oracle/multitask.rs"]
mod multitask;

use great_lab::gpu::device::{Choice, open};

/// GPUs sum in another order, with fused operations and faster, less exact roots and exponentials.
const TOLERANCE: f32 = 1e-3;

#[test]
fn cnn_small_and_three_training_steps() {
    let opened = open(&Choice::Named("llvmpipe".into())).or_else(|_| open(&Choice::Gpu));
    let device = opened.expect("neither llvmpipe nor a GPU: install mesa-vulkan-drivers").device;
    checks::check_case("cnn-small-relu", &device, TOLERANCE);
    checks::check_trajectory(&device, TOLERANCE);
    checks::check_rivals(&device, TOLERANCE);
    distillation::check_distillation(&device, TOLERANCE);
    multitask::check_multitask(&device, TOLERANCE);
}
