//! The device, the images that live on it, and each WGSL kernel's binding beside its plain reference.

pub mod activation;
pub mod adapter;
pub mod attack_step;
mod bilinear;
pub mod bins;
pub mod convolution;
mod convolution_kernels;
pub mod device;
pub mod group_norm;
mod group_norm_kernels;
pub mod histogram;
mod host;
mod host_convolution;
mod host_group_norm;
pub mod images;
mod kernel;
pub mod matrix;
mod read;
mod unroll;

pub use activation::{activate, activate_vjp};
pub use adapter::{Adapter, AdapterKind};
pub use attack_step::attack_step;
pub use convolution::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};
pub use device::{Choice, DeviceError, Opened, adapters, open};
pub use group_norm::{NormForm, group_norm, group_norm_input_vjp};
pub use histogram::{HistogramCounts, histogram};
pub use kernel::shaders;
pub use matrix::{Layout, matrix_product};
pub use read::read;
