//! Pictures of the planes of a world as the window has them.

use egui::{Color32, ColorImage};

use crate::app::draw::theme::Palette;
use crate::show::palette::Rgb;
use crate::show::planes::{Look, Pixels};

/// How planes look in this palette.
pub fn look(palette: &Palette) -> Look {
    let [red, green, blue, _] = palette.card.to_array();
    Look { ground: palette.ground, paper: Rgb(red, green, blue) }
}

/// A picture for a texture.
pub fn image(Pixels { side, colours }: Pixels) -> ColorImage {
    let pixels = colours.into_iter().map(|Rgb(red, green, blue)| Color32::from_rgb(red, green, blue));
    ColorImage::new([side, side], pixels.collect())
}
