//! A chart as inline SVG: its lines labelled at their ends, in the colours of a page that is light or dark.

use std::fmt::Write as _;

use super::draw::escaped;
use crate::show::palette::{Ground, Role, colour};
use crate::show::{Chart, Mark, Shape};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room for what is written beside the chart.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 36.0;

/// Where values lie in the picture.
#[derive(Clone, Copy)]
struct Scale<'a>(&'a Chart);

impl Scale<'_> {
    fn x(self, value: f64) -> f64 {
        let [low, high] = self.0.x.range;
        LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)
    }

    fn y(self, value: f64) -> f64 {
        let [low, high] = self.0.y.range;
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value - low) / (high - low))
    }

    /// The points of a line, as SVG has them.
    fn path(self, mark: &Mark) -> String {
        let at = |[x, y]: [f64; 2]| format!("{:.1},{:.1}", self.x(x), self.y(y));
        mark.finite_points().map(at).collect::<Vec<_>>().join(" ")
    }
}

/// The chart, without its title and note.
pub fn svg(chart: &Chart) -> String {
    let scale = Scale(chart);
    let mut svg = axes(scale);
    for mark in &chart.marks {
        let path = scale.path(mark);
        let drawn = match (mark.shape, mark.role) {
            (Shape::Area, _) => format!("<polygon class=\"band\" points=\"{path}\"/>"),
            (_, Role::Worst) => format!("<polyline class=\"worst\" points=\"{path}\"/>"),
            (Shape::Line(_) | Shape::Dashes | Shape::Dots, role) => {
                let colour = colour(role, Ground::Page).hex();
                format!(
                    "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{path}\"/>"
                )
            }
        };
        svg += &drawn;
    }
    svg + &labels(scale) + "</svg>"
}

/// The grid, with the ticks of both axes.
fn axes(scale: Scale<'_>) -> String {
    let Chart { title, x, y, .. } = scale.0;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escaped(title));
    let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    for (value, tick) in &x.ticks {
        text(scale.x(*value), HEIGHT - 18.0, "middle", tick);
    }
    text(scale.x(f64::midpoint(x.range[0], x.range[1])), HEIGHT - 3.0, "middle", &x.label);
    for (value, tick) in &y.ticks {
        text(LEFT - 6.0, scale.y(*value) + 4.0, "end", tick);
    }
    for (value, _) in &y.ticks {
        let (at, end) = (scale.y(*value), WIDTH - RIGHT);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
    }
    svg
}

/// Names at the ends of the lines, moved apart where they would lie on each other.
fn labels(scale: Scale<'_>) -> String {
    let end = |mark: &Mark| {
        let [_, last] = mark.finite_points().last()?;
        let colour = match mark.role {
            Role::Worst => "currentColor".to_owned(),
            role => colour(role, Ground::Page).hex(),
        };
        Some((scale.y(last), mark.name.clone()?, colour))
    };
    let mut ends: Vec<(f64, String, String)> = scale.0.marks.iter().filter_map(end).collect();
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut svg, mut above) = (String::new(), HEIGHT - BOTTOM + 12.0);
    for (at, name, colour) in ends {
        above = at.min(above - 13.0);
        let (x, y) = (scale.x(scale.0.x.range[1]) + 8.0, above + 4.0);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>", escaped(&name));
    }
    svg
}
