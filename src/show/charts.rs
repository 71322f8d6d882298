//! The charts of a run, each one question: losses, accuracies, robustness; and what each face builds its own of.

use super::chart::{Axis, Chart, Mark, Shape};
use super::number::{decimal, deviation_in_words, short_percent};
use super::palette::Role;
use super::smooth::{SMOOTHING, smooth};
use crate::config::{AttackKind, Norm, TargetKind};
use crate::protocol::{Curve, Point, Readings, Robustness, Share};

/// How visible the interval about a curve is.
const BAND: f64 = 0.13;
/// How visible a curve is as it was measured, beside the smoothed one.
const RAW: f64 = 0.3;

/// The losses of both networks, by step.
pub fn losses(main: &[[f64; 2]], auxiliary: &[[f64; 2]]) -> Chart {
    let finite = main.iter().chain(auxiliary).map(|[_, y]| *y).filter(|y| y.is_finite());
    let largest = finite.fold(0.0, f64::max);
    let both = [
        smoothed(main, SMOOTHING, Role::Main, "main network"),
        smoothed(auxiliary, SMOOTHING, Role::Auxiliary, "auxiliary network"),
    ];
    Chart {
        title: "Losses".into(),
        note: format!("cross-entropy; bold: smoothed ({SMOOTHING}), faint: as measured"),
        x: step_axis(main),
        y: Axis::linear("cross-entropy", [0.0, 1.05 * largest], decimal),
        marks: both.into_iter().flatten().collect(),
    }
}

/// Between these α is drawn, from the bottom of a chart of shares to its top.
const ALPHAS: [f64; 2] = [1e-3, 10.0];

/// What a controller does of which these are α by step, on a chart of shares: the `target` of the auxiliary network's
/// accuracy, and α itself on a scale of its own. Nothing without a target.
pub fn controlled(alpha: &[[f64; 2]], target: f64) -> Vec<Mark> {
    let (Some(first), Some(last)) = (alpha.first(), alpha.last()) else { return Vec::new() };
    if target == 0.0 {
        return Vec::new();
    }
    let ends = [first, last].map(|[step, _]| [*step, target]).to_vec();
    let [least, most] = ALPHAS.map(f64::ln);
    let place = |alpha: f64| ((alpha.max(ALPHAS[0]).ln() - least) / (most - least)).min(1.0);
    let points = alpha.iter().map(|[step, alpha]| [*step, place(*alpha)]).collect();
    vec![
        Mark::new(Shape::Dashes, ends, Role::Auxiliary)
            .faint(0.7)
            .named(format!("target, {}", short_percent(target))),
        Mark::new(Shape::Line(2), points, Role::Adversary)
            .named("α, 0.001 at 0 % to 10 at 100 %, logarithmic"),
    ]
}

/// The accuracies of both networks, by step, with what chance gives among `origins` origins, and the main network's on
/// held-out images; and what fresh auxiliary networks read.
pub fn accuracies(
    main: &[[f64; 2]],
    auxiliary: &[[f64; 2]],
    held_out: &[[f64; 2]],
    probes: &[Readings],
    origins: usize,
) -> Chart {
    let x = step_axis(main);
    let chance = 1.0 / origins.max(1) as f64;
    let mut marks: Vec<Mark> = [
        smoothed(main, SMOOTHING, Role::Main, "main, in training"),
        smoothed(auxiliary, SMOOTHING, Role::Auxiliary, "auxiliary network"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !held_out.is_empty() {
        marks.push(Mark::new(Shape::Dots, held_out.to_vec(), Role::Good).named("main, held-out images"));
    }
    for (role, name, share) in fresh() {
        let read = probes.iter().filter_map(|found| Some([found.step as f64, share(found)?.value()]));
        let read: Vec<[f64; 2]> = read.collect();
        if !read.is_empty() {
            marks.push(Mark::new(Shape::Dots, read, role).named(name));
        }
    }
    let points = x.range.map(|x| [x, chance]).to_vec();
    let name = format!("chance, {}", short_percent(chance));
    marks.push(Mark::new(Shape::Dashes, points, Role::Reference).named(name));
    Chart {
        title: "Accuracies".into(),
        note: "the auxiliary network reads the class off the gradient tensor; at chance it reads nothing"
            .into(),
        x,
        y: Axis::percent("accuracy"),
        marks,
    }
}

/// A share of what fresh auxiliary networks read: whose colour it has, its name, and its value where there is one.
pub type Fresh = (Role, &'static str, fn(&Readings) -> Option<Share>);

/// What is drawn of probes.
pub fn fresh() -> [Fresh; 2] {
    [
        (Role::Worst, "fresh auxiliary network", |found| Some(found.fresh)),
        (Role::Adversary, "fresh, without the noise", |found| found.noiseless),
    ]
}

/// Robust accuracy against ε in one norm, attack by attack, with 95 % intervals; in L∞, in which a run trains, its
/// `epsilon` is marked.
pub fn robustness(now: &Robustness, norm: Norm, epsilon: f64) -> Chart {
    let own = (norm == Norm::Linf).then_some(epsilon);
    let radii = now.curves_in(norm).flat_map(|curve| &curve.points).map(|point| point.epsilon);
    let largest = radii.fold(own.unwrap_or(0.0), f64::max);
    let mut marks: Vec<Mark> = Vec::new();
    if let Some(epsilon) = own {
        let set = Mark::new(Shape::Dashes, vec![[epsilon, 0.0], [epsilon, 1.0]], Role::Reference);
        marks.push(set.faint(0.7).named(format!("ε of this run, {}", decimal(epsilon))));
    }
    for (place, curve) in now.curves_in(norm).enumerate() {
        let role = Role::Attack(curve.attack, curve.target, place);
        let shares = from_clean(now, &curve.points);
        let line = Mark::new(Shape::Line(4), values(&shares), role);
        marks.push(band(&shares, role));
        marks.push(line.named(format!("{}, {}", curve.attack, curve.target)));
        marks.push(Mark::new(Shape::Dots, values(&shares), role));
    }
    if let Some(case) = now.worst_in(norm) {
        let line = Mark::new(Shape::Line(6), values(&from_clean(now, &case.points)), Role::Worst);
        marks.push(line.named("worst case of each image"));
    }
    Chart {
        title: format!("Robustness, {}", norm.symbol()),
        note: format!(
            "step {}; accuracy on {} held-out images under attack, bands: 95 % intervals",
            now.step, now.clean.total
        ),
        x: Axis::linear(
            &format!(
                "ε, radius of the attack: {}{}",
                norm.measure(),
                deviation_in_words(now.input_deviation)
            ),
            [0.0, 1.04 * largest],
            decimal,
        ),
        y: Axis::percent("accuracy under attack"),
        marks,
    }
}

/// The file that the chart of a norm is written to.
pub const fn robustness_file(norm: Norm) -> &'static str {
    match norm {
        Norm::Linf => "robustness.png",
        Norm::L2 => "robustness_l2.png",
    }
}

/// A curve as it was measured, faint, and smoothed with `weight` of the past; the latter alone where that is 0.
pub fn smoothed(raw: &[[f64; 2]], weight: f64, role: Role, name: &str) -> Vec<Mark> {
    let faint = (weight > 0.0).then(|| Mark::new(Shape::Line(2), raw.to_vec(), role).faint(RAW));
    let bold = Mark::new(Shape::Line(4), smooth(raw, weight), role).named(name);
    faint.into_iter().chain([bold]).collect()
}

/// Shares against ε from 0, where nothing is attacked, on; those of no images are left out.
pub fn from_clean(evaluation: &Robustness, points: &[Point]) -> Vec<(f64, Share)> {
    let attacked = points.iter().map(|point| (point.epsilon, point.robust));
    let attacked = attacked.filter(|(epsilon, _)| *epsilon > 0.0);
    std::iter::once((0.0, evaluation.clean)).chain(attacked).filter(|(_, share)| share.total > 0).collect()
}

/// The shares themselves.
pub fn values(shares: &[(f64, Share)]) -> Vec<[f64; 2]> {
    shares.iter().map(|(epsilon, share)| [*epsilon, share.value()]).collect()
}

/// The 95 % interval about shares: the upper edge to the right, then the lower one back.
pub fn band(shares: &[(f64, Share)], role: Role) -> Mark {
    let high = shares.iter().map(|(epsilon, share)| [*epsilon, share.interval().1]);
    let low = shares.iter().rev().map(|(epsilon, share)| [*epsilon, share.interval().0]);
    Mark::new(Shape::Area, high.chain(low).collect(), role).faint(BAND)
}

/// What a curve is called where its line ends: `pgd`, `pgd → random`.
pub fn curve_name(curve: &Curve) -> String {
    attack_name(curve.attack, curve.target)
}

/// What an attack with such a target is called: `pgd`, `pgd → random`.
pub fn attack_name(attack: AttackKind, target: TargetKind) -> String {
    match target {
        TargetKind::Untargeted => attack.name().into(),
        target => format!("{attack} → {target}"),
    }
}

/// The training step, from 0 to the last point.
fn step_axis(points: &[[f64; 2]]) -> Axis {
    let last = points.last().map_or(0.0, |[step, _]| *step);
    Axis::linear("training step", [0.0, last], decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{WorstCase, made_up};

    #[test]
    fn losses_are_faint_as_measured_and_bold_smoothed() {
        let chart = losses(&[[0.0, 4.0], [10.0, f64::NAN], [20.0, 2.0]], &[[0.0, 1.0]]);
        let drawn: Vec<_> = chart.marks.iter().map(|mark| (mark.role, mark.points.len())).collect();
        let expected = [(Role::Main, 3), (Role::Main, 2), (Role::Auxiliary, 1), (Role::Auxiliary, 1)];
        assert_eq!(drawn, expected);
        assert_eq!((chart.x.range, chart.y.range), ([0.0, 20.0], [0.0, 4.2]));
        assert_eq!(losses(&[], &[]).x.range, [0.0, 1.0]);
        let alone = smoothed(&[[0.0, 1.0], [1.0, 3.0]], 0.0, Role::Main, "as it is");
        assert_eq!((alone.len(), &alone[0].points[..]), (1, &[[0.0, 1.0], [1.0, 3.0]][..]));
    }

    #[test]
    fn each_norm_has_a_chart_of_its_own() {
        let mut now = made_up::robustness(1, 200, true);
        let alone = robustness(&now, Norm::L2, 0.1);
        assert!(alone.marks.is_empty() && alone.x.range == [0.0, 1.0], "nothing of L∞ is in it: {alone:?}");
        let points = vec![Point { epsilon: 2.0, ..now.curves[0].points[0] }];
        let curve =
            Curve { attack: AttackKind::PgdL2, target: TargetKind::Untargeted, points: points.clone() };
        now.curves.push(curve);
        now.worst.push(WorstCase { norm: Norm::L2, points, median: None, smallest: vec![] });
        let [linf, l2] = Norm::ALL.map(|norm| robustness(&now, norm, 0.1));
        assert_eq!(l2.marks.len(), 3 + 1, "a curve and the worst case, and no ε of L∞");
        assert!(linf.x.range[1] < 0.2 && l2.x.range[1] > 2.0, "the radii are on scales of their own");
        assert_eq!((&*linf.title, &*l2.title), ("Robustness, L∞", "Robustness, L2"));
    }

    #[test]
    fn chance_of_many_classes_keeps_its_digits() {
        let name =
            |origins| accuracies(&[], &[], &[], &[], origins).marks.last().unwrap().name.clone().unwrap();
        assert_eq!([10, 40, 3].map(name), ["chance, 10 %", "chance, 2.5 %", "chance, 33.3 %"]);
    }

    #[test]
    fn chance_crosses_the_accuracies() {
        let chart = accuracies(&[[0.0, 0.5], [100.0, 0.9]], &[], &[], &[made_up::probed(1, 50).readings], 10);
        let chance = chart.marks.last().unwrap();
        assert_eq!((chance.shape, &chance.points[..]), (Shape::Dashes, &[[0.0, 0.1], [100.0, 0.1]][..]));
        assert_eq!(chance.name.as_deref(), Some("chance, 10 %"));
        let fresh = &chart.marks[chart.marks.len() - 2];
        assert_eq!((fresh.role, fresh.points[0][0]), (Role::Adversary, 50.0), "with noise there are two");
    }

    #[test]
    fn what_a_controller_does_is_drawn_where_there_is_one() {
        let alpha = [[0.0, 0.0], [10.0, 0.1], [20.0, 1.0], [30.0, 10.0]];
        assert!(controlled(&alpha, 0.0).is_empty() && controlled(&[], 0.5).is_empty());
        let [target, alphas] = &controlled(&alpha, 0.25)[..] else { panic!("two marks") };
        assert_eq!((target.name.as_deref(), target.points[1]), (Some("target, 25 %"), [30.0, 0.25]));
        let places: Vec<f64> = alphas.points.iter().map(|[_, place]| (1e6 * place).round() / 1e6).collect();
        assert_eq!(places, [0.0, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn curves_begin_where_nothing_is_attacked() {
        let mut now = made_up::robustness(1, 200, true);
        let chart = robustness(&now, Norm::Linf, 0.1);
        assert_eq!(chart.marks.len(), 1 + 3 * now.curves.len() + now.worst.len());
        for curve in chart.marks[1..].chunks_exact(3) {
            let [band, line, dots] = curve else { unreachable!("three each") };
            assert_eq!(line.points[0], [0.0, now.clean.value()]);
            assert_eq!((&line.points, 2 * line.points.len()), (&dots.points, band.points.len()));
        }
        now.clean.total = 0;
        now.curves.clear();
        assert!(
            robustness(&now, Norm::Linf, 0.1)
                .marks
                .iter()
                .flat_map(|mark| &mark.points)
                .all(|[_, y]| y.is_finite())
        );
    }
}
