//! Five solids about the origin, each by its exact signed distance, its normals and its support points.

use super::vector::{Vector, along, dot, length, unit};

/// Where the surface counts as reached, in metres: far below what a 32-bit depth of a few metres holds.
const REACHED: f64 = 1e-7;
/// Steps towards a surface. What is then still off is a ray that grazes, and it passes.
const STEPS: usize = 128;

/// A solid, its axis along z; lengths in metres.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Of this radius.
    Sphere(f64),
    /// Half its sides.
    Box(Vector),
    /// Radius, and half its height.
    Cylinder(f64, f64),
    /// Radius of its base, and half its height; the apex is at `+z`.
    Cone(f64, f64),
    /// Radius of the circle in its middle, and of the tube.
    Torus(f64, f64),
}

impl Shape {
    /// The radius of the smallest ball about the origin that holds it.
    pub fn reach(&self) -> f64 {
        match *self {
            Self::Sphere(radius) => radius,
            Self::Box(half) => length(half),
            Self::Cylinder(radius, half) | Self::Cone(radius, half) => radius.hypot(half),
            Self::Torus(radius, tube) => radius + tube,
        }
    }

    /// How far `p` is from the surface, below 0 inside.
    pub fn distance(&self, p: Vector) -> f64 {
        let radial = norm(p[0], p[1]);
        match *self {
            Self::Sphere(radius) => length(p) - radius,
            Self::Box(half) => {
                let over: Vector = std::array::from_fn(|axis| p[axis].abs() - half[axis]);
                length(over.map(|part| part.max(0.0))) + over[0].max(over[1]).max(over[2]).min(0.0)
            }
            Self::Cylinder(radius, half) => {
                let (side, cap) = (radial - radius, p[2].abs() - half);
                norm(side.max(0.0), cap.max(0.0)) + side.max(cap).min(0.0)
            }
            Self::Cone(radius, half) => {
                let (slope, base) = cone_planes(radial, p[2], radius, half);
                let flank = to_segment([radial, p[2]], [0.0, half], [radius, -half]);
                let floor = to_segment([radial, p[2]], [0.0, -half], [radius, -half]);
                let nearest = flank.min(floor);
                if slope.max(base) < 0.0 { -nearest } else { nearest }
            }
            Self::Torus(radius, tube) => norm(radial - radius, p[2]) - tube,
        }
    }

    /// The outward normal at `p`, a place on the surface; on an edge, that of one of its faces.
    pub fn normal(&self, p: Vector) -> Vector {
        // On the axis any direction is outward; there a face across the axis is the nearer one, but for an apex.
        let radial = p[0].hypot(p[1]).max(f64::MIN_POSITIVE);
        let out = [p[0] / radial, p[1] / radial, 0.0];
        let up = [0.0, 0.0, p[2].signum()];
        match *self {
            Self::Sphere(_) => unit(p),
            Self::Box(half) => {
                let over: Vector = std::array::from_fn(|axis| p[axis].abs() - half[axis]);
                let face = (0..3).max_by(|&a, &b| over[a].total_cmp(&over[b])).unwrap_or(0);
                std::array::from_fn(|axis| if axis == face { p[axis].signum() } else { 0.0 })
            }
            Self::Cylinder(radius, half) => {
                if radial - radius > p[2].abs() - half {
                    out
                } else {
                    up
                }
            }
            Self::Cone(radius, half) => {
                let (slope, base) = cone_planes(radial, p[2], radius, half);
                if base > slope {
                    return [0.0, 0.0, -1.0];
                }
                unit([out[0] * 2.0 * half, out[1] * 2.0 * half, radius])
            }
            Self::Torus(radius, _) => unit(along(p, -radius, out)),
        }
    }

    /// The place of the solid that lies farthest in `direction`.
    pub fn support(&self, direction: Vector) -> Vector {
        let radial = direction[0].hypot(direction[1]).max(f64::MIN_POSITIVE);
        let rim = |radius: f64, z: f64| [direction[0] / radial * radius, direction[1] / radial * radius, z];
        match *self {
            Self::Sphere(radius) => unit(direction).map(|part| part * radius),
            Self::Box(half) => std::array::from_fn(|axis| half[axis].copysign(direction[axis])),
            Self::Cylinder(radius, half) => rim(radius, half.copysign(direction[2])),
            Self::Cone(radius, half) => {
                let (apex, base) = ([0.0, 0.0, half], rim(radius, -half));
                if dot(apex, direction) > dot(base, direction) { apex } else { base }
            }
            Self::Torus(radius, tube) => along(rim(radius, 0.0), tube, unit(direction)),
        }
    }

    /// The smallest `t ≥ 0` at which `from + t towards` lies on the surface; `from` is outside.
    pub fn hit(&self, from: Vector, towards: Vector) -> Option<f64> {
        // Within the ball alone is there anything to find.
        let (square, half, reach) = (dot(towards, towards), dot(from, towards), self.reach());
        let spread = half * half - square * (dot(from, from) - reach * reach);
        if spread < 0.0 {
            return None;
        }
        let last = (spread.sqrt() - half) / square;
        let mut t = ((-half - spread.sqrt()) / square).max(0.0);
        for _ in 0..STEPS {
            if t > last {
                return None;
            }
            let distance = self.distance(along(from, t, towards));
            if distance < REACHED {
                return Some(t);
            }
            // Nothing is nearer than that.
            t += distance / square.sqrt();
        }
        None
    }
}

/// `√(a² + b²)`; without `hypot`'s care for lengths that no scene has, which takes most of a picture's time.
fn norm(a: f64, b: f64) -> f64 {
    (a * a + b * b).sqrt()
}

/// How far outside of a cone's flank and of its base's plane a place is, below 0 inside.
fn cone_planes(radial: f64, z: f64, radius: f64, half: f64) -> (f64, f64) {
    let slope = (2.0 * half * radial + radius * (z - half)) / (2.0 * half).hypot(radius);
    (slope, -half - z)
}

/// The distance of `p` from the segment between `a` and `b`, in the plane.
fn to_segment(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (way, line) = ([p[0] - a[0], p[1] - a[1]], [b[0] - a[0], b[1] - a[1]]);
    let share = (way[0] * line[0] + way[1] * line[1]) / (line[0] * line[0] + line[1] * line[1]);
    let share = share.clamp(0.0, 1.0);
    norm(way[0] - share * line[0], way[1] - share * line[1])
}
