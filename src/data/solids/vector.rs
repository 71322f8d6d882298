//! Vectors of three numbers, as far as casting a ray needs them.

/// A place or a direction.
pub type Vector = [f64; 3];

/// `a + s b`.
pub fn along(a: Vector, s: f64, b: Vector) -> Vector {
    std::array::from_fn(|axis| a[axis] + s * b[axis])
}

/// `a − b`.
pub fn minus(a: Vector, b: Vector) -> Vector {
    along(a, -1.0, b)
}

/// `⟨a, b⟩`.
pub fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `a × b`.
pub fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// `|a|`.
pub fn length(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// `a / |a|`; `a` is not zero.
pub fn unit(a: Vector) -> Vector {
    a.map(|part| part / length(a))
}

/// Three directions at right angles, each of length 1: a frame of its own within the world.
#[derive(Clone, Copy, Debug)]
pub struct Frame(pub [Vector; 3]);

impl Frame {
    /// A direction of the world, in this frame.
    pub fn inward(&self, direction: Vector) -> Vector {
        self.0.map(|axis| dot(axis, direction))
    }

    /// A direction of this frame, in the world.
    pub fn outward(&self, direction: Vector) -> Vector {
        let [x, y, z] = self.0;
        along(along(x.map(|part| part * direction[0]), direction[1], y), direction[2], z)
    }
}
