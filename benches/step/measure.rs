//! What is measured, and what comes out.

use std::fmt;

use great_lab::{config::NetworkKind, train::benchmark};
use serde::Deserialize;

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workload {
    /// The main network.
    pub network: NetworkKind,
    /// Factor on its channels.
    pub width: f64,
    /// Images in a batch.
    pub batch: usize,
}

impl Workload {
    /// `[C, H, W]`.
    pub fn image(&self) -> [usize; 3] {
        benchmark::image(self.network)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.network)?;
        if self.width != 1.0 {
            write!(f, " × {}", self.width)?;
        }
        write!(f, ", {}", self.batch)
    }
}

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Cross-entropy and Adam.
    Plain,
    /// GREAT+GREACE: the auxiliary network's step, then the main one's through double backpropagation.
    Great,
}

/// What came out; the lab's `bench` and PyTorch's half print the same.
#[derive(Clone, Debug, Deserialize)]
pub struct Timing {
    /// The device's name.
    pub device: Option<String>,
    /// Milliseconds per step, the median; none where the form is not possible.
    pub ms: Option<f64>,
    /// Of the fastest: far below the median on a machine that had other work.
    pub fastest_ms: Option<f64>,
    /// Milliseconds from the start of the process to the end of the first step.
    pub first_step_ms: Option<f64>,
    /// Most bytes held: the process's on a CPU, the device's on a GPU.
    pub peak_bytes: Option<u64>,
    /// Why a form is not possible.
    #[serde(default)]
    pub form: String,
    /// PyTorch's version.
    pub torch: Option<String>,
}
