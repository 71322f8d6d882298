//! The data sets that can be seen whole: points of the plane, drawn from a seed of their own.
//!
//! A point is an image of two channels and one pixel, `[2, 1, 1]`: its place from left to right and from below upwards, each
//! in 256 steps from 0 to 1. Classes come in turn, so that they are equally frequent. Shapes fill the plane but for a margin;
//! then every point is moved by the world's noise, and stays inside.

use std::f64::consts::{PI, TAU};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

use super::{
    dataset::{Dataset, Images},
    error::DataError,
};
use crate::config::{DRAWN_CLASSES, HELD_OUT_POINTS, POINT_SHAPE, Stream, World, WorldKind};

/// Names of the classes, as many as a world can have.
const CLASSES: [&str; DRAWN_CLASSES] = ["A", "B", "C", "D", "E", "F"];

/// What is left free at each side of the plane.
const MARGIN: f64 = 0.08;
/// How far rings and arms reach from the middle.
const REACH: f64 = 0.5 - MARGIN;
/// From the middle to those of the clouds, and how wide a cloud is before noise.
const CLOUDS: (f64, f64) = (0.3, 0.05);
/// Turns that all arms make together.
const TURNS: f64 = 2.5;
/// Squares a side of the checkerboard.
const SQUARES: u32 = 4;
/// Share of a square that stays free at each of its sides.
const FREE: f64 = 0.15;
/// Half of the gap between the classes of `thin-gap`: where it is widest, and where it is thinnest.
const GAP: (f64, f64) = (0.13, 0.015);
/// How far along the gap it is thin.
const THIN: f64 = 0.09;
/// How thick the classes beside the gap are.
const BANK: f64 = 0.22;
/// Of `redundant`: half the distance between the classes along the narrow coordinate, its deviation in multiples of the
/// noise, and both along the wide one.
const NARROW: (f64, f64) = (0.04, 0.5);
/// See [`NARROW`].
const WIDE: (f64, f64) = (0.2, 0.17);

/// Draws a world: `world.points` points that are trained on, [`HELD_OUT_POINTS`] that are not.
///
/// # Errors
/// [`DataError::Undrawn`] where fewer than two classes were drawn, and those of putting a data set together.
pub fn draw(world: &World) -> Result<Dataset, DataError> {
    if world.classes < 2 {
        return Err(DataError::Undrawn { classes: world.classes });
    }
    let names: Vec<String> = CLASSES[..world.classes].iter().map(|name| (*name).into()).collect();
    let part = |stream: Stream, count| (POINT_SHAPE, points(world, stream.of(world.seed), count));
    let train = part(Stream::World, world.points);
    Dataset::new(world.kind.name(), &names, train, part(Stream::HeldOutWorld, HELD_OUT_POINTS))
}

fn points(world: &World, seed: u64, count: usize) -> Images {
    let mut random = StdRng::seed_from_u64(seed);
    let mut images = Images::default();
    for class in (0..world.classes).cycle().take(count) {
        let place = place(world, class, &mut random);
        images.pixels.extend(place.map(|at| (255.0 * at.clamp(0.0, 1.0)).round() as u8));
        images.labels.push(class as u8);
    }
    images
}

/// A place where a point of that class is.
fn place(world: &World, class: usize, random: &mut StdRng) -> [f64; 2] {
    let [x, y] = match world.kind {
        WorldKind::Moons => moon(class, random),
        WorldKind::Rings => {
            let radius = REACH * (class + 1) as f64 / world.classes as f64;
            around(radius, TAU * uniform(random))
        }
        WorldKind::Spirals => {
            // Uniform along the radius: an arm is densest where it begins.
            let along = 0.12 + 0.88 * uniform(random);
            let begin = class as f64 / world.classes as f64;
            around(REACH * along, TAU * (begin + along * TURNS / world.classes as f64))
        }
        WorldKind::Blobs => {
            let middle = around(CLOUDS.0, TAU * class as f64 / world.classes as f64);
            [0, 1].map(|axis| middle[axis] + CLOUDS.1 * normal(random))
        }
        WorldKind::Checkerboard => square(class, random),
        WorldKind::ThinGap => bank(class, random),
        WorldKind::Drawn => {
            let drawn = world.drawing.of(class);
            drawn[random.random_range(0..drawn.len())].place()
        }
        WorldKind::Redundant => {
            let side = if class == 0 { -1.0 } else { 1.0 };
            let narrow = NARROW.0 * side + NARROW.1 * world.noise * normal(random);
            // Its noise is its own.
            return [0.5 + narrow, 0.5 + WIDE.0 * side + WIDE.1 * normal(random)];
        }
    };
    [x + world.noise * normal(random), y + world.noise * normal(random)]
}

/// Half circles, one upside down and moved, that fill the plane.
fn moon(class: usize, random: &mut StdRng) -> [f64; 2] {
    let (sin, cos) = (PI * uniform(random)).sin_cos();
    let [x, y] = if class == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
    // From −1 to 2, and from −0.5 to 1.
    let fill = |share: f64| MARGIN + (1.0 - 2.0 * MARGIN) * share;
    [fill((x + 1.0) / 3.0), fill((y + 0.5) / 1.5)]
}

/// A place in one of the squares of a class.
fn square(class: usize, random: &mut StdRng) -> [f64; 2] {
    let row = random.random_range(0..SQUARES);
    // Every other one of the row.
    let column = 2 * random.random_range(0..SQUARES / 2) + (row + class as u32) % 2;
    [column, row].map(|at| (f64::from(at) + FREE + (1.0 - 2.0 * FREE) * uniform(random)) / f64::from(SQUARES))
}

/// A place on one of the two banks of a winding gap.
fn bank(class: usize, random: &mut StdRng) -> [f64; 2] {
    let x = MARGIN + (1.0 - 2.0 * MARGIN) * uniform(random);
    let middle = 0.5 + 0.1 * (TAU * x).sin();
    let (wide, thin) = GAP;
    let half = wide - (wide - thin) * (-((x - 0.5) / THIN).powi(2)).exp();
    let off = half + BANK * uniform(random);
    [x, if class == 0 { middle - off } else { middle + off }]
}

fn around(radius: f64, angle: f64) -> [f64; 2] {
    let (sin, cos) = angle.sin_cos();
    [0.5 + radius * cos, 0.5 + radius * sin]
}

fn uniform(random: &mut StdRng) -> f64 {
    random.random()
}

fn normal(random: &mut StdRng) -> f64 {
    StandardNormal.sample(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Drawing, DrawnPoint};

    fn world(kind: WorldKind) -> World {
        let drawing = if kind == WorldKind::Drawn { drawing() } else { Drawing::default() };
        let classes = if kind.has_many_classes() || kind == WorldKind::Drawn { 4 } else { 2 };
        World { kind, classes, noise: 0.0, drawing, points: 600, seed: 3 }
    }

    /// Two points of each of four classes, one at each side of a corner.
    fn drawing() -> Drawing {
        let corners = [[20, 20], [100, 20], [20, 100], [100, 100]];
        let points = (0u8..)
            .zip(corners)
            .flat_map(|(class, [x, y])| [0, 8].map(|off| DrawnPoint { at: [x + off, y], class }));
        Drawing::new(points.collect()).unwrap()
    }

    /// The places of a part, in [0, 1], and their classes.
    fn places(images: &Images) -> impl Iterator<Item = ([f64; 2], usize)> {
        let (points, _) = images.pixels.as_chunks::<2>();
        let places = points.iter().map(|point| point.map(|byte| f64::from(byte) / 255.0));
        places.zip(images.labels.iter().map(|label| usize::from(*label)))
    }

    #[test]
    fn a_world_follows_from_its_facts_alone() {
        for kind in WorldKind::ALL {
            let world = World { noise: 0.05, ..world(*kind) };
            let data = draw(&world).unwrap();
            assert_eq!(data, draw(&world).unwrap());
            assert_eq!(
                (data.shape, data.classes.len(), &*data.name),
                ([2, 1, 1], world.classes, kind.name())
            );
            assert_eq!((data.train.len(), data.test.len()), (600, HELD_OUT_POINTS));
            for class in 0..world.classes {
                let each = data.train.labels.iter().filter(|label| usize::from(**label) == class).count();
                assert_eq!(each, 600 / world.classes, "{kind}");
            }
            assert_ne!(data.train, draw(&World { seed: 4, ..world.clone() }).unwrap().train, "{kind}");
            assert_ne!(data.train.pixels[..200], data.test.pixels[..200], "{kind}");
            let few = draw(&World { points: 60, ..world }).unwrap();
            assert_eq!(
                (few.train.pixels, few.test),
                (data.train.pixels[..120].to_vec(), data.test),
                "{kind}"
            );
        }
    }

    #[test]
    fn the_first_points_are_what_they_always_were() {
        // Runs are told by these: another order of draws would make other runs of the same links.
        let first: Vec<String> = WorldKind::ALL
            .iter()
            .map(|kind| {
                let data = draw(&World { noise: 0.03, ..world(*kind) }).unwrap();
                format!("{kind} {:?}", &data.train.pixels[..6])
            })
            .collect();
        assert_eq!(first, FIRST);
    }

    /// Three points of each world of seed 3, with noise of 0.03.
    const FIRST: [&str; 8] = [
        "moons [34, 170, 221, 84, 46, 167]",
        "rings [135, 96, 143, 82, 178, 55]",
        "spirals [40, 114, 135, 46, 232, 143]",
        "blobs [202, 136, 138, 229, 38, 94]",
        "checkerboard [168, 18, 173, 96, 72, 220]",
        "thin-gap [185, 50, 162, 208, 109, 100]",
        "redundant [119, 75, 135, 229, 118, 111]",
        "drawn [43, 46, 209, 42, 54, 216]",
    ];

    #[test]
    fn shapes_are_where_they_are_said_to_be() {
        // Rounding to a byte.
        let near = 1.0 / 255.0;
        let distance = |[x, y]: [f64; 2], [a, b]: [f64; 2]| (x - a).hypot(y - b);
        for (at, class) in places(&draw(&world(WorldKind::Rings)).unwrap().train) {
            let radius = REACH * (class + 1) as f64 / 4.0;
            assert!((distance(at, [0.5; 2]) - radius).abs() < near);
        }
        for (at, class) in places(&draw(&world(WorldKind::Checkerboard)).unwrap().train) {
            let [column, row] = at.map(|at| at * 4.0);
            let edge = [column, row].map(|at| (at - at.round()).abs()).into_iter().fold(1.0, f64::min);
            assert!(edge > FREE - 4.0 * near && (column as usize + row as usize) % 2 == class, "{at:?}");
        }
        for (at, class) in places(&draw(&world(WorldKind::Blobs)).unwrap().train) {
            assert!(distance(at, around(CLOUDS.0, TAU * class as f64 / 4.0)) < 5.0 * CLOUDS.1);
        }
        let data = draw(&world(WorldKind::Moons)).unwrap();
        let lowest = |class| {
            let of = places(&data.train).filter(move |(_, of)| *of == class);
            of.map(|(at, _)| at[1]).fold(1.0, f64::min)
        };
        assert!(lowest(0) > 0.3 && lowest(1) < MARGIN + near, "one is upside down");
    }

    #[test]
    fn points_lie_where_they_were_drawn_and_as_often_in_each_class() {
        let world = World { points: 800, ..world(WorldKind::Drawn) };
        let data = draw(&world).unwrap();
        for (at, class) in places(&data.train) {
            let is_drawn = |point: &DrawnPoint| {
                let off = [0, 1].map(|axis| (point.place()[axis] - at[axis]).abs());
                off.iter().all(|off| *off < 1.0 / 255.0)
            };
            assert!(world.drawing.of(class).iter().any(is_drawn), "{at:?}");
        }
        assert_eq!(data.classes, ["A", "B", "C", "D"]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_in_words() {
        let few = |points: Vec<DrawnPoint>| {
            let drawing = Drawing::new(points).unwrap();
            let world = World { classes: drawing.classes(), drawing, ..world(WorldKind::Drawn) };
            draw(&world).unwrap_err().to_string()
        };
        assert!(few(Vec::new()).contains("no point is drawn"));
        let one = vec![DrawnPoint { at: [3, 4], class: 0 }; 400];
        assert!(few(one.clone()).contains("only one class is drawn"));
        // Many points at one place, and one of another class.
        let points = [one, vec![DrawnPoint { at: [3, 4], class: 1 }]].concat();
        let drawing = Drawing::new(points).unwrap();
        let data = draw(&World { classes: 2, drawing, ..world(WorldKind::Drawn) }).unwrap();
        assert_eq!(data.train.len(), 600, "they cannot be told apart, and yet they are data");
    }

    /// The least distance in L∞ between points of two classes within a strip of the plane.
    fn least_distance(data: &Dataset, from: f64, to: f64) -> f64 {
        let of = |class| {
            let inside = |([x, _], label): &([f64; 2], usize)| *label == class && (from..to).contains(x);
            places(&data.train).filter(inside).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let (first, second) = (of(0), of(1));
        let pairs = first
            .iter()
            .flat_map(|a| second.iter().map(move |b| (a[0] - b[0]).abs().max((a[1] - b[1]).abs())));
        pairs.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn the_gap_is_thin_in_one_place_alone() {
        let data = draw(&World { points: 4000, ..world(WorldKind::ThinGap) }).unwrap();
        assert!(least_distance(&data, 0.45, 0.55) < 0.06);
        assert!(least_distance(&data, 0.0, 0.3) > 0.18 && least_distance(&data, 0.7, 1.0) > 0.18);
    }

    #[test]
    fn what_tells_best_in_redundant_is_lost_to_a_small_change() {
        let data = draw(&World { noise: 0.03, points: 4000, ..world(WorldKind::Redundant) }).unwrap();
        let share = |axis: usize, moved: f64| {
            let is_right = |(at, class): &([f64; 2], usize)| {
                let towards = if *class == 0 { moved } else { -moved };
                (at[axis] + towards > 0.5) == (*class == 1)
            };
            places(&data.train).filter(is_right).count() as f64 / data.train.len() as f64
        };
        assert!(share(0, 0.0) > 0.98 && share(1, 0.0) < 0.92, "{} {}", share(0, 0.0), share(1, 0.0));
        assert!(share(0, 0.06) < 0.3 && share(1, 0.06) > 0.7, "{} {}", share(0, 0.06), share(1, 0.06));
    }
}
