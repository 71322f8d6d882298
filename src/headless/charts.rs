//! The charts of a run, each one question: losses, accuracies, gradient histograms, robustness.

use crate::protocol::{Report, Robustness};
use crate::show::number::{decimal, whole_percent};
use crate::show::palette::Role;
use crate::show::{SMOOTHING, smooth};

pub use super::figure::ChartError;
use super::figure::{Axis, Figure, Mark, Shape};
pub use super::gradient_chart::gradient_chart;

/// Losses of both networks against the step.
///
/// # Errors
/// [`ChartError`].
pub fn losses(reports: &[Report]) -> Result<Vec<u8>, ChartError> {
    let main = curve(reports, |report| report.loss);
    let auxiliary = curve(reports, |report| report.auxiliary_loss);
    let finite = main.iter().chain(&auxiliary).map(|[_, y]| *y).filter(|y| y.is_finite());
    let largest = finite.fold(0.0, f64::max);
    let mut marks = Vec::new();
    push_smoothed(&mut marks, main, Role::Main, "main network");
    push_smoothed(&mut marks, auxiliary, Role::Auxiliary, "auxiliary network");
    Figure {
        title: "Losses".into(),
        note: format!("cross-entropy; bold: smoothed ({SMOOTHING}), faint: as measured"),
        x: step_axis(reports),
        y: Axis::linear("cross-entropy", (0.0, 1.05 * largest), decimal),
        marks,
    }
    .png()
}

/// Accuracies of both networks against the step, with what chance gives among `classes` classes,
/// and the main network's on held-out images.
///
/// # Errors
/// [`ChartError`].
pub fn accuracies(
    reports: &[Report],
    evaluations: &[Robustness],
    classes: usize,
) -> Result<Vec<u8>, ChartError> {
    let x = step_axis(reports);
    let chance = 1.0 / classes.max(1) as f64;
    let mut marks = Vec::new();
    push_smoothed(&mut marks, curve(reports, |report| report.accuracy), Role::Main, "main, in training");
    push_smoothed(
        &mut marks,
        curve(reports, |report| report.auxiliary_accuracy),
        Role::Auxiliary,
        "auxiliary network",
    );
    if !evaluations.is_empty() {
        marks.push(Mark {
            shape: Shape::Dots,
            points: evaluations.iter().map(|e| [e.step as f64, e.clean.value()]).collect(),
            role: Role::Good,
            opacity: 1.0,
            name: Some("main, held-out images".into()),
        });
    }
    marks.push(Mark {
        shape: Shape::Dashes,
        points: vec![[x.range.0, chance], [x.range.1, chance]],
        role: Role::Reference,
        opacity: 1.0,
        name: Some(format!("chance, {}", whole_percent(chance))),
    });
    Figure {
        title: "Accuracies".into(),
        note: "the auxiliary network reads the class off the gradient tensor; at chance it reads nothing"
            .into(),
        x,
        y: Axis::percent("accuracy"),
        marks,
    }
    .png()
}

/// Robust accuracy against ε, attack by attack, with 95 % intervals; `epsilon` is marked.
///
/// # Errors
/// [`ChartError`].
pub fn robustness(evaluation: &Robustness, epsilon: f64) -> Result<Vec<u8>, ChartError> {
    let radii = evaluation.curves.iter().flat_map(|curve| &curve.points).map(|point| point.epsilon);
    let largest = radii.fold(epsilon, f64::max);
    let mut marks = vec![Mark {
        shape: Shape::Dashes,
        points: vec![[epsilon, 0.0], [epsilon, 1.0]],
        role: Role::Reference,
        opacity: 0.7,
        name: Some(format!("ε of this run, {}", decimal(epsilon))),
    }];
    for (i, curve) in evaluation.curves.iter().enumerate() {
        let clean = (evaluation.clean.total > 0).then_some((0.0, evaluation.clean));
        let points = curve.points.iter().filter(|p| p.epsilon > 0.0).map(|p| (p.epsilon, p.robust));
        let points: Vec<_> = clean.into_iter().chain(points).filter(|(_, share)| share.total > 0).collect();
        let low = points.iter().map(|(epsilon, share)| [*epsilon, share.interval().0]);
        let high = points.iter().rev().map(|(epsilon, share)| [*epsilon, share.interval().1]);
        let middle: Vec<_> = points.iter().map(|(epsilon, share)| [*epsilon, share.value()]).collect();
        let role = Role::Attack(curve.attack, curve.target, i);
        let mark = |shape, points, opacity, name| Mark { shape, points, role, opacity, name };
        marks.push(mark(Shape::Area, low.chain(high).collect(), 0.13, None));
        marks.push(mark(
            Shape::Line(4),
            middle.clone(),
            1.0,
            Some(format!("{}, {}", curve.attack, curve.target)),
        ));
        marks.push(mark(Shape::Dots, middle, 1.0, None));
    }
    for case in &evaluation.worst {
        let points = case.points.iter().map(|point| [point.epsilon, point.robust.value()]);
        marks.push(Mark {
            shape: Shape::Line(6),
            points: std::iter::once([0.0, evaluation.clean.value()]).chain(points).collect(),
            role: Role::Worst,
            opacity: 1.0,
            name: Some(format!("worst case of each image, {}", case.norm.name())),
        });
    }
    Figure {
        title: "Robustness".into(),
        note: format!(
            "step {}; accuracy on {} held-out images under attack, bands: 95 % intervals",
            evaluation.step, evaluation.clean.total
        ),
        x: Axis::linear("ε, radius of the attack in pixel units", (0.0, 1.04 * largest), decimal),
        y: Axis::percent("accuracy under attack"),
        marks,
    }
    .png()
}

/// The training step, from 0 to the last report.
fn step_axis(reports: &[Report]) -> Axis {
    let last = reports.last().map_or(0.0, |report| report.step as f64);
    Axis::linear("training step", (0.0, last), decimal)
}

/// A value of every report against its step.
fn curve(reports: &[Report], value: fn(&Report) -> f64) -> Vec<[f64; 2]> {
    reports.iter().map(|report| [report.step as f64, value(report)]).collect()
}

/// The curve faint as it is, and bold smoothed.
fn push_smoothed(marks: &mut Vec<Mark>, raw: Vec<[f64; 2]>, role: Role, name: &str) {
    let smoothed = smooth(&raw, SMOOTHING);
    marks.push(Mark { shape: Shape::Line(2), points: raw, role, opacity: 0.3, name: None });
    marks.push(Mark { shape: Shape::Line(4), points: smoothed, role, opacity: 1.0, name: Some(name.into()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::protocol::{Histograms, made_up};

    /// The colours in the plot's own part of a chart, apart from white, grey and black.
    fn coloured_pixels(bytes: &[u8]) -> usize {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels.chunks(3).filter(|p| p.iter().max().unwrap() - p.iter().min().unwrap() > 40).count()
    }

    #[test]
    fn charts_show_their_curves() {
        let reports: Vec<_> = (1..=100).map(|i| made_up::report(1, 10 * i, Hyper::default())).collect();
        let evaluations: Vec<_> = (1..=5).map(|i| made_up::robustness(1, 200 * i, true)).collect();
        let charts = [
            ("losses", losses(&reports), losses(&[])),
            ("accuracies", accuracies(&reports, &evaluations, 10), accuracies(&[], &[], 10)),
            (
                "histograms",
                gradient_chart(
                    &made_up::histograms(1, 1000),
                    &made_up::CLASSES.map(String::from),
                    "by class",
                ),
                gradient_chart(
                    &Histograms { classes: vec![], edges: vec![], ..made_up::histograms(1, 1) },
                    &[],
                    "by class",
                ),
            ),
            (
                "robustness",
                robustness(&evaluations[4], 0.1),
                robustness(&Robustness { curves: vec![], ..evaluations[4].clone() }, 0.1),
            ),
        ];
        for (name, full, empty) in charts {
            let full = full.unwrap();
            let (full, empty) = (coloured_pixels(&full), coloured_pixels(&empty.unwrap()));
            assert!(full > empty + 2000, "{name}: {full} coloured pixels, {empty} without data");
        }
    }
}
