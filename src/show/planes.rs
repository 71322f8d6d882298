//! The planes of a world as pixels: who says what where, and how sure; on paper with its points, too.

use super::palette::{Ground, Rgb, Role, colour};
use crate::protocol::{NO_ANGLE, PLANE_SIDE, Plane, READ_SIDE, SharedPlane, TeacherPlane};

/// How strongly a place is coloured of which a network is not sure at all, and of which it is.
const STRENGTH: [f32; 2] = [0.08, 0.42];
/// Every so many places a stripe where there is no gradient, and how wide it is.
const STRIPES: (usize, usize) = (8, 3);
/// Pixels of the picture along a place.
const FINE: usize = 2;
/// Radius of a point, and the width of its edge, as shares of the picture's side.
const POINT: (f32, f32) = (0.0125, 0.006);

/// What is drawn on, and so in which colours.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Whose colours.
    pub ground: Ground,
    /// Where nothing is.
    pub paper: Rgb,
}

/// A square picture, row by row from above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels along a side.
    pub side: usize,
    /// Its `side`² pixels.
    pub colours: Vec<Rgb>,
}

impl Look {
    /// That of a ground as it is.
    pub const fn of(ground: Ground) -> Self {
        Self { ground, paper: ground.paper() }
    }

    fn class(&self, class: usize) -> Rgb {
        colour(Role::Class(class), self.ground)
    }

    fn role(&self, role: Role) -> Rgb {
        colour(role, self.ground)
    }

    /// From the paper (0) to a colour (1).
    fn shade(&self, colour: Rgb, strength: f32) -> Rgb {
        self.paper.mix(colour, strength.clamp(0.0, 1.0))
    }
}

/// What the main network says everywhere of so many `classes`; where there is no gradient, in stripes.
pub fn of_points(plane: &Plane, classes: usize, look: Look) -> Pixels {
    let is_flat = |place: usize| plane.flat.get(place).is_some_and(|flat| *flat > 0);
    said((&plane.said, &plane.sure), classes, is_flat, look)
}

/// The same of a teacher.
pub fn of_teacher(teacher: &TeacherPlane, classes: usize, look: Look) -> Pixels {
    said((&teacher.said, &teacher.sure), classes, |_| false, look)
}

/// What the class's decoder says of a representation: no colours, which are the tasks' there, but lighter and darker.
pub fn of_shared(shared: &SharedPlane, classes: usize, look: Look) -> Pixels {
    picture(READ_SIDE, |place, _| {
        let class = shared.said.get(place).copied().unwrap_or(0);
        let step = f32::from(class) / classes.saturating_sub(1).max(1) as f32;
        let sure = sureness(shared.sure.get(place).copied(), classes);
        look.shade(look.role(Role::Reference), sure * step)
    })
}

fn said((said, sure): (&[u8], &[u8]), classes: usize, is_flat: impl Fn(usize) -> bool, look: Look) -> Pixels {
    picture(PLANE_SIDE, |place, at| {
        let class = said.get(place).copied().unwrap_or(0);
        let strength = sureness(sure.get(place).copied(), classes);
        let is_stripe = is_flat(place) && is_stripe(at);
        look.shade(look.class(class.into()), if is_stripe { 0.0 } else { strength })
    })
}

/// How far apart the gradients of student and teacher point: alike, at right angles (pale), opposed; striped where one of
/// them has none.
pub fn of_angles(teacher: &TeacherPlane, look: Look) -> Pixels {
    picture(PLANE_SIDE, |place, at| {
        let told = teacher.cosines.get(place).copied().unwrap_or(NO_ANGLE);
        if told == NO_ANGLE {
            return look.shade(look.role(Role::Reference), if is_stripe(at) { STRENGTH[1] } else { 0.0 });
        }
        let cosine = f32::from(told) / 127.0 - 1.0;
        let role = if cosine < 0.0 { Role::Bad } else { Role::Good };
        look.shade(look.role(role), STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * cosine.abs())
    })
}

/// What the auxiliary network says of every gradient, of so many `origins`.
pub fn of_gradients(plane: &Plane, origins: usize, look: Look) -> Pixels {
    picture(READ_SIDE, |place, _| {
        let Some(origin) = plane.read.get(place) else { return look.paper };
        look.shade(look.class((*origin).into()), sureness(plane.read_sure.get(place).copied(), origins))
    })
}

/// Both planes with their points, each so many pixels along a side: of points, those ringed that some change within ε makes
/// something else, and crossed that are misread; of gradients, those crossed whose origin is misread.
pub fn printed(plane: &Plane, [classes, origins]: [usize; 2], side: usize, look: Look) -> [Pixels; 2] {
    let mut points = of_points(plane, classes, look).scaled(side);
    for point in &plane.points {
        let fill = look.class(point.label.into());
        let [x, y] = point.place().map(|along| along as f32);
        if point.said != point.label {
            points.cross([x, y], fill);
        } else {
            let is_safe = plane.withstands(point, plane.epsilon);
            points.disc([x, y], fill, if is_safe { look.paper } else { look.ground.ink() });
        }
    }
    let mut gradients = of_gradients(plane, origins, look).scaled(side);
    for gradient in &plane.gradients {
        let at = gradient.at.map(|along| (0.5 + 0.5 * plane.drawn(along.into())) as f32);
        let fill = look.class(gradient.origin.into());
        if gradient.origin == gradient.read {
            gradients.disc(at, fill, look.paper);
        } else {
            gradients.cross(at, fill);
        }
    }
    [points, gradients]
}

fn is_stripe([x, y]: [usize; 2]) -> bool {
    (x + y) % STRIPES.0 < STRIPES.1
}

/// How strong the colour of something is that a network is so sure of, in parts of 255; guessing is not to be sure.
fn sureness(probability: Option<u8>, among: usize) -> f32 {
    let chance = 1.0 / among.max(2) as f32;
    let share = ((f32::from(probability.unwrap_or(0)) / 255.0 - chance) / (1.0 - chance)).clamp(0.0, 1.0);
    STRENGTH[0] + (STRENGTH[1] - STRENGTH[0]) * share
}

/// A picture of `side`² places, of which the first is at the lower left: each [`FINE`]² pixels, which are counted from below.
fn picture(side: usize, colour: impl Fn(usize, [usize; 2]) -> Rgb) -> Pixels {
    let wide = side * FINE;
    let pixel = |index: usize| {
        let [x, y] = [index % wide, wide - 1 - index / wide];
        colour(y / FINE * side + x / FINE, [x, y])
    };
    Pixels { side: wide, colours: (0..wide * wide).map(pixel).collect() }
}

impl Pixels {
    /// The bytes, three a pixel.
    pub fn rgb(&self) -> Vec<u8> {
        self.colours.iter().flat_map(|Rgb(red, green, blue)| [*red, *green, *blue]).collect()
    }

    /// The same of so many pixels along a side: the nearest of each.
    fn scaled(&self, side: usize) -> Self {
        let nearest = |at: usize| (at * self.side / side).min(self.side - 1);
        let colour = |index: usize| self.colours[nearest(index / side) * self.side + nearest(index % side)];
        Self { side, colours: (0..side * side).map(colour).collect() }
    }

    /// Draws where `cover` says how much of a pixel is covered that lies so far from `at`, in pixels; `at` is in shares of
    /// the side, the second upwards.
    fn paint(&mut self, at: [f32; 2], reach: f32, colour: impl Fn(f32, f32) -> Option<(Rgb, f32)>) {
        let side = self.side as f32;
        let [x, y] = [at[0] * side, (1.0 - at[1]) * side];
        let range = |middle: f32| {
            let first = (middle - reach).floor().max(0.0) as usize;
            first..((middle + reach).ceil().max(0.0) as usize).min(self.side)
        };
        for row in range(y) {
            for column in range(x) {
                let (dx, dy) = (column as f32 + 0.5 - x, row as f32 + 0.5 - y);
                if let Some((colour, cover)) = colour(dx, dy) {
                    let pixel = &mut self.colours[row * self.side + column];
                    *pixel = pixel.mix(colour, cover.clamp(0.0, 1.0));
                }
            }
        }
    }

    /// A point with its edge.
    fn disc(&mut self, at: [f32; 2], fill: Rgb, edge: Rgb) {
        let [radius, width] = [POINT.0, POINT.1].map(|share| share * self.side as f32);
        self.paint(at, radius + width + 1.0, |dx, dy| {
            let distance = dx.hypot(dy);
            let outside = distance - radius - 0.5 * width;
            let inside = (radius - 0.5 * width - distance + 0.5).clamp(0.0, 1.0);
            (outside < 0.5).then(|| (edge.mix(fill, inside), 0.5 - outside))
        });
    }

    /// A cross.
    fn cross(&mut self, at: [f32; 2], fill: Rgb) {
        let [radius, width] = [POINT.0, POINT.1].map(|share| share * self.side as f32);
        let reach = 1.2 * radius;
        self.paint(at, reach + width + 1.0, |dx, dy| {
            let off = (dx - dy).abs().min((dx + dy).abs()) / std::f32::consts::SQRT_2 - 0.6 * width;
            let beyond = dx.abs().max(dy.abs()) - reach;
            let cover = 0.5 - off.max(beyond);
            (cover > 0.0).then_some((fill, cover))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    const LOOK: Look = Look::of(Ground::Dark);

    #[test]
    fn the_first_place_is_at_the_lower_left() {
        let mut plane = made_up::plane(1, 1);
        plane.said = vec![0; PLANE_SIDE * PLANE_SIDE];
        plane.sure = vec![255; PLANE_SIDE * PLANE_SIDE];
        plane.flat = vec![0; PLANE_SIDE * PLANE_SIDE];
        plane.said[0] = 1;
        let drawn = of_points(&plane, 2, LOOK);
        let last_row = drawn.colours.len() - drawn.side;
        let [first, other] = [1, 0].map(|class| LOOK.shade(LOOK.class(class), sureness(Some(255), 2)));
        assert_eq!((drawn.colours[last_row], drawn.colours[0]), (first, other));
        assert_eq!(drawn.colours.iter().filter(|pixel| **pixel == first).count(), FINE * FINE);
        assert_eq!(drawn.rgb().len(), 3 * drawn.side * drawn.side);
    }

    #[test]
    fn gradients_that_point_alike_look_other_than_those_that_are_opposed() {
        let cosines = [254, 127, 0, NO_ANGLE].repeat(PLANE_SIDE * PLANE_SIDE / 4);
        let drawn = of_angles(&TeacherPlane { cosines, ..TeacherPlane::default() }, LOOK);
        let [alike, across, opposed] = [0, 1, 2].map(|column| drawn.colours[column * FINE]);
        assert!(alike != across && across != opposed && alike != opposed);
        assert_eq!(alike, LOOK.shade(LOOK.role(Role::Good), STRENGTH[1]));
    }

    #[test]
    fn a_guess_is_pale_and_a_place_without_gradient_is_striped() {
        assert_eq!(sureness(Some(51), 5), STRENGTH[0]);
        assert!((sureness(Some(255), 5) - STRENGTH[1]).abs() < 1e-6);
        let mut plane = made_up::plane(1, 1);
        plane.flat = vec![1; PLANE_SIDE * PLANE_SIDE];
        let drawn = of_points(&plane, 2, LOOK);
        let stripes = drawn.colours.iter().filter(|pixel| **pixel == LOOK.paper).count();
        let all = (PLANE_SIDE * FINE).pow(2);
        assert!((all / 4..all / 2).contains(&stripes), "{stripes} of {all}");
    }

    #[test]
    fn classes_of_a_representation_are_lighter_and_darker() {
        let plane = made_up::plane_of_tasks(1, 1);
        let shared = plane.shared.expect("tasks share it");
        let drawn = of_shared(&shared, 2, LOOK);
        assert_eq!(drawn.colours[0], LOOK.paper, "the first class");
        assert_ne!(drawn.colours[drawn.side - 1], LOOK.paper, "the other");
    }

    #[test]
    fn points_are_printed_where_they_are_in_their_colours() {
        let plane = made_up::plane(1, 1);
        let [points, gradients] = printed(&plane, [2, 2], 300, LOOK);
        assert_eq!((points.side, gradients.side, points.colours.len()), (300, 300, 300 * 300));
        let is_seen = |of: &crate::protocol::PlanePoint| {
            let [x, y] = of.place();
            let (column, row) = ((300.0 * x) as usize, (300.0 * (1.0 - y)) as usize);
            points.colours[row.min(299) * 300 + column.min(299)] == LOOK.class(of.label.into())
        };
        let seen = plane.points.iter().filter(|point| is_seen(point)).count();
        // Some lie over others.
        assert!(seen * 10 >= plane.points.len() * 8, "{seen} of {}", plane.points.len());
        // At the very edge nothing is drawn outside.
        let mut small = Pixels { side: 4, colours: vec![LOOK.paper; 16] };
        small.disc([0.0, 1.0], LOOK.class(0), LOOK.class(1));
        small.cross([1.0, 0.0], LOOK.class(0));
        small.disc([7.0, -3.0], LOOK.class(0), LOOK.class(1));
        assert_eq!(small.colours.len(), 16);
    }
}
