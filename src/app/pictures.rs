//! From numbers to pixels: images as they are, gradient tensors and perturbations in colours with a sign.

use egui::{Color32, ColorImage};

use crate::app::theme::Palette;

/// Largest magnitude among finite values; 0 of none.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().filter(|value| value.is_finite()).fold(0.0, |largest, value| largest.max(value.abs()))
}

/// An image of `C × H × W` in [0, 1]: colour where `C` is 3, grey otherwise.
pub fn image([channels, height, width]: [usize; 3], values: &[f32]) -> ColorImage {
    let plane = height * width;
    let byte =
        |index: usize| (255.0 * values.get(index).copied().unwrap_or(0.0).clamp(0.0, 1.0)).round() as u8;
    let pixels = (0..plane)
        .map(|pixel| match channels {
            3 => Color32::from_rgb(byte(pixel), byte(plane + pixel), byte(2 * plane + pixel)),
            _ => Color32::from_gray(byte(pixel)),
        })
        .collect();
    ColorImage::new([width, height], pixels)
}

/// A signed tensor of `C × H × W`, `scale` to full colour either way; channels are averaged.
pub fn signed(
    [channels, height, width]: [usize; 3],
    values: &[f32],
    scale: f32,
    palette: &Palette,
) -> ColorImage {
    let plane = height * width;
    let pixels = (0..plane)
        .map(|pixel| {
            let sum: f32 = (0..channels).filter_map(|channel| values.get(channel * plane + pixel)).sum();
            let mean = sum / channels.max(1) as f32;
            palette.diverging(if scale > 0.0 { mean / scale } else { 0.0 })
        })
        .collect();
    ColorImage::new([width, height], pixels)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_images_are_read_plane_by_plane() {
        let picture = image([3, 1, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 2.0]);
        assert_eq!(picture.pixels, [Color32::from_rgb(255, 0, 0), Color32::from_rgb(0, 255, 255)]);
    }

    #[test]
    fn what_is_too_short_or_not_a_number_is_drawn_all_the_same() {
        assert_eq!(image([1, 2, 2], &[1.0]).pixels[3], Color32::BLACK);
        assert_eq!(largest(&[f32::NAN, -3.0, 2.0]), 3.0);
        let mut atlas = ColorImage::filled([2, 2], Color32::BLACK);
        paste(&mut atlas, &ColorImage::filled([2, 2], Color32::WHITE), [1, 1]);
        assert_eq!(atlas.pixels.iter().filter(|pixel| **pixel == Color32::WHITE).count(), 1);
    }
}
