//! GREAT Lab: gradient adversarial training of neural networks (Sinha et al. 2018) on whatever GPU there is.
//! What lies where, and walks through the code: `docs/architecture.md`.
//!
//! Who may import whom; left may be used by right, and `gpu` by `nn`, whose layers compute by its kernels
//! (`tests/layers` checks it):
//!
//! ```text
//! config, platform <- protocol <- show, data, nn, gpu <- runs, attack <- scenario <- train <- { headless, app } <- main
//! ```
//!
//! | module | promise |
//! | --- | --- |
//! | [`config`] | what a run is, and the one table of knobs |
//! | [`platform`] | all that differs between a native program and a page |
//! | [`protocol`] | what the trainer and its faces say to each other |
//! | [`show`] | what a figure looks like, for window, PNG and HTML alike |
//! | [`data`] | images and labels from files, and the seeded order in which they come |
//! | [`nn`] | networks that can be differentiated twice, losses, optimisers |
//! | [`gpu`] | the device, and each WGSL kernel's binding beside its plain reference |
//! | [`runs`] | what a kept run consists of: its folder, its record, its tables |
//! | [`attack`] | adversarial examples, and how many of them a network withstands |
//! | [`scenario`] | what one training step does |
//! | [`train`] | the loop, checkpoints |
//! | [`headless`] | the commands |
//! | [`app`] | the window |

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "both panic where the reader is gone; see headless::print"
)]

pub mod app;
#[cfg(feature = "tensors")]
pub mod attack;
pub mod config;
#[cfg(feature = "tensors")]
pub mod data;
#[cfg(feature = "tensors")]
pub mod gpu;
#[cfg(feature = "tensors")]
#[cfg(not(target_arch = "wasm32"))]
pub mod headless;
#[cfg(feature = "tensors")]
pub mod nn;
pub mod platform;
pub mod protocol;
pub mod runs;
#[cfg(feature = "tensors")]
pub mod scenario;
pub mod show;
#[cfg(feature = "tensors")]
pub mod train;
