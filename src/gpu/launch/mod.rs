//! What every kernel of ours shares: its shader, its buffers and its launch.

mod dispatch;
mod hardware;
mod info;
mod limits;
mod plain;
pub mod profile;
mod shader;
mod storage;
mod template;
mod tensors;
#[cfg(test)]
pub(in crate::gpu) mod test_device;

pub(in crate::gpu) use dispatch::{apart, dispatch, is_same_memory, unused};
pub(in crate::gpu) use hardware::{Hardware, LANES};
pub use info::forget_infos;
pub(in crate::gpu) use info::{info, info_once};
pub(in crate::gpu) use limits::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, workgroups};
pub(in crate::gpu) use plain::Plain;
pub(in crate::gpu) use shader::{Shader, Wgsl, shader};
pub(in crate::gpu) use storage::Storage;
pub(in crate::gpu) use template::unroll;
pub(in crate::gpu) use tensors::{allocate, operand, upload, within};
