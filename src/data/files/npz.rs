//! Scenes with depth from one `.npz`, NumPy's archive: exact to the shape of every array and the range of its whole
//! numbers, whatever type these are of, or an error.
//!
//! | array | shape | from 0 to | meaning |
//! | --- | --- | --- | --- |
//! | `rgb` | `[N, H, W, 3]` | 255 | the images |
//! | `depth_mm` | `[N, H, W]` | 65535 | millimetres along the optical axis, 0 where not known |
//! | `seg` | `[N, H, W]` | 255 | what each pixel is of |
//! | `scene` | `[N]` | 99 | the class of the whole image |
//! | `is_test` | `[N]` | 1 | 1 for the images held out, 0 for those trained on |

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::data::{
    error::{Advice, DataError, Place},
    limits::{MAX_CLASSES, MAX_FILE_BYTES, SIZES},
    normals,
    scenes::Scenes,
};

use super::npy;

/// The names of the arrays.
pub const ARRAYS: [&str; 5] = ["rgb", "depth_mm", "seg", "scene", "is_test"];
/// Focal lengths across and down as shares of the image's width and height: those of the Kinect that took NYU Depth v2
/// (518.9 and 519.5 pixels of 640 × 480), whose whole image is taken to be there, whatever its proportions.
const FOCAL_SHARES: [f32; 2] = [0.811, 1.082];

/// Reads one file: what is trained on, and what is held out, neither of them empty; normals come from the smoothed
/// depth. `name` stands in errors.
///
/// # Errors
/// Where the bytes are not a zip archive, an array is missing, damaged or of another type or shape, there are no images
/// of a size in [`SIZES`] in one of the parts, or a class is not below [`MAX_CLASSES`].
pub fn parse(bytes: &[u8], name: &str) -> Result<[Scenes; 2], DataError> {
    let mut archive = Archive::open(bytes, name)?;
    let (shape, rgb) = archive.array::<u8>("rgb", &[None, None, None, Some(3)])?;
    let [count, height, width] = [shape[0], shape[1], shape[2]];
    if count == 0 || !SIZES.contains(&height) || !SIZES.contains(&width) {
        let expected = format!("at least one image of {} to {} pixels a side", SIZES.start(), SIZES.end());
        return Err(archive.error("rgb", expected, format!("shape {shape:?}"), Advice::Unsupported));
    }
    let pixels = [Some(count), Some(height), Some(width)];
    let (_, depth) = archive.array::<u16>("depth_mm", &pixels)?;
    let (_, segments) = archive.array::<u8>("seg", &pixels)?;
    let (_, labels) = archive.array::<u8>("scene", &pixels[..1])?;
    let (_, is_test) = archive.array::<u8>("is_test", &pixels[..1])?;
    archive.check("scene", &labels, MAX_CLASSES)?;
    archive.check("is_test", &is_test, 2)?;

    let area = height * width;
    let mut parts = [Scenes::empty([height, width]), Scenes::empty([height, width])];
    for index in 0..count {
        let part = &mut parts[usize::from(is_test[index])];
        let interleaved = &rgb[index * 3 * area..(index + 1) * 3 * area];
        for channel in 0..3 {
            part.images.pixels.extend(interleaved.iter().skip(channel).step_by(3));
        }
        part.images.labels.push(labels[index]);
        let place = index * area..(index + 1) * area;
        part.depth.extend(depth[place.clone()].iter().map(|&millimetres| f32::from(millimetres) / 1000.0));
        part.segments.extend(&segments[place]);
    }
    for part in &mut parts {
        if part.is_empty() {
            let (expected, found) = ("some zeros and some ones", format!("{} everywhere", is_test[0]));
            return Err(archive.error("is_test", expected.into(), found, Advice::Unsupported));
        }
        part.normals =
            normals::from_depth(part, [FOCAL_SHARES[0] * width as f32, FOCAL_SHARES[1] * height as f32]);
    }
    Ok(parts)
}

/// An `.npz` and its name for errors.
struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    file: &'a str,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8], file: &'a str) -> Result<Self, DataError> {
        match ZipArchive::new(Cursor::new(bytes)) {
            Ok(zip) => Ok(Self { zip, file }),
            Err(error) => {
                let is_zip = bytes.starts_with(b"PK");
                let found = if bytes.is_empty() { "an empty file".into() } else { error.to_string() };
                Err(DataError::Format {
                    file: file.into(),
                    place: Place::Byte(if is_zip { bytes.len() } else { 0 }),
                    expected: "a zip archive of NumPy arrays".into(),
                    found,
                    advice: if is_zip || bytes.is_empty() { Advice::CutOff } else { Advice::WrongKind },
                })
            }
        }
    }

    fn error(&self, array: &'static str, expected: String, found: String, advice: Advice) -> DataError {
        DataError::Format { file: self.file.into(), place: Place::Array(array), expected, found, advice }
    }

    /// The unpacked bytes of an array's file.
    fn unpacked(&mut self, array: &'static str) -> Result<Vec<u8>, DataError> {
        let Some(index) = self.zip.index_for_name(&format!("{array}.npy")) else {
            let mut names: Vec<&str> = self.zip.file_names().collect();
            names.sort_unstable();
            let expected = format!("{array}.npy, beside the others of {}", ARRAYS.join(", "));
            let found = if names.is_empty() { "nothing".into() } else { names.join(", ") };
            return Err(self.error(array, expected, found, Advice::WrongKind));
        };
        let mut bytes = Vec::new();
        // Grows with what is there, not with what the archive says.
        let read = self.zip.by_index(index).map_err(|error| error.to_string()).and_then(|entry| {
            entry.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())
        });
        match read {
            Err(found) => Err(self.error(array, "sound zip data".into(), found, Advice::Damaged)),
            Ok(length) if length as u64 > MAX_FILE_BYTES => {
                let expected = format!("at most {MAX_FILE_BYTES} bytes");
                Err(self.error(array, expected, "more".into(), Advice::Unsupported))
            }
            Ok(_) => Ok(bytes),
        }
    }

    /// The shape and the numbers of an array, the last dimension fastest. `wanted` has `None` where a dimension may be
    /// anything.
    fn array<A: npy::Whole>(
        &mut self,
        array: &'static str,
        wanted: &[Option<usize>],
    ) -> Result<(Vec<usize>, Vec<A>), DataError> {
        let bytes = self.unpacked(array)?;
        let (shape, numbers) =
            npy::parse(&bytes).map_err(|bad| self.error(array, bad.expected, bad.found, bad.advice))?;
        let fits = shape.len() == wanted.len()
            && shape.iter().zip(wanted).all(|(&found, wanted)| wanted.is_none_or(|wanted| wanted == found));
        if !fits {
            let wanted: Vec<String> =
                wanted.iter().map(|side| side.map_or("any".into(), |side| side.to_string())).collect();
            let expected = format!("shape [{}]", wanted.join(", "));
            return Err(self.error(array, expected, format!("{shape:?}"), Advice::WrongKind));
        }
        Ok((shape, numbers))
    }

    /// That all values are below `bound`.
    fn check(&self, array: &'static str, values: &[u8], bound: usize) -> Result<(), DataError> {
        match values.iter().position(|&value| usize::from(value) >= bound) {
            Some(index) => {
                let expected = format!("numbers from 0 to {}", bound - 1);
                let found = format!("{} for image {index}", values[index]);
                Err(self.error(array, expected, found, Advice::Unsupported))
            }
            None => Ok(()),
        }
    }
}
