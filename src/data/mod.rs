//! Images and labels from files, and the seeded order in which they come: plain bytes, no tensors.
//!
//! Readers take bytes and a name to put into errors, so that a page and the fuzzers use the same code as the
//! command line; [`folder`] alone reads files.

mod dataset;
pub mod error;
mod files;
mod limits;
mod load;
mod locate;
pub mod normals;
pub mod order;
pub mod picture;
pub mod scenes;
pub mod solids;
pub mod worlds;

pub use dataset::{Dataset, Images};
pub use error::DataError;
pub use files::folder::absolute;
pub use files::{cifar, embedded, folder, idx, names, npz, tfjs_cifar};
pub use limits::{MAX_CLASSES, MAX_FILE_BYTES, SIZES};
pub use load::{load, load_from, load_scenes, load_with_scenes};
pub use locate::{find, locate};
pub use order::{BatchOrder, balanced_subset, epochs, proportional_subset, stratified_subset};
pub use picture::{Picture, PictureError};
