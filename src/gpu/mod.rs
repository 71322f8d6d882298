//! The device, the images that live on it, and each WGSL kernel's binding beside its plain reference.

pub mod adapter;
pub mod attack_step;
mod bilinear;
pub mod bins;
pub mod convolution;
mod convolution_kernels;
pub mod device;
pub mod histogram;
mod host_convolution;
pub mod images;
mod kernel;
pub mod matrix;
mod page;
mod read;
mod unroll;

pub use adapter::{Adapter, AdapterKind};
pub use attack_step::attack_step;
pub use convolution::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};
pub use device::{Choice, DeviceError, Opened, adapters, open};
pub use histogram::{HistogramCounts, histogram};
pub use kernel::shaders;
pub use matrix::{Layout, matrix_product};
pub use page::open_in_page;
pub use read::read;
