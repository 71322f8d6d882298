//! Saliency maps of the same images by the networks of a comparison's rows.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;

use crate::config::Example;
use crate::data::{self, Dataset};
use crate::gpu::read;
use crate::headless::error::HeadlessError;
use crate::headless::files::sheet::{Row, Sheet};
use crate::platform;
use crate::runs::comparison::{Cell, Plan};
use crate::scenario::upload;
use crate::train::checkpoint::Checkpoint;
use crate::train::places;

/// Images whose saliency maps are shown at most: the first of each class.
const IMAGES: usize = 10;

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
    let dataset = data::load(&setup)?;
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
