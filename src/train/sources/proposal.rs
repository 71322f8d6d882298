//! How the pixels of a network from a file may have been scaled when it was trained: whoever opens it may not have said.

use burn::tensor::Device;
use web_time::{Duration, Instant};

use crate::config::Stream;
use crate::data::{Dataset, proportional_subset};
use crate::nn::{Network, Scaling, Weights};
use crate::protocol::likeliest;
use crate::scenario::upload;

/// Held-out images that are looked at, and how few say nothing.
const MOST_IMAGES: usize = 64;
const FEWEST_IMAGES: usize = 16;
/// What looking may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// By what share more of them must be right for a scaling to be proposed.
const CLEARLY_BETTER: f64 = 0.15;

/// Which of the well-known scalings makes far more held-out images right than pixels as they are, in words; none where none
/// does, or where it would take long to find out.
pub fn proposal(network: &Network, values: &[Vec<f32>], data: &Dataset) -> Option<String> {
    let device = Device::flex();
    let weights = Weights::from_values(values.iter().cloned(), &device);
    let indices = proportional_subset(&data.test.labels, MOST_IMAGES, Stream::Sample.number());
    let held_out = upload(&data.test, data, &device);
    let right = |network: &Network, indices: &[u32]| -> usize {
        let logits = network.logits(&weights, held_out.gather(indices).images);
        #[expect(clippy::disallowed_methods, reason = "this device has it at once")]
        let logits: Vec<f32> = logits.into_data().try_into_vec().unwrap_or_default();
        let said = logits.chunks_exact(network.interface.classes.max(1)).map(likeliest);
        said.zip(indices)
            .filter(|(said, index)| *said == usize::from(data.test.labels[**index as usize]))
            .count()
    };
    let presets = Scaling::presets(network.interface.image[0]);
    // What the first one takes says nothing of the others.
    right(network, indices.get(..1)?);
    let begin = Instant::now();
    right(network, indices.get(..1)?);
    let each = begin.elapsed().max(Duration::from_micros(1)) * (1 + presets.len() as u32);
    let affordable = (PATIENCE.as_secs_f64() / each.as_secs_f64()) as usize;
    let indices = &indices[..indices.len().min(affordable)];
    if indices.len() < FEWEST_IMAGES {
        return None;
    }
    let as_they_are = right(network, indices);
    let scaled = presets.into_iter().filter_map(|(name, scaling)| {
        let (network, _) = scaling.before(network.clone()).ok()?;
        Some((name, right(&network, indices)))
    });
    let (name, most) = scaled.max_by_key(|(_, right)| *right)?;
    let is_better = (most - as_they_are.min(most)) as f64 > CLEARLY_BETTER * indices.len() as f64;
    is_better.then(|| {
        format!(
            "of {} held-out images it gets {most} right where pixels are scaled as {name} has them, and {as_they_are} as they are",
            indices.len()
        )
    })
}
