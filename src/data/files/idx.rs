//! IDX, the MNIST family's format, plain or in gzip: exact to the byte, or an error.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::data::{
    dataset::Images,
    error::{Advice, DataError, Place},
    limits::{MAX_CLASSES, MAX_FILE_BYTES, SIZES},
};

/// First two bytes of gzip.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Big-endian first word of images: unsigned bytes in three dimensions.
const IMAGES_MAGIC: u32 = 0x0803;
/// Big-endian first word of labels: unsigned bytes in one dimension.
const LABELS_MAGIC: u32 = 0x0801;

/// The images of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// `[1, H, W]`.
    pub shape: [usize; 3],
    /// `N × H × W` bytes.
    pub pixels: Vec<u8>,
}

impl Pictures {
    /// How many images.
    fn len(&self) -> usize {
        self.pixels.len() / (self.shape[1] * self.shape[2])
    }
}

/// Reads an image file; `name` stands in errors.
///
/// # Errors
/// Where the bytes are not exactly one IDX file of at least one image of a size in [`SIZES`].
pub fn parse_images(bytes: &[u8], name: &str) -> Result<Pictures, DataError> {
    let mut source = Source::new(bytes, name);
    source.magic(IMAGES_MAGIC, "2051 (IDX images)")?;
    let count = source.count("images")?;
    let height = source.dimension(8, "rows")?;
    let width = source.dimension(12, "columns")?;
    let pixels = source.rest(16, u64::from(count) * (height * width) as u64)?;
    Ok(Pictures { shape: [1, height, width], pixels })
}

/// Reads a label file; `name` stands in errors.
///
/// # Errors
/// Where the bytes are not exactly one IDX file of at least one label below [`MAX_CLASSES`].
pub fn parse_labels(bytes: &[u8], name: &str) -> Result<Vec<u8>, DataError> {
    let mut source = Source::new(bytes, name);
    source.magic(LABELS_MAGIC, "2049 (IDX labels)")?;
    let count = source.count("labels")?;
    let labels = source.rest(8, u64::from(count))?;
    match labels.iter().position(|&label| usize::from(label) >= MAX_CLASSES) {
        Some(index) => Err(source.error(
            8 + index,
            format!("a label from 0 to {}", MAX_CLASSES - 1),
            labels[index].to_string(),
            Advice::Unsupported,
        )),
        None => Ok(labels),
    }
}

/// Pairs images with their labels; each comes with its file's name.
///
/// # Errors
/// Where there are not as many of the one as of the other.
pub fn pair(
    (pictures, images_file): (Pictures, &str),
    (labels, labels_file): (Vec<u8>, &str),
) -> Result<([usize; 3], Images), DataError> {
    if pictures.len() != labels.len() {
        return Err(DataError::CountMismatch {
            images_file: images_file.into(),
            images: pictures.len(),
            labels_file: labels_file.into(),
            labels: labels.len(),
        });
    }
    Ok((pictures.shape, Images { pixels: pictures.pixels, labels }))
}

/// The bytes of an IDX file, unpacked on the way if need be, and the name for errors.
struct Source<'a> {
    reader: Box<dyn Read + 'a>,
    name: &'a str,
    bytes: usize,
    packed: bool,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a [u8], name: &'a str) -> Self {
        let packed = bytes.starts_with(&GZIP_MAGIC);
        let reader: Box<dyn Read + 'a> =
            if packed { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        Self { reader, name, bytes: bytes.len(), packed }
    }

    fn error(&self, offset: usize, expected: String, found: String, advice: Advice) -> DataError {
        let place = if self.packed { Place::UnpackedByte(offset) } else { Place::Byte(offset) };
        DataError::Format { file: self.name.into(), place, expected, found, advice }
    }

    /// At most `limit` bytes from `offset` on, as many as there are; memory grows with what is there.
    fn take(&mut self, offset: usize, limit: u64) -> Result<Vec<u8>, DataError> {
        let mut taken = Vec::new();
        match self.reader.by_ref().take(limit).read_to_end(&mut taken) {
            Ok(_) => Ok(taken),
            Err(error) => Err(self.error(
                offset + taken.len(),
                "sound gzip data".into(),
                error.to_string(),
                Advice::Damaged,
            )),
        }
    }

    /// The big-endian word at `offset`, which is where the reader stands.
    fn word(&mut self, offset: usize, what: &str) -> Result<u32, DataError> {
        let taken = self.take(offset, 4)?;
        <[u8; 4]>::try_from(taken.as_slice()).map(u32::from_be_bytes).map_err(|_| {
            let found = if self.bytes == 0 { "an empty file" } else { "the end of the data" };
            self.error(offset + taken.len(), format!("the 4 bytes of {what}"), found.into(), Advice::CutOff)
        })
    }

    fn magic(&mut self, magic: u32, expected: &str) -> Result<(), DataError> {
        let found = self.word(0, "the magic number")?;
        if found == magic {
            return Ok(());
        }
        let found = match found {
            IMAGES_MAGIC => "2051 (IDX images)".into(),
            LABELS_MAGIC => "2049 (IDX labels)".into(),
            other => format!("{other}"),
        };
        Err(self.error(0, format!("magic number {expected}"), found, Advice::WrongKind))
    }

    fn count(&mut self, what: &str) -> Result<u32, DataError> {
        match self.word(4, &format!("the number of {what}"))? {
            0 => Err(self.error(4, format!("at least 1 of the {what}"), "0".into(), Advice::Unsupported)),
            count => Ok(count),
        }
    }

    fn dimension(&mut self, offset: usize, what: &str) -> Result<usize, DataError> {
        let found = self.word(offset, &format!("the number of {what}"))?;
        // Rows and columns beyond a 32-bit address are beyond SIZES too.
        let size = usize::try_from(found).unwrap_or(usize::MAX);
        if SIZES.contains(&size) {
            return Ok(size);
        }
        let expected = format!("{} to {} {what}", SIZES.start(), SIZES.end());
        Err(self.error(offset, expected, found.to_string(), Advice::Unsupported))
    }

    /// Exactly `length` bytes from `offset` on, and then the end.
    ///
    /// One byte more is asked for: it tells whether there are too many, and lets gzip verify its checksum. A small
    /// packed file that unpacks to far more than its header says is read no further than that byte.
    fn rest(&mut self, offset: usize, length: u64) -> Result<Vec<u8>, DataError> {
        if length > MAX_FILE_BYTES {
            let found = format!("a header that asks for {length}");
            return Err(self.error(4, format!("at most {MAX_FILE_BYTES} bytes"), found, Advice::Unsupported));
        }
        let taken = self.take(offset, length + 1)?;
        let expected = format!("{length} bytes after the header");
        match (taken.len() as u64).cmp(&length) {
            std::cmp::Ordering::Equal => Ok(taken),
            std::cmp::Ordering::Less => {
                let found = format!("the end after {}", taken.len());
                Err(self.error(offset + taken.len(), expected, found, Advice::CutOff))
            }
            std::cmp::Ordering::Greater => {
                Err(self.error(offset + taken.len() - 1, expected, "more".into(), Advice::Damaged))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_lie() {
        let mut images = [0_u32.to_be_bytes(); 4].concat();
        for (word, value) in [0x0803, 2, 8, 9].into_iter().enumerate() {
            images[word * 4..word * 4 + 4].copy_from_slice(&u32::to_be_bytes(value));
        }
        let pixels: Vec<u8> = (0..144).collect();
        images.extend(&pixels);
        let pictures = parse_images(&images, "images").unwrap();
        assert_eq!(pictures, Pictures { shape: [1, 8, 9], pixels });
        let labels = parse_labels(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 99], "labels").unwrap();
        assert_eq!(labels, [7, 99]);
        let (shape, part) = pair((pictures, "images"), (labels, "labels")).unwrap();
        assert_eq!((shape, part.len(), part.image(1)[0]), ([1, 8, 9], 2, 72));
    }

    #[test]
    fn a_header_allocates_nothing() {
        // 4 G images of 96×96, and none of their bytes.
        let mut bytes = vec![0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 96, 0, 0, 0, 96];
        assert!(parse_images(&bytes, "huge").unwrap_err().to_string().contains("at most 2147483648 bytes"));
        // Just below the limit: nothing is set aside for what is not there.
        bytes[4..8].copy_from_slice(&200_000_u32.to_be_bytes());
        assert!(parse_images(&bytes, "large").unwrap_err().to_string().contains("the end after 0"));
    }
}
