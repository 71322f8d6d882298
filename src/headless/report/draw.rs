//! What a report draws: curves and bars as inline SVG, pictures as PNG in the page itself.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::config::{Norm, TargetKind};
use crate::protocol::{Curve, Point, Robustness, Share};
use crate::show::number::{decimal, percent};
use crate::show::palette::{Ground, Role, colour};
use crate::show::picture::image;
use crate::show::png;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room for what is written beside the chart.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 36.0;

/// Text that may stand in HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Where a share at a radius lies in the chart.
#[derive(Clone, Copy)]
struct Scale {
    largest: f64,
}

impl Scale {
    fn x(self, epsilon: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * epsilon / self.largest
    }

    fn y(self, share: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - share)
    }

    /// The points of a line, as SVG has them.
    fn path(self, points: &[(f64, Share)], value: impl Fn(Share) -> f64) -> String {
        let at =
            |(epsilon, share): &(f64, Share)| format!("{:.1},{:.1}", self.x(*epsilon), self.y(value(*share)));
        points.iter().map(at).collect::<Vec<_>>().join(" ")
    }
}

/// Accuracy against ε: the L∞ attacks, each labelled at its end, and the worst case with its interval.
pub fn curves(evaluation: &Robustness) -> String {
    let is_linf = |curve: &&Curve| curve.attack.norm() == Norm::Linf;
    let curves: Vec<&Curve> = evaluation.curves.iter().filter(is_linf).collect();
    let mut radii: Vec<f64> =
        curves.iter().flat_map(|curve| &curve.points).map(|point| point.epsilon).collect();
    radii.sort_by(f64::total_cmp);
    radii.dedup();
    let scale = Scale { largest: radii.last().copied().unwrap_or(0.0).max(1e-6) };
    let from_clean = |points: &[Point]| -> Vec<(f64, Share)> {
        let points = points.iter().map(|point| (point.epsilon, point.robust));
        std::iter::once((0.0, evaluation.clean)).chain(points).collect()
    };
    let mut svg = axes(scale, &radii);
    let mut ends: Vec<(f64, String, String)> = Vec::new();
    for (index, curve) in curves.iter().enumerate() {
        let colour = colour(Role::Attack(curve.attack, curve.target, index), Ground::Page).hex();
        let points = from_clean(&curve.points);
        let path = scale.path(&points, Share::value);
        let _ = write!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{path}\"/>"
        );
        let name = match curve.target {
            TargetKind::Untargeted => curve.attack.name().to_owned(),
            target => format!("{} → {target}", curve.attack),
        };
        ends.extend(points.last().map(|(_, share)| (scale.y(share.value()), name, colour)));
    }
    if let Some(case) = evaluation.worst.iter().find(|case| case.norm == Norm::Linf) {
        let points = from_clean(&case.points);
        let back: Vec<_> = points.iter().copied().rev().collect();
        let [high, low] =
            [scale.path(&points, |share| share.interval().1), scale.path(&back, |share| share.interval().0)];
        let line = scale.path(&points, Share::value);
        let _ = write!(
            svg,
            "<polygon class=\"band\" points=\"{high} {low}\"/><polyline class=\"worst\" points=\"{line}\"/>"
        );
        let end = points
            .last()
            .map(|(_, share)| (scale.y(share.value()), "worst case".into(), "currentColor".into()));
        ends.extend(end);
    }
    svg + &labels(scale, ends) + "</svg>"
}

/// The grid, with radii below and shares at the left.
fn axes(scale: Scale, radii: &[f64]) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Accuracy against epsilon\">"
    );
    let mut text = |x: f64, y: f64, anchor: &str, text: &str| {
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    for epsilon in std::iter::once(&0.0).chain(radii.iter().filter(|radius| **radius > 0.0)) {
        text(scale.x(*epsilon), HEIGHT - 18.0, "middle", &decimal(*epsilon));
    }
    text(scale.x(scale.largest / 2.0), HEIGHT - 3.0, "middle", "ε, L∞, pixels in [0, 1]");
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        text(LEFT - 6.0, scale.y(share) + 4.0, "end", &format!("{} %", 100.0 * share));
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (at, end) = (scale.y(share), WIDTH - RIGHT);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
    }
    svg
}

/// Names at the ends of the lines, moved apart where they would lie on each other.
fn labels(scale: Scale, mut ends: Vec<(f64, String, String)>) -> String {
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut svg, mut above) = (String::new(), HEIGHT - BOTTOM + 12.0);
    for (at, name, colour) in ends {
        above = at.min(above - 13.0);
        let (x, y) = (scale.x(scale.largest) + 8.0, above + 4.0);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>", escaped(&name));
    }
    svg
}

/// How many images fall up to each ε.
pub fn bars(falls: &[(f64, usize)]) -> String {
    let n = falls.iter().map(|(_, images)| images).sum::<usize>().max(1) as f64;
    let mut rows = String::new();
    for &(radius, images) in falls {
        let share = images as f64 / n;
        let name = match radius {
            0.0 => "wrong without attack".to_owned(),
            radius if radius.is_infinite() => "never fooled".to_owned(),
            radius => format!("up to ε = {}", decimal(radius)),
        };
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{}</td><td><div class=\"bar\" style=\"width:{:.1}%\"></div></td></tr>",
            percent(share),
            100.0 * share
        );
    }
    format!("<table class=\"bars\">{rows}</table>")
}

/// A matrix of shares of each row, darker where they are larger; the diagonal framed.
pub fn matrix(values: &[f64], classes: &[String]) -> String {
    let k = classes.len();
    let mut table = String::from("<table class=\"matrix\"><tr><td></td>");
    for class in classes {
        let _ = write!(table, "<th scope=\"col\"><span>{}</span></th>", escaped(class));
    }
    table += "</tr>";
    for (row, class) in values.chunks_exact(k).zip(0..) {
        let total: f64 = row.iter().sum();
        let _ = write!(table, "<tr><th scope=\"row\">{}</th>", escaped(&classes[class]));
        for (column, value) in row.iter().enumerate() {
            let share = if total > 0.0 { value / total } else { 0.0 };
            let diagonal = if column == class { " class=\"diagonal\"" } else { "" };
            let percent = (100.0 * share).round();
            let text = if percent > 0.0 { format!("{percent}") } else { String::new() };
            let _ = write!(table, "<td{diagonal} style=\"--share:{share:.3}\">{text}</td>");
        }
        table += "</tr>";
    }
    table + "</table>"
}

/// A picture of `C × H × W` pixels in [0, 1] as an image element.
pub fn picture(pixels: &[f32], shape: [usize; 3], about: &str) -> String {
    let png = png::encode([shape[2], shape[1]], &image(shape, pixels));
    format!("<img alt=\"{}\" src=\"data:image/png;base64,{}\">", escaped(about), STANDARD.encode(&png))
}
