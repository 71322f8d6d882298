//! From numbers to pixels: images as they are, gradient tensors and perturbations in colours with a sign.

use super::palette::{Ground, Rgb, diverging};

/// Largest magnitude among finite values; 0 of none.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().filter(|value| value.is_finite()).fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The bytes of an image of `C × H × W` in [0, 1], three a pixel: colour where `C` is 3, grey otherwise.
pub fn image([channels, height, width]: [usize; 3], values: &[f32]) -> Vec<u8> {
    let plane = height * width;
    let byte =
        |index: usize| (255.0 * values.get(index).copied().unwrap_or(0.0).clamp(0.0, 1.0)).round() as u8;
    let pixel = |pixel: usize| match channels {
        3 => [byte(pixel), byte(plane + pixel), byte(2 * plane + pixel)],
        _ => [byte(pixel); 3],
    };
    (0..plane).flat_map(pixel).collect()
}

/// The same of a signed tensor of `C × H × W`, `scale` to full colour either way; channels are averaged.
pub fn signed([channels, height, width]: [usize; 3], values: &[f32], scale: f32, on: Ground) -> Vec<u8> {
    let plane = height * width;
    let pixel = |pixel: usize| {
        let sum: f32 = (0..channels).filter_map(|channel| values.get(channel * plane + pixel)).sum();
        let mean = sum / channels.max(1) as f32;
        let Rgb(red, green, blue) = diverging(if scale > 0.0 { mean / scale } else { 0.0 }, on);
        [red, green, blue]
    };
    (0..plane).flat_map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_images_are_read_plane_by_plane() {
        assert_eq!(image([3, 1, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 2.0]), [255, 0, 0, 0, 255, 255]);
    }

    #[test]
    fn what_is_too_short_or_not_a_number_is_drawn_all_the_same() {
        assert_eq!(image([1, 2, 2], &[1.0])[9..], [0; 3]);
        assert_eq!(image([1, 1, 1], &[f32::NAN]), [0; 3]);
        assert_eq!(largest(&[f32::NAN, -3.0, 2.0]), 3.0);
    }

    #[test]
    fn signed_tensors_are_averaged_over_their_channels() {
        let [low, high] = [-1.0, 1.0].map(|value| signed([2, 1, 1], &[value, value], 1.0, Ground::Light));
        assert!(low[2] > low[0] && high[0] > high[2]);
        assert_eq!(signed([2, 1, 1], &[1.0, -1.0], 1.0, Ground::Light), [255; 3]);
    }
}
