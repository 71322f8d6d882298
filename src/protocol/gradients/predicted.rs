//! What a run's network says of a picture of somebody's own.

use serde::{Deserialize, Serialize};

use super::Sample;
use crate::protocol::nullable;
use crate::protocol::run::RunId;

/// A picture of somebody's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPicture {
    /// What it is called.
    pub name: String,
    /// The bytes of its file: PNG, JPEG, WebP, BMP or GIF.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What the network says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Predicted {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// What the picture is called.
    pub name: String,
    /// What was done to it before the network saw it, a clause each.
    pub changes: Vec<String>,
    /// `[C, H, W]` of its pictures.
    pub shape: [usize; 3],
    /// L∞ radius of the smallest change found that fools the network, pixels in [0, 1]; NaN where none was found.
    #[serde(with = "nullable")]
    pub epsilon: f64,
    /// The picture. Its label is what the network says, of which the gradient tensor is; adversarial is what that change
    /// makes of it, or itself where none was found.
    pub sample: Sample,
}
