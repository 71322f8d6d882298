//! One scene of a seed and a number: a solid that lies on a floor, a light, a camera, and the picture it takes.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::shape::Shape;
use super::vector::{Frame, Vector, along, cross, dot, minus, unit};

/// The shapes; a class is `2 × shape + texture`.
pub const SHAPES: [&str; 5] = ["sphere", "box", "cylinder", "cone", "torus"];
/// The textures.
pub const TEXTURES: [&str; 2] = ["striped", "checkered"];
/// From edge to edge of a picture.
pub const FIELD_OF_VIEW_DEGREES: f64 = 40.0;
/// Away from the floor.
const UP: Vector = [0.0, 0.0, 1.0];
/// What reaches a place in the shadow.
const AMBIENT: f64 = 0.35;
/// A shadow's ray starts so far above the surface, in metres, that it does not meet it at once.
const CLEARANCE: f64 = 1e-4;

/// Everything about a scene; metres, the floor at `z = 0`.
#[derive(Clone, Debug)]
pub struct Scene {
    pub shape: Shape,
    /// The solid's middle.
    pub center: Vector,
    /// How the solid is turned.
    pub turned: Frame,
    pub eye: Vector,
    /// To the right, down and forward in the picture.
    pub camera: Frame,
    /// Towards the light.
    light: Vector,
    texture: Texture,
    floor: Floor,
}

/// What a camera sees of a scene.
#[derive(Clone, Debug)]
pub struct Picture {
    /// `[3, S, S]` bytes.
    pub pixels: Vec<u8>,
    /// `[S, S]`, metres along the optical axis.
    pub depth: Vec<f32>,
    /// `[3, S, S]`, unit vectors in the camera's frame.
    pub normals: Vec<f32>,
}

/// Two tones on the solid, in stripes or in cubes.
#[derive(Clone, Debug)]
struct Texture {
    is_checkered: bool,
    /// Across the stripes, in the solid's frame.
    across: Vector,
    /// Width of a stripe, side of a cube, in metres.
    width: f64,
    offset: Vector,
    tones: [[f64; 3]; 2],
}

/// A floor of one tone with soft waves.
#[derive(Clone, Debug)]
struct Floor {
    tone: [f64; 3],
    /// Radians a metre, in x and y.
    wave: [f64; 2],
    phase: f64,
}

/// Random numbers in a range; written out so that a new version of a library cannot change the pictures.
struct Draws(Xoshiro256PlusPlus);

impl Draws {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        // The upper 53 bits: every double in [0, 1) on a grid of 2^-53.
        low + (high - low) * ((self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn angle(&mut self) -> f64 {
        self.between(0.0, std::f64::consts::TAU)
    }

    fn tone(&mut self, low: f64, high: f64) -> [f64; 3] {
        std::array::from_fn(|_| self.between(low, high))
    }
}

/// The direction so far round from x and so far above the floor, in radians.
fn direction(around: f64, above: f64) -> Vector {
    [above.cos() * around.cos(), above.cos() * around.sin(), above.sin()]
}

impl Scene {
    /// The scene of that number; its class is `index` modulo the number of classes.
    pub fn new(seed: u64, index: u64) -> Self {
        let key = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
        let mut draws = Draws(Xoshiro256PlusPlus::seed_from_u64(key ^ index));
        // Below the number of classes, so it fits.
        let class = (index % (SHAPES.len() * TEXTURES.len()) as u64) as usize;
        let shape = shape(class / TEXTURES.len(), &mut draws);
        let turned = turned(&mut draws);
        let lowest = turned.outward(shape.support(turned.inward(UP.map(|part| -part))));
        let center = [0.0, 0.0, -lowest[2]];

        let (around, above) = (draws.angle(), draws.between(38.0, 70.0).to_radians());
        let target: Vector = std::array::from_fn(|axis| center[axis] + draws.between(-0.15, 0.15));
        let eye = along(target, draws.between(3.6, 4.6), direction(around, above));
        let forward = unit(minus(target, eye));
        let right = unit(cross(forward, UP));
        let camera = Frame([right, cross(forward, right), forward]);

        let light = direction(draws.angle(), draws.between(35.0, 80.0).to_radians());
        let texture = Texture::new(class % TEXTURES.len() == 1, &mut draws);
        let floor = Floor {
            tone: draws.tone(0.3, 0.9),
            wave: [draws.between(-5.0, 5.0), draws.between(-5.0, 5.0)],
            phase: draws.angle(),
        };
        Self { shape, center, turned, eye, camera, light, texture, floor }
    }

    /// What the camera sees, `side` pixels square, one ray through the middle of each pixel.
    pub fn picture(&self, side: usize) -> Picture {
        let area = side * side;
        let mut picture =
            Picture { pixels: vec![0; 3 * area], depth: vec![0.0; area], normals: vec![0.0; 3 * area] };
        for place in 0..area {
            let ray = self.ray(side, place);
            let (depth, normal, tone) = self.look(ray);
            picture.depth[place] = depth as f32;
            let seen = self.camera.inward(normal);
            for channel in 0..3 {
                picture.normals[channel * area + place] = seen[channel] as f32;
                picture.pixels[channel * area + place] = (tone[channel] * 255.0).round() as u8;
            }
        }
        picture
    }

    /// The direction through the middle of a pixel, 1 long along the optical axis.
    pub fn ray(&self, side: usize, place: usize) -> Vector {
        let offset = |pixel: usize| (pixel as f64 + 0.5 - side as f64 / 2.0) / focal_length(side);
        self.camera.outward([offset(place % side), offset(place / side), 1.0])
    }

    /// Depth, normal in the world, and tone in [0, 1], of what lies in that direction.
    fn look(&self, ray: Vector) -> (f64, Vector, [f64; 3]) {
        let (depth, normal, albedo) = match self.meet(self.eye, ray) {
            Some(depth) => {
                let own = self.turned.inward(minus(along(self.eye, depth, ray), self.center));
                (depth, self.turned.outward(self.shape.normal(own)), self.texture.tone(own))
            }
            None => {
                // The camera looks down by more than half its field of view: every ray meets the floor.
                let depth = -self.eye[2] / ray[2];
                (depth, UP, self.floor.tone(along(self.eye, depth, ray)))
            }
        };
        let slant = dot(normal, self.light);
        let start = along(along(self.eye, depth, ray), CLEARANCE, normal);
        let is_lit = slant > 0.0 && self.meet(start, self.light).is_none();
        let brightness = AMBIENT + if is_lit { (1.0 - AMBIENT) * slant } else { 0.0 };
        (depth, normal, albedo.map(|part| part * brightness))
    }

    /// Where a ray meets the solid.
    fn meet(&self, from: Vector, towards: Vector) -> Option<f64> {
        self.shape.hit(self.turned.inward(minus(from, self.center)), self.turned.inward(towards))
    }

    /// Where the solid's middle, its highest and lowest, leftmost and rightmost place are in the picture, in pixels
    /// from the upper left corner: those of the solid as it stands there, seen or hidden.
    pub fn key_points(&self, side: usize) -> [[f32; 2]; 5] {
        let [right, ..] = self.camera.0;
        let opposite = |direction: Vector| direction.map(|part| -part);
        let far = |direction: Vector| {
            along(self.center, 1.0, self.turned.outward(self.shape.support(self.turned.inward(direction))))
        };
        [self.center, far(UP), far(opposite(UP)), far(opposite(right)), far(right)].map(|place| {
            let [x, y, z] = self.camera.inward(minus(place, self.eye));
            [x, y].map(|part| (part / z * focal_length(side) + side as f64 / 2.0) as f32)
        })
    }
}

/// The camera's focal length in pixels of a picture `side` wide.
pub fn focal_length(side: usize) -> f64 {
    side as f64 / 2.0 / (FIELD_OF_VIEW_DEGREES.to_radians() / 2.0).tan()
}

/// A solid of one of the [`SHAPES`], of random proportions.
fn shape(which: usize, draws: &mut Draws) -> Shape {
    let size = draws.between(0.75, 1.0);
    let mut part = |low: f64, high: f64| size * draws.between(low, high);
    match which {
        0 => Shape::Sphere(part(0.75, 0.9)),
        1 => Shape::Box([part(0.45, 0.7), part(0.45, 0.7), part(0.45, 0.7)]),
        2 => Shape::Cylinder(part(0.4, 0.6), part(0.5, 0.8)),
        3 => Shape::Cone(part(0.5, 0.75), part(0.6, 0.8)),
        _ => Shape::Torus(part(0.6, 0.7), part(0.2, 0.32)),
    }
}

/// Turned about its own axis at will, then tilted by at most 60°, so that no view hides a cone's apex for good.
fn turned(draws: &mut Draws) -> Frame {
    let axis = direction(draws.angle(), draws.between(30.0, 90.0).to_radians());
    // Not along the axis, whichever that is: an axis is steep, so x is at least 30° off, or nearly upright.
    let across = unit(cross(axis, if axis[0].abs() < 0.7 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] }));
    let other = cross(axis, across);
    let (sin, cos) = draws.angle().sin_cos();
    let first = along(across.map(|part| part * cos), sin, other);
    Frame([first, cross(axis, first), axis])
}

impl Texture {
    fn new(is_checkered: bool, draws: &mut Draws) -> Self {
        let tones = [draws.tone(0.6, 1.0), draws.tone(0.05, 0.35)];
        let mut part = || draws.between(0.4, 1.0) * draws.between(-1.0, 1.0).signum();
        // Slanted to every axis: on no face of a solid do the stripes run out of sight.
        let across = unit([part(), part(), part()]);
        let offset = std::array::from_fn(|_| draws.between(0.0, 1.0));
        Self { is_checkered, across, width: draws.between(0.24, 0.34), offset, tones }
    }

    /// At a place in the solid's frame.
    fn tone(&self, own: Vector) -> [f64; 3] {
        let cell = |along: f64, offset: f64| (along / self.width + offset).floor() as i64;
        let count: i64 = if self.is_checkered {
            (0..3).map(|axis| cell(own[axis], self.offset[axis])).sum()
        } else {
            cell(dot(own, self.across), self.offset[0])
        };
        self.tones[usize::from(count.rem_euclid(2) == 1)]
    }
}

impl Floor {
    fn tone(&self, place: Vector) -> [f64; 3] {
        let wave = (place[0] * self.wave[0] + place[1] * self.wave[1] + self.phase).sin();
        self.tone.map(|part| part * (0.8 + 0.2 * wave))
    }
}
