//! What a fresh auxiliary network reads of gradient tensors, beside the running one.

use serde::{Deserialize, Serialize};

use super::robustness::Share;
use super::run::RunId;

/// How often the origin of a held-out gradient tensor is read: what the running auxiliary network no longer reads, a new
/// one may still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Which run.
    pub run: RunId,
    /// What was read.
    pub readings: Readings,
}

/// Shares of the same held-out gradient tensors whose origin is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    /// Steps done by the main network, whose gradient tensors these are.
    pub step: u64,
    /// Steps for which the fresh networks were trained.
    pub probe_steps: u64,
    /// By the running auxiliary network.
    pub running: Share,
    /// By a fresh one, through the same channel.
    pub fresh: Share,
    /// By a fresh one that reads each tensor at its own scale and without noise; none where the channel has no noise.
    pub noiseless: Option<Share>,
}
