//! A data set by its name: one that comes with the lab, or what a folder holds.

use crate::config::{BUILT_IN_DATA, Setup};
use crate::platform;

use super::{
    dataset::Dataset,
    error::DataError,
    files::{embedded, folder},
    scenes::Scenes,
    solids, worlds,
};

/// Loads what a run is trained on and tested with: its world, or what [`Setup::data`] names.
///
/// # Errors
/// As [`load_from`].
pub fn load(setup: &Setup) -> Result<Dataset, DataError> {
    match setup.world() {
        Some(world) => worlds::draw(&world),
        None => load_stored(&setup.data),
    }
}

/// Loads the built-in data set of that name (one of [`BUILT_IN_DATA`]), or what the folder or the `.npz` file of that path
/// holds: on the disk, or in the memory of a page.
///
/// A built-in name wins over a folder; write `./fashion-mnist` for the folder. Worlds are those of a run that says nothing of
/// them.
///
/// # Errors
/// Where there is neither, or where a file is missing, unreadable or not what its format says.
pub fn load_from(source: &str) -> Result<Dataset, DataError> {
    load(&Setup { data: source.into(), ..Setup::default() })
}

/// The same of what is no world.
fn load_stored(source: &str) -> Result<Dataset, DataError> {
    if source == embedded::NAME {
        embedded::load()
    } else if source == solids::NAME {
        solids::load()
    } else if let Some(files) = platform::given_files(source) {
        folder::load_given(source, &files)
    } else {
        folder::load(source)
    }
}

/// The images of [`load_from`] together with what is known of them, in the same order: those trained on, those held out.
///
/// # Errors
/// As [`load_scenes`].
pub fn load_with_scenes(source: &str) -> Result<(Dataset, [Scenes; 2]), DataError> {
    if source == solids::NAME {
        solids::load_with_scenes()
    } else {
        Ok((load_from(source)?, load_scenes(source)?))
    }
}

/// What is known of the images that [`load_from`] gives for the same source, in the same order: those trained on, those held
/// out.
///
/// # Errors
/// As [`load_from`], or where the source has images alone.
pub fn load_scenes(source: &str) -> Result<[Scenes; 2], DataError> {
    if source == solids::NAME {
        Ok([solids::TRAIN, solids::TEST].map(solids::data_set_scenes))
    } else if BUILT_IN_DATA.contains(&source) {
        Err(DataError::NoScenes { name: source.into() })
    } else if let Some(files) = platform::given_files(source) {
        folder::load_given_scenes(source, &files)
    } else {
        folder::load_scenes(source)
    }
}
