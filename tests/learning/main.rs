//! What networks learn: the scenarios, their competitors, mixed precision, and all of it held against PyTorch on the CPU.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "where a helper of a test fails so does the test, and a test waits for what it checks"
)]

#[path = "../common/adapter.rs"]
mod adapter;
#[path = "../common/mod.rs"]
mod common;
#[path = "../oracle/golden.rs"]
mod golden;

mod competitors;
mod distillation;
mod gallery;
mod learning;
mod mixed_precision;
mod multitask;
mod multitask_training;
mod optimizer;
mod oracle;
mod own;
mod worlds;
