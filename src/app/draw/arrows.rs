//! Arrows along which something flows: while it does, beads move on them.

use egui::{Color32, Painter, Pos2, Shape, Stroke, Vec2};

/// Points between two beads, and how many of them a bead covers in a second.
const SPACING: f32 = 26.0;
const SPEED: f32 = 30.0;

/// An arrow through `points`, dashed where it is not `used`; `time` in seconds moves its beads.
pub fn flow(painter: &Painter, points: &[Pos2], color: Color32, used: bool, time: Option<f64>) {
    let [.., before, tip] = points else { return };
    let direction = (*tip - *before).normalized();
    let stroke = Stroke::new(1.5, if used { color } else { color.gamma_multiply(0.45) });
    // The line ends inside the head, so that its end does not stick out.
    let mut line = points.to_vec();
    if let Some(last) = line.last_mut() {
        *last -= direction * 5.0;
    }
    if used {
        painter.add(Shape::line(line, stroke));
    } else {
        painter.extend(Shape::dashed_line(&line, stroke, 4.0, 4.0));
    }
    let side = direction.rot90() * 3.5;
    let back = *tip - direction * 7.0;
    painter.add(Shape::convex_polygon(vec![*tip, back + side, back - side], stroke.color, Stroke::NONE));
    if let Some(time) = time.filter(|_| used) {
        let length = length(points) - 8.0;
        let mut at = (time as f32 * SPEED) % SPACING;
        while at < length {
            painter.circle_filled(along(points, at), 2.2, color);
            at += SPACING;
        }
    }
}

fn length(points: &[Pos2]) -> f32 {
    points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// The point `distance` along the path; its end where that is too far.
fn along(points: &[Pos2], mut distance: f32) -> Pos2 {
    for pair in points.windows(2) {
        let segment: Vec2 = pair[1] - pair[0];
        if distance <= segment.length() {
            return pair[0] + segment.normalized() * distance;
        }
        distance -= segment.length();
    }
    points.last().copied().unwrap_or(Pos2::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    #[test]
    fn beads_go_round_corners() {
        let path = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0)];
        assert_eq!(length(&path), 20.0);
        assert_eq!(along(&path, 4.0), pos2(4.0, 0.0));
        assert_eq!(along(&path, 13.0), pos2(10.0, 3.0));
        assert_eq!(along(&path, 99.0), pos2(10.0, 10.0));
    }
}
