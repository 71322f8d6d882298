//! The device, the images that live on it, and each WGSL kernel's binding beside its plain reference.
//!
//! `device` opens and reads; `launch` and `host` are what all operations compute with, on a GPU and on the CPU; `autodiff`
//! is the derivatives of those that are linear; each room of `ops` is an operation.

mod autodiff;
mod catalog;
mod device;
mod host;
mod launch;
mod ops;

pub use autodiff::Shared;
pub use catalog::shaders;
pub use device::{
    Adapter, AdapterKind, Choice, DeviceError, Opened, Reading, WRONG_NUMBER, adapters, open, open_in_page,
    read, read_all,
};
pub use launch::{forget_infos, profile};
pub use ops::activation::{activate, activate_vjp};
pub use ops::attack_step::{attack_step, attack_step_l2};
pub use ops::boundary_step::{Reach, boundary_step};
pub use ops::convolution::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};
pub use ops::group_norm::{GROUP_NORM_EPSILON, NormForm, NormTape, group_norm, group_norm_input_vjp};
pub use ops::histogram::{HistogramCounts, bins, histogram};
pub use ops::matrix_product::{Layout, linear, matrix_product};
pub use ops::measures::{Hits, add_measures, hits};
pub use ops::noise::{NoiseKey, noise};
pub use ops::normalization::{
    gradients as gradient_normalization, normalize_gradient, normalize_pixels, normalize_pixels_vjp,
};
pub use ops::objective::{Slope, cross_entropy, great_objective, logit_gradient, logit_slope, softmax};
pub use ops::optimizer_step::optimizer_step;
pub use ops::pooling::{global_mean, global_mean_vjp};
pub use ops::{histogram, images, measures, objective, optimizer_step};
