//! The device, the images that live on it, and each WGSL kernel's binding beside its plain reference.

pub mod adapter;
pub mod device;
pub mod images;
mod read;

pub use adapter::{Adapter, AdapterKind};
pub use device::{Choice, DeviceError, Opened, adapters, open};
pub use read::read;

use burn::tensor::Tensor;

/// Stub until merged.
pub fn attack_step(x: Tensor<4>, g: Tensor<4>, clean: Tensor<4>, step: f32, eps: f32) -> Tensor<4> {
    let moved = x + g.sign() * step;
    moved.max_pair(clean.clone() - eps).min_pair(clean + eps).clamp(0.0, 1.0)
}
