//! CIFAR-10's binary version: one byte of label, then the red, green and blue planes of 32×32.

use crate::data::{
    dataset::Images,
    error::{Advice, DataError, Place},
};

/// `[C, H, W]` of every image.
pub const SHAPE: [usize; 3] = [3, 32, 32];
/// The classes, unless a file names them.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Pixels of an image.
pub const IMAGE_BYTES: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
/// A label and an image.
const RECORD_BYTES: usize = 1 + IMAGE_BYTES;

/// Reads one batch file, with labels below `classes`; `name` stands in errors.
///
/// # Errors
/// Where the bytes are not whole records, at least one, or a label is out of range.
pub fn parse(bytes: &[u8], name: &str, classes: usize) -> Result<Images, DataError> {
    let error = |offset: usize, expected: String, found: String, advice: Advice| DataError::Format {
        file: name.into(),
        place: Place::Byte(offset),
        expected,
        found,
        advice,
    };
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() || records.is_empty() {
        let offset = bytes.len() - rest.len();
        let found = if bytes.is_empty() { "an empty file".into() } else { format!("only {}", rest.len()) };
        return Err(error(offset, format!("a record of {RECORD_BYTES} bytes"), found, Advice::CutOff));
    }
    let mut images = Images {
        pixels: Vec::with_capacity(records.len() * IMAGE_BYTES),
        labels: Vec::with_capacity(records.len()),
    };
    for (index, [label, pixels @ ..]) in records.iter().enumerate() {
        if usize::from(*label) >= classes {
            let expected = format!("a label from 0 to {}", classes - 1);
            return Err(error(index * RECORD_BYTES, expected, label.to_string(), Advice::WrongKind));
        }
        images.labels.push(*label);
        images.pixels.extend_from_slice(pixels);
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_stay_planes() {
        let record = |label: u8, offset: usize| {
            let pixels = (0..IMAGE_BYTES).map(move |index| ((index + offset) % 251) as u8);
            std::iter::once(label).chain(pixels)
        };
        let bytes: Vec<u8> = record(3, 0).chain(record(9, 5)).collect();
        let images = parse(&bytes, "batch", 10).unwrap();
        assert_eq!(images.labels, [3, 9]);
        assert_eq!(images.image(0), &bytes[1..RECORD_BYTES]);
        assert_eq!(images.image(1), &bytes[RECORD_BYTES + 1..]);
    }
}
