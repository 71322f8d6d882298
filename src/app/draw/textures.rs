//! Pictures as egui holds them.

use egui::ColorImage;

use crate::app::draw::theme::Palette;
use crate::show::{picture, png};

/// An image of `C × H × W` in [0, 1]: colour where `C` is 3, grey otherwise.
pub fn image(shape: [usize; 3], values: &[f32]) -> ColorImage {
    ColorImage::from_rgb([shape[2], shape[1]], &picture::image(shape, values))
}

/// A signed tensor of `C × H × W`, `scale` to full colour either way; channels are averaged.
pub fn signed(shape: [usize; 3], values: &[f32], scale: f32, palette: &Palette) -> ColorImage {
    ColorImage::from_rgb([shape[2], shape[1]], &picture::signed(shape, values, scale, palette.ground))
}

/// Copies `picture` into `atlas` with its top left corner at `[x, y]`, as far as it fits.
pub fn paste(atlas: &mut ColorImage, picture: &ColorImage, [x, y]: [usize; 2]) {
    let width = picture.width().min(atlas.width().saturating_sub(x));
    for row in 0..picture.height().min(atlas.height().saturating_sub(y)) {
        let to = (y + row) * atlas.width() + x;
        let from = row * picture.width();
        atlas.pixels[to..to + width].copy_from_slice(&picture.pixels[from..from + width]);
    }
}

/// A PNG of opaque pixels.
pub fn to_png(image: &ColorImage) -> Vec<u8> {
    let rgb: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    png::encode(image.size, &rgb)
}

#[cfg(test)]
mod tests {
    use egui::Color32;

    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_off() {
        let mut atlas = ColorImage::filled([2, 2], Color32::BLACK);
        paste(&mut atlas, &ColorImage::filled([2, 2], Color32::WHITE), [1, 1]);
        assert_eq!(atlas.pixels.iter().filter(|pixel| **pixel == Color32::WHITE).count(), 1);
    }
}
