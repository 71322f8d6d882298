//! Pictures of a comparison: what accuracy costs; and of the paper's rows its figure 4, accuracy against ε and saliency maps
//! of the same images.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;

use super::outcome::Results;
use super::plan::{Cell, Plan};
use super::published::OWN;
use super::statistics::{deviation, mean};
use super::vary::family;
use crate::config::{AttackKind, Example, TargetKind};
use crate::data::{self, Dataset};
use crate::gpu::read;
use crate::headless::error::HeadlessError;
use crate::headless::files::sheet::{Row, Sheet};
use crate::platform;
use crate::scenario::upload;
use crate::show::number::{decimal, whole_percent};
use crate::show::palette::Role;
use crate::show::{Axis, Chart, Mark, Shape};
use crate::train::checkpoint::Checkpoint;
use crate::train::places;

/// Images whose saliency maps are shown at most: the first of each class.
const IMAGES: usize = 10;

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
    let left = ["autoattack", "pgd_margin", "pgd_accuracy"].iter().find_map(has)?;
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
        let range = [tenths(low).floor() / 10.0, tenths(high).ceil() / 10.0];
        Axis::linear(label, range, whole_percent)
    };
    let note = "means over the seeds, whiskers: a standard deviation; a line goes through a method's settings in the order of the table".into();
    Some(Chart {
        title: "What accuracy costs, and what an attack leaves".into(),
        note,
        x: axis("accuracy without attack", 0),
        y: axis(&format!("{} ({setting})", metrics[left].name), 1),
        marks,
    })
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
        [[[x - dx, y], [x + dx, y]], [[x, y - dy], [x, y + dy]]]
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
        let of_attack = |found: &&crate::runs::record::AttackRecord| {
            found.attack == attack && found.target == target && found.epsilon > 0.0
        };
        for found in record.attacks.iter().filter(of_attack) {
            by_radius.entry(found.epsilon.to_bits()).or_default().push(found.robust.value);
        }
    }
    by_radius.into_iter().map(|(radius, shares)| [f64::from_bits(radius), mean(&shares)]).collect()
}

/// Saliency maps of the first seed's network of each row, where its checkpoint is in one of the folders.
///
/// # Errors
/// Data or a checkpoint that cannot be read; no thread.
pub fn sheet(plan: &Plan, folders: &[&Path]) -> Result<Option<Sheet>, HeadlessError> {
    let methods = plan.methods();
    let firsts = methods.iter().filter_map(|method| plan.cells.iter().find(|cell| cell.method == *method));
    let find = |cell: &Cell| {
        let open = |folder: &&Path| Checkpoint::open(&folder.join(&cell.name)).ok();
        Some((cell.method.clone(), folders.iter().find_map(open)?))
    };
    let networks: Vec<(String, Checkpoint)> = firsts.filter_map(find).collect();
    let Some(first) = plan.cells.first().filter(|_| !networks.is_empty()) else { return Ok(None) };
    let mut setup = first.config.setup.clone();
    places::find_data(&mut setup, &plan.places, folders.first().copied())?;
    let dataset = data::load(&setup.data)?;
    let (sender, receiver) = sync_channel(1);
    let thread = platform::spawn("pictures", move || async move {
        // Whoever waits for it is there until it comes.
        let _ = sender.send(maps(&networks, &dataset).await);
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    receiver.recv().map_err(|_| HeadlessError::Gone)?.map(Some).map_err(HeadlessError::System)
}

/// The gradient tensors of the first image of each class, network by network.
async fn maps(networks: &[(String, Checkpoint)], dataset: &Dataset) -> Result<Sheet, String> {
    let device = Device::flex();
    let held_out = upload(&dataset.test, dataset, &device);
    let labels = held_out.labels();
    let first = |class: usize| labels.iter().position(|label| usize::from(*label) == class);
    let indices: Vec<u32> =
        (0..dataset.classes.len()).filter_map(first).map(|index| index as u32).take(IMAGES).collect();
    let batch = held_out.gather(&indices);
    let area: usize = dataset.shape.iter().product();
    let pictures = |values: Vec<f32>| values.chunks(area.max(1)).map(<[f32]>::to_vec).collect::<Vec<_>>();
    let flat = [indices.len() * area];
    let images = pictures(read(batch.images.clone().reshape(flat)).await?);
    let mut rows = Vec::new();
    for (method, checkpoint) in networks {
        let subject = checkpoint.subject(&device);
        let (images, one_hot) = (batch.images.clone(), batch.one_hot.clone());
        let (gradient, _) = subject.network.input_gradient(&subject.weights, images, one_hot);
        let title = Example::find(method).map_or(method.as_str(), |example| example.title);
        rows.push(Row { title: title.into(), maps: pictures(read(gradient.reshape(flat)).await?) });
    }
    Ok(Sheet {
        title: "Saliency maps".into(),
        note: "gradient tensors of the first held-out image of each class, each scaled to its largest entry; of the first seed; empty: exactly 0 in f32".into(),
        shape: dataset.shape,
        images,
        rows,
    })
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
    fn whiskers_are_a_standard_deviation_and_none_of_one_seed() {
        let spread = Spread::of(&[0.5, 0.7, 0.6], &[0.2]).unwrap();
        let [[left, right], [low, high]] = spread.whiskers();
        assert!((left[0] - 0.5).abs() < 1e-12 && (right[0] - 0.7).abs() < 1e-12, "{left:?} {right:?}");
        assert_eq!((low, high), (spread.mean, spread.mean));
        assert!(Spread::of(&[], &[0.1]).is_none());
    }
}
