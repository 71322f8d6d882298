//! A picture of somebody's own, as a network reads it: of any size and in the usual formats.
//!
//! What it becomes is much what `torchvision` makes of it with `Resize` and `CenterCrop`: the middle, scaled with antialiasing
//! (cut first, so that it may lie half a pixel off); grey is Pillow's `L` (Rec. 601).

use std::io::Cursor;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, RgbImage};

/// Pixels that a side may have: four bytes each of that many squared are 64 MiB.
const MOST_SIDE: u32 = 4096;

/// A picture, cut and scaled to what a network reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `[C, H, W]`.
    pub shape: [usize; 3],
    /// `C × H × W` bytes, row by row, a channel after the other.
    pub pixels: Vec<u8>,
    /// What was done to it, a clause each; nothing where it came as it is read.
    pub changes: Vec<String>,
}

/// Why something cannot be read as a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is of no format that is known.
    #[error("this is no picture in PNG, JPEG, WebP, BMP or GIF")]
    Format,
    /// It is damaged, or makes no sense.
    #[error("the picture cannot be read: {0}; export it again, as PNG")]
    Damaged(image::ImageError),
    /// It is larger than anything that is scaled to a few pixels needs to be.
    #[error("the picture has {width} × {height} pixels, and {MOST_SIDE} a side are the most; scale it down")]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The network does not read pictures.
    #[error("the network reads {0}, and no pictures; give a network of pictures")]
    NotPictures(&'static str),
}

impl Picture {
    /// The picture in the bytes of a file, for a network that reads `[C, H, W]`.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn read(bytes: &[u8], shape: [usize; 3]) -> Result<Self, PictureError> {
        let [channels, height, width] = shape;
        match channels {
            1 | 3 => {}
            2 if [height, width] == [1, 1] => return Err(PictureError::NotPictures("points of a world")),
            _ => return Err(PictureError::NotPictures("something else than grey or three colours")),
        }
        let mut changes = Vec::new();
        let whole = decode(bytes, &mut changes)?;
        let rgb = scaled(flat(&whole, &mut changes), [width as u32, height as u32], &mut changes);
        let is_coloured = rgb.pixels().any(|pixel| pixel.0.iter().any(|part| *part != pixel.0[0]));
        let pixels = if channels == 1 {
            if is_coloured {
                changes.push("its colours became grey".into());
            }
            rgb.pixels().map(|pixel| grey(pixel.0)).collect()
        } else {
            (0..channels).flat_map(|channel| rgb.pixels().map(move |pixel| pixel.0[channel])).collect()
        };
        Ok(Self { shape, pixels, changes })
    }
}

/// The whole picture, upright.
fn decode(bytes: &[u8], changes: &mut Vec<String>) -> Result<DynamicImage, PictureError> {
    let reader = || {
        let guessed = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        guessed.ok().filter(|reader| reader.format().is_some()).ok_or(PictureError::Format)
    };
    // What it says of its size is read before room is made for it.
    let (width, height) = reader()?.into_dimensions().map_err(PictureError::Damaged)?;
    if width > MOST_SIDE || height > MOST_SIDE {
        return Err(PictureError::TooLarge { width, height });
    }
    let mut decoder = reader()?.into_decoder().map_err(PictureError::Damaged)?;
    // One that does not say how it lies is upright.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut whole = DynamicImage::from_decoder(decoder).map_err(PictureError::Damaged)?;
    if orientation != Orientation::NoTransforms {
        whole.apply_orientation(orientation);
        changes.push("it was turned as its EXIF data say".into());
    }
    Ok(whole)
}

/// Three colours of eight bits, over black.
fn flat(whole: &DynamicImage, changes: &mut Vec<String>) -> RgbImage {
    if !whole.color().has_alpha() {
        return whole.to_rgb8();
    }
    let clear = whole.to_rgba8();
    if clear.pixels().any(|pixel| pixel.0[3] < u8::MAX) {
        changes.push("what is transparent in it became black".into());
    }
    let over_black = |part: u8, alpha: u8| ((u32::from(part) * u32::from(alpha) + 127) / 255) as u8;
    let mut flat = RgbImage::new(clear.width(), clear.height());
    for (pixel, [red, green, blue, alpha]) in flat.pixels_mut().zip(clear.pixels().map(|pixel| pixel.0)) {
        pixel.0 = [red, green, blue].map(|part| over_black(part, alpha));
    }
    flat
}

/// Its middle in that size.
fn scaled(whole: RgbImage, [width, height]: [u32; 2], changes: &mut Vec<String>) -> RgbImage {
    let (from_width, from_height) = whole.dimensions();
    if (from_width, from_height) == (width, height) {
        return whole;
    }
    // The largest part of the right proportions.
    let wide = (u64::from(from_height) * u64::from(width) / u64::from(height)).max(1) as u32;
    let high = (u64::from(from_width) * u64::from(height) / u64::from(width)).max(1) as u32;
    let (cut_width, cut_height) = (wide.min(from_width), high.min(from_height));
    let part = match (cut_width, cut_height) == (from_width, from_height) {
        true => String::new(),
        false => format!(", of which the middle {cut_width} × {cut_height}"),
    };
    changes.push(format!("{from_width} × {from_height} pixels{part} became {width} × {height}"));
    let (left, top) = ((from_width - cut_width) / 2, (from_height - cut_height) / 2);
    let cut = imageops::crop_imm(&whole, left, top, cut_width, cut_height).to_image();
    imageops::resize(&cut, width, height, FilterType::Triangle)
}

/// Pillow's `L`, in its own whole numbers: a grey pixel stays as it is.
fn grey([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Luma, Rgb, Rgba};
    use proptest::prelude::*;

    fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, format).expect("a small picture");
        bytes.into_inner()
    }

    #[test]
    fn what_comes_in_the_right_size_is_left_as_it_is() {
        let grey = image::ImageBuffer::from_fn(9, 8, |x, y| Luma([(20 * x + y) as u8]));
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
            let bytes = match format {
                ImageFormat::WebP => written(DynamicImage::from(grey.clone()).to_rgb8(), format),
                _ => written(grey.clone(), format),
            };
            let picture = Picture::read(&bytes, [1, 8, 9]).expect("a picture");
            assert_eq!((picture.pixels, picture.changes), (grey.as_raw().clone(), Vec::new()), "{format:?}");
        }
        let rgb = image::ImageBuffer::from_fn(2, 1, |x, _| Rgb([x as u8, 10, 20 + x as u8]));
        let picture = Picture::read(&written(rgb, ImageFormat::Png), [3, 1, 2]).expect("a picture");
        assert_eq!(picture.pixels, [0, 1, 10, 10, 20, 21], "a channel after the other");
    }

    #[test]
    fn what_is_done_to_a_picture_is_said() {
        // Black, and white in the middle square alone.
        let wide = image::ImageBuffer::from_fn(40, 20, |x, _| {
            Rgba(if (10..30).contains(&x) { [255u8, 255, 255, 255] } else { [255, 0, 0, 255] })
        });
        let picture = Picture::read(&written(wide, ImageFormat::Png), [1, 10, 10]).expect("a picture");
        assert_eq!(picture.changes, ["40 × 20 pixels, of which the middle 20 × 20 became 10 × 10"]);
        assert!(picture.pixels.iter().all(|pixel| *pixel == 255));
        let clear = image::ImageBuffer::from_pixel(8, 8, Rgba([0u8, 255, 0, 128]));
        let picture = Picture::read(&written(clear, ImageFormat::Png), [1, 8, 8]).expect("a picture");
        assert_eq!(picture.changes, ["what is transparent in it became black", "its colours became grey"]);
        // Pillow: Image.new("RGB", (1, 1), (0, 128, 0)).convert("L").getpixel((0, 0)) is 75.
        assert!(picture.pixels.iter().all(|pixel| *pixel == 75), "{:?}", picture.pixels);
    }

    #[test]
    fn a_picture_is_scaled_with_antialiasing() {
        // Columns in turn black and white become grey, and no stripes.
        let stripes = image::ImageBuffer::from_fn(64, 64, |x, _| Luma([if x % 2 == 0 { 0u8 } else { 255 }]));
        let picture = Picture::read(&written(stripes, ImageFormat::Png), [1, 8, 8]).expect("a picture");
        assert!(picture.pixels.iter().all(|pixel| pixel.abs_diff(127) < 6), "{:?}", picture.pixels);
    }

    #[test]
    fn what_is_no_picture_or_does_not_fit_is_a_sentence() {
        let small = written(image::ImageBuffer::from_pixel(8, 8, Luma([7u8])), ImageFormat::Png);
        let refused = |bytes: &[u8], shape| Picture::read(bytes, shape).expect_err("refused").to_string();
        assert!(refused(b"hello, world", [1, 8, 8]).contains("no picture in PNG"));
        assert!(refused(&[], [1, 8, 8]).contains("no picture"));
        assert!(refused(&small[..40], [1, 8, 8]).contains("cannot be read"));
        assert!(refused(&small, [2, 1, 1]).contains("points of a world"));
        assert!(refused(&small, [5, 8, 8]).contains("something else"));
        // The header alone says that it is large.
        let mut large = small;
        large[16..24].copy_from_slice(&[0, 0, 39, 16, 0, 0, 39, 16]);
        let length = large.len();
        let crc = crc(&large[12..29]);
        large[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(refused(&large[..length], [1, 8, 8]).contains("10000 × 10000 pixels, and 4096"));
    }

    /// The checksum of a part of a PNG.
    fn crc(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Picture::read(&bytes, [1, 8, 8]);
            let png = [b"\x89PNG\r\n\x1a\n", &bytes[..]].concat();
            let _ = Picture::read(&png, [3, 8, 8]);
        }
    }
}
