//! What a multi-task run has come to on held-out images: each task's error, how the tasks' gradients lie to each other,
//! what the alignment layers have become, and what the decoders say beside what is so.

use burn::tensor::{Tensor, Transaction};

use super::balance::rows;
use super::compass;
use super::game::Multitask;
use super::targets::grey;
use super::task::Target;
use crate::config::Hyper;
use crate::gpu::{hits, images::Batch};
use crate::scenario::Scenario;

/// Held-out images read at once.
const CHUNK: usize = 256;
/// Held-out images whose gradients make the compass.
const COMPASS_IMAGES: usize = 64;
/// Held-out images shown.
const SHOWN: usize = 4;

/// What the networks make of some held-out images.
pub(super) struct HeldOut {
    pub batch: Batch,
    /// With noise.
    pub input: Tensor<4>,
    pub targets: Vec<Target>,
    /// The mean loss of each task, `[1]`.
    pub losses: Vec<Tensor<1>>,
    pub said: Vec<Tensor<4>>,
}

/// What a run has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFigures {
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Mean error of each on all held-out images: the share of wrong classes, else the loss. Lower is better.
    pub errors: Vec<f64>,
    /// Norms of the tasks' gradients before and behind the alignment layers, over one batch.
    pub norms: [Vec<f64>; 2],
    /// Cosines between them, `M × M`, before and behind.
    pub cosines: [Vec<f64>; 2],
    /// Height and width of the representation.
    pub map: [usize; 2],
    /// The weights of each alignment layer, meaned over the channels: `[H', W']`.
    pub alignment: Vec<Vec<f32>>,
    /// A few images.
    pub shown: Vec<Shown>,
    /// Height and width of an image.
    pub size: [usize; 2],
}

/// An image, what was to be said of it, and what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// What the encoder read, `[H, W]`.
    pub input: Vec<f32>,
    /// For each task what is so and what was said: `[C, H, W]`, `K` numbers of a class.
    pub tasks: Vec<[Vec<f32>; 2]>,
}

/// [`TaskFigures`] that are still on the device.
pub struct PendingFigures {
    tasks: Vec<String>,
    map: [usize; 2],
    size: [usize; 2],
    images: usize,
    /// Errors summed over the images `[M]`; norms and cosines before and behind; alignment `[M, H', W']`; input.
    numbers: [Tensor<1>; 7],
    /// What is so and what was said, task by task.
    shown: Vec<Tensor<1>>,
}

impl Multitask {
    /// The figures as they stand.
    pub(super) fn figures(&self, hyper: &Hyper) -> PendingFigures {
        let all: Vec<u32> = (0..self.held_out().len() as u32).collect();
        let mut errors: Option<Tensor<1>> = None;
        for chunk in all.chunks(CHUNK) {
            let found = self.held_out_said(chunk, hyper);
            let n = chunk.len() as f64;
            let labels = found.batch.one_hot;
            let wrong = -hits(found.said[0].clone().reshape(labels.dims()), labels).count + n;
            let others = found.losses[1..].iter().map(|loss| loss.clone() * n);
            let own = Tensor::cat([wrong].into_iter().chain(others).collect(), 0);
            errors = Some(errors.map_or(own.clone(), |errors| errors + own));
        }
        let few = |count: usize| &all[..count.min(all.len())];
        let compasses =
            self.held_out_gradients(few(COMPASS_IMAGES), hyper).map(|gradients| compass(rows(&gradients)));
        let [before, behind] = compasses;
        let flat = |cosines: Tensor<2>| cosines.flatten(0, 1);
        let layers = self.alignment().weights();
        let [channels, height, width] = layers[0].dims();
        let map = |layer: &Tensor<3>| {
            layer.clone().reshape([channels, height * width]).mean_dim(0).reshape([height * width])
        };
        let alignment = Tensor::cat(layers.iter().map(map).collect(), 0);
        let found = self.held_out_said(few(SHOWN), hyper);
        let [n, _, image_height, image_width] = found.input.dims();
        let input = grey(found.input).reshape([n * image_height * image_width]);
        let pairs = found.targets.into_iter().zip(found.said);
        let shown = pairs.flat_map(|(target, said)| [target.wanted.flatten(0, 3), said.flatten(0, 3)]);
        PendingFigures {
            tasks: self.tasks().iter().map(ToString::to_string).collect(),
            map: [height, width],
            size: [image_height, image_width],
            images: all.len(),
            numbers: [
                errors.expect("a data set has held-out images"),
                before.norms,
                behind.norms,
                flat(before.cosines),
                flat(behind.cosines),
                alignment,
                input,
            ],
            shown: shown.collect(),
        }
    }
}

impl PendingFigures {
    /// The one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(self) -> impl Future<Output = Result<TaskFigures, String>> {
        let Self { tasks, map, size, images, numbers, shown } = self;
        let tensors = numbers.into_iter().chain(shown);
        let read = tensors.fold(Transaction::default(), Transaction::register).execute_async();
        async move {
            let data = read.await.map_err(|error| error.to_string())?;
            let numbers: Vec<Vec<f32>> = data.iter().map(|data| data.iter::<f32>().collect()).collect();
            let [errors, before, behind, angles_before, angles_behind, alignment, input, shown @ ..] =
                numbers.as_slice()
            else {
                return Err("the device answered with another number of tensors than asked for".into());
            };
            let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
            let area = size[0] * size[1];
            let count = input.len() / area;
            let part = |values: &[f32], index: usize| {
                let length = values.len() / count;
                values[index * length..][..length].to_vec()
            };
            let one = |index: usize| Shown {
                input: part(input, index),
                tasks: shown
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[wanted, said]| [part(wanted, index), part(said, index)])
                    .collect(),
            };
            Ok(TaskFigures {
                tasks,
                errors: errors.iter().map(|sum| f64::from(*sum) / images as f64).collect(),
                norms: [wide(before), wide(behind)],
                cosines: [wide(angles_before), wide(angles_behind)],
                alignment: alignment.chunks_exact(map[0] * map[1]).map(<[f32]>::to_vec).collect(),
                map,
                shown: (0..count).map(one).collect(),
                size,
            })
        }
    }
}
