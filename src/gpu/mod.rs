//! The device, and each WGSL kernel's binding beside its plain reference.

pub mod adapter;
pub mod device;

pub use adapter::{Adapter, AdapterKind};
pub use device::{Choice, DeviceError, Opened, adapters, open};
