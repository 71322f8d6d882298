//! What a report draws: its chart, bars and matrices as tables, pictures as PNG in the page itself.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::config::Norm;
use crate::protocol::{Curve, Point, Robustness, Saturation};
use crate::show::charts::{band, curve_name, from_clean, values};
use crate::show::gradients::saturation::bar_label;
use crate::show::matrix::shares;
use crate::show::number::{cell, decimal, deviation_in_words, percent, standardised, whole_percent};
use crate::show::palette::Role;
use crate::show::picture::image;
use crate::show::{Axis, Chart, Mark, Shape, png, shortened};

/// Text that may stand in HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Accuracy against ε in a norm: its attacks, each labelled at its end, and the worst case with its interval.
pub fn curves(evaluation: &Robustness, norm: Norm) -> Chart {
    let curves: Vec<&Curve> = evaluation.curves_in(norm).collect();
    let mut radii: Vec<f64> =
        curves.iter().flat_map(|curve| &curve.points).map(|point| point.epsilon).collect();
    radii.sort_by(f64::total_cmp);
    radii.dedup();
    // Where nothing but a radius of 0 was attacked with, there is still an axis.
    let largest = radii.last().copied().filter(|largest| *largest > 0.0).unwrap_or(1.0);
    let ticks = std::iter::once(0.0).chain(radii.into_iter().filter(|radius| *radius > 0.0));
    let line =
        |points: &[Point], role| Mark::new(Shape::Line(4), values(&from_clean(evaluation, points)), role);
    let attacked = curves.iter().enumerate().map(|(place, curve)| {
        line(&curve.points, Role::Attack(curve.attack, curve.target, place)).named(curve_name(curve))
    });
    let worst = evaluation.worst_in(norm).into_iter().flat_map(|case| {
        let interval = band(&from_clean(evaluation, &case.points), Role::Worst);
        [interval, line(&case.points, Role::Worst).named("worst case")]
    });
    Chart {
        title: format!("Accuracy against epsilon, {}", norm.symbol()),
        note: String::new(),
        x: Axis {
            label: format!("ε: {}{}", norm.measure(), deviation_in_words(evaluation.input_deviation)),
            range: [0.0, largest],
            ticks: ticks.map(|epsilon| (epsilon, decimal(epsilon))).collect(),
        },
        y: Axis {
            label: String::new(),
            range: [0.0, 1.0],
            ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, whole_percent(share))).into(),
        },
        marks: attacked.chain(worst).collect(),
    }
}

/// How many images fall up to each ε.
pub fn bars(falls: &[(f64, usize)], deviation: Option<f64>) -> String {
    let named = falls.iter().map(|&(radius, images)| match radius {
        0.0 => ("wrong without attack".to_owned(), images),
        radius if radius.is_infinite() => ("never fooled".to_owned(), images),
        radius => (format!("up to ε = {}{}", decimal(radius), standardised(radius, deviation)), images),
    });
    named_bars(&named.collect::<Vec<_>>())
}

/// How many images have how large a margin: the bars that have some, and those between them.
pub fn margins(found: &Saturation) -> String {
    let counts = found.counts();
    let is_some = |images: &u32| *images > 0;
    let (Some(first), Some(last)) = (counts.iter().position(is_some), counts.iter().rposition(is_some))
    else {
        return String::new();
    };
    let named = (first..=last).map(|bar| (format!("margin {}", bar_label(bar)), counts[bar] as usize));
    named_bars(&named.collect::<Vec<_>>())
}

/// Images under each name, as shares of all.
fn named_bars(bars: &[(String, usize)]) -> String {
    let n = bars.iter().map(|(_, images)| images).sum::<usize>().max(1) as f64;
    let mut rows = String::new();
    for (name, images) in bars {
        let share = *images as f64 / n;
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{}</td><td><div class=\"bar\" style=\"width:{:.1}%\"></div></td></tr>",
            percent(share),
            100.0 * share
        );
    }
    format!("<table class=\"bars\">{rows}</table>")
}

/// Characters of a name beside a matrix.
const NAME: usize = 20;

/// A class's name beside a matrix: shortened where it is long, with the whole of it where the pointer rests.
fn class_name(name: &str) -> String {
    let short = shortened(name, NAME);
    let whole = if short == name { String::new() } else { format!(" title=\"{}\"", escaped(name)) };
    format!("<span{whole}>{}</span>", escaped(&short))
}

/// A matrix of shares of each row, darker where they are larger; the diagonal framed.
pub fn matrix<N: Copy + Into<f64>>(values: &[N], classes: &[String]) -> String {
    let k = classes.len();
    let mut table = String::from("<table class=\"matrix\"><tr><td></td>");
    for class in classes {
        let _ = write!(table, "<th scope=\"col\">{}</th>", class_name(class));
    }
    table += "</tr>";
    for (row, class) in shares(values).chunks_exact(k.max(1)).zip(0..) {
        let _ = write!(table, "<tr><th scope=\"row\">{}</th>", class_name(&classes[class]));
        for (column, share) in row.iter().enumerate() {
            let diagonal = if column == class { " class=\"diagonal\"" } else { "" };
            let text = escaped(&cell(*share));
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
