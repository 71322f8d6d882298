//! The CPU backend computes what PyTorch computes: see `oracle/README.md`.

#[path = "../oracle/checks.rs"]
mod checks;
#[path = "../oracle/distillation.rs"]
mod distillation;
#[path = "../oracle/multitask.rs"]
mod multitask;
#[path = "../oracle/readings.rs"]
mod readings;

use crate::golden;

use burn::tensor::Device;

/// Rounding in f32: PyTorch's own float32 differs from its float64 by up to 1e-5 on these files.
const TOLERANCE: f32 = 1e-4;

#[test]
fn cnn_small_with_relu() {
    checks::check_case("cnn-small-relu", &Device::flex(), TOLERANCE);
}

#[test]
fn cnn_small_with_silu() {
    checks::check_case("cnn-small-silu", &Device::flex(), TOLERANCE);
}

#[test]
fn cnn_small_with_a_flat_head() {
    checks::check_case("cnn-small-flat", &Device::flex(), TOLERANCE);
}

#[test]
fn cnn_medium() {
    checks::check_case("cnn-medium-relu", &Device::flex(), TOLERANCE);
}

#[test]
fn linear_layers_on_two_numbers() {
    checks::check_case("mlp-relu", &Device::flex(), TOLERANCE);
    checks::check_case("mlp-silu", &Device::flex(), TOLERANCE);
}

#[test]
fn resnet_18() {
    checks::check_case("resnet-18-relu", &Device::flex(), TOLERANCE);
}

#[test]
fn competitors() {
    checks::check_rivals(&Device::flex(), TOLERANCE);
}

#[test]
fn what_the_paper_leaves_open() {
    checks::check_knobs(&Device::flex(), TOLERANCE);
}

#[test]
fn what_the_auxiliary_network_reads() {
    readings::check_readings(&Device::flex(), TOLERANCE);
}

#[test]
fn distilling() {
    distillation::check_distillation(&Device::flex(), TOLERANCE);
}

#[test]
fn three_training_steps() {
    checks::check_trajectory(&Device::flex(), TOLERANCE);
}

#[test]
fn several_tasks() {
    multitask::check_multitask(&Device::flex(), TOLERANCE);
}
