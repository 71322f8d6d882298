//! A chart as data: two axes, and marks on them in the order in which they are drawn.

use super::number::whole_percent;
use super::palette::Role;

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// Smallest and largest value shown.
    pub range: [f64; 2],
    /// Values that get a line and a label, of several lines where there is room for them.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis over `range` with about six round ticks, written by `format`; an empty or infinite range becomes [0, 1].
    pub fn linear(label: &str, range: [f64; 2], format: impl Fn(f64) -> String) -> Self {
        let usable = range[0].is_finite() && range[1].is_finite() && range[0] < range[1];
        let range = if usable { range } else { [0.0, 1.0] };
        let raw = (range[1] - range[0]) / 6.0;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= raw);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((range[0] / step).ceil() as i64, (range[1] / step + 1e-9).floor() as i64);
        let ticks = (first..=last).map(|i| i as f64 * step).map(|x| (x, format(x))).collect();
        Self { label: label.into(), range, ticks }
    }

    /// An axis from 0 to 100 %.
    pub fn percent(label: &str) -> Self {
        Self::linear(label, [0.0, 1.0], whole_percent)
    }
}

/// How the points of a [`Mark`] are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A line of this width in pixels of a printed chart.
    Line(u32),
    /// A dashed line.
    Dashes,
    /// A dot on each point.
    Dots,
    /// The polygon around the points.
    Area,
}

/// Something drawn on the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// How.
    pub shape: Shape,
    /// In the units of the axes; points that are not finite are left out.
    pub points: Vec<[f64; 2]>,
    /// Whose colour it has.
    pub role: Role,
    /// From 0 (invisible) to 1.
    pub opacity: f64,
    /// The legend's entry, if it has one.
    pub name: Option<String>,
}

impl Mark {
    /// An opaque mark without a name.
    pub const fn new(shape: Shape, points: Vec<[f64; 2]>, role: Role) -> Self {
        Self { shape, points, role, opacity: 1.0, name: None }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same, fainter.
    #[must_use]
    pub fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// The points that can be drawn.
    pub fn finite_points(&self) -> impl Iterator<Item = [f64; 2]> {
        self.points.iter().copied().filter(|[x, y]| x.is_finite() && y.is_finite())
    }
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What is to be seen.
    pub title: String,
    /// What it takes to read it.
    pub note: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// In the order in which they are drawn.
    pub marks: Vec<Mark>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_in_range() {
        for (range, ticks) in [
            ([0.0, 1.0], "0, 0.2, 0.4, 0.6, 0.8, 1"),
            ([0.0, 1000.0], "0, 200, 400, 600, 800, 1000"),
            ([-0.3, 2.3], "0, 0.5, 1, 1.5, 2"),
            ([5.0, 5.0], "0, 0.2, 0.4, 0.6, 0.8, 1"),
            ([0.0, f64::NAN], "0, 0.2, 0.4, 0.6, 0.8, 1"),
        ] {
            let axis = Axis::linear("x", range, |x| format!("{}", (x * 1e6).round() / 1e6));
            let found: Vec<_> = axis.ticks.iter().map(|(_, text)| text.clone()).collect();
            assert_eq!(found.join(", "), ticks, "{range:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_drawn() {
        let mark =
            Mark::new(Shape::Dots, vec![[0.0, f64::NAN], [1.0, 2.0], [f64::INFINITY, 0.0]], Role::Main);
        assert_eq!(mark.finite_points().collect::<Vec<_>>(), [[1.0, 2.0]]);
    }
}
