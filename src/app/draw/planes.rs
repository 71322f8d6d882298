//! The two planes of a world as pictures: who says what where, and how sure.

use egui::{Color32, ColorImage};

use crate::app::draw::theme::Palette;
use crate::protocol::{NO_ANGLE, PLANE_SIDE, Plane, READ_SIDE, TeacherPlane};

/// How strongly a place is coloured of which a network is not sure at all, and of which it is.
const STRENGTH: [f32; 2] = [0.08, 0.42];
/// Every so many places a stripe where there is no gradient, and how wide it is.
const STRIPES: (usize, usize) = (8, 3);
/// Pixels of the picture along a place.
const FINE: usize = 2;

/// What the main network says everywhere of so many `classes`; where there is no gradient, in stripes.
pub fn of_points(plane: &Plane, classes: usize, palette: &Palette) -> ColorImage {
    let is_flat = |place: usize| plane.flat.get(place).is_some_and(|flat| *flat > 0);
    said((&plane.said, &plane.sure), classes, is_flat, palette)
}

/// The same of a teacher.
pub fn of_teacher(teacher: &TeacherPlane, classes: usize, palette: &Palette) -> ColorImage {
    said((&teacher.said, &teacher.sure), classes, |_| false, palette)
}

fn said(
    (said, sure): (&[u8], &[u8]),
    classes: usize,
    is_flat: impl Fn(usize) -> bool,
    palette: &Palette,
) -> ColorImage {
    picture(PLANE_SIDE, |place, at| {
        let class = said.get(place).copied().unwrap_or(0);
        let colour = sureness(sure.get(place).copied(), classes);
        let is_stripe = is_flat(place) && is_stripe(at);
        palette.shade(palette.class(class.into()), if is_stripe { 0.0 } else { colour })
    })
}

/// How far apart the gradients of student and teacher point: alike, at right angles (pale), opposed; striped where one of
/// them has none.
pub fn of_angles(teacher: &TeacherPlane, palette: &Palette) -> ColorImage {
    picture(PLANE_SIDE, |place, at| {
        let told = teacher.cosines.get(place).copied().unwrap_or(NO_ANGLE);
        if told == NO_ANGLE {
            return palette.shade(palette.weak, if is_stripe(at) { STRENGTH[1] } else { 0.0 });
        }
        let cosine = f32::from(told) / 127.0 - 1.0;
        let colour = if cosine < 0.0 { palette.bad } else { palette.good };
        palette.shade(colour, STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * cosine.abs())
    })
}

fn is_stripe([x, y]: [usize; 2]) -> bool {
    (x + y) % STRIPES.0 < STRIPES.1
}

/// What the auxiliary network says of every gradient, of so many `origins`.
pub fn of_gradients(plane: &Plane, origins: usize, palette: &Palette) -> ColorImage {
    picture(READ_SIDE, |place, _| {
        let Some(origin) = plane.read.get(place) else { return palette.card };
        palette.shade(palette.class((*origin).into()), sureness(plane.read_sure.get(place).copied(), origins))
    })
}

/// How strong the colour of something is that a network is so sure of, in parts of 255; guessing is not to be sure.
fn sureness(probability: Option<u8>, among: usize) -> f32 {
    let chance = 1.0 / among.max(2) as f32;
    let share = ((f32::from(probability.unwrap_or(0)) / 255.0 - chance) / (1.0 - chance)).clamp(0.0, 1.0);
    STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * share
}

/// A picture of `side`² places, of which the first is at the lower left: each [`FINE`]² pixels, which are counted from below.
fn picture(side: usize, colour: impl Fn(usize, [usize; 2]) -> Color32) -> ColorImage {
    let wide = side * FINE;
    let pixel = |index: usize| {
        let [x, y] = [index % wide, wide - 1 - index / wide];
        colour(y / FINE * side + x / FINE, [x, y])
    };
    let pixels: Vec<Color32> = (0..wide * wide).map(pixel).collect();
    ColorImage::new([wide, wide], pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn the_first_place_is_at_the_lower_left() {
        let context = egui::Context::default();
        let palette = Palette::of(&context);
        let mut plane = made_up::plane(1, 1);
        plane.said = vec![0; PLANE_SIDE * PLANE_SIDE];
        plane.sure = vec![255; PLANE_SIDE * PLANE_SIDE];
        plane.flat = vec![0; PLANE_SIDE * PLANE_SIDE];
        plane.said[0] = 1;
        let drawn = of_points(&plane, 2, &palette);
        let last_row = drawn.pixels.len() - drawn.width();
        let [first, other] = [1, 0].map(|class| palette.shade(palette.class(class), sureness(Some(255), 2)));
        assert_eq!((drawn.pixels[last_row], drawn.pixels[0]), (first, other));
        assert_eq!(drawn.pixels.iter().filter(|pixel| **pixel == first).count(), FINE * FINE);
    }

    #[test]
    fn gradients_that_point_alike_look_other_than_those_that_are_opposed() {
        let palette = Palette::of(&egui::Context::default());
        let cosines = [254, 127, 0, NO_ANGLE].repeat(PLANE_SIDE * PLANE_SIDE / 4);
        let drawn = of_angles(&TeacherPlane { cosines, ..TeacherPlane::default() }, &palette);
        let [alike, across, opposed] = [0, 1, 2].map(|column| drawn.pixels[column * FINE]);
        assert!(alike != across && across != opposed && alike != opposed);
        assert_eq!(alike, palette.shade(palette.good, STRENGTH[1]));
    }

    #[test]
    fn a_guess_is_pale_and_a_place_without_gradient_is_striped() {
        assert_eq!(sureness(Some(51), 5), STRENGTH[0]);
        assert!((sureness(Some(255), 5) - STRENGTH[1]).abs() < 1e-6);
        let palette = Palette::of(&egui::Context::default());
        let mut plane = made_up::plane(1, 1);
        plane.flat = vec![1; PLANE_SIDE * PLANE_SIDE];
        let stripes =
            of_points(&plane, 2, &palette).pixels.iter().filter(|pixel| **pixel == palette.card).count();
        let all = (PLANE_SIDE * FINE).pow(2);
        assert!((all / 4..all / 2).contains(&stripes), "{stripes} of {all}");
    }
}
