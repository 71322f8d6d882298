//! The device, and each WGSL kernel's binding beside its plain reference.

pub mod adapter;
pub mod attack_step;
pub mod bins;
pub mod device;
pub mod histogram;
mod kernel;

pub use adapter::{Adapter, AdapterKind};
pub use attack_step::attack_step;
pub use device::{Choice, DeviceError, Opened, adapters, open};
pub use histogram::{HistogramCounts, histogram};
pub use kernel::shaders;
