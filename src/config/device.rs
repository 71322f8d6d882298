//! The device a run computes on, as the trainer tells its faces.

use serde::{Deserialize, Serialize};

/// The device a run computes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The adapter's name, or "CPU".
    pub name: String,
    /// The interface to it: `Vulkan`, `Metal`, `Dx12`, `BrowserWebGpu`, or `flex` for the CPU backend.
    pub backend: String,
    /// Whether it is a real GPU.
    pub is_gpu: bool,
    /// Whether its kernels can store 16-bit floats, which mixed precision needs.
    #[serde(default)]
    pub has_f16: bool,
    /// One line to show where it is none: what is used instead and what to do.
    pub notice: Option<String>,
}

impl DeviceInfo {
    /// The backend's name for the CPU backend.
    pub const CPU_BACKEND: &str = "flex";

    /// Whether its kernels are compiled when they are first used: those of every device but the CPU backend.
    pub fn compiles(&self) -> bool {
        self.backend != Self::CPU_BACKEND
    }
}
