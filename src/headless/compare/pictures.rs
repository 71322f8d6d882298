//! The paper's figure 4 of a comparison of its rows: accuracy against ε, and saliency maps of the same images.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;

use super::outcome::Results;
use super::plan::{Cell, Plan};
use super::published::OWN;
use super::statistics::mean;
use crate::config::{AttackKind, Example, TargetKind};
use crate::data::{self, Dataset};
use crate::gpu::read;
use crate::headless::error::HeadlessError;
use crate::headless::files::sheet::{Row, Sheet};
use crate::platform;
use crate::scenario::upload;
use crate::show::number::decimal;
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
