//! Charts of a comparison: what accuracy costs, which values of knobs lead where, and figure 4 of the paper.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::metrics::Metric;
use super::outcome::Results;
use super::plan::{Plan, family, in_order};
use super::published::OWN;
use super::statistics::{deviation, mean};
use crate::config::{AttackKind, Example, TargetKind};
use crate::runs::record::AttackRecord;
use crate::show::number::{decimal, figure as number, percent, whole_percent};
use crate::show::palette::Role;
use crate::show::{Axis, Chart, Mark, Shape};

/// The chart of a target, and the name of its file: of every row the mean over its seeds, iFGSM as lines and FGSM as dots.
pub fn figure(plan: &Plan, results: &Results, target: TargetKind) -> (String, Chart) {
    let mut marks = Vec::new();
    for (place, method) in plan.methods().into_iter().enumerate() {
        let role = Role::Class(place);
        let line = curve(plan, results, method, (AttackKind::Ifgsm, target));
        let dots = curve(plan, results, method, (AttackKind::Fgsm, target));
        let title = Example::find(method).map_or(method, |example| example.title);
        marks.push(Mark::new(Shape::Line(4), line, role).named(title));
        marks.push(Mark::new(Shape::Dots, dots, role));
    }
    let largest = marks.iter().flat_map(|mark| &mark.points).map(|[x, _]| *x).fold(0.0, f64::max);
    let aim = match target {
        TargetKind::Untargeted => "untargeted attacks",
        TargetKind::Random => "attacks aimed at a random class",
        TargetKind::LeastLikely => "attacks aimed at the least likely class",
    };
    let chart = Chart {
        title: format!("Accuracy under {aim}"),
        note: "lines: iFGSM, dots: FGSM, both on the cross-entropy; means over the seeds. What is behind is in the table.".into(),
        x: Axis::linear("ε, radius of the attack: L∞, pixels in [0, 1]", [0.0, 1.04 * largest], decimal),
        y: Axis::percent("accuracy under attack"),
        marks,
    };
    (format!("figure4_{target}.png"), chart)
}

/// Accuracy without attack against what an attack leaves: a dot for each method: means over the seeds, with whiskers of a
/// standard deviation; a line through a method's variants in the order in which they were named, and the front of those of
/// which no other is better in both. None of what is not attacked, or where nothing is finished.
pub fn pareto(plan: &Plan, results: &Results) -> Option<Chart> {
    let metrics = plan.metrics();
    let has = |key: &&str| {
        let place = metrics.iter().position(|metric| metric.key == *key)?;
        plan.cells
            .iter()
            .any(|cell| results.of(cell).is_some_and(|own| own[place].is_some()))
            .then_some(place)
    };
    let clean = ["clean_accuracy", "accuracy"].iter().find_map(has)?;
    let left = ["autoattack", "pgd_margin", "pgd_accuracy", "fgsm_accuracy"].iter().find_map(has)?;
    let setting = plan.settings().first().copied()?;
    let mut families: Vec<(&str, Vec<Spread>)> = Vec::new();
    for method in plan.methods() {
        let of = |metric| {
            let figures = results.by_seed(plan, setting, method, metric);
            figures.into_iter().map(|(_, figure)| figure).collect::<Vec<_>>()
        };
        let Some(spread) = Spread::of(&of(clean), &of(left)) else { continue };
        match families.iter_mut().find(|(known, _)| *known == family(method)) {
            Some((_, spreads)) => spreads.push(spread),
            None => families.push((family(method), vec![spread])),
        }
    }
    let all: Vec<Spread> = families.iter().flat_map(|(_, spreads)| spreads).copied().collect();
    if all.is_empty() {
        return None;
    }
    let mut marks = vec![Mark::new(Shape::Dashes, front(&all), Role::Reference).named("front")];
    for (place, (name, spreads)) in families.iter().enumerate() {
        let role = Role::Class(place);
        for whisker in spreads.iter().flat_map(|spread| spread.whiskers()) {
            marks.push(Mark::new(Shape::Line(2), whisker.into(), role).faint(0.45));
        }
        let line: Vec<[f64; 2]> = spreads.iter().map(|spread| spread.mean).collect();
        if line.len() > 1 {
            marks.push(Mark::new(Shape::Line(2), line.clone(), role));
        }
        let title = Example::find(name).map_or(*name, |example| example.title);
        marks.push(Mark::new(Shape::Dots, line, role).named(title));
    }
    let axis = |label: &str, side: usize| {
        let ends = all.iter().flat_map(|spread| spread.whiskers()).flatten().map(|point| point[side]);
        let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
        let tenths = |x: f64| x.clamp(0.0, 1.0) * 10.0;
        let (low, high) = (tenths(low).floor(), tenths(high).ceil());
        // What all have is no axis.
        let low = if low < high { low } else { (low - 1.0).max(0.0) };
        Axis::linear(label, [low / 10.0, high.max(low + 1.0) / 10.0], whole_percent)
    };
    let note = "means over the seeds, whiskers: a standard deviation; a line goes through a method's settings in the order of the table".into();
    Some(Chart {
        title: "What accuracy costs, and what an attack leaves".into(),
        note,
        x: axis("accuracy without attack", 0),
        y: axis(&format!("{} ({})", metrics[left].name, in_short(setting)), 1),
        marks,
    })
}

/// Which values of knobs lead where: an axis for each knob that was varied and for each metric, side by side, and a line
/// for each method through its values and its means over the seeds; of the first setting. None where nothing is finished.
///
/// Values stand on their axis evenly, from the smallest or the one that was named first; metrics from the smallest mean to
/// the largest.
pub fn parallel(plan: &Plan, results: &Results) -> Option<Chart> {
    let setting = plan.settings().first().copied()?;
    let metrics = plan.metrics();
    let mean_of = |method: &str, metric: usize| {
        let figures = results.by_seed(plan, setting, method, metric);
        let figures: Vec<f64> = figures.into_iter().map(|(_, figure)| figure).collect();
        (!figures.is_empty()).then(|| mean(&figures))
    };
    let means: Vec<(&str, Vec<Option<f64>>)> = plan
        .methods()
        .into_iter()
        .map(|method| (method, (0..metrics.len()).map(|metric| mean_of(method, metric)).collect()))
        .filter(|(_, means): &(_, Vec<_>)| means.iter().any(Option::is_some))
        .collect();
    if means.is_empty() {
        return None;
    }
    let methods: Vec<&str> = means.iter().map(|(method, _)| *method).collect();
    let mut axes: Vec<Upright> = varied(&plan.methods())
        .into_iter()
        .map(|knob| Upright::of_knob(knob, &plan.methods(), &methods))
        .collect();
    axes.extend(metrics.iter().enumerate().filter_map(|(at, metric)| {
        Upright::of_metric(metric, means.iter().map(|(_, means)| means[at]).collect())
    }));
    let mut marks: Vec<Mark> = (0..axes.len())
        .map(|at| Mark::new(Shape::Line(2), vec![[at as f64, 0.0], [at as f64, 1.0]], Role::Reference))
        .map(|mark| mark.faint(0.4))
        .collect();
    let families = in_order(methods.iter().map(|method| family(method)));
    for (place, method) in methods.iter().enumerate() {
        let of = |(at, axis): (usize, &Upright)| Some([at as f64, axis.heights[place]?]);
        let line: Vec<[f64; 2]> = axes.iter().enumerate().filter_map(of).collect();
        let role = Role::Class(families.iter().position(|name| *name == family(method)).unwrap_or(0));
        marks.push(Mark::new(Shape::Dots, line.clone(), role));
        marks.push(Mark::new(Shape::Line(3), line, role).faint(0.8).named(*method));
    }
    let ticks = axes.iter().enumerate().map(|(at, axis)| (at as f64, axis.label.clone())).collect();
    let x = Axis { label: String::new(), range: [-0.4, axes.len() as f64 - 0.6], ticks };
    let ends = vec![(0.0, "smallest".to_owned()), (1.0, "largest".to_owned())];
    Some(Chart {
        title: "Which values lead where".into(),
        note: format!("a line for each method and its values: means over the seeds ({})", in_short(setting)),
        x,
        y: Axis { label: String::new(), range: [-0.06, 1.06], ticks: ends },
        marks,
    })
}

/// An axis of [`parallel`].
struct Upright {
    /// Its name, and in a line of its own what stands at its ends.
    label: String,
    /// Where the line of each method crosses it, in [0, 1].
    heights: Vec<Option<f64>>,
}

impl Upright {
    fn of_knob(knob: &str, all: &[&str], methods: &[&str]) -> Self {
        let value = |method: &str| value_of(method, knob).map(str::to_owned);
        let mut values = in_order(all.iter().filter_map(|method| value(method)));
        let number = |value: &String| value.parse::<f64>().ok();
        if values.iter().all(|value| number(value).is_some()) {
            values.sort_by(|one, other| number(one).partial_cmp(&number(other)).unwrap_or(Ordering::Equal));
        }
        let steps = (values.len() as f64 - 1.0).max(1.0);
        let height = |method: &&str| {
            let own = value(method)?;
            Some(values.iter().position(|value| *value == own)? as f64 / steps)
        };
        let ends = match (values.first(), values.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            _ => values.first().cloned().unwrap_or_default(),
        };
        Self { label: format!("{knob}\n{ends}"), heights: methods.iter().map(height).collect() }
    }

    /// None where no method has such a figure.
    fn of_metric(metric: &Metric, means: Vec<Option<f64>>) -> Option<Self> {
        let known = || means.iter().copied().flatten();
        let (low, high) = known()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(mean), high.max(mean)));
        // A mean of equal figures may differ from another in its last bit.
        let differ = high - low > 1e-9 * high.abs();
        let text = |value: f64| if metric.is_share { percent(value) } else { number(value) };
        let label = match known().next()? {
            _ if differ => format!("{}\n{} to {}", metric.name, text(low), text(high)),
            only => format!("{}\n{}", metric.name, text(only)),
        };
        let height = |mean: f64| if differ { (mean - low) / (high - low) } else { 0.5 };
        Some(Self { label, heights: means.into_iter().map(|mean| mean.map(height)).collect() })
    }
}

/// The knobs whose values are in the names of methods, in order.
pub fn varied<'a>(methods: &[&'a str]) -> Vec<&'a str> {
    let words = methods.iter().flat_map(|method| method.split(' ').skip(1));
    in_order(words.filter_map(|word| word.split_once('=')).map(|(knob, _)| knob))
}

/// The value of a knob in the name of a method: `0.1` of `great alpha=0.1`.
pub fn value_of<'a>(method: &'a str, knob: &str) -> Option<&'a str> {
    let mut words = method.split(' ').skip(1).filter_map(|word| word.split_once('='));
    words.find(|(name, _)| *name == knob).map(|(_, value)| value)
}

/// A setting without digits that say nothing: `ε = 0.0314` of 8/255.
fn in_short(setting: &str) -> String {
    let number = setting.strip_prefix("ε = ").and_then(|rest| rest.parse::<f64>().ok());
    number.map_or_else(|| setting.to_owned(), |number| format!("ε = {}", decimal(number)))
}

/// A method in the chart of [`pareto`].
#[derive(Clone, Copy, Debug)]
struct Spread {
    mean: [f64; 2],
    /// Standard deviations; 0 of one seed.
    deviation: [f64; 2],
}

impl Spread {
    /// Of the figures of all seeds; none without any.
    fn of(clean: &[f64], left: &[f64]) -> Option<Self> {
        let both = [clean, left];
        both.iter().all(|figures| !figures.is_empty()).then(|| Self {
            mean: both.map(mean),
            deviation: both.map(|figures| deviation(figures).unwrap_or(0.0)),
        })
    }

    /// A line along each axis.
    fn whiskers(&self) -> [[[f64; 2]; 2]; 2] {
        let ([x, y], [dx, dy]) = (self.mean, self.deviation);
        let share = |at: f64| at.clamp(0.0, 1.0);
        [[[share(x - dx), y], [share(x + dx), y]], [[x, share(y - dy)], [x, share(y + dy)]]]
    }
}

/// The stairs through the means of which no other is better in both, from the left.
fn front(all: &[Spread]) -> Vec<[f64; 2]> {
    let mut means: Vec<[f64; 2]> = all.iter().map(|spread| spread.mean).collect();
    // From the right, so that what is passed is lower than all before it.
    means.sort_by(|a, b| b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1])));
    let mut stairs: Vec<[f64; 2]> = Vec::new();
    for [x, y] in means {
        match stairs.last().copied() {
            Some([_, highest]) if y <= highest => {}
            Some([_, highest]) => stairs.extend([[x, highest], [x, y]]),
            None => stairs.push([x, y]),
        }
    }
    stairs.reverse();
    stairs
}

/// Radii and means over the seeds.
fn curve(
    plan: &Plan,
    results: &Results,
    method: &str,
    (attack, target): (AttackKind, TargetKind),
) -> Vec<[f64; 2]> {
    // Radii are not negative, so their bits are in their order.
    let mut by_radius: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for cell in plan.cells.iter().filter(|cell| cell.method == method) {
        let Some(record) = results.evaluation(cell, OWN) else { continue };
        by_radius.entry(0.0f64.to_bits()).or_default().push(record.clean.value);
        let of_attack =
            |found: &&AttackRecord| found.attack == attack && found.target == target && found.epsilon > 0.0;
        for found in record.attacks.iter().filter(of_attack) {
            by_radius.entry(found.epsilon.to_bits()).or_default().push(found.robust.value);
        }
    }
    by_radius.into_iter().map(|(radius, shares)| [f64::from_bits(radius), mean(&shares)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats_in_both() {
        let at = |mean: [f64; 2]| Spread { mean, deviation: [0.0; 2] };
        let all = [[0.9, 0.1], [0.8, 0.5], [0.7, 0.4], [0.6, 0.7], [0.9, 0.05], [0.6, 0.6]].map(at);
        // From the left: the most robust first, then down a step where accuracy is bought.
        let expected = [[0.6, 0.7], [0.6, 0.5], [0.8, 0.5], [0.8, 0.1], [0.9, 0.1]];
        assert_eq!(front(&all), expected);
        assert!(front(&[]).is_empty());
    }

    #[test]
    fn names_of_methods_tell_their_values() {
        let methods = ["baseline", "great alpha=0.3 beta=0", "great alpha=0.1 beta=0"];
        assert_eq!(varied(&methods), ["alpha", "beta"]);
        assert_eq!((value_of(methods[1], "alpha"), value_of(methods[0], "alpha")), (Some("0.3"), None));
        let alpha = Upright::of_knob("alpha", &methods, &methods);
        assert_eq!(alpha.label, "alpha\n0.1 to 0.3");
        assert_eq!(alpha.heights, [None, Some(1.0), Some(0.0)], "by size, though named the other way round");
        let labels = ["great auxiliary_labels=true", "great auxiliary_labels=shuffled"];
        let labels = Upright::of_knob("auxiliary_labels", &labels, &labels);
        assert_eq!(
            (&*labels.label, &labels.heights[..]),
            ("auxiliary_labels\ntrue to shuffled", &[Some(0.0), Some(1.0)][..])
        );
    }

    #[test]
    fn a_metric_reaches_from_its_smallest_mean_to_its_largest() {
        let metric = &crate::runs::comparison::metrics::PAPER[1];
        let axis = Upright::of_metric(metric, vec![Some(0.5), None, Some(0.75), Some(0.6)]).unwrap();
        assert_eq!(axis.label, "clean\n50.0 % to 75.0 %");
        let heights: Vec<_> = axis.heights.iter().map(|at| at.map(|at| (at * 100.0).round())).collect();
        assert_eq!(heights, [Some(0.0), None, Some(100.0), Some(40.0)]);
        let same = vec![Some(0.1 + 0.2), Some(0.3)];
        assert_eq!(Upright::of_metric(metric, same).unwrap().heights, [Some(0.5), Some(0.5)]);
        assert!(Upright::of_metric(metric, vec![None]).is_none());
    }

    #[test]
    fn whiskers_are_a_standard_deviation_and_none_of_one_seed() {
        let spread = Spread::of(&[0.5, 0.7, 0.6], &[0.2]).unwrap();
        let [[left, right], [low, high]] = spread.whiskers();
        assert!((left[0] - 0.5).abs() < 1e-12 && (right[0] - 0.7).abs() < 1e-12, "{left:?} {right:?}");
        assert_eq!((low, high), (spread.mean, spread.mean));
        let [[_, right], _] = Spread::of(&[0.9, 1.0], &[0.2]).unwrap().whiskers();
        assert!(right[0] <= 1.0, "no share is larger");
        assert!(Spread::of(&[], &[0.1]).is_none());
    }
}
