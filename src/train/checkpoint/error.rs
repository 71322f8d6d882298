//! Why a checkpoint could not be read, written or used, each with what is to be done.

use std::path::PathBuf;

/// Key of the metadata entry.
pub(super) const METADATA: &str = "great-lab";
/// Number of the format; a reader refuses larger ones.
pub(super) const VERSION: u32 = 1;

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Its file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not safetensors, or cut off.
    #[error("this is not a whole safetensors file ({0}); it may be truncated: copy it again")]
    Format(#[from] safetensors::SafeTensorError),
    /// Safetensors, but not ours.
    #[error(
        "this safetensors file is not a GREAT Lab checkpoint: its header has no valid '{METADATA}' entry ({0})"
    )]
    Metadata(String),
    /// Written by a later version.
    #[error("the checkpoint has format {found}, this program reads up to {VERSION}: use a newer version")]
    Version {
        /// Format of the file.
        found: u32,
    },
    /// A tensor of the network is not there.
    #[error("the checkpoint has no tensor '{name}', which its network needs")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape or type.
    #[error("tensor '{name}' is {found}, and its network needs {expected}")]
    Shape {
        /// Its name.
        name: String,
        /// As in the file.
        found: String,
        /// As the network has it.
        expected: String,
    },
    /// A tensor holds NaN or an infinity.
    #[error("tensor '{name}' has an entry that is not a finite number")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The file that its network came from is not one, or not whole.
    #[error("the network's own file in it, '{name}': {problem}")]
    Network {
        /// The tensor that holds it.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The device failed while the tensors were read from it.
    #[error("the device failed while the weights were read: {0}")]
    Device(String),
}

/// The networks of a checkpoint read other images than these data have, or know other classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reads {reads:?} images of {knows} classes, and {data} has {has:?} images of {classes}")]
pub struct Unfit {
    /// `[C, H, W]` that they read.
    pub reads: [usize; 3],
    /// Classes that they know.
    pub knows: usize,
    /// Name of the data.
    pub data: String,
    /// `[C, H, W]` of the data.
    pub has: [usize; 3],
    /// Classes of the data.
    pub classes: usize,
}
