//! What a chart and its legend draw with: sizes in pixels of the picture, colours, lines of text.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::show::palette::{Ground, Rgb, Role, colour};

/// Each pixel is the average of a square with this side: plotters draws wide lines without smoothing their edges.
pub const SUPERSAMPLING: u32 = 2;
/// Text.
pub const INK: RGBColor = RGBColor(45, 48, 56);

/// What is drawn on.
pub type Canvas<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
/// Why something was not drawn.
pub type DrawError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;
/// What drawing ends in.
pub type Drawn = Result<(), DrawError>;

/// The colour of a role on paper.
pub fn ink(role: Role) -> RGBColor {
    let Rgb(red, green, blue) = colour(role, Ground::Print);
    RGBColor(red, green, blue)
}

/// Pixels of the picture, in pixels of the canvas.
pub const fn scaled(pixels: u32) -> i32 {
    (pixels * SUPERSAMPLING) as i32
}

/// A line of text in `font` whose left end is at `place` and whose middle is as high.
pub fn label(
    text: &str,
    font: &'static str,
    place: (i32, i32),
    size: u32,
    colour: RGBColor,
) -> Text<'static, (i32, i32), String> {
    let style = (font, scaled(size)).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
    Text::new(text.to_string(), place, style)
}
