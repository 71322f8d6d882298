//! The pictures agree with formulas of their own: distances, normals, supports, a sphere, depths against normals.

use super::scene::{Picture, Scene, focal_length};
use super::shape::Shape;
use super::vector::{Vector, along, cross, dot, length, minus, unit};
use super::*;

const ALL: [Shape; 5] = [
    Shape::Sphere(0.8),
    Shape::Box([0.5, 0.6, 0.7]),
    Shape::Cylinder(0.5, 0.6),
    Shape::Cone(0.6, 0.7),
    Shape::Torus(0.65, 0.25),
];

/// Directions all over the sphere, none along an axis (Fibonacci's lattice).
fn directions() -> impl Iterator<Item = Vector> {
    (0..400).map(|step| {
        let z = 1.0 - (f64::from(step) + 0.5) / 200.0;
        let (sin, cos) = (f64::from(step) * 2.399_963_229_7).sin_cos();
        let radius = (1.0 - z * z).sqrt();
        [radius * cos, radius * sin, z]
    })
}

fn normal_of(picture: &Picture, place: usize) -> Vector {
    let area = picture.depth.len();
    std::array::from_fn(|axis| f64::from(picture.normals[axis * area + place]))
}

/// The place that a pixel shows, in the camera's frame, from its depth alone.
fn back_projected(picture: &Picture, side: usize, place: usize) -> Vector {
    let depth = f64::from(picture.depth[place]);
    let offset = |pixel: usize| (pixel as f64 + 0.5 - side as f64 / 2.0) / focal_length(side) * depth;
    [offset(place % side), offset(place / side), depth]
}

#[test]
fn a_hit_is_on_the_surface_and_its_normal_is_the_slope_of_the_distance() {
    for shape in ALL {
        let mut hits = 0;
        for (from, aim) in directions().zip(directions().skip(7)) {
            let from = from.map(|part| part * 3.0);
            // Past the middle, and in the open part of a torus, too.
            let towards = minus(aim.map(|part| part * 0.4), from);
            let Some(t) = shape.hit(from, towards) else { continue };
            hits += 1;
            let place = along(from, t, towards);
            assert!(shape.distance(place).abs() < 1e-6, "{shape:?} {place:?}");
            let before = (0..50).map(|step| along(from, t * f64::from(step) / 50.0, towards));
            assert!(
                before.into_iter().all(|place| shape.distance(place) > 0.0),
                "{shape:?}: not the first hit"
            );
            let slope: Vector = std::array::from_fn(|axis| {
                let mut step = [0.0; 3];
                step[axis] = 1e-4;
                (shape.distance(along(place, 1.0, step)) - shape.distance(along(place, -1.0, step))) / 2e-4
            });
            // Across an edge the differences mix two faces; few rays come so near to one.
            if (length(slope) - 1.0).abs() < 1e-4 {
                assert!(length(minus(slope, shape.normal(place))) < 1e-3, "{shape:?} {place:?} {slope:?}");
            }
        }
        assert!(hits > 150, "{shape:?}: {hits} hits");
    }
}

#[test]
fn supports_lie_on_the_surface_and_nothing_lies_beyond() {
    for shape in ALL {
        for direction in directions() {
            let support = shape.support(direction);
            assert!(shape.distance(support).abs() < 1e-9, "{shape:?} {support:?}");
            assert!(length(support) < shape.reach() + 1e-9);
            for other in directions().step_by(7).map(|other| shape.support(other)) {
                assert!(dot(other, direction) < dot(support, direction) + 1e-9, "{shape:?}");
            }
        }
    }
}

#[test]
fn distances_of_cone_and_torus_are_those_to_their_nearest_points() {
    // From above the apex; beside the flank, whose normal is (4, 0, 1.5) / hypot; from the middle of the ring.
    let cone = Shape::Cone(1.5, 2.0);
    assert!((cone.distance([0.0, 0.0, 3.5]) - 1.5).abs() < 1e-12);
    let flank = along([0.75, 0.0, 0.0], 0.3, unit([4.0, 0.0, 1.5]));
    assert!((cone.distance(flank) - 0.3).abs() < 1e-12);
    assert!((cone.distance([0.0, 0.0, -1.9]) + 0.1).abs() < 1e-12);
    assert!((Shape::Torus(2.0, 0.5).distance([0.0, 0.0, 0.0]) - 1.5).abs() < 1e-12);
}

#[test]
fn a_sphere_is_where_the_quadratic_formula_says() {
    let side = 48;
    for number in [0, 1, 10, 11, 20] {
        let scene = Scene::new(3, number);
        let Shape::Sphere(radius) = scene.shape else { panic!("class {} is no sphere", label(number)) };
        let picture = scene.picture(side);
        let mut seen = 0;
        for place in 0..side * side {
            let ray = scene.ray(side, place);
            let from = minus(scene.eye, scene.center);
            let (square, half) = (dot(ray, ray), dot(from, ray));
            let spread = half * half - square * (dot(from, from) - radius * radius);
            // The rim: whether a ray grazes is a matter of the last digits.
            if spread.abs() < 1e-3 {
                continue;
            }
            let depth = if spread > 0.0 { (-half - spread.sqrt()) / square } else { -scene.eye[2] / ray[2] };
            assert!((f64::from(picture.depth[place]) - depth).abs() < 2e-6 * depth, "{number} {place}");
            if spread > 0.0 {
                seen += 1;
                let normal = scene.camera.inward(unit(along(from, depth, ray)));
                assert!(length(minus(normal_of(&picture, place), normal)) < 1e-5);
            }
        }
        assert!(seen > 150, "a sphere of {seen} pixels");
    }
}

#[test]
fn depths_and_normals_agree() {
    let side = 96;
    for number in 0..20 {
        let picture = Scene::new(5, number).picture(side);
        let mut compared = 0;
        for place in (0..side * side).filter(|place| {
            let (column, row) = (place % side, place / side);
            column > 0 && row > 0 && column + 1 < side && row + 1 < side
        }) {
            let normal = normal_of(&picture, place);
            let ray = back_projected(&picture, side, place);
            assert!((length(normal) - 1.0).abs() < 1e-5);
            assert!(dot(normal, ray) < 1e-6, "a normal looks away from the camera");
            let around = [place - 1, place + 1, place - side, place + side];
            // One smooth piece, not seen edge on: elsewhere a difference is no slope.
            let is_smooth = around.iter().all(|&other| dot(normal, normal_of(&picture, other)) > 0.99);
            let is_near = around.iter().all(|&other| {
                let apart = minus(back_projected(&picture, side, other), ray);
                dot(apart, normal).abs() < 0.1 * length(apart)
            });
            if !is_smooth || !is_near || dot(normal, unit(ray)) > -0.3 {
                continue;
            }
            let [left, right, above, below] = around.map(|other| back_projected(&picture, side, other));
            let slope = unit(cross(minus(below, above), minus(right, left)));
            compared += 1;
            assert!(dot(slope, normal) > 0.998, "picture {number}, place {place}: {slope:?}, {normal:?}");
        }
        assert!(compared > side * side / 2, "picture {number}: {compared} places compared");
    }
}

#[test]
fn key_points_mark_the_solid() {
    let (side, eps) = (64, 1e-4);
    for number in 0..20 {
        let scene = Scene::new(9, number);
        let [middle, highest, lowest, leftmost, rightmost] = scene.key_points(side);
        // The camera looks down, upright: higher is up in the picture, as far as perspective lets it.
        assert!(leftmost[0] < middle[0] && middle[0] < rightmost[0], "picture {number}");
        assert!(highest[1] < lowest[1] + eps, "picture {number}");
        // The lowest place touches the floor.
        let foot = scene.turned.outward(scene.shape.support(scene.turned.inward([0.0, 0.0, -1.0])));
        assert!((foot[2] + scene.center[2]).abs() < 1e-9, "picture {number}");
        let inside = [middle, highest, lowest, leftmost, rightmost].into_iter().flatten();
        assert!(
            inside.into_iter().all(|at| (0.0..=side as f32).contains(&at)),
            "picture {number} cuts the solid"
        );
    }
}

#[test]
fn pictures_follow_from_seed_and_number_alone() {
    let set = scenes(3..23, 16, 1);
    let part = scenes(8..9, 16, 1);
    assert_eq!((part.images.labels[0], part.images.pixels.as_slice()), (8, set.images.image(5)));
    assert_eq!(part.depth, set.depth[5 * 256..6 * 256]);
    assert_eq!(part.normals, set.normals[5 * 768..6 * 768]);
    assert_eq!(part.key_points, set.key_points[5 * KEY_POINTS.len()..6 * KEY_POINTS.len()]);
    assert_eq!(set.images, images(3..23, 16, 1));
    assert_ne!(set.images.pixels, images(3..23, 16, 2).pixels, "the seed does nothing");
    assert_ne!(set.images.image(0), set.images.image(10), "two pictures of a class are the same");
}

#[test]
fn the_data_set_is_balanced_and_varied() {
    let data = load().unwrap();
    assert_eq!((data.name.as_str(), data.shape, data.classes.len()), (NAME, [3, 32, 32], 10));
    assert_eq!((data.classes[0].as_str(), data.classes[9].as_str()), ("striped sphere", "checkered torus"));
    for (images, each) in [(&data.train, 1000), (&data.test, 200)] {
        for class in 0..10 {
            assert_eq!(images.labels.iter().filter(|&&label| label == class).count(), each);
        }
    }
    let mut pictures: Vec<&[u8]> = (0..data.train.len()).map(|index| data.train.image(index)).collect();
    pictures.extend((0..data.test.len()).map(|index| data.test.image(index)));
    pictures.sort_unstable();
    pictures.dedup();
    assert_eq!(pictures.len(), 12_000, "a picture comes twice");
    let (mean, deviation) = data.channel_statistics();
    assert!(mean.iter().all(|mean| (0.25..0.65).contains(mean)), "{mean:?}");
    assert!(deviation.iter().all(|deviation| (0.1..0.35).contains(deviation)), "{deviation:?}");
}
