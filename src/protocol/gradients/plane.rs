//! A run on a world of points, seen whole: what both networks say everywhere, and what that makes of the points.

use serde::{Deserialize, Serialize};

use crate::config::AttackKind;
use crate::protocol::exact;
use crate::protocol::run::RunId;

/// Places along a side of the plane of points.
pub const PLANE_SIDE: usize = 128;
/// Arrows along a side of it: each stands for eight by eight places.
pub const FIELD_SIDE: usize = 16;
/// Places along a side of the plane of gradients.
pub const READ_SIDE: usize = 64;

/// Places that are looked at on the border of the ε-square of each held-out point.
pub const BORDER: usize = 32;
/// In place of one of them, where none is misread.
pub const NONE_MISREAD: u8 = u8::MAX;

/// One of the places on the border of a square, its corners among them, with 0 in the middle and ±1 at the sides.
pub fn border(place: usize) -> [f64; 2] {
    let each = BORDER / 4;
    let along = -1.0 + 2.0 * (place % each) as f64 / each as f64;
    match place / each {
        0 => [along, -1.0],
        1 => [1.0, along],
        2 => [-along, 1.0],
        _ => [-1.0, -along],
    }
}

/// What a run on a world looks like after so many steps.
///
/// Both planes are told row by row, the lowest row first and each from left to right; a place stands for the square about its
/// middle. The plane of points is [0, 1] × [0, 1]; that of gradients has 0 in its middle and ends at `reach`, in the units in
/// which the auxiliary network reads. Since some gradients are a thousand times larger than others, it is linear about its
/// middle and logarithmic towards its ends: see [`Plane::drawn`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// ε of the run, as a share of the plane's side.
    #[serde(with = "exact")]
    pub epsilon: f64,
    /// The class that the main network says at each of [`PLANE_SIDE`]² places.
    #[serde(with = "serde_bytes")]
    pub said: Vec<u8>,
    /// The probability that it gives to that, in parts of 255.
    #[serde(with = "serde_bytes")]
    pub sure: Vec<u8>,
    /// 1 where `∇x J` is exactly 0 in `f32`, else 0. `J` is that of the class of the nearest point that is
    /// trained on, of the first 4,096.
    #[serde(with = "serde_bytes")]
    pub flat: Vec<u8>,
    /// `∇x J` at [`FIELD_SIDE`]² places.
    #[serde(with = "exact")]
    pub field: Vec<[f32; 2]>,
    /// Held-out points that are looked at.
    pub points: Vec<PlanePoint>,
    /// Some of the points that are trained on: places in parts of 255 of a side, and classes.
    pub trained: Vec<([u8; 2], u8)>,
    /// Where the plane of gradients ends, to every side.
    #[serde(with = "exact")]
    pub reach: f32,
    /// Up to where it is about linear: the noise's deviation, or without noise the gradients' mean magnitude.
    #[serde(with = "exact")]
    pub knee: f32,
    /// Standard deviation of the noise through which gradients are read, in the same units.
    #[serde(with = "exact")]
    pub noise: f64,
    /// The origin that the auxiliary network says at each of [`READ_SIDE`]² places; empty where a run has no such network.
    #[serde(with = "serde_bytes")]
    pub read: Vec<u8>,
    /// The probability that it gives to that, in parts of 255.
    #[serde(with = "serde_bytes")]
    pub read_sure: Vec<u8>,
    /// The gradients of the points, in their order, and behind them the teacher's where there is one; of several tasks one
    /// task after the other. Without noise.
    pub gradients: Vec<ReadGradient>,
    /// Of a distillation: the teacher, at the same places. Files of before it was told say nothing of it.
    #[serde(default)]
    pub teacher: Option<Box<TeacherPlane>>,
    /// Of several tasks: their shared representation. Files of before it was told say nothing of it.
    #[serde(default)]
    pub shared: Option<Box<SharedPlane>>,
}

/// The plane of the representation that several tasks share, and their gradients in it.
///
/// It is told row by row as the others are, from `low` to `high`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SharedPlane {
    /// Its lower left corner.
    #[serde(with = "exact")]
    pub low: [f32; 2],
    /// Its upper right one.
    #[serde(with = "exact")]
    pub high: [f32; 2],
    /// The class that the class's decoder says at each of [`READ_SIDE`]² places.
    #[serde(with = "serde_bytes")]
    pub said: Vec<u8>,
    /// The probability that it gives to that, in parts of 255.
    #[serde(with = "serde_bytes")]
    pub sure: Vec<u8>,
    /// Where the points of the plane lie in it, of the first encoder where each task has its own.
    #[serde(with = "exact")]
    pub places: Vec<[f32; 2]>,
    /// The gradient `g` of each task's loss of each point there, task by task.
    #[serde(with = "exact")]
    pub before: Vec<[f32; 2]>,
    /// The same behind the alignment layers, `ĝ`; empty where a method has none.
    #[serde(with = "exact")]
    pub behind: Vec<[f32; 2]>,
}

impl SharedPlane {
    /// Where in it, from 0 to 1 along both axes, a representation lies.
    pub fn share(&self, place: [f32; 2]) -> [f64; 2] {
        [0, 1].map(|axis| {
            let [low, high, at] = [self.low[axis], self.high[axis], place[axis]].map(f64::from);
            if high > low { (at - low) / (high - low) } else { 0.5 }
        })
    }
}

/// What a teacher says where its student was asked, and how far apart their gradients point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TeacherPlane {
    /// The class that it says at each of [`PLANE_SIDE`]² places.
    #[serde(with = "serde_bytes")]
    pub said: Vec<u8>,
    /// The probability that it gives to that, in parts of 255.
    #[serde(with = "serde_bytes")]
    pub sure: Vec<u8>,
    /// Its `∇x J` at [`FIELD_SIDE`]² places, with the `J` of the student's.
    #[serde(with = "exact")]
    pub field: Vec<[f32; 2]>,
    /// Cosine between both networks' `∇x J` at each of [`PLANE_SIDE`]² places, from 0 for −1 to 254 for 1;
    /// [`NO_ANGLE`] where one of them is exactly 0.
    #[serde(with = "serde_bytes")]
    pub cosines: Vec<u8>,
}

/// In place of a cosine, where there is none.
pub const NO_ANGLE: u8 = u8::MAX;

impl TeacherPlane {
    /// A cosine as it is told.
    pub fn told(cosine: f32) -> u8 {
        if cosine.is_finite() { (127.0 + 127.0 * cosine.clamp(-1.0, 1.0)).round() as u8 } else { NO_ANGLE }
    }

    /// The mean of the cosines, where there are any.
    pub fn mean_cosine(&self) -> Option<f64> {
        let known = self.cosines.iter().filter(|told| **told != NO_ANGLE);
        let (sum, count) =
            known.fold((0.0, 0), |(sum, count), told| (sum + f64::from(*told) / 127.0 - 1.0, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// A held-out point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanePoint {
    /// Its number among the held-out points.
    pub index: u32,
    /// Where it is, in parts of 255 of a side.
    pub at: [u8; 2],
    /// Its class.
    pub label: u8,
    /// What the main network says.
    pub said: u8,
    /// The nearest misread place of those on the border of its ε-square: its number, or [`NONE_MISREAD`]. Files of before
    /// it was looked at say nothing of it.
    #[serde(default = "none_misread")]
    pub border: u8,
}

const fn none_misread() -> u8 {
    NONE_MISREAD
}

/// A gradient as the auxiliary network reads it, but for the noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadGradient {
    /// Where it is in the plane of gradients.
    #[serde(with = "exact")]
    pub at: [f32; 2],
    /// Where it comes from.
    pub origin: u8,
    /// Where the auxiliary network says that it comes from, reading it through noise.
    pub read: u8,
}

/// The ways of attacks from a held-out point of a world, as they were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traced {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// The point's number among the held-out points.
    pub index: u32,
    /// The ε that they kept to, as a share of the plane's side.
    #[serde(with = "exact")]
    pub epsilon: f64,
    /// One an attack.
    pub paths: Vec<AttackPath>,
}

/// The way of an attack at the run's ε.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackPath {
    /// Which attack.
    pub attack: AttackKind,
    /// Where it was: at the point or its random start, and after each step, or each try that was kept.
    #[serde(with = "exact")]
    pub places: Vec<[f32; 2]>,
    /// Of an attack that follows no gradient: all that it tried, until it was there.
    #[serde(with = "exact")]
    pub tries: Vec<[f32; 2]>,
    /// The class that the main network says at its end.
    pub said: u8,
}

impl Plane {
    /// Whether it has its details: a recording may have given them up.
    pub fn is_whole(&self) -> bool {
        !self.said.is_empty()
    }

    /// Where in the plane of gradients, from −1 to 1, a gradient's coordinate is drawn: its inverse hyperbolic sine, in units
    /// of the knee, over that of the reach.
    pub fn drawn(&self, coordinate: f64) -> f64 {
        let [knee, reach] = [self.knee, self.reach].map(|of| f64::from(of).max(f64::MIN_POSITIVE));
        let end = (reach / knee).asinh();
        if end > 0.0 { ((coordinate / knee).asinh() / end).clamp(-1.0, 1.0) } else { 0.0 }
    }

    /// The nearest place within `radius` (L∞) of a place at which the network says another class than `label`; of equally
    /// near ones the first. As exact as the places are dense: of the ball itself those count whose middle lies in it.
    pub fn nearest_misread(&self, at: [f64; 2], label: u8, radius: f64) -> Option<[f64; 2]> {
        let side = PLANE_SIDE as f64;
        let middle = |cell: usize| (cell as f64 + 0.5) / side;
        // All places whose middle is within the radius along one axis.
        let cells = |at: f64| {
            let first = ((at - radius) * side - 0.5).ceil().max(0.0) as usize;
            let last = ((at + radius) * side - 0.5).floor();
            if last < 0.0 { 0..0 } else { first..(last as usize + 1).min(PLANE_SIDE) }
        };
        let places = cells(at[1]).flat_map(|row| cells(at[0]).map(move |column| (row, column)));
        let misread = places.filter(|(row, column)| self.said.get(row * PLANE_SIDE + column) != Some(&label));
        let place = |(row, column): (usize, usize)| [middle(column), middle(row)];
        let distance = |[x, y]: [f64; 2]| (x - at[0]).hypot(y - at[1]);
        misread.map(place).min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
    }

    /// The same of a held-out point; where the run's own ε reaches, with the border of its square, which lies between the
    /// places.
    pub fn nearest(&self, point: &PlanePoint, radius: f64) -> Option<[f64; 2]> {
        let at = point.place();
        let inside = self.nearest_misread(at, point.label, radius);
        let border = point.border_place(point.border.into(), self.epsilon);
        let border = border.filter(|_| point.border != NONE_MISREAD && radius >= self.epsilon);
        let distance = |[x, y]: &[f64; 2]| (x - at[0]).hypot(y - at[1]);
        inside.into_iter().chain(border).min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// Whether no place within `radius` (L∞) of the point is misread, itself included.
    pub fn withstands(&self, point: &PlanePoint, radius: f64) -> bool {
        point.said == point.label && self.nearest(point, radius).is_none()
    }

    /// How many of its points withstand every change within `radius`, as far as the places tell.
    pub fn robust(&self, radius: f64) -> usize {
        self.points.iter().filter(|point| self.withstands(point, radius)).count()
    }
}

impl PlanePoint {
    /// Where it is, in sides of the plane.
    pub fn place(&self) -> [f64; 2] {
        self.at.map(|at| f64::from(at) / 255.0)
    }

    /// A place on the border of its square, as far as the plane reaches; none of a number that there is not.
    pub fn border_place(&self, number: usize, epsilon: f64) -> Option<[f64; 2]> {
        let [x, y] = self.place();
        let [along, up] = border(number);
        let place = [x + epsilon * along, y + epsilon * up].map(|at| at.clamp(0.0, 1.0));
        (number < BORDER).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    /// Class 1 to the right of 0.6, class 0 elsewhere.
    fn halves() -> Plane {
        let said = |place: usize| u8::from((place % PLANE_SIDE) as f64 + 0.5 > 0.6 * PLANE_SIDE as f64);
        Plane { said: (0..PLANE_SIDE * PLANE_SIDE).map(said).collect(), ..made_up::plane(1, 10) }
    }

    #[test]
    fn the_nearest_misread_place_is_across_the_boundary() {
        let plane = halves();
        let found = plane.nearest_misread([0.5, 0.5], 0, 0.15).expect("the boundary is near");
        assert!((found[0] - 0.6).abs() < 1.0 / 128.0 && (found[1] - 0.5).abs() < 1.0 / 128.0, "{found:?}");
        assert_eq!(plane.nearest_misread([0.5, 0.5], 0, 0.09), None);
        assert_eq!(plane.nearest_misread([0.9, 0.2], 1, 0.25), None, "the right side is its own");
        let own = plane.nearest_misread([0.9, 0.2], 0, 0.1).expect("it is misread where it is");
        assert!((own[0] - 0.9).hypot(own[1] - 0.2) < 1.0 / 128.0);
        // At the edge of the plane, and beyond it.
        assert_eq!(plane.nearest_misread([0.0, 1.0], 0, 0.3), None);
        assert!(plane.nearest_misread([0.0, 0.0], 1, 0.0).is_none(), "no middle lies on the corner");
    }

    #[test]
    fn gradients_are_drawn_linearly_near_zero_and_by_their_logarithm_far_off() {
        let plane = Plane { knee: 1.0, reach: 1000.0, ..halves() };
        let end = 1000f64.asinh();
        let expected = [(0.0, 0.0), (1000.0, 1.0), (-1000.0, -1.0), (9e9, 1.0), (1.0, 1f64.asinh() / end)];
        assert!(expected.iter().all(|(at, drawn)| (plane.drawn(*at) - drawn).abs() < 1e-12));
        let step = plane.drawn(100.0) - plane.drawn(10.0);
        assert!((step - 10f64.ln() / end).abs() < 1e-3, "{step}");
        let nothing = Plane { knee: 0.0, reach: 0.0, ..halves() };
        assert_eq!(nothing.drawn(0.0), 0.0);
    }

    #[test]
    fn a_cosine_is_told_in_a_byte() {
        let told = [-1.0, 0.0, 1.0, 1.1, f32::NAN].map(TeacherPlane::told);
        assert_eq!(told, [0, 127, 254, 254, NO_ANGLE]);
        let teacher = TeacherPlane { cosines: vec![254, 127, NO_ANGLE], ..TeacherPlane::default() };
        assert_eq!((teacher.mean_cosine(), TeacherPlane::default().mean_cosine()), (Some(0.5), None));
    }

    #[test]
    fn points_withstand_what_does_not_reach_the_boundary() {
        let at = |x: u8, label: u8, said: u8| PlanePoint {
            index: 0,
            at: [x, 100],
            label,
            said,
            border: NONE_MISREAD,
        };
        let plane =
            Plane { points: vec![at(100, 0, 0), at(150, 0, 0), at(200, 1, 1), at(20, 1, 0)], ..halves() };
        let shares: Vec<_> = [0.0, 0.05, 0.15, 0.3].map(|radius| plane.robust(radius)).into();
        assert_eq!(shares, [3, 2, 2, 0]);
    }

    #[test]
    fn the_border_of_a_square_is_looked_at_too() {
        let numbers: Vec<[f64; 2]> = (0..BORDER).map(border).collect();
        assert!(numbers.iter().all(|[x, y]| x.abs().max(y.abs()) == 1.0));
        assert!(
            [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
                .iter()
                .all(|corner| numbers.contains(corner))
        );
        assert!((1..BORDER).all(|place| !numbers[..place].contains(&numbers[place])));
        let plane = Plane { epsilon: 0.08, ..halves() };
        let mut point = PlanePoint { index: 0, at: [51, 51], label: 0, said: 0, border: NONE_MISREAD };
        assert!(plane.withstands(&point, 0.08));
        // Its right lower corner.
        point.border = 8;
        assert_eq!(plane.nearest(&point, 0.08), Some([0.2 + 0.08, 0.2 - 0.08]));
        assert!(
            !plane.withstands(&point, 0.08) && plane.withstands(&point, 0.05),
            "of a smaller square nothing is known"
        );
        assert_eq!(point.border_place(BORDER, 0.08), None);
        let old: PlanePoint = serde_json::from_str(r#"{"index":1,"at":[2,3],"label":0,"said":1}"#).unwrap();
        assert_eq!(old.border, NONE_MISREAD);
    }
}
