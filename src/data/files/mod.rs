//! The formats that data comes in, a reader each.

pub mod cifar;
pub mod embedded;
pub mod folder;
pub mod idx;
pub mod names;
mod npy;
pub mod npz;
pub mod tfjs_cifar;
