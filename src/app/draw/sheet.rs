//! A square on the screen that shows a part of the plane: where its places are drawn, and what is drawn on it.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

/// Radius of a point.
pub const POINT: f32 = 3.2;
/// The same of one that is only trained on.
const TRAINED: f32 = 1.4;
/// How near a pointer must be to a point.
const NEAR: f32 = 14.0;
/// Gradients so many times smaller than the largest have no length.
const DECADES: f32 = 6.0;

/// A square of the plane, from `low` to `high` along both coordinates, drawn in `rect` with the second upwards.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    /// Where it is drawn.
    pub rect: Rect,
    /// Its lower left corner's coordinates.
    pub low: f64,
    /// Its upper right one's.
    pub high: f64,
}

impl Sheet {
    /// Where a place is drawn; what lies outside, at the edge.
    pub fn at(&self, place: [f64; 2]) -> Pos2 {
        let [x, y] = place.map(|along| ((along - self.low) / (self.high - self.low)).clamp(0.0, 1.0) as f32);
        pos2(self.rect.left() + x * self.rect.width(), self.rect.bottom() - y * self.rect.height())
    }

    /// Which place is drawn there.
    pub fn place(&self, at: Pos2) -> [f64; 2] {
        let share = (at - self.rect.left_bottom()) / self.rect.size();
        [share.x, -share.y].map(|share| self.low + f64::from(share) * (self.high - self.low))
    }

    /// Which of `places` is nearest to the pointer, if one is near.
    pub fn nearest(&self, pointer: Pos2, places: impl Iterator<Item = [f64; 2]>) -> Option<usize> {
        let distances = places.map(|place| self.at(place).distance(pointer)).enumerate();
        let nearest = distances.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (nearest.1 <= NEAR).then_some(nearest.0)
    }
}

/// How a point is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is only trained on.
    Trained,
    /// It is what it is taken for, whatever is done to it.
    Safe,
    /// Some change makes it something else.
    Unsafe,
    /// It is taken for something else as it is.
    Misread,
}

/// A point in the colour of what it is.
pub fn point(painter: &Painter, at: Pos2, mark: Mark, fill: Color32, [edge, wrong]: [Color32; 2]) {
    match mark {
        Mark::Trained => {
            painter.circle_filled(at, TRAINED, fill);
        }
        Mark::Safe => {
            painter.circle(at, POINT, fill, Stroke::new(1.0, edge));
        }
        Mark::Unsafe => {
            painter.circle(at, POINT, fill, Stroke::new(1.6, wrong));
        }
        Mark::Misread => {
            let reach = POINT + 0.8;
            for across in [vec2(reach, reach), vec2(reach, -reach)] {
                painter.line_segment([at - across, at + across], Stroke::new(3.6, edge));
                painter.line_segment([at - across, at + across], Stroke::new(2.0, fill));
            }
        }
    }
}

/// How long the arrow of a gradient is, of 1, beside the `largest`: its logarithm, over six decades.
pub fn arrow_share(length: f32, largest: f32) -> f32 {
    if length > 0.0 && largest > 0.0 {
        (1.0 + (length / largest).log10() / DECADES).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// An arrow about `middle` along `towards`, which is a vector of the plane; `length` in points.
pub fn arrow(painter: &Painter, middle: Pos2, towards: [f32; 2], length: f32, color: Color32) {
    let [x, y] = towards;
    let direction = vec2(x, -y).normalized();
    if length < 1.5 || direction == Vec2::ZERO {
        return;
    }
    let (tail, tip) = (middle - direction * (0.5 * length), middle + direction * (0.5 * length));
    painter.line_segment([tail, tip], Stroke::new(1.1, color));
    let head = (0.4 * length).min(4.0);
    let side = direction.rot90() * (0.55 * head);
    let back = tip - direction * head;
    painter.add(Shape::convex_polygon(vec![tip, back + side, back - side], color, Stroke::NONE));
}

/// The way of an attack, with a head at its end, over a `halo`.
pub fn way(painter: &Painter, places: &[Pos2], [color, halo]: [Color32; 2]) {
    let [.., before, end] = places else { return };
    painter.add(Shape::line(places.to_vec(), Stroke::new(4.0, halo)));
    painter.add(Shape::line(places.to_vec(), Stroke::new(2.0, color)));
    if places.len() > 2 {
        for place in places {
            painter.circle_filled(*place, 2.2, color);
        }
    }
    let direction = (*end - *before).normalized();
    let (side, back) = (direction.rot90() * 4.0, *end - direction * 8.0);
    if direction != Vec2::ZERO {
        painter.add(Shape::convex_polygon(
            vec![*end, back + side, back - side],
            color,
            Stroke::new(1.0, halo),
        ));
    }
}

/// What an attack tried, each place as large as often it was tried, and where it ended.
pub fn tries(painter: &Painter, places: &[Pos2], end: Option<&Pos2>, [color, halo]: [Color32; 2]) {
    let mut counted: Vec<(Pos2, usize)> = Vec::new();
    for place in places {
        match counted.iter_mut().find(|(at, _)| at.distance(*place) < 1.0) {
            Some((_, count)) => *count += 1,
            None => counted.push((*place, 1)),
        }
    }
    for (at, count) in counted {
        painter.circle(at, 2.8 + 1.3 * (count as f32).ln(), color, Stroke::new(1.0, halo));
    }
    if let Some(end) = end {
        painter.circle_stroke(*end, 6.0, Stroke::new(3.0, halo));
        painter.circle_stroke(*end, 6.0, Stroke::new(1.6, color));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet { rect: Rect::from_min_size(pos2(10.0, 20.0), Vec2::splat(200.0)), low: -1.0, high: 1.0 }
    }

    #[test]
    fn the_second_coordinate_goes_upwards_and_back() {
        assert_eq!(sheet().at([-1.0, -1.0]), pos2(10.0, 220.0));
        assert_eq!(sheet().at([0.0, 1.0]), pos2(110.0, 20.0));
        assert_eq!(sheet().at([9.0, 0.0]), pos2(210.0, 120.0), "at the edge");
        let back = sheet().place(sheet().at([0.25, -0.5]));
        assert!((back[0] - 0.25).abs() < 1e-6 && (back[1] + 0.5).abs() < 1e-6, "{back:?}");
    }

    #[test]
    fn a_pointer_finds_what_is_near() {
        let places = [[0.0, 0.0], [0.5, 0.5]];
        let found = |x: f32, y: f32| sheet().nearest(pos2(x, y), places.into_iter());
        assert_eq!((found(112.0, 121.0), found(155.0, 70.0), found(20.0, 30.0)), (Some(0), Some(1), None));
        assert_eq!(sheet().nearest(pos2(0.0, 0.0), std::iter::empty()), None);
    }

    #[test]
    fn an_arrow_is_as_long_as_the_logarithm() {
        assert_eq!([arrow_share(1.0, 1.0), arrow_share(0.0, 1.0), arrow_share(1e-9, 1.0)], [1.0, 0.0, 0.0]);
        assert!((arrow_share(1e-3, 1.0) - 0.5).abs() < 1e-6);
    }
}
