//! A sheet of pictures: images in the first row, below them what each network makes of them.

use plotters::prelude::*;

use super::charts::ChartError;
use super::fonts;
use super::paint::{Drawn, INK, SUPERSAMPLING, label, scaled};
use crate::show::palette::Ground;
use crate::show::picture::{self, largest};
use crate::show::png as encoder;

/// Side of a picture, height of what stands above all, width of what stands beside, gap: in pixels of the sheet.
const SIDE: u32 = 112;
const HEAD: u32 = 96;
const BESIDE: u32 = 380;
const GAP: u32 = 10;
/// Less important text.
const FAINT_INK: RGBColor = RGBColor(110, 114, 124);

/// What a network makes of the images.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose it is.
    pub title: String,
    /// Of each image, `C × H × W`, signed.
    pub maps: Vec<Vec<f32>>,
}

/// A sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What is to be seen.
    pub title: String,
    /// What it takes to read it.
    pub note: String,
    /// `[C, H, W]` of an image.
    pub shape: [usize; 3],
    /// The images, pixels in [0, 1].
    pub images: Vec<Vec<f32>>,
    /// Network by network.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// The sheet as a PNG.
    ///
    /// # Errors
    /// [`ChartError`], naming the sheet.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        fonts::register();
        let columns = self.images.len() as u32;
        let size =
            (BESIDE + columns * (SIDE + GAP) + GAP, HEAD + (1 + self.rows.len() as u32) * (SIDE + GAP));
        // Texts are drawn as in charts, and then shrunk; pictures keep their own pixels.
        let large = (size.0 * SUPERSAMPLING, size.1 * SUPERSAMPLING);
        let mut pixels = vec![255; large.0 as usize * large.1 as usize * 3];
        self.texts(&mut pixels, large)
            .map_err(|error| ChartError::Drawing { title: self.title.clone(), problem: error.to_string() })?;
        let mut rgb = super::charts::shrink(&pixels, large.0 as usize);
        let image = |image: &Vec<f32>| picture::image(self.shape, image);
        self.place(&mut rgb, size.0, 0, self.images.iter().map(image));
        for (row, of) in (1..).zip(&self.rows) {
            let map = |map: &Vec<f32>| picture::signed(self.shape, map, largest(map), Ground::Print);
            self.place(&mut rgb, size.0, row, of.maps.iter().map(map));
        }
        Ok(encoder::encode([size.0, size.1].map(|side| side as usize), &rgb))
    }

    fn texts(&self, pixels: &mut [u8], size: (u32, u32)) -> Drawn {
        let root = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
        root.fill(&WHITE)?;
        let font = |text: &str| fonts::of(text).unwrap_or(fonts::OWN);
        let line = |text: &str, place: (u32, u32), height, ink| {
            label(text, font(text), (scaled(place.0), scaled(place.1)), height, ink)
        };
        root.draw(&line(&self.title, (24, 30), 32, INK))?;
        root.draw(&line(&self.note, (24, 70), 20, FAINT_INK))?;
        let titles = std::iter::once("images").chain(self.rows.iter().map(|row| &*row.title));
        for (row, title) in (0..).zip(titles) {
            root.draw(&line(title, (24, HEAD + row * (SIDE + GAP) + SIDE / 2), 22, INK))?;
        }
        root.present()
    }

    /// Puts pictures, three bytes a pixel, side by side into a row of a sheet of that width: each pixel as a block.
    fn place(&self, rgb: &mut [u8], width: u32, row: u32, pictures: impl Iterator<Item = Vec<u8>>) {
        let [_, height, wide] = self.shape.map(|size| size.max(1));
        for (column, picture) in (0..).zip(pictures) {
            let (left, top) = (BESIDE + column * (SIDE + GAP), HEAD + row * (SIDE + GAP));
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let from =
                        (y as usize * height / SIDE as usize) * wide + x as usize * wide / SIDE as usize;
                    let to = ((top + y) * width + left + x) as usize;
                    if let (Some(from), Some(to)) =
                        (picture.get(3 * from..3 * from + 3), rgb.get_mut(3 * to..3 * to + 3))
                    {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_its_place() {
        let map = |sign: f32| (0..12).map(|entry| sign * entry as f32).collect::<Vec<f32>>();
        let sheet = Sheet {
            title: "Maps".into(),
            note: "of nothing".into(),
            shape: [3, 2, 2],
            images: vec![vec![1.0; 12], vec![0.0; 12]],
            rows: vec![Row { title: "one".into(), maps: vec![map(1.0), map(-1.0)] }],
        };
        let png = sheet.png().unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let (width, height) = (reader.info().width, reader.info().height);
        assert_eq!((width, height), (BESIDE + 2 * (SIDE + GAP) + GAP, HEAD + 2 * (SIDE + GAP)));
        let mut pixels = vec![0; (3 * width * height) as usize];
        reader.next_frame(&mut pixels).unwrap();
        let at = |column: u32, row: u32, x: u32, y: u32| {
            let (left, top) = (BESIDE + column * (SIDE + GAP) + x, HEAD + row * (SIDE + GAP) + y);
            let from = (3 * (top * width + left)) as usize;
            [pixels[from], pixels[from + 1], pixels[from + 2]]
        };
        assert_eq!((at(0, 0, 5, 5), at(1, 0, 5, 5)), ([255; 3], [0; 3]));
        // The last entry is the largest: red one way, blue the other.
        let [up, down] = [at(0, 1, SIDE - 1, SIDE - 1), at(1, 1, SIDE - 1, SIDE - 1)];
        assert!(up[0] > up[2] && down[2] > down[0], "{up:?} {down:?}");
        assert_eq!(at(0, 0, SIDE + 2, 5), [255; 3], "the gap");
    }
}
