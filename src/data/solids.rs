//! The data set that is drawn, not stored: solids on a floor under random views, lights and textures, with their exact
//! depth, normals and key points.
//!
//! Ten classes: five shapes, each in stripes and in cubes of two tones, so that a class takes both the form and the
//! texture. A picture follows from the seed and its number alone. There is one ray a pixel, through its middle, without
//! smoothing: depth and normals are those of the very place whose tone is seen.

mod scene;
mod shape;
#[cfg(test)]
mod tests;
mod vector;

use std::ops::Range;

use rayon::prelude::*;

use super::{
    dataset::{Dataset, Images},
    error::DataError,
    scenes::Scenes,
};

use scene::Scene;
pub use scene::{FIELD_OF_VIEW_DEGREES, SHAPES, TEXTURES};

/// The name that people type.
pub const NAME: &str = crate::config::BUILT_IN_DATA[1];
/// Pixels a side of the data set's pictures.
pub const SIDE: usize = 32;
/// What is marked in every picture: places of the solid as it lies there, as the camera's right and the floor define
/// them, whether seen or hidden.
pub const KEY_POINTS: [&str; 5] = ["middle", "highest", "lowest", "leftmost", "rightmost"];
/// The numbers of the pictures that are trained on.
pub const TRAIN: Range<u64> = 0..10_000;
/// The numbers of the pictures held out; far off, so that more training pictures would not run into them.
pub const TEST: Range<u64> = 1 << 32..(1 << 32) + 2_000;
/// The seed of the data set, which is the same for every run.
const SEED: u64 = 0;

/// Draws the data set: 1,000 training and 200 test images of every class, `[3, 32, 32]`.
///
/// # Errors
/// None of its own; those of putting a data set together.
pub fn load() -> Result<Dataset, DataError> {
    let part = |numbers: Range<u64>| ([3, SIDE, SIDE], images(numbers, SIDE, SEED));
    Dataset::new(NAME, &classes(), part(TRAIN), part(TEST))
}

/// The same, drawn once, with all that is known of its pictures.
///
/// # Errors
/// As [`load`].
pub fn load_with_scenes() -> Result<(Dataset, [Scenes; 2]), DataError> {
    let scenes = [TRAIN, TEST].map(data_set_scenes);
    let [train, test] = scenes.clone().map(|part| ([3, SIDE, SIDE], part.images));
    Ok((Dataset::new(NAME, &classes(), train, test)?, scenes))
}

/// What is known of the data set's pictures of these numbers.
pub fn data_set_scenes(numbers: Range<u64>) -> Scenes {
    scenes(numbers, SIDE, SEED)
}

/// Names of the classes, in their order.
pub fn classes() -> Vec<String> {
    SHAPES.iter().flat_map(|shape| TEXTURES.iter().map(move |texture| format!("{texture} {shape}"))).collect()
}

/// The class of a picture: the classes come in turn.
fn label(number: u64) -> u8 {
    (number % (SHAPES.len() * TEXTURES.len()) as u64) as u8
}

/// The pictures of these numbers, `side` pixels square, without their depths and normals.
pub fn images(numbers: Range<u64>, side: usize, seed: u64) -> Images {
    let labels = numbers.clone().map(label).collect();
    let pictures: Vec<Vec<u8>> =
        numbers.into_par_iter().map(|number| Scene::new(seed, number).picture(side).pixels).collect();
    Images { pixels: pictures.concat(), labels }
}

/// The pictures of these numbers, `side` pixels square, with all that is known of them.
pub fn scenes(numbers: Range<u64>, side: usize, seed: u64) -> Scenes {
    let labels = numbers.clone().map(label).collect();
    let drawn: Vec<_> = numbers
        .into_par_iter()
        .map(|number| {
            let scene = Scene::new(seed, number);
            (scene.picture(side), scene.key_points(side))
        })
        .collect();
    let mut scenes = Scenes::empty([side, side]);
    scenes.images.labels = labels;
    for (picture, key_points) in drawn {
        scenes.images.pixels.extend(picture.pixels);
        scenes.depth.extend(picture.depth);
        scenes.normals.extend(picture.normals);
        scenes.key_points.extend(key_points);
    }
    scenes
}
